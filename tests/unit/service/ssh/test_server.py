# SPDX-License-Identifier: Apache-2.0
"""The SSH server alone, with a program instead of a shell and a clock that a test moves."""

import asyncio
import random
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import asyncssh
import pytest
from asyncssh.constants import MSG_IGNORE, MSG_USERAUTH_REQUEST
from asyncssh.packet import Boolean, String

from gatehouse.app import open_house
from gatehouse.config.checks import Loaded, load
from gatehouse.journal import facts
from gatehouse.service.base import channel as line
from gatehouse.service.base import open_sessions, passwords, ssh_keys
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.base.worker import Worker
from gatehouse.service.ssh import limits
from gatehouse.service.ssh.login import Client
from gatehouse.service.ssh.server import SshServer
from gatehouse.service.ssh.session import Visit
from gatehouse.store.people_values import Account, SshKey
from gatehouse.store.sqlite.store import SqliteStore
from tests.patience import PATIENCE, eventually

KEY = asyncssh.generate_private_key("ssh-ed25519")
PASSWORD = "canary of the near mine"
HASH = passwords.hash_password(PASSWORD)
TEXT = """\
format = 1
[system]
hostname = "gw1.example.com"
[ssh]
enabled = true
idle_timeout = 100
max_sessions = 2
password_login = {passwords}
"""


class PretendWorker:
    """What a role has around it; faults of the server are faults of the test."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = 1000.0
        self.clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        self.facts: list[facts.Fact] = []
        self.recorder = self
        self.tasks = TaskSupervisor(self.report)
        self.left = False
        self.said: list[line.Message] = []
        self.faults: list[tuple[str, BaseException]] = []

    def record(self, fact: facts.Fact) -> None:
        self.facts.append(fact)

    def report(self, where: str, error: BaseException) -> None:
        self.faults.append((where, error))

    def leave(self) -> None:
        self.left = True

    def send(self, message: line.Message) -> None:
        self.said.append(message)


class Site:
    """A server on a port that the kernel chose."""

    def __init__(self, store: SqliteStore, passwords: bool = True) -> None:
        self.worker = PretendWorker(store)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.visits: list[Visit] = []
        loaded = load(TEXT.format(passwords=str(passwords).lower()).encode())
        assert isinstance(loaded, Loaded)
        worker = cast(Worker, self.worker)
        self.server = SshServer(worker, loaded.running, {"ssh": self.sock}, self.program)

    def program(self, visit: Visit) -> int:
        """Says back what it is told, until the end."""
        self.visits.append(visit)
        while (said := visit.line.read_line(100)) is not None:
            visit.line.write(f"{said.strip()} {visit.terminal} {visit.command}\n")
        return 7

    @asynccontextmanager
    async def client(self, **more: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
        options = {"username": "ann", "client_keys": [KEY]} | more
        async with asyncssh.connect(
            "127.0.0.1", self.port, known_hosts=None, config=[], **options
        ) as connection:
            yield connection

    def listed(self) -> list[Any]:
        """The sessions as `who` hears of them."""
        return list(open_sessions.heard(self.server.tell(open_sessions.QUESTION)))

    def of(self, kind: type[facts.HappenedAt]) -> list[Any]:
        return [one for one in self.worker.facts if type(one) is kind]


class Stays(asyncssh.SSHClient):
    """Says nothing when it is asked who it is."""

    async def public_key_auth_requested(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def stranger(site: Site) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection with its keys exchanged and nobody logged in."""
    there: list[asyncssh.SSHClientConnection] = []

    class Calls(Stays):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            there.append(conn)

    async def connect() -> None:
        with suppress(asyncssh.Error, OSError):
            async with site.client(client_keys=None, client_factory=Calls):
                pass

    connecting = asyncio.ensure_future(connect())
    await eventually(lambda: there and there[0].get_extra_info("send_cipher"))
    try:
        yield there[0]
    finally:
        there[0].abort()
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    _, store = open_house(tmp_path / "data")
    ann = Account(
        name="ann",
        role="operator",
        password_hash=HASH,
        created_at=1.0,
        changed_at=1.0,
        credentials_at=1.0,
    )
    store.people.add(ann)
    blob = KEY.public_data
    key = SshKey(
        account="ann",
        fingerprint=ssh_keys.fingerprint(blob),
        algorithm="ssh-ed25519",
        key=blob,
        comment="",
        added_at=1.0,
    )
    store.people.add_ssh_key(key)
    return store


@pytest.fixture
def play(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a scene on a server."""
    monkeypatch.setattr(limits, "SWEEP_SECONDS", 0.01)

    def run(scene: Callable[[Site], Awaitable[None]], **settings: bool) -> None:
        async def with_server() -> None:
            site = Site(store, **settings)
            await site.server.start()
            try:
                await scene(site)
            finally:
                await site.server.stop(2.0)
                await site.worker.tasks.stop(1.0)
            assert site.worker.faults == []

        asyncio.run(with_server())
        store.close()

    return run


Play = Callable[..., None]


def test_a_session_has_its_lines_its_command_and_its_exit_status(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            done = await client.run("do it", input="one\ntwo\n")
            assert (done.stdout, done.exit_status) == ("one None do it\ntwo None do it\n", 7)
            terminal = await client.create_process(term_type="vt100", term_size=(100, 30))
            await eventually(lambda: len(site.visits) == 2)
            assert site.visits[1].line.size == (30, 100)
            terminal.change_terminal_size(120, 40)
            await eventually(lambda: site.visits[1].line.size == (40, 120))
            terminal.stdin.write_eof()
            assert (await terminal.wait()).exit_status == 7
        await eventually(lambda: site.of(facts.OperatorLogout))
        assert site.of(facts.OperatorLogout)[0].reason == "left"

    play(scene)


def test_a_certificate_a_foreign_key_and_sha1_prove_nothing(play: Play) -> None:
    async def scene(site: Site) -> None:
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        certificate = stranger.generate_user_certificate(stranger, "ann", principals=["ann"])
        rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
        blob = rsa.public_data
        key = SshKey(
            account="ann",
            fingerprint=ssh_keys.fingerprint(blob),
            algorithm="ssh-rsa",
            key=blob,
            comment="",
            added_at=1.0,
        )
        site.worker.store.people.add_ssh_key(key)
        async with site.client(client_keys=[rsa]):
            pass
        for shown in (
            {"client_keys": [stranger]},
            {"client_keys": [(stranger, certificate)]},
            {"client_keys": [rsa], "signature_algs": ["ssh-rsa"]},
        ):
            with pytest.raises(asyncssh.PermissionDenied):
                async with site.client(**shown):
                    pass

    play(scene)


def test_tries_are_few(play: Play) -> None:
    tried = 0

    class Guesser(asyncssh.SSHClient):
        def public_key_auth_requested(self) -> None:
            return None

        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(
            self, name: str, instructions: str, lang: str, prompts: object
        ) -> list[str]:
            nonlocal tried
            tried += 1
            return ["wrong"] * len(cast(list[object], prompts))

        def password_auth_requested(self) -> str:
            nonlocal tried
            tried += 1
            return f"wrong {tried}"

    async def scene(site: Site) -> None:
        with pytest.raises((asyncssh.DisconnectError, asyncssh.ConnectionLost)):
            async with site.client(client_keys=None, client_factory=Guesser):
                pass
        assert tried == limits.MAX_TRIES

    play(scene)


def test_passwords_can_be_switched_off(play: Play) -> None:
    async def scene(site: Site) -> None:
        with pytest.raises(asyncssh.PermissionDenied):
            async with site.client(client_keys=None, password=PASSWORD):
                pass
        async with site.client():
            pass
        assert [one.proof for one in site.of(facts.OperatorLogin)] == ["key"]

    play(scene, passwords=False)


def test_strangers_are_few_from_one_address(play: Play) -> None:
    async def scene(site: Site) -> None:
        there = [
            await asyncio.open_connection("127.0.0.1", site.port)
            for _ in range(limits.MAX_STRANGERS_EACH)
        ]
        for reader, _ in there:
            assert (await reader.readline()).startswith(b"SSH-2.0-Gatehouse\r\n")
        with pytest.raises((asyncssh.Error, OSError)):
            async with site.client():
                pass
        for _, writer in there:
            writer.close()
            await writer.wait_closed()
        await eventually(lambda: not site.server.strangers)
        async with site.client():
            pass

    play(scene)


def test_sessions_are_bounded_and_told(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as one, site.client() as other:
            await one.create_process()
            site.worker.now += 5.0
            await other.create_process()
            with pytest.raises(asyncssh.ChannelOpenError):
                await other.create_process()
            told = site.listed()
            assert [(s.name, s.way, s.address, s.idle) for s in told] == [
                ("ann", "ssh", "127.0.0.1", 5.0),
                ("ann", "ssh", "127.0.0.1", 0.0),
            ]
        await eventually(lambda: not site.listed())

    play(scene)


def test_an_administrator_gets_a_session_where_all_are_taken(play: Play) -> None:
    async def scene(site: Site) -> None:
        people = site.worker.store.people
        account = people.get("ann")
        assert account is not None
        people.add(replace(account, name="boss", role="administrator", version=1))
        boss = {"username": "boss", "client_keys": None, "password": PASSWORD}
        async with site.client() as ann, site.client(**boss) as one:
            await ann.create_process()
            await ann.create_process()
            with pytest.raises(asyncssh.ChannelOpenError):
                await ann.create_process()
            await one.create_process()
            with pytest.raises(asyncssh.ChannelOpenError):
                await one.create_process()

    play(scene)


def test_who_types_nothing_for_too_long_is_sent_away(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            process = await client.create_process()
            await eventually(lambda: site.visits and site.visits[0].line.waiting)
            site.worker.now += 99.0
            process.stdin.write("still here\n")
            assert await process.stdout.readline() == "still here None None\n"
            await eventually(lambda: site.visits[0].line.waiting)  # from now on he is idle
            site.worker.now += 99.0
            await asyncio.sleep(0.05)
            assert not process.stdout.at_eof()
            site.worker.now += 2.0
            assert "Nothing was typed for too long" in await process.stdout.read()
            assert (await process.wait()).exit_status == 7
        await eventually(lambda: site.of(facts.OperatorLogout))
        assert site.of(facts.OperatorLogout)[0].reason == "idle"

    play(scene)


def test_who_waits_for_the_gateway_is_not_idle(play: Play) -> None:
    async def scene(site: Site) -> None:
        goes_on = threading.Event()
        site.server.program = lambda visit: int(goes_on.wait(PATIENCE)) and 3
        async with site.client() as client:
            process = await client.create_process()
            await eventually(lambda: all(one.begun for one in site.server.sessions))
            site.worker.now += 1000.0
            await asyncio.sleep(0.05)
            goes_on.set()
            assert (await process.wait()).exit_status == 3

    play(scene)


def test_a_process_that_retires_takes_nobody_new_and_ends_with_its_last_session(
    play: Play,
) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            process = await client.create_process()
            site.server.message(line.Retire())
            with pytest.raises(ConnectionRefusedError):
                async with site.client():
                    pass
            process.stdin.write("on\n")
            assert await process.stdout.readline() == "on None None\n"
            assert not site.worker.left
        await eventually(lambda: site.worker.left)

    play(scene)


def test_at_a_stop_who_waits_at_a_prompt_hears_why(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            process = await client.create_process()
            await eventually(lambda: site.visits)
            async with asyncio.timeout(PATIENCE):
                await site.server.stop(10 * PATIENCE)  # it ends with him and not with the time
            assert "The gateway stops" in await process.stdout.read()
        assert [one.reason for one in site.of(facts.OperatorLogout)] == ["stopped"]

    play(scene)


def test_another_host_key_is_shown_from_the_next_connection_on(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            before = client.get_server_host_key()
            assert before is not None
            ssh_keys.renew_host_key(site.worker.store, 2.0)
            told = site.server.tell("host key")
            async with site.client() as again:
                after = again.get_server_host_key()
                assert after is not None
                assert after.get_fingerprint() == told["fingerprint"] != before.get_fingerprint()
            assert (await client.run("x", input="on\n")).exit_status == 7

    play(scene)


def test_a_channel_that_is_just_closing_is_no_fault(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            process = await client.create_process()
            await eventually(lambda: site.visits)
            process.close()
            await process.wait_closed()
            site.visits[0].line.write("nobody is there")
            await site.server.stop(2.0)

    play(scene)


def test_a_channel_on_which_nothing_is_asked_for_is_cut(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            channel: asyncssh.SSHClientChannel[str] = asyncssh.SSHClientChannel(
                client, asyncio.get_running_loop(), "strict", "utf-8", "strict", 1000, 1000
            )
            await channel._open(b"session")
            await eventually(lambda: site.listed())
            site.worker.now += limits.LOGIN_SECONDS + 1.0
            await eventually(lambda: not site.listed())

    play(scene)


def test_whatever_a_stranger_sends_is_no_fault_of_ours(play: Play) -> None:
    dice = random.Random(4251)
    hello = b"SSH-2.0-x\r\n"
    sent = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-" + b"x" * 100_000,
        b"\x00" * 5000,
        hello + b"\xff\xff\xff\xff" + b"x" * 100,
        hello + b"\x00\x00\x00\x00",
        hello + b"\x00\x00\x00\x0c\x0a\x15" + b"\x00" * 11,
        hello + b"\x00\x00\x00\x0c\x0a\x14" + b"\x00" * 11,
        *(hello + dice.randbytes(dice.randrange(1, 3000)) for _ in range(30)),
        *(
            hello
            + (len(body) + 5).to_bytes(4, "big")
            + b"\x04"
            + bytes([dice.choice((1, 2, 4, 5, 6, 7, 20, 21, 30, 50, 60, 61, 80, 90, 94, 98))])
            + body[1:]
            + b"\x00" * 4
            for body in (dice.randbytes(dice.randrange(8, 600)) for _ in range(60))
        ),
    ]

    async def scene(site: Site) -> None:
        for octets in sent:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(octets)
            with suppress(ConnectionError):
                await reader.read(100)
                writer.close()
                await writer.wait_closed()
        await eventually(lambda: not site.server.strangers)
        assert site.worker.facts == []
        async with site.client():
            pass

    play(scene)


def test_nothing_of_the_clients_environment_is_taken_over(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            await client.create_process(env={"LD_PRELOAD": "x.so"})
            (session,) = site.server.sessions
            assert session.environment == {}

    play(scene)


def test_who_only_watches_is_idle_after_a_while(play: Play) -> None:
    async def scene(site: Site) -> None:
        watched: list[bool] = []

        def watch(visit: Visit) -> int:
            watched.append(visit.line.pause(1000.0))
            return 4

        site.server.program = watch
        async with site.client() as client:
            process = await client.create_process()
            (session,) = site.server.sessions
            await eventually(lambda: session.line is not None and session.line.waiting)
            site.worker.now += 101.0
            assert "Nothing was typed" in await process.stdout.read()
            assert (await process.wait()).exit_status == 4
        assert watched == [True]

    play(scene)


def test_the_supervisor_knows_who_is_inside_in_case_the_process_dies(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client():
            await eventually(lambda: site.worker.said)
        await eventually(lambda: site.of(facts.OperatorLogout))
        came, left = (one.people for one in site.worker.said if isinstance(one, line.Inside))
        assert [(one.name, one.way, one.address, one.since) for one in came] == [
            ("ann", "ssh", "127.0.0.1", 1000.0)
        ]
        assert left == ()

    play(scene)


class Stranger:
    """Somebody, as far as his address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connection = self
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_a_few_who_hold_all_places_do_not_keep_out_the_others(play: Play) -> None:
    async def scene(site: Site) -> None:
        def comes(address: str) -> Stranger | None:
            one = Stranger(address)
            return one if site.server._begin(cast(Client, one)) else None

        each, most = limits.MAX_STRANGERS_EACH, limits.MAX_STRANGERS
        first, *_ = [comes(f"192.0.2.{n // each}") for n in range(most)]
        assert first is not None
        others = [comes(f"198.51.100.{n}") for n in range(most - most // each)]
        assert all(others) and first.aborted
        assert comes("203.0.113.1") is None  # nobody holds more than one place
        assert len(site.server.strangers) == most
        site.server.strangers.clear()

    play(scene)


def test_one_network_of_ipv6_is_one_address(play: Play) -> None:
    async def scene(site: Site) -> None:
        def comes(address: str) -> bool:
            return site.server._begin(cast(Client, Stranger(address)))

        each = limits.MAX_STRANGERS_EACH
        assert all(comes(f"2001:db8::{number}") for number in range(1, each + 1))
        assert not comes("2001:db8::ffff:1")
        assert comes("2001:db8:0:1::1")
        assert comes("192.0.2.1")
        site.server.strangers.clear()

    play(scene)


def test_a_stranger_says_little(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGIN_SECONDS", 3600.0)  # it is not the time that ends it

    async def scene(site: Site) -> None:
        async with stranger(site) as there:
            for _ in range(limits.STRANGER_OCTETS // 1000):
                there.send_packet(MSG_IGNORE, String(b"x" * 1000))
            await eventually(lambda: not site.server.strangers)
        async with site.client():
            pass

    play(scene)


def test_who_logs_in_over_and_over_loses_what_he_does_not_use(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_UNUSED", 2)
    monkeypatch.setattr(limits, "LOGIN_SECONDS", 3600.0)  # it is not the time that ends it

    async def scene(site: Site) -> None:
        async with site.client() as used:
            await used.create_process()
            async with site.client() as first, site.client() as second:
                assert not first.is_closed()
                async with site.client() as third:
                    await first.wait_closed()
                    assert not any(one.is_closed() for one in (used, second, third))

    play(scene)


def test_whose_account_was_changed_is_sent_away_at_his_prompt(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACCOUNT_SECONDS", 0.01)
    counts = True

    async def scene(site: Site) -> None:
        nonlocal counts
        echo = site.program

        def program(visit: Visit) -> int:
            visit.watch(lambda: counts)
            return echo(visit)

        site.server.program = program
        async with site.client() as client:
            process = await client.create_process()
            process.stdin.write("one\n")
            assert await process.stdout.readline() == "one None None\n"
            counts = False
            assert "Your account was changed" in await process.stdout.read()
            assert (await process.wait()).exit_status == 7
        await eventually(lambda: site.of(facts.OperatorLogout))
        assert site.of(facts.OperatorLogout)[0].reason == "changed"

    play(scene)


def test_who_does_not_even_take_that_he_is_sent_away_is_cut_off(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACCOUNT_SECONDS", 0.01)

    async def scene(site: Site) -> None:
        def program(visit: Visit) -> int:
            visit.line.pause_writing()  # as for a client that takes nothing
            visit.watch(lambda: False)
            visit.line.write("much")
            return 0

        site.server.program = program
        async with site.client() as client:
            await client.create_process()
            await eventually(lambda: not site.server.sessions)

    play(scene)


def test_keys_that_were_not_taken_are_told_once_and_not_beside_a_password(play: Play) -> None:
    async def scene(site: Site) -> None:
        wrong = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)]
        with pytest.raises(asyncssh.PermissionDenied):
            async with site.client(username="n" * 100, client_keys=wrong):
                pass
        await eventually(lambda: site.of(facts.OperatorLogin))
        async with site.client(client_keys=wrong, password=PASSWORD):
            pass
        async with site.client(client_keys=[*wrong, KEY]):
            pass
        with pytest.raises(asyncssh.PermissionDenied):
            async with site.client(client_keys=wrong, password="wrong"):
                pass
        await eventually(lambda: not site.server.strangers)
        seen = [(one.name, one.proof, one.outcome) for one in site.of(facts.OperatorLogin)]
        assert seen == [
            ("n" * 64, "key", "failed"),
            ("ann", "password", "succeeded"),
            ("ann", "key", "succeeded"),
            ("ann", "password", "failed"),
        ]

    play(scene)


def test_a_key_whose_numbers_are_none_is_a_wrong_one_and_no_fault_of_ours(play: Play) -> None:
    negative = String("ssh-rsa") + String(b"\x01\x00\x01") + String(b"\xff" * 256)

    async def scene(site: Site) -> None:
        async with stranger(site) as there:
            asks = (String("ann"), String("ssh-connection"), String("publickey"), Boolean(False))
            there.send_packet(MSG_USERAUTH_REQUEST, *asks, String("rsa-sha2-256"), String(negative))
            await eventually(lambda: any(one.wrong_key_for for one in site.server.strangers))
        await eventually(lambda: site.of(facts.OperatorLogin))

    play(scene)


def test_half_a_line_of_somebody_who_is_idle_is_not_carried_out(play: Play) -> None:
    async def scene(site: Site) -> None:
        async with site.client() as client:
            process = await client.create_process()
            await eventually(lambda: site.visits)
            process.stdin.write("half a li")
            (session,) = site.server.sessions
            site.worker.now += 1.0
            await eventually(lambda: session.line is not None and session.line.idle() == 0.0)
            await eventually(lambda: session.line is not None and session.line.waiting)
            site.worker.now += 101.0
            said = await process.stdout.read()
            assert "Nothing was typed" in said
            assert "half" not in said

    play(scene)
