# SPDX-License-Identifier: Apache-2.0
"""Every state of the server engine, every transition, and what each verb needs. All of it is here.

Rule: the engine changes its state only by looking up TRANSITIONS, and it admits a command only by
looking up VERBS. A pair that is missing from TRANSITIONS is a bug of ours, never of the client. A
command that fails for any reason moves nothing (RFC 5321 §4.1.4): there is no transition for it.
"""

import enum


class State(enum.IntEnum):
    """Where a session stands between two commands, or within content."""

    CONNECTED = 0  # we have not greeted yet; the client must be silent (RFC 5321 §4.3.1)
    GREETED = 1  # our 220 is out, or TLS has just begun; no EHLO yet
    TURNED_AWAY = 2  # greeted with 4xx or 5xx: only QUIT is served (RFC 5321 §3.1)
    READY = 3  # EHLO or HELO accepted, no mail transaction
    MAIL = 4  # sender accepted, no recipient yet
    RECIPIENTS = 5  # sender and at least one recipient accepted
    DATA = 6  # content between 354 and CRLF.CRLF
    CHUNKS = 7  # between the chunks of a BDAT message (RFC 3030 §2)
    CHUNKS_FAILED = 8  # a chunk was refused: RSET is the only way on (RFC 3030 §2)
    AUTH = 9  # the next line answers our 334 (RFC 4954 §4)
    TLS_PAUSED = 10  # 220 to STARTTLS given; clear-text bytes are an attack (RFC 3207 §4.2)
    CLOSED = 11  # nothing is read any more


class Happening(enum.IntEnum):
    """What can move the session; each is the success of something."""

    WELCOMED = 0  # the 220 greeting, and again as the answer to XCLIENT
    NOT_WELCOMED = 1  # a 4xx or 5xx greeting
    HELLO = 2  # EHLO or HELO accepted
    SENDER = 3  # MAIL accepted
    RECIPIENT = 4  # RCPT accepted
    CONTENT = 5  # DATA accepted, 354 sent
    CHUNK = 6  # a chunk accepted that is not the last
    CHUNK_REFUSED = 7  # a chunk refused
    MESSAGE_OVER = 8  # the whole message answered, with whatever reply
    RESET = 9  # RSET
    CHALLENGED = 10  # 334 to AUTH
    AUTH_OVER = 11  # AUTH answered, with whatever reply
    TLS_AGREED = 12  # 220 to STARTTLS
    TLS_STARTED = 13  # the handshake is done
    HUNG_UP = 14  # QUIT, or we close


TRANSITIONS: dict[State, dict[Happening, State]] = {
    State.CONNECTED: {
        Happening.WELCOMED: State.GREETED,
        Happening.NOT_WELCOMED: State.TURNED_AWAY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.GREETED: {
        Happening.WELCOMED: State.GREETED,
        Happening.NOT_WELCOMED: State.TURNED_AWAY,
        Happening.HELLO: State.READY,
        Happening.RESET: State.GREETED,
        Happening.TLS_AGREED: State.TLS_PAUSED,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.TURNED_AWAY: {
        Happening.HUNG_UP: State.CLOSED,
    },
    State.READY: {
        Happening.WELCOMED: State.GREETED,
        Happening.NOT_WELCOMED: State.TURNED_AWAY,
        Happening.HELLO: State.READY,
        Happening.SENDER: State.MAIL,
        Happening.RESET: State.READY,
        Happening.CHALLENGED: State.AUTH,
        Happening.AUTH_OVER: State.READY,
        Happening.TLS_AGREED: State.TLS_PAUSED,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.MAIL: {
        Happening.HELLO: State.READY,
        Happening.RECIPIENT: State.RECIPIENTS,
        Happening.RESET: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.RECIPIENTS: {
        Happening.HELLO: State.READY,
        Happening.RECIPIENT: State.RECIPIENTS,
        Happening.CONTENT: State.DATA,
        Happening.CHUNK: State.CHUNKS,
        Happening.CHUNK_REFUSED: State.CHUNKS_FAILED,
        Happening.MESSAGE_OVER: State.READY,
        Happening.RESET: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.DATA: {
        Happening.MESSAGE_OVER: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.CHUNKS: {
        Happening.HELLO: State.READY,
        Happening.CHUNK: State.CHUNKS,
        Happening.CHUNK_REFUSED: State.CHUNKS_FAILED,
        Happening.MESSAGE_OVER: State.READY,
        Happening.RESET: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.CHUNKS_FAILED: {
        Happening.HELLO: State.READY,
        Happening.RESET: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.AUTH: {
        Happening.CHALLENGED: State.AUTH,
        Happening.AUTH_OVER: State.READY,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.TLS_PAUSED: {
        Happening.TLS_STARTED: State.GREETED,
        Happening.HUNG_UP: State.CLOSED,
    },
    State.CLOSED: {
        Happening.HUNG_UP: State.CLOSED,
    },
}


class Verb(enum.IntEnum):
    """The commands that we know. The value of a member is no wire form; its name is."""

    EHLO = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    BDAT = 5
    RSET = 6
    NOOP = 7
    VRFY = 8
    EXPN = 9
    HELP = 10
    QUIT = 11
    STARTTLS = 12
    AUTH = 13
    XCLIENT = 14


class Need(enum.Enum):
    """Why a verb is out of place in a state. The replies are in `server_replies.py`."""

    SERVICE = "no service here"  # we turned the client away with our greeting
    HELLO = "send EHLO first"
    SENDER = "need MAIL first"
    RECIPIENT = "no valid recipients"
    NO_TRANSACTION = "a mail transaction is open"
    NO_CHUNKS = "chunks of a message have been sent"
    NEW_CHUNKS = "a chunk has failed; send RSET"


_EVERYWHERE: dict[Verb, Need | None] = {
    Verb.EHLO: None,
    Verb.HELO: None,
    Verb.RSET: None,
    Verb.NOOP: None,
    Verb.VRFY: None,
    Verb.EXPN: None,
    Verb.HELP: None,
    Verb.QUIT: None,
}

VERBS: dict[State, dict[Verb, Need | None]] = {
    # None: the command may be carried out. A state that is not here reads no commands at all.
    State.GREETED: _EVERYWHERE
    | {
        Verb.MAIL: Need.HELLO,
        Verb.RCPT: Need.HELLO,
        Verb.DATA: Need.HELLO,
        Verb.BDAT: Need.HELLO,
        Verb.STARTTLS: None,  # RFC 3207 does not ask for EHLO first
        Verb.AUTH: Need.HELLO,
        Verb.XCLIENT: None,  # XCLIENT_README: at any time but within a transaction
    },
    State.TURNED_AWAY: dict.fromkeys(Verb, Need.SERVICE) | {Verb.QUIT: None},
    State.READY: _EVERYWHERE
    | {
        Verb.MAIL: None,
        Verb.RCPT: Need.SENDER,
        Verb.DATA: Need.SENDER,
        Verb.BDAT: Need.SENDER,
        Verb.STARTTLS: None,
        Verb.AUTH: None,
        Verb.XCLIENT: None,
    },
    State.MAIL: _EVERYWHERE
    | {
        Verb.MAIL: Need.NO_TRANSACTION,
        Verb.RCPT: None,
        Verb.DATA: Need.RECIPIENT,
        Verb.BDAT: Need.RECIPIENT,
        Verb.STARTTLS: Need.NO_TRANSACTION,
        Verb.AUTH: Need.NO_TRANSACTION,
        Verb.XCLIENT: Need.NO_TRANSACTION,
    },
    State.RECIPIENTS: _EVERYWHERE
    | {
        Verb.MAIL: Need.NO_TRANSACTION,
        Verb.RCPT: None,
        Verb.DATA: None,
        Verb.BDAT: None,
        Verb.STARTTLS: Need.NO_TRANSACTION,
        Verb.AUTH: Need.NO_TRANSACTION,
        Verb.XCLIENT: Need.NO_TRANSACTION,
    },
    State.CHUNKS: _EVERYWHERE
    | {
        Verb.MAIL: Need.NO_TRANSACTION,
        Verb.RCPT: Need.NO_CHUNKS,
        Verb.DATA: Need.NO_CHUNKS,
        Verb.BDAT: None,
        Verb.STARTTLS: Need.NO_TRANSACTION,
        Verb.AUTH: Need.NO_TRANSACTION,
        Verb.XCLIENT: Need.NO_TRANSACTION,
    },
    State.CHUNKS_FAILED: _EVERYWHERE
    | {
        Verb.MAIL: Need.NEW_CHUNKS,
        Verb.RCPT: Need.NEW_CHUNKS,
        Verb.DATA: Need.NEW_CHUNKS,
        Verb.BDAT: Need.NEW_CHUNKS,
        Verb.STARTTLS: Need.NEW_CHUNKS,
        Verb.AUTH: Need.NEW_CHUNKS,
        Verb.XCLIENT: Need.NEW_CHUNKS,
    },
}

ALLOWED_BEFORE_TLS = frozenset({Verb.NOOP, Verb.EHLO, Verb.HELO, Verb.STARTTLS, Verb.QUIT})
"""Served in clear where TLS is required (RFC 3207 §4, and HELO); all else gets 530."""

JUNK = frozenset({Verb.NOOP, Verb.RSET, Verb.VRFY, Verb.HELP, Verb.EHLO, Verb.HELO, Verb.XCLIENT})
"""Verbs that bring no message nearer; they are counted between messages."""

IN_TRANSACTION = frozenset({State.MAIL, State.RECIPIENTS, State.CHUNKS, State.CHUNKS_FAILED})
"""States in which EHLO and RSET have something to forget."""
