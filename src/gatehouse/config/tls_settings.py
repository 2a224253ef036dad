# SPDX-License-Identifier: Apache-2.0
"""From a TLS profile to the settings of OpenSSL: for listeners, and for looking at them."""

from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.contexts import ClientTlsSettings, ServerTlsSettings
from gatehouse.tls.profiles import CLIENT_CIPHERS, SERVER_CIPHERS, TlsVersion

VERSIONS = {
    TlsVersionName.TLS_1_0: TlsVersion.TLS_1_0,
    TlsVersionName.TLS_1_1: TlsVersion.TLS_1_1,
    TlsVersionName.TLS_1_2: TlsVersion.TLS_1_2,
    TlsVersionName.TLS_1_3: TlsVersion.TLS_1_3,
}


def for_listener(
    profile: TlsProfile, certificates: tuple[CertifiedKey, ...], *, ask_clients: bool
) -> ServerTlsSettings:
    """How a listener speaks by a profile."""
    return ServerTlsSettings(
        certificates=certificates,
        min_version=VERSIONS[profile.min_version],
        max_version=VERSIONS[profile.max_version],
        ciphers=profile.ciphers or SERVER_CIPHERS,
        groups=profile.groups,
        security_level=profile.security_level,
        request_client_certificate=ask_clients,
    )


def for_client(profile: TlsProfile) -> ClientTlsSettings:
    """How a client speaks by a profile, without a certificate of its own.

    A look at our own listener takes the listener's profile, so that no profile hides what it
    serves; and a cipher string is expanded with it.
    """
    return ClientTlsSettings(
        min_version=VERSIONS[profile.min_version],
        max_version=VERSIONS[profile.max_version],
        ciphers=profile.ciphers or CLIENT_CIPHERS,
        groups=profile.groups,
        security_level=profile.security_level,
    )
