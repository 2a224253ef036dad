# SPDX-License-Identifier: Apache-2.0
"""The values of the outbound TLS plan: what a message demands, what look-ups said, what follows.

The rules that lead from the ones to the others are in `outbound_plan`.
"""

import enum
from dataclasses import dataclass, field
from typing import Literal

from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.outbound_tls import LevelClass, OutboundTlsLevel, level_class
from gatehouse.policy.sender_overrides import SenderOverride, overridden
from gatehouse.policy.server_identity import DaneProof, Proof, StsProof
from gatehouse.tls.dane import TlsaRecord
from gatehouse.tls.failures import ReportWord
from gatehouse.tls.mta_sts import StsPolicy
from gatehouse.tls.names import References


class Rule(enum.Enum):
    """Who can demand something of a connection."""

    DESTINATION = "destination-control"
    SMART_HOST = "smart-host"
    OVERRIDE = "sender-override"
    TLS_REQUIRED_NO = "tls-required-no"
    DANE = "dane"
    MTA_STS = "mta-sts"
    REQUIRETLS = "requiretls"


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule said, and whether it shaped the plan."""

    rule: Rule
    wins: bool
    text: str


# --- what is asked ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What messages of one kind demand; those with equal demands may share a connection."""

    level: OutboundTlsLevel
    override: SenderOverride | None = None
    requiretls: bool = False
    tls_optional: bool = False  # the message says TLS-Required: No


def demand(
    control: DestinationControl,
    override: SenderOverride | None,
    *,
    requiretls: bool = False,
    tls_required_no: bool = False,
) -> Demand:
    """The demand of a message. REQUIRETLS wins over the header field (RFC 8689 §3)."""
    level = control.tls if override is None else overridden(control.tls, override)
    return Demand(
        level=level,
        override=override,
        requiretls=requiretls,
        tls_optional=tls_required_no and not requiretls,
    )


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Nobody looked it up, since nothing depends on it."""


@dataclass(frozen=True, slots=True)
class TlsaRecords:
    """Authentic records; `base` is the TLSA base domain (RFC 7672 §2.2.3)."""

    base: str
    records: tuple[TlsaRecord, ...]


@dataclass(frozen=True, slots=True)
class NoTlsaRecords:
    """There are none, or none that count; `why` in a phrase."""

    why: str


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """Nobody could say."""

    reason: str
    word: str = ReportWord.DNSSEC_INVALID.value  # for the TLS report; "": not reported


@dataclass(frozen=True, slots=True)
class StsHolds:
    """The domain has a policy that asks for something."""

    policy: StsPolicy


@dataclass(frozen=True, slots=True)
class NoSts:
    """The domain has no policy that asks for anything; `word` if one could not be had."""

    why: str = "the domain publishes no policy"
    word: str = ""


DaneAnswer = NotAsked | TlsaRecords | NoTlsaRecords | LookupFailed
StsAnswer = NotAsked | StsHolds | NoSts | LookupFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What DNS and HTTPS said about one host and its domain."""

    dane: DaneAnswer = field(default_factory=NotAsked)
    sts: StsAnswer = field(default_factory=NotAsked)


# --- what follows -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedPolicy:
    """The policy that a TLS report (RFC 8460 §4.3.1) counts a connection under.

    `fault`: a policy could not be had or used, and delivery goes on without it (a word of §4.3).
    """

    type: Literal["tlsa", "sts", "no-policy-found"] = "no-policy-found"
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What a connection must do. `proofs` are judged at every level; the level acts or does not."""

    host: str
    level: OutboundTlsLevel
    proofs: tuple[Proof, ...]
    references: References
    sni: str
    rule: Rule
    reasons: tuple[Reason, ...]
    reported: ReportedPolicy
    needs_requiretls: bool = False
    watched: StsProof | None = None  # MTA-STS testing: judged and reported, never acted on
    watched_misfit: bool = False  # the testing policy does not list the host

    @property
    def published(self) -> Proof | None:
        """The proof that the recipient's domain asks for, which TLS reports are about."""
        asked = [one for one in self.proofs if isinstance(one, DaneProof | StsProof)]
        return self.watched if self.watched is not None else (asked[0] if asked else None)

    @property
    def acts(self) -> bool:
        """Whether an unproven identity stops delivery."""
        return level_class(self.level) is LevelClass.MANDATORY_VERIFY


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRefused:
    """The rules forbid this host now; the next one may do, else the mail waits."""

    host: str
    rule: Rule
    text: str
    word: str  # of RFC 8460 §4.3
    reported: ReportedPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUnknown:
    """What must be known could not be found out: the host counts as unreachable."""

    host: str
    rule: Rule
    text: str
    word: str
    reported: ReportedPolicy


Planned = HostPlan | HostRefused | HostUnknown
