# SPDX-License-Identifier: Apache-2.0
"""Every cell of the tables is walked on a real engine."""

from pathlib import Path
from typing import Any

import pytest

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_core as core
from gatehouse.smtp import server_events as events
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.server_states import (
    ALLOWED_BEFORE_TLS,
    TRANSITIONS,
    VERBS,
    Happening,
    Need,
    State,
    Verb,
)
from tests.unit.smtp.server_wire import OPEN, Server

# How a session comes into each state that reads commands.
WAYS = {
    State.GREETED: b"",
    State.READY: b"EHLO x\r\n",
    State.MAIL: b"EHLO x\r\nMAIL FROM:<a@example.org>\r\n",
    State.RECIPIENTS: OPEN,
    State.CHUNKS: OPEN + b"BDAT 3\r\nx\r\n",
    State.CHUNKS_FAILED: OPEN + b"BDAT 20000\r\n" + b"x" * 20000,
}
# Each verb written as it should be.
LINES = {
    Verb.EHLO: b"EHLO y",
    Verb.HELO: b"HELO y",
    Verb.MAIL: b"MAIL FROM:<c@example.org>",
    Verb.RCPT: b"RCPT TO:<d@example.com>",
    Verb.DATA: b"DATA",
    Verb.BDAT: b"BDAT 3\r\ny\r",
    Verb.RSET: b"RSET",
    Verb.NOOP: b"NOOP",
    Verb.VRFY: b"VRFY d",
    Verb.EXPN: b"EXPN d",
    Verb.HELP: b"HELP",
    Verb.QUIT: b"QUIT",
    Verb.STARTTLS: b"STARTTLS",
    Verb.AUTH: b"AUTH PLAIN AGEAYg==",
    Verb.XCLIENT: b"XCLIENT ADDR=192.0.2.9",
}
# What a verb that succeeds makes happen; the others leave the state alone.
HAPPENINGS = {
    Verb.EHLO: Happening.HELLO,
    Verb.HELO: Happening.HELLO,
    Verb.MAIL: Happening.SENDER,
    Verb.RCPT: Happening.RECIPIENT,
    Verb.DATA: Happening.CONTENT,
    Verb.BDAT: Happening.CHUNK,
    Verb.RSET: Happening.RESET,
    Verb.QUIT: Happening.HUNG_UP,
    Verb.STARTTLS: Happening.TLS_AGREED,
    Verb.AUTH: Happening.AUTH_OVER,
    Verb.XCLIENT: Happening.WELCOMED,
}
CELLS = [(state, verb) for state in VERBS for verb in Verb]


def server_in(state: State, **given: Any) -> Server:
    given.setdefault("auth_mechanisms", ("PLAIN",))
    given.setdefault("auth_needs_tls", False)
    given.setdefault("offer_xclient", True)
    server = Server(**given)
    if state is State.TURNED_AWAY:
        engine = type(server.engine)(server.engine.settings)
        engine.greet(Reply(554, None, ("no",)))
        server.engine = engine
        server.pump()
    else:
        server.send(WAYS[state])
    assert server.engine.state is state
    server.wire = b""
    server.events.clear()
    return server


@pytest.mark.parametrize(("state", "verb"), CELLS, ids=lambda cell: cell.name)
def test_a_verb_does_in_a_state_what_the_table_says(state: State, verb: Verb) -> None:
    server = server_in(state)
    server.send(LINES[verb] + b"\r\n" if verb is not Verb.BDAT else LINES[verb] + b"\n")
    need = VERBS[state][verb]
    if need is not None:
        assert server.wire == replies.OUT_OF_PLACE[need].wire()
        assert server.engine.state is state
        assert server.named(events.CommandRefused)
        return
    assert server.codes()[0][:1] in (b"2", b"3") or verb is Verb.EXPN
    happening = HAPPENINGS.get(verb)
    expected = state if happening is None else TRANSITIONS[state][happening]
    assert server.engine.state is expected


@pytest.mark.parametrize(("state", "verb"), CELLS, ids=lambda cell: cell.name)
def test_a_refused_verb_moves_nothing(state: State, verb: Verb) -> None:
    no = Reply(550, "5.7.1", ("no",))
    server = server_in(state)
    server.answers = lambda event: no
    server.send(LINES[verb] + b"\r\n" if verb is not Verb.BDAT else LINES[verb] + b"\n")
    questions = len(server.events) - len(server.named(*INFO))
    if not questions:
        return
    assert server.wire == no.wire()
    moved = {Verb.BDAT: State.CHUNKS_FAILED, Verb.XCLIENT: State.TURNED_AWAY}
    assert server.engine.state is moved.get(verb, state)


INFO = (
    events.CommandRefused,
    events.Reset,
    events.Quit,
    events.BodyChunk,
    events.ProtocolViolation,
)


@pytest.mark.parametrize("verb", list(Verb), ids=lambda verb: verb.name)
def test_where_tls_is_required_only_five_verbs_are_served_in_clear(verb: Verb) -> None:
    server = server_in(State.GREETED, require_tls=True)
    server.send(LINES[verb] + b"\r\n" if verb is not Verb.BDAT else LINES[verb] + b"\n")
    if verb in ALLOWED_BEFORE_TLS:
        assert server.codes()[0][:1] == b"2"
    else:
        assert server.wire == b"530 5.7.0 Must issue a STARTTLS command first\r\n"
        assert server.named(events.CommandRefused)[0].kind == "tls-required"


def test_every_state_that_reads_commands_knows_every_verb() -> None:
    silent = {State.CONNECTED, State.DATA, State.AUTH, State.TLS_PAUSED, State.CLOSED}
    assert set(VERBS) == set(State) - silent
    for row in VERBS.values():
        assert set(row) == set(Verb)


def test_every_state_can_hang_up_and_every_need_has_a_reply() -> None:
    assert set(TRANSITIONS) == set(State)
    for row in TRANSITIONS.values():
        assert row[Happening.HUNG_UP] is State.CLOSED
    assert set(replies.OUT_OF_PLACE) == set(Need)


def test_every_state_and_every_happening_is_used() -> None:
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State) - {State.CONNECTED}
    assert {happening for row in TRANSITIONS.values() for happening in row} == set(Happening)


def test_nobody_else_changes_the_state() -> None:
    rooms = Path(core.__file__).parent.glob("server*.py")
    writes = {path.name: path.read_text().count("self._state = ") for path in rooms}
    assert {name: count for name, count in writes.items() if count} == {"server_core.py": 2}
