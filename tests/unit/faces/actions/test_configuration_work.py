# SPDX-License-Identifier: Apache-2.0
"""Load, check, commit: what is in force changes only when it should."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.config import checks
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions import configuration_commit_work as commits
from gatehouse.faces.actions import configuration_work as work
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import (
    CheckInput,
    CommitInput,
    Difference,
    DiffInput,
    HistoryInput,
    Loaded,
    LoadInput,
    ShowInput,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from tests.unit.faces.conftest import PretendGateway

OTHER = DEFAULT_TEXT.replace("gatehouse.example.com", "gw7.example.com")
BROKEN = DEFAULT_TEXT.replace("port = 2525", 'port = "smtp"').replace('"public"', '"outside"')


def load(house: House, text: str, commit: str | None = None) -> Loaded:
    return asyncio.run(work.load(house, LoadInput(file=text.encode(), commit=commit)))


def in_force(house: House) -> str:
    current = house.store.revisions.current()
    assert current is not None
    return current.text


def fault_of(call: object) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(call)  # type: ignore[arg-type]
    return caught.value


def test_a_loaded_file_is_the_candidate_and_does_not_run(house: House) -> None:
    assert load(house, OTHER).changed
    assert Candidate(house).read() == OTHER.encode()
    assert in_force(house) == DEFAULT_TEXT
    assert not load(house, DEFAULT_TEXT).changed


def test_a_file_in_place_of_an_older_candidate_says_that_it_will_be_merged(house: House) -> None:
    load(house, OTHER)
    assert load(house, DEFAULT_TEXT).notes == ()
    somebody = replace(house, operator="bob")
    load(somebody, OTHER, "another name")
    (note,) = load(house, DEFAULT_TEXT).notes
    assert "begun on revision 1, and 2 is in force" in note
    asyncio.run(work.clear(house, Nothing()))
    assert load(house, DEFAULT_TEXT).notes == ()


def test_a_broken_file_is_refused_with_every_fault_and_nothing_changes(house: House) -> None:
    load(house, OTHER)
    error = fault_of(work.load(house, LoadInput(file=BROKEN.encode())))
    assert error.fault.reference == "configuration-refused"
    places = {one.place: one for one in error.fault.findings}
    assert set(places) == {"listeners.InboundMail.port", "listeners.InboundMail.type"}
    assert places["listeners.InboundMail.port"].found == "'smtp'"
    assert places["listeners.InboundMail.port"].line
    assert "public" in places["listeners.InboundMail.type"].hint
    assert Candidate(house).read() == OTHER.encode()


@pytest.mark.parametrize(
    "junk", [b"\xff\xfe", b"format = ", b"\0", b"format = 1\n" * 2, b"x" * 5_000_000]
)
def test_junk_is_refused(house: House, junk: bytes) -> None:
    error = fault_of(work.load(house, LoadInput(file=junk)))
    assert error.fault.findings
    assert Candidate(house).read() is None


def test_a_commit_without_a_gateway_is_for_the_next_start(house: House) -> None:
    load(house, OTHER)
    done = asyncio.run(commits.commit(house, CommitInput(comment="new name")))
    assert (done.revision, done.running) == (2, False)
    assert in_force(house) == OTHER
    assert Candidate(house).read() is None


def test_a_commit_runs(running_house: House, gateway: PretendGateway) -> None:
    done = load(running_house, OTHER, "new\nname")
    assert (done.revision, done.running) == (2, True)
    assert gateway.applied == [(2, "ann", "new\\nname")]


def test_what_runs_is_what_was_compiled_for_the_check(
    running_house: House, gateway: PretendGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[checks.Loaded | checks.Refused] = []
    load_once = checks.load

    def counted(*given: Any, **more: Any) -> checks.Loaded | checks.Refused:
        made.append(load_once(*given, **more))
        return made[-1]

    load(running_house, OTHER)
    monkeypatch.setattr(checks, "load", counted)
    asyncio.run(commits.commit(running_house, CommitInput(comment="new name")))
    (only,) = made
    assert isinstance(only, checks.Loaded)
    (compiled,) = gateway.compiled
    assert compiled is only.running


def test_processes_stand_by_while_the_text_is_checked_and_until_it_runs(
    running_house: House, gateway: PretendGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_once, apply_once = checks.load, gateway.apply

    def watched(*given: Any, **more: Any) -> checks.Loaded | checks.Refused:
        gateway.stood_by.append("checked")
        return load_once(*given, **more)

    async def applied(*given: Any) -> None:
        gateway.stood_by.append("applied")
        await apply_once(*given)

    load(running_house, OTHER)
    monkeypatch.setattr(checks, "load", watched)
    monkeypatch.setattr(gateway, "apply", applied)
    asyncio.run(commits.commit(running_house, CommitInput(comment="new name")))
    assert gateway.stood_by == ["there", "checked", "applied", "gone"]


def test_nobody_stands_by_for_what_is_refused_or_for_nothing(
    running_house: House, gateway: PretendGateway
) -> None:
    fault_of(commits.commit(running_house, CommitInput(comment="x")))
    assert gateway.stood_by == []
    Candidate(running_house).write(BROKEN.encode())
    fault_of(commits.commit(running_house, CommitInput(comment="x")))
    assert gateway.stood_by == ["there", "gone"]


def test_a_commit_that_cannot_run_leaves_the_old_text_in_force(
    running_house: House, gateway: PretendGateway
) -> None:
    gateway.refuses = "Listener InboundMail cannot listen"
    load(running_house, OTHER)
    error = fault_of(commits.commit(running_house, CommitInput(comment="new name")))
    assert error.fault.reference == "not-applied"
    assert "Listener InboundMail cannot listen" in error.fault.message
    assert in_force(running_house) == DEFAULT_TEXT
    newest, failed, _ = running_house.store.revisions.history(5)
    assert newest.comment.startswith("revision 2 could not be applied: Listener InboundMail")
    tried = running_house.store.revisions.get(failed.number)
    assert tried is not None
    assert tried.text == OTHER
    assert Candidate(running_house).read() == OTHER.encode(), "it can be mended"


def test_a_commit_checks_once_more(house: House) -> None:
    Candidate(house).write(BROKEN.encode())
    error = fault_of(commits.commit(house, CommitInput(comment="x")))
    assert error.fault.reference == "configuration-refused"
    assert in_force(house) == DEFAULT_TEXT


def test_a_commit_needs_a_candidate_and_a_comment(house: House) -> None:
    assert (
        fault_of(commits.commit(house, CommitInput(comment="x"))).fault.reference == "no-candidate"
    )
    load(house, OTHER)
    assert fault_of(commits.commit(house, CommitInput(comment=" "))).fault.reference == "no-comment"


def test_check_takes_the_file_the_candidate_or_what_is_in_force(house: House) -> None:
    def source(text: bytes | None = None) -> str:
        return asyncio.run(work.check(house, CheckInput(file=text))).source

    assert source() == "revision 1"
    load(house, OTHER)
    assert source() == "candidate"
    assert source(OTHER.encode()) == "file"
    assert fault_of(work.check(house, CheckInput(file=b"x"))).fault.context == "file"


def test_show_prints_each_text_as_it_was_loaded(house: House) -> None:
    def text(**given: object) -> str:
        return asyncio.run(work.show(house, ShowInput(**given))).text  # type: ignore[arg-type]

    load(house, OTHER)
    assert (text(), text(revision=1), text(candidate=True)) == (DEFAULT_TEXT, DEFAULT_TEXT, OTHER)
    for given, reference in (
        (ShowInput(revision=9), "no-such-revision"),
        (ShowInput(revision=1, candidate=True), "two-sources"),
    ):
        assert fault_of(work.show(house, given)).fault.reference == reference


def test_the_difference_is_line_by_line(house: House) -> None:
    def diff() -> Difference:
        return asyncio.run(work.diff(house, DiffInput(text=True)))

    assert not diff().candidate
    load(house, DEFAULT_TEXT)
    assert diff().candidate
    assert diff().diff == ""
    load(house, OTHER)
    lines = diff().diff.splitlines()
    assert '-hostname = "gatehouse.example.com"' in lines
    assert '+hostname = "gw7.example.com"' in lines


def test_clear_forgets_the_candidate(house: House) -> None:
    load(house, OTHER)
    assert asyncio.run(work.clear(house, Nothing())).cleared
    assert not asyncio.run(work.clear(house, Nothing())).cleared


def test_the_history_is_newest_first(house: House) -> None:
    load(house, OTHER, "one")
    load(house, DEFAULT_TEXT, "two")
    found = asyncio.run(work.history(house, HistoryInput(limit=2))).revisions
    assert [(one.revision, one.comment, one.in_force) for one in found] == [
        (3, "two", True),
        (2, "one", False),
    ]
    assert found[0].operator == "ann"
