# SPDX-License-Identifier: Apache-2.0
"""The control socket: how a person's command reaches the running gateway.

One line of JSON comes (action, arguments, operator), one line of JSON goes, the connection ends.
Whoever can open the socket can do everything, so it is for its owner alone: mode 0600 from its
first instant in a directory of mode 0700, and the kernel is asked who the peer is besides. Only
the holder of the directory lock may remove a socket that a dead gateway left behind.

Nothing that comes over it raises: every kind of nonsense gets an answer that says so, or a close.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.store.directory import DirectoryLock

# A saved configuration of 12 MiB (config.saved_fields.MAX_FILE) as base64, and room for the rest.
MAX_REQUEST = 17 * 1024 * 1024
MAX_ANSWER = 64 * 1024 * 1024  # our own: a listing of 100,000 messages is about 40 MB
REQUEST_SECONDS = 10.0  # a command writes its line at once
MAX_CONNECTIONS = 64  # our own: people and scripts; more than that is a loop gone wild

# struct ucred of unix(7): process id, user id, group id.
_CREDENTIALS = struct.Struct("3i")
# sun_path holds 108 octets (unix(7)); a longer path is reached through its directory.
_LONGEST_PATH = 100

_ROOT = 0


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody logged in at a face of ours, in whose name that face asks.

    Whoever can open the socket could say so of anybody: it is for our own processes. What the
    account may do is looked up for each request all the same, and a login from before
    `credentials_at` of the account changed does not count any more.
    """

    way: str
    address: str
    credentials_at: float


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for; the arguments are read by the action that they are for."""

    action: str
    arguments: msgspec.Raw
    operator: str
    acting_as: str = ""  # the account as which he wants to act, "" as himself
    visit: Visit | None = None  # that account logged in, and it is himself


Handler = Callable[[Request], Awaitable[bytes]]
PeerUser = Callable[[socket.socket], int]

_decode = msgspec.json.Decoder(Request).decode


class _Fault(msgspec.Struct, frozen=True):
    reference: str
    message: str
    context: str = ""
    hint: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    fault: _Fault


def refusal(reference: str, message: str, hint: str = "") -> bytes:
    """An answer that something could not be done, in the form that all faces read."""
    return msgspec.json.encode(_Refusal(_Fault(reference, message, hint=hint)))


def peer_user(sock: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """What a test may make smaller."""

    max_request: int = MAX_REQUEST
    max_answer: int = MAX_ANSWER
    request_seconds: float = REQUEST_SECONDS
    max_connections: int = MAX_CONNECTIONS
    peer_user: PeerUser = peer_user


class ControlServer:
    """Answers commands on a socket file. `listen` needs the lock as proof that the file is ours."""

    def __init__(
        self,
        path: Path,
        handle: Handler,
        tasks: TaskSupervisor,
        settings: ControlSettings | None = None,
    ) -> None:
        self._path = path
        self._handle = handle
        self._tasks = tasks
        self._settings = settings or ControlSettings()
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def listen(self, _lock: DirectoryLock) -> None:
        """Open the socket, in place of what a dead gateway left behind; raises OSError."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        sock = _bind_private(self._path)
        try:
            self._server = await asyncio.start_unix_server(
                self._connected, sock=sock, limit=self._settings.max_request
            )
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        """Take no more commands; those under way end by themselves or with the tasks."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with suppress(OSError):
                self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= self._settings.max_connections:
            writer.write(refusal("gateway-busy", "Too many commands at once.") + b"\n")
            writer.close()
            return
        self._connections += 1
        task = self._tasks.start(self._serve(reader, writer), "control")
        task.add_done_callback(self._disconnected)

    def _disconnected(self, _: object) -> None:
        self._connections -= 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader, writer)
            if len(answer) > self._settings.max_answer:
                answer = refusal(
                    "answer-too-large", "The answer is too large.", "Ask for less, with --limit."
                )
            if answer:
                writer.write(answer + b"\n")
                await writer.drain()
        except OSError:
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # The line is read first in any case: closing on unread data would take the answer back.
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return b""  # closed without a whole line: nobody waits for an answer
        except asyncio.LimitOverrunError:
            return refusal("request-too-large", "The request is too large.")
        except TimeoutError:
            return refusal("request-timeout", "The request did not come in time.")
        if not self._is_ours(writer):
            return refusal("not-allowed", "Only the gateway's own user and root may do this.")
        try:
            request = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return refusal("bad-request", "The request is no command.")
        return await self._handle(request)

    def _is_ours(self, writer: asyncio.StreamWriter) -> bool:
        sock = writer.get_extra_info("socket")
        return self._settings.peer_user(sock) in (os.geteuid(), _ROOT)


def call(path: Path, request: Request) -> bytes:
    """Send a command to the gateway behind a socket file and wait for its answer (OSError).

    There is no time limit: a commit waits until all processes run the new revision.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        with _reachable(path) as name:
            sock.connect(name)
        # A gateway that refuses early may stop reading; what it says is worth more than the error.
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(msgspec.json.encode(request) + b"\n")
        with sock.makefile("rb") as stream:
            return stream.readline(MAX_ANSWER + 2)


class _reachable:
    """A path as a name that fits into a socket address."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> str:
        name = str(self._path)
        if len(os.fsencode(name)) <= _LONGEST_PATH:
            return name
        self._fd = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._fd}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _bind_private(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # chmod after bind would leave a moment in which others can connect.
    before = os.umask(0o177)
    try:
        with _reachable(path) as name:
            sock.bind(name)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock
