# SPDX-License-Identifier: Apache-2.0
"""Named certificates with their keys: kept sealed in the store, handed out as TLS contexts.

A certificate and its key are one secret under one name, so that they are replaced together or not
at all: no listener ever has the new certificate with the old key. The Demo certificate is made once
per installation, at the first start; it encrypts, and nobody can verify it.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gatehouse.config import tls_settings
from gatehouse.policy.tls_profiles import TlsProfile
from gatehouse.service.trust import pending
from gatehouse.store.interface import Store
from gatehouse.tls.certificates import CertifiedKey, create_demo
from gatehouse.tls.contexts import ClientTlsSettings
from gatehouse.tls.engine import ServerContext

DEMO = "Demo"
_PREFIX = "certificate/"


class _Kept(msgspec.Struct, frozen=True):
    """The form in which a certificate and its key lie in the vault."""

    key: str
    chain: tuple[str, ...]


class NoSuchCertificate(LookupError):
    """The configuration names a certificate that the store does not have."""


def put(store: Store, name: str, certified: CertifiedKey, now: float) -> None:
    """Keep or replace a certificate and its key under a name, in force at once."""
    store.secrets.put(_PREFIX + name, _encode(certified), now)


def change(name: str, certified: CertifiedKey) -> dict[str, bytes | None]:
    """The same as a change of secrets, for whoever commits it with a revision."""
    return {_PREFIX + name: _encode(certified)}


def get(store: Store, name: str) -> CertifiedKey:
    """A certificate and its key; raises NoSuchCertificate."""
    return decode(name, store.secrets.get(_PREFIX + name))


def names(store: Store) -> frozenset[str]:
    """The names of all certificates that are in force."""
    return frozenset(
        secret.name.removeprefix(_PREFIX)
        for secret in store.secrets.names()
        if secret.name.startswith(_PREFIX)
    )


def ensure_demo(store: Store, now: float) -> None:
    """Make the Demo certificate where there is none yet."""
    if DEMO not in names(store):
        made = create_demo(now=datetime.fromtimestamp(now, UTC), serial=new_serial())
        put(store, DEMO, made, now)


def new_serial() -> int:
    """A serial number for a certificate of ours (RFC 5280 §4.1.2.2: positive, 20 octets)."""
    return secrets.randbits(159) | 1


# --- what waits for the commit ----------------------------------------------------------------


def stage(store: Store, operator: str, name: str, certified: CertifiedKey, now: float) -> None:
    """Keep or replace a certificate and its key with the next commit."""
    pending.stage(store, operator, {_PREFIX + name: _encode(certified)}, now)


def stage_removal(store: Store, operator: str, name: str, now: float) -> None:
    """Take a certificate away with the next commit."""
    pending.stage(store, operator, {_PREFIX + name: None}, now)


def staged(store: Store, operator: str) -> dict[str, CertifiedKey | None]:
    """What an operator's commit changes; None: it is taken away."""
    return {
        name.removeprefix(_PREFIX): None if content is None else decode(name, content)
        for name, content in pending.staged(store, operator, _PREFIX).items()
    }


def waits(store: Store, name: str) -> bool:
    """Does anybody's change of this certificate wait?"""
    return pending.waits(store, _PREFIX + name)


def names_to_be(store: Store, operator: str) -> frozenset[str]:
    """The names of all certificates that there will be after an operator's commit."""
    changes = {
        name.removeprefix(_PREFIX): content is None
        for name, content in pending.staged(store, operator, _PREFIX).items()
    }
    return frozenset(
        (names(store) | changes.keys()) - {name for name, gone in changes.items() if gone}
    )


def to_be(store: Store, operator: str, name: str) -> CertifiedKey:
    """A certificate as it will be after an operator's commit; raises NoSuchCertificate."""
    place = _PREFIX + name
    changes = pending.staged_one(store, operator, place)
    return decode(name, changes[place] if changes else store.secrets.get(place))


# --- contexts -----------------------------------------------------------------------------------


def server_context(
    store: Store, certificates: Sequence[str], profile: TlsProfile, *, ask_clients: bool = False
) -> ServerContext:
    """TLS for a listener: the first certificate is the default, SNI chooses among all.

    `ask_clients`: clients are asked for a certificate; what it is worth is somebody else's verdict.
    """
    held = tuple(get(store, name) for name in certificates)
    return ServerContext(tls_settings.for_listener(profile, held, ask_clients=ask_clients))


def client_settings(store: Store, certificate: str) -> ClientTlsSettings:
    """TLS for deliveries."""
    return ClientTlsSettings(certificate=get(store, certificate))


def _encode(certified: CertifiedKey) -> bytes:
    key = certified.key_pem.decode("ascii")
    return msgspec.json.encode(_Kept(key, tuple(p.decode("ascii") for p in certified.chain_pem)))


def decode(name: str, content: bytes | None) -> CertifiedKey:
    """What lies in the vault; raises NoSuchCertificate for None, MsgspecError for another form."""
    if content is None:
        raise NoSuchCertificate(f"There is no certificate named {name!r}")
    kept = msgspec.json.decode(content, type=_Kept)
    return CertifiedKey(kept.key.encode("ascii"), tuple(pem.encode("ascii") for pem in kept.chain))
