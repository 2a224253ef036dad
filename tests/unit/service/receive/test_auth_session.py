# SPDX-License-Identifier: Apache-2.0
"""AUTH of one connection: what is answered, what is remembered, and what it allows.

A real session with the real engine on a transport that keeps what is sent; the authenticator says
what the test wants. In clear, since TLS changes only what is offered (`tests/live` has it).
"""

import asyncio
import base64
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatehouse.config.checks import Refused, load
from gatehouse.journal import facts
from gatehouse.service.base import head_count, tally
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.head_count import HeadCount
from gatehouse.service.base.resolver import ReverseName
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.base.tally import Tally
from gatehouse.service.receive.authentication import Authenticator, Denied, Granted, Later
from gatehouse.service.receive.desk import Desk
from gatehouse.service.receive.office import IntakeRules, Office, Tools
from gatehouse.service.receive.session import Session
from gatehouse.smtp import scram
from gatehouse.store.errors import StoreUnavailable
from tests.live.scram_client import ScramClient

TEXT = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
hostname = "mx.house.example"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{ recipient = "ours.example", access = "accept" }]
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "P" }]
[mail_flow_policies.P]
behavior = "accept"
smtp_auth = "required"
auth_needs_tls = false
[smtp_auth_profiles.local]
max_failures = 3
[smtp_auth_profiles.local.senders]
ann = ["ann@ours.example"]
"""
KEYS = scram.derive_keys("right", b"salt" * 4, 4096)


class Clerk:
    """Stands for the authenticator: "right" is everybody's password."""

    def __init__(self) -> None:
        self.answer: object = None  # instead of the usual verdict
        self.asked: list[str] = []

    def _verdict(self, user: str, *, right: bool) -> Any:
        self.asked.append(user)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or (Granted(user) if right else Denied(user))

    async def password(self, user: str, password: str, ip: str) -> Any:
        return self._verdict(user, right=password == "right")

    async def scram_keys(self, user: str, ip: str) -> scram.ScramKeys:
        return KEYS

    async def proof(self, user: str, ip: str, *, right: bool) -> Any:
        return self._verdict(user, right=right)


class Transport:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = False

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return ("192.0.2.9", 40_000)

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class Scene:
    """One client that has said EHLO."""

    def __init__(self, text: str) -> None:
        loaded = load(text.encode(), certificates=frozenset({"Demo"}))
        assert not isinstance(loaded, Refused), loaded
        self.facts: list[facts.HappenedAt] = []
        self.clerk = Clerk()
        self.transport = Transport()
        self.faults: list[str] = []
        tools = SimpleNamespace(
            clock=Clock(wall=lambda: 1e9, monotonic=lambda: 0.0),
            record=self.facts.append,
            resolver=SimpleNamespace(known_reverse=lambda ip: ReverseName(None, False)),
            tasks=TaskSupervisor(lambda name, error: self.faults.append(f"{name}: {error!r}")),
            ids=SimpleNamespace(next=lambda kind: 7),
            writer=SimpleNamespace(),
            bodies=None,
        )
        office = Office(
            cast(Tools, tools),
            IntakeRules(max_received=5, queue_lifetime=100.0),
            HeadCount(head_count.create(), 0),
            Tally(tally.create()),
            lambda: None,
        )
        office.authenticator = cast(Authenticator, self.clerk)
        self.office = office
        self.session = Session(Desk(loaded.running.listeners[0], None), office)

    async def begin(self) -> str:
        self.session.connection_made(cast(asyncio.BaseTransport, self.transport))
        return await self.say("EHLO client.example")

    async def say(self, line: str) -> str:
        """Send a line; what comes back, with code and enhanced code of the last line first."""
        self.transport.sent = b""
        self.session.data_received(line.encode() + b"\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        return self.transport.sent.decode()

    async def plain(self, password: str, user: str = "ann") -> str:
        return await self.say(f"AUTH PLAIN {b64(f'{chr(0)}{user}{chr(0)}{password}')}")

    def told(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if type(fact) is kind]


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def play(script: Callable[[Scene], Any], text: str = TEXT) -> Scene:
    async def run() -> Scene:
        scene = Scene(text)
        await scene.begin()
        await script(scene)
        return scene

    scene = asyncio.run(run())
    assert scene.faults == []
    return scene


def test_the_right_password_opens_the_way() -> None:
    async def script(scene: Scene) -> None:
        assert (await scene.say("MAIL FROM:<ann@ours.example>")).startswith("530 5.7.0")
        assert (await scene.plain("right", "Ann")).startswith("235 2.7.0")
        assert scene.session.authenticated == "ann"
        assert (await scene.say("MAIL FROM:<boss@ours.example>")).startswith("553 5.7.1")
        assert (await scene.say("MAIL FROM:<ann@ours.example> AUTH=boss@x")).startswith("250")
        assert (await scene.say("RCPT TO:<x@far.example>")).startswith("250")
        assert (await scene.plain("right")).startswith("503")

    scene = play(script)
    (done,) = scene.told(facts.AuthResult)
    assert (done.ok, done.user, done.mechanism, done.profile) == (True, "ann", "PLAIN", "local")
    (refused,) = scene.told(facts.AuthSenderRefused)
    assert (refused.user, refused.sender) == ("ann", "boss@ours.example")


def test_without_the_right_to_relay_the_recipient_table_holds_for_users_too() -> None:
    async def script(scene: Scene) -> None:
        await scene.plain("right")
        await scene.say("MAIL FROM:<ann@ours.example>")
        assert (await scene.say("RCPT TO:<x@far.example>")).startswith("550")
        assert (await scene.say("RCPT TO:<x@ours.example>")).startswith("250")

    play(script, TEXT.replace("max_failures = 3", "relay = false"))


def test_the_last_failure_ends_the_connection() -> None:
    async def script(scene: Scene) -> None:
        assert (await scene.plain("wrong")).startswith("535 5.7.8")
        assert (await scene.plain("wrong")).startswith("535 5.7.8")
        assert (await scene.plain("wrong")).startswith("421 4.7.0")

    scene = play(script)
    assert scene.transport.closed
    assert [one.ok for one in scene.told(facts.AuthResult)] == [False] * 3
    assert scene.told(facts.AuthMissing) == []


def test_login_goes_step_by_step_and_can_be_cancelled() -> None:
    async def script(scene: Scene) -> None:
        assert await scene.say("AUTH LOGIN") == f"334 {b64('Username:')}\r\n"
        assert await scene.say(b64("ann")) == f"334 {b64('Password:')}\r\n"
        assert (await scene.say("*")).startswith("501 5.7.0")
        assert await scene.say("AUTH LOGIN " + b64("ann")) == f"334 {b64('Password:')}\r\n"
        assert (await scene.say(b64("right"))).startswith("235")

    assert play(script).clerk.asked == ["ann"]


def test_scram_says_its_proof_before_the_end() -> None:
    async def script(scene: Scene) -> None:
        client = ScramClient("ann", "right")
        said = await scene.say("AUTH SCRAM-SHA-256 " + b64(client.first()))
        said = await scene.say(b64(client.final(base64.b64decode(said[4:]))))
        assert client.trusts(base64.b64decode(said[4:]))
        assert scene.session.authenticated is None
        assert (await scene.say("")).startswith("235")
        assert scene.session.authenticated == "ann"

    play(script)


def test_a_right_proof_that_comes_too_early_is_not_confirmed() -> None:
    async def script(scene: Scene) -> None:
        scene.clerk.answer = Later("ann", 30.0)
        client = ScramClient("ann", "right")
        said = await scene.say("AUTH SCRAM-SHA-256 " + b64(client.first()))
        said = await scene.say(b64(client.final(base64.b64decode(said[4:]))))
        assert said.startswith("454 4.7.0")

    scene = play(script)
    (delayed,) = scene.told(facts.AuthDelayed)
    assert (delayed.user, delayed.client_ip, delayed.seconds) == ("ann", "192.0.2.9", 30.0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH PLAIN ====", "501 5.5.2"),
        ("AUTH PLAIN " + b64("no NUL"), "501 5.5.2"),
        ("AUTH PLAIN " + b64(b"\0ann\0\xff"), "501 5.5.2"),
        ("AUTH PLAIN " + b64(b"\0ann\0"), "501 5.5.2"),
        ("AUTH PLAIN " + b64(b"boss\0ann\0right"), "535 5.7.8"),
        ("AUTH SCRAM-SHA-256 " + b64("nonsense"), "501 5.5.2"),
        ("AUTH SCRAM-SHA-256-PLUS " + b64("p=tls-exporter,,n=a,r=b"), "504"),
        ("AUTH EXTERNAL =", "504"),
        ("AUTH CRAM-MD5", "504"),
        ("AUTH PLAIN " + "A" * 12_300, "500"),
    ],
)
def test_what_cannot_be_a_login(line: str, code: str) -> None:
    async def script(scene: Scene) -> None:
        assert (await scene.say(line)).startswith(code)
        assert scene.session.authenticated is None
        assert (await scene.plain("right")).startswith("235"), "the session lives on"

    play(script)


def test_a_store_that_fails_is_temporary_and_the_operators_business() -> None:
    async def script(scene: Scene) -> None:
        scene.clerk.answer = StoreUnavailable("no disk")
        assert (await scene.plain("right")).startswith("454 4.7.0")

    scene = play(script)
    assert [fault.where for fault in scene.told(facts.InternalFault)] == ["users"]
    assert scene.told(facts.AuthResult) == []


def test_a_client_that_goes_while_it_is_looked_at_is_no_fault() -> None:
    async def script(scene: Scene) -> None:
        line = f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'right')}\r\n"
        scene.session.data_received(line.encode())
        scene.session.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)

    scene = play(script)
    assert scene.told(facts.InternalFault) == []
    assert scene.session.authenticated is None


def test_who_had_to_log_in_and_did_not_try_is_told_once() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("QUIT")

    assert len(play(script).told(facts.AuthMissing)) == 1


@pytest.mark.parametrize(
    "change",
    [
        ('smtp_auth = "required"', 'smtp_auth = "preferred"'),
        ('behavior = "accept"', 'behavior = "reject"'),
        ("auth_needs_tls = false", 'tls = "required"'),
    ],
)
def test_who_did_not_have_to_or_could_not_is_not_told(change: tuple[str, str]) -> None:
    async def script(scene: Scene) -> None:
        await scene.say("QUIT")

    assert play(script, TEXT.replace(*change)).told(facts.AuthMissing) == []


def test_no_fact_holds_what_the_client_sent() -> None:
    async def script(scene: Scene) -> None:
        await scene.plain("canary-wrong")
        await scene.say("AUTH PLAIN canary-not-base64!")
        await scene.say("AUTH LOGIN")
        await scene.say("canary-not-base64-either!")
        scene.clerk.answer = StoreUnavailable("no disk")
        await scene.plain("canary-right")

    scene = play(script)
    assert "canary" not in repr(scene.facts)
    assert b64("canary-wrong")[:8] not in repr(scene.facts)
