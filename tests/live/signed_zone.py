# SPDX-License-Identifier: Apache-2.0
"""A small DNSSEC of the tests' own: signed zones at Debian's nsd, validated by Debian's unbound.

There is a root zone with a key of our own, which is the only trust anchor, and five zones below it:

    good.example      signed; what is written into it is secure
    plain.example     delegated without DS: insecure, whatever it says
    bogus.example     signed, and every signature is damaged: nothing of it can be had
    broken.example    its server has lost it: SERVFAIL
    silent.example    its server never answers: a timeout

`add` writes names as `tests.live.dns` does, `publish` signs and serves them. A type named in
`damaged` gets a bad signature in an otherwise good zone, so that a host can have good addresses and
bogus TLSA records. Nothing is cached by unbound: what is published is what is answered.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.ANY.RRSIG import RRSIG

from tests.live.gateway import address, until
from tests.live.peers import packages

GOOD, PLAIN, BOGUS = "good.example", "plain.example", "bogus.example"
BROKEN, SILENT = "broken.example", "silent.example"
PORT = 5300  # of the validating resolver
SERVER_PORT = 5301  # of the server of the zones
TTL = 1
LIFETIME = 7 * 86_400
WANTED = ("nsd", "unbound")
STOP_SECONDS = 5

Records = Mapping[str, Sequence[str]]  # type → record texts

_ALGORITHM = "ECDSAP256SHA256"


@dataclass
class Zone:
    """One zone: what stands in it, and the key that signs it."""

    name: str
    signed: bool
    bogus: bool = False
    names: dict[str, Records] = field(default_factory=dict)
    damaged: set[tuple[str, str]] = field(default_factory=set)
    serial: int = 0
    changed: bool = True

    def __post_init__(self) -> None:
        self.origin = dns.name.from_text(self.name)
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._key = dns.dnssec.make_dnskey(self._private.public_key(), _ALGORITHM, flags=257)

    @property
    def anchor(self) -> str:
        """Its DS record's data: for the zone above, or for the resolver."""
        return dns.dnssec.make_ds(self.origin, self._key, "SHA256").to_text()

    def text(self) -> str:
        """The zone file of the next serial."""
        self.serial += 1
        zone = dns.zone.from_text(self._unsigned(), origin=self.origin, relativize=False)
        if self.signed:
            now = int(time.time())
            dns.dnssec.sign_zone(
                zone,
                keys=[(self._private, self._key)],
                inception=now - 3600,
                expiration=now + LIFETIME,
            )
            self._damage(zone)
        return zone.to_text(relativize=False)

    def _unsigned(self) -> str:
        lines = [
            f"@ {TTL} IN SOA ns.{BROKEN}. hostmaster.{GOOD}. {self.serial} 3600 600 86400 {TTL}",
            f"@ {TTL} IN NS ns.{BROKEN}.",
        ]
        for name, records in self.names.items():
            for rdtype, texts in records.items():
                lines += [f"{name}. {TTL} IN {rdtype} {text}" for text in texts]
        return "\n".join(lines) + "\n"

    def _damage(self, zone: dns.zone.Zone) -> None:
        for name, node in zone.items():
            for rdataset in node.rdatasets:
                if rdataset.rdtype != dns.rdatatype.RRSIG:
                    continue
                for record in list(rdataset):
                    assert isinstance(record, RRSIG)
                    covered = dns.rdatatype.to_text(record.type_covered)
                    place = (str(name).rstrip(".").lower(), covered)
                    if self.bogus or place in self.damaged:
                        wrong = bytes([record.signature[0] ^ 1]) + record.signature[1:]
                        rdataset.remove(record)
                        rdataset.add(record.replace(signature=wrong))


class SignedZones:
    """The zones, their server and the resolver; made by `signed_zones`."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.address = address()
        self._root = root
        self._server = address()
        self._silent = address()
        good, plain = Zone(GOOD, signed=True), Zone(PLAIN, signed=False)
        bogus = Zone(BOGUS, signed=True, bogus=True)
        top = Zone(".", signed=True)
        for name in (GOOD, PLAIN, BOGUS, BROKEN, SILENT):
            top.names[name] = {"NS": [f"ns.{BROKEN}."]}
        for zone in (good, bogus):
            top.names[zone.name] = {**top.names[zone.name], "DS": [zone.anchor]}
        self.zones = {zone.name: zone for zone in (top, good, plain, bogus)}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint(self) -> str:
        """The validating resolver, as the configuration names it."""
        return f"{self.address}:{PORT}"

    @property
    def servers(self) -> tuple[tuple[str, int], ...]:
        """The validating resolver, as `Resolver` takes it."""
        return ((self.address, PORT),)

    def add(self, name: str, records: Records, *, damaged: Sequence[str] = ()) -> str:
        """Make or replace a name in the zone that it ends in; the name. `publish` serves it."""
        name = name.lower().rstrip(".")
        zone = self._zone_of(name)
        zone.names[name] = records
        zone.damaged = {each for each in zone.damaged if each[0] != name}
        zone.damaged |= {(name, rdtype) for rdtype in damaged}
        zone.changed = True
        return name

    def remove(self, name: str) -> None:
        """Take a name away; `publish` makes it so."""
        zone = self._zone_of(name)
        del zone.names[name.lower().rstrip(".")]
        zone.changed = True

    def publish(self) -> None:
        """Sign what has changed, and wait until it is served."""
        changed = [zone for zone in self.zones.values() if zone.changed]
        for zone in changed:
            self._write(zone)
        if changed and self._processes:
            self._processes[0].send_signal(signal.SIGHUP)  # nsd reads changed files
            self._await(changed)

    def start(self) -> None:
        """Start both programs; they answer when this returns."""
        for zone in self.zones.values():
            self._write(zone)
        self._configure()
        self._launch("nsd", "-d", "-c", "nsd.conf")
        self._launch("unbound", "-d", "-p", "-c", "unbound.conf")
        self._await(self.zones.values())
        until(self._resolves, f"unbound answers, see {self.folder}")

    def stop(self) -> None:
        """End both programs."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _zone_of(self, name: str) -> Zone:
        for zone in self.zones.values():
            if zone.name != "." and f".{name}".lower().rstrip(".").endswith(f".{zone.name}"):
                return zone
        raise ValueError(f"{name} is in no zone that can be written")

    def _await(self, zones: Iterable[Zone]) -> None:
        for zone in zones:
            until(partial(self._serves, zone), f"nsd serves {zone.name} {zone.serial}")

    def _write(self, zone: Zone) -> None:
        new = self.folder / f"{zone.name}.new"
        new.write_text(zone.text())
        new.rename(self._file(zone))
        zone.changed = False

    def _file(self, zone: Zone) -> Path:
        return self.folder / f"{zone.name.strip('.') or 'root'}.zone"

    def _configure(self) -> None:
        zones = "".join(
            f'zone:\n  name: "{zone.name}"\n  zonefile: "{self._file(zone)}"\n'
            for zone in (*self.zones.values(), Zone(BROKEN, signed=False))  # without a file
        )
        (self.folder / "nsd.conf").write_text(
            NSD.format(folder=self.folder, address=self._server, port=SERVER_PORT) + zones
        )
        places = {name: f"{self._server}@{SERVER_PORT}" for name in (*self.zones, BROKEN)}
        places[SILENT] = f"{self._silent}@{SERVER_PORT}"
        stubs = "".join(
            f'stub-zone:\n  name: "{name}"\n  stub-addr: {place}\n  stub-no-cache: yes\n'
            for name, place in places.items()
        )
        anchor = self.zones["."].anchor
        (self.folder / "unbound.conf").write_text(
            UNBOUND.format(folder=self.folder, address=self.address, port=PORT, anchor=anchor)
            + stubs
        )

    def _launch(self, name: str, *arguments: str) -> None:
        libraries = [self._root / "lib", *sorted((self._root / "usr/lib").glob("*-linux-gnu"))]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    # A test run that is killed takes them along.
                    ["setpriv", "--pdeathsig", "TERM", self._root / "usr/sbin" / name, *arguments],
                    cwd=self.folder,
                    env={"PATH": os.defpath, "LD_LIBRARY_PATH": ":".join(map(str, libraries))},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _ask(self, where: str, port: int, name: str) -> dns.message.Message | None:
        question = dns.message.make_query(name, "SOA", want_dnssec=True)
        try:
            return dns.query.udp(question, where, port=port, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return None

    def _serves(self, zone: Zone) -> bool:
        answer = self._ask(self._server, SERVER_PORT, zone.name)
        if answer is None:
            return False
        soa = answer.get_rrset(
            dns.message.ANSWER, zone.origin, dns.rdataclass.IN, dns.rdatatype.SOA
        )
        return soa is not None and soa[0].serial == zone.serial

    def _resolves(self) -> bool:
        answer = self._ask(self.address, PORT, ".")
        return answer is not None and bool(answer.flags & dns.flags.AD)


@contextlib.contextmanager
def signed_zones(folder: Path) -> Iterator[SignedZones]:
    """Zones that are served and validated; raises PeersMissing where the programs cannot be had."""
    made = SignedZones(folder, packages.filled(packages.FOLDER / "dns", WANTED))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind((made._silent, SERVER_PORT))  # takes questions, and never reads them
        try:
            made.start()
            yield made
        finally:
            made.stop()


NSD = """\
server:
  ip-address: {address}@{port}
  do-ip6: no
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdir: "{folder}"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrd-reload-timeout: 0
  zonefiles-check: yes
  zonefiles-write: 0
  refuse-any: no
remote-control:
  control-enable: no
"""

UNBOUND = """\
server:
  interface: {address}@{port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  module-config: "validator iterator"
  trust-anchor: ". DS {anchor}"
  ede: yes
  val-log-level: 2
  do-not-query-localhost: no
  target-fetch-policy: "0 0 0 0 0"
  qname-minimisation: no
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  infra-host-ttl: 0
  outgoing-range: 64
remote-control:
  control-enable: no
"""
