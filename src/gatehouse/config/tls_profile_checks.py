# SPDX-License-Identifier: Apache-2.0
"""Checks whether a TLS profile can be spoken at all: OpenSSL is asked, no connection is made.

A profile that stands for no suite would stop the listeners that name it. The suites of TLS 1.3 are
always there, so that a string may stand for nothing in the older versions and nobody notices but
the clients that speak no other.
"""

from collections.abc import Iterator
from dataclasses import replace

from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.tls_settings import for_client
from gatehouse.policy.tls_profiles import DEFAULT_SECURITY_LEVEL, TlsProfile, TlsVersionName
from gatehouse.tls.ciphers import expand
from gatehouse.tls.contexts import ClientTlsSettings, TlsSetupError

_HINT = "`gatehouse tls ciphers STRING` shows what a string stands for"


def check(path: tuple[str | int, ...], profile: TlsProfile) -> Iterator[Finding]:
    """What keeps a profile from being spoken, and versions in which nothing is."""
    strict = profile.security_level > DEFAULT_SECURITY_LEVEL
    if not (profile.ciphers or profile.groups or strict):
        return  # our own lists hold something for every version
    settings = for_client(profile)
    if fault := _fault(settings):
        yield error((*path, _field(profile, fault)), f"cannot be spoken: {fault}", hint=_HINT)
    elif profile.ciphers and _fault(replace(settings, without_dhe=True)):
        # Listeners have no group for it, and deliveries leave it out where a server's is too small.
        yield error(
            (*path, "ciphers"),
            "holds nothing but finite-field DH (DHE-...)",
            hint="listeners do none, and deliveries need another choice; add ECDHE suites",
        )
    elif silent := [one for one in _older(profile) if _fault(_in_version(profile, one))]:
        versions = ", ".join(f"TLS {one.value}" for one in silent)
        yield warning(
            (*path, "ciphers"),
            f"stands for no suite of {versions}: nobody can speak it",
            hint=_HINT,
        )


def _fault(settings: ClientTlsSettings) -> str:
    try:
        expand(settings)
    except TlsSetupError as fault:
        return str(fault)
    return ""


def _field(profile: TlsProfile, fault: str) -> str:
    """The field that is to blame."""
    if "group" in fault:
        return "groups"
    return "ciphers" if profile.ciphers else "security_level"


def _older(profile: TlsProfile) -> Iterator[TlsVersionName]:
    """The versions of a profile in which its string decides."""
    for one in TlsVersionName:
        inside = profile.min_version.rank <= one.rank <= profile.max_version.rank
        if profile.ciphers and inside and one is not TlsVersionName.TLS_1_3:
            yield one


def _in_version(profile: TlsProfile, version: TlsVersionName) -> ClientTlsSettings:
    return for_client(replace(profile, min_version=version, max_version=version))
