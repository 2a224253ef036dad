# SPDX-License-Identifier: Apache-2.0
"""Checks of outgoing TLS: what destinations demand, profiles, sender overrides.

Pure, so the trust lists are not at hand: whether they hold anything is found when a revision is
applied, and refused there (`service/deliver/trust_book.py`).
"""

import ipaddress
from collections.abc import Iterator

from gatehouse.config import build, schema, tls_build, tls_profile_checks
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.listener_checks import unknown_name
from gatehouse.policy import outbound_tls, tls_profiles
from gatehouse.policy.destinations import DaneUse, DestinationControl, TrustList
from gatehouse.policy.outbound_tls import OutboundTlsLevel

Where = tuple[str | int, ...]


def check(document: schema.Document, certificates: frozenset[str]) -> Iterator[Finding]:
    """All findings about TLS towards others. `certificates` are the names of those that exist."""
    yield from _profiles(document)
    for domain, section in document.destination_controls.items():
        path = ("destination_controls", domain)
        yield from unknown_name(
            (*path, "client_certificate"), section.client_certificate, certificates, "certificate"
        )
        yield from unknown_name(
            (*path, "tls_profile"), section.tls_profile, document.tls_profiles, "TLS profile"
        )
        if section.tls_profile is None or section.tls_profile in document.tls_profiles:
            yield from _destination(document, domain, section)
    yield from _overrides(document)


def _destination(
    document: schema.Document, domain: str, section: schema.DestinationControl
) -> Iterator[Finding]:
    """What a destination's complete rule promises, and cannot keep."""
    if not _default_is_sound(document):
        return  # said there
    path = ("destination_controls", domain)
    control = build.destination(document, domain)
    for index, text in enumerate(section.ca_certificates or ()):
        if "BEGIN" in text and "BEGIN CERTIFICATE" not in text:
            yield error(
                (*path, "ca_certificates", index), "is neither a name nor a PEM certificate"
            )
    yield from _trust(document, control, section, path)
    yield from _dane(document, control, section, path)
    if control.recipient_limit and section.recipient_minutes is None:
        if section.recipient_limit is not None and control.recipient_minutes == 60:
            yield warning(
                (*path, "recipient_limit"), "counts per hour", hint="recipient_minutes is not set"
            )
    yield from _versions(control, section, path)


def _default_is_sound(document: schema.Document) -> bool:
    default = document.destination_controls.get(schema.DEFAULT_DESTINATION)
    named = None if default is None else default.tls_profile
    return named is None or named in document.tls_profiles


def _trust(
    document: schema.Document,
    control: DestinationControl,
    section: schema.DestinationControl,
    path: Where,
) -> Iterator[Finding]:
    """Verification needs something to verify by."""
    demands = control.demands
    acts = outbound_tls.verifies(control.tls) and outbound_tls.is_required(control.tls)
    known = demands.pinned_fingerprints or demands.ca_certificates
    lists = set(demands.trust)
    if not document.trust.system:
        lists.discard(TrustList.SYSTEM)
    if acts and not known and not lists:
        yield error(
            (*path, "trust"),
            f"level {control.tls.value} has no list to verify certificates by",
            hint='trust = ["custom"], ca_certificates, pinned_fingerprints or [trust] system',
        )
    if section.pinned_fingerprints and not acts:
        yield warning(
            (*path, "pinned_fingerprints"),
            f"are recorded only: level {control.tls.value} delivers without them",
            hint="tls = required-verify",
        )
    if section.pinned_fingerprints and demands.ca_certificates:
        yield warning((*path, "ca_certificates"), "play no part beside pinned_fingerprints")


def _dane(
    document: schema.Document,
    control: DestinationControl,
    section: schema.DestinationControl,
    path: Where,
) -> Iterator[Finding]:
    use = control.demands.dane
    if section.dane is None or use is DaneUse.NONE:
        return
    if not _trusted_dns(document.delivery):
        effect = "nothing is delivered" if use is DaneUse.MANDATORY else "it has no effect"
        yield warning(
            (*path, "dane"),
            f"no DNS server is believed about DNSSEC: {effect}",
            hint="a validating resolver on loopback in delivery.dns_servers, or dns_trusted",
        )
    if use is DaneUse.MANDATORY and control.tls is OutboundTlsLevel.NONE:
        yield warning((*path, "tls"), "none has no effect where DANE is mandatory")


def _trusted_dns(delivery: schema.Delivery) -> bool:
    """Whether it can be told here that the servers are not believed; the system's may be."""
    if delivery.dns_trusted != "auto" or not delivery.dns_servers:
        return delivery.dns_trusted != "no"
    hosts = [text.rpartition(":")[0].strip("[]") for text in delivery.dns_servers]
    return all(ipaddress.ip_address(host).is_loopback for host in hosts)


def _versions(
    control: DestinationControl, section: schema.DestinationControl, path: Where
) -> Iterator[Finding]:
    demands = control.demands
    if control.tls is OutboundTlsLevel.NONE and section.min_tls is not None:
        yield warning(
            (*path, "min_tls"),
            "has no effect: level none never asks for TLS",
        )
    if demands.min_tls is not None and demands.min_tls.rank > demands.tls_profile.max_version.rank:
        yield error(
            (*path, "min_tls"),
            f"is above the highest version of profile {demands.tls_profile.name}",
            hint=f"which is {demands.tls_profile.max_version.value}",
            found=demands.min_tls.value,
        )
    if (
        section.tls_profile is not None
        and demands.tls_profile.weak
        and control.tls
        in (
            OutboundTlsLevel.REQUIRED,
            OutboundTlsLevel.REQUIRED_VERIFY,
            OutboundTlsLevel.REQUIRED_VERIFY_HOSTED,
        )
    ):
        yield warning(
            (*path, "tls_profile"),
            f"level {control.tls.value} is kept with weak TLS: see tls_profiles."
            f"{demands.tls_profile.name}",
        )


def _profiles(document: schema.Document) -> Iterator[Finding]:
    for name, section in document.tls_profiles.items():
        path = ("tls_profiles", name)
        lowest, highest = section.min_version, section.max_version
        if lowest.rank > highest.rank:
            yield error(
                (*path, "min_version"), f"is above max_version {highest.value}", found=lowest.value
            )
        if lowest.outdated and section.security_level != 0:
            yield error(
                (*path, "security_level"),
                f"TLS {lowest.value} is spoken at level 0 only",
                hint="security_level = 0 says so in as many words; RFC 8996 forbids this version",
                found=str(section.security_level),
            )
        if "@SECLEVEL" in section.ciphers.upper():
            yield error((*path, "ciphers"), "holds a level", hint="write security_level")
        profile = tls_build.profile(document, name)
        if lowest.rank <= highest.rank:
            yield from tls_profile_checks.check(path, profile)
        if profile.weak:
            yield warning(
                path,
                "is weaker than the house's rule",
                hint=f"TLS 1.2 and security level {tls_profiles.DEFAULT_SECURITY_LEVEL}; use it "
                "for single destinations that cannot do better",
            )


def _overrides(document: schema.Document) -> Iterator[Finding]:
    for index, one in enumerate(document.sender_tls_overrides):
        path = ("sender_tls_overrides", index)
        if tls_build.sender_pattern(one.sender) is None:
            hint = "user@domain, domain, .domain, <> or ALL"
            yield error((*path, "sender"), "is no sender", hint=hint, found=one.sender)
        if tls_build.domain_pattern(one.destination) is None:
            hint = "domain, .domain or ALL"
            yield error((*path, "destination"), "is no domain", hint=hint, found=one.destination)
        if one.may_lower:
            yield warning(
                (*path, "may_lower"),
                "mail of this sender may go out with less TLS than its destination's rule demands",
            )
