# SPDX-License-Identifier: Apache-2.0
"""The part of the server engine that every command uses: state, output, refusals.

Rule: one command, one complete reply, in order. What goes wrong is counted, whoever refused it, and
a client for whom nothing but that happens is sent away.
"""

from collections.abc import Callable

from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.bdat import ChunkReader
from gatehouse.smtp.command_reader import CommandReader
from gatehouse.smtp.data_reader import DataReader
from gatehouse.smtp.server_events import (
    CommandRefused,
    Event,
    ProtocolViolation,
    Refusal,
)
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.smtp.server_states import TRANSITIONS, Happening, State

# How a refused BDAT is answered once its octets have gone by.
SkipVerdict = tuple[Refusal | None, str, Reply]

_BLANK = ord(" ")


class ServerCore:
    """One server session without its commands."""

    __slots__ = (
        "_chunks",
        "_data",
        "_errors",
        "_events",
        "_excused",
        "_farewell",
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
        self._farewell: Reply | None = None  # what a client turned away hears, whatever it says
        self.settings = settings

    @property
    def settings(self) -> ServerSettings:
        """May be replaced at any time; what has been announced already is not taken back."""
        return self._settings

    @settings.setter
    def settings(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._tls_missing = settings.require_tls and not self.tls_active
        auth = bool(settings.auth_mechanisms)
        self._reader.longest = limits.AUTH_LINE if auth else limits.UNTERMINATED_LINE

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

    def turn_away(self, reply: Reply) -> None:
        """No service after all, on what TLS has shown: the greeting says so, if it has not left.

        Else the next command is answered with it, and the session ends.
        """
        if self.closing:
            return
        if self._out:  # with implicit TLS: nobody has heard the greeting yet
            self._out = [reply.wire()]
        else:
            self._farewell = reply
        self._reader.clear()
        self._move(Happening.NOT_WELCOMED)

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
        if isinstance(text, bytes):
            if text[:4].upper() == b"AUTH":
                text = b"AUTH"  # what follows may be a password
            text = grammar.show(text, limits.LOGGED_TEXT)
        if kind is Refusal.SEQUENCE and self._excused:
            self._excused -= 1
        elif kind is not Refusal.RECIPIENTS:  # RFC 5321 §4.5.3.1.10: no fault of the client
            self._errors += 1
        enough = self._errors >= self._settings.max_errors
        if enough:
            reply = replies.TOO_MANY_ERRORS
        self._events.append(CommandRefused(kind, text, reply))
        self._out.append(reply.wire())
        if enough:
            self._violated("too many errors")

    def _without_argument(self, line: bytes) -> bool:
        """True when nothing stands behind the verb; else the command is refused."""
        if _BLANK not in line:
            return True
        self._refuse(Refusal.SYNTAX, line, replies.NO_PARAMETERS_ALLOWED)
        return False

    def _declined(self, reply: Reply, *, counted: bool = True) -> None:
        """The driver said no; 421 means that it wants to be rid of the client (RFC 5321 §3.8)."""
        self._out.append(reply.wire())
        if reply.code == 421:
            self._close()
        elif counted:
            self._count_error()

    def _count_error(self) -> None:
        """An error that has had its reply already."""
        self._errors += 1
        if self._errors >= self._settings.max_errors:
            self._out.append(replies.TOO_MANY_ERRORS.wire())
            self._violated("too many errors")

    def _foreign(self, line: bytes, what: str) -> None:
        """Not a mail client at all: say so and close."""
        shown = grammar.show(line, limits.LOGGED_TEXT)
        self._events.append(CommandRefused(Refusal.UNKNOWN, shown, replies.NO_MAIL_CLIENT))
        self._out.append(replies.NO_MAIL_CLIENT.wire())
        self._violated(what)
