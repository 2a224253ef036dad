# SPDX-License-Identifier: Apache-2.0
"""Warns before certificates end: our own, the intermediates sent with them, custom CAs.

Which moments those are stands in `tls.expiry`. What has fired is remembered by fingerprint in the
store, so that a restart repeats nothing, and a renewed certificate begins with a clean sheet. The
memory is written after the alarm was told: a crash between the two repeats a warning instead of
losing it.
"""

import enum
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509

from gatehouse.policy.alarms import Alarm, AlarmSeverity
from gatehouse.service.trust import keyring
from gatehouse.store.interface import Store
from gatehouse.tls import certificates as tls
from gatehouse.tls import expiry, facets

ALARM_NAME = "certificate-expiry"
# With this little left an unanswered warning is an outage (the daily steps of the series begin).
_CRITICAL = timedelta(days=5)
_WARNING = timedelta(days=30)
_PLACE = "watch/expiry"


class Kind(enum.Enum):
    """What a certificate is to us."""

    OWN = "Certificate"  # shown by a listener or in delivery
    INTERMEDIATE = "Intermediate certificate"  # sent along with one of ours
    CUSTOM_CA = "Custom CA certificate"  # trusted by the operator


@dataclass(frozen=True, slots=True)
class Watched:
    """A certificate to look after. `name` is how the operator knows it."""

    kind: Kind
    name: str
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Expiring:
    """A warning to give now, and what to remember once it is given."""

    alarm: Alarm
    fingerprint: str
    fired: frozenset[str]


def watched(
    store: Store, used: AbstractSet[str], custom: Iterable[tuple[str, x509.Certificate]] = ()
) -> tuple[Watched, ...]:
    """All there is to look after; the Demo certificate only while something uses it."""
    found: dict[bytes, Watched] = {}
    for name in sorted(keyring.names(store)):
        if name == keyring.DEMO and name not in used:
            continue
        chain = tls.read_certificates(b"".join(keyring.get(store, name).chain_pem))
        if isinstance(chain, tls.CertificateFault):
            continue  # `certificate list` says what is wrong with it
        for place, certificate in enumerate(chain):
            kind = Kind.INTERMEDIATE if place else Kind.OWN
            found.setdefault(facets.digest(certificate), Watched(kind, name, certificate))
    for name, certificate in custom:
        one = Watched(Kind.CUSTOM_CA, name, certificate)
        found.setdefault(facets.digest(certificate), one)
    return tuple(found.values())


def look(store: Store, all_watched: Iterable[Watched], now: float) -> tuple[Expiring, ...]:
    """The warnings that are due."""
    memory = _remembered(store)
    moment = datetime.fromtimestamp(now, UTC)
    found = []
    for one in all_watched:
        fingerprint = facets.digest(one.certificate).hex()
        before, after = one.certificate.not_valid_before_utc, one.certificate.not_valid_after_utc
        warn = expiry.due(before, after, fired=memory.get(fingerprint, frozenset()), now=moment)
        if warn is not None:
            alarm = _alarm(one, warn, fingerprint)
            found.append(Expiring(alarm, fingerprint, warn.passed))
    return tuple(found)


def remember(store: Store, told: Iterable[Expiring], still: Iterable[Watched], now: float) -> None:
    """Note what was told; certificates that are gone are forgotten."""
    memory = _remembered(store)
    kept = {facets.digest(one.certificate).hex() for one in still}
    changed = {key: fired for key, fired in memory.items() if key in kept}
    for one in told:
        changed[one.fingerprint] = changed.get(one.fingerprint, frozenset()) | one.fired
    if changed != memory:
        store.secrets.put(_PLACE, msgspec.json.encode(changed), now)


def _remembered(store: Store) -> dict[str, frozenset[str]]:
    content = store.secrets.get(_PLACE)
    if content is None:
        return {}
    return msgspec.json.decode(content, type=dict[str, frozenset[str]])


def _alarm(one: Watched, warn: expiry.Warn, fingerprint: str) -> Alarm:
    leaf = one.certificate
    text = (
        f"{_who(one)} {_when(warn)}, on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC."
        f" {_advice(one.kind)}"
    )
    return Alarm(
        name=ALARM_NAME,
        severity=_severity(warn),
        text=text,
        key=f"{ALARM_NAME}/{fingerprint}/{warn.threshold.name}",
    )


def _who(one: Watched) -> str:
    subject = tls.describe(one.certificate)
    match one.kind:
        case Kind.OWN:
            return f"{one.kind.value} {one.name}"
        case Kind.INTERMEDIATE:
            return f"{one.kind.value} of {one.name} ({subject})"
        case Kind.CUSTOM_CA:
            return f"{one.kind.value} {one.name} ({subject})"


def _when(warn: expiry.Warn) -> str:
    if warn.threshold.stage is expiry.Stage.EXPIRED:
        return "has expired"
    if warn.left.days < 1:
        return "expires in less than a day"
    return f"expires in {warn.left.days} day{'' if warn.left.days == 1 else 's'}"


def _advice(kind: Kind) -> str:
    match kind:
        case Kind.OWN:
            return "Partners that verify it refuse it from then on: renew it before."
        case Kind.INTERMEDIATE:
            return "Install the CA's newer one with the certificate before."
        case Kind.CUSTOM_CA:
            return "What only it vouches for fails from then on: add its successor before."


def _severity(warn: expiry.Warn) -> AlarmSeverity:
    if warn.threshold.stage is not expiry.Stage.AHEAD:
        return AlarmSeverity.CRITICAL
    if warn.threshold.name == "third":
        # Of a certificate of days, two may be left: that is when its renewal is due, not late.
        return AlarmSeverity.WARNING
    if warn.threshold.before_end <= _CRITICAL:
        return AlarmSeverity.CRITICAL
    if warn.threshold.before_end <= _WARNING:
        return AlarmSeverity.WARNING
    return AlarmSeverity.INFORMATION
