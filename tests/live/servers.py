# SPDX-License-Identifier: Apache-2.0
"""One fake SMTP server, driven by a value: a good one, and every bad one that the tests need.

`Behaviour()` is a plain, correct server; a test replaces what it wants to go wrong. The server is
strict about what it receives (only CRLF.CRLF ends data) and keeps every octet of it, because most
tests want to know what was *not* said: nothing in clear, nothing twice, nothing impure. TLS is the
standard library's, so that the gateway does not talk to its own engine.
"""

import base64
import contextlib
import enum
import functools
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trustme

from tests.patience import PATIENCE

PORT = 2600  # of all fake servers; each has an address of its own (delivery.smtp_port)
FULL = ("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")


class Act(enum.Enum):
    """What a server does instead of answering."""

    CLOSE = enum.auto()  # close the connection
    RESET = enum.auto()  # RST
    SILENCE = enum.auto()  # say nothing and keep the connection open


class Handshake(enum.Enum):
    """What happens behind the 220 to STARTTLS."""

    GOOD = enum.auto()  # TLS comes up
    ALERT = enum.auto()  # no protocol in common: a TLS alert
    GARBAGE = enum.auto()  # octets that are no TLS
    SILENCE = enum.auto()  # nothing at all
    RESET = enum.auto()  # RST
    CLOSE = enum.auto()  # close


Answer = bytes | Act
Answers = Answer | tuple[Answer, ...]  # one for each time it is asked, the last one for ever


@functools.cache
def authority() -> trustme.CA:
    """The tests' own CA."""
    return trustme.CA()


@functools.cache
def server_context(
    version: ssl.TLSVersion | None = None, ciphers: str | None = None
) -> ssl.SSLContext:
    """A TLS server for `*.example` hosts; `version` pins one protocol version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("mx.example", "localhost").configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def _outdated() -> ssl.SSLContext:
    """A server whose only cipher no client of today offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("mx.example").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES128-CCM8:@SECLEVEL=0")
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a server answers. Replies are given whole, with their line ends."""

    greeting: Answer = b"220 mx.example ESMTP\r\n"
    ehlo: Answers | None = None  # None: the capabilities
    helo: Answers = b"250 mx.example\r\n"
    capabilities: tuple[str, ...] = FULL
    tls: bool = False  # offers STARTTLS and knows it
    offer: bool | None = None  # lists STARTTLS; None: as `tls`
    starttls: Answer = b"220 2.0.0 go ahead\r\n"
    behind_220: bytes = b""  # octets in clear right behind the 220
    handshake: Handshake = Handshake.GOOD
    context: ssl.SSLContext | None = None
    mail: Answers = b"250 2.1.0 ok\r\n"
    rcpt: Answers = b"250 2.1.5 ok\r\n"
    refused: Mapping[str, bytes] = field(default_factory=dict)  # recipient → reply
    data: Answers = b"354 go on\r\n"
    end: Answers = b"250 2.0.0 ok queued as SINK\r\n"
    rset: Answers = b"250 2.0.0 ok\r\n"
    quit: Answers = b"221 2.0.0 bye\r\n"
    drop_after: int | None = None  # close when so many octets of the content have come
    read_delay: float = 0.0  # seconds between two reads of content
    trickle: float = 0.0  # seconds between two octets of each reply
    auth: Answers = b"235 2.7.0 welcome\r\n"
    account: tuple[str, str] | None = None  # user and password; then AUTH is judged by them
    implicit: bool = False  # TLS with the first octet
    hang_up_after: str = ""  # close after the answer to this command


@dataclass(slots=True)
class Message:
    """One transaction that came to its end of data."""

    sender: str
    parameters: str  # behind MAIL FROM:<...>
    recipients: list[str]
    recipient_parameters: list[str]
    wire: bytes  # content as sent, stuffed, with the final dot
    tls: bool
    connection: int
    answer: bytes = b""

    @property
    def content(self) -> bytes:
        """The message itself."""
        body = self.wire.removesuffix(b".\r\n")
        return (b"\r\n" + body).replace(b"\r\n..", b"\r\n.")[2:]

    @property
    def without_received(self) -> bytes:
        """The message without the Received field that the gateway put on top."""
        return strip_received(self.content)


def strip_received(content: bytes) -> bytes:
    """Cut the first field, which must be a Received field."""
    assert content.startswith(b"Received: "), content[:200]
    position = content.index(b"\r\n")
    while content[position + 2 : position + 3] in (b" ", b"\t"):
        position = content.index(b"\r\n", position + 2)
    return content[position + 2 :]


@dataclass(slots=True)
class Line:
    """One command line as it came."""

    text: str
    tls: bool
    connection: int

    @property
    def verb(self) -> str:
        """MAIL, RCPT, ..."""
        return self.text.split(" ")[0].upper()


class FakeServer:
    """Listens on an address of its own until closed."""

    def __init__(self, address: str, behaviour: Behaviour, port: int = PORT) -> None:
        self.address = address
        self.port = port
        self.behaviour = behaviour
        self.messages: list[Message] = []
        self.lines: list[Line] = []
        self.connections = 0
        self.open_now = 0
        self.in_use = 0  # open, and nobody has said QUIT on them: what a client may count
        self.most_open = 0  # of those in use
        self.handshakes: list[tuple[str, bool]] = []  # (protocol, resumed)
        self.ends: list[str] = []  # how each connection ended, as seen from here
        self.clear: dict[int, bytes] = {}  # every octet that came outside TLS, by connection
        self._changed = threading.Condition()
        self._closing = False
        self._socket = socket.create_server((address, port), backlog=200)
        self._socket.settimeout(0.1)
        threading.Thread(target=self._accept, daemon=True).start()

    # --- what tests ask ---------------------------------------------------------------------

    def wait(self, count: int = 1, seconds: float = PATIENCE) -> list[Message]:
        """Wait until so many messages have been answered."""
        self.wait_for(lambda: len(self.messages) >= count, f"{count} messages", seconds)
        return list(self.messages)

    def wait_for(self, happened: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for anything that the server can see."""
        ends = time.monotonic() + seconds
        with self._changed:
            while not happened():
                left = ends - time.monotonic()
                assert left > 0, f"not within {seconds} s: {what}; heard {self.heard()}"
                self._changed.wait(min(left, 0.1))

    def heard(self, verb: str | None = None, *, tls: bool | None = None) -> list[str]:
        """Command lines, of one verb and inside or outside TLS."""
        return [
            line.text
            for line in list(self.lines)
            if (verb is None or line.verb == verb) and (tls is None or line.tls is tls)
        ]

    @property
    def spoke_in_clear(self) -> bool:
        """Anything of a message, or of a login, was said outside TLS."""
        return any(
            not line.tls and line.verb in ("MAIL", "RCPT", "DATA", "BDAT", "AUTH")
            for line in list(self.lines)
        )

    def close(self) -> None:
        """Stop listening."""
        self._closing = True
        self._socket.close()

    def __enter__(self) -> "FakeServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the server ---------------------------------------------------------------------------

    def note(self, change: Callable[[], None]) -> None:
        """Change what tests look at."""
        with self._changed:
            change()
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = _Talk(self, sock, self.connections)
            self.note(self._opened)
            threading.Thread(target=talk.run, daemon=True).start()

    def _opened(self) -> None:
        self.connections += 1
        self.open_now += 1
        self.in_use += 1
        self.most_open = max(self.most_open, self.in_use)


class _Over(Exception):
    """The connection ends here."""


class _Talk:
    """One connection."""

    def __init__(self, server: FakeServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self.buffer = b""
        self.tls = False
        self.left = False
        self.sender: tuple[str, str] | None = None
        self.recipients: list[tuple[str, str]] = []
        self.counts: dict[str, itertools.count[int]] = {}

    @property
    def behaviour(self) -> Behaviour:
        """As it is now: a test may change it under an open connection."""
        return self.server.behaviour

    def run(self) -> None:
        end = "closed by us"
        try:
            if self.behaviour.implicit:
                self.secure(self.behaviour.context or server_context())
            self.answer(self.behaviour.greeting)
            while True:
                line = self.line()
                text = line.decode("utf-8", "backslashreplace")
                self.server.note(
                    lambda text=text: self.server.lines.append(Line(text, self.tls, self.number))  # type: ignore[misc]
                )
                self.command(text)
        except _Over as over:
            end = str(over) or end
        except (OSError, ssl.SSLError) as error:
            end = type(error).__name__
        finally:
            with contextlib.suppress(OSError):
                self.sock.close()
            self.server.note(lambda: self._ended(end))

    def _left(self) -> None:
        if not self.left:
            self.left = True
            self.server.in_use -= 1

    def _ended(self, end: str) -> None:
        self._left()
        self.server.open_now -= 1
        self.server.ends.append(end)

    # --- octets -----------------------------------------------------------------------------

    def receive(self) -> None:
        more = self.sock.recv(65536)
        if not more:
            raise _Over("closed by the client")
        self.came(more)
        self.buffer += more

    def came(self, octets: bytes) -> None:
        if not self.tls:
            self.server.clear[self.number] = self.server.clear.get(self.number, b"") + octets

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def say(self, wire: bytes) -> None:
        if self.behaviour.trickle:
            for octet in wire:
                self.sock.sendall(bytes((octet,)))
                time.sleep(self.behaviour.trickle)
        else:
            self.sock.sendall(wire)

    def answer(self, answer: Answer) -> bytes:
        """Say it or do it; a 421 closes as RFC 5321 §3.8 says."""
        match answer:
            case Act.CLOSE:
                raise _Over
            case Act.RESET:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _Over
            case Act.SILENCE:
                while True:
                    self.receive()
            case bytes():
                self.say(answer)
                if answer.startswith(b"421"):
                    raise _Over
                return answer

    def choose(self, name: str, answers: Answers) -> Answer:
        if not isinstance(answers, tuple):
            return answers
        turn = next(self.counts.setdefault(name, itertools.count()))
        return answers[min(turn, len(answers) - 1)]

    # --- commands -----------------------------------------------------------------------------

    def command(self, text: str) -> None:
        verb, _, rest = text.partition(" ")
        behaviour = self.behaviour
        match verb.upper():
            case "EHLO" if behaviour.ehlo is None:
                self.answer(self.capabilities())
            case "EHLO":
                assert behaviour.ehlo is not None
                self.answer(self.choose("ehlo", behaviour.ehlo))
            case "HELO":
                self.answer(self.choose("helo", behaviour.helo))
            case "STARTTLS":
                self.start_tls()
            case "MAIL":
                if self.positive(self.choose("mail", behaviour.mail)):
                    self.sender = _path(rest)
                    self.recipients = []
            case "RCPT":
                self.recipient(*_path(rest))
            case "DATA":
                self.data()
            case "RSET":
                self.sender, self.recipients = None, []
                self.answer(self.choose("rset", behaviour.rset))
            case "AUTH" if behaviour.account is not None:
                good = self.login(rest) == behaviour.account
                self.answer(b"235 2.7.0 welcome\r\n" if good else b"535 5.7.8 who are you\r\n")
            case "AUTH":
                self.answer(self.choose("auth", self.behaviour.auth))
            case "QUIT":
                self.server.note(self._left)
                self.answer(self.choose("quit", behaviour.quit))
                raise _Over("QUIT")
            case _:
                self.answer(b"500 5.5.2 what?\r\n")
        if behaviour.hang_up_after and behaviour.hang_up_after == verb.upper():
            raise _Over

    def login(self, rest: str) -> tuple[str, str]:
        """User and password out of AUTH PLAIN (RFC 4616) or LOGIN, in all their forms."""
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            if not initial:
                self.say(b"334 \r\n")
                initial = self.line().decode()
            _, user, password = base64.b64decode(initial).split(b"\0")
        else:
            self.say(b"334 VXNlcm5hbWU6\r\n")
            user = base64.b64decode(self.line())
            self.say(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(self.line())
        return user.decode(), password.decode()

    def positive(self, answer: Answer) -> bool:
        return self.answer(answer).startswith((b"2", b"3"))

    def capabilities(self) -> bytes:
        behaviour = self.behaviour
        offer = behaviour.tls if behaviour.offer is None else behaviour.offer
        words = ["mx.example", *behaviour.capabilities]
        if offer and not self.tls:
            words.append("STARTTLS")
        lines = [f"250-{word}\r\n" for word in words[:-1]] + [f"250 {words[-1]}\r\n"]
        return "".join(lines).encode()

    def start_tls(self) -> None:
        behaviour = self.behaviour
        answer = behaviour.starttls
        if not behaviour.tls and answer == Behaviour().starttls:
            answer = b"502 5.5.1 not implemented\r\n"
        if isinstance(answer, bytes) and answer.startswith(b"220"):
            answer += behaviour.behind_220
        if not self.answer(answer).startswith(b"220"):
            return
        match behaviour.handshake:
            case Handshake.CLOSE:
                raise _Over
            case Handshake.RESET:
                self.answer(Act.RESET)
            case Handshake.SILENCE:
                self.answer(Act.SILENCE)
            case Handshake.GARBAGE:
                self.receive()
                self.sock.sendall(b"this is not TLS at all, whatever you think\r\n")
                raise _Over
            case Handshake.ALERT:
                context = _outdated()
            case Handshake.GOOD:
                context = behaviour.context or server_context()
        assert self.buffer == b"", "the client spoke in clear behind STARTTLS"
        self.secure(context)

    def secure(self, context: ssl.SSLContext) -> None:
        wrapped = context.wrap_socket(self.sock, server_side=True)
        self.sock, self.tls = wrapped, True
        made = (wrapped.version() or "", wrapped.session_reused or False)
        self.server.note(lambda: self.server.handshakes.append(made))

    def recipient(self, address: str, parameters: str) -> None:
        refusal = self.behaviour.refused.get(address)
        chosen = refusal or self.choose("rcpt", self.behaviour.rcpt)
        if self.positive(chosen):
            self.recipients.append((address, parameters))

    def data(self) -> None:
        if not self.recipients and self.behaviour.data == Behaviour().data:
            self.answer(b"554 5.5.1 no valid recipients\r\n")
            return
        if not self.answer(self.choose("data", self.behaviour.data)).startswith(b"354"):
            return
        wire = self.content()
        message = Message(
            sender=self.sender[0] if self.sender else "?",
            parameters=self.sender[1] if self.sender else "",
            recipients=[address for address, _ in self.recipients],
            recipient_parameters=[parameters for _, parameters in self.recipients],
            wire=wire,
            tls=self.tls,
            connection=self.number,
        )
        self.sender, self.recipients = None, []
        answer = self.choose("end", self.behaviour.end)
        if isinstance(answer, bytes):
            message.answer = answer
        # Kept before it is answered: what came whole is there, whatever becomes of the answer.
        self.server.note(lambda: self.server.messages.append(message))
        self.answer(answer)

    def content(self) -> bytes:
        """Everything up to CRLF.CRLF."""
        wire, self.buffer = bytearray(self.buffer), b""
        behaviour = self.behaviour
        while True:
            start = max(0, len(wire) - 70_000)
            end = 3 if wire[:3] == b".\r\n" else wire.find(b"\r\n.\r\n", start) + 5
            if end >= 5 or (end == 3 and wire[:3] == b".\r\n"):
                self.buffer = bytes(wire[end:])
                return bytes(wire[:end])
            if behaviour.drop_after is not None and len(wire) >= behaviour.drop_after:
                raise _Over
            if behaviour.read_delay:
                time.sleep(behaviour.read_delay)
            more = self.sock.recv(65536)
            if not more:
                raise _Over("closed within the content")
            self.came(more)
            wire += more


def _path(rest: str) -> tuple[str, str]:
    """`FROM:<a@b> SIZE=1` → address and parameters."""
    _, _, path = rest.partition("<")
    address, _, parameters = path.rpartition(">") if path.count(">") == 1 else _quoted(path)
    return address, parameters.strip()


def _quoted(path: str) -> tuple[str, str, str]:
    """A `>` within quotes belongs to the address."""
    inside = False
    for position, character in enumerate(path):
        if character == '"':
            inside = not inside
        elif character == ">" and not inside:
            return path[:position], ">", path[position + 1 :]
    return path, "", ""
