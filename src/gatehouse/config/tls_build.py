# SPDX-License-Identifier: Apache-2.0
"""`Document` → the values of outgoing TLS: destinations' demands, profiles, sender overrides."""

from collections.abc import Mapping
from typing import Any

from gatehouse.config import schema
from gatehouse.mail import address
from gatehouse.policy import destinations, sender_overrides, tls_profiles

# Fields of a destination control that stand in `TlsDemands`, by their own name.
_DEMANDS = (
    "dane",
    "mta_sts",
    "verify_ptr",
    "weak_basis",
    "trust",
    "ca_certificates",
    "client_certificate",
    "min_tls",
    "retry_without_dh",
)


def profile(document: schema.Document, name: str) -> tls_profiles.TlsProfile:
    """A profile by name; KeyError for one that nobody wrote."""
    section = document.tls_profiles[name]
    return tls_profiles.TlsProfile(
        name=name,
        min_version=section.min_version,
        max_version=section.max_version,
        ciphers=section.ciphers,
        groups=tuple(section.groups),
        security_level=section.security_level,
    )


def inbound_profile(
    document: schema.Document, listener: schema.Listener
) -> tls_profiles.TlsProfile:
    """How a listener speaks TLS: its own profile, that of all listeners, or our own rule."""
    name = listener.tls_profile or document.ssl.inbound_profile
    return tls_profiles.TlsProfile() if name is None else profile(document, name)


def control(
    document: schema.Document, domain: str, values: Mapping[str, Any]
) -> destinations.DestinationControl:
    """A destination's rule out of its fields and those that it inherits."""
    demands: dict[str, Any] = {name: values[name] for name in _DEMANDS if name in values}
    if "pinned_fingerprints" in values:
        pins = values["pinned_fingerprints"]
        demands["pinned_fingerprints"] = tuple(canonical_pin(one) for one in pins)
    if "tls_profile" in values:
        demands["tls_profile"] = profile(document, values["tls_profile"])
    others = {*_DEMANDS, "pinned_fingerprints", "tls_profile"}
    return destinations.DestinationControl(
        domain=domain,
        demands=destinations.TlsDemands(**demands),
        **{name: value for name, value in values.items() if name not in others},
    )


def canonical_pin(text: str) -> str:
    """The form in which fingerprints are compared: no colons, lower case."""
    kind, _, digits = text.strip().partition(":")
    return f"{kind.lower()}:{digits.replace(':', '').lower()}"


def overrides(document: schema.Document) -> sender_overrides.SenderOverrides:
    """The sender overrides in their order."""
    return sender_overrides.SenderOverrides(
        sender_overrides.SenderOverride(
            sender=_known(sender_pattern(one.sender), one.sender),
            destination=_known(domain_pattern(one.destination), one.destination),
            tls=one.tls,
            may_lower=one.may_lower,
        )
        for one in document.sender_tls_overrides
    )


def sender_pattern(text: str) -> str | None:
    """The canonical form of an override's sender; None when it is none."""
    if text == sender_overrides.NULL_SENDER:
        return text
    if "@" not in text:
        return domain_pattern(text)
    parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, address.AddressFault):
        return None
    return f"{parsed.local}@{parsed.domain}"


def domain_pattern(text: str) -> str | None:
    """domain, .domain or ALL in canonical form; None when it is none."""
    if text.upper() == sender_overrides.EVERYBODY:
        return sender_overrides.EVERYBODY
    dot = "." if text.startswith(".") else ""
    name = address.parse_domain(text.removeprefix("."))
    return None if name is None or (dot and name.startswith("[")) else f"{dot}{name}"


def _known(pattern: str | None, text: str) -> str:
    if pattern is None:
        raise ValueError(f"no pattern: {text!r}")
    return pattern
