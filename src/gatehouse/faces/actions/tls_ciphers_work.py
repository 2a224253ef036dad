# SPDX-License-Identifier: Apache-2.0
"""The work: what a cipher string means."""

from gatehouse.config import schema
from gatehouse.config.tls_settings import for_client
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.tls_ciphers import Ciphers, CiphersInput, SuiteView
from gatehouse.journal.escape import clean
from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from gatehouse.tls.ciphers import expand
from gatehouse.tls.contexts import TlsSetupError
from gatehouse.tls.profiles import CLIENT_CIPHERS


async def show(house: House, given: CiphersInput) -> Ciphers:
    """Ask the library."""
    why = schema.why_no_ciphers(given.string)
    if why is not None:
        raise OperatorError("bad-ciphers", "This is no cipher string.", clean(given.string[:80]))
    profile = TlsProfile(
        min_version=TlsVersionName(given.min_version),
        max_version=TlsVersionName(given.max_version),
        ciphers=given.string,
        security_level=given.security_level,
    )
    try:
        suites = expand(for_client(profile))
    except TlsSetupError as error:
        raise OperatorError(
            "no-cipher",
            "No cipher is left.",
            str(error),
            "Versions below 1.2 need --security-level 0; see ciphers(1) for the words.",
        ) from None
    return Ciphers(
        string=given.string or CLIENT_CIPHERS,
        suites=tuple(
            SuiteView(
                name=one.name,
                protocol=one.protocol,
                bits=one.bits,
                forward_secrecy=one.forward_secrecy,
                aead=one.aead,
            )
            for one in suites
        ),
    )
