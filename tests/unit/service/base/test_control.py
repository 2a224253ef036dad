# SPDX-License-Identifier: Apache-2.0
"""The control socket: garbage, giants, strangers and long paths."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gatehouse.service.base import control
from gatehouse.service.base.control import ControlServer, ControlSettings, Request
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.store.directory import DataDirectory

GOOD = b'{"action":"status","arguments":{"a":1},"operator":"ann"}\n'


async def echo(request: Request) -> bytes:
    return b'{"output":' + bytes(request.arguments) + b"}"


@asynccontextmanager
async def serving(
    path: Path, handle: control.Handler = echo, settings: ControlSettings | None = None
) -> AsyncIterator[list[BaseException]]:
    faults: list[BaseException] = []
    tasks = TaskSupervisor(lambda _where, error: faults.append(error))
    server = ControlServer(path, handle, tasks, settings)
    directory = DataDirectory(path.parent)
    directory.path.chmod(0o700)
    lock = directory.lock()
    try:
        await server.listen(lock)
        yield faults
        await server.close()
        await tasks.stop(5.0)
    finally:
        lock.close()


async def ask(path: Path, data: bytes, *, end: bool = False) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(data)
        if end:
            writer.write_eof()
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def reference(answer: bytes) -> str:
    return str(msgspec.json.decode(answer)["fault"]["reference"])


def one_exchange(path: Path, data: bytes, settings: ControlSettings | None = None) -> bytes:
    async def run() -> bytes:
        async with serving(path, settings=settings) as faults:
            answer = await ask(path, data)
        assert faults == []
        return answer

    return asyncio.run(run())


def test_a_request_is_answered_with_one_line(tmp_path: Path) -> None:
    assert one_exchange(tmp_path / "s", GOOD) == b'{"output":{"a":1}}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"{}\n",
        b'{"action":1,"arguments":{},"operator":"x"}\n',
        b'{"action":"\xff","arguments":{},"operator":"x"}\n',
        b"[" * 100_000 + b"\n",
        b'{"action":"a","operator":"x","arguments":' + b"[" * 50_000 + b"\n",
    ],
)
def test_what_is_no_request_is_called_so(tmp_path: Path, line: bytes) -> None:
    assert reference(one_exchange(tmp_path / "s", line)) == "bad-request"


def test_a_request_without_end_is_bounded(tmp_path: Path) -> None:
    settings = ControlSettings(max_request=1000)
    answer = one_exchange(tmp_path / "s", b"x" * 5000, settings)
    assert answer == b"" or reference(answer) == "request-too-large"


def test_a_request_too_large_by_one_octet_is_refused(tmp_path: Path) -> None:
    settings = ControlSettings(max_request=len(GOOD) - 2)
    assert reference(one_exchange(tmp_path / "s", GOOD, settings)) == "request-too-large"


def test_an_answer_too_large_is_replaced_by_a_short_one(tmp_path: Path) -> None:
    settings = ControlSettings(max_answer=10)
    assert reference(one_exchange(tmp_path / "s", GOOD, settings)) == "answer-too-large"


def test_whoever_says_nothing_is_told_that_the_time_is_up(tmp_path: Path) -> None:
    settings = ControlSettings(request_seconds=0.01)
    assert reference(one_exchange(tmp_path / "s", b"", settings)) == "request-timeout"


def test_a_connection_that_ends_early_is_no_fault(tmp_path: Path) -> None:
    async def run() -> bytes:
        async with serving(tmp_path / "s") as faults:
            answer = await ask(tmp_path / "s", b'{"action"', end=True)
        assert faults == []
        return answer

    assert asyncio.run(run()) == b""


def test_another_user_is_refused(tmp_path: Path) -> None:
    settings = ControlSettings(peer_user=lambda _: os.geteuid() + 12345)
    assert reference(one_exchange(tmp_path / "s", GOOD, settings)) == "not-allowed"


def test_root_is_let_in(tmp_path: Path) -> None:
    settings = ControlSettings(peer_user=lambda _: 0)
    assert one_exchange(tmp_path / "s", GOOD, settings).startswith(b'{"output"')


def test_the_kernel_says_who_the_peer_is() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert control.peer_user(ours) == os.geteuid()


def test_the_socket_is_for_its_owner_alone_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def run() -> int:
        async with serving(path):
            return stat.S_IMODE(path.stat().st_mode)

    before = os.umask(0o022)
    try:
        assert asyncio.run(run()) == 0o600
        assert os.umask(0o022) == 0o022, "the process keeps its own umask"
    finally:
        os.umask(before)
    assert not path.exists()


def test_what_a_dead_gateway_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert one_exchange(path, GOOD).startswith(b'{"output"')


def test_too_many_at_once_are_sent_away(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def run() -> bytes:
        settings = ControlSettings(max_connections=1)
        entered, leave = asyncio.Event(), asyncio.Event()

        async def slow(request: Request) -> bytes:
            entered.set()
            await leave.wait()
            return b"{}"

        async with serving(path, slow, settings):
            first = asyncio.ensure_future(ask(path, GOOD))
            await entered.wait()
            second = await ask(path, b"")
            leave.set()
            assert await first == b"{}\n"
            return second

    assert reference(asyncio.run(run())) == "gateway-busy"


@pytest.mark.parametrize("name", ["s", "d" * 90 + "/" + "e" * 90 + "/s"])
def test_a_command_reaches_the_gateway_however_long_the_path_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)

    async def run() -> bytes:
        async with serving(path):
            request = Request(action="a", arguments=msgspec.Raw(b'["x"]'), operator="ann")
            return await asyncio.to_thread(control.call, path, request)

    assert asyncio.run(run()) == b'{"output":["x"]}\n'
