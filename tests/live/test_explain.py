# SPDX-License-Identifier: Apache-2.0
"""What `explain inbound` says, a real client hears from a real gateway, to the letter.

For every situation of a table the running gateway is asked first; then a client from that very
address says the same commands. The replies are compared whole, and so are the lines of the mail
log, with the numbers of connections and messages taken out.
"""

import base64
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions import smtp_users
from gatehouse.faces.actions.carry import carry
from gatehouse.faces.actions.explain_inbound import INBOUND, InboundInput, InboundView
from tests.live.clients import RawClient, encryption
from tests.live.dns import DnsServer, Trouble
from tests.live.gateway import Gateway, address, until
from tests.live.test_inbound_tls import client_certificates

OPEN, LATE, INSIDE, IMPLICIT, WHOLE = 2525, 2526, 2527, 2528, 2529
PORTS = {"Open": OPEN, "Late": LATE, "Inside": INSIDE, "Implicit": IMPLICIT, "Whole": WHOLE}
USER, PASSWORD = "carol", "correct horse 7 battery"
ANN, BOSS, BOB = "ann@sender.example", "boss@bank.example", "bob@shop.example"
ELSEWHERE = "x@elsewhere.example"

# Clients by what they are in the table of listener Open; each has an address of its own.
CLIENTS = (
    "stranger shut cut partner proved maybe named liar listed domains few greeted user inside"
).split()

TEXT = """\
format = 1
[interfaces.Net]
address = "{own}"
hostname = "mx.shop.example"
[listeners.Open]
type = "public"
interface = "Net"
port = 2525
recipient_access = [
    {{ recipient = "shop.example", access = "accept" }},
    {{ recipient = ".shop.example", access = "accept" }},
    {{ recipient = "old@", access = "reject", code = 551, text = "5.1.6 Gone away" }},
]
sender_groups = [
    {{ name = "SHUT", members = ["{shut}"], policy = "SHUT" }},
    {{ name = "CUT", members = ["{cut}"], policy = "CUT" }},
    {{ name = "PARTNERS", members = ["{partner}"], policy = "PARTNER" }},
    {{ name = "PROVED", members = ["{proved}"], policy = "PROVED" }},
    {{ name = "MAYBE", members = ["{maybe}"], policy = "MAYBE" }},
    {{ name = "NAMED", members = [".named.example"], policy = "NAMED" }},
    {{ name = "LISTED", members = ["dnslist[bl.example]"], policy = "SHUT" }},
    {{ name = "DOMAINS", members = ["{domains}"], policy = "DOMAINS" }},
    {{ name = "FEW", members = ["{few}"], policy = "FEW" }},
    {{ name = "GREETED", members = ["{greeted}"], policy = "GREETED" }},
    {{ name = "USERS", members = ["{user}"], policy = "USERS" }},
    {{ name = "ALL", members = ["ALL"], policy = "OPEN" }},
]
[listeners.Late]
type = "public"
interface = "Net"
port = 2526
delayed_reject = true
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "SHUT" }}]
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
[listeners.Inside]
type = "private"
interface = "Net"
port = 2527
sender_groups = [
    {{ name = "RELAYLIST", members = ["{inside}"], policy = "RELAY" }},
    {{ name = "ALL", members = ["ALL"], policy = "BLOCKED" }},
]
[listeners.Implicit]
type = "public"
interface = "Net"
port = 2528
tls_mode = "implicit"
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
sender_groups = [
    {{ name = "PROVED", members = ["{proved}"], policy = "PROVED" }},
    {{ name = "ALL", members = ["ALL"], policy = "OPEN" }},
]
[listeners.Whole]
type = "public"
interface = "Net"
port = 2529
default_domain = "shop.example"
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "PLAIN" }}]
[mail_flow_policies.default]
behavior = "accept"
max_connections_per_client = 1000
dhap_limit = 0
[mail_flow_policies.OPEN]
tls = "preferred"
tls_mandatory_list = ["bank.example"]
[mail_flow_policies.PLAIN]
tls = "off"
[mail_flow_policies.SHUT]
behavior = "reject"
reject_text = "No mail from $RemoteIP in $Group"
[mail_flow_policies.CUT]
behavior = "tcprefuse"
[mail_flow_policies.PARTNER]
tls = "required"
[mail_flow_policies.PROVED]
tls = "required"
verify_client_certificate = true
[mail_flow_policies.MAYBE]
tls = "preferred"
verify_client_certificate = true
[mail_flow_policies.NAMED]
behavior = "relay"
banner_text = "ESMTP for $Hostname by $HATEntry"
[mail_flow_policies.DOMAINS]
check_sender_domain = true
[mail_flow_policies.FEW]
max_recipients_per_message = 2
max_message_size = 12345
[mail_flow_policies.GREETED]
banner_host = "other.example"
banner_text = "hello $RemoteIP of $Group"
[mail_flow_policies.USERS]
tls = "preferred"
smtp_auth = "required"
[mail_flow_policies.RELAY]
behavior = "relay"
[delivery]
suspended = true
dns_servers = ["{dns}"]
dns_timeout = 2
[processes]
receivers = 1
"""


class Case(NamedTuple):
    """A situation: who comes to which listener, and what is different from the usual."""

    client: str
    listener: str = "Open"
    given: Mapping[str, Any] = MappingProxyType({})


def mail(*recipients: str, sender: str = ANN, **given: Any) -> dict[str, Any]:
    return {"sender": sender, "recipient": recipients or (BOB,)} | given


CASES = [
    Case("stranger"),
    Case("stranger", given={"no_tls": True}),
    Case("stranger", given=mail()),
    Case("stranger", given=mail(no_tls=True)),
    Case("stranger", given=mail(helo="[127.0.0.1]")),
    Case("stranger", given=mail(helo="mx.shop.example", no_tls=True)),
    Case("stranger", given=mail(BOB, "sub@deep.shop.example", ELSEWHERE, "old@any.example")),
    Case("stranger", given=mail("postmaster")),
    Case("stranger", given=mail("bare")),
    Case("stranger", given=mail("x%elsewhere.example@shop.example", "a!b@shop.example")),
    Case("stranger", given=mail(sender="<>")),
    Case("stranger", given=mail(sender="@@")),
    Case("stranger", given=mail(sender="bare")),
    Case("stranger", given=mail("jürgen@shop.example", sender="jürgen@sender.example")),
    Case("stranger", given=mail(sender=BOSS)),
    Case("stranger", given=mail(sender=BOSS, no_tls=True)),
    Case("stranger", given={"tls": True}),
    Case("shut", given=mail()),
    Case("shut", listener="Late", given=mail()),
    Case("shut", listener="Late", given=mail(ELSEWHERE, BOB, sender="<>")),
    Case("cut", given=mail()),
    Case("partner", given=mail()),
    Case("partner", given=mail(no_tls=True)),
    Case("partner", given=mail(ELSEWHERE, no_tls=True)),
    Case("proved", given=mail()),
    Case("proved", given=mail(no_tls=True)),
    Case("proved", given=mail(certificate="valid")),
    Case("proved", given=mail(certificate="invalid")),
    Case("maybe", given=mail()),
    Case("maybe", given=mail(no_tls=True)),
    Case("maybe", given=mail(certificate="valid")),
    Case("maybe", given=mail(certificate="invalid")),
    Case("named", given=mail(ELSEWHERE)),
    Case("liar", given=mail(ELSEWHERE)),
    Case("listed", given=mail()),
    Case("domains", given=mail()),
    Case("domains", given=mail(sender="x@missing.example")),
    Case("domains", given=mail(sender="x@null.example")),
    Case("domains", given=mail(sender="x@silent.example")),
    Case("domains", given=mail(sender="x@[192.0.2.1]")),
    Case("few", given=mail(BOB, "b2@shop.example", "b3@shop.example")),
    Case("greeted", given=mail()),
    Case("greeted", given={"tls": True}),
    Case("user", given=mail()),
    Case("user", given=mail(no_tls=True)),
    Case("user", given=mail(ELSEWHERE, auth=USER)),
    Case("user", given=mail(ELSEWHERE, auth=USER, no_tls=True)),
    Case("inside", listener="Inside", given=mail(ELSEWHERE)),
    Case("stranger", listener="Inside", given=mail(ELSEWHERE)),
    Case("stranger", listener="Implicit", given=mail(BOB, ELSEWHERE)),
    Case("stranger", listener="Implicit", given=mail(sender=BOSS)),
    Case("proved", listener="Implicit", given=mail()),
    Case("proved", listener="Implicit", given=mail(certificate="valid")),
    Case("proved", listener="Implicit", given=mail(certificate="invalid")),
    Case("stranger", listener="Whole", given=mail("bob", sender="ann")),
    Case("stranger", listener="Whole", given=mail("bob", "x@elsewhere.example")),
]


class Scene(NamedTuple):
    """The gateway, its address, the clients' addresses, files of certificates."""

    gateway: Gateway
    own: str
    clients: dict[str, str]
    certificates: dict[str, Path]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("explain")
    own, dns = address(), DnsServer(address())
    clients = {name: address() for name in CLIENTS}
    gateway = Gateway(folder, TEXT.format(own=own, dns=dns.endpoint, **clients))
    write_zones(dns, clients)
    certificates, root = client_certificates(folder)
    _, store = open_house(gateway.data)
    store.secrets.put("trust/Test Root", root, 1.0)
    store.close()
    user = smtp_users.AddInput(name=USER, password=PASSWORD)
    carry(smtp_users.ADD, user, gateway.data, "0", open_house)
    with gateway:
        yield Scene(gateway, own, clients, certificates)
        gateway.assert_sound()
    dns.close()


class Heard(NamedTuple):
    """What a real client heard, and how its connection is found again."""

    replies: list[tuple[str, ...]]
    port: int
    since: float


@pytest.fixture(scope="module")
def meetings(scene: Scene) -> list[tuple[InboundView, Heard]]:
    """Everybody is asked about and comes; the log is read afterwards, it is a second behind."""
    views = [explained(scene, case) for case in CASES]
    return [(view, heard(scene, case, view)) for case, view in zip(CASES, views, strict=True)]


def write_zones(dns: DnsServer, clients: dict[str, str]) -> None:
    """Reverse names, a list, and domains of senders."""
    for name, host in (("named", "mx.named.example"), ("liar", "liar.named.example")):
        dns.add(f"{backwards(clients[name])}.in-addr.arpa", {"PTR": [f"{host}."]})
    dns.host("mx.named.example", clients["named"])
    dns.host("liar.named.example", clients["stranger"])
    dns.host(f"{backwards(clients['listed'])}.bl.example", "127.0.0.2")
    dns.add("sender.example", {"MX": ["10 mx.sender.example."]})
    dns.add("null.example", {"MX": ["0 ."]})
    dns.add("silent.example", Trouble.SERVFAIL)


def backwards(ip: str) -> str:
    return ".".join(reversed(ip.split(".")))


def explained(scene: Scene, case: Case) -> InboundView:
    given = dict(case.given)
    shown = given.pop("certificate", None)
    if shown is not None:
        pem = scene.certificates[shown].read_bytes()
        given["certificate_file"] = pem[: pem.index(b"-----BEGIN PRIVATE KEY")]
    wanted = InboundInput(address=scene.clients[case.client], listener=case.listener, **given)
    view = carry(INBOUND, wanted, scene.gateway.data, "0", open_house)
    assert isinstance(view, InboundView)
    return view


def heard(scene: Scene, case: Case, view: InboundView) -> Heard:
    """A client says the commands of the walk."""
    context = encryption()
    if shown := case.given.get("certificate"):
        context.load_cert_chain(scene.certificates[shown])
    replies: list[tuple[str, ...]] = []
    try:
        client = RawClient(
            scene.own,
            PORTS[case.listener],
            source=scene.clients[case.client],
            context=context if case.listener == "Implicit" else None,
        )
    except (ConnectionError, ssl.SSLError):
        return Heard([], 0, 0.0)
    with client:
        for command in [one.command for one in view.dialogue] or [""]:
            said = client.say(spoken(command)) if command else client.reply()
            if said is None:
                break
            gaps = ["-"] * (len(said.lines) - 1) + [" "]
            lines = zip(gaps, said.lines, strict=True)
            replies.append(tuple(f"{said.code}{gap}{text}" for gap, text in lines))
            if command == "STARTTLS" and said.code == 220:
                client.handshake(context)
        source, since = client.port, client.since
        client.say("QUIT")
    return Heard(replies, source, since)


def logged(scene: Scene, case: Case, view: InboundView, met: Heard) -> list[str]:
    """The lines that the mail log has of a connection, without its numbers."""
    if not view.dialogue:  # a connection that is cut has no number of its own
        ip = scene.clients[case.client]

        def told() -> list[str]:
            return [line for line in scene.gateway.lines(icid=0) if ip in line]

        return until(told, "a line about the connection that was cut")
    opened = scene.gateway.events.opened(met.port, met.since)
    lines = scene.gateway.wait_line(f"ICID {opened.icid} close", icid=opened.icid)
    return [plain(line) for line in lines]


def spoken(command: str) -> str:
    """The command as a real client says it: a login needs its secret."""
    if command.startswith("AUTH "):
        secret = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        return f"AUTH PLAIN {secret}"
    return command


def plain(line: str) -> str:
    return re.sub(r"\b(ICID|MID|RID) \d+", r"\1 0", line)


@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=lambda n: f"{n}-{CASES[n].client}-{CASES[n].listener}"
)
def test_what_is_explained_is_what_happens(
    scene: Scene, meetings: list[tuple[InboundView, Heard]], number: int
) -> None:
    view, met = meetings[number]
    assert met.replies == [one.reply for one in view.dialogue]
    log = logged(scene, CASES[number], view, met)
    # No walk goes as far as DATA: a real message that was begun is given up at QUIT.
    assert [line for line in log if "aborted" not in line] == [plain(line) for line in view.log]


def test_the_table_is_large_and_its_walks_end_in_many_places(
    meetings: list[tuple[InboundView, Heard]],
) -> None:
    """A table in which everybody is let in, or nobody, would prove little."""
    assert len(CASES) >= 40
    unmet = {one.demand for view, _ in meetings for one in view.demands if not one.met}
    assert {"TLS", "client certificate", "authentication", "recipient is taken"} <= unmet
    assert any(view.accepted for view, _ in meetings)
