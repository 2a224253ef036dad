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

from gatehouse.mail.address import (
    NEEDS_SMTPUTF8,
    AddressFault,
    parse_forward_path,
    parse_reverse_path,
)
from gatehouse.mail.envelope import BodyType, Recipient
from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.bdat import ChunkReader
from gatehouse.smtp.data_reader import DataReader
from gatehouse.smtp.extensions import NO_PARAMETERS, mail_params, recipient_params
from gatehouse.smtp.server_auth import decode_response, read_auth
from gatehouse.smtp.server_core import ServerCore
from gatehouse.smtp.server_events import (
    AuthBegin,
    AuthResponse,
    DataStart,
    Event,
    Hello,
    MailFrom,
    MailParams,
    Quit,
    RcptTo,
    Refusal,
    Reset,
    StartTls,
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

_VERBS = {verb.name.encode(): verb for verb in Verb}
_LONGEST = {verb: limits.COMMAND_LINE for verb in Verb} | {
    Verb.MAIL: limits.MAIL_LINE,
    Verb.RCPT: limits.RCPT_LINE,
    Verb.AUTH: limits.AUTH_LINE,
}
_BODIES = {b"7BIT": BodyType.SEVEN_BIT, b"8BITMIME": BodyType.EIGHT_BIT, None: None}


class ServerEngine(ServerCore):
    """One server session. It holds no clock: how long to wait for the client, the driver knows."""

    __slots__ = ("_hello_extended", "_recipients", "_refused_recipients", "_smtputf8")

    def __init__(self, settings: ServerSettings, *, tls_active: bool = False) -> None:
        super().__init__(settings, tls_active=tls_active)
        self._hello_extended = True
        self._smtputf8 = False
        self._recipients = 0
        self._refused_recipients = 0

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
            self._declined(reply)

    def receive(self, data: bytes) -> None:
        """Bytes from the client, decrypted."""
        if self.closing or not data:
            return
        if self._state is State.CONNECTED:
            # RFC 5321 §4.3.1: the client waits for the greeting. Who does not may be anything.
            self._out.append(replies.EARLY_TALKER.wire())
            self._violated("data before the greeting")
        elif self._state is State.TLS_PAUSED:
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
        found = self._reader.line()
        if found is None:
            self._watch_unfinished_line()
            return False
        line, length = found
        if b"\x00" in line or b"\r" in line or b"\n" in line:
            self._refuse_odd(line, length)
            return True
        if self._state is State.AUTH:
            self._auth_response(line, length)
            return True
        space = line.find(b" ")
        word = line if space < 0 else line[:space]
        verb = _VERBS.get(word)
        if verb is None:
            verb = _VERBS.get(word.rstrip(b"\t").upper())
        if verb is None or length > _LONGEST[verb]:
            self._refuse_odd(line, length)
            return True
        if line.endswith((b" ", b"\t")):
            line = line.rstrip(b" \t")  # RFC 5321 §4.1.1: tolerate trailing white space
        self._command(verb, line)
        return True

    def _watch_unfinished_line(self) -> None:
        if not self.tls_active and self._reader.starts_with(grammar.TLS_RECORD):
            self._foreign(grammar.TLS_RECORD, "TLS handshake without STARTTLS")
        elif self._reader.dropped > limits.SKIPPED_LINE:
            self._endless_line()

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
        elif length > _LONGEST.get(_verb_of(line), limits.COMMAND_LINE):
            self._refuse(Refusal.SYNTAX, line, replies.LINE_TOO_LONG)
        elif b"\x00" in line or b"\r" in line or b"\n" in line:
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
        if verb is Verb.BDAT:
            self._bdat(line, objection)
        elif objection is not None:
            kind = Refusal.TLS_REQUIRED if objection is replies.TLS_FIRST else Refusal.SEQUENCE
            self._refuse(kind, line, objection)
        else:
            _HANDLERS[verb](self, line)

    def _objection(self, verb: Verb) -> Reply | None:
        """Why this verb is out of place now, or None."""
        if self._tls_missing and verb not in ALLOWED_BEFORE_TLS:
            if self._state is not State.TURNED_AWAY:
                return replies.TLS_FIRST
        need = VERBS[self._state][verb]
        if need is None:
            return None
        if verb is Verb.STARTTLS and self._state is not State.TURNED_AWAY:
            return None  # whether it is offered at all comes first
        return replies.OUT_OF_PLACE[need]

    def _without_argument(self, line: bytes, verb: Verb) -> bool:
        """True when nothing stands behind the verb; else the command is refused."""
        if len(line) == len(verb.name):
            return True
        self._refuse(Refusal.SYNTAX, line, replies.NO_PARAMETERS_ALLOWED)
        return False

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

    def _mail(self, line: bytes) -> None:
        self._excused = limits.FOLLOW_ON_REFUSALS  # until it is accepted
        match = grammar.PLAIN_MAIL.fullmatch(line)
        if match is not None:
            path, size, body = match.groups()
            if size is None and body is None:
                params = NO_PARAMETERS
            else:
                kind = None if body is None else _BODIES[body.upper()]
                params = MailParams(size=None if size is None else int(size), body=kind)
        else:
            careful = self._mail_with_care(line)
            if careful is None:
                return
            path, params = careful
        sender = parse_reverse_path(path)
        if sender is not None and not isinstance(sender, AddressFault):
            if sender.utf8 and not params.smtputf8:
                sender = AddressFault(NEEDS_SMTPUTF8.reason, NEEDS_SMTPUTF8.enhanced)
        if isinstance(sender, AddressFault):
            self._refuse_address(Refusal.SENDER, sender)
        elif params.size is not None and params.size > self._settings.max_message_size:
            self._refuse(Refusal.SIZE, line, replies.TOO_LARGE)
        else:
            self._smtputf8 = params.smtputf8
            self._events.append(MailFrom(sender, params))
            self._question = ServerEngine._mail_answered

    def _mail_with_care(self, line: bytes) -> tuple[bytes, MailParams] | None:
        parts = grammar.split_path(line[10:]) if line[5:10].upper() == b"FROM:" else None
        if parts is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_SYNTAX)
            return None
        path, text = parts
        if not text:
            return path, NO_PARAMETERS
        settings = self._settings
        params = mail_params(
            text, smtputf8=settings.offer_smtputf8, auth=bool(settings.auth_mechanisms)
        )
        if isinstance(params, Reply):
            self._refuse(Refusal.PARAMETER, line, params)
            return None
        return path, params

    def _refuse_address(self, kind: Refusal, fault: AddressFault) -> None:
        code = 553 if fault.enhanced == NEEDS_SMTPUTF8.enhanced else 501  # RFC 6531 §3.5
        self._refuse(kind, fault.reason, Reply(code, fault.enhanced, (fault.reason,)))

    def _mail_answered(self, reply: Reply | None) -> None:
        if reply is not None and not reply.positive:
            self._declined(reply)
            self._errors += 1  # a client that is refused again and again without end is no use
            return
        self._out.append(replies.SENDER_OK if reply is None else reply.wire())
        self._move(Happening.SENDER)
        self._excused = self._recipients = self._refused_recipients = 0

    def _rcpt(self, line: bytes) -> None:
        settings = self._settings
        if max(self._recipients, self._refused_recipients) >= settings.max_recipients:
            self._refuse(Refusal.RECIPIENTS, line, replies.TOO_MANY_RECIPIENTS)
            return
        match = grammar.PLAIN_RCPT.fullmatch(line)
        if match is not None:
            address = parse_forward_path(match[1])
            if not isinstance(address, AddressFault):
                self._events.append(RcptTo(Recipient(address=address)))
                self._question = ServerEngine._rcpt_answered
                return
            self._refuse_address(Refusal.RECIPIENT, address)
            return
        self._rcpt_with_care(line)

    def _rcpt_with_care(self, line: bytes) -> None:
        parts = grammar.split_path(line[8:]) if line[5:8].upper() == b"TO:" else None
        if parts is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_SYNTAX)
            return
        path, text = parts
        address = parse_forward_path(path)
        if not isinstance(address, AddressFault) and address.utf8 and not self._smtputf8:
            address = NEEDS_SMTPUTF8
        if isinstance(address, AddressFault):
            self._refuse_address(Refusal.RECIPIENT, address)
            return
        notify = orcpt = None
        if text:
            params = recipient_params(text, smtputf8=self._smtputf8)
            if isinstance(params, Reply):
                self._refuse(Refusal.PARAMETER, line, params)
                return
            notify, orcpt = params.notify, params.orcpt
        self._events.append(RcptTo(Recipient(address=address, notify=notify, orcpt=orcpt)))
        self._question = ServerEngine._rcpt_answered

    def _rcpt_answered(self, reply: Reply | None) -> None:
        if reply is not None and not reply.positive:
            self._refused_recipients += 1
            self._declined(reply)
            return
        self._recipients += 1
        self._out.append(replies.RECIPIENT_OK if reply is None else reply.wire())
        self._move(Happening.RECIPIENT)

    def _data_command(self, line: bytes) -> None:
        if self._without_argument(line, Verb.DATA):
            self._events.append(DataStart())
            self._question = ServerEngine._data_answered

    def _data_answered(self, reply: Reply | None) -> None:
        if reply is not None and not (reply.positive or reply.intermediate):
            self._declined(reply)
            return
        self._out.append(replies.GO_AHEAD)
        self._move(Happening.CONTENT)
        self._data = DataReader(self._settings.max_message_size)

    def _bdat(self, line: bytes, objection: Reply | None) -> None:
        size = grammar.chunk_size(line[5:])
        if size is None or size[0] > limits.CHUNK_SIZE:
            # How many octets of content follow, nobody knows: nothing behind it can be a command.
            self._refuse(Refusal.SYNTAX, line, replies.BAD_CHUNK)
            if not self.closing:
                self._violated("chunk of unknown size")
            return
        octets, last = size
        if objection is not None:
            kind = Refusal.TLS_REQUIRED if objection is replies.TLS_FIRST else Refusal.SEQUENCE
            self._skip_chunk(octets, (kind, line.decode("ascii"), objection))
            return
        if self._chunks is not None:
            self._chunks.begin(octets, last)
            self._in_chunk = True
            return
        self._chunks = ChunkReader(self._settings.max_message_size)
        self._chunks.begin(octets, last)
        self._events.append(DataStart())
        self._question = ServerEngine._chunks_answered

    def _chunks_answered(self, reply: Reply | None) -> None:
        chunks = self._chunks
        if chunks is None or reply is None or reply.positive or reply.intermediate:
            self._in_chunk = True
            return
        self._chunks = None
        self._skip_chunk(chunks.total, (None, "", reply))
        self._move(Happening.MESSAGE_OVER if chunks.last else Happening.CHUNK_REFUSED)
        self._excused = limits.FOLLOW_ON_REFUSALS

    def _rset(self, line: bytes) -> None:
        if not self._without_argument(line, Verb.RSET):
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
        if self._without_argument(line, Verb.QUIT):
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
        elif not self._without_argument(line, Verb.STARTTLS):
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
            self._refuse(Refusal.UNKNOWN, line[:4], replies.NOT_IMPLEMENTED)
        elif self.authenticated:
            self._refuse(Refusal.SEQUENCE, line[:4], replies.AUTH_TWICE)
        elif settings.auth_needs_tls and not self.tls_active:
            self._refuse(Refusal.AUTH, line[:4], replies.AUTH_NEEDS_TLS)
        else:
            command = read_auth(line[5:], settings.auth_mechanisms)
            if isinstance(command, Reply):
                self._refuse(Refusal.AUTH, line[:4], command)
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


def _verb_of(line: bytes) -> Verb | None:
    return _VERBS.get(line.partition(b" ")[0].upper())


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
}
