# SPDX-License-Identifier: Apache-2.0
"""A large commit under a gateway that serves: how long it takes, and whether a client notices.

10,000 entries in the host access table, 1,000 destinations and 200 certificates are committed
through the control socket, while a client connects in a loop and reads the banner. Target: under
2 s, and no connection refused. Two of the certificates are on a listener: after a commit the
gateway looks at each one that is served. Figures are in `bench/RESULTS.md`.
"""

import argparse
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gatehouse.app import open_house
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.house import House
from gatehouse.service.base.control import Request, call
from gatehouse.service.trust import keyring
from gatehouse.tls.certificates import create_demo

MEMBERS, GROUPS, DESTINATIONS, CERTIFICATES = 10_000, 100, 1_000, 200
ADDRESS, PORT = "127.99.0.1", 2525
PAUSE = 0.005  # seconds between two connections of a client
TARGET = 2.0

HEAD = f"""\
format = 1
[system]
hostname = "gw1.example.com"
[interfaces.Net]
address = "{ADDRESS}"
hostname = "mx.example.com"
[listeners.InboundMail]
type = "public"
interface = "Net"
port = {PORT}
recipient_access = [{{ recipient = "example.com", access = "accept" }}]
[mail_flow_policies.default]
tls = "preferred"
"""


def large(round_: int) -> str:
    """The text that is committed; each round has other destinations."""
    lines = [HEAD.replace("[mail_flow", 'certificate = "c0"\ncertificates = ["c1"]\n[mail_flow')]
    each = MEMBERS // GROUPS
    for group in range(GROUPS):
        members = [f'    "10.{group}.{n // 256}.{n % 256}",' for n in range(each)]
        lines += ["[[listeners.InboundMail.sender_groups]]", f'name = "G{group}"', "members = ["]
        lines += [*members, "]", 'policy = "ACCEPTED"']
    lines += ["[[listeners.InboundMail.sender_groups]]", 'name = "ALL"', 'members = ["ALL"]']
    lines.append('policy = "ACCEPTED"')
    for number in range(DESTINATIONS):
        lines += [f'[destination_controls."d{number}.r{round_}.example"]', 'tls = "required"']
    return "\n".join(lines) + "\n"


@dataclass
class Clients:
    """Connect, read the banner, leave; again and again until told to stop."""

    greeted: int = 0
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                with socket.create_connection((ADDRESS, PORT), 10) as sock:
                    banner = sock.recv(512)
                    sock.sendall(b"QUIT\r\n")
                    sock.recv(512)
                if not banner.startswith(b"220"):
                    self.failed.append(repr(banner))
                self.greeted += 1
            except OSError as error:
                self.failed.append(str(error))
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.stop.wait(PAUSE)


def ask(control: Path, action: str, **arguments: object) -> dict[str, Any]:
    raw = msgspec.Raw(msgspec.json.encode(arguments))
    name = pwd.getpwuid(os.getuid()).pw_name
    answer = msgspec.json.decode(
        call(control, Request(action=action, arguments=raw, operator=name))
    )
    if answer.get("fault"):
        raise SystemExit(f"{action}: {answer['fault']}")
    found: dict[str, Any] = answer["output"]
    return found


def prepare(data: Path) -> House:
    directory, store = open_house(data)
    store.revisions.append(text=HEAD, operator="bench", comment="", committed_at=time.time())
    name = pwd.getpwuid(os.getuid()).pw_name
    return House(directory=directory, version="bench", operator=name, opened=store)


def stage(house: House, text: str) -> None:
    """The candidate, and all the certificates, wait for the commit."""
    now = datetime.now(UTC)
    for number in range(CERTIFICATES):
        made = create_demo(now=now, serial=number + 1)
        keyring.stage(house.store, house.operator, f"c{number}", made, now.timestamp())
    Candidate(house).write(text.encode())


def measure(data: Path, rounds: int) -> None:
    house = prepare(data)
    command = [sys.executable, "-m", "gatehouse", "run", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection((ADDRESS, PORT), 1).close()
                ask(house.directory.control_socket, "status")
                break
            except OSError:
                time.sleep(0.1)
        for round_ in range(rounds):
            stage(house, large(round_))
            clients = Clients()
            thread = threading.Thread(target=clients.run)
            thread.start()
            time.sleep(0.5)
            began, wall = time.monotonic(), time.time()
            done = ask(house.directory.control_socket, "config commit", comment="bench")
            took = time.monotonic() - began
            time.sleep(0.5)
            clients.stop.set()
            thread.join()
            current = house.store.revisions.current()
            assert current is not None
            assert current.number == done["revision"]
            print(
                f"round {round_ + 1}: {took:.2f} s (target {TARGET:g}), stored after "
                f"{current.committed_at - wall:.2f} s; {clients.greeted} connections, "
                f"{len(clients.failed)} failed, slowest {clients.slowest * 1000:.0f} ms"
            )
            for one in clients.failed[:3]:
                print(f"  {one}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        house.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "data", rounds)


if __name__ == "__main__":
    main()
