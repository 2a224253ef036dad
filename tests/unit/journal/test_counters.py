# SPDX-License-Identifier: Apache-2.0
import pytest

from gatehouse.journal import counters, facts
from gatehouse.journal.counters import STATUS_KEYS, Counters, Totals, status_values
from tests.unit.journal.samples import AT, all_types, message_life, specimen


def counted(*happened: facts.Fact) -> Counters:
    new = Counters()
    for fact in happened:
        new.count(fact)
    return new


def bounced(enhanced: str, code: str) -> facts.RecipientBounced:
    return facts.RecipientBounced(
        at=AT,
        dcid=0,
        mid=1,
        sender="",
        recipient="x@y.example",
        rid=0,
        enhanced=enhanced,
        text="t",
        code=code,
        lines=(),
    )


def test_the_line_has_the_grammars_64_keys_each_once() -> None:
    assert len(STATUS_KEYS) == len(set(STATUS_KEYS)) == 64
    assert STATUS_KEYS[0] == "CPULd"
    assert STATUS_KEYS[-1] == "InjBytes"


def test_a_message_received_and_delivered_is_counted_once_everywhere() -> None:
    done = counted(*message_life())
    assert done.take_growth() == {"InjMsg": 1, "InjRcp": 1, "InjBytes": 4312, "DlvRcp": 1}
    assert done.gauges() == {
        "CrtMID": 2,
        "CrtICID": 1,
        "CrtDCID": 3,
        "CrtCncIn": 0,
        "CrtCncOut": 0,
    }


def test_growth_is_taken_once() -> None:
    done = counted(*message_life())
    done.take_growth()
    assert done.take_growth() == {}


def test_an_aborted_message_is_not_injected() -> None:
    started = message_life()[:6]
    aborted = facts.MessageAborted(at=AT, mid=2, reason="Receiving aborted")
    assert counted(*started, aborted, facts.MessageQueued(at=AT, mid=2)).take_growth() == {}


def test_a_report_of_our_own_is_generated_and_not_injected() -> None:
    done = counted(facts.BounceGenerated(at=AT, mid=9, parent=2), facts.MessageQueued(at=AT, mid=9))
    assert done.take_growth() == {"GenBncRcp": 1}
    assert done.gauges()["CrtMID"] == 9


@pytest.mark.parametrize(
    ("enhanced", "code", "key"),
    [
        ("5.1.1", "550", "5XXHrdBnc"),
        ("5.1.2", "000", "DnsHrdBnc"),
        ("5.4.7", "000", "ExpHrdBnc"),
        ("5.4.7", "451", "ExpHrdBnc"),
        ("5.6.3", "000", "OtrHrdBnc"),
    ],
)
def test_a_hard_bounce_has_one_reason(enhanced: str, code: str, key: str) -> None:
    growth = counted(bounced(enhanced, code)).take_growth()
    assert growth == {key: 1}
    assert status_values(growth, {})["HrdBncRcp"] == 1
    assert status_values(growth, {})["CmpRcp"] == 1


def test_every_way_of_refusing_a_recipient_counts_and_a_rejected_sender_does_not() -> None:
    done = counted(
        facts.RecipientRefused(at=AT, mid=1, icid=1, address="a@b.example", by="RAT"),
        facts.InvalidRecipient(at=AT, mid=1, icid=1, reason="r"),
        facts.DelayedReject(at=AT, icid=1, client_ip="i", stage="session"),
        facts.DelayedReject(at=AT, icid=1, client_ip="i", stage="sender", address="a@b.example"),
        facts.DelayedReject(at=AT, icid=1, client_ip="i", stage="recipient", address="c@d"),
    )
    assert done.take_growth() == {"RejRcp": 3}


def test_status_values_stand_in_order_sums_are_made_and_the_rest_is_zero() -> None:
    values = status_values(
        {"DlvRcp": 24, "DnsHrdBnc": 1, "5XXHrdBnc": 1, "SftBncEvnt": 2},
        {"UnatmptRcp": 5, "AtmptRcp": 2, "LogAvail": "140G", "CrtMID": 9027},
    )
    assert tuple(values) == STATUS_KEYS
    assert (values["HrdBncRcp"], values["CmpRcp"], values["ActvRcp"]) == (2, 26, 7)
    assert (values["LogAvail"], values["SwapUsage"], values["SophLd"]) == ("140G", "0%", 0)


def test_any_fact_may_be_counted() -> None:
    every = counted(*(specimen(kind, "x") for kind in all_types()))
    assert set(every.take_growth()) <= set(STATUS_KEYS)
    assert set(every.gauges()) <= set(STATUS_KEYS)


def test_messages_that_never_end_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_MAX_OPEN", 2)
    done = counted(
        *(facts.MessageStarted(at=AT, mid=mid, icid=1, sender="") for mid in (1, 2, 3)),
        *(facts.MessageQueued(at=AT, mid=mid) for mid in (1, 2, 3)),
    )
    assert done.take_growth()["InjMsg"] == 2


def test_processes_are_added_up_and_of_their_ids_the_latest_counts() -> None:
    totals = Totals()
    totals.grow({"InjMsg": 2})
    totals.grow({"InjMsg": 3, "DlvRcp": 1})
    values = totals.values([{"CrtMID": 7, "CrtCncIn": 2}, {"CrtMID": 5, "CrtCncIn": 1}])
    assert (values["InjMsg"], values["DlvRcp"], values["CmpRcp"]) == (5, 1, 1)
    assert (values["CrtMID"], values["CrtCncIn"]) == (7, 3)


def test_what_a_process_counted_stays_when_it_is_gone_and_its_gauges_do_not() -> None:
    totals = Totals()
    totals.grow({"InjMsg": 2})
    assert totals.values([{"CrtCncIn": 4}])["CrtCncIn"] == 4
    values = totals.values([])
    assert (values["InjMsg"], values["CrtCncIn"]) == (2, 0)
