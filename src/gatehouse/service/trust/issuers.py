# SPDX-License-Identifier: Apache-2.0
"""The issuers that are known here: those of the chains that we send, and the custom trust list."""

from cryptography import x509

from gatehouse.service.trust import anchors, keyring
from gatehouse.store.interface import Store
from gatehouse.tls import certificates as tls
from gatehouse.tls import facets


def known(store: Store) -> tuple[x509.Certificate, ...]:
    """Every CA certificate among the chains and in the custom list; raises StoreError."""
    custom = anchors.custom(store).values()
    found = {facets.digest(one): one for one in custom if facets.is_ca(one)}
    for name in keyring.names(store):
        chain = tls.read_certificates(b"".join(keyring.get(store, name).chain_pem))
        if isinstance(chain, tls.CertificateFault):
            continue
        found |= {facets.digest(one): one for one in chain if facets.is_ca(one)}
    return tuple(found.values())
