# SPDX-License-Identifier: Apache-2.0
"""When a listener would relay for everybody: refused where the world can reach it."""

import ipaddress

from gatehouse.config import findings, schema
from gatehouse.config.findings import Finding, error, warning


def open_relay(
    document: schema.Document,
    listener: schema.Listener,
    path: findings.Path,
    what: str = "everybody may send to everywhere through this listener: an open relay",
    hint: str = "name the senders that may relay in a group above, reject ALL",
) -> Finding:
    """An open relay is refused where the world can reach it, and pointed out elsewhere."""
    interface = document.interfaces.get(listener.interface)
    where = ipaddress.ip_address(interface.address) if interface else None
    if where and (where.is_loopback or (where.is_private and not where.is_unspecified)):
        return warning(path, what, hint="only the inside should reach this address")
    return error(path, what, hint=hint)
