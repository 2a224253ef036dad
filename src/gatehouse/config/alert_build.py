# SPDX-License-Identifier: Apache-2.0
"""`Document` → who gets alarms by mail, how often, and by which way."""

from dataclasses import replace

from gatehouse.config import running, schema
from gatehouse.mail import address
from gatehouse.policy import alarms

DEFAULT_LOCAL_PART = "alert"  # the appliance's: alert@ and the host name


def settings(document: schema.Document) -> running.AlertSettings:
    """The subscriptions of a document that was checked."""
    section = document.alerts
    return running.AlertSettings(
        from_address=_mailbox(sender_text(document)),
        pacing=alarms.Pacing(float(section.initial_interval), float(section.maximum_interval)),
        smart_host=section.smart_host,
        subscribers=tuple(
            alarms.Subscriber(
                address=plain(_mailbox(text)),
                severities=frozenset(one.severities),
                classes=classes_of(one),
            )
            for text, one in section.recipients.items()
        ),
    )


def sender_text(document: schema.Document) -> str:
    """The From address as text; the default for a host name that is short enough."""
    return document.alerts.from_address or f"{DEFAULT_LOCAL_PART}@{document.system.hostname}"


def classes_of(section: schema.AlertRecipient) -> frozenset[alarms.AlarmClass]:
    """The classes of a subscription; `all` stands for every one."""
    if alarms.ALL_CLASSES in section.classes:
        return frozenset(alarms.AlarmClass)
    return frozenset(map(alarms.AlarmClass, section.classes))


def plain(mailbox: address.Address) -> address.Address:
    """The spelling that every server takes, where there is one (RFC 6531 §3.2)."""
    text = mailbox.ascii_text
    return mailbox if text is None or not mailbox.utf8 else replace(mailbox, text=text, utf8=False)


def _mailbox(text: str) -> address.Address:
    parsed = address.parse_mailbox(text.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, address.AddressFault):
        raise ValueError(f"no mail address: {text!r}")
    return parsed
