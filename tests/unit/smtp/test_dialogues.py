# SPDX-License-Identifier: Apache-2.0
"""Plays tests/dialogues/*.smtp on the pure engine, each line whole and octet by octet."""

from dataclasses import fields
from typing import Any

import pytest

from gatehouse.mail.reply import Reply
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_events import (
    BodyChunk,
    CommandRefused,
    MessageEnd,
    MessageRejected,
    ProtocolViolation,
    Quit,
    RcptTo,
    Reset,
)
from gatehouse.smtp.server_settings import ServerSettings
from tests.dialogues import script as dialogues

INFORMATION = (BodyChunk, CommandRefused, MessageRejected, ProtocolViolation, Quit, Reset)
NO_SUCH_USER = Reply(550, "5.1.1", ("no such user",))
SCRIPTS = dialogues.load_all()


def settings_of(given: dict[str, str]) -> ServerSettings:
    """The defaults of the dialogues, with what the script sets."""
    known = {field.name: field.type for field in fields(ServerSettings)}
    values: dict[str, Any] = {
        "hostname": "mx.example.com",
        "max_message_size": 10_000,
        "offer_starttls": True,
        "require_tls": False,
    }
    for name, value in given.items():
        assert name in known, f"no such setting: {name}"
        if value in ("yes", "no"):
            values[name] = value == "yes"
        elif name == "auth_mechanisms":
            values[name] = tuple(value.split(","))
        else:
            values[name] = int(value)
    return ServerSettings(**values)


class Player:
    """The driver of the engine: accepts everything but the recipients that the script refuses."""

    def __init__(self, script: dialogues.Script) -> None:
        self.script = script
        self.engine = ServerEngine(settings_of(script.settings))
        self.wire = b""
        self.replies: list[list[str]] = []
        self.last: list[str] = []
        self.messages = 0

    def send(self, data: bytes) -> None:
        self.engine.receive(data)
        self.pump()

    def pump(self) -> None:
        engine = self.engine
        while (event := engine.next_event()) is not None:
            match event:
                case RcptTo(recipient) if str(recipient.address) in self.script.refused:
                    engine.answer(NO_SUCH_USER)
                case MessageEnd():
                    self.messages += 1
                    engine.answer()
                case _ if not isinstance(event, INFORMATION):
                    engine.answer()
        complete, self.wire = dialogues.split_replies(self.wire + engine.take_output())
        self.replies += complete

    def next_reply(self, where: str) -> list[str]:
        assert self.replies, f"{where}: no reply"
        self.last = self.replies.pop(0)
        return self.last


def play(script: dialogues.Script, *, octet_by_octet: bool) -> None:
    player = Player(script)
    if not isinstance(script.steps[0], dialogues.Send):
        player.engine.greet()
        player.pump()
    for step in script.steps:
        where = f"{script.name}:{getattr(step, 'line', 0)}"
        match step:
            case dialogues.Send(data):
                pieces = [bytes((octet,)) for octet in data] if octet_by_octet else [data]
                for piece in pieces:
                    player.send(piece)
            case dialogues.Expect():
                reply = player.next_reply(where)
                assert step.matches(reply), f"{where}: {reply}"
            case dialogues.Without(text):
                assert not any(text in line for line in player.last), f"{where}: {player.last}"
            case dialogues.Silence():
                assert not player.replies, where
            case dialogues.Closed():
                assert player.engine.closing, where
                assert not player.replies, where
            case dialogues.StartTls():
                player.engine.tls_started()
    assert player.replies == [], "replies that the script does not expect"
    assert player.wire == b""
    assert player.messages == script.messages


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_dialogue_goes_as_written(script: dialogues.Script) -> None:
    play(script, octet_by_octet=False)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_dialogue_goes_as_written_octet_by_octet(script: dialogues.Script) -> None:
    play(script, octet_by_octet=True)


def test_there_are_dialogues() -> None:
    assert len(SCRIPTS) >= 25


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a wrong code", "# why\nS: 250\nC: NOOP\nS: 251\n"),
        ("a reply too few", "# why\nS: 220\nC: NOOP\nS: 250\nS: 250\n"),
        ("a reply too many", "# why\nS: 220\nC: NOOP\n"),
        ("an open connection", "# why\nS: 220\nC: NOOP\nS: 250\nS: close\n"),
        ("a message that is not there", "# why\nMESSAGES: 1\nS: 220\n"),
        ("a text that is not there", "# why\nS: 220\nC: NOOP\nS: 250 nonsense\n"),
        ("a text that should not be there", "# why\nS: 220\nS! ESMTP\n"),
        ("an answer where silence should be", "# why\nS: 220\nC: NOOP\nS: silence\nS: 250\n"),
    ],
)
def test_a_dialogue_that_is_wrong_fails(name: str, text: str) -> None:
    script = dialogues.parse(name, text)
    with pytest.raises(AssertionError):
        play(script, octet_by_octet=False)


def test_a_script_that_is_misspelt_is_refused() -> None:
    for text in ("C: NOOP\n", "# why\nX: NOOP\n", "# why\nS: hello\n", "# why\nSET: size\n"):
        with pytest.raises(dialogues.ScriptError):
            dialogues.parse("x.smtp", text)
