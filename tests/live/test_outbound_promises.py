# SPDX-License-Identifier: Apache-2.0
"""Promises about outgoing TLS that no single connection shows.

What one policy proved never serves another, neither as an open connection nor as a session; what a
message itself asks for (RFC 8689); what its sender and the operator hear when TLS is the reason.
"""

import email
import email.message
import email.policy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.journal import facts
from tests.live import outbound_servers as peers
from tests.live.clients import deliver
from tests.live.gateway import Gateway, address, until
from tests.live.servers import FULL, PORT, Behaviour, FakeServer
from tests.live.signed_zone import GOOD, PLAIN, SignedZones
from tests.unit.tls.authority import Made

pytestmark = pytest.mark.peers

HOME = f"home.{PLAIN}"
SENDER = f"ann@{HOME}"
PINNED = peers.leaf("whoever.example", issuer=None)
OTHER_PIN = peers.leaf("somebody.example", issuer=None)

TEXT = """\
format = 1
[system]
hostname = "gw.promise.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[mail_flow_policies.RELAYED]
behavior = "relay"
tls = "preferred"
[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
dns_timeout = 12
idle_timeout = 3
[trust]
system = false
[destination_controls.default]
tls = "preferred"
[destination_controls.".required.{plain}"]
tls = "required"
[destination_controls.".hasty.{plain}"]
tls = "required"
bounce_profile = "hasty"
[destination_controls.".verify.{plain}"]
tls = "required-verify"
[destination_controls.".pinned.{plain}"]
tls = "required-verify"
pinned_fingerprints = ["{pin}"]
[destination_controls.".otherpin.{plain}"]
tls = "required-verify"
pinned_fingerprints = ["{other_pin}"]
[destination_controls.".ownca.{plain}"]
tls = "required-verify"
ca_certificates = ["Other"]
[destination_controls.".{good}"]
dane = "opportunistic"
[destination_controls.".required.{good}"]
tls = "required"
dane = "opportunistic"
[bounce_profiles.hasty]
initial_wait = 1
max_wait = 1
max_time_tls = 1
[processes]
receivers = 1
"""


@dataclass
class Site:
    gateway: Gateway
    zones: SignedZones
    address: str
    folder: Path
    home: FakeServer
    servers: list[FakeServer] = field(default_factory=list)

    def serve(self, *chain: Made, offers: tuple[str, ...] = ()) -> FakeServer:
        """A server with this chain; without one it has no TLS."""
        context = peers.tls_server(self.folder, *chain) if chain else None
        behaviour = Behaviour(tls=bool(chain), context=context, capabilities=(*FULL, *offers))
        self.servers.append(FakeServer(address(), behaviour))
        return self.servers[-1]

    def domain(self, name: str, server: FakeServer, zone: str = PLAIN) -> str:
        """A domain whose only host is this server; several may share one."""
        full = f"{name}.{zone}"
        self.zones.add(full, {"MX": [f"10 mx.{full}."]})
        self.zones.add(f"mx.{full}", {"A": [server.address]})
        return full

    def send(self, domain: str, *options: str, header: str = "") -> int:
        """One message; its MID."""
        self.zones.publish()
        content = f"{header}Subject: t\r\n\r\nbody\r\n".encode()
        to = [f"bob@{domain}"]
        tls = bool(options)  # REQUIRETLS is offered inside TLS only
        where = (self.address, 2525)
        return deliver(where, SENDER, to, content, tls=tls, mail_options=options)

    def outcome(self, mid: int) -> str:
        """How the first try of a message ended."""
        events = self.gateway.events
        kinds = (facts.RecipientsDelivered, facts.RecipientDelayed, facts.RecipientBounced)

        def over() -> list[facts.HappenedAt]:
            return [fact for kind in kinds for fact in events.of(kind, mid=mid)]

        (end, *_) = until(over, f"an end of the first try of MID {mid}")
        match end:
            case facts.RecipientsDelivered(tls=tls):
                return "encrypted" if tls else "clear"
            case facts.RecipientDelayed():
                return "deferred"
            case _:
                return "bounced"

    def attempt(self, domain: str, *options: str, header: str = "") -> str:
        return self.outcome(self.send(domain, *options, header=header))


def fingerprint(made: Made) -> str:
    return "sha256:" + hashlib.sha256(made.der).hexdigest()


@pytest.fixture(scope="module")
def site(zones: SignedZones, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("promises")
    own = address()
    text = TEXT.format(
        address=own,
        dns=zones.endpoint,
        smtp_port=PORT,
        plain=PLAIN,
        good=GOOD,
        pin=fingerprint(PINNED),
        other_pin=fingerprint(OTHER_PIN),
    )
    gateway = Gateway(folder, text)
    _, store = open_house(gateway.data)
    store.secrets.put("trust/Promise", peers.ROOT.pem, 0.0)
    store.secrets.put("trust/Other", peers.OTHER_ROOT.pem, 0.0)
    store.close()
    made = Site(gateway, zones, own, folder, FakeServer(address(), Behaviour()))
    context = peers.tls_server(folder, peers.leaf("any", HOME), peers.MIDDLE)
    offers = (*FULL, "REQUIRETLS")
    made.home.behaviour = Behaviour(tls=True, context=context, capabilities=offers)
    made.domain("home", made.home)
    try:
        with gateway:
            yield made
            gateway.assert_sound()
    finally:
        for server in (made.home, *made.servers):
            server.close()


# --- what one policy proved serves no other -------------------------------------------------------


def test_domains_on_one_host_share_neither_connections_nor_sessions(site: Site) -> None:
    server = site.serve(PINNED)
    names = ("one.required", "one.pinned", "two.pinned", "one.otherpin", "one.ownca", "one.verify")
    domains = [site.domain(name, server) for name in names]
    outcomes = [site.attempt(domain) for domain in domains]
    assert outcomes == ["encrypted"] * 3 + ["deferred"] * 3
    # The three that were used are still open: nobody rode on another's.
    assert server.open_now >= 3
    assert len({message.connection for message in server.messages}) == 3
    assert [resumed for _, resumed in server.handshakes] == [False] * 6


def test_a_ca_of_one_destination_vouches_for_no_other(site: Site) -> None:
    names = tuple(f"two.{group}.{PLAIN}" for group in ("ownca", "verify"))
    server = site.serve(peers.leaf("any", *names, issuer=peers.OTHER_MIDDLE), peers.OTHER_MIDDLE)
    for name in names:
        site.domain(name.removesuffix(f".{PLAIN}"), server)
    own = site.attempt(names[0])
    # The second domain finds the custom list with both roots in it, the first only its own.
    trusted = site.attempt(names[1])
    assert (own, trusted) == ("encrypted", "encrypted")
    house = peers.leaf("any", *names)
    server.behaviour = Behaviour(
        tls=True, context=peers.tls_server(site.folder, house, peers.MIDDLE)
    )
    again = site.domain("three.ownca", server)
    assert site.attempt(again) == "deferred"
    assert False not in {message.tls for message in server.messages}


def test_a_message_that_demands_more_does_not_ride_on_an_open_connection(site: Site) -> None:
    server = site.serve(
        peers.leaf("other.example", "other.example"), peers.MIDDLE, offers=("REQUIRETLS",)
    )
    domain = site.domain("ride", server)
    assert site.attempt(domain) == "encrypted"
    assert server.open_now == 1
    assert site.attempt(domain, "REQUIRETLS") == "deferred"
    assert len(server.messages) == 1
    assert [resumed for _, resumed in server.handshakes] == [False, False]


# --- RFC 8689 -------------------------------------------------------------------------------------


def report_about(site: Site, mid: int) -> email.message.EmailMessage:
    """The report that the sender got about a message."""
    made = site.gateway.events.wait(facts.BounceGenerated, parent=mid)

    def there() -> list[email.message.EmailMessage]:
        contents = [one.content for one in list(site.home.messages)]
        read = [email.message_from_bytes(one, policy=email.policy.default) for one in contents]
        return [one for one in read if f"bob@{about}" in one.as_string()]

    (bounced, *_) = site.gateway.events.of(facts.RecipientBounced, mid=mid)
    about = bounced.recipient.partition("@")[2]
    return until(there, f"report {made.mid} comes home")[0]


def test_requiretls_goes_all_the_way_or_back_to_the_sender(site: Site) -> None:
    for name, offers in (("with", ("REQUIRETLS",)), ("without", ())):
        domain = f"{name}.verify.{PLAIN}"
        server = site.serve(peers.leaf("any", domain), peers.MIDDLE, offers=offers)
        site.domain(f"{name}.verify", server)
        mid = site.send(domain, "REQUIRETLS")
        if offers:
            (message,) = server.wait()
            assert "REQUIRETLS" in message.parameters.split()
            continue
        assert site.outcome(mid) == "bounced"
        assert server.messages == []
        said = report_about(site, mid).as_string()
        assert "Status: 5.7.30" in said
        assert "REQUIRETLS was asked for, and the server does not offer it" in said
        assert "body" not in said.partition("Subject: t")[2]  # headers only
        assert "REQUIRETLS" in site.home.messages[-1].parameters.split()  # RFC 8689 §5


def test_tls_required_no_passes_over_the_domain_s_wishes_and_not_over_ours(site: Site) -> None:
    for name, expected in (("wish", "encrypted"), ("demand.required", "deferred")):
        server = site.serve(*([peers.leaf("x", issuer=None)] if expected == "encrypted" else []))
        domain = site.domain(name, server, GOOD)
        site.zones.add(f"_{PORT}._tcp.mx.{domain}", {"TLSA": [peers.tlsa(3, peers.NOT_OURS)]})
        assert site.attempt(domain) == "deferred"
        assert site.attempt(domain, header="TLS-Required: No\r\n") == expected
        assert not server.spoke_in_clear


# --- who is told ----------------------------------------------------------------------------------


def test_the_report_after_max_time_tls_names_tls_as_the_reason(site: Site) -> None:
    server = site.serve()
    domain = site.domain("late.hasty", server)
    mid = site.send(domain)
    bounced = site.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert bounced.enhanced == "5.4.7"
    text, machine, _ = report_about(site, mid).iter_parts()
    assert "TLS" in text.get_content()
    assert "TLS required but not available" in machine.as_string()
    assert not server.spoke_in_clear


def test_twenty_messages_that_wait_for_tls_raise_one_alarm(site: Site) -> None:
    server = site.serve()
    domain = site.domain("crowd.required", server)
    mids = [site.send(domain) for _ in range(20)]
    for mid in mids:
        site.gateway.events.wait(facts.RecipientDelayed, mid=mid)
    key = f"required-tls-failed/{domain}/STARTTLS not offered"
    told = site.gateway.events.wait(facts.AlarmRaised, key=key)
    assert told.subject.startswith(
        f"Warning <System> gw.promise.example: TLS required for {domain}"
    )
    # A later failure has come through the same line: whatever there was before it has come too.
    last = site.domain("last.required", server)
    assert site.attempt(last) == "deferred"
    later = f"required-tls-failed/{last}/STARTTLS not offered"
    site.gateway.events.wait(facts.AlarmRaised, key=later)
    assert len(site.gateway.events.of(facts.AlarmRaised, key=key)) == 1
