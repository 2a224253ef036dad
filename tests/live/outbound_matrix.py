# SPDX-License-Identifier: Apache-2.0
"""Measures the outbound matrix: one gateway, one server for each cell, all messages at once.

    python -m tests.live.outbound_matrix [--write]

prints the table that was measured; with --write it goes into docs/outbound-tls.md. What is expected
stands in `outbound_cells` and `outbound_policies` and has no part in the measurement.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gatehouse.app import open_house
from gatehouse.journal import facts, reader
from gatehouse.store.tls_values import CachedSts
from tests.live import outbound_servers as peers
from tests.live.clients import RawClient, transact
from tests.live.gateway import Gateway, address, until
from tests.live.outbound_cells import PLAIN_ROWS, Outcome, Row, Rule
from tests.live.outbound_policies import DANE_ROWS, STS_ROWS
from tests.live.outbound_table import BEGIN, END, TABLE_FILE, Found, Measured, cut, rendered
from tests.live.policy_host import PolicyHost, plain
from tests.live.policy_host import leaf as policy_leaf
from tests.live.servers import PORT, Behaviour, FakeServer
from tests.live.signed_zone import BROKEN, GOOD, PLAIN, SignedZones, signed_zones
from tests.patience import PATIENCE

ROWS = (*PLAIN_ROWS, *DANE_ROWS, *STS_ROWS)
HOSTNAME = "gw.matrix.example"
SENDER = "ann@sender.plain.example"
SECRET = "a word that nobody on the way may read"
POLICY_PORT = 8443

TEXT = """\
format = 1
[system]
hostname = "{hostname}"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[mail_flow_policies.default]
max_messages_per_connection = 1000
[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
dns_timeout = 12
idle_timeout = 0
starttls_timeout = 8
mta_sts_port = {policy_port}
mta_sts_internal = true
[bounce_profiles.default]
initial_wait = 3600
[trust]
system = false
{controls}
[processes]
receivers = 1
"""


@dataclass(slots=True)
class Place:
    """One cell in the world: a domain with one server."""

    row: Row
    rule: Rule
    domain: str
    server: FakeServer
    mid: int = 0

    @property
    def host(self) -> str:
        """Its mail host."""
        return f"mx.{self.domain}"


class Bed:
    """The gateway, its DNS, its policy host and all servers."""

    def __init__(self, folder: Path, zones: SignedZones) -> None:
        self.folder = folder
        self.zones = zones
        self.address = address()
        self.pages = PolicyHost(folder, address(), POLICY_PORT)
        self.places = [self._place(row, rule) for row in ROWS for rule in row.cells]
        zones.publish()
        self.gateway = Gateway(folder, self._text())
        _, store = open_house(self.gateway.data)
        store.secrets.put("trust/Matrix", peers.ROOT.pem, time.time())
        for place in self.places:
            if place.row.key in ("kept", "over"):
                store.sts.put(_policy_of_yesterday(place))
        store.close()

    def close(self) -> None:
        """End the servers."""
        self.pages.close()
        for place in self.places:
            place.server.close()

    # --- what is there ----------------------------------------------------------------------------

    def _text(self) -> str:
        controls = "".join(
            f'[destination_controls.".{rule.label}.{zone}"]\ntls = "{rule.level}"\n'
            f'dane = "{rule.dane}"\nmta_sts = "{"on" if rule.sts else "off"}"\n'
            for rule in dict.fromkeys(place.rule for place in self.places)
            for zone in (GOOD, PLAIN)
        )
        return TEXT.format(
            hostname=HOSTNAME,
            address=self.address,
            dns=self.zones.endpoint,
            smtp_port=PORT,
            policy_port=POLICY_PORT,
            controls=controls,
        )

    def _place(self, row: Row, rule: Rule) -> Place:
        zone = GOOD if rule.dane != "none" and row.key != "unsigned" else PLAIN
        domain = f"{row.key}.{rule.label}.{zone}"
        place = Place(row, rule, domain, FakeServer(address(), Behaviour()))
        self.zones.add(domain, {"MX": [f"10 {place.host}."]})
        self.zones.add(place.host, {"A": [place.server.address]})
        if rule.dane != "none":
            self._dane(place)
        elif rule.sts:
            self._sts(place)
        else:
            chosen = peers.behaviour(self.folder, row.key, domain, place.host)
            place.server.behaviour = chosen
        return place

    def _dane(self, place: Place) -> None:
        """A host with a certificate that nobody vouches for, and the records of its row."""
        key = place.row.key
        made = peers.leaf(f"mail of {key} {place.rule.label}", issuer=None)
        if key != "stripped":
            context = peers.tls_server(self.folder, made)
            place.server.behaviour = Behaviour(tls=True, context=context)
        records = peers.tlsa_of(key, made, BROKEN)
        if records:
            damaged = ("TLSA",) if key == "bogus" else ()
            self.zones.add(f"_{PORT}._tcp.{place.host}", records, damaged=damaged)

    def _sts(self, place: Place) -> None:
        """A record, and a policy host unless its row says that it cannot be reached."""
        key, domain = place.row.key, place.domain
        place.server.behaviour = peers.sts_server(self.folder, key, domain, place.host)
        self.zones.add(f"_mta-sts.{domain}", {"TXT": ['"v=STSv1; id=new;"']})
        name = f"mta-sts.{domain}"
        if key in ("kept", "over", "nothing"):
            self.zones.add(name, {"A": [address()]})  # nobody listens there
            return
        self.zones.add(name, {"A": [self.pages.sock.getsockname()[0]]})
        page = plain(peers.policy_of(key, domain))
        self.pages.add(name, policy_leaf(name, peers.ROOT), page)

    # --- what happens -----------------------------------------------------------------------------

    def send(self) -> None:
        """One message to every domain, over one connection."""
        with RawClient(self.address, 2525) as client:
            client.greeted()
            client.expect("EHLO client.example", 250)
            for place in self.places:
                wire = f"Subject: {SECRET}\r\n\r\n{SECRET}\r\n.\r\n".encode()
                place.mid = transact(client, SENDER, [f"bob@{place.domain}"], wire)

    def wait(self) -> None:
        """Until every first try has ended, with all its lines."""
        wanted = {place.mid for place in self.places}

        def ended() -> list[int]:
            return [
                fact.mid
                for fact in self.gateway.events.all()
                if isinstance(fact, facts.RecipientsDelivered | facts.RetryScheduled)
            ]

        try:
            until(lambda: wanted <= set(ended()), "an end of every first try")
        except AssertionError:
            left = [place.domain for place in self.places if place.mid not in ended()]
            raise AssertionError(f"no end after {PATIENCE:g} s: {left}") from None
        # Facts leave the deliverer in order, and go to two files: the text may be a moment behind.
        last = ended()[-1]

        def written() -> bool:
            lines = self.gateway.lines(mid=last)
            return any(
                text.startswith("Message done ") or " pending till " in text for text in lines
            )

        until(written, "the mail log is as far as the facts")

    def measured(self) -> Iterator[tuple[Place, Measured]]:
        """What happened in every cell."""
        diary = _Diary(self.gateway.events.all(), self.gateway.log_lines())
        for place in self.places:
            yield place, diary.measure(place)


def _policy_of_yesterday(place: Place) -> CachedSts:
    """A policy as it is kept: one still holds, the other has ended."""
    now = time.time()
    return CachedSts(
        domain=place.domain,
        record_id="old",
        content=peers.policy_of(place.row.key, place.domain),
        fetched_at=now - 100_000,
        expires_at=now + 50_000 if place.row.key == "kept" else now - 10,
        used_at=now - 1000,
    )


class _Diary:
    """Facts and lines of a run, found by domain, message and connection."""

    def __init__(self, told: list[facts.HappenedAt], lines: list[reader.LogLine]) -> None:
        self._by_domain: dict[str, list[facts.HappenedAt]] = {}
        self._delivered = {
            fact.mid: fact for fact in told if isinstance(fact, facts.RecipientsDelivered)
        }
        self._lines = lines
        self._places: dict[tuple[str, int], list[int]] = {}
        for fact in told:
            domain = getattr(fact, "domain", "")
            self._by_domain.setdefault(domain, []).append(fact)
        for number, line in enumerate(lines):
            if line.dcid:
                self._places.setdefault(("dcid", line.dcid), []).append(number)
            elif line.mid is not None and line.text.startswith("Delayed: "):
                self._places.setdefault(("mid", line.mid), []).append(number)
        self._unnamed = [
            number for number, line in enumerate(lines) if line.dcid is None and line.mid is None
        ]

    def measure(self, place: Place) -> Measured:
        """What became of a cell's message."""
        ours = self._by_domain.get(place.domain, [])
        dcids = [fact.dcid for fact in ours if isinstance(fact, facts.DeliveryConnectionOpened)]
        up = [fact for fact in ours if isinstance(fact, facts.TlsDelivered)]
        failed = [fact for fact in ours if isinstance(fact, facts.TlsDeliveryFailed)]
        results = [fact.result for fact in ours if isinstance(fact, facts.TlsPolicyResult)]
        verdict = up[-1].verdict if up else ""
        if failed and failed[-1].kind == "verify":
            verdict = failed[-1].text
        return Measured(
            self._outcome(place, verdict),
            tuple(_shaped(place, dcids, self._of(place, dcids))),
            results[0] if results else None,
            verdict if verdict != "verified" else "",
        )

    def _outcome(self, place: Place, verdict: str) -> Outcome:
        done = self._delivered.get(place.mid)
        if done is None:
            return Outcome.DEFERRED
        if not done.tls:
            return Outcome.CLEAR
        return Outcome.VERIFIED if verdict == "verified" else Outcome.ENCRYPTED

    def _of(self, place: Place, dcids: list[int]) -> Iterator[str]:
        """The lines of a cell, in order, without those that only say `close`."""
        numbers = [one for dcid in dcids for one in self._places.get(("dcid", dcid), ())]
        numbers += self._places.get(("mid", place.mid), ())
        named = f".{place.host} "
        numbers += [one for one in self._unnamed if named in self._lines[one].text]
        for number in sorted(numbers):
            text = self._lines[number].text
            if not text.endswith(" close"):
                yield text


# The words of OpenSSL differ from version to version; this one is read by an operator.
_KEPT_REASON = "dh key too small"
_REASON = re.compile(r"error:[0-9A-F]{8}:SSL routines::([^'\"]+)")


def _shaped(place: Place, dcids: list[int], lines: Iterable[str]) -> Iterator[str]:
    """Lines with what differs from run to run replaced."""
    for text in lines:
        for number, dcid in enumerate(dcids, 1):
            text = re.sub(rf"\bDCID {dcid}\b", f"DCID {number}", text)
        text = text.replace(f"MID {place.mid} ", "MID 1 ")
        text = text.replace(SENDER, "SENDER").replace(f"bob@{place.domain}", "RECIPIENT")
        text = text.replace(place.host, "HOST").replace(place.domain, "DOMAIN")
        text = text.replace(place.server.address, "SERVER")
        text = _REASON.sub(_reason, text)
        text = re.sub(r"\(\d+, (['\"])(error:.+)\1\)", r"(NUMBER, '\2')", text)
        text = re.sub(r"the TLSA look-up failed: [^']+", "the TLSA look-up failed: WHY", text)
        yield text.replace('["', "['").replace('"]', "']")


def _reason(found: re.Match[str]) -> str:
    word = _KEPT_REASON if found[1].startswith(_KEPT_REASON) else "REASON"
    return f"error:CODE:SSL routines::{word}"


def measure(folder: Path, zones: SignedZones) -> tuple[Bed, Found]:
    """Everything, once; the servers of the bed keep what they heard."""
    bed = Bed(folder, zones)
    try:
        with bed.gateway:
            bed.send()
            bed.wait()
            found = {(place.row.key, place.rule): seen for place, seen in bed.measured()}
            bed.gateway.assert_sound()
    finally:
        bed.close()
    return bed, found


def table(found: Found) -> str:
    """The measured tables for people."""
    return rendered(PLAIN_ROWS, DANE_ROWS, STS_ROWS, found)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with signed_zones(folder) as zones:
            _, found = measure(folder, zones)
    text = table(found)
    print(text)
    if "--write" in sys.argv[1:]:
        before, _, behind = cut(TABLE_FILE.read_text())
        TABLE_FILE.write_text(before + BEGIN + text + END + behind)


if __name__ == "__main__":
    main()
