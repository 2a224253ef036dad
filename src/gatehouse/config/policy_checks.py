# SPDX-License-Identifier: Apache-2.0
"""Checks of mail flow policies: demands that cannot be met, and values without any effect.

A policy is judged as it runs, with all that it inherits, by who uses it: under implicit TLS the
word behind `tls` demands nothing, for TLS is there already. What is inherited whole is told once,
where it is written. Who can log in is `auth_checks`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gatehouse.config import builtin, findings, origin, schema
from gatehouse.config.findings import Finding, error, warning
from gatehouse.policy import recipients
from gatehouse.policy.mail_flow import OFF, Behavior, MailFlowPolicy, TlsDemand

_VERIFY = "verify_client_certificate"
# What only a client can notice that is served.
_OF_SERVED = (
    "smtp_auth",
    "tls_mandatory_list",
    "max_message_size",
    "max_messages_per_connection",
    "max_recipients_per_message",
    "max_recipients_per_hour",
    "max_sender_recipients_per_hour",
    "rate_code",
    "rate_text",
    "dhap_limit",
    "dhap_drop_connection",
    "check_sender_domain",
)
_OF_REFUSED = ("reject_code", "reject_text")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A policy as it runs, with what is said about it."""

    name: str
    policy: MailFlowPolicy
    origins: dict[str, origin.Origin]
    starttls: bool  # a client of it can be in clear

    def own(self, *fields: str) -> bool:
        """Does the policy itself say anything about these?"""
        return any(self.origins[field] is origin.Origin.OWN for field in fields)

    def place(self, field: str) -> findings.Path:
        """Where a field is written; the section of the policy if it is nowhere."""
        inherited = self.origins[field] is origin.Origin.DEFAULT
        name = schema.DEFAULT_POLICY if inherited else self.name
        return ("mail_flow_policies", name, field)


def check(document: schema.Document) -> Iterator[Finding]:
    """All findings about the policies that are written."""
    modes: dict[str, set[str]] = {}
    for listener in document.listeners.values():
        for group in builtin.sender_groups(listener):
            modes.setdefault(group.policy, set()).add(listener.tls_mode)
    for name, section in document.mail_flow_policies.items():
        yield from _senders(("mail_flow_policies", name, "tls_mandatory_list"), section)
        fields = origin.policy_fields(document, name)
        judged = _Judged(
            name,
            MailFlowPolicy(name=name, **{field: one.value for field, one in fields.items()}),
            {field: one.origin for field, one in fields.items()},
            modes.get(name) != {"implicit"},
        )
        yield from _tls(document, judged)
        if name != schema.DEFAULT_POLICY:
            yield from _without_effect(judged)
            if name not in modes and name not in builtin.POLICIES:
                yield warning(("mail_flow_policies", name), "no sender group uses this policy")


def _senders(path: findings.Path, section: schema.MailFlowPolicy) -> Iterator[Finding]:
    for index, text in enumerate(section.tls_mandatory_list or ()):
        pattern = recipients.parse_recipient(text)
        if isinstance(pattern, recipients.PatternFault | recipients.AllRecipients):
            yield error(
                (*path, index),
                "is no sender",
                hint="domain, .domain, user@ or user@domain; for all senders set tls = required",
                found=text,
            )


def _tls(document: schema.Document, one: _Judged) -> Iterator[Finding]:
    """Client certificates, and senders that must use TLS."""
    policy = one.policy
    off = policy.tls is TlsDemand.OFF and one.starttls
    if policy.verify_client_certificate and off and one.own(_VERIFY, "tls"):
        yield error(
            one.place(_VERIFY),
            "there is no certificate to verify, for TLS is off",
            hint="set tls to preferred or required",
        )
    if policy.verify_client_certificate and not document.trust.system and one.own(_VERIFY):
        yield warning(
            one.place(_VERIFY),
            "only certificates of the custom trust list count, since trust.system is false",
            hint="if `gatehouse trust list` shows none there, no client can be verified",
        )
    if not policy.tls_mandatory_list or not one.own("tls_mandatory_list", "tls"):
        return
    if off:
        yield error(
            one.place("tls_mandatory_list"),
            "these senders must use TLS, and TLS is off",
            hint="set tls to preferred",
        )
    elif policy.tls is TlsDemand.REQUIRED or not one.starttls:
        yield warning(one.place("tls_mandatory_list"), "has no effect: everybody must use TLS here")


def _without_effect(one: _Judged) -> Iterator[Finding]:
    policy = one.policy
    idle: tuple[str, ...] = ()
    if policy.behavior is Behavior.CONTINUE:
        idle = tuple(field for field in one.origins if field != "behavior")
    elif policy.refuses:
        idle = _OF_SERVED
        if policy.behavior is Behavior.TCPREFUSE:
            idle += ("tls", _VERIFY, "auth_needs_tls", *_OF_REFUSED)
    else:
        idle = _OF_REFUSED
    written = [field for field in idle if one.own(field)]
    if written:
        yield warning(
            ("mail_flow_policies", one.name, written[0]),
            f"has no effect under behavior {policy.behavior.value.lower()}",
            hint=f"the same goes for {', '.join(written[1:])}" if len(written) > 1 else "",
        )
    limits = (policy.max_recipients_per_hour, policy.max_sender_recipients_per_hour)
    if not policy.refuses and limits == (OFF, OFF):
        for field in ("rate_code", "rate_text"):
            if one.own(field):
                yield warning(one.place(field), "has no effect: there is no limit for an hour")
