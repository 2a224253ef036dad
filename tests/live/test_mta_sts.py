# SPDX-License-Identifier: Apache-2.0
"""MTA-STS and TLS reports with a whole gateway: policy hosts good and bad, reports out and in.

The policy hosts, the DNS and the mail servers are the tests' own, on loopback, with a CA of the
tests' own. The policy of a domain is fetched by its first mail.
"""

import base64
import email
import email.policy
import gzip
import json
import ssl
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatehouse.app import open_house
from gatehouse.journal import facts
from gatehouse.journal.tls_report import DAY_SECONDS, key_of
from gatehouse.store.tls_values import TlsCount
from tests.live.dns import DnsServer, Trouble
from tests.live.gateway import Gateway, address, until
from tests.live.house import House
from tests.live.policy_host import Behaviour as Page
from tests.live.policy_host import PolicyHost, leaf, plain, redirect, root
from tests.live.servers import PORT, Behaviour, FakeServer
from tests.unit.journal.test_tls_report import changed

POLICY_PORT = 8443

TEXT = """\
format = 1
[system]
hostname = "gw.sts.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
dns_timeout = 12
idle_timeout = 0
mta_sts_port = {policy_port}
mta_sts_internal = true
[destination_controls.default]
tls = "preferred"
mta_sts = "on"
[trust]
system = false
[tls_reporting]
enabled = true
from_address = "tls@gw.sts.example"
organization = "The Gateway"
internal = true
receive_at = "reports@inbox.example"
[processes]
receivers = 1
"""


def policy(domain: str, mode: str = "enforce", mx: str = "") -> bytes:
    """A policy under which mx0.DOMAIN is right, or only `mx`."""
    host = mx or f"*.{domain}"
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: 86400\r\n".encode()


@dataclass
class Site:
    """The gateway, the policy host, and domains made on demand."""

    house: House
    pages: PolicyHost
    folder: Path

    def __post_init__(self) -> None:
        self.ca = root("Policy Root")

    def context(self, *names: str, trusted: bool = True) -> ssl.SSLContext:
        """A mail server's TLS for these names."""
        made = leaf(names[0], self.ca if trusted else root("Nobody's Root"))
        path = self.folder / f"{names[0]}.mx.pem"
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(made.pem + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def domain(
        self, page: Page | None = None, *, trusted: bool = True, tls: bool = True
    ) -> tuple[str, FakeServer]:
        """A domain with one MX host; `page`: what its policy host says, None for a good policy."""
        name = self.house.domain()
        context = self.context(f"mx0.{name}", trusted=trusted) if tls else None
        server = self.house.serve(Behaviour(tls=tls, context=context))
        self.house.zone(name, (10, server))
        self.publish(name, plain(policy(name)) if page is None else page)
        return name, server

    def publish(self, name: str, page: Page, identifier: str = "a1", **certificate: Any) -> None:
        """Record, policy host and page of a domain."""
        host = f"mta-sts.{name}"
        self.house.dns.host(host, self.pages.sock.getsockname()[0])
        self.house.dns.add(f"_mta-sts.{name}", {"TXT": [f'"v=STSv1; id={identifier};"']})
        made = certificate.get("made") or leaf(host, self.ca, days=certificate.get("days", 10))
        self.pages.add(host, made, page)

    def result(self, domain: str) -> facts.TlsPolicyResult:
        """What the first attempt for a domain counts for."""
        return self.house.gateway.events.wait(facts.TlsPolicyResult, domain=domain)

    def delayed(self, mid: int) -> facts.RecipientDelayed:
        return self.house.gateway.events.wait(facts.RecipientDelayed, mid=mid)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sts")
    own, dns = address(), DnsServer(address())
    pages = PolicyHost(folder, address(), POLICY_PORT)
    text = TEXT.format(address=own, dns=dns.endpoint, smtp_port=PORT, policy_port=POLICY_PORT)
    gateway = Gateway(folder, text)
    house = House(gateway, dns, own, "", "", "")
    made = Site(house, pages, folder)
    _, store = open_house(gateway.data)
    store.secrets.put("trust/Policy", made.ca.pem, time.time())
    store.close()
    home = house.serve()
    house.zone("sender.example", (10, home))
    try:
        with gateway:
            yield made
            gateway.assert_sound()
    finally:
        for server in house.servers:
            server.close()
        pages.close()
        dns.close()


def test_mail_goes_to_a_host_of_the_policy_that_proves_its_name(site: Site) -> None:
    domain, server = site.domain()
    site.house.send(f"bob@{domain}")
    (message,) = server.wait()
    assert message.tls
    fact = site.result(domain)
    assert (fact.policy_type, fact.result) == ("sts", "")
    assert fact.mx_patterns == (f"*.{domain}",)
    assert fact.policy_strings[:2] == ("version: STSv1", "mode: enforce")
    assert fact.receiving_mx == f"mx0.{domain}" and fact.receiving_ip == server.address


def test_mail_waits_where_the_only_host_is_not_of_the_policy(site: Site) -> None:
    domain, server = site.domain()
    site.publish(domain, plain(policy(domain, mx="mx.other.example")))
    mid = site.house.send(f"bob@{domain}")
    site.delayed(mid)
    assert server.messages == []
    assert site.result(domain).result == "validation-failure"


def test_hosts_that_are_newer_than_the_policy_we_know_are_noticed(site: Site) -> None:
    domain, server = site.domain()
    site.publish(domain, plain(policy(domain, mx="mx.old.example")))
    mid = site.house.send(f"bob@{domain}")
    site.delayed(mid)
    site.publish(domain, plain(policy(domain)), identifier="a2")
    # The record that we asked for is remembered for its second of life; the command takes as long.
    # By destination, since the message may have gone when the command comes.
    retry = ("queue", "retry", "--destination", domain)
    until(lambda: site.house.gateway.command(*retry) and server.messages, "mail under the new one")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"trusted": False}, "certificate-not-trusted"),
        ({"tls": False}, "starttls-not-supported"),
    ],
)
def test_mail_waits_where_the_host_does_not_prove_itself(
    site: Site, options: dict[str, bool], word: str
) -> None:
    domain, server = site.domain(**options)  # type: ignore[arg-type]
    mid = site.house.send(f"bob@{domain}")
    site.delayed(mid)
    assert server.messages == [] and server.heard("MAIL") == []
    assert site.result(domain).result == word


def test_testing_never_keeps_mail_back_and_tells_what_is_wrong(site: Site) -> None:
    domain, server = site.domain(trusted=False)
    site.publish(domain, plain(policy(domain, "testing")))
    site.house.send(f"bob@{domain}")
    assert server.wait()
    assert site.result(domain).result == "certificate-not-trusted"


def test_mode_none_is_as_if_there_were_no_policy(site: Site) -> None:
    domain, server = site.domain(trusted=False)
    site.publish(domain, plain(policy(domain, "none")))
    site.house.send(f"bob@{domain}")
    assert server.wait()
    assert site.result(domain).policy_type == "no-policy-found"


@pytest.mark.parametrize(
    ("page", "certificate", "word"),
    [
        (None, {"days": -1}, "sts-webpki-invalid"),
        (None, {"made": leaf("www.example", root())}, "sts-webpki-invalid"),
        (redirect("https://www.example/"), {}, "sts-policy-fetch-error"),
        (plain(b"x" * 70_000), {}, "sts-policy-fetch-error"),
        (plain(b"", "404 Not Found"), {}, "sts-policy-fetch-error"),
        (plain(b"<html></html>"), {}, "sts-policy-invalid"),
        (plain(policy("d.example"), kind="text/html"), {}, "sts-policy-invalid"),
    ],
)
def test_a_policy_that_cannot_be_had_stops_no_mail_and_is_reported(
    site: Site, page: Page | None, certificate: dict[str, Any], word: str
) -> None:
    domain, server = site.domain()
    site.publish(domain, page or plain(policy(domain)), **certificate)
    site.house.send(f"bob@{domain}")
    assert server.wait()
    assert site.result(domain).result == word


def test_a_policy_outlives_its_host_its_record_and_our_restart(site: Site) -> None:
    domain, server = site.domain()
    site.publish(domain, plain(policy(domain, mx="mx.other.example")))
    site.delayed(site.house.send(f"bob@{domain}"))
    site.house.dns.add(f"_mta-sts.{domain}", Trouble.SERVFAIL)
    site.house.dns.host(f"mta-sts.{domain}", address())
    gateway = site.house.gateway
    assert gateway.stop() == 0
    gateway.start()
    site.delayed(site.house.send(f"bob@{domain}"))
    assert server.messages == []
    # What was counted for reports has outlived the restart too.
    listed = json.loads(gateway.command("tls-report", "list", "--json"))
    (counted,) = [one for one in listed["counted"] if one["domain"] == domain]
    assert counted["failures"] >= 1 and counted["successes"] == 0


# --- reports --------------------------------------------------------------------------------------


def lately(site: Site, domain: str) -> str:
    """Counts of three days ago, as if the gateway had run then; the day.

    The report of yesterday may be due, and the gateway sends it by itself beside the command.
    """
    at = time.time() - 3 * DAY_SECONDS
    _, store = open_house(site.house.gateway.data)
    for word, sessions in (("", 5), ("certificate-expired", 2)):
        fact = facts.TlsPolicyResult(at=at, domain=domain, policy_type="sts", result=word)
        store.tls_reports.add([TlsCount(*key_of(fact), sessions)])
    store.close()
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def test_a_report_arrives_as_mail_even_where_tls_fails(site: Site) -> None:
    domain, server = site.domain(trusted=False)  # the domain's own policy would forbid it
    day = lately(site, domain)
    site.house.dns.add(f"_smtp._tls.{domain}", {"TXT": [f'"v=TLSRPTv1; rua=mailto:tls@{domain}"']})
    command = ("tls-report", "send", "--day", day, "--domain", domain, "--json")
    (sent,) = json.loads(site.house.gateway.command(*command))["reports"]
    assert sent["outcome"] == "sent"
    (message,) = server.wait()
    # The session that carries a report is not reported itself.
    assert site.house.gateway.events.of(facts.TlsPolicyResult, domain=domain) == []
    mail = email.message_from_bytes(message.content, policy=email.policy.default)
    assert mail["TLS-Report-Domain"] == domain
    assert mail["TLS-Report-Submitter"] == "gw.sts.example"
    _, attachment = mail.iter_parts()
    report = json.loads(gzip.decompress(attachment.get_content()))
    (result,) = report["policies"]
    assert result["summary"] == {
        "total-successful-session-count": 5,
        "total-failure-session-count": 2,
    }
    # What we send is what we can read: it comes back as a report of somebody else.
    mid = site.house.send("reports@inbox.example", content=message.content)
    kept = site.house.gateway.events.wait(facts.TlsReportReceived, mid=mid)
    assert (kept.organization, kept.domains) == ("The Gateway", (domain,))
    assert (kept.successes, kept.failures, kept.again) == (5, 2, False)
    site.house.gateway.events.wait(facts.MessageFinished, mid=mid)


def test_a_report_is_posted(site: Site) -> None:
    domain, host = site.house.domain(), site.house.domain()
    day = lately(site, domain)
    taken = site.pages.add(host, leaf(host, site.ca), plain(b"", "201 Created"))
    site.house.dns.host(host, site.pages.sock.getsockname()[0])
    rua = f"https://{host}:{POLICY_PORT}/v1/tls"
    site.house.dns.add(f"_smtp._tls.{domain}", {"TXT": [f'"v=TLSRPTv1; rua={rua}"']})
    command = ("tls-report", "send", "--day", day, "--domain", domain, "--json")
    (sent,) = json.loads(site.house.gateway.command(*command))["reports"]
    assert sent == {"domain": domain, "outcome": "sent", "note": f"posted to {rua}"}
    body = taken.requests[0].partition(b"\r\n\r\n")[2]
    report = json.loads(zlib.decompress(body, wbits=31))
    assert report["organization-name"] == "The Gateway"


def test_what_is_no_report_ends_at_the_address_for_reports(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    head = b"Subject: x\r\nContent-Type: application/tlsrpt+gzip\r\n"
    packed = base64.encodebytes(bomb).replace(b"\n", b"\r\n")
    encoded = b"Content-Transfer-Encoding: base64\r\n\r\n" + packed
    mid = site.house.send("Reports@inbox.example", content=b"Subject: x\r\n\r\nhello\r\n")
    site.house.gateway.events.wait(facts.TlsReportRefused, mid=mid)
    site.house.gateway.events.wait(facts.MessageFinished, mid=mid)
    mid = site.house.send("reports@INBOX.example", content=head + encoded)
    refused = site.house.gateway.events.wait(facts.TlsReportRefused, mid=mid)
    assert "unpacked" in refused.reason


def test_a_report_is_imported_and_a_bomb_is_not(site: Site) -> None:
    path = site.folder / "report.json.gz"
    path.write_bytes(gzip.compress(changed()))
    done = json.loads(site.house.gateway.command("tls-report", "import", str(path), "--json"))
    assert (done["organization"], done["failures"]) == ("Company-X", 303)
    path.write_bytes(gzip.compress(b"\0" * 20_000_000))
    assert site.house.gateway.command("tls-report", "import", str(path), status=1) == b""
