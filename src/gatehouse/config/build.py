# SPDX-License-Identifier: Apache-2.0
"""`Document` → `Running`: inheritance resolved, names replaced by values, tables compiled.

Which value of a mail flow policy's field wins is decided in `origin`. A document with errors among
its findings must not come here; what the checks let through builds (a ValueError or KeyError is a
fault of the checks).
"""

from typing import assert_never

from gatehouse.config import alert_build, builtin, origin, running, schema, ssh_build, tls_build
from gatehouse.mail import address
from gatehouse.policy import (
    access,
    destinations,
    mail_flow,
    recipients,
    reputation,
    retry,
    route_table,
    routes,
    smart_hosts,
    smtp_auth,
)
from gatehouse.smtp import sasl


def build(document: schema.Document) -> running.Running:
    """Make the running values of a document that was checked."""
    interfaces = {name: _interface(document, name) for name in document.interfaces}
    return running.Running(
        hostname=document.system.hostname,
        interfaces=interfaces,
        listeners=tuple(
            _listener(document, name, interfaces[section.interface])
            for name, section in document.listeners.items()
        ),
        routes=route_table.RouteTable(_routes(document)),
        destinations=_destinations(document),
        sender_overrides=tls_build.overrides(document),
        bounce_profiles=_bounce_profiles(document),
        smart_hosts={
            name: smart_host(name, section) for name, section in document.smart_hosts.items()
        },
        delivery=_delivery(document, interfaces),
        ourselves=_ourselves(document, interfaces),
        notification_relay=_relay(document.smtp_configuration),
        crl=_crl(document.crl),
        acme=running.AcmeSettings(**document.acme.model_dump()),
        tls_reporting=_tls_reporting(document),
        alerts=alert_build.settings(document),
        logs=running.LogSettings(
            rollover_size=document.logs.rollover_size, keep=document.logs.keep
        ),
        queue=running.QueueSettings(
            disk_reserve=document.queue.disk_reserve,
            max_received_hops=document.queue.max_received_hops,
        ),
        ssh=ssh_build.settings(document),
        processes=running.ProcessSettings(receivers=document.processes.receivers),
        trust=running.TrustSettings(
            system=document.trust.system, system_file=document.trust.system_file
        ),
        ldap_certificate=document.ldap.client_certificate,
        url_filtering_certificate=document.url_filtering.client_certificate,
    )


def policy(document: schema.Document, name: str) -> mail_flow.MailFlowPolicy:
    """One mail flow policy with every field decided; KeyError for a name nobody knows."""
    fields = origin.policy_fields(document, name)
    return mail_flow.MailFlowPolicy(
        name=name, **{field: resolved.value for field, resolved in fields.items()}
    )


def policy_origins(document: schema.Document, name: str) -> dict[str, origin.Origin]:
    """Who decided about each field of a mail flow policy; KeyError for a name nobody knows."""
    fields = origin.policy_fields(document, name)
    return {field: resolved.origin for field, resolved in fields.items()}


def access_table(document: schema.Document, listener: schema.Listener) -> access.HostAccessTable:
    """The compiled host access table of a listener."""
    groups = [
        access.SenderGroup(
            # The closing group has no name in the log: "SG None match ALL".
            name=None if builtin.is_closing(group) else group.name,
            members=tuple(group.members),
            policy=policy(document, group.policy),
        )
        for group in builtin.sender_groups(listener)
    ]
    return access.HostAccessTable(groups, local_source(document))


def local_source(document: schema.Document) -> reputation.LocalSource:
    """What the operator's own tables say about addresses."""
    section = document.reputation
    return reputation.LocalSource(section.scores, section.countries, section.owners)


def bounce_profile(document: schema.Document, name: str) -> retry.BounceProfile:
    """One bounce profile with every field decided."""
    default = origin.set_fields(document.bounce_profiles.get(schema.DEFAULT_PROFILE))
    written = origin.set_fields(document.bounce_profiles.get(name))
    return retry.BounceProfile(name=name, **(default | written))


def auth_profile(document: schema.Document, name: str) -> smtp_auth.AuthProfile:
    """One SMTP AUTH profile; a section may have the name of the built-in one."""
    section = document.smtp_auth_profiles.get(name) or schema.SmtpAuthProfile()
    chosen = frozenset(section.mechanisms)
    return smtp_auth.AuthProfile(
        name=name,
        mechanisms=tuple(one for one in sasl.MECHANISMS if one in chosen),
        senders={user: smtp_auth.sender_list(one) for user, one in section.senders.items()},
        relay=section.relay,
        max_failures=section.max_failures,
    )


def own_endpoints(document: schema.Document) -> frozenset[tuple[str, int]]:
    """Address and port of every listener whose interface exists."""
    return frozenset(
        (interface.address, section.port)
        for section in document.listeners.values()
        if (interface := document.interfaces.get(section.interface)) is not None
    )


def canonical_domain(text: str) -> str | None:
    """The form in which tables of domains are asked: "default" and "." stay, names are folded."""
    if text in (".", schema.DEFAULT_DESTINATION):
        return text
    if text.startswith("."):
        name = address.parse_domain(text[1:])
        return None if name is None or name.startswith("[") else f".{name}"
    return address.parse_domain(text)


def _interface(document: schema.Document, name: str) -> running.Interface:
    section = document.interfaces[name]
    return running.Interface(
        name=name,
        address=section.address,
        hostname=section.hostname or document.system.hostname,
        https_certificate=section.https_certificate,
    )


def _listener(
    document: schema.Document, name: str, interface: running.Interface
) -> running.Listener:
    section = document.listeners[name]
    kind = running.ListenerType(section.type)
    return running.Listener(
        name=name,
        type=kind,
        interface=interface,
        port=section.port,
        tls_mode=running.TlsMode(section.tls_mode),
        certificate=section.certificate,
        certificates=tuple(dict.fromkeys([section.certificate, *section.certificates])),
        max_concurrency=section.max_concurrency,
        access=access_table(document, section),
        recipients=_recipients(section) if kind is running.ListenerType.PUBLIC else None,
        default_domain=section.default_domain,
        proxies=access.AddressSet(section.proxy_protocol_from),
        xclients=access.AddressSet(section.xclient_from),
        delayed_reject=section.delayed_reject,
        idle_timeout=section.idle_timeout,
        connection_timeout=section.connection_timeout,
        auth=auth_profile(document, section.smtp_auth_profile),
        tls_profile=tls_build.inbound_profile(document, section),
        bounce_profile=section.bounce_profile or schema.DEFAULT_PROFILE,
    )


def _recipients(listener: schema.Listener) -> recipients.RecipientAccessTable:
    return recipients.RecipientAccessTable(
        recipients.RecipientEntry(
            recipient=entry.recipient,
            accept=entry.access == "accept",
            code=entry.code,
            text=entry.text,
        )
        for entry in listener.recipient_access
    )


def _routes(document: schema.Document) -> dict[str, list[route_table.RouteHost]]:
    table: dict[str, list[route_table.RouteHost]] = {}
    known: dict[str, route_table.RouteHost] = {}  # many routes lead to few hosts
    for written, hosts in document.smtp_routes.items():
        domain = canonical_domain(written)
        if domain is None:
            raise ValueError(f"no domain: {written!r}")
        for text in hosts:
            if text not in known:
                known[text] = _route_host(document, text)
        table[domain] = [known[text] for text in hosts]
    return table


def _route_host(document: schema.Document, text: str) -> route_table.RouteHost:
    match route_table.parse_route_host(text):
        case route_table.RouteHost() as host:
            return host
        case route_table.SmartRoute(name, priority):
            smart = smart_host(name, document.smart_hosts[name])
            return route_table.RouteHost(smart.host, smart.port, priority, smart)
        case route_table.RouteFault(reason):
            raise ValueError(f"{reason}: {text!r}")
        case other:
            assert_never(other)


def smart_host(name: str, section: schema.SmartHost) -> smart_hosts.SmartHost:
    """One smart host as delivery uses it."""
    return smart_hosts.SmartHost(
        name=name,
        host=section.host,
        port=section.port,
        tls_mode=section.tls_mode,
        level=section.tls,
        username=section.username,
        password_over=section.password_over,
    )


def _destinations(document: schema.Document) -> destinations.DestinationTable:
    controls = [
        destination(document, written)
        for written in document.destination_controls
        if written != schema.DEFAULT_DESTINATION
    ]
    # Alert mail may go to a smart host as to a destination of its own: by the rule of that host.
    smart = {
        route_table.smart_destination(name): section.host
        for name, section in document.smart_hosts.items()
    }
    return destinations.DestinationTable(
        destination(document, schema.DEFAULT_DESTINATION), controls, smart
    )


def destination(document: schema.Document, written: str) -> destinations.DestinationControl:
    """One destination control with every field decided; a domain that is none keeps its text."""
    factory = {"alert_on_required_tls_failure": document.delivery.alert_on_required_tls_failure}
    default = origin.set_fields(document.destination_controls.get(schema.DEFAULT_DESTINATION))
    own = origin.set_fields(document.destination_controls.get(written))
    domain = canonical_domain(written) or written
    return tls_build.control(document, domain, factory | default | own)


def _bounce_profiles(document: schema.Document) -> dict[str, retry.BounceProfile]:
    names = (schema.DEFAULT_PROFILE, *document.bounce_profiles)
    return {name: bounce_profile(document, name) for name in names}


def _delivery(
    document: schema.Document, interfaces: dict[str, running.Interface]
) -> running.DeliverySettings:
    section = document.delivery
    first = next(iter(interfaces.values()), None)
    chosen = interfaces[section.interface] if section.interface else first
    return running.DeliverySettings(
        certificate=section.certificate,
        interface=section.interface,
        hostname=chosen.hostname if chosen else document.system.hostname,
        alert_on_required_tls_failure=section.alert_on_required_tls_failure,
        dns_servers=tuple(_server(text) for text in section.dns_servers),
        dns_trusted=None if section.dns_trusted == "auto" else section.dns_trusted == "yes",
        uses_dane=any(
            each.dane not in (None, destinations.DaneUse.NONE)
            for each in document.destination_controls.values()
        ),
        smtp_port=section.smtp_port,
        mta_sts_port=section.mta_sts_port,
        mta_sts_internal=section.mta_sts_internal,
        max_connections=section.max_connections,
        connect_timeout=section.connect_timeout,
        starttls_timeout=section.starttls_timeout,
        dns_timeout=section.dns_timeout,
        idle_timeout=section.idle_timeout,
        transaction_timeout=section.transaction_timeout,
        suspended=section.suspended,
    )


def _tls_reporting(document: schema.Document) -> running.TlsReportSettings:
    section = document.tls_reporting
    receive_at = section.receive_at and address.parse_mailbox(section.receive_at.encode())
    return running.TlsReportSettings(
        enabled=section.enabled,
        from_address=section.from_address,
        organization=section.organization or document.system.hostname,
        contact=section.contact or section.from_address,
        spread=section.spread,
        internal=section.internal,
        receive_at=receive_at.canonical.lower()
        if isinstance(receive_at, address.Address)
        else None,
    )


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _ourselves(
    document: schema.Document, interfaces: dict[str, running.Interface]
) -> routes.Ourselves:
    return routes.Ourselves(
        names=frozenset({document.system.hostname, *(one.hostname for one in interfaces.values())}),
        endpoints=own_endpoints(document),
        addresses=frozenset(one.address for one in interfaces.values()),
    )


def _crl(section: schema.Crl) -> running.CrlSettings:
    return running.CrlSettings(
        sources=tuple(running.CrlSource(**one.model_dump()) for one in section.sources),
        check_clients=section.check_clients,
        check_servers=section.check_servers,
        fail_open=section.on_unavailable == "open",
    )


def _relay(section: schema.SmtpConfiguration | None) -> running.NotificationRelay | None:
    if section is None:
        return None
    return running.NotificationRelay(
        server=section.server,
        port=section.port,
        encryption=running.RelayEncryption(section.encryption),
        from_email=section.from_email,
        username=section.username,
    )
