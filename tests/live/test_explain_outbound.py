# SPDX-License-Identifier: Apache-2.0
"""What `explain outbound --live` says, a delivery then does.

For every situation of a table the running gateway is asked first; then a message goes to the very
same destination. What must come of it is written by hand beside each situation.
"""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions.carry import carry
from gatehouse.faces.actions.explain_outbound import OUTBOUND, OutboundInput, OutboundView
from gatehouse.journal import facts
from tests.live import outbound_servers as peers
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until
from tests.live.house import House
from tests.live.servers import PORT, Behaviour, FakeServer

TEXT = """\
format = 1
[system]
hostname = "gw.explain.example"
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
smtp_port = {smtp_port}
dns_timeout = 12
idle_timeout = 0
[trust]
system = false
[destination_controls.default]
tls = "none"
[destination_controls.".preferred.example"]
tls = "preferred"
[destination_controls.".required.example"]
tls = "required"
[destination_controls.".verify.example"]
tls = "required-verify"
[destination_controls.".hosted.example"]
tls = "required-verify-hosted"
[[sender_tls_overrides]]
sender = "board@sender.example"
tls = "required-verify"
[smtp_routes]
"relayed.example" = ["smarthost:relay"]
[smart_hosts.relay]
host = "smart.example"
port = {smtp_port}
username = "us"
[processes]
receivers = 1
"""


class Case(NamedTuple):
    """A situation: label of the domain, level, the server's behaviour, and what must come of it."""

    key: str
    level: str
    outcome: str  # verified | encrypted | clear | deferred | bounced
    said: str = ""  # the reason word of the last certificate
    sender: str = "ann@sender.example"
    behaviour: Behaviour | None = None

    @property
    def domain(self) -> str:
        return f"{self.key}{len(self.sender)}.{self.level}.example"


CASES = (
    Case("verified", "verify", "verified", "verified"),
    Case("mx-name", "hosted", "verified", "verified"),
    Case("mx-name", "verify", "deferred", "name mismatch"),
    Case("self-signed", "preferred", "encrypted", "self-signed"),
    Case("self-signed", "required", "encrypted", "self-signed"),
    Case("self-signed", "preferred", "deferred", "self-signed", "board@sender.example"),
    Case("expired", "hosted", "deferred", "expired"),
    Case("no-starttls", "preferred", "clear"),
    Case("no-starttls", "required", "deferred"),
    Case("a454", "preferred", "clear"),
    Case("reset", "preferred", "clear"),
    Case("alert", "preferred", "deferred"),
    Case("dh-or-curve", "required", "verified", "verified"),
    Case("verified", "none", "clear"),
    Case("full", "none", "deferred", behaviour=Behaviour(mail=b"452 4.3.1 disk full\r\n")),
    Case("shut", "none", "bounced", behaviour=Behaviour(mail=b"550 5.7.1 not you\r\n")),
    Case("closed-door", "none", "deferred", behaviour=Behaviour(greeting=b"554 5.3.2 no\r\n")),
)


class Played(NamedTuple):
    """What was said and what was done."""

    server: FakeServer
    told: OutboundView
    heard: list[str]  # by the server, when it was asked about
    outcome: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("explain")
    own, dns = address(), DnsServer(address())
    text = TEXT.format(address=own, dns=dns.endpoint, smtp_port=PORT)
    _, store = open_house(folder / "data")
    store.secrets.put("trust/Matrix", peers.ROOT.pem, time.time())
    store.secrets.put("smart-host/relay", b"open sesame", time.time())
    store.close()
    gateway = Gateway(folder, text)
    house = House(gateway, dns, own, "", "", "")
    house.zone("sender.example", (10, house.serve()))
    try:
        with gateway:
            yield house
            gateway.assert_sound()
    finally:
        for server in house.servers:
            server.close()
        dns.close()


def explain(site: House, to: str, **given: object) -> OutboundView:
    answer = carry(
        OUTBOUND,
        OutboundInput(to=to, **given),  # type: ignore[arg-type]
        site.gateway.data,
        "test",
        open_house,
    )
    assert isinstance(answer, OutboundView)
    return answer


def came_of(site: House, mid: int) -> str:
    """What became of a message in its first try."""
    events = site.gateway.events

    def over() -> list[facts.HappenedAt]:
        return [
            *events.of(facts.RecipientsDelivered, mid=mid),
            *events.of(facts.RecipientDelayed, mid=mid),
            *events.of(facts.RecipientBounced, mid=mid),
        ]

    (end, *_) = until(over, f"an end of the first try of MID {mid}")
    match end:
        case facts.RecipientsDelivered(dcid=dcid, tls=True):
            (up,) = events.of(facts.TlsDelivered, dcid=dcid)
            return "verified" if up.verdict == "verified" else "encrypted"
        case facts.RecipientsDelivered():
            return "clear"
        case facts.RecipientDelayed():
            return "deferred"
    return "bounced"


def place(site: House, folder: Path, case: Case) -> FakeServer:
    domain = case.domain
    chosen = case.behaviour or peers.behaviour(folder, case.key, domain, f"mx0.{domain}")
    server = site.serve(chosen)
    site.zone(domain, (10, server))
    return server


@pytest.fixture(scope="module")
def played(site: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Every situation: first asked about, then, all together, met by a message."""

    folder = tmp_path_factory.mktemp("servers")
    asked = []
    for case in CASES:
        server = place(site, folder, case)
        told = explain(site, f"bob@{case.domain}", sender=case.sender, live=True)
        asked.append((case, server, told, server.heard()))
    mids = [site.send(f"bob@{case.domain}", sender=case.sender, port=2525) for case in CASES]
    return {
        case.domain: Played(server, told, heard, came_of(site, mid))
        for (case, server, told, heard), mid in zip(asked, mids, strict=True)
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.key} {case.outcome} {case.level}")
def test_what_it_says_a_delivery_does(played: dict[str, Played], case: Case) -> None:
    server, told, heard, outcome = played[case.domain]
    (visit,) = told.live
    assert (visit.outcome, visit.address) == (case.outcome, server.address)
    assert outcome == case.outcome
    assert [one.said for one in visit.verdicts][-1:] == ([case.said] if case.said else [])
    assert not {line.split(" ")[0] for line in heard} & {"RCPT", "DATA", "BDAT"}
    if outcome == "deferred" and case.behaviour is None:
        assert server.heard("MAIL") == []


def test_it_names_the_chain_and_every_name_that_was_tried(site: House, tmp_path: Path) -> None:
    case = Case("wrong-name", "hosted", "deferred", "name mismatch")
    place(site, tmp_path, case)
    told = explain(site, case.domain, live=True)
    (visit,) = told.live
    assert visit.tls is not None
    assert (visit.tls.protocol, visit.tls.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert visit.tls.group
    (verdict,) = visit.verdicts
    assert [one.subject for one in verdict.chain] == ["CN=other.example", "CN=Matrix Issuing"]
    assert verdict.chain[0].names == ("other.example",)
    assert verdict.chain[0].issuer == "CN=Matrix Issuing"
    assert verdict.chain[0].not_after == peers.FRESH["end"].replace(microsecond=0)
    assert {(one.reference, one.presented) for one in verdict.tried} >= {
        (case.domain, "other.example"),
        (f"mx0.{case.domain}", "other.example"),
    }
    assert told.verdict.startswith("Deferred: 4.7.5 ")
    assert any("TLS failed: verify error: name mismatch" in line for line in visit.log)


def test_hosts_are_tried_in_order_until_one_lets_us_in(site: House, tmp_path: Path) -> None:
    domain = "several.required.example"
    good = peers.behaviour(tmp_path, "verified", domain, f"mx1.{domain}")
    servers = [site.serve(Behaviour()), site.serve(good), site.serve(good)]
    site.zone(domain, *((10 * (n + 1), server) for n, server in enumerate(servers)))
    told = explain(site, domain, live=True)
    assert [one.outcome for one in told.live] == ["deferred", "verified"]
    assert told.verdict == f"Mail is delivered to mx1.{domain} over TLS, verified."
    everybody = explain(site, domain, live=True, all_hosts=True)
    assert [one.outcome for one in everybody.live] == ["deferred", "verified", "verified"]
    assert everybody.verdict == told.verdict


def test_at_a_smart_host_it_logs_in_and_sends_nothing(site: House, tmp_path: Path) -> None:
    host = "smart.example"
    chosen = peers.behaviour(tmp_path, "verified", host, host)
    offers = (*chosen.capabilities, "AUTH PLAIN")
    server = site.serve(dataclasses.replace(chosen, capabilities=offers))
    site.dns.host(host, server.address)
    told = explain(site, "relayed.example", live=True)
    (visit,) = told.live
    assert (visit.outcome, visit.mail) == ("verified", "accepted")
    assert len(server.heard("AUTH", tls=True)) == 1
    assert server.heard("RCPT") == []
    assert told.hosts[0].smart_host == "relay"
    assert told.route.route == "relayed.example = smarthost:relay"


def test_a_question_leaves_nothing_behind(site: House, played: dict[str, Played]) -> None:
    for domain, one in played.items():
        connections = site.gateway.events.of(facts.DeliveryConnectionOpened, domain=domain)
        asked = [line for line in one.told.live[0].log if line.startswith("New SMTP DCID 0 ")]
        assert len(connections) == one.server.connections - len(asked)
        assert all(fact.dcid for fact in connections)
