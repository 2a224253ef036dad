# SPDX-License-Identifier: Apache-2.0
"""The configuration of `gatehouse run` on an empty data directory: revision 1, with comments.

It works as it stands, on loopback, and shows the first things that a newcomer changes.
"""

DEFAULT_TEXT = """\
# Gatehouse configuration. After a change: `gatehouse config load FILE`, then
# `gatehouse config check` and `gatehouse config commit "what changed"`.
format = 1

[system]
# Names this machine in headers and message ids.
hostname = "gatehouse.example.com"

# --- Where mail comes in ---------------------------------------------------------------------

[interfaces.Loopback]
# An address of this machine. Loopback: only programs on this machine can connect.
address = "127.0.0.1"
# The name in the greeting. It should be in the listener's certificate and in your MX record.
hostname = "mx.example.com"

[listeners.InboundMail]
# public faces strangers and takes mail for your domains only; private takes from the inside.
type = "public"
interface = "Loopback"
port = 2525
# The Demo certificate was made on this machine at the first start. It encrypts, but nobody can
# verify it: install your own before strangers connect.
certificate = "Demo"
# Whom mail is taken for; the first entry that fits decides, everything else is refused.
recipient_access = [
    { recipient = "example.com", access = "accept" },
]

# Who may connect: the first group with a member that matches decides; the last group is ALL.
# Members are addresses ("192.0.2.7"), networks ("192.0.2.0/24"), hosts ("mx.partner.example")
# and everything below a domain (".partner.example").

[[listeners.InboundMail.sender_groups]]
name = "BLOCKED_LIST"
members = []
policy = "BLOCKED"

[[listeners.InboundMail.sender_groups]]
name = "PARTNERS"
members = []
policy = "PARTNER"

[[listeners.InboundMail.sender_groups]]
name = "ALL"
members = ["ALL"]
policy = "ACCEPTED"

# What the clients of a group may do. What a policy does not set, it takes from "default".

[mail_flow_policies.default]
# off, preferred (offer STARTTLS) or required (nothing without it).
tls = "preferred"
max_message_size = "20M"

[mail_flow_policies.PARTNER]
behavior = "accept"
tls = "required"

# --- Where mail goes ---------------------------------------------------------------------------

[smtp_routes]
# Your own mail server; "." as domain is the route for all other domains.
"example.com" = ["127.0.0.1:2526"]

[delivery]
# The client certificate of all outgoing TLS.
certificate = "Demo"
# Ask these DNS servers ("address:port") and not the system's.
dns_servers = []

[destination_controls.default]
# none, preferred (TLS wherever it is offered) or required (TLS or no delivery).
tls = "preferred"

# One section for each domain that needs its own rule:
# [destination_controls."bank.example"]
# tls = "required"

[bounce_profiles.default]
# How long delivery is tried before the sender gets the message back.
max_time = "3d"
# Tell senders when a message is late.
delay_warnings = false
"""
