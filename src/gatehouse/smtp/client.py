# SPDX-License-Identifier: Apache-2.0
"""The SMTP client: server bytes in, events and client bytes out. LMTP too (RFC 2033).

Rules, beside the tables in `client_states`:

- Replies are counted. A command counts as sent when `take_output` gave it away; every reply belongs
  to the oldest command sent. A reply for which there is none, or whose code the command cannot
  have, ends the session (`Broken`), and nothing behind it is believed. The one exception is 421,
  which a server may say at any time (RFC 5321 §3.8).
- Between the 220 to STARTTLS and the handshake there is nothing (RFC 3207 §4.2; CVE-2011-0411 is
  the same hole in servers). What was learnt in clear is forgotten when TLS is up.
- With PIPELINING (RFC 2920) MAIL, RCPT and DATA leave together, in groups of bounded size; without
  it one by one.
"""

import base64
from collections import deque
from dataclasses import dataclass, replace

from gatehouse.mail.envelope import Envelope
from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_events as events
from gatehouse.smtp import client_limits
from gatehouse.smtp.capabilities import Capabilities, parse_capabilities
from gatehouse.smtp.client_auth import read_challenge
from gatehouse.smtp.client_commands import NOBODY, RSET, Command, Content, join_lines, plan_commands
from gatehouse.smtp.client_states import (
    REPLIES,
    TRANSITIONS,
    WAITS,
    Happening,
    State,
    Step,
    WrongStep,
)
from gatehouse.smtp.client_transaction import Transaction
from gatehouse.smtp.reply_reader import Malformed, ReplyReader
from gatehouse.smtp.stuffing import ImpureBody


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What is fixed for a connection."""

    hostname: str  # the name we say in EHLO
    lmtp: bool = False
    starttls_timeout: float = client_limits.STARTTLS_TIMEOUT


class ClientEngine:
    """One connection to one server."""

    __slots__ = (
        "_events",
        "_expected",
        "_output",
        "_reader",
        "_settings",
        "_state",
        "_tls_active",
        "_transaction",
        "_untaken",
        "capabilities",
    )

    def __init__(self, settings: ClientSettings, *, tls_active: bool = False) -> None:
        self.capabilities = Capabilities()
        self._settings = settings
        self._tls_active = tls_active
        self._state = State.GREETING
        self._reader = ReplyReader()
        self._transaction = Transaction([], lmtp=False)
        # Steps whose reply is due, oldest first, with the recipient; the last `_untaken` of them
        # are not sent yet.
        self._expected: deque[tuple[Step, int]] = deque([(Step.GREETING, NOBODY)])
        self._untaken = 0
        self._output: list[bytes] = []
        self._events: deque[events.Event] = deque()

    @property
    def closing(self) -> bool:
        """Nothing more comes of this connection: close it."""
        return self._state is State.CLOSED

    @property
    def idle(self) -> bool:
        """Whether `begin()` is allowed now."""
        return Happening.CALL_BEGIN in TRANSITIONS[self._state]

    @property
    def in_doubt(self) -> bool:
        """Whether the end of the data is out and its answer is not in (RFC 1047)."""
        return self._state is State.RESULT and len(self._expected) > self._untaken

    @property
    def timeout(self) -> float:
        """Seconds the driver may wait now for the server (RFC 5321 §4.5.3.2)."""
        if self._expected:
            step = self._expected[0][0]
            if step is Step.STARTTLS:
                return self._settings.starttls_timeout
            return REPLIES[step].timeout
        return WAITS.get(self._state, client_limits.IDLE_TIMEOUT)

    def receive(self, data: bytes) -> None:
        """Bytes from the wire, or out of TLS. Everything in them is acted upon at once."""
        if self._state is State.PAUSED_FOR_TLS and data:
            self._breach(events.BEHIND_STARTTLS)
        if self.closing:
            return
        self._reader.feed(data)
        while (reply := self._reader.next_reply()) is not None:
            if isinstance(reply, Malformed):
                self._breach(reply.what)
            else:
                self._on_reply(reply)

    def receive_eof(self) -> None:
        """The server ended the connection, or it failed."""
        if self._state is State.LEAVING:
            self._close(Happening.OVER, events.Closed())
        elif self._state is not State.CLOSED:
            self._close(Happening.OVER, events.Lost(self.in_doubt))

    def next_event(self) -> events.Event | None:
        """The oldest event not yet seen; None: send what is to be sent, then bring more bytes."""
        return self._events.popleft() if self._events else None

    def take_output(self) -> bytes:
        """Everything to send now. With this the commands in it count as sent."""
        if self._untaken:
            if self._reader.pending and self._untaken == len(self._expected):
                self._breach("reply before its command")
            self._untaken = 0
        output = self._output
        if not output:
            return b""
        wire = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return wire

    def hello_fallback(self) -> None:
        """After `HelloRefused` with `fallback`: go on with HELO, without any extension."""
        self._move(Happening.CALL_HELO)
        self._send([(f"HELO {self._settings.hostname}\r\n".encode(), Step.HELO, NOBODY)])

    def start_tls(self) -> None:
        """Ask for TLS. Whether it was offered is for the policy to weigh; asking all the same
        does no harm.
        """
        if self._tls_active:
            raise WrongStep("start_tls() under TLS")
        self._move(Happening.CALL_START_TLS)
        self._send([(b"STARTTLS\r\n", Step.STARTTLS, NOBODY)])

    def tls_started(self) -> None:
        """The handshake is done: forget what was offered in clear and say EHLO again."""
        self._move(Happening.CALL_TLS_STARTED)
        self._tls_active = True
        self.capabilities = Capabilities()
        self._send_hello()

    def authenticate(self, mechanism: str, initial: bytes | None = None) -> None:
        """Say AUTH, with an initial response or without (RFC 4954 §4).

        Whether this may be done on this connection is for the policy: the engine sends passwords
        wherever it is told to.
        """
        self._move(Happening.CALL_AUTH)
        words = [b"AUTH", mechanism.encode("ascii")]
        if initial is not None:
            words.append(base64.b64encode(initial) or b"=")
        self._send([(b" ".join(words) + b"\r\n", Step.AUTH, NOBODY)])

    def respond(self, data: bytes | None) -> None:
        """Answer a challenge; None cancels the exchange, and the server refuses it then."""
        self._move(Happening.CALL_RESPOND)
        line = b"*" if data is None else base64.b64encode(data)
        self._send([(line + b"\r\n", Step.AUTH, NOBODY)])

    def begin(
        self, envelope: Envelope, size: int, *, eight_bit: bool, utf8_headers: bool = True
    ) -> events.Begun | events.Refused:
        """Start a transaction, or say why the message cannot go to this server as it is.

        `utf8_headers`: whether the header may hold UTF-8; it counts only if the envelope came with
        SMTPUTF8.
        """
        if not self.idle:
            raise WrongStep(f"begin() in state {self._state.value}")
        stale = self._state is State.STALE
        content = Content(size=size, eight_bit=eight_bit, utf8_headers=utf8_headers)
        plan = plan_commands(envelope, content, self.capabilities, tls_active=self._tls_active)
        if isinstance(plan, events.Refused):
            return plan
        self._move(Happening.CALL_BEGIN)
        commands = [RSET, *plan.commands] if stale else plan.commands
        self._transaction = Transaction(commands, lmtp=self._settings.lmtp)
        for index, reply in plan.unreachable:
            self._events.append(events.RecipientResult(index, reply))
        self._send(self._transaction.next_group(pipelining=self.capabilities.pipelining))
        return _BEGUN[self.capabilities.dsn]

    def body(self, data: bytes) -> None:
        """Content, unstuffed, lines ending with CRLF. Ignored once the session has ended."""
        if self._state is State.CLOSED:
            return
        self._move(Happening.CALL_BODY)
        self._output.append(self._pure(data))

    def end_body(self) -> None:
        """The content is complete. Ignored once the session has ended."""
        if self._state is State.CLOSED:
            return
        self._output.append(self._pure(None))
        self._move(Happening.CALL_END_BODY)
        self._expect(Step.END, self._transaction.answers_due())

    def rset(self) -> None:
        """Forget a transaction at the server. `begin()` does it itself where it is needed."""
        self._move(Happening.CALL_RSET)
        self._send([RSET])

    def quit(self) -> None:
        """Take leave; the connection's end counts as its success."""
        self._move(Happening.CALL_QUIT)
        self._send([(b"QUIT\r\n", Step.QUIT, NOBODY)])

    # What the server says.

    def _on_reply(self, reply: Reply) -> None:
        if reply.code == 421 and self._state is not State.LEAVING:
            self._close(Happening.CLOSING, events.ServerClosing(reply))
            return
        if len(self._expected) == self._untaken:
            self._breach(f"unsolicited reply {reply.code}")
            return
        step, index = self._expected[0]
        rule = REPLIES[step]
        accepted = reply.code in rule.yes
        if not accepted and reply.code not in rule.no and reply.code not in rule.more:
            self._breach(f"{reply.code} in reply to {step.value}")
            return
        self._expected.popleft()
        match step:
            case Step.RCPT | Step.MAIL:
                self._on_envelope(step, index, reply, accepted=accepted)
            case Step.DATA:
                self._on_data(reply, accepted=accepted)
            case Step.END:
                self._on_result(index, reply)
            case Step.RSET:
                self._on_reset()
            case _:
                self._on_session(step, reply, accepted=accepted)

    def _on_session(self, step: Step, reply: Reply, *, accepted: bool) -> None:
        match step, accepted:
            case Step.GREETING, _:
                self._move(Happening.GREETED if accepted else Happening.TURNED_AWAY)
                self._events.append(events.Greeting(reply))
                if accepted:
                    self._send_hello()
            case ((Step.EHLO | Step.HELO), True):
                self.capabilities = (
                    parse_capabilities(reply.lines) if step is Step.EHLO else Capabilities()
                )
                self._move(Happening.WELCOMED)
                self._events.append(events.Ready(self.capabilities))
            case ((Step.EHLO | Step.HELO), False):
                fallback = step is Step.EHLO and not self._settings.lmtp
                self._move(Happening.UNKNOWN_HELLO if fallback else Happening.UNWELCOME)
                self._events.append(events.HelloRefused(reply, fallback))
            case Step.STARTTLS, True if self._reader.pending:
                self._breach(events.BEHIND_STARTTLS)
            case Step.STARTTLS, _:
                self._move(Happening.TLS_GRANTED if accepted else Happening.TLS_REFUSED)
                self._events.append(events.TlsGo() if accepted else events.TlsRefused(reply))
            case Step.AUTH, _:
                self._on_auth(reply, accepted=accepted)
            case _:
                self._close(Happening.OVER, events.Closed())

    def _on_auth(self, reply: Reply, *, accepted: bool) -> None:
        if reply.code in REPLIES[Step.AUTH].more:
            self._move(Happening.CHALLENGE)
            self._events.append(events.AuthChallenge(read_challenge(reply)))
        elif accepted:
            self._move(Happening.LOGGED_IN)
            self._events.append(events.LoggedIn(reply))
        else:
            self._move(Happening.LOGIN_REFUSED)
            self._events.append(events.LoginRefused(reply))

    def _on_reset(self) -> None:
        if self._state is State.RESET:
            self._move(Happening.WIPED)
            self._events.append(events.ResetDone())
        else:
            self._go_on()

    def _on_envelope(self, step: Step, index: int, reply: Reply, *, accepted: bool) -> None:
        transaction = self._transaction
        if step is Step.MAIL:
            transaction.sender_refusal = None if accepted else reply
        elif transaction.sender_refusal is None:
            if accepted:
                transaction.accepted.append(index)
            elif reply.code == 552:
                reply = _mailbox_busy(reply)
            self._events.append(events.RecipientResult(index, reply))
        elif accepted:
            self._breach("RCPT accepted after MAIL was refused")
            return
        self._go_on()

    def _go_on(self) -> None:
        """The next group of commands, once every one of this group has its answer."""
        if self._expected:
            return
        if self._transaction.hopeless:
            self._give_up(None)
        else:
            self._send(self._transaction.next_group(pipelining=self.capabilities.pipelining))

    def _on_data(self, reply: Reply, *, accepted: bool) -> None:
        if not accepted:
            self._give_up(reply)
        elif self._transaction.wanted:
            self._move(Happening.BODY_WANTED)
            self._events.append(_SEND_BODY)
        elif self._settings.lmtp:
            # RFC 2033 §4.2: DATA must fail here; and no recipient means no reply to count the end
            # of data by.
            self._breach("354 without recipients")
        else:
            # RFC 2920 §3.1: a server may take DATA although it refused everybody; end it with
            # nothing in it.
            self._move(Happening.BODY_FOR_NOBODY)
            self._output.append(b".\r\n")
            self._expect(Step.END, (NOBODY,))

    def _give_up(self, data_reply: Reply | None) -> None:
        self._move(Happening.ENVELOPE_REFUSED)
        self._events.append(self._transaction.failure(data_reply))

    def _on_result(self, index: int, reply: Reply) -> None:
        transaction = self._transaction
        if self._state is State.DISCARD:
            self._move(Happening.ANSWERED)
            self._events.append(transaction.failure(None))
            return
        final = not self._expected
        if final:
            self._move(Happening.ANSWERED)
        whose = tuple(transaction.accepted) if index == NOBODY else (index,)
        self._events.append(events.MessageResult(reply, whose, final))

    # What we say.

    def _send_hello(self) -> None:
        verb = "LHLO" if self._settings.lmtp else "EHLO"
        self._send([(f"{verb} {self._settings.hostname}\r\n".encode(), Step.EHLO, NOBODY)])

    def _send(self, commands: list[Command]) -> None:
        self._output.append(join_lines(commands))
        self._expected.extend([(step, index) for _, step, index in commands])
        self._untaken += len(commands)

    def _expect(self, step: Step, indexes: tuple[int, ...]) -> None:
        self._expected.extend([(step, index) for index in indexes])
        self._untaken += len(indexes)

    def _pure(self, data: bytes | None) -> bytes:
        """Content as wire; if it must not go out, the session ends before the message can."""
        stuffer = self._transaction.stuffer
        try:
            return stuffer.finish() if data is None else stuffer.stuff(data)
        except ImpureBody:
            self._close(Happening.OVER, events.Lost(in_doubt=False))
            raise

    # How states change and end.

    def _move(self, happening: Happening) -> None:
        following = TRANSITIONS[self._state].get(happening)
        if following is None:
            raise WrongStep(f"{happening.value} in state {self._state.value}")
        self._state = following

    def _breach(self, what: str) -> None:
        if self._state is State.LEAVING:  # whatever a server says instead of 221, we are gone
            self._close(Happening.OVER, events.Closed())
        else:
            self._close(Happening.BREACH, events.Broken(what, self.in_doubt))

    def _close(self, happening: Happening, last: events.Event) -> None:
        refusal = self._transaction.sender_refusal
        if (
            self._state is State.ENVELOPE and refusal is not None
        ):  # it was said before the end, so it holds
            self._events.append(events.SenderRefused(refusal))
        self._move(happening)
        self._events.append(last)
        self._expected.clear()
        self._untaken = 0
        self._output.clear()
        self._reader = ReplyReader()  # what it still holds is not believed


_BEGUN = {passed_on: events.Begun(passed_on) for passed_on in (False, True)}
_SEND_BODY = events.SendBody()


def _mailbox_busy(reply: Reply) -> Reply:
    """RFC 5321 §4.5.3.1.10: 552 to RCPT means "too many recipients" on old servers; treat it as
    452.
    """
    enhanced = None if reply.enhanced is None else "4" + reply.enhanced[1:]
    return replace(reply, code=452, enhanced=enhanced)
