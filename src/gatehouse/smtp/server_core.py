# SPDX-License-Identifier: Apache-2.0
"""The part of the server engine that every command uses: state, output, refusals, content.

Rule: one command, one complete reply, in order. A refusal is counted; a client that makes too many
is sent away. Content goes through as it comes, and its verdict is given at its true end.
"""

from collections.abc import Callable

from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.bdat import ChunkReader
from gatehouse.smtp.command_reader import CommandReader
from gatehouse.smtp.data_reader import DataReader
from gatehouse.smtp.server_events import (
    BodyChunk,
    CommandRefused,
    Event,
    MessageEnd,
    MessageRejected,
    ProtocolViolation,
    Refusal,
)
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.smtp.server_states import TRANSITIONS, Happening, State

# How a refused BDAT is answered once its octets have gone by.
SkipVerdict = tuple[Refusal | None, str, Reply]


class ServerCore:
    """One server session without its commands."""

    __slots__ = (
        "_chunks",
        "_data",
        "_errors",
        "_events",
        "_excused",
        "_in_chunk",
        "_junk",
        "_out",
        "_question",
        "_reader",
        "_settings",
        "_skip",
        "_skip_verdict",
        "_state",
        "_tls_missing",
        "authenticated",
        "closing",
        "tls_active",
    )

    def __init__(self, settings: ServerSettings, *, tls_active: bool = False) -> None:
        self.tls_active = tls_active
        self.authenticated = False
        self.closing = False
        self._state = State.CONNECTED
        self._reader = CommandReader()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._question: Callable[..., None] | None = None  # what to do with the answer
        self._data: DataReader | None = None
        self._chunks: ChunkReader | None = None
        self._in_chunk = False
        self._skip = 0  # octets of a refused chunk that still have to go by
        self._skip_verdict: SkipVerdict | None = None
        self._errors = 0
        self._junk = 0
        self._excused = 0  # refusals that are only the echo of an earlier one
        self.settings = settings

    @property
    def settings(self) -> ServerSettings:
        """May be replaced at any time; what has been announced already is not taken back."""
        return self._settings

    @settings.setter
    def settings(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._tls_missing = settings.require_tls and not self.tls_active
        if settings.auth_mechanisms:
            self._reader.longest = limits.AUTH_LINE

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def pending(self) -> int:
        """Octets received and not yet used; the driver stops reading when there are too many."""
        return self._reader.pending

    def take_output(self) -> bytes:
        """Everything to be sent now."""
        out = self._out
        if not out:
            return b""
        wire = out[0] if len(out) == 1 else b"".join(out)
        self._out = []
        return wire

    def dismiss(self, reply: Reply) -> None:
        """The driver ends the session: time-out, shutdown (RFC 5321 §3.8)."""
        if not self.closing:
            if self._state is not State.TLS_PAUSED:  # no clear text behind our 220
                self._out.append(reply.wire())
            self._close()

    # --- state -----------------------------------------------------------------------------

    def _move(self, happening: Happening) -> None:
        self._state = TRANSITIONS[self._state][happening]

    def _close(self) -> None:
        self._move(Happening.HUNG_UP)
        self.closing = True
        self._question = None
        self._data = self._chunks = None
        self._in_chunk = False
        self._skip = 0
        self._skip_verdict = None
        self._reader.clear()

    def _violated(self, what: str) -> None:
        self._events.append(ProtocolViolation(what))
        self._close()

    def _forget_transaction(self) -> None:
        self._data = self._chunks = None
        self._excused = 0

    # --- refusals --------------------------------------------------------------------------

    def _refuse(self, kind: Refusal, text: bytes | str, reply: Reply) -> None:
        """Answer a command with a refusal of our own."""
        shown = text if isinstance(text, str) else grammar.show(text, limits.LOGGED_TEXT)
        if kind is Refusal.SEQUENCE and self._excused:
            self._excused -= 1
        elif kind is not Refusal.RECIPIENTS:  # RFC 5321 §4.5.3.1.10: no fault of the client
            self._errors += 1
        if self._errors < self._settings.max_errors:
            self._events.append(CommandRefused(kind, shown, reply))
            self._out.append(reply.wire())
        else:
            self._events.append(CommandRefused(kind, shown, replies.TOO_MANY_ERRORS))
            self._out.append(replies.TOO_MANY_ERRORS.wire())
            self._violated("too many errors")

    def _declined(self, reply: Reply) -> None:
        """The driver said no; 421 means that it wants to be rid of the client (RFC 5321 §3.8)."""
        self._out.append(reply.wire())
        if reply.code == 421:
            self._close()

    def _foreign(self, line: bytes, what: str) -> None:
        """Not a mail client at all: say so and close."""
        shown = grammar.show(line, limits.LOGGED_TEXT)
        self._events.append(CommandRefused(Refusal.UNKNOWN, shown, replies.NO_MAIL_CLIENT))
        self._out.append(replies.NO_MAIL_CLIENT.wire())
        self._violated(what)

    # --- content ---------------------------------------------------------------------------

    def _read_data(self, content: DataReader) -> bool:
        """Octets of DATA; False when there are none."""
        data = self._reader.take()
        if not data:
            return False
        piece, behind = content.read(data)
        if piece:
            self._events.append(BodyChunk(piece))
        if behind >= 0:
            self._data = None
            if behind < len(data):
                self._reader.give_back(data[behind:])
            self._content_over(content)
        return True

    def _content_over(self, content: DataReader | ChunkReader) -> None:
        """The true end of a message: its verdict."""
        if content.impure:
            self._reject_impure()
        elif content.over:
            reply = replies.TOO_LARGE
            self._events.append(MessageRejected("Message too large", reply))
            self._out.append(reply.wire())
            self._move(Happening.MESSAGE_OVER)
        else:
            self._events.append(MessageEnd(content.size))
            self._question = ServerCore._message_answered

    def _reject_impure(self) -> None:
        # Somebody between the author and us sees other line ends than we do: nothing that this
        # connection still sends can be trusted to be what its sender meant.
        reply = replies.BAD_CONTENT
        self._events.append(MessageRejected(reply.lines[0], reply))
        self._out.append(reply.wire())
        self._violated("bare CR, bare LF or NUL in message")

    def _message_answered(self, reply: Reply | None) -> None:
        self._move(Happening.MESSAGE_OVER)
        if reply is None:
            self._out.append(replies.MESSAGE_OK)
        elif reply.positive:
            self._out.append(reply.wire())
        else:
            self._declined(reply)
            return
        self._errors = self._junk = 0

    # --- chunks ----------------------------------------------------------------------------

    def _read_chunk(self, chunks: ChunkReader) -> bool:
        """Octets of a wanted chunk; False when there are none."""
        if chunks.left:
            data = self._reader.take(chunks.left)
            if not data:
                return False
            piece = chunks.read(data)
            if piece:
                self._events.append(BodyChunk(piece))
        if not chunks.left:
            self._in_chunk = False
            self._chunk_over(chunks)
        return True

    def _chunk_over(self, chunks: ChunkReader) -> None:
        if chunks.last:
            chunks.finish()
            self._chunks = None
            self._content_over(chunks)
        elif chunks.impure:
            self._reject_impure()
        elif chunks.over:
            reply = replies.TOO_LARGE
            self._events.append(MessageRejected("Message too large", reply))
            self._out.append(reply.wire())
            self._chunk_failed()
        else:
            self._out.append(replies.bdat_ok(chunks.total))
            self._move(Happening.CHUNK)

    def _chunk_failed(self) -> None:
        self._chunks = None
        self._excused = limits.FOLLOW_ON_REFUSALS
        self._move(Happening.CHUNK_REFUSED)

    def _skip_chunk(self, octets: int, verdict: SkipVerdict) -> None:
        """Refuse a BDAT when its octets have gone by."""
        self._skip = octets
        self._skip_verdict = verdict

    def _skip_on(self, verdict: SkipVerdict) -> bool:
        """Let octets of a refused chunk go by; False when there are none."""
        if self._skip:
            gone = len(self._reader.take(self._skip))
            if not gone:
                return False
            self._skip -= gone
        if not self._skip:
            self._skip_verdict = None
            kind, text, reply = verdict
            if kind is not None:
                self._refuse(kind, text, reply)
            else:
                self._declined(reply)
        return True
