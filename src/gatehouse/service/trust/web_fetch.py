# SPDX-License-Identifier: Apache-2.0
"""One exchange with a web server: bounded in size and time, with the very address that was judged.

The standard library's `http.client` in a thread (see docs/adr on fetching). It follows redirects
only where it is told to, and then within the same host; asks for no compression, sends no
credentials and uses no proxy of the environment. The name is resolved once and the connection made
to the address that `policy.fetch_targets` allowed, so that a second DNS answer changes nothing. A
server that drips is cut off by a timer: the time limit is for the whole of it, not for each read.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from gatehouse.policy.fetch_targets import WebTarget, judge_address, parse_target

MAX_BYTES = 10 * 1024 * 1024  # the largest public revocation lists have some 10 MB
WHOLE_SECONDS = 30.0
STEP_SECONDS = 10.0  # for the connection, and between two reads
MAX_REDIRECTS = 3
_CHUNK = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Addresses of a host, best first; raises OSError.
Resolve = Callable[[str, int], list[str]]


class FetchFailed(Exception):
    """What was asked for could not be had; the text says why, in words for an operator."""


class NotVerified(FetchFailed):
    """The server's certificate does not verify."""


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """The bounds of an exchange, and whom it believes: `context` None is the system's trust."""

    max_bytes: int = MAX_BYTES
    whole_seconds: float = WHOLE_SECONDS
    step_seconds: float = STEP_SECONDS
    redirects: int = MAX_REDIRECTS
    resolve: Resolve = system_resolve
    context: ssl.SSLContext | None = None


DEFAULT_SETTINGS = FetchSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the server: GET, or POST where there is content."""

    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    good: range = range(http.HTTPStatus.OK, http.HTTPStatus.OK + 1)  # statuses that are success


PLAIN_QUESTION = Question()


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """A success; `content_type` is the media type alone, in lower case."""

    content: bytes
    content_type: str


def exchange(
    target: WebTarget,
    *,
    internal: bool = False,
    settings: FetchSettings = DEFAULT_SETTINGS,
    question: Question = PLAIN_QUESTION,
) -> WebAnswer:
    """Ask a server once; blocks, so call it in a thread. Raises FetchFailed."""
    try:
        return _Exchange(target, internal, settings, question).run()
    except TimeoutError:
        raise FetchFailed("the server does not answer in time") from None
    except ssl.SSLCertVerificationError as error:
        raise NotVerified(_words(error)) from None
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(_words(error)) from None


class _Exchange:
    """One exchange with its redirects, under one time limit."""

    def __init__(
        self, target: WebTarget, internal: bool, settings: FetchSettings, question: Question
    ) -> None:
        self._target = target
        self._internal = internal
        self._settings = settings
        self._question = question
        self._socket: socket.socket | None = None
        self._late = False

    def run(self) -> WebAnswer:
        timer = threading.Timer(self._settings.whole_seconds, self._cut)
        timer.daemon = True
        timer.start()
        most = self._settings.redirects
        try:
            for _ in range(most + 1):
                answer = self._once()
                if answer is not None:
                    return answer
            raise FetchFailed(f"the server redirects more than {most} times")
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

    def _once(self) -> WebAnswer | None:
        """One request; None after a redirect, which has changed the target."""
        target, question = self._target, self._question
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = self._connect()
        try:
            connection.request(
                "GET" if question.content is None else "POST",
                target.path,
                body=question.content,
                headers={
                    "Accept-Encoding": "identity",
                    "User-Agent": "gatehouse",
                    **question.headers,
                },
            )
            answer = connection.getresponse()
            if answer.status in _REDIRECTS:
                if not self._settings.redirects:
                    raise FetchFailed("the server redirects, which must not be followed here")
                self._redirect(answer.getheader("Location") or "")
                return None
            if answer.status not in question.good:
                raise FetchFailed(f"the server answers with status {answer.status}")
            kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
            return WebAnswer(self._body(answer), kind)
        finally:
            connection.close()

    def _connect(self) -> socket.socket:
        target, step = self._target, self._settings.step_seconds
        address = self._address()
        sock = self._socket = socket.create_connection((address, target.port), timeout=step)
        self._check_late()
        if target.secure:
            context = self._settings.context or ssl.create_default_context()
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
            raise FetchFailed(too_large(limit))
        while part := answer.read(_CHUNK):
            size += len(part)
            if size > limit:
                raise FetchFailed(too_large(limit))
            parts.append(part)
        if answer.length:
            raise FetchFailed("the answer ends too early")
        self._check_late()
        return b"".join(parts)


def too_large(limit: int) -> str:
    """The words for something above the limit."""
    megabytes, kilobytes = limit // 2**20, limit // 2**10
    return f"it is larger than {f'{megabytes} MiB' if megabytes else f'{kilobytes} KiB'}"


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
