# SPDX-License-Identifier: Apache-2.0
"""How each field of the configuration is set: its way through the dialogues, and its command.

A literal table, for people to read. It stands here because it names commands and dialogues: the
configuration, on the ground floor, knows no face, and is given these cells when its manual is made
(`make docs`). Rule: no row is believed. `tests/unit/faces/cli/test_manual.py` sets every field by
its way, in a recorded session, and looks that the candidate changed there and nowhere else; every
command of its own is run as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gatehouse.config import reference

COMMON = "config set"


@dataclass(frozen=True, slots=True)
class Way:
    """How a field is set. A page of the console would be a third thing to name here."""

    shell: str = "set"  # as one types it: listenerconfig > edit > limits
    command: str = COMMON  # the one that is made for it; `config set` can set every field

    def cell(self) -> str:
        """As the manual prints it: the common command is said once for all, above the tables."""
        ways = [self.shell] if self.shell else []
        if self.command not in ("", COMMON):
            ways.append(f"gatehouse {self.command}")
        return ", ".join(f"`{one}`" for one in ways) or "–"


def page() -> str:
    """`docs/configuration.md`."""
    return reference.reference(_cell)


def _cell(section: str, field: str) -> str:
    # A field without a row is found by a test; the manual of a working tree can be made before.
    return WAYS.get(section, {}).get(field, _SET).cell()


def _by(way: Way, *fields: str) -> dict[str, Way]:
    """The same way for several fields."""
    return dict.fromkeys(fields, way)


_SET = Way()
_FIXED = Way("", "")  # it has one value only
_LISTENER = "listenerconfig > edit"
_HAT = f"{_LISTENER} > hostaccess"
_RAT = f"{_LISTENER} > rcptaccess"
_CRL = "certconfig > crl"
_SYSTEM = "certconfig > certauthority > system"
_DELIVERY = "deliveryconfig"
_SHOWS = "certificate assign"

WAYS: Mapping[str, Mapping[str, Way]] = {
    "": {"format": _FIXED, "smtp_routes": Way("smtproutes > new")},
    "system": {"hostname": Way("sethostname")},
    "interfaces.NAME": {
        **_by(Way("interfaceconfig > edit"), "address", "hostname"),
        "https_certificate": Way("interfaceconfig > edit", _SHOWS),
    },
    "listeners.NAME": {
        "type": Way("listenerconfig > new"),
        **_by(Way(f"{_LISTENER} > interface"), "interface", "port", "tls_mode"),
        **_by(Way(f"{_LISTENER} > certificate", _SHOWS), "certificate", "certificates"),
        "tls_profile": Way(f"{_LISTENER} > tlsprofile"),
        "bounce_profile": Way(f"{_LISTENER} > bounceconfig"),
        "max_concurrency": Way(f"{_LISTENER} > limits"),
        "recipient_access": Way(f"{_RAT} > new", "rat import"),
        "sender_groups": Way(f"{_HAT} > new", "hat import"),
        **_by(
            Way(f"{_LISTENER} > setup"),
            *("default_domain", "proxy_protocol_from", "xclient_from", "smtp_auth_profile"),
            *("delayed_reject", "idle_timeout", "connection_timeout"),
        ),
    },
    "listeners.NAME.recipient_access": {
        "recipient": Way(f"{_RAT} > new", "rat import"),
        **_by(Way(f"{_RAT} > edit", "rat import"), "access", "code", "text"),
        "comment": Way(f"{_RAT} > comment"),
    },
    "listeners.NAME.sender_groups": {
        "name": Way(f"{_HAT} > edit > rename", "hat import"),
        "members": Way(f"{_HAT} > edit > new", "group add-member"),
        "policy": Way(f"{_HAT} > edit > policy", "hat import"),
        "comment": Way(f"{_HAT} > edit > comment"),
    },
    "mail_flow_policies.NAME": {
        "behavior": Way(f"{_HAT} > edit"),
        **_by(
            Way(f"{_HAT} > default"),
            *("tls", "verify_client_certificate", "tls_mandatory_list"),
            *("smtp_auth", "auth_needs_tls", "max_message_size", "max_messages_per_connection"),
            *("max_recipients_per_message", "max_connections_per_client"),
            *("max_recipients_per_hour", "max_sender_recipients_per_hour", "rate_code"),
            *("rate_text", "dhap_limit", "dhap_drop_connection", "check_sender_domain"),
            *("banner_code", "banner_text", "banner_host", "reject_code", "reject_text"),
        ),
    },
    "smtp_auth_profiles.NAME": {
        **_by(Way("smtpauthconfig > edit"), "mechanisms", "relay", "max_failures"),
        "senders": Way("smtpauthconfig > edit > new"),
    },
    "delivery": {
        "certificate": Way("destconfig > setup", _SHOWS),
        "alert_on_required_tls_failure": Way("destconfig > setup"),
        **_by(Way(f"{_DELIVERY} > setup"), "interface", "max_connections", "suspended"),
        **_by(Way(f"{_DELIVERY} > dns"), "dns_servers", "dns_trusted"),
        **_by(Way(f"{_DELIVERY} > ports"), "smtp_port", "mta_sts_port", "mta_sts_internal"),
        **_by(
            Way(f"{_DELIVERY} > timeouts"),
            *("connect_timeout", "starttls_timeout", "dns_timeout", "idle_timeout"),
            "transaction_timeout",
        ),
    },
    'destination_controls."DOMAIN"': _by(
        Way("destconfig > edit"),
        *("tls", "dane", "recipient_limit", "recipient_minutes", "limit_type"),
        *("max_connections", "bounce_profile"),
        *("mta_sts", "verify_ptr", "weak_basis", "trust", "ca_certificates"),
        *("pinned_fingerprints", "client_certificate", "min_tls", "tls_profile"),
        *("retry_without_dh", "max_messages_per_connection", "max_recipients_per_message"),
        *("ip_preference", "alert_on_required_tls_failure"),
    ),
    "sender_tls_overrides": _by(
        Way(f"{_DELIVERY} > sendertls > edit"), "sender", "destination", "tls", "may_lower"
    ),
    "tls_profiles.NAME": {
        **_by(Way("sslconfig > outbound"), "min_version", "max_version", "ciphers"),
        **_by(Way("sslconfig > profiles > edit"), "groups", "security_level"),
    },
    "ssl": {"inbound_profile": Way("sslconfig > inbound")},
    "bounce_profiles.NAME": {
        **_by(
            Way("bounceconfig > edit"),
            *("max_retries", "max_time", "initial_wait", "max_wait", "max_time_tls"),
            *("delay_warnings", "delay_warning_interval", "max_delay_warnings"),
            *("send_bounces", "max_bounce_copy"),
        ),
    },
    "smart_hosts.NAME": _by(
        Way("smtpauthconfig > edit"),
        *("host", "port", "tls_mode", "tls", "username", "password_over"),
    ),
    "smtp_configuration": _by(_SET, "server", "port", "encryption", "from_email", "username"),
    "reputation": _by(Way(f"{_HAT} > reputation > new"), "scores", "countries", "owners"),
    "trust": {
        "system": Way(f"{_SYSTEM} > disable"),
        "system_file": Way(f"{_SYSTEM} > file"),
    },
    "ldap": {"client_certificate": Way(command=_SHOWS)},
    "url_filtering": {"client_certificate": Way(command=_SHOWS)},
    "crl": {
        **_by(Way(f"{_CRL} > setup"), "check_clients", "check_servers", "on_unavailable"),
        "sources": Way(f"{_CRL} > new"),
    },
    "crl.sources": _by(Way(f"{_CRL} > edit"), "url", "interval", "internal"),
    "acme": _by(Way("certconfig > acme > setup"), "http_address", "http_port", "hook_timeout"),
    "tls_reporting": _by(
        Way("tlsrptconfig > setup"),
        *("enabled", "from_address", "organization", "contact", "spread", "internal"),
        "receive_at",
    ),
    "alerts": {
        "from_address": Way("alertconfig > from > edit"),
        **_by(Way("alertconfig > setup"), "initial_interval", "maximum_interval", "smart_host"),
        "recipients": Way("alertconfig > new"),
    },
    'alerts.recipients."ADDRESS"': _by(Way("alertconfig > edit"), "severities", "classes"),
    "ssh": _by(
        Way("sshconfig > sshd > setup"),
        *("enabled", "interface", "address", "port", "password_login", "idle_timeout"),
        *("max_sessions", "banner"),
    ),
    "logs": _by(Way("logconfig > edit"), "rollover_size", "keep"),
    "queue": _by(Way("listenerconfig > setup"), "disk_reserve", "max_received_hops"),
    "processes": _by(Way("listenerconfig > setup"), "receivers"),
    "cluster": {"name": Way("clusterconfig > setname", "cluster name")},
    "groups.NAME": {
        "comment": Way("clusterconfig > addgroup", "cluster group add"),
        **_by(_SET, "without", "settings"),
    },
    "machines.NAME": {
        "group": Way("clusterconfig > join", "cluster join"),
        "member": Way(command="cluster leave"),
        **_by(_SET, "comment", "without", "settings"),
    },
}
