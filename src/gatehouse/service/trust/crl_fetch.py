# SPDX-License-Identifier: Apache-2.0
"""Fetches one revocation list: bounded in size and time, from the very address that was judged.

The standard library's `http.client` in a thread (see docs/adr on fetching). It follows redirects
only within the same host, asks for no compression, sends no credentials and uses no proxy of the
environment. The name is resolved once and the connection made to the address that
`policy.fetch_targets` allowed, so that a second DNS answer changes nothing. A server that drips is
cut off by a timer: the time limit is for the whole of it, not for each read.
"""

import http.client
import os
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from gatehouse.config.running import CrlSource
from gatehouse.policy.fetch_targets import (
    FileTarget,
    TargetFault,
    WebTarget,
    judge_address,
    parse_target,
)

MAX_BYTES = 10 * 1024 * 1024  # the largest public lists have some 10 MB
WHOLE_SECONDS = 30.0
STEP_SECONDS = 10.0  # for the connection, and between two reads
MAX_REDIRECTS = 3
_CHUNK = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Addresses of a host, best first; raises OSError.
Resolve = Callable[[str, int], list[str]]


class FetchFailed(Exception):
    """The list could not be had; the text says why, in words for an operator."""


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What a test may make smaller."""

    max_bytes: int = MAX_BYTES
    whole_seconds: float = WHOLE_SECONDS
    step_seconds: float = STEP_SECONDS
    resolve: Resolve = system_resolve


DEFAULT_SETTINGS = FetchSettings()


def fetch(url: str, *, internal: bool = False, settings: FetchSettings = DEFAULT_SETTINGS) -> bytes:
    """The content behind a URL; blocks, so call it in a thread. Raises FetchFailed."""
    target = parse_target(url)
    match target:
        case TargetFault(reason):
            raise FetchFailed(reason)
        case FileTarget(path):
            return _read_file(path, settings.max_bytes)
        case WebTarget():
            try:
                return _Exchange(target, internal, settings).run()
            except TimeoutError:
                raise FetchFailed("the server does not answer in time") from None
            except (OSError, http.client.HTTPException) as error:
                raise FetchFailed(_words(error)) from None


def fetch_source(source: CrlSource) -> bytes:
    """The same for a source of the configuration."""
    return fetch(source.url, internal=source.internal)


class _Exchange:
    """One fetch with its redirects, under one time limit."""

    def __init__(self, target: WebTarget, internal: bool, settings: FetchSettings) -> None:
        self._target = target
        self._internal = internal
        self._settings = settings
        self._socket: socket.socket | None = None
        self._late = False

    def run(self) -> bytes:
        timer = threading.Timer(self._settings.whole_seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            for _ in range(MAX_REDIRECTS + 1):
                content = self._once()
                if content is not None:
                    return content
            raise FetchFailed(f"the server redirects more than {MAX_REDIRECTS} times")
        except (OSError, http.client.HTTPException):
            if self._late:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self._late = True
        if self._socket is not None:
            try:
                # Not SSLSocket.shutdown: that would take the TLS state away under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def _once(self) -> bytes | None:
        """One request; None after a redirect, which has changed the target."""
        target = self._target
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = self._connect()
        try:
            connection.request(
                "GET",
                target.path,
                headers={"Accept-Encoding": "identity", "User-Agent": "gatehouse"},
            )
            answer = connection.getresponse()
            if answer.status in _REDIRECTS:
                self._redirect(answer.getheader("Location") or "")
                return None
            if answer.status != http.HTTPStatus.OK:
                raise FetchFailed(f"the server answers with status {answer.status}")
            return self._body(answer)
        finally:
            connection.close()

    def _connect(self) -> socket.socket:
        target, step = self._target, self._settings.step_seconds
        address = self._address()
        sock = self._socket = socket.create_connection((address, target.port), timeout=step)
        self._check_late()
        if target.secure:
            context = ssl.create_default_context()
            # Handshake apart, so that the timer has a socket to cut meanwhile.
            sock = self._socket = context.wrap_socket(
                sock, server_hostname=target.host, do_handshake_on_connect=False
            )
            try:
                sock.do_handshake()
            except BaseException:
                sock.close()
                raise
        return sock

    def _address(self) -> str:
        target = self._target
        found = self._settings.resolve(target.host, target.port)
        self._check_late()
        if not found:
            raise FetchFailed("its host has no address")
        named = target.names_an_address
        for address in found:
            # All must be allowed: a name with one address inside is a name that leads inside.
            reason = judge_address(address, named=named, internal=self._internal)
            if reason is not None:
                raise FetchFailed(f"its host leads to {address}, which is refused: {reason}")
        return found[0]

    def _check_late(self) -> None:
        if self._late:
            raise TimeoutError

    def _redirect(self, location: str) -> None:
        before = self._target
        scheme = "https" if before.secure else "http"
        host = f"[{before.host}]" if ":" in before.host else before.host
        after = parse_target(urljoin(f"{scheme}://{host}:{before.port}{before.path}", location))
        if not isinstance(after, WebTarget):
            raise FetchFailed("the server redirects to something that is no URL")
        if after.host != before.host or (before.secure and not after.secure):
            raise FetchFailed("the server redirects to another host or to a connection in clear")
        self._target = after

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        limit = self._settings.max_bytes
        parts, size = [], 0
        if answer.length is not None and answer.length > limit:
            raise FetchFailed(_too_large(limit))
        while part := answer.read(_CHUNK):
            size += len(part)
            if size > limit:
                raise FetchFailed(_too_large(limit))
            parts.append(part)
        if answer.length:
            raise FetchFailed("the answer ends too early")
        self._check_late()
        return b"".join(parts)


def _read_file(path: str, limit: int) -> bytes:
    try:
        # A FIFO in its place must not make us wait.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FetchFailed(f"the file cannot be read: {error.strerror}") from None
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FetchFailed("it is no plain file")
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise FetchFailed(_too_large(limit))
    return content


def _too_large(limit: int) -> str:
    return f"it is larger than {limit // 2**20} MiB"


def _words(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the server's certificate does not verify: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS fails: {error.reason or 'the connection ended'}"
        case socket.gaierror():
            return f"its host cannot be resolved: {error.strerror}"
        case OSError():
            return f"the connection fails: {error.strerror or type(error).__name__}"
        case _:
            return f"the answer is no HTTP: {type(error).__name__}"
