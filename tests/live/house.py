# SPDX-License-Identifier: Apache-2.0
"""One gateway with every kind of listener, its DNS server, and fake mail servers on demand.

Starting a gateway takes a second, so most tests share one. They do not disturb each other: each
makes destination domains of its own, and looks only at facts of its own message or connection.
A domain's name says which rule applies to it: `x.required.example` is under level required.
"""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.clients import RawClient, deliver
from tests.live.dns import DnsServer, Records, Trouble
from tests.live.gateway import Gateway, address
from tests.live.servers import PORT, Behaviour, FakeServer

OPEN, OFF, REQUIRED, INSIDE, DELAYED, QUICK = 2525, 2526, 2527, 2587, 2528, 2529
IMPLICIT = 2465
SENDER = "ann@sender.example"

TEXT = """\
format = 1
[system]
hostname = "gw.house.example"
[interfaces.Net]
address = "{address}"
hostname = "mx.house.example"

[listeners.Open]
type = "public"
interface = "Net"
port = 2525
recipient_access = [
    {{ recipient = "refused@", access = "reject" }},
    {{ recipient = "temporary@", access = "reject", code = 450, text = "Try later" }},
    {{ recipient = ".example", access = "accept" }},
]
sender_groups = [
    {{ name = "REJECTED", members = ["{rejected}"], policy = "REJECTED" }},
    {{ name = "REFUSED", members = ["{tcp_refused}"], policy = "REFUSED" }},
    {{ name = "SMALL", members = ["{small}"], policy = "SMALL" }},
    {{ name = "ALL", members = ["ALL"], policy = "PREFERRED" }},
]
[listeners.Off]
type = "public"
interface = "Net"
port = 2526
recipient_access = [{{ recipient = ".example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "OFF" }}]
[listeners.Required]
type = "public"
interface = "Net"
port = 2527
recipient_access = [{{ recipient = ".example", access = "accept" }}]
sender_groups = [{{ name = "PARTNERS", members = ["ALL"], policy = "REQUIRED" }}]
[listeners.Delayed]
type = "public"
interface = "Net"
port = 2528
delayed_reject = true
recipient_access = [{{ recipient = ".example", access = "accept" }}]
sender_groups = [{{ name = "BLOCKED_LIST", members = ["ALL"], policy = "REJECTED" }}]
[listeners.Quick]
type = "public"
interface = "Net"
port = 2529
idle_timeout = 10
max_concurrency = 20
recipient_access = [{{ recipient = ".example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "PREFERRED" }}]
[listeners.Implicit]
type = "public"
interface = "Net"
port = 2465
tls_mode = "implicit"
recipient_access = [{{ recipient = ".example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "PREFERRED" }}]
[listeners.Inside]
type = "private"
interface = "Net"
port = 2587
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]

[mail_flow_policies.default]
max_message_size = "20M"
max_messages_per_connection = 1000
max_recipients_per_message = 1000
max_connections_per_client = 1000
[mail_flow_policies.PREFERRED]
behavior = "accept"
tls = "preferred"
[mail_flow_policies.OFF]
behavior = "accept"
tls = "off"
[mail_flow_policies.REQUIRED]
behavior = "accept"
tls = "required"
[mail_flow_policies.RELAYED]
behavior = "relay"
tls = "preferred"
[mail_flow_policies.REJECTED]
behavior = "reject"
reject_code = 554
reject_text = "No mail from $RemoteIP"
[mail_flow_policies.REFUSED]
behavior = "tcprefuse"
[mail_flow_policies.SMALL]
behavior = "accept"
tls = "preferred"
max_message_size = 10000
max_recipients_per_message = 3
max_messages_per_connection = 2
banner_text = "ESMTP for $RemoteIP in $Group"

[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
connect_timeout = 10
dns_timeout = 4
idle_timeout = 1
[destination_controls.default]
tls = "none"
[destination_controls.".preferred.example"]
tls = "preferred"
[destination_controls.".required.example"]
tls = "required"
[destination_controls.".few.example"]
max_connections = 1
max_messages_per_connection = 2
max_recipients_per_message = 10
[destination_controls.".eager.example"]
bounce_profile = "eager"
[destination_controls.".brief.example"]
bounce_profile = "brief"
[destination_controls.".late.example"]
bounce_profile = "late"
[bounce_profiles.eager]
initial_wait = 1
max_wait = 1
[bounce_profiles.brief]
initial_wait = 1
max_wait = 1
max_time = 1
[bounce_profiles.late]
initial_wait = 1
max_wait = 1
delay_warnings = true
[smtp_routes]
"back.example" = ["mx.house.example:2525"]
"mirrored.example" = ["mirror.example:2600"]
[queue]
disk_reserve = "1M"
max_received_hops = 20
[processes]
receivers = 2
"""

_numbers = itertools.count(1)


@dataclass(slots=True)
class House:
    """The gateway and everything around it."""

    gateway: Gateway
    dns: DnsServer
    address: str
    rejected: str
    tcp_refused: str
    small: str
    servers: list[FakeServer] = field(default_factory=list)

    def at(self, port: int) -> tuple[str, int]:
        """A listener's endpoint."""
        return self.address, port

    def client(self, port: int = OPEN, **options: object) -> RawClient:
        """A raw client; a context manager."""
        return RawClient(self.address, port, **options)  # type: ignore[arg-type]

    def domain(self, group: str = "") -> str:
        """A name that no other test uses, under the rule of `group`."""
        middle = f"{group}." if group else ""
        return f"d{next(_numbers)}.{middle}example"

    def serve(self, behaviour: Behaviour | None = None) -> FakeServer:
        """A fake server; it is closed with the house."""
        server = FakeServer(address(), behaviour or Behaviour())
        self.servers.append(server)
        return server

    def zone(self, domain: str, *hosts: tuple[int, FakeServer | str]) -> None:
        """MX records: (preference, server or address); each host gets an address record."""
        records = []
        for number, (preference, server) in enumerate(hosts):
            name = f"mx{number}.{domain}"
            ip = server if isinstance(server, str) else server.address
            self.dns.host(name, ip)
            records.append(f"{preference} {name}.")
        self.dns.add(domain, {"MX": records})

    def destination(
        self, behaviour: Behaviour | None = None, group: str = ""
    ) -> tuple[str, FakeServer]:
        """A new domain with one server."""
        domain, server = self.domain(group), self.serve(behaviour)
        self.zone(domain, (10, server))
        return domain, server

    def name(self, domain: str, records: Records | Trouble) -> str:
        """Write a name into DNS; the name."""
        self.dns.add(domain, records)
        return domain

    def send(
        self,
        *recipients: str,
        content: bytes = b"Subject: t\r\n\r\nbody\r\n",
        sender: str = SENDER,
        port: int = OPEN,
        tls: bool = False,
        mail: tuple[str, ...] = (),
        rcpt: tuple[str, ...] = (),
    ) -> int:
        """Hand a message to the gateway; the MID."""
        return deliver(
            self.at(port),
            sender,
            recipients,
            content,
            tls=tls,
            mail_options=mail,
            rcpt_options=rcpt,
        )


@contextlib.contextmanager
def open_house_in(folder: Path) -> Iterator[House]:
    """A gateway with all its surroundings; stops everything at the end."""
    own, rejected, tcp_refused, small = (address() for _ in range(4))
    dns = DnsServer(address())
    text = TEXT.format(
        address=own,
        rejected=rejected,
        tcp_refused=tcp_refused,
        small=small,
        dns=dns.endpoint,
        smtp_port=PORT,
    )
    gateway = Gateway(folder, text)
    house = House(gateway, dns, own, rejected, tcp_refused, small)
    dns.host("mx.house.example", own)
    # What a sender of tests gets back has a place to go to.
    home = house.serve()
    house.zone("sender.example", (10, home))
    try:
        with gateway:
            yield house
    finally:
        for server in house.servers:
            server.close()
        dns.close()
