# SPDX-License-Identifier: Apache-2.0
"""An imagined client made complete: what DNS, the trust store and the list of users say about it.

What the operator has said is taken as said and not looked up; what was not looked up is noted, so
that nobody takes an assumption for a finding.
"""

import asyncio
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config.running import Listener, Running
from gatehouse.config.tls_settings import VERSIONS, for_listener
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.explain_dialogue import asks_for_certificate
from gatehouse.faces.actions.explain_inbound import LARGEST_CERTIFICATE, InboundInput
from gatehouse.faces.actions.explain_values import Situation
from gatehouse.faces.actions.house import House
from gatehouse.mail import address
from gatehouse.policy import inbound_texts
from gatehouse.policy.access import NameState
from gatehouse.policy.inbound_values import (
    NO_CERTIFICATE,
    CertificateState,
    ClientCertificate,
    SenderDomain,
)
from gatehouse.policy.mail_flow import MailFlowPolicy
from gatehouse.policy.tls_profiles import TlsProfile
from gatehouse.service.base.resolver import Found, Resolver, Temporary
from gatehouse.service.receive import client_certificates
from gatehouse.service.receive.sender_domain import sender_domain
from gatehouse.smtp import saslprep
from gatehouse.tls.ciphers import expand
from gatehouse.tls.contexts import ClientTlsSettings, TlsSetupError
from gatehouse.tls.profiles import TlsVersion

Notes = list[str]

_VALID = ClientCertificate(state=CertificateState.VALID, subject="CN=client.invalid")
_INVALID = ClientCertificate(
    state=CertificateState.INVALID, subject="CN=client.invalid", reason="unknown issuer"
)
_ECDSA = "-ECDSA-"  # in the names of suites that an RSA certificate, the usual one, cannot do


async def complete(
    house: House, running: Running, listener: Listener, given: InboundInput
) -> tuple[Situation, tuple[str, ...]]:
    """The situation, and what was assumed to get there."""
    notes: Notes = ["Limits are taken as unused: nothing was counted before this client."]
    resolver: Resolver | None = None
    if not given.no_dns:
        resolver = Resolver(
            running.delivery.dns_servers, house.clock.monotonic, running.delivery.dns_timeout
        )
    protocol, cipher = _handshake(listener, given)
    situation = Situation(
        listener=listener,
        ip=given.address,
        host=None,
        host_state=NameState.NOT_ASKED,
        helo=given.helo,
        tls=True if given.tls else False if given.no_tls else None,
        protocol=protocol,
        cipher=cipher,
        sender=None if given.sender is None else _bare(given.sender),
        recipients=tuple(map(_bare, given.recipient)),
    )
    situation = await _reverse(situation, given, resolver, notes)
    situation = await _lists(situation, given, resolver, notes)
    policy = listener.access.match(
        situation.ip, situation.host, state=situation.host_state, listed=situation.listed
    ).policy
    if asks_for_certificate(listener, policy):
        shown = await _certificate(house, running, given, notes)
        situation = replace(situation, certificate=shown)
    elif given.certificate != "none" or given.certificate_file:
        notes.append(f"Policy {policy.name} asks no client for a certificate: it is not looked at.")
    situation = _login(house, situation, given, notes)
    return await _sender(situation, policy, resolver, notes), tuple(notes)


def _handshake(listener: Listener, given: InboundInput) -> tuple[str, str]:
    """Protocol and suite of a handshake in which the client leaves the choice to the listener."""
    profile = listener.tls_profile
    spoken = tuple(
        version
        for name, version in VERSIONS.items()
        if profile.min_version.rank <= name.rank <= profile.max_version.rank
    )
    newest = TlsVersion(given.tls_protocol) if given.tls_protocol else TlsVersion.TLS_1_3
    common = [one for one in spoken if one.number <= newest.number]
    if not common and not given.no_tls:
        raise OperatorError(
            "no-common-protocol",
            "The handshake would fail: the listener speaks no version so old.",
            f"{listener.name}: {', '.join(one.value for one in spoken)}",
            f"Its TLS profile is {profile.name}.",
        )
    version = max(common or spoken, key=lambda one: one.number)
    return version.value, _suite(profile, version)


def _suite(profile: TlsProfile, version: TlsVersion) -> str:
    """What the listener prefers at a version; "" where its string has nothing for it."""
    settings = for_listener(profile, (), ask_clients=False)
    try:
        suites = expand(
            ClientTlsSettings(
                min_version=version,
                max_version=version,
                ciphers=settings.ciphers,
                groups=settings.groups,
                security_level=settings.security_level,
            )
        )
    except TlsSetupError:
        return ""
    return next((one.name for one in suites if _ECDSA not in one.name), suites[0].name)


def _bare(text: str) -> str:
    """An address without the brackets that some write around it."""
    text = text.strip()
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


async def _reverse(
    situation: Situation, given: InboundInput, resolver: Resolver | None, notes: Notes
) -> Situation:
    """The reverse name, said or looked up."""
    name = given.reverse_name
    if name is not None:
        parsed = address.parse_domain(name)
        if parsed is None or parsed.startswith("["):
            raise OperatorError("bad-arguments", "This is no host name.", name[:100])
        state = NameState(given.reverse_state or "verified")
        if state in (NameState.NX_DOMAIN, NameState.SERV_FAIL):
            raise OperatorError("bad-arguments", f"With {state.value} there is no reverse name.")
        return replace(situation, host=parsed, host_state=state)
    if given.reverse_state is not None:
        state = NameState(given.reverse_state)
        if state in (NameState.VERIFIED, NameState.NOT_DOUBLE_VERIFIED):
            raise OperatorError("bad-arguments", f"With {state.value} there is a --reverse-name.")
        return replace(situation, host_state=state)
    if resolver is None:
        notes.append("DNS was not asked: the client has no reverse name here.")
        return situation
    found = await resolver.reverse(situation.ip)
    return replace(situation, host=found.host, host_state=found.state)


async def _lists(
    situation: Situation, given: InboundInput, resolver: Resolver | None, notes: Notes
) -> Situation:
    """The DNS lists that could change the answer."""
    found = {zone.lower().rstrip(".") for zone in given.listed}
    needed = situation.listener.access.needs_lists(
        situation.ip, situation.host, state=situation.host_state
    )
    for zone in (one for one in needed if one not in found):
        answer = None if resolver is None else await resolver.listed(situation.ip, zone)
        if isinstance(answer, Found):
            found.add(zone)
        elif answer is None or isinstance(answer, Temporary):
            why = "was not asked" if answer is None else "gave no answer"
            notes.append(f"DNS list {zone} {why}: it counts as not listing the client.")
    return replace(situation, listed=frozenset(found))


def _login(house: House, situation: Situation, given: InboundInput, notes: Notes) -> Situation:
    """Whether the user is one of ours; the password is taken as right."""
    if given.auth is None:
        return situation
    name = saslprep.prepare_name(given.auth)
    if name is None:
        raise OperatorError("bad-arguments", "This cannot be the name of a user.", given.auth[:100])
    known = house.opened is not None and house.store.smtp_users.get(name) is not None
    if not known:
        notes.append(f"There is no user {name}: see `gatehouse smtp-user list`.")
    return replace(situation, user=name, user_known=known)


async def _sender(
    situation: Situation, policy: MailFlowPolicy, resolver: Resolver | None, notes: Notes
) -> Situation:
    """Whether the sender's domain exists, where the policy wants to know."""
    if not policy.check_sender_domain or not situation.sender:
        return situation
    parsed = address.parse_mailbox(situation.sender.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, address.AddressFault):
        return situation
    full = inbound_texts.full_sender(situation.listener.entrance, parsed)
    if full is None or full.domain.startswith("["):
        return situation
    if resolver is None:
        notes.append("DNS was not asked: the sender's domain is taken as one that exists.")
        return replace(situation, sender_domain=SenderDomain.EXISTS)
    return replace(situation, sender_domain=await sender_domain(resolver, full.domain))


async def _certificate(
    house: House, running: Running, given: InboundInput, notes: Notes
) -> ClientCertificate:
    """What the client shows, and what that is worth."""
    if given.certificate_file is None:
        return {"valid": _VALID, "invalid": _INVALID}.get(given.certificate, NO_CERTIFICATE)
    if len(given.certificate_file) > LARGEST_CERTIFICATE:
        raise OperatorError("bad-arguments", "The certificate file is too large.")
    try:
        loaded = x509.load_pem_x509_certificates(given.certificate_file)
        chain = tuple(one.public_bytes(Encoding.DER) for one in loaded)
    except ValueError:
        raise OperatorError(
            "bad-arguments", "The certificate file cannot be read.", hint="It must be PEM."
        ) from None
    notes.append("That the client has the key of this certificate is taken as given.")
    if house.opened is None:
        notes.append("There is no trust list here: no certificate is good.")
        return client_certificates.NOBODY.judge(chain, house.clock.wall())
    return await asyncio.to_thread(_judge, house, running, chain, notes)


def _judge(
    house: House, running: Running, chain: tuple[bytes, ...], notes: Notes
) -> ClientCertificate:
    """The verdict of the judge that a receiver has."""

    def report(where: str, error: BaseException) -> None:
        notes.append(f"The {where} cannot be read: {error}.")

    judge = client_certificates.for_clients(house.store, running, report)
    return judge.judge(chain, house.clock.wall())
