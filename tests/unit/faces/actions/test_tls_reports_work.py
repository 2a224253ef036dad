# SPDX-License-Identifier: Apache-2.0
"""TLS reports as an operator meets them: listed, shown, imported, sent."""

import asyncio
import gzip

import pytest

from gatehouse.faces.actions import tls_reports as declared
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.tls_reports_work import import_report, list_reports, send, show
from gatehouse.journal import facts
from gatehouse.journal.tls_report import DAY_SECONDS, key_of
from gatehouse.service.watch.tls_reports import day_text
from gatehouse.store.tls_values import TlsCount, TlsReportState
from tests.unit.journal.test_tls_report import changed


def imported(house: House, content: bytes) -> declared.Imported:
    return asyncio.run(import_report(house, declared.ImportInput(file=content)))


def listed(house: House) -> declared.TlsReportList:
    return asyncio.run(list_reports(house, declared.ListInput()))


def test_a_report_is_imported_listed_and_shown(house: House) -> None:
    first = imported(house, gzip.compress(changed()))
    assert first.number is not None
    assert imported(house, changed()).number is None, "the same report once more"
    (line,) = listed(house).received
    assert (line.organization, line.source, line.failures) == ("Company-X", "import", 303)
    view = asyncio.run(show(house, declared.ShowInput(number=first.number)))
    assert view.contact == "sts-reporting@company-x.example"
    (policy,) = view.policies
    assert (policy.domain, policy.kind, policy.successes) == ("company-y.example", "sts", 5326)
    assert policy.mx == ("*.mail.company-y.example",)
    assert policy.details[0].result == "certificate-expired"


@pytest.mark.parametrize("content", [b"", b"{}", gzip.compress(b"\0" * 11_000_000)])
def test_what_is_no_report_is_refused_with_the_reason(house: House, content: bytes) -> None:
    with pytest.raises(OperatorError) as raised:
        imported(house, content)
    assert raised.value.fault.reference == "no-tls-report"
    assert listed(house).received == ()


def test_a_report_that_is_not_there_cannot_be_shown(house: House) -> None:
    with pytest.raises(OperatorError) as raised:
        asyncio.run(show(house, declared.ShowInput(number=9)))
    assert raised.value.fault.reference == "no-such-tls-report"


def counted(house: House, day: int, domain: str = "shop.example") -> None:
    for word in ("", "certificate-expired"):
        fact = facts.TlsPolicyResult(
            at=day * DAY_SECONDS, domain=domain, policy_type="sts", result=word
        )
        house.store.tls_reports.add([TlsCount(*key_of(fact), 2)])


def test_what_was_counted_is_listed(house: House) -> None:
    counted(house, 20_000)
    (line,) = listed(house).counted
    assert line == declared.CountedLine(
        day="2024-10-04",
        domain="shop.example",
        successes=2,
        failures=2,
        outcome="not due",
        note="",
    )


@pytest.mark.parametrize(
    ("day", "reference"),
    [("yesterday", "no-day"), ("2024-13-01", "no-day"), ("2999-01-01", "day-not-over")],
)
def test_only_a_day_that_is_over_can_be_sent(house: House, day: str, reference: str) -> None:
    with pytest.raises(OperatorError) as raised:
        asyncio.run(send(house, declared.SendInput(day=day)))
    assert raised.value.fault.reference == reference


def test_without_a_sender_nothing_is_sent(house: House) -> None:
    with pytest.raises(OperatorError) as raised:
        asyncio.run(send(house, declared.SendInput(day="2024-10-04")))
    assert raised.value.fault.reference == "no-tls-reporting"


REPORTING = """
format = 1
[tls_reporting]
from_address = "tls@us.example"
[delivery]
dns_servers = ["127.0.0.1:1"]
dns_timeout = 1
"""


def reporting(house: House) -> None:
    house.store.revisions.append(text=REPORTING, operator="ann", comment="", committed_at=1.0)


def sent(house: House, day: int, domain: str | None = None) -> declared.Sent:
    return asyncio.run(send(house, declared.SendInput(day=day_text(day), domain=domain)))


def test_a_day_is_sent_and_what_became_of_it_is_told(house: House) -> None:
    reporting(house)
    counted(house, 20_000)
    (line,) = sent(house, 20_000).reports
    assert (line.domain, line.outcome) == ("shop.example", "waiting")
    assert "DNS" in line.note
    (shown,) = listed(house).counted
    assert (shown.outcome, shown.note) == (line.outcome, line.note)


def test_what_was_dealt_with_is_sent_again_only_by_name(house: House) -> None:
    reporting(house)
    counted(house, 20_000)
    done = TlsReportState(20_000, "shop.example", "sent", 1, 0.0, 0.0, "")
    house.store.tls_reports.put_state(done)
    assert sent(house, 20_000).reports == ()
    (line,) = sent(house, 20_000, "Shop.example.").reports
    assert line.outcome == "waiting"


def test_nothing_is_sent_about_a_domain_of_which_nothing_is_known(house: House) -> None:
    reporting(house)
    with pytest.raises(OperatorError) as raised:
        sent(house, 20_000, "nobody.example")
    assert raised.value.fault.reference == "nothing-counted"
