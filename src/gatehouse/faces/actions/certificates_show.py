# SPDX-License-Identifier: Apache-2.0
"""The work: one certificate with its chain, its findings and the three names of its listeners."""

import asyncio

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gatehouse.config.running import Listener, ListenerType, Running
from gatehouse.faces.actions.certificates_look import (
    CertificateView,
    ChainLink,
    NamesCheck,
    ShowInput,
)
from gatehouse.faces.actions.certificates_shelf import (
    candidate_running,
    chain_of,
    judged,
    line,
    to_be,
)
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.service.base.resolver import Found, Resolver
from gatehouse.service.trust import keyring
from gatehouse.tls import certificates as tls
from gatehouse.tls import coverage, facets, names, trust

_MOST_DOMAINS = 20  # asked for; a table of 10,000 domains usually shares its MX hosts


async def show(house: House, given: ShowInput) -> CertificateView:
    """Everything but the key."""
    certified = to_be(house, given.name)
    running = candidate_running(house) or running_now(house)
    chain = chain_of(certified)
    remarks: list[str] = []
    checks = []
    for listener in () if running is None else running.listeners:
        if given.name in listener.certificates and running is not None:
            checks.append(await _names(house, running, listener, given, remarks))
    return CertificateView(
        at=moment(house.clock.wall()),
        certificate=line(house, given.name, certified),
        chain=tuple(_link(one) for one in chain),
        findings=await asyncio.to_thread(judged, house, certified),
        three_names=tuple(checks),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _link(one: x509.Certificate) -> ChainLink:
    return ChainLink(
        role=trust.classify(one).value,
        subject=tls.describe(one),
        issuer=facets.issuer_text(one),
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        fingerprint=tls.fingerprint(facets.der_of(one)),
        key=_key(one),
    )


def _key(one: x509.Certificate) -> str:
    key = one.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


async def _names(
    house: House, running: Running, listener: Listener, given: ShowInput, remarks: list[str]
) -> NamesCheck:
    """Compare MX, certificate and interface at one listener."""
    mx = given.mx
    if not mx and given.lookup and listener.type is ListenerType.PUBLIC:
        mx = await _ask(house, running, listener, remarks)
    if not mx and not given.lookup and listener.type is ListenerType.PUBLIC:
        remarks.append("MX host names are not known here: give them with --mx, or use --lookup.")
    presented = [
        names.presented_names(chain_of(keyring.to_be(house.store, house.operator, name))[0])
        for name in listener.certificates
    ]
    found = coverage.three_names(presented, interface=listener.interface.hostname, mx=mx)
    return NamesCheck(
        listener=listener.name,
        interface=found.interface,
        certificate=found.certificate,
        mx=found.mx,
        agree=found.agree,
        disagreements=found.sentences(),
    )


async def _ask(
    house: House, running: Running, listener: Listener, remarks: list[str]
) -> tuple[str, ...]:
    """The MX hosts of the domains that the listener takes mail for."""
    delivery = running.delivery
    resolver = Resolver(delivery.dns_servers, house.clock.monotonic, delivery.dns_timeout)
    domains = _domains(listener)
    if len(domains) > _MOST_DOMAINS:
        remarks.append(f"Only the first {_MOST_DOMAINS} of {len(domains)} domains were looked up.")
        domains = domains[:_MOST_DOMAINS]
    answers = await asyncio.gather(*(resolver.mx(domain) for domain in domains))
    hosts: list[str] = []
    for domain, answer in zip(domains, answers, strict=True):
        if isinstance(answer, Found):
            hosts += [host for _, host in sorted(answer.records) if host]
        else:
            remarks.append(f"DNS has no MX record of {domain} for us.")
    return tuple(dict.fromkeys(hosts))


def _domains(listener: Listener) -> list[str]:
    return [] if listener.recipients is None else list(listener.recipients.accepted_domains)
