# SPDX-License-Identifier: Apache-2.0
"""Which MTA-STS policy holds for a domain now, and where it is from (RFC 8461 §3, §5.1).

Rule: a policy that was once fetched holds until its max_age ends, whatever DNS or the policy host
say meanwhile; that is what it protects against. A domain of which nothing is known and whose policy
cannot be had is treated as one without (§3.3), and the state says why, for the TLS report. A cache
that cannot be read is neither: the caller defers.

For one domain there is at most one fetch at a time, and a failed one is not repeated for five
minutes (§3.3). Policies that are in use are fetched anew in the background long before they end.
Nothing is recorded here: delivery reports `fault` with the attempt that it led to.
"""

import asyncio
import enum
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gatehouse.service.base import resolver as dns
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import StsCache
from gatehouse.store.tls_values import CachedSts
from gatehouse.tls.mta_sts import (
    POLICY_HOST_LABEL,
    RECORD_LABEL,
    StsFault,
    StsMode,
    StsPolicy,
    StsRecord,
    StsWord,
    parse_policy,
    parse_record,
)

CHECK_SECONDS = 300.0  # how long one look at DNS serves; the record's own TTL is mostly longer
SILENCE_SECONDS = 30.0  # DNS gave no answer: the next mail soon asks again
FAILURE_SECONDS = 300.0  # §3.3: "a limit of no more than one attempt every five minutes"
MAX_KNOWN = 20_000  # domains in memory, as many as the resolver keeps
ROUND_SECONDS = 600.0  # how often the background looks for policies to fetch anew
REFRESH_SECONDS = 86_400.0  # §3.3 leaves it to us; daily, as large senders do
UNUSED_SECONDS = 30 * 86_400.0  # nobody wrote there for so long: it may end
REFRESHES_PER_ROUND = 500
REFRESHES_AT_ONCE = 8  # hosts that drip must not hold up the others, nor take all that fetching has


class StsSource(enum.Enum):
    """Where the answer is from."""

    NONE = "none"  # there is no policy, or none could be had
    CACHED = "cached"  # fetched earlier and still in its time
    FETCHED = "fetched"  # fetched for this question
    EXPIRED = "expired"  # there was one; its time is over and no new one could be had
    UNKNOWN = "unknown"  # the cache cannot be read: defer, this is not "no policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class StsState:
    """What is known of a domain's policy. Times are unix seconds.

    `policy` is one that holds now, also of mode none; `in_force` is what delivery goes by. `fault`
    says what the last look failed with, although the domain says that it has a policy; a cached
    policy can hold beside it. `note` says in words what else there is to tell.
    """

    domain: str
    policy: StsPolicy | None = None
    source: StsSource = StsSource.NONE
    record_id: str = ""
    fetched_at: float | None = None
    expires_at: float | None = None
    fault: StsFault | None = None
    note: str = ""

    @property
    def in_force(self) -> StsPolicy | None:
        """The policy if it asks for something: enforce or testing."""
        policy = self.policy
        return None if policy is None or policy.mode is StsMode.NONE else policy


class Dns(Protocol):
    """What is asked of a resolver."""

    async def txt(self, name: str) -> dns.Answer:
        """The TXT records of a name, each as (0, its strings joined)."""

    async def addresses(self, host: str) -> dns.Answer:
        """IPv4 and IPv6 addresses of a host."""


# The policy host and its addresses, best first; the content of the file, or what went wrong.
FetchPolicy = Callable[[str, tuple[str, ...]], Awaitable[bytes | StsFault]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StsTools:
    """What the policies are looked up with."""

    dns: Dns
    fetch: FetchPolicy
    cache: StsCache
    clock: Clock
    tasks: TaskSupervisor


@dataclass(frozen=True, slots=True)
class _Known:
    until: float  # monotonic
    state: StsState


class StsPolicies:
    """The policies of all destinations of one process."""

    def __init__(self, tools: StsTools) -> None:
        self._tools = tools
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asked: dict[str, asyncio.Task[StsState]] = {}
        self._failed: OrderedDict[str, tuple[float, StsFault]] = OrderedDict()
        self._used: set[str] = set()

    async def policy(self, domain: str) -> StsState:
        """What holds for a domain (A-labels, lower case); quick when it was asked a moment ago."""
        known = self._known.get(domain)
        if known is not None and known.until > self._tools.clock.monotonic():
            return known.state
        self._used.add(domain)
        return await self._once(domain)

    async def renewed(self, domain: str) -> StsState:
        """The same after a new look at DNS: due before mail fails for good by a policy (§5.1)."""
        self._known.pop(domain, None)
        return await self._once(domain)

    async def _once(self, domain: str) -> StsState:
        """Ask, unless somebody asks already: then wait for that answer."""
        task = self._asked.get(domain)
        if task is None:
            # A task of its own: the one who asked first may be cancelled, the others still wait.
            task = self._tools.tasks.start(self._look(domain), f"MTA-STS of {domain}")
            self._asked[domain] = task
            task.add_done_callback(lambda _: self._asked.pop(domain, None))
        return await asyncio.shield(task)

    async def _look(self, domain: str) -> StsState:
        try:
            cached = self._tools.cache.get(domain)
        except StoreError as error:
            return StsState(domain=domain, source=StsSource.UNKNOWN, note=str(error))
        state, life = await self._discover(domain, cached)
        self._remember(state, life)
        return state

    async def _discover(self, domain: str, cached: CachedSts | None) -> tuple[StsState, float]:
        """What holds, and for how long this look serves."""
        answer = await self._tools.dns.txt(f"{RECORD_LABEL}.{domain}")
        standing = self._standing(domain, cached)
        match answer:
            case dns.Found(records):
                record = parse_record([text for _, text in records])
            case dns.NoData() | dns.NoName():
                record = None
            case dns.Temporary(error):
                # Not a fault for reports: nobody knows that there is a policy.
                return replace(standing, note=f"DNS gives no answer: {error}"), SILENCE_SECONDS
        if record is None:
            return replace(standing, note="there is no valid record in DNS"), CHECK_SECONDS
        if standing.policy is not None and standing.record_id == record.id:
            return standing, CHECK_SECONDS
        fetched = await self._fetch(domain, record)
        if isinstance(fetched, StsFault):
            fetched = replace(standing, fault=fetched)
        return fetched, CHECK_SECONDS

    def _standing(self, domain: str, cached: CachedSts | None) -> StsState:
        """What the cache alone says."""
        if cached is None:
            return StsState(domain=domain)
        policy = parse_policy(cached.content)
        if isinstance(policy, StsFault):  # written by another version; what it meant is lost
            return StsState(domain=domain, fault=policy)
        alive = self._tools.clock.wall() < cached.expires_at
        return StsState(
            domain=domain,
            policy=policy if alive else None,
            source=StsSource.CACHED if alive else StsSource.EXPIRED,
            record_id=cached.record_id,
            fetched_at=cached.fetched_at,
            expires_at=cached.expires_at,
        )

    async def _fetch(self, domain: str, record: StsRecord) -> StsState | StsFault:
        """Fetch and keep, unless it failed a moment ago."""
        monotonic = self._tools.clock.monotonic
        failed = self._failed.get(domain)
        if failed is not None and failed[0] > monotonic():
            return failed[1]
        content = await self._content(domain)
        policy = content if isinstance(content, StsFault) else parse_policy(content)
        if isinstance(policy, StsFault) or isinstance(content, StsFault):
            assert isinstance(policy, StsFault)
            self._failed[domain] = (monotonic() + FAILURE_SECONDS, policy)
            if len(self._failed) > MAX_KNOWN:
                self._failed.popitem(last=False)
            return policy
        self._failed.pop(domain, None)
        now = self._tools.clock.wall()
        kept = CachedSts(
            domain=domain,
            record_id=record.id,
            content=content,
            fetched_at=now,
            expires_at=now + policy.max_age,
            used_at=now,
        )
        note = ""
        try:
            await asyncio.to_thread(self._tools.cache.put, kept)
        except StoreError as error:
            note = f"the policy could not be kept: {error}"  # it holds as long as we remember it
        return StsState(
            domain=domain,
            policy=policy,
            source=StsSource.FETCHED,
            record_id=record.id,
            fetched_at=now,
            expires_at=kept.expires_at,
            note=note,
        )

    async def _content(self, domain: str) -> bytes | StsFault:
        host = f"{POLICY_HOST_LABEL}.{domain}"
        answer = await self._tools.dns.addresses(host)
        match answer:
            case dns.Found(records):
                return await self._tools.fetch(host, tuple(text for _, text in records))
            case dns.NoData() | dns.NoName():
                return StsFault(StsWord.FETCH_ERROR, f"{host} has no address")
            case dns.Temporary(error):
                return StsFault(StsWord.FETCH_ERROR, f"DNS gives no answer for {host}: {error}")

    def _remember(self, state: StsState, life: float) -> None:
        clock = self._tools.clock
        if state.policy is not None and state.expires_at is not None:
            life = min(life, state.expires_at - clock.wall())
        if state.source is StsSource.FETCHED:
            state = replace(state, source=StsSource.CACHED)
        self._known[state.domain] = _Known(clock.monotonic() + life, state)
        self._known.move_to_end(state.domain)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    # --- in the background -----------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the policies that are in use fresh; never ends by itself."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                await self.round()
            except StoreError:
                pass  # the store says why elsewhere; the next round comes

    async def round(self) -> int:
        """One look for policies to fetch anew; how many were."""
        cache, now = self._tools.cache, self._tools.clock.wall()
        used, self._used = self._used, set()
        await asyncio.to_thread(cache.mark_used, tuple(used), now)
        await asyncio.to_thread(cache.prune, now - UNUSED_SECONDS)
        due = await asyncio.to_thread(cache.due, now, REFRESH_SECONDS, REFRESHES_PER_ROUND)
        room = asyncio.Semaphore(REFRESHES_AT_ONCE)
        in_use = [old for old in due if now - old.used_at < UNUSED_SECONDS]
        return sum(await asyncio.gather(*(self._refresh(old, room) for old in in_use)))

    async def _refresh(self, old: CachedSts, room: asyncio.Semaphore) -> bool:
        """Fetch a policy again without being asked; the id is that of the record as it is now."""
        async with room:
            answer = await self._tools.dns.txt(f"{RECORD_LABEL}.{old.domain}")
            record = None
            if isinstance(answer, dns.Found):
                record = parse_record([text for _, text in answer.records])
            if record is None or old.domain in self._asked:
                return False
            fetched = await self._fetch(old.domain, record)
        if isinstance(fetched, StsFault):
            return False
        self._remember(fetched, CHECK_SECONDS)
        return True
