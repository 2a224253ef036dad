# SPDX-License-Identifier: Apache-2.0
"""Which policy holds: fetched once, kept until its time is over, never lost to a bad day."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.deliver.mta_sts import (
    CHECK_SECONDS,
    FAILURE_SECONDS,
    REFRESH_SECONDS,
    SILENCE_SECONDS,
    UNUSED_SECONDS,
    StsPolicies,
    StsSource,
    StsState,
    StsTools,
)
from gatehouse.store.errors import StoreBusy, StoreFull
from gatehouse.store.interface import StsCache
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.migrate import migrate
from gatehouse.store.sqlite.sts_cache import SqliteStsCache
from gatehouse.store.tls_values import CachedSts
from gatehouse.tls.mta_sts import StsFault, StsMode, StsWord

DOMAIN = "shop.example"
WEEK = 604_800
BROKEN = StsFault(StsWord.FETCH_ERROR, "nobody there")


def policy(mode: str = "enforce", max_age: int = WEEK) -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: mx.shop.example\nmax_age: {max_age}\n".encode()


class World:
    """DNS, policy hosts and time, as the test wants them."""

    def __init__(self, cache: StsCache) -> None:
        self.now = 1_000_000.0
        self.cache = cache
        self.record: dns.Answer = dns.Found(((0, "v=STSv1; id=a1"),))
        self.addresses_of: dns.Answer = dns.Found(((4, "192.0.2.1"),))
        self.content: bytes | StsFault = policy()
        self.asked: list[str] = []
        self.fetched: list[tuple[str, tuple[str, ...]]] = []
        self.gate: asyncio.Event | None = None
        self.faults: list[str] = []
        self.policies = self.started_anew()

    def started_anew(self) -> StsPolicies:
        """As after a restart: only the cache is left."""
        tasks = TaskSupervisor(lambda where, error: self.faults.append(f"{where}: {error}"))
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        self.policies = StsPolicies(
            StsTools(dns=self, fetch=self.fetch, cache=self.cache, clock=clock, tasks=tasks)
        )
        return self.policies

    async def txt(self, name: str) -> dns.Answer:
        self.asked.append(name)
        return self.record

    async def addresses(self, host: str) -> dns.Answer:
        return self.addresses_of

    async def fetch(self, host: str, addresses: tuple[str, ...]) -> bytes | StsFault:
        self.fetched.append((host, addresses))
        if self.gate is not None:
            await self.gate.wait()
        return self.content

    async def ask(self) -> StsState:
        return await self.policies.policy(DOMAIN)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "q.db")
    migrate(database)
    yield World(SqliteStsCache(database))
    database.close()


def play(script: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await script()

    asyncio.run(run())


def test_a_policy_is_fetched_once_and_then_known(world: World) -> None:
    async def script() -> None:
        first = await world.ask()
        assert first.source is StsSource.FETCHED
        assert first.policy is not None and first.policy.mode is StsMode.ENFORCE
        assert (first.record_id, first.fetched_at) == ("a1", world.now)
        assert first.expires_at == world.now + WEEK
        assert first.in_force is first.policy
        again = await world.ask()
        assert (again.source, again.policy) == (StsSource.CACHED, first.policy)

    play(script)
    assert world.fetched == [("mta-sts.shop.example", ("192.0.2.1",))]
    assert world.asked == ["_mta-sts.shop.example"]


def test_a_restart_forgets_nothing(world: World) -> None:
    async def script() -> None:
        await world.ask()
        world.started_anew()
        state = await world.ask()
        assert state.source is StsSource.CACHED and state.policy is not None

    play(script)
    assert len(world.fetched) == 1


@pytest.mark.parametrize(
    "record",
    [
        dns.NoName(),
        dns.NoData(),
        dns.Temporary("Timeout"),
        dns.Found(((0, "v=STSv1; id=a"), (0, "v=STSv1; id=b"))),
    ],
)
def test_a_cached_policy_holds_whatever_dns_says(world: World, record: dns.Answer) -> None:
    async def script() -> None:
        await world.ask()
        world.record = record
        world.now += CHECK_SECONDS + 1
        state = await world.ask()
        assert state.source is StsSource.CACHED and state.policy is not None
        assert state.note

    play(script)
    assert len(world.fetched) == 1


@pytest.mark.parametrize("record", [dns.NoName(), dns.NoData(), dns.Temporary("ServFail")])
def test_without_record_and_cache_there_is_no_policy(world: World, record: dns.Answer) -> None:
    async def script() -> None:
        world.record = record
        state = await world.ask()
        assert (state.source, state.policy, state.fault) == (StsSource.NONE, None, None)

    play(script)
    assert world.fetched == []


def test_a_new_id_brings_the_new_policy(world: World) -> None:
    async def script() -> None:
        await world.ask()
        world.record = dns.Found(((0, "v=STSv1; id=a2"),))
        world.content = policy("testing")
        assert (await world.ask()).record_id == "a1", "one look at DNS serves for a while"
        world.now += CHECK_SECONDS + 1
        state = await world.ask()
        assert (state.source, state.record_id) == (StsSource.FETCHED, "a2")
        assert state.policy is not None and state.policy.mode is StsMode.TESTING

    play(script)


def test_before_mail_fails_for_good_dns_is_asked_at_once(world: World) -> None:
    async def script() -> None:
        await world.ask()
        world.record = dns.Found(((0, "v=STSv1; id=a2"),))
        assert (await world.policies.renewed(DOMAIN)).record_id == "a2"

    play(script)


@pytest.mark.parametrize(
    "content",
    [BROKEN, StsFault(StsWord.WEBPKI_INVALID, "expired"), b"<html>", policy(max_age=-1)],
)
def test_a_policy_that_cannot_be_had_is_none_and_says_why(
    world: World, content: bytes | StsFault
) -> None:
    async def script() -> None:
        world.content = content
        state = await world.ask()
        assert (state.source, state.policy) == (StsSource.NONE, None)
        assert state.fault is not None
        expected = content.word if isinstance(content, StsFault) else StsWord.INVALID
        assert state.fault.word is expected

    play(script)
    assert world.cache.all() == ()


@pytest.mark.parametrize("addresses", [dns.NoName(), dns.NoData(), dns.Temporary("Timeout")])
def test_a_policy_host_without_address_is_a_failed_fetch(
    world: World, addresses: dns.Answer
) -> None:
    async def script() -> None:
        world.addresses_of = addresses
        state = await world.ask()
        assert state.fault is not None and state.fault.word is StsWord.FETCH_ERROR

    play(script)
    assert world.fetched == []


def test_a_failed_fetch_is_not_repeated_for_five_minutes(world: World) -> None:
    async def script() -> None:
        world.content = BROKEN
        await world.ask()
        world.now += FAILURE_SECONDS - 1
        assert (await world.policies.renewed(DOMAIN)).fault == BROKEN
        assert len(world.fetched) == 1
        world.now += 2
        world.content = policy()
        assert (await world.policies.renewed(DOMAIN)).source is StsSource.FETCHED

    play(script)
    assert len(world.fetched) == 2


def test_a_cached_policy_holds_while_the_new_one_cannot_be_had(world: World) -> None:
    async def script() -> None:
        await world.ask()
        world.record = dns.Found(((0, "v=STSv1; id=a2"),))
        world.content = BROKEN
        state = await world.policies.renewed(DOMAIN)
        assert state.source is StsSource.CACHED and state.policy is not None
        assert state.fault == BROKEN

    play(script)


def test_a_policy_ends_with_its_time(world: World) -> None:
    async def script() -> None:
        world.content = policy(max_age=100)
        await world.ask()
        world.content = BROKEN
        world.now += 99
        assert (await world.ask()).policy is not None
        world.now += 2
        state = await world.ask()
        assert (state.source, state.policy) == (StsSource.EXPIRED, None)
        assert state.fault == BROKEN

    play(script)


def test_a_policy_that_ended_is_fetched_again_with_the_same_id(world: World) -> None:
    async def script() -> None:
        world.content = policy(max_age=100)
        await world.ask()
        world.now += 101
        assert (await world.ask()).source is StsSource.FETCHED

    play(script)


def test_mode_none_asks_for_nothing(world: World) -> None:
    async def script() -> None:
        world.content = policy("none")
        state = await world.ask()
        assert state.policy is not None and state.in_force is None

    play(script)


def test_many_who_ask_at_once_share_one_fetch(world: World) -> None:
    async def script() -> None:
        world.gate = asyncio.Event()
        asking = [asyncio.ensure_future(world.ask()) for _ in range(50)]
        while not world.fetched:
            await asyncio.sleep(0)
        asking[0].cancel()  # the one who came first goes away; the others still get the answer
        world.gate.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(one, StsState) and one.policy for one in answers[1:])

    play(script)
    assert len(world.fetched) == 1
    assert world.faults == []


class BrokenCache(SqliteStsCache):
    def get(self, domain: str) -> CachedSts | None:
        raise StoreBusy("the disk is slow")


def test_a_cache_that_cannot_be_read_is_not_the_absence_of_a_policy(tmp_path: Path) -> None:
    world = World(BrokenCache(Database(tmp_path / "q.db")))

    async def script() -> None:
        state = await world.ask()
        assert (state.source, state.policy) == (StsSource.UNKNOWN, None)
        assert "slow" in state.note
        await world.ask()

    play(script)
    assert world.asked == []


class FullCache(SqliteStsCache):
    def put(self, policy: CachedSts) -> None:
        raise StoreFull("no room")


def test_a_policy_that_cannot_be_kept_holds_all_the_same(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    migrate(database)
    world = World(FullCache(database))

    async def script() -> None:
        assert (await world.ask()).policy is not None
        assert (await world.ask()).source is StsSource.CACHED

    play(script)
    assert len(world.fetched) == 1
    database.close()


def test_after_silence_dns_is_asked_again_soon(world: World) -> None:
    async def script() -> None:
        found, world.record = world.record, dns.Temporary("Timeout")
        assert (await world.ask()).policy is None
        world.record = found
        world.now += SILENCE_SECONDS + 1
        assert (await world.ask()).policy is not None

    play(script)


def test_what_another_version_wrote_is_fetched_anew(world: World) -> None:
    world.cache.put(
        CachedSts(
            domain=DOMAIN,
            record_id="a1",
            content=b"version: STSv9\n",
            fetched_at=world.now,
            expires_at=world.now + WEEK,
            used_at=world.now,
        )
    )

    async def script() -> None:
        assert (await world.ask()).source is StsSource.FETCHED

    play(script)


def test_policies_in_use_are_fetched_anew_each_day(world: World) -> None:
    async def script() -> None:
        await world.ask()
        assert await world.policies.round() == 0
        world.now += REFRESH_SECONDS + 1
        world.content = policy("testing")
        assert await world.policies.round() == 1
        state = await world.ask()
        assert state.policy is not None and state.policy.mode is StsMode.TESTING
        assert state.expires_at == world.now + WEEK

    play(script)


def test_a_round_that_fails_changes_nothing(world: World) -> None:
    async def script() -> None:
        await world.ask()
        world.now += REFRESH_SECONDS + 1
        world.content = BROKEN
        assert await world.policies.round() == 0
        world.record = dns.NoName()
        assert await world.policies.round() == 0
        assert (await world.ask()).policy is not None

    play(script)


def test_nobody_asks_after_a_policy_that_is_not_used(world: World) -> None:
    async def script() -> None:
        world.content = policy(max_age=31_557_600)
        await world.ask()
        await world.policies.round()
        world.now += UNUSED_SECONDS + 1
        assert await world.policies.round() == 0
        await world.ask()
        assert await world.policies.round() == 1

    play(script)
