# SPDX-License-Identifier: Apache-2.0
"""What is counted for TLS reports reaches the store, also when the store is busy for a while."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from gatehouse.journal import facts
from gatehouse.service.deliver import tls_tally
from gatehouse.service.deliver.tls_tally import TlsTally
from gatehouse.store.errors import StoreFull
from gatehouse.store.interface import TlsReports
from gatehouse.store.tls_values import TlsCount


class Kept:
    def __init__(self) -> None:
        self.counts: list[TlsCount] = []
        self.full = False

    def add(self, counts: Sequence[TlsCount]) -> None:
        if self.full:
            raise StoreFull("no room")
        self.counts += counts


def result(domain: str = "shop.example", word: str = "") -> facts.TlsPolicyResult:
    return facts.TlsPolicyResult(at=86_400.0, domain=domain, policy_type="sts", result=word)


def test_sessions_of_one_kind_are_written_as_one_number() -> None:
    kept, faults = Kept(), []
    tally = TlsTally(cast(TlsReports, kept), lambda where, error: faults.append(where))
    asyncio.run(tally.flush())
    assert kept.counts == []
    for fact in (result(), result(), result(word="certificate-expired")):
        tally.count(fact)
    tally.count(facts.GatewayStopped(at=1.0))
    asyncio.run(tally.flush())
    assert [(one.day, one.result, one.sessions) for one in kept.counts] == [
        (1, "", 2),
        (1, "certificate-expired", 1),
    ]
    asyncio.run(tally.flush())
    assert len(kept.counts) == 2


def test_what_the_store_refuses_is_written_later_and_told_once() -> None:
    kept, faults = Kept(), []
    tally = TlsTally(cast(TlsReports, kept), lambda where, error: faults.append(where))
    kept.full = True
    for _ in range(3):
        tally.count(result())
        asyncio.run(tally.flush())
    assert (kept.counts, faults) == ([], ["counts for TLS reports"])
    kept.full = False
    asyncio.run(tally.flush())
    assert [one.sessions for one in kept.counts] == [3]


def test_where_no_reports_are_sent_nothing_is_counted() -> None:
    kept = Kept()
    tally = TlsTally(cast(TlsReports, kept), lambda where, error: None)
    tally.counting = False
    tally.count(result())
    asyncio.run(tally.flush())
    assert kept.counts == []


def test_a_store_that_refuses_for_long_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls_tally, "MOST_WAITING", 10)
    kept = Kept()
    tally = TlsTally(cast(TlsReports, kept), lambda where, error: None)
    kept.full = True
    for number in range(100):
        tally.count(result(f"d{number}.example"))
        asyncio.run(tally.flush())
    kept.full = False
    asyncio.run(tally.flush())
    assert len(kept.counts) == 10
