# SPDX-License-Identifier: Apache-2.0
"""No form of an address, a sender, a name or a login makes an open relay of the gateway.

The classical forms (hostile-input 6.10), each through a raw socket: on a public listener whose
table takes one domain, on the same over IPv6, and on a private listener from an address outside the
relay group, which is kept talking so that every form is really judged. The oracle: no such
recipient is ever answered 2xx, no DATA behind it gets a 354, and nothing is queued.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions import smtp_users
from gatehouse.faces.actions.carry import carry
from gatehouse.journal import facts
from tests.live.clients import RawClient, encryption
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address
from tests.ports import free_port

PUBLIC, PRIVATE, USERS, SIX = 2525, 2526, 2527, 2528
GW, EXT, HERE = "shop.example", "ext.example", "mx.shop.example"
OUT = f"relaytest@{EXT}"
USER, OTHER, PASSWORD = "carol", "dave", "correct horse 7 battery"

TEXT = """\
format = 1
[interfaces.Net]
address = "{own}"
hostname = "mx.shop.example"
[interfaces.Six]
address = "::1"
hostname = "mx.shop.example"
[listeners.Public]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
[listeners.Private]
type = "private"
interface = "Net"
port = 2526
delayed_reject = true
sender_groups = [
    {{ name = "RELAYLIST", members = ["{inside}"], policy = "RELAYED" }},
    {{ name = "ALL", members = ["ALL"], policy = "BLOCKED" }},
]
[listeners.Users]
type = "public"
interface = "Net"
port = 2527
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
smtp_auth_profile = "few"
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "USERS" }}]
[listeners.PublicSix]
type = "public"
interface = "Six"
port = {six}
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
[smtp_auth_profiles.few]
relay = false
[smtp_auth_profiles.few.senders]
carol = ["carol@shop.example"]
[mail_flow_policies.default]
max_connections_per_client = 1000
dhap_limit = 0
[mail_flow_policies.USERS]
behavior = "accept"
tls = "preferred"
smtp_auth = "preferred"
[delivery]
suspended = true
dns_servers = ["{dns}"]
dns_timeout = 12
[processes]
receivers = 1
"""


class Form(NamedTuple):
    """One way to ask for a relay: what stands in MAIL and in RCPT, as it is written."""

    sender: str
    recipient: str
    helo: str = "client.example"


def forms(ip: str) -> dict[str, Form]:
    """The forms by their numbers; `ip` is the gateway's own address."""
    usual = f"<antispam@[{ip}]>"
    return {
        "1 null sender": Form("<>", f"<{OUT}>"),
        "2 sender outside": Form(f"<antispam@{EXT}>", f"<{OUT}>"),
        "3 sender ours": Form(f"<antispam@{GW}>", f"<{OUT}>"),
        "4 sender by our address": Form(usual, f"<{OUT}>"),
        "5 percent at our address": Form(usual, f"<relaytest%{EXT}@[{ip}]>"),
        "6 percent at ours": Form(usual, f"<relaytest%{EXT}@{GW}>"),
        "7 quoted": Form(usual, f'<"{OUT}">'),
        "8 quoted percent": Form(usual, f'<"relaytest%{EXT}">'),
        "9 two at, our address": Form(usual, f"<{OUT}@[{ip}]>"),
        "10 quoted at our address": Form(usual, f'<"{OUT}"@[{ip}]>'),
        "10b quoted at ours": Form(usual, f'<"{OUT}"@{GW}>'),
        "11 two at, ours": Form(usual, f"<{OUT}@{GW}>"),
        "12 route by our address": Form(usual, f"<@[{ip}]:{OUT}>"),
        "13 route by ours": Form(usual, f"<@{GW}:{OUT}>"),
        "13b route by two of ours": Form(usual, f"<@{GW},@{HERE}:{OUT}>"),
        "14 bang path": Form(usual, f"<{EXT}!relaytest>"),
        "15 bang path at our address": Form(usual, f"<{EXT}!relaytest@[{ip}]>"),
        "16 bang path at ours": Form(usual, f"<{EXT}!relaytest@{GW}>"),
        "17 sender without domain": Form("<user>", f"<{OUT}>"),
        "18 sender localhost": Form("<test@localhost>", f"<{OUT}>"),
        "19 no brackets": Form(usual, OUT),
        "20 blanks behind": Form(usual, f"<{OUT}>  "),
        "20b tabs behind": Form(usual, f"<{OUT}>\t \t"),
        "20c blanks in front": Form(usual, f"  <{OUT}>"),
        "20d blanks within": Form(usual, f"< {OUT} >"),
        "22 greets as us": Form(usual, f"<{OUT}>", HERE),
        "22b greets as our domain": Form(usual, f"<{OUT}>", GW),
        "22c greets as localhost": Form(usual, f"<{OUT}>", "localhost"),
        "22d greets as loopback": Form(usual, f"<{OUT}>", "[127.0.0.1]"),
        "26 plus-address": Form(usual, f"<bob+relaytest={EXT}@{EXT}>"),
        "26b plus-address with at": Form(usual, f"<bob+{OUT}@{GW}>"),
        "27 line end within": Form(usual, f"<{OUT}\r\n>"),
        "29 dot behind the domain": Form(usual, f"<{OUT}.>"),
        "30 NUL behind ours": Form(usual, f"<relaytest@{GW}\0.{EXT}>"),
        "31 semicolon": Form(usual, f"<{OUT};@{GW}>"),
        "32 encoded at": Form(usual, f"<relaytest=40{EXT}%40{EXT}@{GW}>"),
    }


NAMES = tuple(forms("127.0.0.1"))


class Scene(NamedTuple):
    """The gateway and who comes to it."""

    gateway: Gateway
    own: str
    six: int
    local: str  # a client whose reverse name says localhost
    ours: str  # one whose reverse name says that it is one of ours


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("open-relay")
    dns = DnsServer(address())
    own, inside, local, ours = (address() for _ in range(4))
    six = free_port()
    for ip, name in ((local, "localhost"), (ours, f"inside.{GW}")):
        backwards = ".".join(reversed(ip.split(".")))
        dns.add(f"{backwards}.in-addr.arpa", {"PTR": [f"{name}."]})
    dns.host(f"inside.{GW}", own)
    gateway = Gateway(folder, TEXT.format(own=own, inside=inside, dns=dns.endpoint, six=six))
    for name in (USER, OTHER):
        user = smtp_users.AddInput(name=name, password=PASSWORD)
        carry(smtp_users.ADD, user, gateway.data, "0", open_house)
    with gateway:
        yield Scene(gateway, own, six, local, ours)
        assert gateway.events.of(facts.MessageQueued) == []
        gateway.assert_sound()
    dns.close()


def refused(client: RawClient, form: Form) -> None:
    """No recipient, no 354, and no message."""
    client.greeted()
    assert client.say(f"EHLO {form.helo}") is not None
    transaction(client, form)


def transaction(client: RawClient, form: Form) -> None:
    """All of it at once, as such clients do; every reply is looked at."""
    rcpt, mail = f"RCPT TO:{form.recipient}", f"MAIL FROM:{form.sender}"
    client.send(f"{mail}\r\n{rcpt}\r\nDATA\r\nQUIT\r\n".encode("latin-1"))
    codes = []
    while (said := client.reply()) is not None:
        codes.append(said.code)
    # MAIL may be taken; whatever stands between it and the good-bye must not be.
    assert codes[-1] in (221, 421), codes
    assert len(codes) >= 3 or codes[-1] == 421, codes
    assert all(code >= 400 for code in codes[1:-1]), (form, codes)


@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_relays_nothing_through_the_public_listener(scene: Scene, name: str) -> None:
    with RawClient(scene.own, PUBLIC) as client:
        refused(client, forms(scene.own)[name])


@pytest.mark.parametrize("name", NAMES)
def test_nor_through_the_private_one_from_outside_the_relay_group(scene: Scene, name: str) -> None:
    with RawClient(scene.own, PRIVATE, source=scene.local) as client:
        refused(client, forms(scene.own)[name])


@pytest.mark.parametrize("name", ["1 null sender", "6 percent at ours", "13 route by ours"])
def test_nor_over_ipv6(scene: Scene, name: str) -> None:
    with RawClient("::1", scene.six) as client:
        refused(client, forms("IPv6:::1")[name])


@pytest.mark.parametrize("who", ["local", "ours"])
@pytest.mark.parametrize("port", [PUBLIC, PRIVATE])
def test_nor_with_a_reverse_name_that_says_it_is_one_of_us(
    scene: Scene, who: str, port: int
) -> None:
    with RawClient(scene.own, port, source=getattr(scene, who)) as client:
        refused(client, Form(f"<antispam@{GW}>", f"<{OUT}>", HERE))


def login(client: RawClient, password: str, code: int, user: str = USER) -> None:
    secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    client.expect(f"AUTH PLAIN {secret}", code)


def in_tls(scene: Scene) -> RawClient:
    client = RawClient(scene.own, USERS)
    client.greeted()
    client.expect("EHLO client.example", 250)
    client.starttls(encryption())
    client.expect("EHLO client.example", 250)
    return client


def test_a_user_who_may_not_relay_does_not_after_login_and_rset(scene: Scene) -> None:
    with in_tls(scene) as client:
        login(client, PASSWORD, 235)
        client.expect("RSET", 250)
        transaction(client, Form(f"<carol@{GW}>", f"<{OUT}>"))


def test_a_failed_login_and_rset_is_no_login(scene: Scene) -> None:
    with in_tls(scene) as client:
        login(client, "wrong", 535, OTHER)
        client.expect("RSET", 250)
        transaction(client, Form(f"<dave@{GW}>", f"<{OUT}>"))


def test_a_user_does_not_send_as_another(scene: Scene) -> None:
    with in_tls(scene) as client:
        login(client, PASSWORD, 235)
        client.expect(f"MAIL FROM:<dave@{GW}>", 553)
        client.expect(f"RCPT TO:<bob@{GW}>", 503)


def test_a_login_claimed_in_mail_gives_nothing(scene: Scene) -> None:
    with RawClient(scene.own, USERS) as client:
        client.greeted()
        client.expect("EHLO client.example", 250)
        said = client.say(f"MAIL FROM:<carol@{GW}> AUTH=carol@{GW}")
        assert said is not None
        client.expect(f"RCPT TO:<{OUT}>", 550 if said.code == 250 else 503)


def test_nobody_says_for_whom_he_speaks_who_was_not_asked(scene: Scene) -> None:
    with RawClient(scene.own, PRIVATE, source=scene.ours) as client:
        client.greeted()
        client.expect("EHLO client.example", 250)
        client.expect("XCLIENT ADDR=127.0.0.1 LOGIN=carol", 502)
    with RawClient(scene.own, PUBLIC) as client:
        client.greeted()
        said = client.say("PROXY TCP4 127.0.0.1 127.0.0.1 1 25")
        assert said is None or said.code >= 500


def test_and_yet_mail_for_our_domain_is_taken(scene: Scene) -> None:
    """Else a gateway that refuses everything would pass all of the above."""
    with RawClient(scene.own, PUBLIC) as client:
        client.greeted()
        client.expect("EHLO client.example", 250)
        client.expect(f"MAIL FROM:<antispam@{EXT}>", 250)
        client.expect(f"RCPT TO:<bob@{GW}>", 250)
        client.expect("RCPT TO:<postmaster>", 250)
        client.expect("RSET", 250)
