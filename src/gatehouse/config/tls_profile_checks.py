# SPDX-License-Identifier: Apache-2.0
"""Checks whether a TLS profile can be spoken at all: OpenSSL is asked, no connection is made.

A profile that stands for no suite would stop the listeners that name it.
"""

from collections.abc import Iterator

from gatehouse.config.findings import Finding, error
from gatehouse.config.tls_settings import for_client
from gatehouse.policy.tls_profiles import TlsProfile
from gatehouse.tls.ciphers import expand
from gatehouse.tls.contexts import TlsSetupError


def check(path: tuple[str | int, ...], profile: TlsProfile) -> Iterator[Finding]:
    """What keeps a profile from being spoken."""
    if not (profile.ciphers or profile.groups):
        return  # our own lists hold something for every version
    try:
        expand(for_client(profile))
    except TlsSetupError as fault:
        field = "groups" if "group" in str(fault) else "ciphers"
        hint = "`gatehouse tls ciphers STRING` shows what a string stands for"
        yield error((*path, field), f"cannot be spoken: {fault}", hint=hint)
