# SPDX-License-Identifier: Apache-2.0
"""The work: listeners as they are configured."""

import asyncio
from collections.abc import Mapping

from gatehouse.config.running import Listener, TlsMode
from gatehouse.faces.actions.configuration_asked import asked
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.listeners import (
    GroupLine,
    ListenerInput,
    ListenerLine,
    ListenerList,
    ListenersInput,
    ListenerView,
)
from gatehouse.faces.actions.moments import moment
from gatehouse.policy.mail_flow import TlsDemand
from gatehouse.service.receive.doors import BACKLOG
from gatehouse.store.values import ListenerSuspension

_WORDS = {TlsDemand.OFF: "No", TlsDemand.PREFERRED: "Preferred", TlsDemand.REQUIRED: "Required"}
_CLOSING = "ALL"


async def list_listeners(house: House, given: ListenersInput) -> ListenerList:
    """One summary for each."""
    found = await asked(house, candidate=given.candidate, level=given.level)
    suspended = await _suspended(house)
    lines = (_line(one, suspended) for one in found.loaded.running.listeners)
    return ListenerList(source=found.source, listeners=tuple(lines))


async def show(house: House, given: ListenerInput) -> ListenerView:
    """One of them, whole."""
    found = await asked(house, candidate=given.candidate, level=given.level)
    one = found.listener(given.name)
    section = found.loaded.document.listeners[one.name]
    table = one.recipients
    return ListenerView(
        source=found.source,
        listener=_line(one, await _suspended(house)),
        hostname=one.interface.hostname,
        certificates=one.certificates,
        tls_profile=one.tls_profile.name,
        tls_versions=f"{one.tls_profile.min_version.value} to {one.tls_profile.max_version.value}",
        groups=tuple(
            GroupLine(
                name=group.name or _CLOSING,
                members=len(group.members),
                policy=group.policy.name,
                behavior=group.policy.behavior.value,
                tls=group.policy.tls.value,
                verify_client_certificate=group.policy.verify_client_certificate,
                smtp_auth=group.policy.smtp_auth.value,
            )
            for group in one.access.groups
        ),
        accepted_domains=() if table is None else table.accepted_domains,
        recipient_entries=0 if table is None else len(section.recipient_access),
        delayed_reject=one.delayed_reject,
        idle_timeout=one.idle_timeout,
        connection_timeout=one.connection_timeout,
        bounce_profile=one.bounce_profile,
        smtp_auth_profile=one.auth.name,
        auth_mechanisms=one.auth.mechanisms,
        proxy_protocol_from=tuple(section.proxy_protocol_from),
        xclient_from=tuple(section.xclient_from),
    )


async def _suspended(house: House) -> Mapping[str, ListenerSuspension]:
    kept = await asyncio.to_thread(house.store.suspensions.listeners)
    return {one.listener: one for one in kept}


def _line(one: Listener, suspended: Mapping[str, ListenerSuspension]) -> ListenerLine:
    refusing = suspended.get(one.name)
    return ListenerLine(
        name=one.name,
        type=one.type.value.capitalize(),
        interface=one.interface.name,
        address=one.interface.address,
        port=one.port,
        protocol="SMTP",
        default_domain=one.default_domain or "",
        max_concurrency=one.max_concurrency,
        tcp_queue=BACKLOG,
        domain_map="disabled",
        tls=_tls(one),
        tls_mode=one.tls_mode.value,
        suspended_since=None if refusing is None else moment(refusing.suspended_at),
        suspended_by="" if refusing is None else refusing.operator,
    )


def _tls(one: Listener) -> str:
    """What strangers get: the last group whose policy takes mail at all."""
    if one.tls_mode is TlsMode.IMPLICIT:
        return _WORDS[TlsDemand.REQUIRED]
    taking = [group.policy.tls for group in one.access.groups if not group.policy.refuses]
    return _WORDS[taking[-1] if taking else TlsDemand.OFF]
