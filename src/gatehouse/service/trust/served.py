# SPDX-License-Identifier: Apache-2.0
"""What our listeners really show: a handshake with ourselves for each certificate of each listener.

Files and stores say what should be served; only a handshake says what is. It goes to the listener's
own address, so the sender group that this machine falls into decides whether TLS is offered at all;
where it is not, that is said and not taken for a fault.
"""

import asyncio
import enum
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from gatehouse.config.running import Listener, TlsMode
from gatehouse.config.tls_settings import for_client
from gatehouse.service.trust import probe
from gatehouse.tls import facets
from gatehouse.tls.certificates import (
    CertificateFault,
    CertifiedKey,
    describe,
    fingerprint,
    names_of,
    read_certificates,
)

# Seconds in which the receivers of the revision before may still answer; on a machine that is very
# busy they hear late that they are to go. Nobody waits so long who sees the right certificate.
PATIENCE = 10.0
_PAUSE = 0.05
_SECONDS = 15.0  # for one handshake over loopback
MOST_LOOKS = 50  # certificates of one listener: an operator waits for it
# Looks at the same time, over all listeners: they stand in the queue with the clients, and many
# connections from one address are turned away as those of a client would be.
AT_ONCE = 4
_ANYWHERE = {4: "127.0.0.1", 6: "::1"}


class Outcome(enum.Enum):
    """How the look at a listener ended."""

    AS_EXPECTED = "as expected"
    OTHER = "another certificate"  # something else holds the port, or an old process
    NOT_OFFERED = "not offered"  # the policy for this machine's own address is TLS off
    FAILED = "failed"  # no connection or no handshake


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One certificate of one listener, as a client meets it."""

    listener: str
    certificate: str  # its name here
    server_name: str | None  # what was asked for by SNI; None: nothing
    outcome: Outcome
    subject: str = ""
    fingerprint: str = ""
    not_after: datetime | None = None
    protocol: str = ""
    sent: int = 0  # certificates in the chain as sent
    text: str = ""  # why nothing was seen


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What is compared of a certificate that should be shown."""

    names: frozenset[str]
    digest: bytes


async def look_at(
    listeners: Iterable[Listener], held: Mapping[str, CertifiedKey], *, hostname: str
) -> tuple[Served, ...]:
    """One look for each certificate of each listener; `held` are all certificates by name."""
    places = asyncio.Semaphore(AT_ONCE)
    looks = []
    for listener in listeners:
        leaves = {name: _leaf(held[name]) for name in listener.certificates}
        looks += [
            _look(listener, name, leaves, hostname, places)
            for name in listener.certificates[:MOST_LOOKS]
        ]
    return tuple(await asyncio.gather(*looks))


async def _look(
    listener: Listener,
    name: str,
    leaves: Mapping[str, _Leaf],
    hostname: str,
    places: asyncio.Semaphore,
) -> Served:
    """Look until it is as expected, or patience ends: the last processes may just be leaving."""
    server_name = None if name == listener.certificates[0] else _name_in(leaves[name])
    ends: float | None = None
    while True:
        async with places:
            now = asyncio.get_running_loop().time()
            ends = now + PATIENCE if ends is None else ends
            seen = await _once(listener, name, leaves, hostname, server_name)
        if seen.outcome is not Outcome.OTHER or now >= ends:
            return seen
        await asyncio.sleep(_PAUSE)


async def _once(
    listener: Listener,
    name: str,
    leaves: Mapping[str, _Leaf],
    hostname: str,
    server_name: str | None,
) -> Served:
    def served(outcome: Outcome, text: str) -> Served:
        return Served(
            listener=listener.name,
            certificate=name,
            server_name=server_name,
            outcome=outcome,
            text=text,
        )

    try:
        report = await probe.look(
            _reachable(listener.interface.address),
            listener.port,
            probe.Manner(
                server_name=server_name,
                implicit=listener.tls_mode is TlsMode.IMPLICIT,
                hostname=hostname,
                seconds=_SECONDS,
                # By the listener's own profile: what the look cannot speak, no other client can.
                settings=for_client(listener.tls_profile),
            ),
        )
    except probe.NotOffered as reason:
        return served(Outcome.NOT_OFFERED, str(reason))
    except probe.Unseen as reason:
        return served(Outcome.FAILED, str(reason))
    shown = x509.load_der_x509_certificate(report.peer_chain[0])
    # RSA and EC for the same names stand together; the library picks what the client can do.
    names = leaves[name].names
    wanted = {
        leaf.digest
        for other, leaf in leaves.items()
        if other == name or (names and leaf.names == names)
    }
    fits = facets.digest(shown) in wanted
    return Served(
        listener=listener.name,
        certificate=name,
        server_name=server_name,
        outcome=Outcome.AS_EXPECTED if fits else Outcome.OTHER,
        subject=describe(shown),
        fingerprint=fingerprint(report.peer_chain[0]),
        not_after=shown.not_valid_after_utc,
        protocol=report.protocol,
        sent=len(report.peer_chain),
    )


def _reachable(address: str) -> str:
    """The address to connect to; a wildcard listens on loopback too."""
    ip = ipaddress.ip_address(address)
    return _ANYWHERE[ip.version] if ip.is_unspecified else address


def _name_in(leaf: _Leaf) -> str | None:
    """A host name for which SNI chooses this certificate."""
    names = sorted(leaf.names)
    return names[0].replace("*", "any") if names else None


def _leaf(certified: CertifiedKey) -> _Leaf:
    chain = read_certificates(certified.chain_pem[0])
    if isinstance(chain, CertificateFault):
        raise ValueError(chain.text)
    return _Leaf(names_of(chain[0]), facets.digest(chain[0]))
