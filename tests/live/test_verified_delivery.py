# SPDX-License-Identifier: Apache-2.0
"""What a server has to prove: each level against good and bad certificates, and what never mixes.

One gateway with a CA of the tests' own in its custom list. The fake servers are the standard
library's, so that the gateway is not judged by its own opinion of itself.
"""

import base64
import dataclasses
import datetime
import hashlib
import re
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gatehouse.app import open_house
from gatehouse.journal import facts
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until
from tests.live.house import House
from tests.live.servers import FULL, PORT, Behaviour, FakeServer
from tests.unit.tls.authority import Made, issue

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
START, END = NOW - 10 * DAY, NOW + 100 * DAY
FRESH: dict[str, Any] = {"start": START, "end": END}


def authority(name: str, issuer: Made | None = None) -> Made:
    """A CA that is valid while the tests run, whenever that is."""
    return issue(name, issuer, ca=True, start=START, end=END)


ROOT = authority("Delivery Root")
MIDDLE = authority("Delivery Issuing", ROOT)
OTHER_ROOT = authority("Other Root")
OTHER_MIDDLE = authority("Other Issuing", OTHER_ROOT)
UNKNOWN_MIDDLE = authority("Unknown Issuing", authority("Unknown Root"))
PINNED = issue("whoever.example", start=START, end=END)

TEXT = """\
format = 1
[system]
hostname = "gw.verify.example"
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
idle_timeout = 1
[trust]
system = false
[destination_controls.default]
tls = "preferred"
[destination_controls.".required.example"]
tls = "required"
[destination_controls.".preferverify.example"]
tls = "preferred-verify"
[destination_controls.".verify.example"]
tls = "required-verify"
[destination_controls.".hosted.example"]
tls = "required-verify-hosted"
[destination_controls.".strict.example"]
tls = "required-verify-hosted"
weak_basis = "refuse"
[destination_controls.".pinned.example"]
tls = "required-verify"
pinned_fingerprints = ["{pin}"]
[destination_controls.".keypinned.example"]
tls = "required-verify"
pinned_fingerprints = ["{key_pin}"]
[destination_controls.".ownca.example"]
tls = "required-verify"
ca_certificates = ["Other"]
[destination_controls.".noretry.example"]
tls = "required"
retry_without_dh = false
[destination_controls.".modern.example"]
tls = "required"
min_tls = "1.3"
[destination_controls.".old.example"]
tls = "required"
tls_profile = "old"
[destination_controls.".slow.example"]
recipient_limit = 2
recipient_minutes = 1
[tls_profiles.old]
min_version = "1.0"
security_level = 0
[[sender_tls_overrides]]
sender = "board@sender.example"
tls = "required-verify"
[smtp_routes]
"relay.example" = ["smarthost:relay"]
"refusing.example" = ["smarthost:refusing"]
"wrapped.example" = ["smarthost:wrapped"]
[smart_hosts.relay]
host = "smart.verify.example"
port = {smtp_port}
username = "us"
[smart_hosts.refusing]
host = "refusing.verify.example"
port = {smtp_port}
username = "us"
[smart_hosts.wrapped]
host = "implicit.verify.example"
port = {smtp_port}
tls_mode = "implicit"
[processes]
receivers = 1
"""


@cache
def server_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def fingerprint(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def spki(made: Made) -> bytes:
    return made.certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("verify")
    own, dns = address(), DnsServer(address())
    text = TEXT.format(
        address=own,
        dns=dns.endpoint,
        smtp_port=PORT,
        pin=fingerprint(PINNED.der),
        key_pin=fingerprint(spki(PINNED)),
    )
    _, store = open_house(folder / "data")
    store.secrets.put("trust/Delivery", ROOT.pem, NOW.timestamp())
    for name in ("relay", "refusing"):
        store.secrets.put(f"smart-host/{name}", b"open sesame", NOW.timestamp())
    store.secrets.put("trust/Other", OTHER_ROOT.pem, NOW.timestamp())
    store.close()
    gateway = Gateway(folder, text)
    house = House(gateway, dns, own, "", "", "")
    home = house.serve()
    house.zone("sender.example", (10, home))
    try:
        with gateway:
            yield house
            gateway.assert_sound()
    finally:
        for server in house.servers:
            server.close()
        dns.close()


def tls_server(folder: Path, *chain: Made) -> ssl.SSLContext:
    """A TLS server that shows this chain, leaf first."""
    file = folder / "server.pem"
    private = chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + b"".join(one.pem for one in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def leaf(
    common_name: str,
    *names: str,
    issuer: Made | None = MIDDLE,
    start: datetime.datetime = START,
    end: datetime.datetime = END,
    own_key: rsa.RSAPrivateKey | None = None,
) -> Made:
    return issue(common_name, issuer, dns=names, start=start, end=end, own_key=own_key)


def attempt(site: House, domain: str, sender: str = "ann@sender.example") -> str:
    """Send one message and wait for the end of its first try: "encrypted", "clear", "deferred"."""
    mid = site.send(f"bob@{domain}", sender=sender, port=2525)
    events = site.gateway.events

    def over() -> list[facts.RecipientsDelivered | facts.RecipientDelayed]:
        return [
            *events.of(facts.RecipientsDelivered, mid=mid),
            *events.of(facts.RecipientDelayed, mid=mid),
        ]

    (end, *_) = until(over, f"an end of the attempt for {domain}")
    if isinstance(end, facts.RecipientDelayed):
        return "deferred"
    return "encrypted" if end.tls else "clear"


def serve(site: House, domain: str, context: ssl.SSLContext) -> FakeServer:
    server = site.serve(Behaviour(tls=True, context=context))
    site.zone(domain, (10, server))
    return server


def chain_for(case: str, domain: str) -> tuple[Made, ...]:
    match case:
        case "verified":
            return leaf("any", domain), MIDDLE
        case "self-signed":
            return (leaf(domain, domain, issuer=None),)
        case "expired":
            return leaf("any", domain, end=NOW - DAY), MIDDLE
        case "not yet valid":
            return leaf("any", domain, start=NOW + DAY), MIDDLE
        case "wrong name":
            return leaf("other.example", "other.example"), MIDDLE
        case "CN only":
            return leaf(domain), MIDDLE
        case "MX host only":
            return leaf("any", f"mx0.{domain}"), MIDDLE
        case "missing intermediate":
            return (leaf("any", domain),)
        case "unknown root":
            return leaf("any", domain, issuer=UNKNOWN_MIDDLE), UNKNOWN_MIDDLE
    raise AssertionError(case)


# case: the word of required-verify, that of required-verify-hosted; "" is delivered
CASES = {
    "verified": ("", ""),
    "self-signed": ("self-signed", "self-signed"),
    "expired": ("expired", "expired"),
    "not yet valid": ("not yet valid", "not yet valid"),
    "wrong name": ("name mismatch", "name mismatch"),
    "CN only": ("", ""),
    "MX host only": ("name mismatch", ""),
    "missing intermediate": ("incomplete chain", "incomplete chain"),
    "unknown root": ("unknown issuer", "unknown issuer"),
}


@pytest.mark.parametrize("level", ["verify", "hosted"])
@pytest.mark.parametrize("case", CASES)
def test_what_verifies_is_delivered_and_what_does_not_is_not(
    site: House, tmp_path: Path, case: str, level: str
) -> None:
    domain = f"{case.replace(' ', '-').lower()}.{level}.example"
    server = serve(site, domain, tls_server(tmp_path, *chain_for(case, domain)))
    word = CASES[case][level == "hosted"]
    outcome = attempt(site, domain)
    assert not server.spoke_in_clear
    events = site.gateway.events
    if not word:
        assert outcome == "encrypted"
        (up,) = events.of(facts.TlsDelivered, domain=domain)
        assert up.verdict == "verified"
        expected = "mx-unsigned" if case == "MX host only" else "email-domain"
        assert (up.basis, up.weak) == (expected, case == "MX host only")
        return
    assert outcome == "deferred"
    assert server.messages == []
    failed = events.wait(facts.TlsDeliveryFailed, domain=domain)
    assert (failed.kind, failed.text) == ("verify", word)
    lines = site.gateway.wait_line(f"DCID {failed.dcid} close", dcid=failed.dcid)
    assert lines[1:3] == [
        f"DCID {failed.dcid} TLS failed: verify error: {word}",
        f"DCID {failed.dcid} IP {server.address} TLS was required but could not be successfully"
        " negotiated",
    ]
    delayed = next(line for line in lines if line.startswith("Delayed: "))
    assert delayed.endswith(
        " - 4.7.5 - Cryptographic failure"
        f" ('000', ['TLS required but the certificate was not verified: {word}'])"
    )


@pytest.mark.parametrize("case", ["expired", "self-signed", "wrong name", "verified"])
def test_the_lower_levels_deliver_and_record_the_verdict(
    site: House, tmp_path: Path, case: str
) -> None:
    for group in ("preferverify.", "required.", ""):
        domain = f"{case.replace(' ', '-')}.{group}plain.example"
        if group:
            domain = f"{case.replace(' ', '-')}.{group}example"
        serve(site, domain, tls_server(tmp_path, *chain_for(case, domain)))
        assert attempt(site, domain) == "encrypted"
        up = site.gateway.events.wait(facts.TlsDelivered, domain=domain)
        assert up.verdict == {"wrong name": "name mismatch"}.get(case, case)
        assert up.fingerprints


def test_a_reverse_name_proves_a_common_name_at_required_verify(
    site: House, tmp_path: Path
) -> None:
    domain = "reverse.verify.example"
    server = serve(site, domain, tls_server(tmp_path, leaf(f"mx0.{domain}"), MIDDLE))
    backward = ".".join(reversed(server.address.split("."))) + ".in-addr.arpa"
    site.dns.add(backward, {"PTR": [f"mx0.{domain}."]})
    assert attempt(site, domain) == "encrypted"
    (up,) = site.gateway.events.of(facts.TlsDelivered, domain=domain)
    assert (up.basis, up.weak) == ("ptr", True)


def test_a_weak_basis_can_be_refused(site: House, tmp_path: Path) -> None:
    domain = "weak.strict.example"
    serve(site, domain, tls_server(tmp_path, *chain_for("MX host only", domain)))
    assert attempt(site, domain) == "deferred"
    failed = site.gateway.events.wait(facts.TlsDeliveryFailed, domain=domain)
    assert failed.text == "name mismatch"
    assert "weak basis" in failed.reason


@pytest.mark.parametrize("group", ["pinned", "keypinned"])
def test_a_pin_takes_the_place_of_chain_and_names(site: House, tmp_path: Path, group: str) -> None:
    good, bad = f"good.{group}.example", f"bad.{group}.example"
    serve(site, good, tls_server(tmp_path, PINNED))
    assert attempt(site, good) == "encrypted"
    (up,) = site.gateway.events.of(facts.TlsDelivered, domain=good)
    assert up.basis == {"pinned": "pinned-certificate", "keypinned": "pinned-key"}[group]
    serve(site, bad, tls_server(tmp_path, leaf("any", bad), MIDDLE))
    assert attempt(site, bad) == "deferred"
    failed = site.gateway.events.wait(facts.TlsDeliveryFailed, domain=bad)
    assert failed.text == "fingerprint mismatch"


def test_a_destination_can_have_a_ca_of_its_own(site: House, tmp_path: Path) -> None:
    good, bad = "good.ownca.example", "bad.ownca.example"
    serve(site, good, tls_server(tmp_path, leaf("any", good, issuer=OTHER_MIDDLE), OTHER_MIDDLE))
    assert attempt(site, good) == "encrypted"
    serve(site, bad, tls_server(tmp_path, leaf("any", bad), MIDDLE))
    assert attempt(site, bad) == "deferred"


def test_one_host_two_domains_two_demands(site: House, tmp_path: Path) -> None:
    """Neither a connection nor a session of one domain serves the other."""
    good, other, easy = "two.verify.example", "three.verify.example", "four.required.example"
    server = serve(site, good, tls_server(tmp_path, leaf("any", good), MIDDLE))
    site.dns.add(other, {"MX": [f"10 mx0.{good}."]})
    site.dns.add(easy, {"MX": [f"10 mx0.{good}."]})
    assert attempt(site, easy) == "encrypted"
    assert attempt(site, good) == "encrypted"
    assert attempt(site, other) == "deferred"
    assert [resumed for _, resumed in server.handshakes] == [False, False, False]
    assert {message.recipients[0] for message in server.messages} == {f"bob@{easy}", f"bob@{good}"}


def test_a_resumed_session_is_judged_by_the_chain_of_its_full_handshake(
    site: House, tmp_path: Path
) -> None:
    domain = "again.verify.example"
    server = serve(site, domain, tls_server(tmp_path, leaf("any", domain), MIDDLE))
    for count in (1, 2):
        assert attempt(site, domain) == "encrypted"
        server.wait(count)
        server.wait_for(lambda: server.open_now == 0, "the connection ends after a moment")
    first, second = site.gateway.events.of(facts.TlsDelivered, domain=domain)
    assert (first.resumed, second.resumed) == (False, True)
    assert second.verdict == "verified"
    assert first.fingerprints == second.fingerprints


def test_a_sender_can_demand_more(site: House, tmp_path: Path) -> None:
    domain = "plain.example"
    server = serve(site, domain, tls_server(tmp_path, *chain_for("wrong name", domain)))
    assert attempt(site, domain) == "encrypted"
    assert attempt(site, domain, sender="Board@sender.example") == "deferred"
    assert len(server.messages) == 1
    failed = site.gateway.events.wait(facts.TlsDeliveryFailed, domain=domain)
    assert (failed.rule, failed.level) == ("sender-override", "required-verify")


# --- REQUIRETLS, smart hosts ----------------------------------------------------------------------


def requiretls(site: House, domain: str, *offers: str) -> tuple[int, FakeServer]:
    """A message with REQUIRETLS to a server that verifies; its MID."""
    server = site.servers[-1]
    server.behaviour = dataclasses.replace(server.behaviour, capabilities=(*FULL, *offers))
    return site.send(f"bob@{domain}", port=2525, tls=True, mail=("REQUIRETLS",)), server


def test_requiretls_goes_on_to_a_server_that_verifies_and_offers_it(
    site: House, tmp_path: Path
) -> None:
    domain = "kept.hop.example"
    serve(site, domain, tls_server(tmp_path, leaf("any", domain), MIDDLE))
    _, server = requiretls(site, domain, "REQUIRETLS")
    (message,) = server.wait()
    assert message.tls
    assert "REQUIRETLS" in message.parameters.split()
    up = site.gateway.events.wait(facts.TlsDelivered, domain=domain)
    assert (up.rule, up.verdict) == ("requiretls", "verified")


def test_requiretls_bounces_where_the_server_does_not_offer_it(site: House, tmp_path: Path) -> None:
    domain = "dropped.hop.example"
    serve(site, domain, tls_server(tmp_path, leaf("any", domain), MIDDLE))
    mid, server = requiretls(site, domain)
    bounced = site.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert bounced.enhanced == "5.7.30"
    assert server.messages == []


def test_requiretls_is_not_content_with_a_weak_basis(site: House, tmp_path: Path) -> None:
    domain = "weak.hop.example"
    serve(site, domain, tls_server(tmp_path, leaf("any", f"mx0.{domain}"), MIDDLE))
    _, server = requiretls(site, domain, "REQUIRETLS")
    failed = site.gateway.events.wait(facts.TlsDeliveryFailed, domain=domain)
    assert failed.text == "name mismatch"
    assert server.messages == []


def test_a_smart_host_hears_the_password_over_verified_tls_only(
    site: House, tmp_path: Path
) -> None:
    host = "smart.verify.example"
    bad = tls_server(tmp_path, leaf("other.example", "other.example"), MIDDLE)
    good = tls_server(tmp_path, leaf("any", host), MIDDLE)
    server = site.serve(Behaviour(tls=True, context=bad, capabilities=(*FULL, "AUTH PLAIN")))
    site.dns.host(host, server.address)
    assert attempt(site, "relay.example") == "deferred"
    assert server.heard("AUTH") == []
    server.behaviour = dataclasses.replace(server.behaviour, context=good)
    assert attempt(site, "relay.example") == "encrypted"
    assert server.heard("AUTH", tls=False) == []
    (said,) = server.heard("AUTH", tls=True)
    assert base64.b64decode(said.split()[2]) == b"\0us\0open sesame"


def test_a_smart_host_that_refuses_the_login_keeps_the_mail_waiting(
    site: House, tmp_path: Path
) -> None:
    host = "refusing.verify.example"
    server = site.serve(
        Behaviour(
            tls=True,
            context=tls_server(tmp_path, leaf("any", host), MIDDLE),
            capabilities=(*FULL, "AUTH PLAIN"),
            auth=b"535 5.7.8 no\r\n",
        )
    )
    site.dns.host(host, server.address)
    mid = site.send("bob@refusing.example", port=2525)
    delayed = site.gateway.events.wait(facts.RecipientDelayed, mid=mid)
    assert "535" in delayed.lines[0]
    assert server.messages == []


def test_a_smart_host_with_tls_from_the_first_octet(site: House, tmp_path: Path) -> None:
    host = "implicit.verify.example"
    server = site.serve(
        Behaviour(implicit=True, context=tls_server(tmp_path, leaf("any", host), MIDDLE))
    )
    site.dns.host(host, server.address)
    assert attempt(site, "wrapped.example") == "encrypted"
    assert server.heard("STARTTLS") == []
    (message,) = server.wait()
    assert message.tls


# --- weak key exchange, old versions --------------------------------------------------------------

# RFC 2409 §6.2: the second Oakley group, 1024 bits.
DH_1024 = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""


def weak_dh(folder: Path, domain: str, *, curves: bool) -> ssl.SSLContext:
    """A server with a DH group of 1024 bits; `curves`: it can do better when it is asked."""
    own = leaf("any", domain, own_key=server_key())
    context = tls_server(folder, own, MIDDLE)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    better = "ECDHE-RSA-AES128-GCM-SHA256:" if curves else ""
    context.set_ciphers(f"DHE-RSA-AES128-GCM-SHA256:{better}@SECLEVEL=0")
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    file = folder / "dh.pem"
    file.write_text(DH_1024)
    context.load_dh_params(str(file))
    return context


def test_a_weak_dh_group_is_named_and_tried_once_more_without_dh(
    site: House, tmp_path: Path
) -> None:
    domain = "weakdh.required.example"
    server = serve(site, domain, weak_dh(tmp_path, domain, curves=True))
    assert attempt(site, domain) == "encrypted"
    assert server.connections == 2
    events = site.gateway.events
    (failed,) = events.of(facts.TlsDeliveryFailed, domain=domain)
    assert failed.dh_bits == 1024
    assert "dh key too small" in failed.text
    (up,) = events.of(facts.TlsDelivered, domain=domain)
    assert up.cipher == "ECDHE-RSA-AES128-GCM-SHA256"


@pytest.mark.parametrize(("group", "connections"), [("required", 2), ("noretry", 1)])
def test_a_server_with_nothing_but_weak_dh_gets_nothing(
    site: House, tmp_path: Path, group: str, connections: int
) -> None:
    domain = f"onlydh.{group}.example"
    server = serve(site, domain, weak_dh(tmp_path, domain, curves=False))
    assert attempt(site, domain) == "deferred"
    assert server.connections == connections
    assert not server.spoke_in_clear


def test_the_lowest_version_of_a_destination_is_kept(site: House, tmp_path: Path) -> None:
    domain = "old.modern.example"
    context = tls_server(tmp_path, leaf("any", domain), MIDDLE)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    serve(site, domain, context)
    assert attempt(site, domain) == "deferred"


def test_a_server_that_refuses_our_certificate_is_no_fault_of_ours(
    site: House, tmp_path: Path
) -> None:
    """With TLS 1.3 it says so after our Finished: the handshake was good, and then it was not."""
    domain = "picky.required.example"
    context = tls_server(tmp_path, leaf("any", domain), MIDDLE)
    context.verify_mode = ssl.CERT_REQUIRED
    server = serve(site, domain, context)
    assert attempt(site, domain) == "deferred"
    assert not server.spoke_in_clear
    assert site.gateway.events.of(facts.TlsDelivered, domain=domain)
    assert server.heard("MAIL") == []


# --- the alarm, limits ----------------------------------------------------------------------------


def test_required_tls_that_fails_is_told(site: House, tmp_path: Path) -> None:
    domain = "alarm.verify.example"
    serve(site, domain, tls_server(tmp_path, *chain_for("expired", domain)))
    assert attempt(site, domain) == "deferred"
    key_ = f"required-tls-failed/{domain}/verify error: expired"
    told = site.gateway.events.wait(facts.AlarmRaised, key=key_)
    assert (told.alarm_class, told.severity) == ("System", "Warning")
    assert re.fullmatch(
        rf"TLS required for {re.escape(domain)} but not available: verify error: expired "
        r"\(1 message waiting, oldest \d+s\)",
        told.text,
    )


def test_recipients_above_the_limit_wait_without_a_try(site: House) -> None:
    domain = "a.slow.example"
    server = site.serve()
    site.zone(domain, (10, server))
    mids = [site.send(f"bob@{domain}", port=2525) for _ in range(3)]
    server.wait(2)
    assert attempt(site, "sender.example") == "clear"
    events = site.gateway.events
    delivered = {fact.mid for fact in events.all() if isinstance(fact, facts.RecipientsDelivered)}
    assert delivered & set(mids) == set(mids[:2])
    assert events.of(facts.RecipientDelayed, mid=mids[2]) == []
