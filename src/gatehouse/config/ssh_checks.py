# SPDX-License-Identifier: Apache-2.0
"""Checks of [ssh]: can it be reached where it says, and by whom."""

import ipaddress
from collections.abc import Iterator

from gatehouse.config import listener_checks, schema, ssh_build
from gatehouse.config.findings import Finding, error, warning


def check(document: schema.Document) -> Iterator[Finding]:
    """All findings about the shell over SSH."""
    section = document.ssh
    yield from listener_checks.unknown_name(
        ("ssh", "interface"), section.interface, document.interfaces, "interface"
    )
    address = ssh_build.address(document)
    if not section.enabled or address is None:
        return
    for name, listener in document.listeners.items():
        interface = document.interfaces.get(listener.interface)
        if interface is None or listener.port != section.port:
            continue
        if listener_checks.overlap(interface.address, address):
            yield error(
                ("ssh", "port"),
                f"listener {name} already listens on port {section.port} of this address",
                hint="choose another port or interface",
                found=section.port,
            )
    if section.password_login and _reached_from_anywhere(address):
        yield warning(
            ("ssh", "password_login"),
            f"anybody who reaches {address} may guess passwords",
            hint="give people keys (`gatehouse user ssh-key add`) and set password_login = false",
        )


def _reached_from_anywhere(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found.is_unspecified or found.is_global
