# SPDX-License-Identifier: Apache-2.0
"""How each action's output looks to a person. One function for each output type, one table."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from gatehouse.faces.actions import (
    acme,
    alarms,
    crl,
    delivery,
    destinations,
    explain_inbound,
    explain_outbound,
    incoming,
    listeners,
    listeners_suspend,
    logs,
    program,
    queue,
    smart_hosts,
    smtp_users,
    status,
)
from gatehouse.faces.cli import (
    shown_access,
    shown_alerts,
    shown_certificates,
    shown_cluster,
    shown_configuration,
    shown_delivery,
    shown_explain,
    shown_listeners,
    shown_mta_sts,
    shown_outbound,
    shown_people,
    shown_smart_hosts,
    shown_smtp_users,
    shown_ssh,
    shown_tls_reports,
    shown_watch,
)
from gatehouse.faces.cli.terminal import (
    Column,
    Screen,
    age,
    moment,
    pairs,
    size,
    span,
    table,
    until,
)
from gatehouse.journal.escape import clean

_NULL_SENDER = "<>"
_MOST_NAMED = 10  # suspended destinations on the page that is looked at first


def render(output: msgspec.Struct, to: Screen) -> str:
    """The text for a person, without the last line end."""
    return RENDERERS[type(output)](output, to)


# --- the gateway -------------------------------------------------------------------------------


def _status(one: status.Status, to: Screen) -> str:
    rows = [("Version", one.version), ("Data directory", one.data)]
    if one.running and one.started_at is not None:
        rows.append(("Running", f"for {span(one.uptime_seconds or 0)}"))
    else:
        rows.append(("Running", "no"))
    rows += [
        ("Revision", "none" if one.revision is None else str(one.revision)),
        ("Host name", one.hostname or "unknown"),
    ]
    rows += _queue_rows(one)
    blocks = [pairs(rows)]
    if one.unconfirmed is not None:
        waits = one.unconfirmed
        blocks.append(
            to.warn(
                f"Revision {waits.revision} waits for `gatehouse config confirm` until "
                f"{moment(waits.confirm_by)}; else revision {waits.back_to} comes back."
            )
        )
    if one.processes:
        blocks.append(_processes(one, to))
    if one.listeners:
        blocks.append(_listeners(one, to))
    blocks += [
        to.warn(f"Listener {each.name} is suspended: it refuses connections.")
        for each in one.listeners
        if each.suspended
    ]
    blocks += [to.warn(text) for text in _undelivered(one)]
    if one.destinations:
        blocks.append(_destinations(one, to))
    blocks += [
        to.warn(f"Certificate {use.name} ({', '.join(use.used_by)}): {use.note}.")
        for use in one.certificates
        if use.note
    ]
    return "\n\n".join(blocks)


def _undelivered(one: status.Status) -> Iterator[str]:
    """Why mail stays although nothing is wrong with it."""
    if one.delivery_suspended:
        yield "The configuration holds all mail: delivery.suspended."
    if "" in one.suspended:
        yield "All destinations are suspended: nothing is delivered but alerts."
    named = [clean(domain) for domain in one.suspended if domain][:_MOST_NAMED]
    more = len(one.suspended) - ("" in one.suspended) - len(named)
    if named:
        also = f" and {more} more" if more else ""
        yield f"Suspended: nothing is delivered to {', '.join(named)}{also}."


def _queue_rows(one: status.Status) -> list[tuple[str, str]]:
    queue_now = one.queue
    text = f"{_count(queue_now.messages, 'message')}, {_count(queue_now.recipients, 'recipient')}, "
    text += f"{size(queue_now.bytes)}, {queue_now.held} on hold"
    rows = [("Queue", text)]
    if queue_now.oldest_at is not None:
        rows.append(("Oldest message", age(queue_now.oldest_at, one.at)))
    return rows


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _processes(one: status.Status, to: Screen) -> str:
    columns = (Column("PROCESS"), Column("PID", right=True), Column("NUMBERS", flexible=True))
    rows = [
        (p.role, str(p.pid), ", ".join(f"{name} {number}" for name, number in p.numbers.items()))
        for p in one.processes
    ]
    return table(columns, rows, to)


def _listeners(one: status.Status, to: Screen) -> str:
    columns = (
        Column("LISTENER", flexible=True),
        Column("TYPE"),
        Column("ADDRESS", flexible=True),
        Column("PORT", right=True),
        Column("TLS"),
        Column("CERTIFICATE", flexible=True),
    )
    rows = [
        (each.name, each.type, each.address, str(each.port), each.tls_mode, each.certificate)
        for each in one.listeners
    ]
    return table(columns, rows, to)


def _destinations(one: status.Status, to: Screen) -> str:
    columns = (
        Column("DESTINATION", flexible=True),
        Column("NEW", right=True),
        Column("DEFERRED", right=True),
        Column("HELD", right=True),
    )
    rows = [
        (each.domain, str(each.new), str(each.deferred), str(each.held))
        for each in one.destinations
    ]
    return table(columns, rows, to)


def _version(one: program.Version, to: Screen) -> str:
    return pairs(
        [
            ("Gatehouse", one.gatehouse),
            ("Python", one.python),
            ("OpenSSL", one.openssl),
            ("SQLite", one.sqlite),
        ]
    )


# --- the queue -----------------------------------------------------------------------------------


def _queue_list(one: queue.QueueList, to: Screen) -> str:
    if not one.messages:
        return "No message fits." if one.total else "The queue is empty."
    columns = (
        Column("MID", right=True),
        Column("AGE", right=True),
        Column("SIZE", right=True),
        Column("SENDER", flexible=True),
        Column("DESTINATIONS", flexible=True),
        Column("RCPT", right=True),
        Column("TRIES", right=True),
        Column("NEXT TRY"),
        Column("LAST REPLY", flexible=True),
    )
    rows = [
        (
            str(each.mid),
            age(each.received_at, one.at),
            size(each.size),
            each.sender or _NULL_SENDER,
            ", ".join(each.destinations),
            str(each.recipients),
            str(each.tries),
            "held" if each.held else until(each.next_try_at, one.at),
            each.last_reply,
        )
        for each in one.messages
    ]
    shown = table(columns, rows, to)
    return f"{shown}\n\n{len(one.messages)} of {_count(one.total, 'message')}."


def _message(one: queue.MessageView, to: Screen) -> str:
    rows = [
        ("MID", str(one.mid)),
        ("From", one.sender or _NULL_SENDER),
        ("Subject", one.subject),
        ("Message-ID", one.message_id),
        ("Size", size(one.size)),
        ("Received", f"{moment(one.received_at)} ({age(one.received_at, one.at)} ago)"),
        ("Expires", moment(one.expires_at)),
        ("Listener", f"{one.listener} (ICID {one.icid})"),
        ("Client", f"{one.client_ip} ({one.helo})" if one.client_ip else ""),
        ("TLS", one.tls_in or "none"),
        ("On hold", "yes" if one.held else "no"),
    ]
    if one.report:
        rows.append(("Report about", "" if one.parent is None else f"MID {one.parent}"))
    columns = (
        Column("RID", right=True),
        Column("RECIPIENT", flexible=True),
        Column("STATE"),
        Column("TRIES", right=True),
        Column("NEXT TRY"),
        Column("LAST REPLY", flexible=True),
    )
    recipients = [
        (
            str(each.rid),
            each.address,
            each.state,
            str(each.tries),
            until(each.next_try_at, one.at) if each.state == "waiting" and not one.held else "",
            each.last_reply,
        )
        for each in one.recipients
    ]
    return f"{pairs(rows)}\n\n{table(columns, recipients, to)}"


_DONE = {
    "held": "on hold now",
    "released": "released",
    "due": "due now",
    "deleted": "deleted",
}


def _changed(one: queue.Changed, to: Screen) -> str:
    noun = "message is" if one.count == 1 else "messages are"
    text = f"{one.count} {noun} {_DONE[one.done]}."
    if one.missing:
        named = ", ".join(map(str, one.missing[:20]))
        text += f"\nNot in the queue, or in that state already: {named}."
    return text


# --- logs -----------------------------------------------------------------------


def _lines(one: logs.LogLines, to: Screen) -> str:
    return "\n".join(map(clean, one.lines))


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    status.Status: _status,
    program.Version: _version,
    explain_inbound.InboundView: shown_explain.inbound,
    explain_outbound.OutboundView: shown_outbound.outbound,
    listeners.ListenerList: shown_listeners.listener_list,
    listeners.ListenerView: shown_listeners.listener,
    listeners_suspend.SuspendedListeners: shown_listeners.suspended,
    queue.QueueList: _queue_list,
    queue.MessageView: _message,
    queue.Changed: _changed,
    **shown_certificates.RENDERERS,
    **shown_cluster.RENDERERS,
    **shown_configuration.RENDERERS,
    **shown_access.RENDERERS,
    logs.LogLines: _lines,
    alarms.AlarmList: shown_watch.alarm_list,
    crl.CrlList: shown_watch.crl_list,
    acme.Ordered: shown_watch.ordered,
    **shown_alerts.RENDERERS,
    **shown_mta_sts.RENDERERS,
    **shown_tls_reports.RENDERERS,
    delivery.Suspensions: shown_delivery.suspensions,
    delivery.HostView: shown_delivery.host,
    delivery.TopHosts: shown_delivery.top,
    incoming.IncomingClients: shown_delivery.incoming_clients,
    destinations.ExportedControls: shown_delivery.exported,
    destinations.ImportedControls: shown_delivery.imported,
    **shown_people.RENDERERS,
    **shown_ssh.RENDERERS,
    smtp_users.UserList: shown_smtp_users.user_list,
    smtp_users.UserShown: shown_smtp_users.user_shown,
    smtp_users.UserChanged: shown_smtp_users.user_changed,
    smart_hosts.SmartHostList: shown_smart_hosts.smart_host_list,
    smart_hosts.PasswordDone: shown_smart_hosts.password_done,
}
