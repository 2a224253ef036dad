# SPDX-License-Identifier: Apache-2.0
"""Checks of SMTP AUTH: profiles that are not there, logins that nobody can do, passwords in clear.

Each is found with the listener at which it would happen, since only listener and policy together
say whether there is TLS.
"""

from collections.abc import Iterator

from gatehouse.config import build, builtin, schema
from gatehouse.config.findings import Finding, error, warning
from gatehouse.config.listener_checks import unknown_name
from gatehouse.policy import smtp_auth
from gatehouse.policy.mail_flow import AuthDemand, MailFlowPolicy, TlsDemand
from gatehouse.smtp import sasl

_CLEAR_PASSWORD = frozenset({sasl.PLAIN, sasl.LOGIN})


def check(document: schema.Document) -> Iterator[Finding]:
    """All findings about AUTH; policies that do not exist are somebody else's finding."""
    known = (smtp_auth.BUILT_IN, *document.smtp_auth_profiles)
    for name, listener in document.listeners.items():
        yield from unknown_name(
            ("listeners", name, "smtp_auth_profile"),
            listener.smtp_auth_profile,
            known,
            "SMTP AUTH profile",
        )
        if listener.smtp_auth_profile not in known:
            continue
        profile = build.auth_profile(document, listener.smtp_auth_profile)
        used = (group.policy for group in builtin.sender_groups(listener))
        for policy_name in dict.fromkeys(used):
            if policy_name in builtin.policy_names(document):
                policy = build.policy(document, policy_name)
                if policy.smtp_auth is not AuthDemand.OFF and not policy.refuses:
                    yield from _usable(name, listener, policy, profile)


def _usable(
    name: str,
    listener: schema.Listener,
    policy: MailFlowPolicy,
    profile: smtp_auth.AuthProfile,
) -> Iterator[Finding]:
    """Can anybody log in here, and what does it show to others?"""
    path = ("mail_flow_policies", policy.name, "smtp_auth")
    implicit = listener.tls_mode == "implicit"
    in_clear = policy.tls is not TlsDemand.REQUIRED and not implicit
    if policy.tls is TlsDemand.OFF and not implicit:
        usable = smtp_auth.offered(policy, profile, tls=False, certificate=False)
        if policy.auth_needs_tls or not usable:
            text = f"nobody can log in at listener {name}: there is no TLS under this policy"
            hint = "set tls = preferred or required"
            required = policy.smtp_auth is AuthDemand.REQUIRED
            yield (error if required else warning)(path, text, hint=hint)
            return
    if in_clear and not policy.auth_needs_tls and _CLEAR_PASSWORD & set(profile.mechanisms):
        yield warning(
            (*path[:2], "auth_needs_tls"),
            f"passwords may travel in clear text to listener {name}",
            hint="leave auth_needs_tls on, or offer SCRAM-SHA-256 only",
        )
