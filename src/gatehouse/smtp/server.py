# SPDX-License-Identifier: Apache-2.0
"""The SMTP server as an engine: bytes in, events out, replies queued (RFC 5321, with extensions).

Rule: the engine does the protocol and decides nothing else. Commands are taken strictly in order;
a question stops it until the driver has answered. What it reads next is command or content by its
state alone; when it can no longer know, it closes. State moves only through `server_states.py`.

    engine.receive(bytes)          what came from the client, decrypted
    engine.next_event()            until it returns None: more bytes or an answer are needed
    engine.answer(reply)           answers the last question; None is the engine's own yes
    engine.take_output()           what to send now
    engine.closing                 send the output, then close
"""

from collections.abc import Callable

from gatehouse.mail.address import NEEDS_SMTPUTF8
from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.server_auth import decode_response, read_auth
from gatehouse.smtp.server_envelope import EnvelopeServer
from gatehouse.smtp.server_events import (
    AuthBegin,
    AuthResponse,
    Event,
    Hello,
    Quit,
    Refusal,
    Reset,
    StartTls,
    XClient,
)
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.smtp.server_states import (
    ALLOWED_BEFORE_TLS,
    IN_TRANSACTION,
    JUNK,
    VERBS,
    Happening,
    State,
    Verb,
)
from gatehouse.smtp.xclient import parse_xclient

_VERBS = {verb.name.encode(): verb for verb in Verb}
_LONGEST = {verb: limits.COMMAND_LINE for verb in Verb} | {
    Verb.MAIL: limits.MAIL_LINE,
    Verb.RCPT: limits.RCPT_LINE,
    Verb.AUTH: limits.AUTH_LINE,
}

# Looking a member up in its enum costs as much as the rest of a comparison (Python 3.11).
_CONNECTED = State.CONNECTED
_TURNED_AWAY = State.TURNED_AWAY
_IN_AUTH = State.AUTH
_TLS_PAUSED = State.TLS_PAUSED
_BDAT = Verb.BDAT
_STARTTLS = Verb.STARTTLS
_PROXY = b"PROXY "  # the proxy protocol, version 1, from somebody who may not speak it
_NUL, _LF, _CR = b"\x00\n\r"  # as numbers: `in` is many times faster than with bytes


class ServerEngine(EnvelopeServer):
    """One server session. It holds no clock: how long to wait for the client, the driver knows."""

    __slots__ = ("_hello_extended",)

    def __init__(self, settings: ServerSettings, *, tls_active: bool = False) -> None:
        super().__init__(settings, tls_active=tls_active)
        self._hello_extended = True

    # --- for the driver --------------------------------------------------------------------

    def greet(self, reply: Reply | None = None) -> None:
        """Queue the banner. A 4xx or 5xx one: no mail is taken, the client may only QUIT."""
        if self.closing:
            return
        if reply is None or reply.positive:
            self._out.append(self._settings.banner if reply is None else reply.wire())
            self._move(Happening.WELCOMED)
        else:
            self._move(Happening.NOT_WELCOMED)
            self._declined(reply, counted=False)

    def receive(self, data: bytes) -> None:
        """Bytes from the client, decrypted."""
        if self.closing or not data:
            return
        if self._state is _CONNECTED:
            # RFC 5321 §4.3.1: the client waits for the greeting. Who does not may be anything.
            self._out.append(replies.EARLY_TALKER.wire())
            self._violated("data before the greeting")
        elif self._state is _TLS_PAUSED:
            self._data_behind_starttls()
        else:
            self._reader.add(data)

    def next_event(self) -> Event | None:
        """The next event; None: bytes or an answer are needed, or the session is over."""
        events = self._events
        while not events:
            if self._question is not None or self.closing or not self._advance():
                return None
        return events.pop(0)

    def answer(self, reply: Reply | None = None) -> None:
        """Answer the outstanding question; None is the engine's standard positive reply."""
        if self.closing:
            return  # the session ended while the driver was thinking
        question = self._question
        if question is None:
            raise RuntimeError("there is no question to answer")
        self._question = None
        question(self, reply)

    def tls_started(self) -> None:
        """The handshake is done: nothing learnt in clear survives it (RFC 3207 §4.2)."""
        if self.closing:
            return
        self._move(Happening.TLS_STARTED)
        self.tls_active = True
        self.authenticated = False
        self._reader.clear()
        self._forget_transaction()
        self.settings = self._settings

    # --- commands --------------------------------------------------------------------------

    def _advance(self) -> bool:
        """Use one command or one run of content; False when more bytes are needed."""
        if self._data is not None:
            return self._read_data(self._data)
        if self._skip_verdict is not None:
            return self._skip_on(self._skip_verdict)
        if self._in_chunk and self._chunks is not None:
            return self._read_chunk(self._chunks)
        return self._read_command()

    def _read_command(self) -> bool:
        reader = self._reader
        line = reader.line()
        if line is None:
            return bool(reader.pending or reader.dropped) and self._watch_unfinished_line()
        length = reader.length
        if self._state is _IN_AUTH:
            self._auth_response(line, length)
            return True
        if _NUL in line or _CR in line or _LF in line:
            self._refuse_odd(line, length)
            return True
        word = line.partition(b" ")[0]
        verb = _VERBS.get(word)
        if verb is None:
            verb = _VERBS.get(word.rstrip(b"\t").upper())
        if verb is None or length > _LONGEST[verb]:
            self._refuse_odd(line, length)
            return True
        if line[-1] in b" \t":
            line = line.rstrip(b" \t")  # RFC 5321 §4.1.1: tolerate trailing white space
        self._command(verb, line)
        return True

    def _watch_unfinished_line(self) -> bool:
        """True when we did not wait for its end but closed."""
        if not self.tls_active and self._reader.starts_with(grammar.TLS_RECORD):
            self._foreign(grammar.TLS_RECORD, "TLS handshake without STARTTLS")
        elif self._reader.dropped > limits.SKIPPED_LINE:
            self._endless_line()
        return self.closing

    def _endless_line(self) -> None:
        self._out.append(replies.LINE_TOO_LONG.wire())
        self._violated("endless command line")

    def _refuse_odd(self, line: bytes, length: int) -> None:
        """A line that is no command: too long, impure, unknown, or not SMTP at all."""
        if not self.tls_active and line.startswith(grammar.TLS_RECORD):
            self._foreign(grammar.TLS_RECORD, "TLS handshake without STARTTLS")
        elif length > limits.SKIPPED_LINE:
            self._endless_line()
        elif grammar.is_foreign(line):
            self._foreign(line, "HTTP on the SMTP port")
        elif line.startswith(_PROXY):
            self._foreign(line, "PROXY protocol from an address that is not named")
        elif length > _longest(line):
            self._refuse(Refusal.SYNTAX, line, replies.LINE_TOO_LONG)
        elif _NUL in line or _CR in line or _LF in line:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_LINE)
        else:
            self._refuse(Refusal.UNKNOWN, line, replies.UNKNOWN_COMMAND)

    def _command(self, verb: Verb, line: bytes) -> None:
        if verb in JUNK:
            self._junk += 1
            if self._junk > self._settings.max_junk_commands:
                self._out.append(replies.TOO_MUCH_JUNK.wire())
                self._violated("too many commands without a message")
                return
        objection = self._objection(verb)
        if verb is _BDAT:
            self._bdat(line, objection)
        elif objection is not None:
            kind = Refusal.TLS_REQUIRED if objection is replies.TLS_FIRST else Refusal.SEQUENCE
            self._refuse(kind, line, objection)
            if objection is self._farewell and not self.closing:
                self._close()
        else:
            _HANDLERS[verb](self, line)

    def _objection(self, verb: Verb) -> Reply | None:
        """Why this verb is out of place now, or None."""
        if self._tls_missing and verb not in ALLOWED_BEFORE_TLS:
            if self._state is not _TURNED_AWAY:
                return replies.TLS_FIRST
        need = VERBS[self._state][verb]
        if need is None:
            return None
        if self._farewell is not None:
            return self._farewell
        if verb is _STARTTLS and self._state is not _TURNED_AWAY:
            return None  # whether it is offered at all comes first
        return replies.OUT_OF_PLACE[need]

    def _ehlo(self, line: bytes) -> None:
        name = grammar.hello_name(line[5:])
        if name is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_HELLO)
            return
        self._hello_extended = line[:1] in b"Ee"
        self._events.append(Hello(name, self._hello_extended))
        self._question = ServerEngine._hello_answered

    def _hello_answered(self, reply: Reply | None) -> None:
        if reply is not None and not reply.positive:
            self._declined(reply)
            return
        if self._state in IN_TRANSACTION:
            self._events.append(Reset())
        self._move(Happening.HELLO)
        self._forget_transaction()
        if reply is not None:
            self._out.append(reply.wire())
        elif not self._hello_extended:
            self._out.append(self._settings.helo)
        else:
            settings = self._settings
            self._out.append(settings.ehlo_tls if self.tls_active else settings.ehlo_clear)

    def _rset(self, line: bytes) -> None:
        if not self._without_argument(line):
            return
        if self._state in IN_TRANSACTION:
            self._events.append(Reset())
        self._move(Happening.RESET)
        self._forget_transaction()
        self._out.append(replies.RESET_OK)

    def _noop(self, line: bytes) -> None:
        self._out.append(replies.NOOP_OK)

    def _help(self, line: bytes) -> None:
        self._out.append(replies.HELP_TEXT)

    def _vrfy(self, line: bytes) -> None:
        if len(line) <= 5:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_VERIFY)
        elif not line.isascii() and not line.upper().endswith(b" SMTPUTF8"):
            self._refuse_address(Refusal.RECIPIENT, NEEDS_SMTPUTF8)  # RFC 6531 §3.7.4.2
        else:
            self._out.append(replies.CANNOT_VERIFY)

    def _expn(self, line: bytes) -> None:
        self._refuse(Refusal.UNKNOWN, line, replies.NOT_IMPLEMENTED)

    def _quit(self, line: bytes) -> None:
        if self._without_argument(line):
            self._events.append(Quit())
            self._out.append(replies.BYE)
            self._close()

    # --- STARTTLS --------------------------------------------------------------------------

    def _starttls(self, line: bytes) -> None:
        need = VERBS[self._state][Verb.STARTTLS]
        if self.tls_active:
            self._refuse(Refusal.SEQUENCE, line, replies.TLS_ACTIVE)
        elif not self._settings.offer_starttls:
            self._refuse(Refusal.UNKNOWN, line, replies.NOT_IMPLEMENTED)
        elif not self._without_argument(line):
            return
        elif need is not None:
            self._refuse(Refusal.SEQUENCE, line, replies.OUT_OF_PLACE[need])
        elif self._reader.pending:
            self._data_behind_starttls()
        else:
            self._events.append(StartTls())
            self._question = ServerEngine._starttls_answered

    def _starttls_answered(self, reply: Reply | None) -> None:
        if self._reader.pending:  # came while the driver was thinking
            self._data_behind_starttls()
        elif reply is not None and not reply.positive:
            self._declined(reply)
        else:
            self._out.append(replies.TLS_READY)
            self._move(Happening.TLS_AGREED)

    def _data_behind_starttls(self) -> None:
        """RFC 3207 §4, CVE-2011-0411: commands injected in clear must never run inside TLS."""
        if self._state is State.TLS_PAUSED:
            if not self._out or self._out[-1] != replies.TLS_READY:
                self._violated("data behind STARTTLS")  # our 220 has left: no more clear text
                return
            self._out.pop()
        self._out.append(replies.DATA_BEHIND_STARTTLS.wire())
        self._violated("data behind STARTTLS")

    # --- AUTH ------------------------------------------------------------------------------

    def _auth(self, line: bytes) -> None:
        settings = self._settings
        if not settings.auth_mechanisms:
            self._refuse(Refusal.UNKNOWN, line, replies.NOT_IMPLEMENTED)
        elif self.authenticated:
            self._refuse(Refusal.SEQUENCE, line, replies.AUTH_TWICE)
        elif settings.auth_needs_tls and not self.tls_active:
            self._refuse(Refusal.AUTH, line, replies.AUTH_NEEDS_TLS)
        else:
            command = read_auth(line[5:], settings.auth_mechanisms)
            if isinstance(command, Reply):
                self._refuse(Refusal.AUTH, line, command)
                return
            self._events.append(AuthBegin(command.mechanism, command.initial))
            self._question = ServerEngine._auth_answered

    def _auth_response(self, line: bytes, length: int) -> None:
        response = replies.LINE_TOO_LONG if length > limits.AUTH_LINE else decode_response(line)
        if isinstance(response, Reply):
            self._move(Happening.AUTH_OVER)
            self._refuse(Refusal.AUTH, "AUTH", response)
        else:
            self._events.append(AuthResponse(response))
            self._question = ServerEngine._auth_answered

    def _auth_answered(self, reply: Reply | None) -> None:
        if reply is not None and reply.intermediate:
            self._out.append(reply.wire())
            self._move(Happening.CHALLENGED)
            return
        self._move(Happening.AUTH_OVER)
        if reply is None or reply.positive:
            self.authenticated = True
            self._out.append(replies.AUTH_OK if reply is None else reply.wire())
        else:
            self._declined(reply)

    # --- XCLIENT ---------------------------------------------------------------------------

    def _xclient(self, line: bytes) -> None:
        if not self._settings.offer_xclient:
            self._refuse(Refusal.UNKNOWN, line, replies.NOT_IMPLEMENTED)
            return
        attributes = parse_xclient(line[8:])
        if attributes is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_XCLIENT)
        else:
            self._events.append(XClient(attributes))
            self._question = ServerEngine._xclient_answered

    def _xclient_answered(self, reply: Reply | None) -> None:
        """Back to the greeting; TLS stays, since it cannot be turned off (XCLIENT_README)."""
        self.authenticated = False
        self._forget_transaction()
        self.greet(reply)


def _longest(line: bytes) -> int:
    """The longest that a line with this verb may be."""
    verb = _VERBS.get(line.partition(b" ")[0].upper())
    return limits.COMMAND_LINE if verb is None else _LONGEST[verb]


_HANDLERS: dict[Verb, Callable[[ServerEngine, bytes], None]] = {
    Verb.EHLO: ServerEngine._ehlo,
    Verb.HELO: ServerEngine._ehlo,
    Verb.MAIL: ServerEngine._mail,
    Verb.RCPT: ServerEngine._rcpt,
    Verb.DATA: ServerEngine._data_command,
    Verb.RSET: ServerEngine._rset,
    Verb.NOOP: ServerEngine._noop,
    Verb.VRFY: ServerEngine._vrfy,
    Verb.EXPN: ServerEngine._expn,
    Verb.HELP: ServerEngine._help,
    Verb.QUIT: ServerEngine._quit,
    Verb.STARTTLS: ServerEngine._starttls,
    Verb.AUTH: ServerEngine._auth,
    Verb.XCLIENT: ServerEngine._xclient,
}
