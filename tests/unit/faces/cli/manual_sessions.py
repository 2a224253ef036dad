# SPDX-License-Identifier: Apache-2.0
"""A recorded session for each field of the configuration, and the configuration it begins with.

A row is what is answered on the way that the manual names: by question where it leads through
dialogues, and the value alone where it is `set`.
"""

from collections.abc import Mapping

CERTIFICATE = "mx"  # beside the Demo certificate

TEXT = """\
format = 1

[system]
hostname = "gw1.example.com"

[interfaces.PublicNet]
address = "127.0.0.1"
hostname = "mx.example.com"

[interfaces.Inside]
address = "127.0.0.2"

[listeners.InboundMail]
type = "public"
interface = "PublicNet"
port = 2525
certificate = "Demo"
recipient_access = [
  { recipient = "example.com", access = "accept" },
  { recipient = "old.example", access = "reject", code = 550, text = "it is gone" },
]

[[listeners.InboundMail.sender_groups]]
name = "PARTNERS"
members = [".bank.example"]
policy = "ACCEPTED"

[[listeners.InboundMail.sender_groups]]
name = "ALL"
members = ["ALL"]
policy = "ACCEPTED"

[mail_flow_policies.default]
tls = "preferred"
smtp_auth = "preferred"
max_recipients_per_hour = 1000

[mail_flow_policies.PARTNER]
max_messages_per_connection = 20

[smtp_auth_profiles.offices]
relay = true

[destination_controls.default]
tls = "preferred"
tls_profile = "old"

[destination_controls."bank.example"]
tls = "required"
max_connections = 20
recipient_limit = 100
recipient_minutes = 10
limit_type = "host"

[[sender_tls_overrides]]
sender = "ceo@example.com"
tls = "required"

[tls_profiles.old]
groups = ["X25519"]

[bounce_profiles.quick]
max_retries = 5

[smart_hosts.relay]
host = "relay.example.net"
username = "gateway"

[smtp_configuration]
server = "relay.example.net"
from_email = "gateway@example.com"

[[crl.sources]]
url = "http://crl.example.net/ca.crl"

[tls_reporting]
from_address = "tls@example.com"

[alerts.recipients."ops@example.com"]
severities = ["critical"]

[groups.EU]
comment = "Frankfurt"
"""

PLACES: Mapping[str, str] = {
    "interfaces.NAME": "interfaces.PublicNet",
    "listeners.NAME": "listeners.InboundMail",
    "listeners.NAME.recipient_access": "listeners.InboundMail.recipient_access.'example.com'",
    "listeners.NAME.sender_groups": "listeners.InboundMail.sender_groups.PARTNERS",
    "mail_flow_policies.NAME": "mail_flow_policies.default",
    "smtp_auth_profiles.NAME": "smtp_auth_profiles.offices",
    'destination_controls."DOMAIN"': "destination_controls.'bank.example'",
    "tls_profiles.NAME": "tls_profiles.old",
    "bounce_profiles.NAME": "bounce_profiles.quick",
    "smart_hosts.NAME": "smart_hosts.relay",
    'alerts.recipients."ADDRESS"': "alerts.recipients.'ops@example.com'",
    "groups.NAME": "groups.EU",
    "machines.NAME": "machines.gw1",
}
"""Where a section of the manual stands in that configuration, when its names differ."""

LISTS = ("sender_tls_overrides", "crl.sources")
"""Sections that are elements of a list: it is set as a whole."""

_RECIPIENTS = "listeners.InboundMail.recipient_access"
_OLD = f"{_RECIPIENTS}.'old.example'"
_GROUPS = "listeners.InboundMail.sender_groups"

_WARNS = "bounce_profiles.quick.delay_warnings"  # is on then as well

ELSEWHERE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("bounce_profiles.NAME", "delay_warning_interval"): (
        "bounce_profiles.quick.delay_warning_interval",
        "bounce_profiles.quick.delay_warning_interval",
        _WARNS,
    ),
    ("bounce_profiles.NAME", "max_delay_warnings"): (
        "bounce_profiles.quick.max_delay_warnings",
        "bounce_profiles.quick.max_delay_warnings",
        _WARNS,
    ),
    ("listeners.NAME", "type"): ("listeners.EdgeIn.type", "listeners.EdgeIn"),
    ("listeners.NAME.recipient_access", "recipient"): (
        f"{_RECIPIENTS}.'new.example'.recipient",
        f"{_RECIPIENTS}.'new.example'",
    ),
    ("listeners.NAME.recipient_access", "code"): (f"{_OLD}.code", f"{_OLD}.code"),
    ("listeners.NAME.recipient_access", "text"): (f"{_OLD}.text", f"{_OLD}.text"),
    ("listeners.NAME.sender_groups", "name"): (f"{_GROUPS}.FRIENDS.name", _GROUPS),
    ("groups.NAME", "comment"): ("groups.FR.comment", "groups.FR"),
    ("smart_hosts.NAME", "tls_mode"): (
        "smart_hosts.relay.tls_mode",
        "smart_hosts.relay.tls_mode",
        "smart_hosts.relay.port",  # 465 stands in brackets
    ),
    ("ssl", "inbound_profile"): ("ssl.inbound_profile", "ssl", "tls_profiles.inbound"),
    ("mail_flow_policies.NAME", "behavior"): (
        "mail_flow_policies.PARTNER.behavior",
        "mail_flow_policies.PARTNER.behavior",
    ),
}
"""Fields of what the session makes anew, or that only another section has: where they stand then,
and what else is made with them."""

Answers = Mapping[str, str] | str

_NEW_LISTENER = {"Name": "EdgeIn", "TCP port": "2526", "Domains to accept": "example.com"}
_GREETING = {"Change code, text and host": "Y"}
_REFUSAL = {"Change code and text of a refused": "Y"}
_RATE = {"Change code and text above": "Y"}
_PROFILE = {"Which profile?": "quick"}
_OFFICES = {"Which profile?": "offices"}
_RELAY = {"Which profile?": "relay"}
_CONNECTIONS = {"Change further settings of connections": "Y"}
_TLS = {"Change further settings of TLS": "Y"}
_BLOCK = {"Address, range or CIDR": "192.0.2.0/24"}

SESSIONS: Mapping[str, Mapping[str, Answers]] = {
    "": {"smtp_routes": {"Domain": "x.example", "Hosts": "192.0.2.1:25"}},
    "system": {"hostname": {"Host name": "gw2.example.com"}},
    "interfaces.NAME": {
        "address": {"Which interface?": "PublicNet", "IP address": "127.0.0.9"},
        "hostname": {"Which interface?": "PublicNet", "Host name": "mail.example.com"},
        "https_certificate": {"Which interface?": "PublicNet", "HTTPS certificate": CERTIFICATE},
    },
    "listeners.NAME": {
        "type": _NEW_LISTENER | {"Type": "Public"},
        "interface": {"Interface": "2"},
        "port": {"TCP port": "2600"},
        "tls_mode": {"Protocol": "2"},
        "certificate": {"Which certificate?": "2"},
        "certificates": {"More certificates": CERTIFICATE},
        "bounce_profile": {"Bounce profile": "quick"},
        "tls_profile": {"TLS profile": "old"},
        "max_concurrency": {"Connections at the same time": "7"},
        "recipient_access": {"Recipients": "new.example"},
        "sender_groups": {"Name": "FRIENDS", "Members": "192.0.2.7"},
        "default_domain": {"Domain behind": "example.org"},
        "proxy_protocol_from": {"Load balancers": "10.0.0.1"},
        "xclient_from": {"Clients that may": "10.0.0.1"},
        "smtp_auth_profile": {"SMTP AUTH profile": "offices"},
        "delayed_reject": {"Refuse rejected clients": "Y"},
        "idle_timeout": {"Seconds of silence": "60"},
        "connection_timeout": {"Seconds that one connection": "600"},
    },
    "listeners.NAME.recipient_access": {
        "recipient": {"Recipients": "new.example"},
        "access": {"Mail for them is": "2"},
        "code": {"Which entry?": "2", "Code": "551"},
        "text": {"Which entry?": "2", "Text": "gone away"},
        "comment": {"Which entry?": "1", "Comment": "moved"},
    },
    "listeners.NAME.sender_groups": {
        "name": {"New name": "FRIENDS"},
        "members": {"Members to add": "192.0.2.7"},
        "policy": {"Mail flow policy": "TRUSTED"},
        "comment": {"Comment": "ask Ann"},
    },
    "mail_flow_policies.NAME": {
        "behavior": {
            "What shall be changed?": "2",
            "Which policy?": "PARTNER",
            "Behavior": "relay",
        },
        "tls": {"Do you want to allow": "3"},
        "verify_client_certificate": {"Verify the certificates": "Y"},
        "tls_mandatory_list": {"Senders that must": "bank.example"},
        "smtp_auth": {"SMTP authentication": "3"},
        "auth_needs_tls": {"Offer it under TLS": "N"},
        "max_message_size": {"Largest message": "20M"},
        "max_messages_per_connection": {"Messages in one": "7"},
        "max_recipients_per_message": {"Recipients of one": "7"},
        "max_connections_per_client": {"Connections at once": "7"},
        "max_recipients_per_hour": {"Recipients in an hour from one address": "7"},
        "max_sender_recipients_per_hour": {"Recipients in an hour from one envelope": "7"},
        "rate_code": _RATE | {"Code": "451"},
        "rate_text": _RATE | {"Text": "slowly"},
        "dhap_limit": {"Refused recipients": "7"},
        "dhap_drop_connection": {"Disconnect the client": "N"},
        "check_sender_domain": {"Refuse senders whose": "Y"},
        "banner_code": _GREETING | {"Code": "221"},
        "banner_text": _GREETING | {"Text": "hello"},
        "banner_host": _GREETING | {"Host name": "3"},
        "reject_code": _REFUSAL | {"Code": "421"},
        "reject_text": _REFUSAL | {"Text": "not now"},
    },
    "smtp_auth_profiles.NAME": {
        "mechanisms": _OFFICES | {"Mechanisms": "plain"},
        "senders": _OFFICES
        | {"Change who may send": "Y", "User": "scanner1", "Senders, with": "example.com"},
        "relay": _OFFICES | {"May users send": "N"},
        "max_failures": _OFFICES | {"Failed logins": "5"},
    },
    "delivery": {
        "certificate": {"Certificate": CERTIFICATE},
        "alert_on_required_tls_failure": {"Alert when": "N"},
        "interface": {"Interface": "3"},
        "max_connections": {"Outgoing connections": "7"},
        "dns_servers": {"DNS servers": "127.0.0.1:53"},
        "dns_trusted": {"Are they believed": "No"},
        "smtp_port": {"TCP port of mail hosts": "2525"},
        "mta_sts_port": {"TCP port of hosts": "8443"},
        "mta_sts_internal": {"May these policies": "Y"},
        "connect_timeout": {"Wait for a TCP": "20s"},
        "starttls_timeout": {"Wait for the answer": "20s"},
        "dns_timeout": {"Wait for a DNS": "20s"},
        "idle_timeout": {"Time that an open": "20s"},
        "transaction_timeout": {"Time that one message": "20m"},
        "suspended": {"Keep all mail": "Y"},
    },
    'destination_controls."DOMAIN"': {
        "tls": {"TLS": "5"},
        "dane": {"DANE": "Opportunistic"},
        "recipient_limit": {"Recipients in that time": "7"},
        "recipient_minutes": {"In how many minutes?": "7"},
        "limit_type": {"These limits count for": "2"},
        "max_connections": {"Connections at the same time": "7"},
        "bounce_profile": {"Bounce profile": "quick"},
        "mta_sts": _TLS | {"Keep to the MTA-STS": "Yes"},
        "verify_ptr": _TLS | {"Does a common name": "No"},
        "weak_basis": _TLS | {"Names that only": "Refuse"},
        "trust": _TLS | {"Lists that chains": "system"},
        "ca_certificates": _TLS | {"The only CAs": "partner-root"},
        "pinned_fingerprints": _TLS | {"Fingerprints": "sha256:" + "0" * 64},
        "client_certificate": _TLS | {"Certificate that is shown": CERTIFICATE},
        "min_tls": _TLS | {"Lowest TLS version": "1.3"},
        "tls_profile": _TLS | {"TLS profile": "old"},
        "retry_without_dh": _TLS | {"Try again without DH": "No"},
        "max_messages_per_connection": _CONNECTIONS | {"Messages in one connection": "7"},
        "max_recipients_per_message": _CONNECTIONS | {"Recipients of one message": "7"},
        "ip_preference": _CONNECTIONS | {"Addresses of a mail": "IPv4 preferred"},
        "alert_on_required_tls_failure": _TLS | {"Alert when required": "No"},
    },
    "sender_tls_overrides": {
        "sender": {"Sender": "cfo@example.com"},
        "destination": {"Destination": "b.example"},
        "tls": {"TLS": "5"},
        "may_lower": {"May it demand less": "Y"},
    },
    "tls_profiles.NAME": {
        "min_version": {"The lowest TLS version": "TLS v1.3"},
        "max_version": {"The highest TLS version": "TLS v1.2"},
        "ciphers": {"The cipher string": "ECDHE+AESGCM"},
        "groups": {"Key exchange groups": "P-256"},
        "security_level": {"Security level": "1"},
    },
    "ssl": {"inbound_profile": {"The cipher string": "ECDHE+AESGCM"}},
    "bounce_profiles.NAME": {
        "max_retries": _PROFILE | {"Tries after": "7"},
        "max_time": _PROFILE | {"Longest time in the queue": "2d"},
        "initial_wait": _PROFILE | {"Wait after": "2m"},
        "max_wait": _PROFILE | {"Longest wait": "2h"},
        "max_time_tls": _PROFILE | {"Longest time in the queue while": "2h"},
        "delay_warnings": _PROFILE | {"Tell the sender when": "Y"},
        "send_bounces": _PROFILE | {"Tell the sender when a message cannot": "N"},
        "delay_warning_interval": _PROFILE
        | {"Tell the sender when": "Y", "Wait between two": "2h"},
        "max_delay_warnings": _PROFILE | {"Tell the sender when": "Y", "Warnings at most": "7"},
        "max_bounce_copy": _PROFILE | {"Largest original": "20K"},
    },
    "smart_hosts.NAME": {
        "host": _RELAY | {"Host name of the relay": "smtp.example.net"},
        "port": _RELAY | {"TCP port": "2587"},
        "tls_mode": _RELAY | {"Protocol": "2"},
        "tls": _RELAY | {"TLS": "5"},
        "username": _RELAY | {"User name": "somebody"},
        "password_over": _RELAY | {"The password may travel": "2"},
    },
    "smtp_configuration": {
        "server": "smtp.example.net",
        "port": "2587",
        "encryption": "smtps",
        "from_email": "gw@example.com",
        "username": "somebody",
    },
    "reputation": {
        "scores": _BLOCK | {"Reputation score": "-4.5"},
        "countries": _BLOCK | {"Country": "kr"},
        "owners": _BLOCK | {"Number of the": "7"},
    },
    "trust": {"system": {}, "system_file": {"File with the certificates": "/etc/ssl/cert.pem"}},
    "ldap": {"client_certificate": CERTIFICATE},
    "url_filtering": {"client_certificate": CERTIFICATE},
    "crl": {
        "check_clients": {"Check certificates of clients?": "Y"},
        "check_servers": {"Check certificates of servers?": "Y"},
        "on_unavailable": {"Certificates whose list": "2"},
        "sources": {"URL of the list": "http://crl.example.net/other.crl"},
    },
    "crl.sources": {
        "url": {"URL of the list": "http://crl.example.net/other.crl"},
        "interval": {"Fetch it how often?": "1h"},
        "internal": {"May its host name": "Y"},
    },
    "acme": {
        "http_address": {"Address at which": "127.0.0.1"},
        "http_port": {"TCP port": "8080"},
        "hook_timeout": {"Longest run": "20s"},
    },
    "tls_reporting": {
        "enabled": {"Send a report": "Y"},
        "from_address": {"Sender of the reports": "reports@example.com"},
        "organization": {"Who reports": "Example"},
        "contact": {"Whom to ask": "ops@example.com"},
        "spread": {"Time within which": "1h"},
        "internal": {"May reports be posted": "Y"},
        "receive_at": {"Address at which": "tlsrpt@example.com"},
    },
    "alerts": {
        "from_address": {"From address": "alert@example.com"},
        "initial_interval": {"Seconds to wait": "600"},
        "maximum_interval": {"The longest wait": "7200"},
        "smart_host": {"The way of alert mail": "relay"},
        "recipients": {"A new mail address": "ann@example.com"},
    },
    'alerts.recipients."ADDRESS"': {
        "severities": {"The severities": "2,3"},
        "classes": {"The alert classes": "2"},
    },
    "ssh": {
        "enabled": {"Let operators": "Y"},
        "interface": {"Interface whose": "Inside"},
        "address": {"Address where": "127.0.0.2"},
        "port": {"TCP port": "2022"},
        "password_login": {"Do passwords open": "N"},
        "idle_timeout": {"Time without a key": "10m"},
        "max_sessions": {"Sessions at the same": "5"},
        "banner": {"Text before a login": "Keep out"},
    },
    "logs": {
        "rollover_size": {"Size at which": "20M"},
        "keep": {"Files kept": "7"},
    },
    "queue": {
        "disk_reserve": {"Free disk space": "512M"},
        "max_received_hops": {"Received fields": "50"},
    },
    "processes": {"receivers": {"Processes that receive": "2"}},
    "cluster": {"name": {"Name of the cluster": "Mail"}},
    "groups.NAME": {
        "comment": {"Name of the group": "FR", "What is it for?": "Paris"},
        "without": "listeners.Legacy",
        "settings": "{ delivery = { max_connections = 7 } }",
    },
    "machines.NAME": {
        "group": {"Machine": "gw1", "Which group?": "EU"},
        "member": "false",
        "comment": "spare",
        "without": "listeners.Legacy",
        "settings": "{ delivery = { max_connections = 7 } }",
    },
}

_RAT = """\
example.com REJECT 551 "it moved"
new.example ACCEPT
old.example REJECT 551 "it moved"
ALL REJECT
"""
_HAT = """\
FRIENDS:
    192.0.2.7
        $TRUSTED
PARTNERS:
    .bank.example
        $TRUSTED
ALL
    $ACCEPTED
"""
_RAT_IMPORT = ("rat import InboundMail FILE", _RAT)
_HAT_IMPORT = ("hat import InboundMail FILE", _HAT)

COMMAND_LINES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("interfaces.NAME", "https_certificate"): ("certificate assign mx --https PublicNet", ""),
    ("listeners.NAME", "certificate"): ("certificate assign mx --listener InboundMail", ""),
    ("listeners.NAME", "certificates"): ("certificate assign mx --listener InboundMail --also", ""),
    ("listeners.NAME", "recipient_access"): _RAT_IMPORT,
    ("listeners.NAME", "sender_groups"): _HAT_IMPORT,
    ("listeners.NAME.recipient_access", "recipient"): _RAT_IMPORT,
    ("listeners.NAME.recipient_access", "access"): _RAT_IMPORT,
    ("listeners.NAME.recipient_access", "code"): _RAT_IMPORT,
    ("listeners.NAME.recipient_access", "text"): _RAT_IMPORT,
    ("listeners.NAME.sender_groups", "name"): _HAT_IMPORT,
    ("listeners.NAME.sender_groups", "members"): (
        "group add-member InboundMail PARTNERS 192.0.2.7",
        "",
    ),
    ("listeners.NAME.sender_groups", "policy"): _HAT_IMPORT,
    ("delivery", "certificate"): ("certificate assign mx --outbound", ""),
    ("ldap", "client_certificate"): ("certificate assign mx --ldap", ""),
    ("url_filtering", "client_certificate"): ("certificate assign mx --url-filtering", ""),
    ("cluster", "name"): ("cluster name Mail", ""),
    ("groups.NAME", "comment"): ("cluster group add FR --comment Paris", ""),
    ("machines.NAME", "group"): ("cluster join gw1 --group EU", ""),
    ("machines.NAME", "member"): ("cluster join gw1", "cluster leave gw1", ""),
}
"""Command lines for the fields that have a command of their own, which is the last of them, and the
content of the file that it reads."""
