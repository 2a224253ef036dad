# SPDX-License-Identifier: Apache-2.0
"""[ssh] as it runs: where the shell is reached, and how people may log in there."""

from gatehouse.config import running, schema


def address(document: schema.Document) -> str | None:
    """Where it listens; None for an interface that does not exist."""
    section = document.ssh
    if section.interface is None:
        return section.address
    interface = document.interfaces.get(section.interface)
    return None if interface is None else interface.address


def settings(document: schema.Document) -> running.SshSettings | None:
    """What the process that serves it needs; None: it is off."""
    section, where = document.ssh, address(document)
    if not section.enabled:
        return None
    if where is None:
        raise ValueError(f"no such interface: {section.interface!r}")
    return running.SshSettings(
        address=where,
        port=section.port,
        password_login=section.password_login,
        idle_timeout=section.idle_timeout,
        max_sessions=section.max_sessions,
        banner=section.banner or "",
    )
