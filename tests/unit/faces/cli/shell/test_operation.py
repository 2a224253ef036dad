# SPDX-License-Identifier: Apache-2.0
"""Removing messages: which are asked for, and which are removed then."""

from datetime import UTC, datetime

import msgspec
import pytest

from gatehouse.faces.actions import queue
from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli.shell import operation
from gatehouse.faces.cli.shell.session import Session
from tests.unit.faces.cli.shell.playing import Script

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def play(count: int, *answers: str) -> tuple[list[str], list[msgspec.Struct]]:
    """What is said and asked for where so many messages fit."""
    given_all: list[msgspec.Struct] = []

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        given_all.append(given)
        if action is queue.RETRY:
            return queue.Changed(done="due", count=0, mids=(), missing=())
        if action is queue.DELETE:
            assert isinstance(given, queue.SelectInput)
            return queue.Changed(done="deleted", count=len(given.mids), mids=given.mids, missing=())
        lines = tuple(
            queue.QueueLine(
                mid=mid, received_at=NOON, size=1, sender="", recipients=1, destinations=(),
                tries=0, next_try_at=None, held=False, report=False, subject="", last_reply="",
            )
            for mid in range(1, count + 1)
        )  # fmt: skip
        return queue.QueueList(at=NOON, messages=lines, total=count)

    source = Script([*answers, "quit"])
    Session(source, carry, who="ops", host="gw").run()
    return source.transcript, given_all


@pytest.mark.parametrize(("count", "what"), [(1, "1 message"), (3, "3 messages")])
def test_what_was_listed_is_removed_and_nothing_that_came_later(count: int, what: str) -> None:
    said, given = play(count, "deleterecipients", "2", "<>", "Y")
    assert f"Remove {what}, with all recipients, for good? [N]> Y" in said
    assert given == [
        queue.ListInput(sender="<>", limit=100_000),
        queue.SelectInput(mids=tuple(range(1, count + 1))),
    ]


def test_mail_is_tried_for_one_domain_or_all_of_it() -> None:
    assert play(0, "delivernow 1 a.example")[1] == [queue.SelectInput(destination="a.example")]
    assert play(0, "delivernow", "2")[1] == [queue.SelectInput(all=True)]


def test_nothing_is_removed_without_a_yes() -> None:
    _, given = play(2, "deleterecipients 3", "")
    assert len(given) == 1


def test_it_is_said_when_more_may_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "_MOST", 3)
    said, _ = play(3, "deleterecipients 3", "Y")
    assert "More than 3 may fit: these are the oldest." in said
    said, _ = play(2, "deleterecipients 3", "Y")
    assert not any("may fit" in line for line in said)
