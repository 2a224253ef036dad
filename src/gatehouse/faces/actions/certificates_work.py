# SPDX-License-Identifier: Apache-2.0
"""The work: certificates that are kept here."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.certificates import CertificateLine, CertificateList
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status_work import DEMO_NOTE, running_now, uses
from gatehouse.service.trust import keyring
from gatehouse.store.errors import StoreCorrupt
from gatehouse.tls import certificates as tls


async def list_certificates(house: House, given: Nothing) -> CertificateList:
    """All of them."""
    used = uses(running_now(house))
    return CertificateList(
        at=datetime.fromtimestamp(house.clock.wall(), UTC),
        certificates=tuple(
            _line(house, name, used.get(name, ())) for name in sorted(keyring.names(house.store))
        ),
    )


def _line(house: House, name: str, used_by: tuple[str, ...]) -> CertificateLine:
    kept = keyring.get(house.store, name)
    chain = tls.read_certificates(b"".join(kept.chain_pem))
    if isinstance(chain, tls.CertificateFault):
        raise StoreCorrupt(f"The certificate {name!r} cannot be read: {chain.text}")
    leaf = chain[0]
    return CertificateLine(
        name=name,
        subject=tls.describe(leaf),
        names=tuple(sorted(tls.names_of(leaf))),
        issuer=tls.bounded(leaf.issuer.rfc4514_string()),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        fingerprint=tls.fingerprint(leaf.public_bytes(Encoding.DER)),
        chain=len(chain),
        used_by=used_by,
        note=DEMO_NOTE if name == keyring.DEMO else "",
    )
