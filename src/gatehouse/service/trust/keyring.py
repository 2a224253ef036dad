# SPDX-License-Identifier: Apache-2.0
"""Named certificates with their keys: kept sealed in the store, handed out as TLS contexts.

A certificate and its key are one secret under one name, so that they are replaced together or not
at all: no listener ever has the new certificate with the old key. The Demo certificate is made once
per installation, at the first start; it encrypts, and nobody can verify it.
"""

import secrets
from datetime import UTC, datetime

import msgspec

from gatehouse.store.interface import Store
from gatehouse.tls.certificates import CertifiedKey, create_demo
from gatehouse.tls.contexts import ClientTlsSettings, ServerTlsSettings
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
    """Keep or replace a certificate and its key under a name."""
    kept = _Kept(
        certified.key_pem.decode("ascii"), tuple(pem.decode("ascii") for pem in certified.chain_pem)
    )
    store.secrets.put(_PREFIX + name, msgspec.json.encode(kept), now)


def get(store: Store, name: str) -> CertifiedKey:
    """A certificate and its key; raises NoSuchCertificate."""
    content = store.secrets.get(_PREFIX + name)
    if content is None:
        raise NoSuchCertificate(f"There is no certificate named {name!r}")
    kept = msgspec.json.decode(content, type=_Kept)
    return CertifiedKey(kept.key.encode("ascii"), tuple(pem.encode("ascii") for pem in kept.chain))


def names(store: Store) -> frozenset[str]:
    """The names of all certificates there are."""
    return frozenset(
        secret.name.removeprefix(_PREFIX)
        for secret in store.secrets.names()
        if secret.name.startswith(_PREFIX)
    )


def ensure_demo(store: Store, now: float) -> None:
    """Make the Demo certificate where there is none yet."""
    if DEMO not in names(store):
        serial = secrets.randbits(159) | 1  # RFC 5280 §4.1.2.2: positive, at most 20 octets
        made = create_demo(now=datetime.fromtimestamp(now, UTC), serial=serial)
        put(store, DEMO, made, now)


def server_context(store: Store, certificate: str) -> ServerContext:
    """TLS for a listener."""
    return ServerContext(ServerTlsSettings(certificates=(get(store, certificate),)))


def client_settings(store: Store, certificate: str) -> ClientTlsSettings:
    """TLS for deliveries."""
    return ClientTlsSettings(certificate=get(store, certificate))
