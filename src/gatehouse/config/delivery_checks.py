# SPDX-License-Identifier: Apache-2.0
"""Checks of what goes out: delivery, routes, destination controls, bounce profiles, the relay.

Pure functions from a document to findings.
"""

from collections.abc import Iterator
from typing import assert_never

from gatehouse.config import build, schema, tls_checks
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.listener_checks import unknown_name
from gatehouse.policy import outbound_tls, retry, route_table, smart_hosts

_Host = route_table.RouteHost | route_table.SmartRoute | route_table.RouteFault

SMTPS_PORT = 465  # RFC 8314 §3.3: TLS from the first byte


def check(document: schema.Document, certificates: frozenset[str]) -> Iterator[Finding]:
    """All findings about delivering. `certificates` are the names of those that exist."""
    delivery = document.delivery
    yield from unknown_name(
        ("delivery", "interface"), delivery.interface, document.interfaces, "interface"
    )
    yield from unknown_name(
        ("delivery", "certificate"), delivery.certificate, certificates, "certificate"
    )
    for service in ("ldap", "url_filtering"):
        yield from unknown_name(
            (service, "client_certificate"),
            getattr(document, service).client_certificate,
            certificates,
            "certificate",
        )
    yield from _routes(document)
    yield from _destinations(document)
    yield from tls_checks.check(document, certificates)
    yield from _bounce_profiles(document)
    yield from _relay(document)
    yield from _tls_reporting(document.tls_reporting)
    yield from _smart_hosts(document)


def _tls_reporting(section: schema.TlsReporting) -> Iterator[Finding]:
    if section.enabled and section.from_address is None:
        yield error(
            ("tls_reporting", "from_address"),
            "is not set, and reports need a sender",
            hint="a mailbox of yours that the domain's SPF and DKIM records speak for",
        )
    elif section.from_address is not None and not section.from_address.isascii():
        # Those who get reports are machines of strangers: few of them know SMTPUTF8.
        yield error(
            ("tls_reporting", "from_address"), "is not plain ASCII", found=section.from_address
        )


def _routes(document: schema.Document) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    own = build.own_endpoints(document)
    known: dict[str, _Host] = {}  # many routes lead to few hosts
    for domain, hosts in document.smtp_routes.items():
        path = ("smtp_routes", domain)
        yield from _domain(path, domain, seen, special=".")
        for index, text in enumerate(hosts):
            host = known.get(text) or known.setdefault(text, route_table.parse_route_host(text))
            if isinstance(host, route_table.RouteFault):
                yield error((*path, index), "is no host", hint=host.reason, found=text)
            elif isinstance(host, route_table.SmartRoute):
                yield from unknown_name(
                    (*path, index), host.name, document.smart_hosts, "smart host"
                )
            elif host.host == route_table.USE_DNS and len(hosts) > 1:
                yield error((*path, index), "USEDNS stands alone", found=text)
            elif (host.host, host.port or document.delivery.smtp_port) in own:
                yield error(
                    (*path, index), "is a listener of this gateway: mail would go round", found=text
                )


def _domain(
    path: tuple[str, ...], written: str, seen: dict[str, str], *, special: str
) -> Iterator[Finding]:
    domain = build.canonical_domain(written)
    other = {".", schema.DEFAULT_DESTINATION} - {special}
    if domain is None or domain in other:
        hint = f'allowed: domain, ".domain", an address in brackets, or "{special}"'
        yield error(path, "is no domain", hint=hint, found=written)
    elif domain in seen:
        yield error(path, f"is the same domain as {seen[domain]!r}", found=written)
    else:
        seen[domain] = written


def _destinations(document: schema.Document) -> Iterator[Finding]:
    controls = document.destination_controls
    default = controls.get(schema.DEFAULT_DESTINATION)
    if default is None or default.tls is None:
        yield warning(
            ("destination_controls", schema.DEFAULT_DESTINATION, "tls"),
            "is not set: mail goes out in clear",
            hint='set tls = "preferred" to use TLS wherever it is offered',
        )
    seen: dict[str, str] = {}
    profiles = {schema.DEFAULT_PROFILE, *document.bounce_profiles}
    for name, listener in document.listeners.items():
        yield from unknown_name(
            ("listeners", name, "bounce_profile"),
            listener.bounce_profile,
            profiles,
            "bounce profile",
        )
    for domain, control in controls.items():
        path = ("destination_controls", domain)
        yield from _domain(path, domain, seen, special=schema.DEFAULT_DESTINATION)
        yield from unknown_name(
            (*path, "bounce_profile"), control.bounce_profile, profiles, "bounce profile"
        )


def _bounce_profiles(document: schema.Document) -> Iterator[Finding]:
    for name, section in document.bounce_profiles.items():
        profile: retry.BounceProfile = build.bounce_profile(document, name)
        path = ("bounce_profiles", name)
        if profile.initial_wait > profile.max_wait:
            yield error(
                (*path, "initial_wait"),
                "is longer than max_wait",
                hint=f"max_wait is {profile.max_wait:g} s",
                found=f"{profile.initial_wait:g} s",
            )
        if profile.initial_wait >= profile.max_time:
            yield warning((*path, "max_time"), "ends before the second try")
        if section.max_time_tls is not None and section.max_time_tls >= profile.max_time:
            yield warning((*path, "max_time_tls"), "has no effect: it is not below max_time")


def _smart_hosts(document: schema.Document) -> Iterator[Finding]:
    own = build.own_endpoints(document)
    for name, section in document.smart_hosts.items():
        path = ("smart_hosts", name)
        smart = build.smart_host(name, section)
        implicit = smart.tls_mode is smart_hosts.SmartTls.IMPLICIT
        if (smart.host, smart.port) in own:
            yield error(
                (*path, "host"),
                "is a listener of this gateway: mail would go round",
                found=smart.host,
            )
        if implicit and not outbound_tls.is_required(smart.level):
            yield error(
                (*path, "tls"),
                "there is no clear text on a port with TLS from the first byte",
                hint="required, required-verify or required-verify-hosted",
                found=smart.level.value,
            )
        if (smart.port == SMTPS_PORT) != implicit:
            usual = "implicit" if smart.port == SMTPS_PORT else "starttls"
            yield warning((*path, "tls_mode"), f"is unusual with port {smart.port}", hint=usual)
        if smart.username is not None:
            yield from _password(smart, (*path, "password_over"))


def _password(smart: smart_hosts.SmartHost, path: tuple[str, ...]) -> Iterator[Finding]:
    """Where a password may be read on the way, and where it can never be sent."""
    verifies = outbound_tls.verifies(smart.level) and outbound_tls.is_required(smart.level)
    match smart.password_over:
        case smart_hosts.PasswordOver.VERIFIED_TLS if not verifies:
            yield warning(
                path,
                f"level {smart.level.value} does not insist on verified TLS: without it the "
                "password is not said, and mail waits",
                hint="set tls = required-verify-hosted",
            )
        case smart_hosts.PasswordOver.VERIFIED_TLS:
            pass
        case smart_hosts.PasswordOver.UNVERIFIED_TLS:
            yield warning(path, "whoever stands between can read the password")
        case smart_hosts.PasswordOver.CLEAR_TEXT:
            yield warning(path, "the password may travel in clear: everybody on the way reads it")
        case other:
            assert_never(other)


def _relay(document: schema.Document) -> Iterator[Finding]:
    relay = document.smtp_configuration
    if relay is None:
        return
    path = ("smtp_configuration", "encryption")
    if relay.encryption == "none" and relay.username is not None:
        yield error(path, "a user name needs encryption", hint="the password would travel in clear")
    if (relay.port == SMTPS_PORT) != (relay.encryption == "smtps"):
        usual = "smtps" if relay.port == SMTPS_PORT else "starttls"
        yield warning(path, f"is unusual with port {relay.port}", hint=f"usual is {usual}")
