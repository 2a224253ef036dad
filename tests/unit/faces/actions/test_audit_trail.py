# SPDX-License-Identifier: Apache-2.0
"""What the audit log keeps: who, with what but secrets, and what came of it."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.faces.actions import audit_trail, perform
from gatehouse.faces.actions.action import Action, Arg
from gatehouse.faces.actions.audit import AuditInput
from gatehouse.faces.actions.audit_work import list_entries
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.journal import facts
from gatehouse.store.errors import StoreFull
from gatehouse.store.people_values import AuditEntry, AuditFilter
from tests.unit.faces.conftest import NOW


class Input(msgspec.Struct, frozen=True, kw_only=True):
    text: Annotated[str, Arg(help="x")] = ""
    many: Annotated[tuple[str, ...], Arg(help="x")] = ()
    number: Annotated[int, Arg(help="x")] = 0
    flag: Annotated[bool, Arg(help="x")] = False
    content: Annotated[bytes | None, Arg(help="x")] = None
    files: Annotated[tuple[bytes, ...], Arg(help="x")] = ()
    password: Annotated[str | None, Arg(help="x", secret=True)] = None
    code: Annotated[str | None, Arg(help="x", unlogged=True)] = None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    revision: int | None = None
    token: str = "canary of the output"


ACTION = replace(BY_NAME["queue hold"], name="test it", input=Input, output=Output)


def told(**fields: Any) -> Any:
    return json.loads(audit_trail.told_arguments(ACTION, Input(**fields)))


def entries(house: House) -> list[AuditEntry]:
    return list(reversed(house.store.audit.list(AuditFilter(), 100)))


@pytest.fixture
def doing(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AuditEntry]:
    """Does an action that ends as wanted; what is kept of it."""

    def do(end: object, action: Action = ACTION, **fields: Any) -> AuditEntry:
        async def work(house: House, given: object) -> object:
            if isinstance(end, BaseException):
                raise end
            return end

        monkeypatch.setattr(perform, "work_of", lambda action: work)
        with suppress(OperatorError, ZeroDivisionError, asyncio.CancelledError):
            asyncio.run(perform.do(action, house, action.input(**fields)))
        return entries(house)[-1]

    return do


def test_secrets_are_named_and_not_shown() -> None:
    assert told(password="canary", code="123456", text="plain") == {
        "number": 0,
        "text": "plain",
        "password": "(secret)",
        "code": "(secret)",
    }


def test_files_are_their_size_and_their_hash() -> None:
    shown = told(content=b"canary", files=(b"", b"canary"))
    assert shown["content"]["octets"] == 6
    assert [one["octets"] for one in shown["files"]] == [0, 6]
    assert len(shown["content"]["sha256"]) == 64
    assert "canary" not in str(shown)


def test_what_was_not_given_is_not_kept() -> None:
    assert told() == {"number": 0}
    assert told(flag=True) == {"number": 0, "flag": True}


@settings(max_examples=50)
@given(st.text(max_size=5000), st.lists(st.text(max_size=300), max_size=300))
def test_whatever_is_given_stays_bounded_and_is_json(text: str, many: list[str]) -> None:
    text, many = text.replace("\ud800", ""), many
    kept = audit_trail.told_arguments(ACTION, Input(text=text, many=tuple(many), password="canary"))
    assert len(kept.encode()) <= audit_trail.LONGEST_ARGUMENTS
    json.loads(kept)


def test_no_action_has_a_password_that_its_declaration_does_not_call_one() -> None:
    for action in BY_NAME.values():
        for field in msgspec.structs.fields(action.input):
            asked = field.type.__metadata__[0]
            if "password" in field.name or "passphrase" in field.name or field.name == "code":
                assert asked.secret or asked.unlogged, f"{action.name}: {field.name}"


def test_done_failed_broken_and_interrupted_are_told_apart(
    doing: Callable[..., AuditEntry],
) -> None:
    done = doing(Output(), text="x")
    assert (done.outcome, done.operator, done.role, done.way) == (
        "done",
        "ann",
        "administrator",
        "cli",
    )
    assert doing(OperatorError("no-such-thing", "m")).outcome == "failed: no-such-thing"
    assert doing(ZeroDivisionError()).outcome == "failed: internal-fault"
    assert doing(asyncio.CancelledError()).outcome == "interrupted"


def test_what_an_action_answers_is_not_kept(doing: Callable[..., AuditEntry], house: House) -> None:
    doing(Output())
    assert "canary" not in str(entries(house))


def test_who_only_looks_leaves_no_trace(house: House) -> None:
    asyncio.run(perform.do(BY_NAME["queue list"], house, BY_NAME["queue list"].input()))
    assert entries(house) == []


def test_a_commit_is_kept_with_what_it_changed(
    doing: Callable[..., AuditEntry], house: House
) -> None:
    current = house.store.revisions.current()
    assert current is not None
    house.store.revisions.append(
        text=current.text.replace("2525", "2526"),
        operator="ann",
        comment="x",
        committed_at=NOW + 1000.0,
    )
    kept = doing(Output(revision=2))
    assert kept.revision == 2
    lines = [
        line
        for line in kept.diff.splitlines()
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert lines and all("252" in line for line in lines)
    assert len(lines) % 2 == 0
    assert doing(Output(revision=None)).diff == ""
    named = doing(Output(revision=1))  # such as "your candidate stands on revision 1 now"
    assert (named.revision, named.diff) == (1, "")


def test_who_is_asked_for_a_password_has_not_tried_anything(
    doing: Callable[..., AuditEntry], house: House
) -> None:
    doing(Output())
    doing(OperatorError(PASSWORD_NEEDED, "m"))
    assert [one.outcome for one in entries(house)] == ["done"]


def test_the_journal_hears_of_it_too(doing: Callable[..., AuditEntry], house: House) -> None:
    heard: list[facts.Fact] = []
    told = replace(house, record=heard.append)
    with pytest.raises(OperatorError):
        asyncio.run(perform.do(BY_NAME["queue show"], told, BY_NAME["queue show"].input(mid=1)))
    assert heard == []
    doing(Output())
    asyncio.run(perform.do(ACTION, told, Input()))
    (fact,) = heard
    assert isinstance(fact, facts.OperatorAction)
    assert (fact.operator, fact.action, fact.outcome) == ("ann", "test it", "done")


def test_an_audit_log_that_cannot_be_written_is_said(
    doing: Callable[..., AuditEntry], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(Output())

    def full(entry: AuditEntry) -> None:
        raise StoreFull("No space left")

    monkeypatch.setattr(house.store.audit, "append", full)
    with pytest.raises(
        OperatorError, match="audit log could not be written: No space left"
    ) as raised:
        asyncio.run(perform.do(ACTION, house, Input()))
    assert raised.value.fault.context == "test it: done"


def test_the_log_is_sifted_by_operator_action_and_time(
    doing: Callable[..., AuditEntry], house: House
) -> None:
    doing(Output(), text="x")

    def listed(**fields: Any) -> list[str]:
        found = asyncio.run(list_entries(house, AuditInput(**fields)))
        return [one.action for one in found.entries]

    assert listed() == ["test it"]
    assert listed(operator="ann", action="test", since="2020-01-01T10:00") == ["test it"]
    assert listed(operator="bob") == listed(action="tes") == listed(since="2100-01-01") == []
    for text in ("yesterday", "2020-13-01", "9" * 100):
        with pytest.raises(OperatorError, match="no time"):
            listed(since=text)
