# SPDX-License-Identifier: Apache-2.0
"""Two operators, one configuration: both get in, or both values are shown; and ways back."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions import configuration_commit_work as work
from gatehouse.faces.actions import configuration_edit_work as edits
from gatehouse.faces.actions import configuration_work as looks
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import (
    CheckInput,
    CommitInput,
    Committed,
    DiffInput,
    HistoryInput,
)
from gatehouse.faces.actions.configuration_commit import RollbackInput
from gatehouse.faces.actions.configuration_edit import RebaseInput, SetInput, UnsetInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status import StatusInput
from gatehouse.faces.actions.status_work import status
from gatehouse.service.trust import keyring, pending
from gatehouse.tls.certificates import CertifiedKey
from tests.unit.faces.conftest import PretendGateway

LIMIT = "delivery.max_connections"


def run(call: Any) -> Any:
    return asyncio.run(call)


def set_(house: House, path: str, value: str) -> None:
    run(edits.set_field(house, SetInput(path=path, value=value)))


def commit(house: House, comment: str = "x", within: str | None = None) -> Committed:
    done: Committed = run(work.commit(house, CommitInput(comment=comment, confirm_within=within)))
    return done


def fault(call: Any) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(call)
    return caught.value


def in_force(house: House) -> str:
    current = house.store.revisions.current()
    assert current is not None
    return current.text


@pytest.fixture
def bob(house: House) -> House:
    return replace(house, operator="bob")


def test_two_operators_who_change_different_things_both_get_in(house: House, bob: House) -> None:
    set_(house, LIMIT, "7")
    set_(bob, "system.hostname", "gw7.example.com")
    assert not commit(house).merged
    assert run(looks.diff(bob, DiffInput())).behind
    assert commit(bob).merged
    assert "max_connections = 7" in in_force(house)
    assert 'hostname = "gw7.example.com"' in in_force(house)
    assert "#" in in_force(house), "comments stay"


def test_what_both_changed_is_refused_with_all_three_values(house: House, bob: House) -> None:
    set_(house, LIMIT, "7")
    set_(bob, LIMIT, "9")
    set_(bob, "system.hostname", "gw7.example.com")
    commit(house)
    error = fault(work.commit(bob, CommitInput(comment="x")))
    assert error.fault.reference == "conflict"
    (one,) = error.fault.findings
    assert one.place == LIMIT
    assert one.what == "was not set; yours is 9, in force is 7"
    assert "gw7" not in in_force(house)
    assert b"= 9" in (Candidate(bob).read() or b"")


@pytest.mark.parametrize(("take", "value"), [("mine", 9), ("theirs", 7)])
def test_a_rebase_settles_it(house: House, bob: House, take: str, value: int) -> None:
    set_(house, LIMIT, "7")
    set_(bob, LIMIT, "9")
    set_(bob, "system.hostname", "gw7.example.com")
    commit(house)
    done = run(edits.rebase(bob, RebaseInput(take=take, path=(LIMIT,))))
    assert done.left == ()
    commit(bob)
    assert f"max_connections = {value}" in in_force(house)
    assert "gw7" in in_force(house)


def test_theirs_can_be_taken_one_by_one(house: House, bob: House) -> None:
    for who, number in ((house, "7"), (bob, "9")):
        set_(who, LIMIT, number)
        set_(who, "delivery.connect_timeout", number)
    commit(house)
    assert fault(edits.rebase(bob, RebaseInput())).fault.reference == "conflict"
    done = run(edits.rebase(bob, RebaseInput(take="theirs", path=(LIMIT,))))
    assert done.left == ("delivery.connect_timeout",)
    run(edits.rebase(bob, RebaseInput(take="mine")))
    commit(bob)
    assert "max_connections = 7" in in_force(house)
    assert 'connect_timeout = "9s"' in in_force(house) or "connect_timeout = 9" in in_force(house)


def test_a_certificate_that_both_replace_is_a_conflict(house: House, bob: House) -> None:
    def pair(word: str) -> CertifiedKey:
        return CertifiedKey(word.encode(), (word.encode(),))

    for who, word in ((house, "a"), (bob, "b")):
        keyring.stage(who.store, who.operator, "mx", pair(word), 1.0)
    commit(house)
    error = fault(work.commit(bob, CommitInput(comment="x")))
    assert error.fault.findings[0].place == "certificate.mx"
    run(edits.rebase(bob, RebaseInput(take="mine")))
    assert commit(bob).secrets == ("certificate/mx",)
    assert keyring.get(house.store, "mx") == pair("b")


def test_what_is_fine_for_each_and_not_for_both_is_refused_and_can_be_mended(
    house: House, bob: House
) -> None:
    set_(house, "interfaces.Extra.address", "127.0.0.2")
    commit(house)
    set_(house, "listeners.InboundMail.interface", "Extra")
    run(edits.unset_field(bob, UnsetInput(path="interfaces.Extra")))
    commit(bob)
    error = fault(work.commit(house, CommitInput(comment="x"))).fault
    assert error.reference == "configuration-refused"
    assert error.context == "candidate, with what others have committed"
    assert "config rebase" in error.hint
    assert [one.place for one in error.findings if one.severity == "error"] == [
        "listeners.InboundMail.interface"
    ]
    run(edits.rebase(house, RebaseInput()))
    found = fault(looks.check(house, CheckInput())).fault.findings
    (line,) = [one.line for one in found if one.severity == "error"]
    assert line is not None
    lines = (Candidate(house).read() or b"").decode().split("\n")
    assert lines[line - 1].startswith('interface = "Extra"'), "a line that he has"
    set_(house, "listeners.InboundMail.interface", "Loopback")
    assert run(looks.diff(house, DiffInput())).changes == ()


def test_a_rollback_is_a_new_revision_and_leaves_the_candidate(house: House) -> None:
    set_(house, LIMIT, "7")
    commit(house)
    set_(house, LIMIT, "8")
    done = run(work.rollback(house, RollbackInput(revision=1)))
    assert done.revision == 3
    assert in_force(house) == DEFAULT_TEXT
    assert Candidate(house).read() is not None
    newest = run(looks.history(house, HistoryInput(limit=1))).revisions[0]
    assert (newest.kind, newest.comment) == ("rollback", "rollback to revision 1")
    again = fault(work.rollback(house, RollbackInput(revision=1)))
    assert again.fault.reference == "nothing-to-roll-back"
    assert fault(work.rollback(house, RollbackInput(revision=9))).fault.reference == (
        "no-such-revision"
    )


def test_a_rollback_to_a_certificate_that_is_gone_is_refused(house: House) -> None:
    keyring.put(house.store, "mx", CertifiedKey(b"k", (b"c",)), 1.0)
    text = DEFAULT_TEXT.replace('certificate = "Demo"', 'certificate = "mx"')
    house.store.revisions.append(text=text, operator="x", comment="", committed_at=1.0)
    house.store.revisions.append(text=DEFAULT_TEXT, operator="x", comment="", committed_at=1.0)
    house.store.secrets.delete("certificate/mx")
    error = fault(work.rollback(house, RollbackInput(revision=2)))
    assert error.fault.reference == "configuration-refused"
    assert "'mx'" in error.fault.findings[0].text


def test_what_waits_for_its_confirmation_is_shown_and_keeps_others_out(
    running_house: House, gateway: PretendGateway
) -> None:
    set_(running_house, LIMIT, "7")
    done = commit(running_house, within="10m")
    assert done.confirm_by is not None
    shown = run(status(running_house, StatusInput())).unconfirmed
    assert (shown.revision, shown.back_to, shown.confirm_by) == (2, 1, done.confirm_by)
    set_(running_house, LIMIT, "8")
    assert fault(work.commit(running_house, CommitInput(comment="x"))).fault.reference == (
        "unconfirmed"
    )
    assert run(work.confirm(running_house, Nothing())).revision == 2
    assert run(status(running_house, StatusInput())).unconfirmed is None
    commit(running_house)
    assert fault(work.confirm(running_house, Nothing())).fault.reference == "nothing-to-confirm"


@pytest.mark.parametrize("time", ["", "soon", "0", "8d", "-1"])
def test_a_time_that_is_none_is_refused(running_house: House, time: str) -> None:
    set_(running_house, LIMIT, "7")
    call = work.commit(running_house, CommitInput(comment="x", confirm_within=time))
    assert fault(call).fault.reference == "bad-time"


def test_without_a_gateway_nothing_can_be_confirmed(house: House) -> None:
    set_(house, LIMIT, "7")
    call = work.commit(house, CommitInput(comment="x", confirm_within="10m"))
    assert fault(call).fault.reference == "not-running"


def test_certificates_come_back_with_the_revision_that_could_not_run(
    running_house: House, gateway: PretendGateway
) -> None:
    house = running_house
    keyring.stage(house.store, "ann", "mx", CertifiedKey(b"k", (b"c",)), 1.0)
    gateway.refuses = "no"
    assert fault(work.commit(house, CommitInput(comment="x"))).fault.reference == "not-applied"
    assert "mx" not in keyring.names(house.store)
    assert pending.names(house.store, "ann") == ("certificate/mx",)
    assert house.store.trials.current() is None
    assert house.store.revisions.history(1)[0].kind.value == "restored"


# --- single fields -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "written"),
    [
        ("listeners.InboundMail.port", "2626", "port = 2626"),
        ("system.hostname", "a.example", 'hostname = "a.example"'),
        ("system.hostname", '"a.example"', 'hostname = "a.example"'),
        (
            "destination_controls.'bank.example'.tls",
            "required",
            '"bank.example"]\ntls = "required"',
        ),
        ('smtp_routes."x.example"', "127.0.0.1:25", '"x.example" = ["127.0.0.1:25"]'),
        ("delivery.dns_servers", "127.0.0.1:53, 127.0.0.2:53", '["127.0.0.1:53", "127.0.0.2:53"]'),
        ("mail_flow_policies.P.max_message_size", "20M", 'max_message_size = "20M"'),
    ],
)
def test_a_field_is_set_as_its_type_wants(
    house: House, path: str, value: str, written: str
) -> None:
    set_(house, path, value)
    assert written in (Candidate(house).read() or b"").decode()
    assert in_force(house) == DEFAULT_TEXT


@pytest.mark.parametrize(
    ("path", "value", "reference", "says"),
    [
        ("listeners.InboundMail.prot", "1", "bad-value", "did you mean 'port'"),
        ("listeners.InboundMial.port", "1", "no-such-field", "InboundMail"),
        ("listeners.InboundMail.port", "70000", "bad-value", "at most 65535"),
        ("listeners..port", "1", "bad-path", "dots"),
        ("", "1", "bad-path", "dots"),
        ("listeners.InboundMail.sender_groups[99].policy", "X", "bad-path", "There are"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_near(
    house: House, path: str, value: str, reference: str, says: str
) -> None:
    error = fault(edits.set_field(house, SetInput(path=path, value=value))).fault
    assert error.reference == reference
    assert says in error.sentence() + "".join(one.text for one in error.findings)
    assert Candidate(house).read() is None


def test_a_field_is_unset_and_a_section_too(house: House) -> None:
    set_(house, "destination_controls.'bank.example'.tls", "required")
    set_(house, "destination_controls.'bank.example'.max_connections", "3")
    run(edits.unset_field(house, UnsetInput(path="destination_controls.'bank.example'.tls")))
    text = (Candidate(house).read() or b"").decode()
    assert "max_connections = 3" in text
    assert 'tls = "required"\nmax' not in text
    run(edits.unset_field(house, UnsetInput(path='destination_controls."bank.example"')))
    assert "max_connections" not in (Candidate(house).read() or b"").decode()
    error = fault(edits.unset_field(house, UnsetInput(path="system.hostnam"))).fault
    assert "hostname" in error.hint
    error = fault(edits.unset_field(house, UnsetInput(path="listeners.InboundMail.type"))).fault
    assert error.reference == "cannot-unset"


def test_everybodys_candidates_are_listed(house: House, bob: House) -> None:
    set_(house, LIMIT, "7")
    set_(bob, "system.hostname", "gw7.example.com")
    found = run(edits.candidates(bob, Nothing())).candidates
    assert [(one.operator, one.changes, one.mine) for one in found] == [
        ("bob", 1, True),
        ("ann", 1 if "[delivery]" in DEFAULT_TEXT else 2, False),
    ]


def test_two_revisions_are_compared(house: House) -> None:
    set_(house, "system.hostname", "gw7.example.com")
    commit(house)
    found = run(looks.diff(house, DiffInput(old=1, new=2)))
    assert [(one.place, one.kind, one.new) for one in found.changes] == [
        ("system.hostname", "changed", '"gw7.example.com"')
    ]
    assert run(looks.diff(house, DiffInput(old=1))).changes == found.changes
    back = run(looks.diff(house, DiffInput(old=2, new=1)))
    assert back.changes[0].old == '"gw7.example.com"'
