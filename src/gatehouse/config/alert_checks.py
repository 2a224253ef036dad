# SPDX-License-Identifier: Apache-2.0
"""Checks of alerts by mail: addresses that are none, nobody who hears of the worst."""

from collections.abc import Iterator

from gatehouse.config import alert_build, schema
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.listener_checks import unknown_name
from gatehouse.mail import address
from gatehouse.policy.alarms import AlarmClass, AlarmSeverity


def check(document: schema.Document) -> Iterator[Finding]:
    """All findings about alerts."""
    section = document.alerts
    yield from unknown_name(
        ("alerts", "smart_host"), section.smart_host, document.smart_hosts, "smart host"
    )
    yield from _sender(document)
    if section.maximum_interval < section.initial_interval:
        yield error(
            ("alerts", "maximum_interval"),
            "is below initial_interval",
            found=section.maximum_interval,
        )
    yield from _recipients(section)


def _sender(document: schema.Document) -> Iterator[Finding]:
    text = alert_build.sender_text(document)
    parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, address.AddressFault):
        yield error(("alerts", "from_address"), f"is needed: {parsed.reason}", found=text)
    elif parsed.utf8:
        yield error(
            ("alerts", "from_address"),
            "is not ASCII",
            hint="not every server on the way takes such addresses (RFC 6531)",
            found=text,
        )


def _recipients(section: schema.Alerts) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for text in section.recipients:
        path = ("alerts", "recipients", text)
        parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
        if isinstance(parsed, address.AddressFault):
            yield error(path, f"is no mail address: {parsed.reason}")
            continue
        other = seen.setdefault(parsed.canonical, text)
        if other != text:
            yield warning(path, f"is the mailbox of {other}: it gets alerts twice")
    if section.recipients and not any(map(_hears_the_worst, section.recipients.values())):
        yield warning(
            ("alerts", "recipients"),
            "nobody gets critical alarms of class System",
            hint='severities = ["critical"], or leave severities and classes out',
        )


def _hears_the_worst(one: schema.AlertRecipient) -> bool:
    return AlarmSeverity.CRITICAL in one.severities and AlarmClass.SYSTEM in (
        alert_build.classes_of(one)
    )
