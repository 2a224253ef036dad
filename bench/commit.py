# SPDX-License-Identifier: Apache-2.0
"""A large commit under a gateway that serves: how long it takes, and whether a client notices.

10,000 entries in the host access table, 1,000 destinations and 200 certificates are committed
through the control socket, while a client connects in a loop and reads the banner. Target: under
2 s, and no connection refused. All the certificates are in use: half of them at two listeners,
chosen by SNI, and half for destinations that want to know who we are.

Beside the wall clock the processor time of each process is told, which other work on the machine
changes less, that of single steps in a process of their own, and the start with this configuration.
Figures are in `bench/RESULTS.md`.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gatehouse.app import open_house
from gatehouse.config import build, checks, document, text
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.house import House
from gatehouse.service.base import handover
from gatehouse.service.base.control import Request, call
from gatehouse.service.trust import keyring
from gatehouse.tls.certificates import CertifiedKey, SelfSigned, Subject, create_self_signed

MEMBERS, GROUPS, DESTINATIONS, CERTIFICATES = 10_000, 100, 1_000, 200
SERVED = CERTIFICATES // 2  # at listeners; the others are shown to destinations
ADDRESS, PORT, SECOND = "127.99.0.1", 2525, 2526
PAUSE = 0.005  # seconds between two connections of a client
TARGET = 2.0
TICK = os.sysconf("SC_CLK_TCK")
T = TypeVar("T")

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
    names = [f"c{number}" for number in range(SERVED)]
    lines = [HEAD.replace("[mail_flow", f"{certificates(names[: SERVED // 2])}[mail_flow")]
    lines += ["[listeners.SecondMail]", 'type = "public"', 'interface = "Net"', f"port = {SECOND}"]
    lines += ['recipient_access = [{ recipient = "example.com", access = "accept" }]']
    lines += [certificates(names[SERVED // 2 :])]
    each = MEMBERS // GROUPS
    for group in range(GROUPS):
        members = [f'    "10.{group}.{n // 256}.{n % 256}",' for n in range(each)]
        lines += ["[[listeners.InboundMail.sender_groups]]", f'name = "G{group}"', "members = ["]
        lines += [*members, "]", 'policy = "ACCEPTED"']
    lines += ["[[listeners.InboundMail.sender_groups]]", 'name = "ALL"', 'members = ["ALL"]']
    lines.append('policy = "ACCEPTED"')
    for number in range(DESTINATIONS):
        lines += [f'[destination_controls."d{number}.r{round_}.example"]', 'tls = "required"']
        if number < CERTIFICATES - SERVED:
            lines.append(f'client_certificate = "c{SERVED + number}"')
    return "\n".join(lines) + "\n"


def certificates(names: list[str]) -> str:
    """Two fields of a listener."""
    others = ", ".join(f'"{name}"' for name in names[1:])
    return f'certificate = "{names[0]}"\ncertificates = [{others}]\n'


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
        wanted = SelfSigned(subject=Subject(common_name=f"c{number}.example.com"), days=30)
        made = create_self_signed(wanted, now=now, serial=number + 1)
        assert isinstance(made, CertifiedKey)
        keyring.stage(house.store, house.operator, f"c{number}", made, now.timestamp())
    Candidate(house).write(text.encode())


def started(house: House, data: Path) -> subprocess.Popen[bytes]:
    """Start a gateway and wait until it has been greeted by; told: wall clock and processor."""
    command = [sys.executable, "-m", "gatehouse", "run", "--data", str(data)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            with socket.create_connection((ADDRESS, PORT), 1) as sock:
                sock.recv(512)
            break
        except OSError:
            time.sleep(0.01)
    banner = time.monotonic() - began
    while True:
        try:
            ask(house.directory.control_socket, "status")
            break
        except OSError:
            time.sleep(0.05)
    used = ", ".join(f"{role} {spent:.0f} ms" for role, spent in processor(process.pid).items())
    print(f"  to the first banner {banner:.2f} s; processor: {used}")
    return process


def processor(supervisor: int) -> dict[str, float]:
    """Milliseconds of processor time that each process of a gateway has used."""
    found: dict[str, float] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (place / "stat").read_text().rpartition(")")[2].split()
            words = (place / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if int(place.name) == supervisor:
            role = "supervisor"
        elif int(after_name[1]) == supervisor and "_role" in words:
            role = f"{words[words.index('_role') + 1]} {place.name}"
        else:
            continue
        # proc_pid_stat(5): utime and stime are fields 14 and 15, of which the name is the second.
        found[role] = (int(after_name[11]) + int(after_name[12])) * 1000 / TICK
    return found


def steps(content: str) -> None:
    """Processor time of single steps, in this process."""
    names = frozenset({"Demo", *(f"c{number}" for number in range(CERTIFICATES))})

    def timed(what: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        result = work()
        print(f"  {what:28} {(time.process_time() - began) * 1000:6.0f} ms")
        return result

    parsed = timed("TOML", lambda: text.parse(content.encode()))
    assert isinstance(parsed, text.Parsed)
    read = timed("form", lambda: document.read(parsed.values))
    assert not isinstance(read, tuple)
    timed("checks", lambda: checks.check(read, certificates=names))
    running = timed("compiling", lambda: build.build(read))
    packed = timed("packing", lambda: handover.pack(running))
    timed("unpacking, in each process", lambda: handover.unpack(packed))


def one_round(house: House, supervisor: int, round_: int) -> None:
    """Commit once."""
    stage(house, large(round_))
    clients = Clients()
    thread = threading.Thread(target=clients.run)
    thread.start()
    time.sleep(0.5)
    before = processor(supervisor)
    began, wall = time.monotonic(), time.time()
    try:
        done = ask(house.directory.control_socket, "config commit", comment="bench")
        took = time.monotonic() - began
        after = processor(supervisor)
        time.sleep(0.5)
    finally:
        clients.stop.set()
        thread.join()
    current = house.store.revisions.current()
    assert current is not None
    assert current.number == done["revision"]
    wrong = [one for one in done["served"] if one["outcome"] != "as expected"]
    print(
        f"round {round_ + 1}: {took:.2f} s (target {TARGET:g}), stored after "
        f"{current.committed_at - wall:.2f} s; {clients.greeted} connections, "
        f"{len(clients.failed)} failed, slowest {clients.slowest * 1000:.0f} ms; "
        f"{len(done['served'])} certificates looked at, {len(wrong)} not as expected"
    )
    for role, spent in after.items():
        print(f"  {role:28} {spent - before.get(role, 0.0):6.0f} ms of processor time")
    for one in clients.failed[:3]:
        print(f"  {one}")


def stopped(process: subprocess.Popen[bytes]) -> None:
    """End a gateway."""
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def measure(data: Path, rounds: int) -> None:
    house = prepare(data)
    print("steps of checking and compiling:")
    steps(large(0))
    try:
        print("start with a small configuration:")
        process = started(house, data)
        try:
            for round_ in range(rounds):
                one_round(house, process.pid, round_)
        finally:
            stopped(process)
        print("start with the large configuration:")
        stopped(started(house, data))
    finally:
        house.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "data", rounds)


if __name__ == "__main__":
    main()
