# SPDX-License-Identifier: Apache-2.0
"""The client's states, and the one table that changes them.

Rule: nothing outside `TRANSITIONS` decides which state follows, and nothing outside `REPLIES`
decides which reply code a command may have. What the first table does not name is our driver's
fault (`WrongStep`); what the second does not name is the server's, and ends the session as
`Happening.BREACH`.

RFC 5321 §4.1.4 (order of commands) and §4.3.2 (codes per command), RFC 3207, RFC 4954 (AUTH),
RFC 2033 (LMTP).
"""

from dataclasses import dataclass
from enum import Enum

from gatehouse.smtp import client_limits


class WrongStep(Exception):
    """The driver called for something that the dialogue does not allow now: a fault of ours,
    never of the peer.
    """


class _Key(Enum):
    """Members are keys of the tables, and each is one object: its identity is hash enough.

    Enum's own hash is a call into Python for every look-up, several per reply.
    """

    __hash__ = object.__hash__


class State(_Key):
    """Where the dialogue is."""

    GREETING = "greeting"  # connected, the server speaks first
    TURNED_AWAY = "turned away"  # greeting or every hello refused: only QUIT is left
    HELLO = "hello"  # EHLO, LHLO or HELO is out
    HELLO_REFUSED = "hello refused"  # EHLO refused; the driver decides between HELO and QUIT
    READY = "ready"  # no transaction
    STARTTLS = "starttls"  # STARTTLS is out
    PAUSED_FOR_TLS = "paused for tls"  # 220 came: the next byte belongs to the handshake
    AUTH = "auth"  # AUTH or the answer to a challenge is out
    CHALLENGED = "challenged"  # 334 came: the driver answers it, or cancels
    ENVELOPE = "envelope"  # MAIL, RCPT, DATA are out or on their way
    BODY = "body"  # 354 came: content flows
    RESULT = "result"  # the end of data is out
    DISCARD = "discard"  # 354 came for nobody: a lone "." is out
    STALE = "stale"  # no transaction for us, but perhaps one for the server: RSET comes first
    RESET = "reset"  # RSET is out
    LEAVING = "leaving"  # QUIT is out
    CLOSED = "closed"  # nothing more is read, written or believed


class Happening(_Key):
    """What moves the dialogue: calls of the driver, what replies amount to, and ends."""

    CALL_HELO = "hello_fallback()"
    CALL_START_TLS = "start_tls()"
    CALL_TLS_STARTED = "tls_started()"
    CALL_AUTH = "authenticate()"
    CALL_RESPOND = "respond()"
    CALL_BEGIN = "begin()"
    CALL_BODY = "body()"
    CALL_END_BODY = "end_body()"
    CALL_RSET = "rset()"
    CALL_QUIT = "quit()"
    GREETED = "220 greeting"
    TURNED_AWAY = "greeting refused"
    WELCOMED = "hello accepted"
    UNKNOWN_HELLO = "EHLO refused, HELO is left"
    UNWELCOME = "hello refused for good"
    TLS_GRANTED = "220 to STARTTLS"
    TLS_REFUSED = "STARTTLS refused"
    CHALLENGE = "334 to AUTH"
    LOGGED_IN = "235 to AUTH"
    LOGIN_REFUSED = "AUTH refused"
    BODY_WANTED = "354 with recipients"
    BODY_FOR_NOBODY = "354 without recipients"
    ENVELOPE_REFUSED = "the transaction failed before its data"
    ANSWERED = "the last answer to the end of data"
    WIPED = "RSET accepted"
    BREACH = "protocol broken by the server"
    CLOSING = "421"
    OVER = "connection ended"


_ENDS = {
    Happening.BREACH: State.CLOSED,
    Happening.CLOSING: State.CLOSED,
    Happening.OVER: State.CLOSED,
}

TRANSITIONS: dict[State, dict[Happening, State]] = {
    State.GREETING: {
        Happening.GREETED: State.HELLO,
        Happening.TURNED_AWAY: State.TURNED_AWAY,
        **_ENDS,
    },
    State.TURNED_AWAY: {Happening.CALL_QUIT: State.LEAVING, **_ENDS},
    State.HELLO: {
        Happening.WELCOMED: State.READY,
        Happening.UNKNOWN_HELLO: State.HELLO_REFUSED,
        Happening.UNWELCOME: State.TURNED_AWAY,
        **_ENDS,
    },
    State.HELLO_REFUSED: {
        Happening.CALL_HELO: State.HELLO,
        Happening.CALL_QUIT: State.LEAVING,
        **_ENDS,
    },
    State.READY: {
        Happening.CALL_START_TLS: State.STARTTLS,
        Happening.CALL_AUTH: State.AUTH,
        Happening.CALL_BEGIN: State.ENVELOPE,
        Happening.CALL_RSET: State.RESET,
        Happening.CALL_QUIT: State.LEAVING,
        **_ENDS,
    },
    State.STARTTLS: {
        Happening.TLS_GRANTED: State.PAUSED_FOR_TLS,
        Happening.TLS_REFUSED: State.READY,
        **_ENDS,
    },
    State.PAUSED_FOR_TLS: {Happening.CALL_TLS_STARTED: State.HELLO, **_ENDS},
    State.AUTH: {
        Happening.CHALLENGE: State.CHALLENGED,
        Happening.LOGGED_IN: State.READY,
        Happening.LOGIN_REFUSED: State.READY,
        **_ENDS,
    },
    State.CHALLENGED: {Happening.CALL_RESPOND: State.AUTH, **_ENDS},
    State.ENVELOPE: {
        Happening.BODY_WANTED: State.BODY,
        Happening.BODY_FOR_NOBODY: State.DISCARD,
        Happening.ENVELOPE_REFUSED: State.STALE,
        **_ENDS,
    },
    State.BODY: {
        Happening.CALL_BODY: State.BODY,
        Happening.CALL_END_BODY: State.RESULT,
        **_ENDS,
    },
    State.RESULT: {Happening.ANSWERED: State.READY, **_ENDS},
    State.DISCARD: {Happening.ANSWERED: State.READY, **_ENDS},
    State.STALE: {
        Happening.CALL_BEGIN: State.ENVELOPE,
        Happening.CALL_RSET: State.RESET,
        Happening.CALL_QUIT: State.LEAVING,
        **_ENDS,
    },
    State.RESET: {Happening.WIPED: State.READY, **_ENDS},
    State.LEAVING: {**_ENDS},
    State.CLOSED: {},
}


class Step(_Key):
    """What we wait for; every command that is sent puts one of these into the queue of expected
    replies.
    """

    GREETING = "the connection"  # nothing was sent; the server opens
    EHLO = "EHLO"  # LHLO in LMTP
    HELO = "HELO"  # only after EHLO was refused
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "end of data"
    RSET = "RSET"
    QUIT = "QUIT"


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """The codes that mean yes, the codes that mean no; any other code is a breach. And how long
    to wait. `more` are codes that ask for something else before there is a yes or a no.
    """

    yes: range
    no: range
    timeout: float
    more: range = range(0)


# Mail commands accept 25x and not all of 2xx: a 220 or 221 in their place is the answer to
# something else, so the two ends have lost count. RSET cannot be refused (RFC 5321 §4.3.2): a
# server that does has an unknown state. STARTTLS counts everything but 220 as "no": whatever was
# meant, no handshake follows, and the policy decides.
_OK = range(250, 260)
_FAILED = range(400, 600)
_NEVER = range(0)

REPLIES: dict[Step, ReplyRule] = {
    Step.GREETING: ReplyRule(range(220, 221), _FAILED, client_limits.GREETING_TIMEOUT),
    Step.EHLO: ReplyRule(range(250, 251), _FAILED, client_limits.HELLO_TIMEOUT),
    Step.HELO: ReplyRule(range(250, 251), _FAILED, client_limits.HELLO_TIMEOUT),
    Step.STARTTLS: ReplyRule(range(220, 221), range(200, 600), client_limits.STARTTLS_TIMEOUT),
    Step.AUTH: ReplyRule(  # RFC 4954 §4: 235, or 334 with a challenge
        range(235, 236), _FAILED, client_limits.AUTH_TIMEOUT, range(334, 335)
    ),
    Step.MAIL: ReplyRule(_OK, _FAILED, client_limits.MAIL_TIMEOUT),
    Step.RCPT: ReplyRule(_OK, _FAILED, client_limits.RCPT_TIMEOUT),
    Step.DATA: ReplyRule(range(354, 355), _FAILED, client_limits.DATA_TIMEOUT),
    Step.END: ReplyRule(_OK, _FAILED, client_limits.END_OF_DATA_TIMEOUT),
    Step.RSET: ReplyRule(_OK, _NEVER, client_limits.RESET_TIMEOUT),
    Step.QUIT: ReplyRule(range(200, 600), _NEVER, client_limits.QUIT_TIMEOUT),
}

# How long to wait where no reply is due.
WAITS: dict[State, float] = {
    State.BODY: client_limits.DATA_BLOCK_TIMEOUT,
    State.PAUSED_FOR_TLS: client_limits.HANDSHAKE_TIMEOUT,
}
