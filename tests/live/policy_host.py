# SPDX-License-Identifier: Apache-2.0
"""A web server of the tests' own: MTA-STS policies by host name, and reports that are posted to it.

Each host has a certificate of its own choice and a way to behave. It speaks just enough HTTP.
"""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.patience import PATIENCE
from tests.unit.tls.authority import Made, issue

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    """Real time: these certificates are judged by OpenSSL."""
    return datetime.datetime.now(datetime.UTC)


def root(name: str = "Policy Root") -> Made:
    """A root that is valid today."""
    return issue(name, ca=True, start=now() - DAY, end=now() + 30 * DAY)


def leaf(host: str, by: Made, *, days: int = 10, common_name: str = "") -> Made:
    """A certificate for a host; with negative days it ended that long ago."""
    start = now() - 100 * DAY
    names = () if common_name else (host,)
    return issue(common_name or host, by, dns=names, start=start, end=now() + days * DAY)


def plain(content: bytes, status: str = "200 OK", kind: str = "text/plain") -> bytes:
    """An answer as it goes over the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def redirect(to: str) -> bytes:
    """An answer that leads elsewhere."""
    return f"HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


Behaviour = bytes | Callable[[ssl.SSLSocket], None]


def drip(sock: ssl.SSLSocket) -> None:
    """Something now and then, for ever."""
    try:
        while True:
            sock.sendall(b"X")
            if _closed(sock, 0.05):
                return
    except OSError:
        pass


def _closed(sock: ssl.SSLSocket, seconds: float) -> bool:
    sock.settimeout(seconds)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False


@dataclass
class Host:
    """One name of the server."""

    context: ssl.SSLContext
    behaviour: Behaviour
    requests: list[bytes] = field(default_factory=list)


class PolicyHost:
    """Serves all its names on one address and port."""

    def __init__(self, folder: Path, address: str, port: int = 0) -> None:
        self.folder = folder
        self.hosts: dict[str, Host] = {}
        self.sock = socket.create_server((address, port))
        self.port = self.sock.getsockname()[1]
        self._front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._front.sni_callback = self._choose
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, name: str, made: Made, behaviour: Behaviour) -> Host:
        """A host from now on; a name that is there already is replaced."""
        path = self.folder / f"{name}.pem"
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(made.pem + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        self.hosts[name] = Host(context, behaviour)
        if len(self.hosts) == 1:
            self._front.load_cert_chain(path)
        return self.hosts[name]

    def _choose(
        self, sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        host = self.hosts.get(name or "")
        if host is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        sock.context = host.context
        sock.chosen = host  # type: ignore[union-attr]
        return None

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(PATIENCE)
            with self._front.wrap_socket(connection, server_side=True) as sock:
                host: Host = sock.chosen  # type: ignore[attr-defined]
                host.requests.append(_request(sock))
                if callable(host.behaviour):
                    host.behaviour(sock)
                else:
                    sock.sendall(host.behaviour)
        except OSError:
            pass  # clients that do not like the certificate are what is tested

    def close(self) -> None:
        """Stop listening."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self._thread.join(PATIENCE)


def _request(sock: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        got = sock.recv(65536)
        if not got:
            return data
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
            while len(body) < length and (got := sock.recv(65536)):
                body += got
    return head + b"\r\n\r\n" + body
