# SPDX-License-Identifier: Apache-2.0
"""The table itself: complete, reachable, and without a way back from the end."""

import pytest

from gatehouse.smtp.client import ClientEngine
from gatehouse.smtp.client_states import (
    REPLIES,
    TRANSITIONS,
    WAITS,
    Happening,
    State,
    Step,
    WrongStep,
)
from tests.unit.smtp.client_wire import Wire, envelope

ENDS = {Happening.BREACH, Happening.CLOSING, Happening.OVER}


def reachable(start: State) -> set[State]:
    seen, todo = {start}, [start]
    while todo:
        for state in TRANSITIONS[todo.pop()].values():
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen


def test_every_state_has_its_row_and_is_reachable_from_the_greeting() -> None:
    assert set(TRANSITIONS) == set(State)
    assert reachable(State.GREETING) == set(State)


def test_every_happening_occurs_in_the_table() -> None:
    assert {happening for row in TRANSITIONS.values() for happening in row} == set(Happening)


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_every_live_state_can_end_and_an_end_is_closed(state: State) -> None:
    assert {TRANSITIONS[state][end] for end in ENDS} == {State.CLOSED}


def test_nothing_leads_out_of_closed() -> None:
    assert TRANSITIONS[State.CLOSED] == {}


def test_only_the_handshake_leads_out_of_the_pause_for_tls() -> None:
    assert set(TRANSITIONS[State.PAUSED_FOR_TLS]) - ENDS == {Happening.CALL_TLS_STARTED}


def test_content_flows_only_after_354() -> None:
    into_body = {
        (state, happening)
        for state, row in TRANSITIONS.items()
        for happening, following in row.items()
        if following is State.BODY and state is not State.BODY
    }
    assert into_body == {(State.ENVELOPE, Happening.BODY_WANTED)}


def test_a_message_begins_only_where_no_transaction_of_ours_is_open() -> None:
    assert {s for s, row in TRANSITIONS.items() if Happening.CALL_BEGIN in row} == {
        State.READY,
        State.STALE,
    }


def test_every_step_has_a_rule_and_421_never_means_yes_but_to_quit() -> None:
    assert set(REPLIES) == set(Step)
    assert [step for step, rule in REPLIES.items() if 421 in rule.yes] == [Step.QUIT]


def test_no_code_means_yes_and_no_except_that_starttls_knows_one_yes() -> None:
    for step, rule in REPLIES.items():
        both = set(rule.yes) & set(rule.no)
        assert both == ({220} if step is Step.STARTTLS else set())


def test_354_is_an_answer_to_data_alone() -> None:
    assert [step for step, rule in REPLIES.items() if 354 in rule.yes] == [Step.DATA, Step.QUIT]
    assert 250 not in REPLIES[Step.DATA].yes
    assert 250 not in REPLIES[Step.DATA].no


def test_waits_are_those_of_the_rfc() -> None:
    """RFC 5321 §4.5.3.2: minima, in seconds."""
    assert {step: REPLIES[step].timeout for step in REPLIES} == {
        Step.GREETING: 300,
        Step.EHLO: 300,
        Step.HELO: 300,
        Step.STARTTLS: 300,
        Step.AUTH: 300,
        Step.MAIL: 300,
        Step.RCPT: 300,
        Step.DATA: 120,
        Step.END: 600,
        Step.RSET: 20,
        Step.QUIT: 10,
    }
    assert WAITS[State.BODY] == 180


CALLS = {
    Happening.CALL_HELO: lambda engine: engine.hello_fallback(),
    Happening.CALL_START_TLS: lambda engine: engine.start_tls(),
    Happening.CALL_TLS_STARTED: lambda engine: engine.tls_started(),
    Happening.CALL_AUTH: lambda engine: engine.authenticate("PLAIN", b"\0u\0p"),
    Happening.CALL_RESPOND: lambda engine: engine.respond(b""),
    Happening.CALL_BEGIN: lambda engine: engine.begin(envelope(), 1, eight_bit=False),
    Happening.CALL_BODY: lambda engine: engine.body(b"x\r\n"),
    Happening.CALL_END_BODY: lambda engine: engine.end_body(),
    Happening.CALL_RSET: lambda engine: engine.rset(),
    Happening.CALL_QUIT: lambda engine: engine.quit(),
}


def brought_to(state: State) -> ClientEngine:
    """A real engine in each state, by a real dialogue."""
    wire = Wire()
    if state is State.GREETING:
        return wire.engine
    if state is State.TURNED_AWAY:
        wire.say(b"554 no\r\n")
        return wire.engine
    wire.say(b"220 hi\r\n")
    if state is State.HELLO_REFUSED:
        wire.say(b"500 what\r\n")
    elif state is not State.HELLO:
        wire.say(b"250 mx\r\n")
        lead_on(wire, state)
    return wire.engine


def lead_on(wire: Wire, state: State) -> None:
    engine = wire.engine
    match state:
        case State.AUTH | State.CHALLENGED:
            engine.authenticate("LOGIN")
            wire.flush()
            if state is State.CHALLENGED:
                wire.say(b"334 VXNlcm5hbWU6\r\n")
        case State.STARTTLS | State.PAUSED_FOR_TLS:
            engine.start_tls()
            wire.flush()
            if state is State.PAUSED_FOR_TLS:
                wire.say(b"220 go\r\n")
        case State.RESET:
            engine.rset()
        case State.LEAVING:
            engine.quit()
        case State.CLOSED:
            engine.receive_eof()
        case State.DISCARD:
            # Only pipelining sends DATA for nobody.
            wire.__init__()  # type: ignore[misc]
            wire.hello().begin()
            wire.say(b"250 ok\r\n550 no\r\n354 go\r\n")
        case State.ENVELOPE | State.STALE | State.BODY | State.RESULT:
            wire.begin()
            if state is not State.ENVELOPE:
                wire.say(b"250 ok\r\n")
                wire.say(b"550 no\r\n" if state is State.STALE else b"250 ok\r\n")
            if state in (State.BODY, State.RESULT):
                wire.say(b"354 go\r\n")
            if state is State.RESULT:
                wire.send_body()


@pytest.mark.parametrize("happening", CALLS)
@pytest.mark.parametrize("state", State)
def test_a_call_is_obeyed_exactly_where_the_table_names_it(
    state: State, happening: Happening
) -> None:
    engine = brought_to(state)
    assert engine._state is state
    following = TRANSITIONS[state].get(happening)
    if following is not None:
        CALLS[happening](engine)
        assert engine._state is following
    elif state is State.CLOSED and happening in (Happening.CALL_BODY, Happening.CALL_END_BODY):
        CALLS[happening](engine)  # a driver in mid-stream need not ask before each chunk
        assert engine.take_output() == b""
    else:
        with pytest.raises(WrongStep):
            CALLS[happening](engine)
        assert engine._state is state
