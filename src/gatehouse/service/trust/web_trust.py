# SPDX-License-Identifier: Apache-2.0
"""Whom we believe on the Web: the system's list and the custom one, as a context for HTTPS.

For the policy hosts of MTA-STS (RFC 8461 §3.3: a certificate that the sender trusts, the host's
name among its DNS names, never the common name) and for what is posted to others.
"""

import ssl

from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config.running import TrustSettings
from gatehouse.service.trust import anchors
from gatehouse.store.interface import Store


def web_context(store: Store, settings: TrustSettings) -> ssl.SSLContext:
    """A verifying context; blocks for the store and the file. Raises SystemListUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if settings.system:
        try:
            context.load_verify_locations(cafile=settings.system_file)
        except OSError as error:  # an SSLError too, for a file that holds no certificates
            reason = f"{settings.system_file}: {error.strerror or error}"
            raise anchors.SystemListUnusable(reason) from None
    custom = anchors.custom(store)
    if custom:
        pem = "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in custom.values())
        context.load_verify_locations(cadata=pem)
        # Every entry of the custom list is an anchor, also one that another CA signed.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
