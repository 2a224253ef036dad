# SPDX-License-Identifier: Apache-2.0
"""Is the server the one it should be: asked after every handshake, answered from memory mostly.

The judgement is `policy/server_identity.py`'s. Here it gets what it depends on: the trust stores,
revocation lists, the clock, and a reverse name where only that could still prove the identity.

A judgement costs a millisecond and more, a busy gateway shakes hands hundreds of times a second,
and the same few servers show the same chains. So verdicts are kept, under everything that went into
them: the chain as presented, what was demanded, the reference names, whom we believe. Good ones
serve no longer than the certificates are valid, bad ones for a moment only: what was repaired is
seen soon. A resumed session shows the chain of its full handshake and is judged like any other.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gatehouse.policy.destinations import TlsDemands
from gatehouse.policy.outbound_values import HostPlan
from gatehouse.policy.server_identity import IdentityVerdict, Proof, Shown, judge
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.resolver import Resolver
from gatehouse.service.deliver.trust_book import TrustBook
from gatehouse.tls.names import References

MAX_VERDICTS = 5_000  # some kilobytes each; the least recently used go
GOOD_SECONDS = 600.0  # anything that no generation counts, such as a list overdue, is seen by then
BAD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Kept:
    verdict: IdentityVerdict
    until: float  # wall clock: it is about validity


class Verifier:
    """Judges servers under one configuration."""

    def __init__(self, book: TrustBook, resolver: Resolver, clock: Clock) -> None:
        self._book = book
        self._resolver = resolver
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self.judged = 0

    async def judge(
        self, plan: HostPlan, demands: TlsDemands, chain: tuple[bytes, ...], ip: str
    ) -> IdentityVerdict:
        """The verdict on what a server at `ip` showed (DER, leaf first, as presented)."""
        await self._book.refresh()
        digest = chain_digest(chain)
        verdict = self._verdict(plan.proofs, demands, plan.references, chain, digest)
        if verdict.verified or not verdict.ptr_wanted:
            return verdict
        # The reverse name costs a look-up and is the last straw: asked for only where it decides.
        reverse = await self._resolver.reverse(ip)
        if reverse.host is None:
            return verdict
        references = replace(plan.references, ptr=reverse.host, ptr_confirmed=reverse.verified)
        return self._verdict(plan.proofs, demands, references, chain, digest)

    def judge_alone(
        self, proof: Proof, plan: HostPlan, demands: TlsDemands, chain: tuple[bytes, ...]
    ) -> IdentityVerdict:
        """The verdict by one proof, as for a policy that is only watched."""
        digest = chain_digest(chain)
        return self._verdict((proof,), demands, plan.references, chain, digest)

    def _verdict(
        self,
        proofs: tuple[Proof, ...],
        demands: TlsDemands,
        references: References,
        chain: tuple[bytes, ...],
        digest: bytes,
    ) -> IdentityVerdict:
        trusted = (demands.trust, demands.ca_certificates, self._book.generation)
        key = (digest, proofs, references, trusted)
        now = self._clock.wall()
        kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            self._kept.move_to_end(key)
            return kept.verdict
        self.judged += 1
        verdict = judge(
            proofs,
            Shown(certificates=chain, references=references, at=datetime.fromtimestamp(now, UTC)),
            self._book.trust_for(demands),
        )
        self._kept[key] = _Kept(verdict, _until(verdict, now))
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_VERDICTS:
            self._kept.popitem(last=False)
        return verdict


def chain_digest(chain: tuple[bytes, ...]) -> bytes:
    """One digest for a chain; lengths keep two different ones apart."""
    work = hashlib.sha256()
    for each in chain:
        work.update(len(each).to_bytes(4, "big"))
        work.update(each)
    return work.digest()


def _until(verdict: IdentityVerdict, now: float) -> float:
    if not verdict.verified:
        return now + BAD_SECONDS
    if verdict.expires is None:
        return now + GOOD_SECONDS
    # The last second counts whole (RFC 5280 §4.1.2.5).
    return min(now + GOOD_SECONDS, verdict.expires + 1)
