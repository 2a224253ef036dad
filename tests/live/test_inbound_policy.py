# SPDX-License-Identifier: Apache-2.0
"""What a mail flow policy asks of a client beside TLS: DNS, rates, guessing, who is who."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from gatehouse.journal import facts
from tests.live.clients import RawClient, transact
from tests.live.dns import DnsServer, Trouble
from tests.live.gateway import Gateway, address

TEXT = """\
format = 1
[interfaces.Net]
address = "{address}"
hostname = "mx.shop.example"
[delivery]
suspended = true
dns_servers = ["{dns}"]
dns_timeout = 12
[processes]
receivers = 2
[mail_flow_policies.default]
behavior = "accept"
tls = "off"
max_connections_per_client = 100
[mail_flow_policies.SHUT]
behavior = "reject"
[mail_flow_policies.OPEN]
[mail_flow_policies.DNS]
check_sender_domain = true
[mail_flow_policies.SLOW]
max_recipients_per_hour = 3
rate_text = "enough from $RemoteIP"
[mail_flow_policies.SLOWER]
max_recipients_per_hour = 2
rate_code = 550
[mail_flow_policies.SENDER]
max_sender_recipients_per_hour = 1
[mail_flow_policies.GUESS]
dhap_limit = 2
[mail_flow_policies.GUESS_ON]
dhap_limit = 2
dhap_drop_connection = false
[mail_flow_policies.HELLO]
banner_code = 221
banner_text = "$Hostname"
"""
LISTENER = """
[listeners.L{port}]
type = "public"
interface = "Net"
port = {port}
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
{more}
sender_groups = [{groups}{{ name = "ALL", members = ["ALL"], policy = "{policy}" }}]
"""
LISTENERS = {
    "OPEN": 2700, "DNS": 2701, "SLOW": 2702, "SLOWER": 2703, "SENDER": 2704, "GUESS": 2705,
    "GUESS_ON": 2706, "HELLO": 2707,
}  # fmt: skip
DEFAULT_DOMAIN, PROXY, XCLIENT, LISTED = 2710, 2711, 2712, 2713
BLOCKED = "203.0.113.66"  # only a PROXY header or XCLIENT can make anybody come from here


class Scene(NamedTuple):
    """The gateway, its address and its DNS."""

    gateway: Gateway
    address: str
    dns: DnsServer


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    own, dns = address(), DnsServer(address())
    shut = f'{{ name = "SHUT", members = ["{BLOCKED}"], policy = "SHUT" }}, '
    bad = (
        '{ name = "BAD", members = ["dnslist[bl.example]", "dnslist[down.example]"],'
        ' policy = "SHUT" }, '
    )
    dns.add("down.example", Trouble.SERVFAIL)
    text = TEXT.format(address=own, dns=dns.endpoint)
    text += "".join(
        LISTENER.format(port=port, policy=policy, more="", groups="")
        for policy, port in LISTENERS.items()
    )
    for port, more, groups in (
        (DEFAULT_DOMAIN, 'default_domain = "shop.example"', ""),
        (PROXY, f'proxy_protocol_from = ["{PEER}"]', shut),
        (XCLIENT, f'xclient_from = ["{PEER}"]', shut),
        (LISTED, "", bad),
    ):
        text += LISTENER.format(port=port, policy="OPEN", more=more, groups=groups)
    with Gateway(tmp_path_factory.mktemp("inbound-policy"), text) as gateway:
        yield Scene(gateway, own, dns)
        gateway.assert_sound()
    dns.close()


PEER = address()


def client(scene: Scene, port: int, source: str | None = None) -> RawClient:
    """A client from an address of its own, greeted and with EHLO said."""
    one = RawClient(scene.address, port, source=source or address())
    one.greeted()
    one.expect("EHLO client.example", 250)
    return one


def icid_of(scene: Scene, one: RawClient) -> int:
    return scene.gateway.events.opened(one.port, one.since).icid


# --- the sender's domain ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "code", "text"),
    [
        ("mx.sender.example", 250, ""),
        ("a.sender.example", 250, ""),
        ("missing.sender.example", 550, "does not exist"),
        ("empty.sender.example", 550, "does not exist"),
        ("null.sender.example", 550, "does not exist"),
        ("broken.sender.example", 451, "could not be resolved"),
    ],
)
def test_a_sender_whose_domain_does_not_exist_is_refused(
    scene: Scene, domain: str, code: int, text: str
) -> None:
    dns = scene.dns
    dns.add("mx.sender.example", {"MX": ["10 mail.sender.example."]})
    dns.add("a.sender.example", {"A": ["192.0.2.5"]})
    dns.add("empty.sender.example", Trouble.EMPTY)
    dns.add("null.sender.example", {"MX": ["0 ."]})
    dns.add("broken.sender.example", Trouble.SERVFAIL)
    with client(scene, LISTENERS["DNS"]) as one:
        icid = icid_of(scene, one)
        one.send(f"MAIL FROM:<a@{domain}>\r\nRSET\r\nMAIL FROM:<>\r\n".encode())  # pipelined
        said = one.reply()
        assert said is not None and said.code == code
        assert one.reply().code == 250  # type: ignore[union-attr]
        assert one.reply().code == 250  # type: ignore[union-attr]
        one.expect("QUIT", 221)
    if text:
        line = f"ICID {icid} Address: <a@{domain}> sender rejected, envelope sender domain {text}"
        scene.gateway.wait_line(line, icid=icid)


# --- addresses without a domain -----------------------------------------------------------------


def test_a_default_domain_makes_addresses_whole(scene: Scene) -> None:
    with client(scene, DEFAULT_DOMAIN) as one:
        icid = icid_of(scene, one)
        mid = transact(one, "cron", ["bob"], b"Subject: x\r\n\r\nx\r\n.\r\n")
        one.expect("MAIL FROM:<two words>", 501)
        one.expect("QUIT", 221)
    scene.gateway.wait_line(f"MID {mid} ICID {icid} From: <cron@shop.example>", mid=mid)
    scene.gateway.wait_line(f"MID {mid} ICID {icid} RID 0 To: <bob@shop.example>", mid=mid)


def test_without_a_default_domain_they_are_refused_as_ever(scene: Scene) -> None:
    with client(scene, LISTENERS["OPEN"]) as one:
        said = one.expect("MAIL FROM:<cron>", 501)
        assert said.text == "5.1.7 Missing domain in address: 'cron'"
        one.expect("MAIL FROM:<>", 250)
        one.expect("RCPT TO:<bob>", 501)
        one.expect("RCPT TO:<Postmaster>", 250)
        one.expect("QUIT", 221)


# --- recipients in an hour ------------------------------------------------------------------------


def test_recipients_of_an_address_are_counted_over_listeners_and_processes(scene: Scene) -> None:
    source = address()
    for _ in range(2):  # new connections: any of the two receivers may have them
        with client(scene, LISTENERS["OPEN"], source) as one:
            one.expect("MAIL FROM:<a@bank.example>", 250)
            one.expect("RCPT TO:<bob@shop.example>", 250)
            one.expect("QUIT", 221)
    with client(scene, LISTENERS["SLOW"], source) as one:
        icid = icid_of(scene, one)
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 250)
        said = one.expect("RCPT TO:<eve@shop.example>", 452)
        assert said.text == f"4.7.1 enough from {source}"
        one.expect("QUIT", 221)
    fact = scene.gateway.events.wait(facts.RecipientRefused, icid=icid)
    line = f"MID {fact.mid} ICID {icid} To: <eve@shop.example> Rejected by Injection Control"
    scene.gateway.wait_line(line, mid=fact.mid)
    with client(scene, LISTENERS["SLOWER"], source) as one:  # its own threshold
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 550)
        one.expect("QUIT", 221)
    with client(scene, LISTENERS["SLOWER"]) as one:  # somebody else
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 250)
        one.expect("QUIT", 221)


def test_recipients_of_a_sender_are_counted_and_the_null_sender_is_nobody(scene: Scene) -> None:
    with client(scene, LISTENERS["SENDER"]) as one:
        one.expect("MAIL FROM:<much@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 250)
        one.expect("RCPT TO:<eve@shop.example>", 452)
        one.expect("RSET", 250)
        one.expect("MAIL FROM:<>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 250)
        one.expect("RCPT TO:<eve@shop.example>", 250)
        one.expect("QUIT", 221)


def test_who_guesses_recipients_is_stopped_also_on_the_next_connection(scene: Scene) -> None:
    source = address()
    with client(scene, LISTENERS["GUESS"], source) as one:
        icid = icid_of(scene, one)
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<x@other.example>", 550)
        one.expect("RCPT TO:<y@other.example>", 550)
        said = one.expect("RCPT TO:<bob@shop.example>", 421)
        assert said.text == "4.7.1 Too many invalid recipients"
        assert one.closed()
    assert scene.gateway.events.wait(facts.HarvestStopped, icid=icid).dropped
    with client(scene, LISTENERS["GUESS"], source) as one:
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 421)
    with client(scene, LISTENERS["GUESS_ON"], source) as one:
        one.expect("MAIL FROM:<a@bank.example>", 250)
        one.expect("RCPT TO:<bob@shop.example>", 550)
        one.expect("QUIT", 221)


# --- who it is -----------------------------------------------------------------------------------


def test_the_greeting_has_the_policy_s_code_and_says_when_dns_failed(scene: Scene) -> None:
    source = address()
    name = ".".join(reversed(source.split("."))) + ".in-addr.arpa"
    scene.dns.add(name, Trouble.SERVFAIL)
    with RawClient(scene.address, LISTENERS["HELLO"], source=source) as one:
        assert one.greeted(221).text == "mx.shop.example Unknown"
        one.expect("QUIT", 221)


def test_the_header_of_a_load_balancer_says_who_the_client_is(scene: Scene) -> None:
    for ip, code in (("203.0.113.7", 220), (BLOCKED, 554)):
        with RawClient(scene.address, PROXY, source=PEER) as one:
            one.send(f"PROXY TCP4 {ip} {scene.address} 40007 25\r\n".encode())
            one.greeted(code)
            one.expect("QUIT", 221)
            since = one.since
        opened = scene.gateway.events.opened(40007, since)
        assert (opened.client_ip, opened.proxy) == (ip, PEER)


@pytest.mark.parametrize("said", [b"EHLO x\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP4 x\r\n"])
def test_a_load_balancer_that_names_nobody_is_sent_away(scene: Scene, said: bytes) -> None:
    before = len(scene.gateway.events.of(facts.ProtocolViolated))
    with RawClient(scene.address, PROXY, source=PEER) as one:
        one.send(said)
        assert one.closed()
    scene.gateway.events.wait(facts.ProtocolViolated, before + 1)


def test_a_stranger_who_speaks_the_proxy_protocol_is_no_client(scene: Scene) -> None:
    with RawClient(scene.address, PROXY) as one:
        one.greeted()
        one.expect(f"PROXY TCP4 203.0.113.7 {scene.address} 1 25", 521)
        assert one.closed()


def test_xclient_begins_anew_as_another_client(scene: Scene) -> None:
    with client(scene, XCLIENT, PEER) as one:
        first = icid_of(scene, one)
        assert "XCLIENT NAME ADDR" in one.expect("EHLO client.example", 250).text
        one.expect("XCLIENT NAME=mx.bank.example ADDR=203.0.113.7 PORT=40009", 220)
        one.expect("MAIL FROM:<a@bank.example>", 503)  # nothing is remembered
        one.expect("EHLO client.example", 250)
        one.expect("XCLIENT NAME=x.example ADDR=not-an-address", 501)
        opened = scene.gateway.events.opened(40009, one.since)
        assert (opened.client_ip, opened.host, opened.proxy) == (
            "203.0.113.7", "mx.bank.example", PEER,
        )  # fmt: skip
        assert opened.icid != first
        one.expect(f"XCLIENT NAME=[UNAVAILABLE] ADDR={BLOCKED}", 554)
        one.expect("EHLO client.example", 503)
        one.expect("QUIT", 221)
    scene.gateway.events.wait(facts.ConnectionClosed, icid=first)


def test_xclient_is_for_named_addresses_only(scene: Scene) -> None:
    with client(scene, XCLIENT) as one:
        assert "XCLIENT" not in one.expect("EHLO client.example", 250).text
        one.expect("XCLIENT ADDR=203.0.113.7", 502)
        one.expect("QUIT", 221)


def test_a_dns_list_decides_and_one_that_fails_does_not(scene: Scene) -> None:
    listed, free = address(), address()
    reverse = ".".join(reversed(listed.split(".")))
    scene.dns.add(f"{reverse}.bl.example", {"A": ["127.0.0.2"]})
    for ip in (listed, free):
        back = ".".join(reversed(ip.split(".")))
        scene.dns.add(f"{back}.down.example", Trouble.SERVFAIL)
    with RawClient(scene.address, LISTED, source=listed) as one:
        one.greeted(554)
        icid = icid_of(scene, one)
        one.expect("QUIT", 221)
    line = f"ICID {icid} REJECT SG BAD match dnslist[bl.example] SBRS None"
    scene.gateway.wait_line(line, icid=icid)
    with RawClient(scene.address, LISTED, source=free) as one:
        one.greeted(220)
        one.expect("QUIT", 221)
    failed = scene.gateway.events.wait(facts.DnsListFailed, client_ip=free)
    assert failed.zone == "down.example"
