# SPDX-License-Identifier: Apache-2.0
"""Destination controls: what delivery must and may do towards a recipient domain.

An exact domain wins over the longest ".domain" above it, and that over the default entry. Every
entry is complete; inheritance from the default entry is resolved by `config.build`.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gatehouse.policy import outbound_tls, tls_profiles

# The modelled appliance asks with 500 in its prompt. Receivers commonly take 10 to 50 connections
# from one address; Postfix sends 20 (default_destination_concurrency_limit), and so do we.
DEFAULT_MAX_CONNECTIONS = 20
DEFAULT_MAX_MESSAGES_PER_CONNECTION = 50  # the appliance's value
DEFAULT_MAX_RECIPIENTS_PER_MESSAGE = 100  # RFC 5321 §4.5.3.1.8: a server takes at least 100
DEFAULT_RECIPIENT_MINUTES = 60  # the appliance's prompt; 1 to 60


class IpPreference(enum.Enum):
    """Which address family delivery uses, and whether it may use the other."""

    PREFER_V6 = "prefer-v6"  # IPv6 first, then IPv4
    PREFER_V4 = "prefer-v4"  # IPv4 first, then IPv6
    REQUIRE_V6 = "require-v6"  # IPv6 only
    REQUIRE_V4 = "require-v4"  # IPv4 only


class DaneUse(enum.Enum):
    """What TLSA records are to a destination (RFC 7672)."""

    NONE = "none"  # they are not asked for
    OPPORTUNISTIC = "opportunistic"  # where there are any, they decide
    MANDATORY = "mandatory"  # without usable ones nothing is delivered


class WeakBasis(enum.Enum):
    """What a certificate is worth whose name only an unsigned MX answer or a reverse name gave."""

    ACCEPT = "accept"  # it satisfies the verifying levels, and is shown as weak
    REFUSE = "refuse"  # it does not


class TrustList(enum.Enum):
    """Lists of certificates that a chain may end in."""

    SYSTEM = "system"  # the public CAs of the system
    CUSTOM = "custom"  # the operator's own list


class LimitType(enum.Enum):
    """What the limits of a destination are counted for."""

    HOST = "host"  # the destination domain
    MX_IP = "mx-ip"  # each address of a mail exchanger, whatever domains it serves


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsDemands:
    """What a destination's TLS must be, besides the level.

    `ca_certificates` are names of the custom list or PEM texts, and take the place of `trust`.
    `pinned_fingerprints` are "sha256:" and 64 hexadecimal digits of the server's certificate or of
    its public key (SubjectPublicKeyInfo); at the verifying levels one of them must fit, and no
    chain and no name is asked for then.
    """

    dane: DaneUse = DaneUse.NONE
    mta_sts: bool = False
    verify_ptr: bool = True
    weak_basis: WeakBasis = WeakBasis.ACCEPT
    trust: tuple[TrustList, ...] = (TrustList.SYSTEM, TrustList.CUSTOM)
    ca_certificates: tuple[str, ...] = ()
    pinned_fingerprints: tuple[str, ...] = ()
    client_certificate: str = ""  # name; "": that of all deliveries
    min_tls: tls_profiles.TlsVersionName | None = None  # above what the profile says
    tls_profile: tls_profiles.TlsProfile = field(default_factory=tls_profiles.TlsProfile)
    retry_without_dh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationControl:
    """The complete rule for one destination; `domain` is "default" for the default entry."""

    domain: str
    tls: outbound_tls.OutboundTlsLevel = outbound_tls.OutboundTlsLevel.NONE
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    max_messages_per_connection: int = DEFAULT_MAX_MESSAGES_PER_CONNECTION
    max_recipients_per_message: int = DEFAULT_MAX_RECIPIENTS_PER_MESSAGE
    ip_preference: IpPreference = IpPreference.PREFER_V6
    bounce_profile: str = "default"
    alert_on_required_tls_failure: bool = True
    demands: TlsDemands = field(default_factory=TlsDemands)
    recipient_limit: int = 0  # recipients in `recipient_minutes`; 0: any number
    recipient_minutes: int = DEFAULT_RECIPIENT_MINUTES
    limit_type: LimitType = LimitType.HOST


class DestinationTable:
    """All destination controls; one look-up costs as many steps as the domain has labels."""

    __slots__ = ("_alias", "_exact", "_suffix", "default")

    def __init__(
        self,
        default: DestinationControl,
        controls: Iterable[DestinationControl],
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`aliases`: what is no domain, and the host by whose rule it goes."""
        self.default = default
        self._exact: dict[str, DestinationControl] = {}
        self._suffix: dict[str, DestinationControl] = {}
        for control in controls:
            if control.domain.startswith("."):
                self._suffix.setdefault(control.domain[1:], control)
            else:
                self._exact.setdefault(control.domain, control)
        self._alias = {name: self._rule(host) for name, host in aliases.items()}

    def __iter__(self) -> Iterator[DestinationControl]:
        """All rules, the default one first."""
        yield self.default
        yield from self._exact.values()
        yield from self._suffix.values()

    def lookup(self, domain: str) -> DestinationControl:
        """The rule for a canonical domain (lower-case A-labels or an address literal)."""
        return self._alias.get(domain) or self._rule(domain)

    def _rule(self, domain: str) -> DestinationControl:
        found = self._exact.get(domain)
        if found is not None:
            return found
        if self._suffix:
            rest = domain.partition(".")[2]
            while rest:
                found = self._suffix.get(rest)
                if found is not None:
                    return found
                rest = rest.partition(".")[2]
        return self.default

    def fitting(self, domain: str) -> tuple[DestinationControl, ...]:
        """Every rule that fits a domain; the first one decides, the default one is the last."""
        found = [one] if (one := self._exact.get(domain)) is not None else []
        rest = domain.partition(".")[2]
        while rest:
            if (one := self._suffix.get(rest)) is not None:
                found.append(one)
            rest = rest.partition(".")[2]
        return (*found, self.default)
