# SPDX-License-Identifier: Apache-2.0
"""Checks of TLS profiles for listeners: names that lead nowhere, versions that nobody should speak.

What a profile contradicts in itself is said where profiles are checked (`tls_checks.py`).
"""

from collections.abc import Iterator

from gatehouse.config import schema, tls_build
from gatehouse.config.findings import Finding, warning
from gatehouse.config.listener_checks import unknown_name


def check(document: schema.Document) -> Iterator[Finding]:
    """All findings about how listeners speak TLS."""
    known = document.tls_profiles
    shared = document.ssl.inbound_profile
    yield from unknown_name(("ssl", "inbound_profile"), shared, known, "TLS profile")
    for name, listener in document.listeners.items():
        path = ("listeners", name, "tls_profile")
        yield from unknown_name(path, listener.tls_profile, known, "TLS profile")
        if (listener.tls_profile or shared) not in known:
            continue
        profile = tls_build.inbound_profile(document, listener)
        if profile.min_version.outdated:
            yield warning(
                path,
                f"lets every client speak TLS {profile.min_version.value}",
                hint="RFC 8996 forbids it; a listener of its own keeps it away from the others",
            )
        elif profile.weak:
            yield warning(
                path, f"lets every client speak weak TLS: see tls_profiles.{profile.name}"
            )
