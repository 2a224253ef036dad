# SPDX-License-Identifier: Apache-2.0
"""Clients for tests: a raw one that says whatever it is told, and the standard library's.

Neither shares code with the gateway. Every wait has a deadline; the end of the stream is a value.
"""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.patience import PATIENCE

_MID = re.compile(r"Message (\d+) accepted")


@dataclass(frozen=True, slots=True)
class Said:
    """One complete reply."""

    code: int
    lines: tuple[str, ...]  # without code

    @property
    def text(self) -> str:
        """All lines in one."""
        return "\n".join(self.lines)


def encryption() -> ssl.SSLContext:
    """A client context that looks at no certificate: encryption, not identity, is tested here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class RawClient:
    """A socket that understands replies and nothing else."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        source: str | None = None,
        context: ssl.SSLContext | None = None,
        seconds: float = PATIENCE,
    ) -> None:
        bind = (source, 0) if source else None
        self.since = time.time()  # before anything the gateway can know of this connection
        self.sock: socket.socket = socket.create_connection((address, port), seconds, bind)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        if context is not None:
            self.sock = context.wrap_socket(self.sock)

    @property
    def port(self) -> int:
        """Our own port."""
        return int(self.sock.getsockname()[1])

    def send(self, data: bytes) -> None:
        """Send octets; a server that closed already is noticed when reading."""
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass

    def line(self) -> bytes | None:
        """The next line with its end; None at the end of the stream."""
        while b"\n" not in self._buffer:
            more = self._more()
            if not more:
                assert not self._buffer, f"the stream ends within a line: {self._buffer!r}"
                return None
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def _more(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""

    def reply(self) -> Said | None:
        """The next complete reply; None at the end of the stream."""
        lines: list[str] = []
        while True:
            raw = self.line()
            if raw is None:
                assert not lines, f"the stream ends within a reply: {lines}"
                return None
            assert raw.endswith(b"\r\n"), raw
            text = raw[:-2].decode("utf-8")
            assert re.fullmatch(r"[2-5][0-9]{2}([ -].*)?", text), raw
            lines.append(text[4:])
            if text[3:4] != "-":
                return Said(int(text[:3]), tuple(lines))

    def say(self, command: str | bytes) -> Said | None:
        """Send one command line and read its reply."""
        data = command.encode() if isinstance(command, str) else command
        self.send(data + b"\r\n")
        return self.reply()

    def expect(self, command: str | bytes, code: int) -> Said:
        """The same; fails unless the reply has the code."""
        said = self.say(command)
        assert said is not None, f"closed after {command!r}"
        assert said.code == code, f"{command!r}: {said}"
        return said

    def greeted(self, code: int = 220) -> Said:
        """Read the greeting."""
        said = self.reply()
        assert said is not None and said.code == code, said
        return said

    def starttls(self, context: ssl.SSLContext | None = None, name: str | None = None) -> None:
        """STARTTLS and the handshake."""
        self.expect("STARTTLS", 220)
        self.handshake(context, name)

    def handshake(self, context: ssl.SSLContext | None = None, name: str | None = None) -> None:
        """TLS, after the 220."""
        assert self._buffer == b"", f"octets behind the 220: {self._buffer!r}"
        self.sock = (context or encryption()).wrap_socket(self.sock, server_hostname=name)

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        while more := self._more():
            self._buffer += more
        data, self._buffer = self._buffer, b""
        return data

    def closed(self) -> bool:
        """Nothing more comes and the server has closed."""
        return self.rest() == b""

    def pending(self, seconds: float = 0.05) -> bytes:
        """What has come without being asked for, after a moment."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self._buffer += self.sock.recv(65536)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.sock.settimeout(before)
        return self._buffer

    def reset(self) -> None:
        """End the connection with RST."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()

    def close(self) -> None:
        """Close."""
        self.sock.close()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def transact(
    client: RawClient, sender: str, recipients: Sequence[str], wire: bytes, mail: str = ""
) -> int:
    """One message; `wire` is what follows DATA, the final dot included. The MID."""
    client.expect(f"MAIL FROM:<{sender}>{mail}", 250)
    for recipient in recipients:
        text = recipient if recipient.startswith("<") else f"<{recipient}>"
        client.expect(f"RCPT TO:{text}", 250)
    client.expect("DATA", 354)
    client.send(wire)
    said = client.reply()
    assert said is not None and said.code == 250, said
    return mid_of(said.text)


def mid_of(text: str) -> int:
    """The MID in our 250."""
    found = _MID.search(text)
    assert found, text
    return int(found[1])


def deliver(
    endpoint: tuple[str, int],
    sender: str,
    recipients: Sequence[str],
    content: bytes,
    *,
    tls: bool = False,
    mail_options: Sequence[str] = (),
    rcpt_options: Sequence[str] = (),
) -> int:
    """Send a message with the standard library; the MID."""
    with smtplib.SMTP(*endpoint, local_hostname="client.example", timeout=PATIENCE) as client:
        if tls:
            client.starttls(context=encryption())
        client.ehlo()
        code, said = client.mail(sender, mail_options)
        assert code == 250, said
        for recipient in recipients:
            code, said = client.rcpt(recipient, rcpt_options)
            assert code == 250, said
        code, said = client.data(content)
        assert code == 250, said
        return mid_of(said.decode())
