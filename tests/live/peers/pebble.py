# SPDX-License-Identifier: Apache-2.0
"""Debian's pebble: an ACME server for tests, with a DNS server whose answers are set by hand.

Unpacked like the other peers, into a folder beside theirs. Its own validation is switched on: it
resolves names at the DNS server that comes with it, which leads every name to 127.0.0.1, and
connects to the port for http-01 that it is given.
"""

import contextlib
import fcntl
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.live.peers.packages import DOWNLOAD_SECONDS, FOLDER, PeersMissing
from tests.patience import PATIENCE
from tests.ports import free_port

HOME = FOLDER / "pebble"


@dataclass(frozen=True)
class Pebble:
    """A server that runs."""

    directory: str
    ca: Path  # the root behind its own certificate
    dns_control: str
    http_port: int  # where it looks for http-01


def unpacked() -> Path:
    """The folder of the programs; fetched when it is not there yet."""
    programs = HOME / "usr" / "bin"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "pebble.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (programs / "pebble").exists():
            _fetch()
    return programs


def _fetch() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PeersMissing("pebble is a Debian package, and this machine has no apt-get")
    store = FOLDER / "pebble-package"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    try:
        for command in (["apt-get", "download", "-qq", "pebble"], ["dpkg-deb", "-x"]):
            if command[0] == "dpkg-deb":
                (package,) = store.glob("*.deb")
                command = [*command, str(package), str(HOME)]
            subprocess.run(
                command, cwd=store, check=True, capture_output=True, timeout=DOWNLOAD_SECONDS
            )
    except (subprocess.SubprocessError, ValueError) as error:
        raise PeersMissing(f"pebble cannot be fetched: {error}") from error


@contextlib.contextmanager
def pebble(folder: Path) -> Iterator[Pebble]:
    """Run it on free ports."""
    programs = unpacked()
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "pebble-ca.pem")
    listen, control, http, tls, dns, dns_control = (free_port() for _ in range(6))
    (folder / "pebble.json").write_text(
        json.dumps(
            {
                "pebble": {
                    "listenAddress": f"127.0.0.1:{listen}",
                    "managementListenAddress": f"127.0.0.1:{control}",
                    "certificate": str(folder / "server.pem"),
                    "privateKey": str(folder / "server.pem"),
                    "httpPort": http,
                    "tlsPort": tls,
                }
            }
        )
    )
    environment = {
        **os.environ,
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_WFE_NONCEREJECT": "0",
        "PEBBLE_AUTHZREUSE": "0",  # every renewal is to prove itself again
    }
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "pebble.log").open("wb") as log:
        try:
            for command in (
                [str(programs / "pebble-challtestsrv"), "-dns01", f"127.0.0.1:{dns}",
                 "-management", f"127.0.0.1:{dns_control}", "-defaultIPv4", "127.0.0.1",
                 "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""],
                [str(programs / "pebble"), "-config", str(folder / "pebble.json"),
                 "-dnsserver", f"127.0.0.1:{dns}"],
            ):  # fmt: skip
                started.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
            made = Pebble(
                f"https://127.0.0.1:{listen}/dir",
                folder / "pebble-ca.pem",
                f"http://127.0.0.1:{dns_control}",
                http,
            )
            _wait(made, folder / "pebble.log")
            yield made
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(PATIENCE)


def _wait(made: Pebble, log: Path) -> None:
    context = ssl.create_default_context(cafile=str(made.ca))
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(made.directory, context=context, timeout=2):
                return
        except OSError:
            if time.monotonic() > ends:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.1)
