# SPDX-License-Identifier: Apache-2.0
"""The configuration as a whole, certificates, and trace: on the real actions."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from gatehouse.faces.actions import configuration
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.session import Session
from gatehouse.faces.cli.terminal import moment
from tests.unit.faces.cli.shell.conftest import TEXT, Desk
from tests.unit.faces.cli.shell.playing import Script


def history(desk: Desk) -> list[str]:
    found = desk.carry(configuration.HISTORY, configuration.HistoryInput(limit=3))
    assert isinstance(found, configuration.History)
    return [one.comment for one in found.revisions]


def test_changes_are_shown_committed_and_taken_back(desk: Desk) -> None:
    before = desk.text()
    desk.play(
        "sethostname gw3.example.com", "showchanges", "commit", "another name", "commitdetail"
    )
    assert any("gw3.example.com" in line for line in desk.said)
    assert any(line.startswith("Changes committed: ") for line in desk.said)
    assert history(desk)[0] == "another name"
    desk.play("rollbackconfig", "1", "Y")
    assert desk.text() == before


def test_the_time_of_a_commit_is_its_own_and_not_that_of_a_later_one(desk: Desk) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    def one(revision: int) -> configuration.RevisionLine:
        return configuration.RevisionLine(
            revision=revision,
            committed_at=at.replace(day=revision),
            operator="ops",
            comment="c",
            in_force=revision == 8,
            kind="commit",
        )

    def carry(action: Action, given: msgspec.Struct) -> msgspec.Struct:
        if action is configuration.COMMIT:
            return configuration.Committed(revision=7, running=True, warnings=())
        if action is configuration.HISTORY:
            return configuration.History(revisions=(one(8), one(7)))
        raise OperatorError("no", "Nothing runs.")

    source = Script(["commit mine", "quit"])
    Session(source, carry, who="ops", host="gw").run()
    told = [line for line in source.transcript if line.startswith("Changes committed: ")]
    assert told == [f"Changes committed: {moment(at.replace(day=7))}"]


def test_the_prompt_has_the_name_that_was_committed(desk: Desk) -> None:
    source = Script(["sethostname gw3.example.com", "commit c", "rollbackconfig", "1", "Y", "quit"])
    Session(source, desk.carry, who="ops", host="gw1.example.com").run()
    prompts = [line.partition(">")[0] for line in source.transcript if line.startswith("gw")]
    assert prompts == ["gw1.example.com", "gw1.example.com", "gw3.example.com", "gw1.example.com"]


def test_changes_are_dropped_when_that_is_confirmed(desk: Desk) -> None:
    assert desk.play("sethostname x.example", "clear", "N").system.hostname == "x.example"
    assert desk.play("clearchanges", "Y").system.hostname == "gw1.example.com"


def test_what_somebody_else_put_into_the_candidate_is_not_overwritten(desk: Desk) -> None:
    first = desk.play("smtproutes", "NEW", "a.example", "192.0.2.1:25", "")
    assert first.smtp_routes
    second = desk.play("smtproutes", "NEW", "b.example", "192.0.2.2:25", "")
    assert set(second.smtp_routes) == {"a.example", "b.example"}


def test_a_certificate_is_made_exported_and_imported(desk: Desk, tmp_path: Path) -> None:
    path = str(tmp_path / "mx.p12")
    desk.play("certconfig", "NEW", "mx", "mx.example.com", *[""] * 6, "90", "1", "PRINT", "")
    assert "mx: not used" in desk.said
    desk.play("certconfig", "EXPORT", "mx", path, "a password", "N", "")
    assert Path(path).stat().st_mode & 0o777 == 0o600
    desk.play("certconfig", "IMPORT", "mx2", path, "a password", "EDIT", "mx2", "CSR", "")
    assert not any("a password" in line for line in desk.said)
    assert any("imported" in line for line in desk.said)
    assert any("commit" in line for line in desk.said)  # the request comes after the commit
    desk.play("certconfig", "DELETE", "mx2", "Y", "EDIT", "mx", "SHOW", "")


def test_trace_sees_what_is_not_committed(desk: Desk) -> None:
    questions = ["192.0.2.7", "mx.a.example", "1", "", "N", "a@a.example", "b@example.com"]
    desk.play("trace", *questions)
    assert not any("530" in line for line in desk.said)
    desk.play("set mail_flow_policies.default.tls required", "trace", *questions)
    assert any("530" in line for line in desk.said)


def test_looking_at_what_waits(desk: Desk) -> None:
    desk.play(
        *["status", "status detail", "hoststatus a.example", "tophosts", "version"],
        *["workqueue", "STATUS", "showrecipients", "3", "deleterecipients", "2", "<>"],
        *["delivernow", "2", "suspenddel", "a.example", "resumedel", "ALL", "showconfig"],
    )
    assert "The queue is empty." in desk.said
    assert "No message fits." in desk.said


@pytest.fixture
def overtaken(tmp_path: Path) -> Iterator[Desk]:
    """A candidate with another name and port, and a commit of somebody else with a third name."""
    desk = Desk(tmp_path / "data")
    desk.play("set system.hostname mine.example", "set listeners.InboundMail.port 2600")
    desk._store.revisions.append(
        text=TEXT.replace("gw1.", "theirs."), operator="eve", comment="", committed_at=time.time()
    )
    yield desk
    desk.close()


def in_force(desk: Desk) -> str:
    shown = desk.carry(configuration.SHOW, configuration.ShowInput())
    assert isinstance(shown, configuration.Text)
    return shown.text


@pytest.mark.parametrize(("answer", "name"), [("2", "mine.example"), ("3", "theirs.example.com")])
def test_a_person_settles_a_conflict_where_it_is_told(
    overtaken: Desk, answer: str, name: str
) -> None:
    source = Script(["commit c", answer, "", "quit"], person=True)
    source.pauses = 1
    Session(source, overtaken.carry, who="ops", host="gw").run()
    assert any("yours is" in line and "in force is" in line for line in source.transcript)
    assert f'hostname = "{name}"' in in_force(overtaken)
    assert "port = 2600" in in_force(overtaken)  # what nobody else has changed holds in any case


@pytest.mark.parametrize("answers", [("1",), ("2", "N")])
def test_a_conflict_may_wait(overtaken: Desk, answers: tuple[str, ...]) -> None:
    source = Script(["commit c", *answers, "quit"], person=True)
    source.pauses = 1
    Session(source, overtaken.carry, who="ops", host="gw").run()
    assert 'hostname = "theirs.example.com"' in in_force(overtaken)
    assert "port = 2525" in in_force(overtaken)
    assert overtaken.candidate().system.hostname == "mine.example"


def test_a_recording_is_not_asked_and_its_exit_status_says_that_it_was_refused(
    overtaken: Desk,
) -> None:
    source = Script(["commit c", "version", "quit"])
    assert Session(source, overtaken.carry, who="ops", host="gw").run() == 1
    assert not any("Whose values" in line for line in source.transcript)
    assert "port = 2525" in in_force(overtaken)
