# SPDX-License-Identifier: Apache-2.0
"""One text with three machines in two groups, for the tests of levels."""

from gatehouse.config import document, schema, text

TEXT = """\
# the mail of the whole house
format = 1

[system]
hostname = "mx.example.org"

[interfaces.PublicNet]
address = "127.0.0.1"

[listeners.InboundMail]  # the world
type = "public"
interface = "PublicNet"
port = 2525
recipient_access = [{ recipient = "example.org", access = "accept" }]

[[listeners.InboundMail.sender_groups]]
name = "PARTNERS"
members = ["192.0.2.1"]
policy = "ACCEPTED"

[[listeners.InboundMail.sender_groups]]
name = "ALL"
policy = "ACCEPTED"

[listeners.Legacy]
type = "private"
interface = "PublicNet"
port = 2526

[delivery]
max_connections = 500
idle_timeout = "10s"

[cluster]
name = "Europe"

[groups.EU]
comment = "Frankfurt and Paris"
without = ["listeners.Legacy"]

[groups.EU.settings.delivery]
max_connections = 50

[machines.gw1]  # the old one
group = "EU"

[machines.gw1.settings.system]
hostname = "gw1.example.org"  # as in DNS

[machines.gw1.settings.delivery]
max_connections = 7

[machines.gw2]
group = "EU"

[machines.gw3]

[machines.gw3.settings.listeners.InboundMail]
port = 2527
"""


def read(data: str | bytes) -> schema.Document:
    """The document of a good text."""
    parsed = text.parse(data.encode() if isinstance(data, str) else data)
    assert isinstance(parsed, text.Parsed), parsed
    found = document.read(parsed.values)
    assert isinstance(found, schema.Document), found
    return found
