# SPDX-License-Identifier: Apache-2.0
"""How listeners look to a person; the summary block has the shape of the modelled appliance."""

from gatehouse.faces.actions import listeners, listeners_suspend
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean


def listener_list(one: listeners.ListenerList, to: Screen) -> str:
    """A block for each."""
    if not one.listeners:
        return "There are no listeners."
    return "\n\n".join(map(_block, one.listeners))


def listener(one: listeners.ListenerView, to: Screen) -> str:
    """The block, then what belongs to it."""
    rows = [
        ("Host name", one.hostname),
        ("TLS begins", "with the first byte" if _implicit(one) else "with STARTTLS"),
        ("TLS versions", f"{one.tls_versions} (profile {one.tls_profile})"),
        ("Certificates", ", ".join(one.certificates)),
        ("Rejected clients", "at each recipient" if one.delayed_reject else "at the greeting"),
        ("Timeouts", f"idle {one.idle_timeout} s, connection {one.connection_timeout} s"),
        ("Bounce profile", one.bounce_profile),
        ("SMTP AUTH", f"{one.smtp_auth_profile} ({', '.join(one.auth_mechanisms)})"),
    ]
    if one.recipient_entries:
        domains = ", ".join(one.accepted_domains[:10]) or "none whole"
        more = len(one.accepted_domains) - 10
        rows.append(("Domains", f"{domains} and {more} more" if more > 0 else domains))
        rows.append(("Recipient access", f"{one.recipient_entries} entries"))
    if one.proxy_protocol_from:
        rows.append(("PROXY protocol from", ", ".join(one.proxy_protocol_from)))
    if one.xclient_from:
        rows.append(("XCLIENT from", ", ".join(one.xclient_from)))
    columns = (
        Column("", right=True),
        Column("SENDER GROUP", flexible=True),
        Column("MEMBERS", right=True),
        Column("POLICY", flexible=True),
        Column("BEHAVIOR"),
        Column("TLS"),
        Column("CERTIFICATE"),
        Column("AUTH"),
    )
    groups = [
        (
            str(place),
            each.name,
            str(each.members),
            each.policy,
            each.behavior,
            each.tls,
            "verified" if each.verify_client_certificate else "",
            each.smtp_auth,
        )
        for place, each in enumerate(one.groups, 1)
    ]
    return "\n\n".join([_block(one.listener), pairs(rows), table(columns, groups, to)])


def _implicit(one: listeners.ListenerView) -> bool:
    return one.listener.tls_mode == "implicit"


def _block(one: listeners.ListenerLine) -> str:
    lines = [
        f"Name: {one.name}",
        f"Type: {one.type}",
        f"Interface: {one.interface} ({one.address}) TCP Port {one.port}",
        f"Protocol: {one.protocol}",
        f"Default Domain: {one.default_domain}",
        f"Max Concurrency: {one.max_concurrency} (TCP Queue: {one.tcp_queue})",
        f"Domain map: {one.domain_map}",
        f"TLS: {one.tls}",
    ]
    if one.suspended_since is not None:
        lines.append(f"Suspended: since {moment(one.suspended_since)} by {one.suspended_by}")
    return "\n".join(clean(line).rstrip() for line in lines)


def suspended(one: listeners_suspend.SuspendedListeners, to: Screen) -> str:
    """Who refuses connections now."""
    if not one.listeners:
        return "No listener is suspended."
    columns = (Column("LISTENER", flexible=True), Column("SINCE"), Column("BY"), Column(""))
    rows = [
        (each.name, moment(each.since), each.operator, "" if each.configured else "not configured")
        for each in one.listeners
    ]
    note = "" if one.running else "\n\nNothing runs; it holds when the gateway starts."
    return table(columns, rows, to) + note
