# SPDX-License-Identifier: Apache-2.0
"""What a store remembers about other domains' TLS, on every backend."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from gatehouse.store.interface import Store
from gatehouse.store.tls_values import CachedSts, ReceivedTlsReport, TlsCount, TlsReportState

POLICY = CachedSts(
    domain="shop.example",
    record_id="a1",
    content=b"version: STSv1\n",
    fetched_at=1000.0,
    expires_at=9000.0,
    used_at=1000.0,
)
REPORT = ReceivedTlsReport(
    received_at=5.0,
    source="mail",
    organization="Partner",
    report_id="r1",
    contact="tls@partner.example",
    begins_at=0.0,
    ends_at=86399.0,
    domains=("shop.example", "b.example"),
    successes=3,
    failures=1,
    content="{}",
)


def test_a_policy_outlives_a_restart(open_again: Callable[[], Store]) -> None:
    open_again().sts.put(POLICY)
    assert open_again().sts.get("shop.example") == POLICY
    assert open_again().sts.get("other.example") is None


def test_a_policy_is_replaced_and_forgotten(store: Store) -> None:
    store.sts.put(POLICY)
    store.sts.mark_used(["shop.example", "nobody.example"], 2000.0)
    newer = replace(POLICY, record_id="a2", fetched_at=1500.0)
    store.sts.put(newer)
    assert store.sts.get("shop.example") == replace(newer, used_at=2000.0)
    assert store.sts.all() == (replace(newer, used_at=2000.0),)
    assert store.sts.remove("shop.example")
    assert not store.sts.remove("shop.example")


@pytest.mark.parametrize(
    ("now", "age", "due"),
    [
        (1500.0, 1000.0, False),  # fresh
        (2000.0, 1000.0, True),  # a day old, as it were
        (4999.0, 1e9, False),  # less than half of its life
        (5000.0, 1e9, True),  # half of its life
        (9000.0, 1000.0, False),  # its time is over
    ],
)
def test_a_policy_is_due_by_age_and_by_half_its_life(
    store: Store, now: float, age: float, due: bool
) -> None:
    store.sts.put(POLICY)
    assert store.sts.due(now, age, 10) == ((POLICY,) if due else ())


def test_policies_that_ended_and_are_unused_go(store: Store) -> None:
    store.sts.put(POLICY)
    store.sts.put(replace(POLICY, domain="used.example", used_at=20_000.0))
    store.sts.put(replace(POLICY, domain="alive.example", expires_at=20_000.0))
    store.sts.prune(10_000.0)
    assert [one.domain for one in store.sts.all()] == ["alive.example", "used.example"]


def test_sessions_add_up_over_restarts(open_again: Callable[[], Store]) -> None:
    failed = TlsCount(7, "shop.example", "p", "certificate-expired", "d", 2)
    open_again().tls_reports.add([TlsCount(7, "shop.example", "p", "", "", 5), failed])
    store = open_again()
    store.tls_reports.add([TlsCount(7, "shop.example", "p", "", "", 1)])
    store.tls_reports.add([TlsCount(8, "a.example", "p", "", "", 1)])
    assert store.tls_reports.counts(7, "shop.example") == (
        TlsCount(7, "shop.example", "p", "", "", 6),
        failed,
    )
    assert store.tls_reports.days() == (7, 8)
    assert store.tls_reports.domains(8) == ("a.example",)
    store.tls_reports.forget_before(8)
    assert store.tls_reports.days() == (8,)


def test_how_far_a_report_has_come_is_kept(store: Store) -> None:
    waiting = TlsReportState(7, "shop.example", "waiting", 1, 100.0, 50.0, "no answer")
    store.tls_reports.put_state(waiting)
    sent = TlsReportState(7, "shop.example", "sent", 2, 0.0, 60.0, "mailto:a@b.example")
    store.tls_reports.put_state(sent)
    assert store.tls_reports.states(7) == (sent,)
    store.tls_reports.forget_before(8)
    assert store.tls_reports.states(7) == ()


def test_a_report_of_others_is_kept_once(store: Store) -> None:
    number = store.tls_reports.keep(REPORT, 10)
    assert number is not None
    assert store.tls_reports.keep(REPORT, 10) is None
    (kept,) = store.tls_reports.received(5)
    assert kept == store.tls_reports.received_one(number)
    assert (kept.id, kept.domains, kept.failures) == (number, REPORT.domains, 1)
    assert store.tls_reports.received_one(number + 1) is None


def test_the_oldest_reports_make_room(store: Store) -> None:
    for number in range(5):
        report = msgspec.structs.replace(REPORT, report_id=f"r{number}")
        store.tls_reports.keep(report, 3)
    assert [one.report_id for one in store.tls_reports.received(9)] == ["r4", "r3", "r2"]
