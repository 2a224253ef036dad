# SPDX-License-Identifier: Apache-2.0
"""Relays with a login: who hears the password, over what, and what becomes of mail if not.

The fake relays decode what they hear by themselves; one relay is another gateway, whose users log
in with SCRAM.
"""

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions import smtp_users_work
from gatehouse.faces.actions.house import House as Opened
from gatehouse.faces.actions.smtp_users import AddInput
from gatehouse.journal import facts
from tests.live import outbound_servers as peers
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address
from tests.live.house import House
from tests.live.servers import FULL, PORT, Behaviour, FakeServer

USER, PASSWORD = "us", "open sesame 9"
SUBMISSION = 2587

TEXT = """\
format = 1
[system]
hostname = "gw.smart.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[mail_flow_policies.RELAYED]
tls = "preferred"
[delivery]
dns_servers = ["{dns}"]
dns_timeout = 12
idle_timeout = 0
[trust]
system = false
[processes]
receivers = 1
[smtp_routes]
{routes}
{hosts}
"""

RELAY = """\
format = 1
[system]
hostname = "gw.relay.example"
[interfaces.Net]
address = "{address}"
[delivery]
suspended = true
[listeners.Submission]
type = "private"
interface = "Net"
port = 2587
smtp_auth_profile = "scram"
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "USERS" }}]
[mail_flow_policies.USERS]
behavior = "accept"
tls = "required"
smtp_auth = "required"
[smtp_auth_profiles.scram]
mechanisms = ["SCRAM-SHA-256"]
[smtp_auth_profiles.scram.senders]
"*" = ["*"]
[processes]
receivers = 1
"""

# What is said of each smart host beyond host, port and user.
HOSTS = {
    "ses": "",
    "login": "",
    "implicit": 'tls_mode = "implicit"',
    "wrong": "",
    "unproven": 'tls = "required"',
    "clear": 'tls = "none"\npassword_over = "clear-text"',
    "quiet": 'tls = "none"',
    "gatehouse": 'tls = "required"\npassword_over = "unverified-tls"',
}


def text(own: str, dns: str) -> str:
    routes = "\n".join(f'"to.{name}.example" = ["smarthost:{name}"]' for name in HOSTS)
    hosts = "\n".join(
        f'[smart_hosts.{name}]\nhost = "{name}.relay.example"\nusername = "{USER}"\n'
        f"port = {SUBMISSION if name == 'gatehouse' else PORT}\n{more}"
        for name, more in HOSTS.items()
    )
    return TEXT.format(address=own, dns=dns, routes=routes, hosts=hosts)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("smart")
    own, dns = address(), DnsServer(address())
    _, store = open_house(folder / "data")
    store.secrets.put("trust/Relays", peers.ROOT.pem, time.time())
    for name in HOSTS:
        store.secrets.put(f"smart-host/{name}", PASSWORD.encode(), time.time())
    store.close()
    house = House(Gateway(folder, text(own, dns.endpoint)), dns, own, "", "", "")
    try:
        with house.gateway:
            yield house
            house.gateway.assert_sound()
    finally:
        for server in house.servers:
            server.close()
        dns.close()


def relay(site: House, folder: Path, name: str, mechanism: str, **more: object) -> FakeServer:
    """A relay that knows one user; its certificate is good unless `more` says otherwise."""
    host = f"{name}.relay.example"
    good = peers.tls_server(folder, *peers.chain_of("verified", host, host))
    given = {"context": good, "account": (USER, PASSWORD), **more}
    plain = Behaviour(capabilities=(*FULL, f"AUTH {mechanism}"))
    server = site.serve(dataclasses.replace(plain, **given))  # type: ignore[arg-type]
    site.dns.host(host, server.address)
    return server


def through(site: House, name: str) -> int:
    return site.send(f"bob@to.{name}.example", port=2525)


def unheard(server: FakeServer) -> bool:
    """Nothing of the password came in clear, in whatever form."""
    octets = b"".join(server.clear.values())
    return PASSWORD.encode() not in octets and b"AUTH" not in octets


@pytest.mark.parametrize(("name", "mechanism"), [("ses", "PLAIN"), ("login", "LOGIN")])
def test_starttls_then_login_then_mail(
    site: House, tmp_path: Path, name: str, mechanism: str
) -> None:
    server = relay(site, tmp_path, name, mechanism, tls=True)
    through(site, name)
    (message,) = server.wait()
    assert message.tls
    assert unheard(server)
    site.gateway.events.wait(facts.SmartHostLogin, name=name, ok=True, mechanism=mechanism)


def test_tls_from_the_first_octet_then_login(site: House, tmp_path: Path) -> None:
    server = relay(site, tmp_path, "implicit", "PLAIN", implicit=True)
    through(site, "implicit")
    (message,) = server.wait()
    assert message.tls
    assert server.heard("STARTTLS") == []


def test_a_wrong_password_keeps_the_mail_and_is_told(site: House, tmp_path: Path) -> None:
    server = relay(site, tmp_path, "wrong", "PLAIN", tls=True, account=(USER, "another"))
    delayed = site.gateway.events.wait(facts.RecipientDelayed, mid=through(site, "wrong"))
    assert (delayed.enhanced, delayed.lines) == (
        "4.7.0",
        ("login: refused: 535-'5.7.8 who are you'",),
    )
    assert server.heard("MAIL") == []
    told = site.gateway.events.wait(facts.AlarmRaised, name="smart-host-login-failed")
    assert (told.alarm_class, told.severity) == ("System", "Warning")
    assert told.text == "login at smart host wrong failed: refused: 535"


@pytest.mark.parametrize("name", ["unproven", "quiet"])
def test_a_connection_that_does_not_deserve_it_never_hears_the_password(
    site: House, tmp_path: Path, name: str
) -> None:
    shown = peers.tls_server(tmp_path, *peers.chain_of("self-signed", "x.example", "x.example"))
    server = relay(site, tmp_path, name, "PLAIN LOGIN", tls=True, context=shown)
    delayed = site.gateway.events.wait(facts.RecipientDelayed, mid=through(site, name))
    assert "the password is not said here" in delayed.lines[0]
    assert server.heard("AUTH") == []
    assert unheard(server)
    site.gateway.events.wait(facts.SmartHostLogin, name=name, ok=False, mechanism="")


def test_in_clear_only_where_the_operator_says_so(site: House, tmp_path: Path) -> None:
    server = relay(site, tmp_path, "clear", "PLAIN", tls=True)
    through(site, "clear")
    (message,) = server.wait()
    assert not message.tls
    assert len(server.heard("AUTH", tls=False)) == 1


def test_no_secret_is_in_any_log(site: House) -> None:
    logged = site.gateway.mail_log.read_text() + repr(site.gateway.events.all())
    assert PASSWORD not in logged
    assert site.gateway.events.of(facts.SmartHostLogin)


def test_another_gateway_is_a_relay_by_scram(site: House, tmp_path: Path) -> None:
    own = address()
    other = Gateway(tmp_path, RELAY.format(address=own))
    directory, store = open_house(other.data)
    opened = Opened(directory=directory, version="", operator="test", opened=store)
    asyncio.run(smtp_users_work.add(opened, AddInput(name=USER, password=PASSWORD)))
    store.close()
    site.dns.host("gatehouse.relay.example", own)
    with other:
        mid = through(site, "gatehouse")
        site.gateway.events.wait(facts.RecipientsDelivered, mid=mid, tls=True)
        said = other.events.wait(facts.AuthResult)
        other.events.wait(facts.MessageQueued)
        other.assert_sound()
    assert (said.mechanism, said.ok) == ("SCRAM-SHA-256", True)
    site.gateway.events.wait(
        facts.SmartHostLogin, name="gatehouse", ok=True, mechanism="SCRAM-SHA-256"
    )
