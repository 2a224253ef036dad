# SPDX-License-Identifier: Apache-2.0
"""What only this machine can say about a configuration before it is committed.

Can the listeners get their addresses; do the certificates cover the names that listeners greet by,
and may they be shown by a server at all; are their keys strong enough for the TLS profile; is there
anything to verify by where verification is demanded. Pending certificates and trust entries of the
operator count as being there, but not for a rollback, which leaves them waiting.
"""

from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gatehouse.config import checks
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.running import Listener, Running, TlsMode
from gatehouse.config.tls_settings import for_listener
from gatehouse.faces.actions.house import House
from gatehouse.policy.destinations import DestinationControl, TrustList
from gatehouse.policy.mail_flow import TlsDemand
from gatehouse.policy.outbound_tls import LevelClass, level_class
from gatehouse.policy.tls_profiles import DEFAULT_SECURITY_LEVEL
from gatehouse.service.commit import sockets
from gatehouse.service.trust import anchors, keyring
from gatehouse.tls import coverage, facets, names
from gatehouse.tls.certificates import CertificateFault, CertifiedKey, read_certificates
from gatehouse.tls.engine import ServerContext, TlsSetupError

_PEM = "-----BEGIN"  # as `service/deliver/trust_book.py` tells a certificate from a name


def look(house: House, loaded: checks.Loaded, *, waiting: bool = True) -> tuple[Finding, ...]:
    """All that is found. `waiting`: what waits for the operator's commit comes with it."""
    running = loaded.running
    return (
        *_addresses(house, running),
        *(found for one in running.listeners for found in _certificates(house, one, waiting)),
        *(found for one in running.listeners for found in _strength(house, one, waiting)),
        *_trust(house, running, waiting),
    )


def offers_tls(listener: Listener) -> bool:
    """Whether any client can get TLS there."""
    wanted = any(policy.tls is not TlsDemand.OFF for policy in listener.access.policies)
    return wanted or listener.tls_mode is TlsMode.IMPLICIT


def _addresses(house: House, running: Running) -> Iterator[Finding]:
    """Without a running gateway somebody else may be asking than who will run it: a warning."""
    now = None if house.gateway is None else house.gateway.running
    if house.gateway is not None and now is None:
        return  # it is starting: nobody can tell which addresses are its own
    ours = frozenset() if now is None else sockets.endpoints(now)
    say = warning if house.gateway is None else error
    wanted = [(("listeners", one.name, "port"), sockets.endpoint(one)) for one in running.listeners]
    ssh = sockets.ssh_endpoint(running)
    for path, where in [*wanted, *([] if ssh is None else [(("ssh", "port"), ssh)])]:
        reason = "" if where in ours else sockets.why_not(where)
        if reason:
            yield say(
                path,
                f"cannot listen on {where[0]} port {where[1]}: {reason}",
                hint="another address or port, or stop what listens there",
            )


def _certificates(house: House, one: Listener, waiting: bool) -> Iterator[Finding]:
    if not offers_tls(one) or one.certificate == keyring.DEMO:
        return  # the Demo certificate has a warning of its own
    leaves = []
    for name in one.certificates:
        chain = read_certificates(b"\n".join(_held(house, name, waiting).chain_pem))
        if isinstance(chain, CertificateFault):
            yield error(("listeners", one.name, "certificate"), f"{name}: {chain.text}")
            continue
        leaves.append(chain[0])
        if not _for_servers(chain[0]):
            yield warning(
                ("listeners", one.name, "certificate"),
                f"{name} is not made for servers: its extended key usage says so",
                hint="clients that look will refuse it",
            )
    three = coverage.three_names(
        [names.presented_names(leaf) for leaf in leaves], interface=one.interface.hostname
    )
    for sentence in three.sentences():
        yield warning(
            ("listeners", one.name, "certificate"),
            sentence,
            hint="partners that verify go by the name in the greeting",
        )


def _held(house: House, name: str, waiting: bool) -> CertifiedKey:
    if waiting:
        return keyring.to_be(house.store, house.operator, name)
    return keyring.get(house.store, name)


def _strength(house: House, one: Listener, waiting: bool) -> Iterator[Finding]:
    """Every key that we take fits the usual level; above it OpenSSL refuses some at the start."""
    profile = one.tls_profile
    if not offers_tls(one) or profile.security_level <= DEFAULT_SECURITY_LEVEL:
        return
    held = tuple(_held(house, name, waiting) for name in one.certificates)
    try:
        ServerContext(for_listener(profile, held, ask_clients=False))
    except TlsSetupError as fault:
        yield error(
            ("listeners", one.name, "tls_profile"),
            f"security level {profile.security_level} of {profile.name} is too much: {fault}",
            hint="a certificate with a longer key, or a lower security_level",
        )


def _for_servers(leaf: x509.Certificate) -> bool:
    found = facets.extension(leaf, x509.ExtendedKeyUsage)
    if not isinstance(found, x509.ExtendedKeyUsage):
        return True  # none, or not to be read: that is said where the chain is judged
    allowed = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(one in allowed for one in found)


def _trust(house: House, running: Running, waiting: bool) -> Iterator[Finding]:
    demanding = [one for one in running.destinations if _needs_lists(one)]
    naming = [one for one in running.destinations if one.demands.ca_certificates]
    if not demanding and not naming:
        return
    store = house.store
    custom = anchors.custom_to_be(store, house.operator) if waiting else anchors.custom(store)
    yield from (found for one in naming for found in _named(one, custom))
    held = {TrustList.CUSTOM: bool(custom)}
    try:
        held[TrustList.SYSTEM] = bool(anchors.system(running.trust))
    except anchors.SystemListUnusable:
        held[TrustList.SYSTEM] = False
    for one in demanding:
        if not any(held[each] for each in one.demands.trust):
            lists = " and ".join(each.value for each in one.demands.trust) or "no list"
            yield error(
                ("destination_controls", one.domain, "trust"),
                f"level {one.tls.value} has nothing to verify by: {lists} without a certificate",
                hint="`gatehouse trust add`, or ca_certificates or pinned_fingerprints here",
            )


def _named(one: DestinationControl, custom: Mapping[str, object]) -> Iterator[Finding]:
    """A section of another gateway can name an authority that is only there."""
    for name in one.demands.ca_certificates:
        if not name.lstrip().startswith(_PEM) and name not in custom:
            yield error(
                ("destination_controls", one.domain, "ca_certificates"),
                "the custom list has no such certificate: nothing could be verified by it",
                hint="`gatehouse trust add`",
                found=name,
            )


def _needs_lists(one: DestinationControl) -> bool:
    own = one.demands.ca_certificates or one.demands.pinned_fingerprints
    return level_class(one.tls) is LevelClass.MANDATORY_VERIFY and not own
