# SPDX-License-Identifier: Apache-2.0
"""Hostile configuration files: how long each takes to be refused. `python -m bench.hostile_files`

Each file is a trick of its kind at the size that the bounds still let in: nesting, numbers, keys,
sections, odd encodings, huge lists and sections, saved files with bombs for argon2. Read as
`gatehouse config check` reads it: taken apart, parsed, checked, compiled. Target: each that is
refused below 1 s of processor time.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from gatehouse.config import checks, saved, text
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.saved import Lock, Saved
from gatehouse.config.saved_fields import LARGEST_MEMORY_KIB, LARGEST_WORK_KIB
from gatehouse.faces.actions.configuration_open import taken_apart
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.service.trust import sealing

TARGET = 1.0
RUNS = "can run"  # large, and nothing is wrong with it: that may take longer
MEBIBYTE = 1024 * 1024
GOOD = DEFAULT_TEXT.encode()
HEAD = b'format = 1\n[system]\nhostname = "gw1.example.com"\n'
LISTENER = b"""[interfaces.Net]
address = "127.0.0.1"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
"""


def files() -> Iterator[tuple[str, bytes]]:
    """Every trick by its name."""
    yield "the configuration of a new gateway", GOOD
    yield from _encodings()
    yield from _syntax()
    yield from _large()
    yield from _meaning()
    yield from _saved()


def _encodings() -> Iterator[tuple[str, bytes]]:
    yield "4 MiB of NUL", b"\0" * text.MAX_BYTES
    yield "UTF-16", DEFAULT_TEXT.encode("utf-16")
    yield "4 MiB and one broken octet at the end", b"#" * (text.MAX_BYTES - 1) + b"\xff"
    yield "9 MiB", b"#" * (9 * MEBIBYTE)
    yield "4 MiB of U+202E in a comment", b"# " + "\u202e".encode() * (text.MAX_BYTES // 3 - 1)


def _syntax() -> Iterator[tuple[str, bytes]]:
    size = text.MAX_BYTES - 100
    yield "4 MiB of [", HEAD + b"x = " + b"[" * size
    yield "lists 16 deep, 4 MiB", HEAD + b"x = [" + (b"[" * 15 + b"]" * 15 + b",") * (size // 40)
    yield "4 MiB of quotes", HEAD + b"x = " + b'"' * size
    yield "a string that never ends", HEAD + b'x = """' + b"a" * size
    yield "4 MiB of backslashes", HEAD + b'x = "' + b"\\" * size
    yield "4 MiB of one key", HEAD + b"k" * size
    yield "4 MiB of a.a.a", HEAD + b"a." * (size // 2) + b"a = 1"
    yield "4 MiB of a b", HEAD + b"a " * (size // 2)
    yield "a number of 4 MiB", HEAD + b"x = " + b"9" * size
    yield "4 MiB of empty lines", HEAD + b"\n" * size
    yield "4 MiB of blanks", HEAD + b" " * size + b"x"
    yield "4 MiB of comments", HEAD + b"#\n" * (size // 2)
    yield "\\u escapes, 4 MiB", HEAD + b'x = "' + b"\\u0041" * (size // 6) + b'"'
    yield (
        "39,000 dates",
        HEAD + b"".join(b"k%d = 1979-05-27T07:32:00Z\n" % n for n in range(39_000)),
    )


def _large() -> Iterator[tuple[str, bytes]]:
    yield "80,000 unknown keys", HEAD + b"".join(b"k%d = 1\n" % n for n in range(79_990))
    yield "16,000 unknown sections", HEAD + b"".join(b"[s%d]\n" % n for n in range(15_990))
    yield "16,000 dotted keys", HEAD + b"".join(b"a%d.b = 1\n" % n for n in range(15_990))
    deep = b".".join([b"x"] * 10)
    yield "3,000 sections 11 deep", HEAD + b"".join(b"[s%d.%b]\n" % (n, deep) for n in range(3_000))
    yield (
        "one section twice at the end of 15,000",
        HEAD + b"".join(b"[s%d]\n" % n for n in range(15_000)) + b"[s0]\n",
    )
    yield "200,000 numbers where a text belongs", HEAD + b"x = [" + b"1," * 199_000 + b"]"
    yield "200,000 empty tables in a list", HEAD + b"x = [" + b"{}," * 199_000 + b"]"


def _meaning() -> Iterator[tuple[str, bytes]]:
    members = b"".join(
        b'"10.%d.%d.%d",\n' % (n >> 16, n >> 8 & 255, n & 255) for n in range(90_000)
    )
    yield (
        "90,000 members of one group",
        HEAD
        + LISTENER
        + (
            b'[[listeners.In.sender_groups]]\nname = "A"\nmembers = ['
            + members
            + b']\npolicy = "X"\n'
        ),
    )
    yield (
        "15,000 sender groups without a policy",
        HEAD
        + LISTENER
        + b"".join(b'[[listeners.In.sender_groups]]\nname = "G%d"\n' % n for n in range(15_000)),
    )
    yield (
        "15,000 groups of one policy that is none",
        HEAD
        + LISTENER
        + b"".join(
            b"[[listeners.In.sender_groups]]\n"
            b'name = "G%d"\nmembers = ["10.0.0.%d"]\npolicy = "NONE"\n' % (n, n % 256)
            for n in range(15_000)
        ),
    )
    yield (
        "39,000 recipients",
        HEAD
        + LISTENER
        + b"recipient_access = [\n"
        + b"".join(b'{recipient="u%d@a.example",access="accept"},\n' % n for n in range(39_000))
        + b"]\n",
    )
    yield (
        "39,000 recipients that shadow each other",
        HEAD
        + LISTENER
        + b"recipient_access = [\n"
        + (b'{recipient=".a.example",access="accept"},\n' * 39_000)
        + b"]\n",
    )
    yield (
        "9,000 destinations",
        HEAD
        + b"".join(
            b'[destination_controls."d%d.example"]\ntls = "required"\n' % n for n in range(9_000)
        ),
    )
    yield (
        "9,000 listeners on one port",
        HEAD
        + b'[interfaces.Net]\naddress = "127.0.0.1"\n'
        + b"".join(
            b'[listeners.L%d]\ntype = "public"\ninterface = "Net"\nport = 25\n' % n
            for n in range(9_000)
        ),
    )
    yield (
        "39,000 routes",
        HEAD
        + b"[smtp_routes]\n"
        + b"".join(b'"d%d.example" = ["h.example:25"]\n' % n for n in range(39_000)),
    )


def _saved() -> Iterator[tuple[str, bytes]]:
    lock = Lock(
        memory_kib=65536, passes=3, lanes=4, salt=b"s" * 16, nonce=b"n" * 12, check=b"c" * 16
    )
    good = Saved(
        program="x",
        saved_at=datetime(2026, 1, 1, tzinfo=UTC),
        source="revision 1",
        lock=lock,
        sealed=b"x" * 6_000_000,
    )
    whole = saved.assemble(GOOD, good)
    yield "saved, 6 MB sealed", whole
    yield "saved, sealed part damaged", whole.replace(b"eHh4", b"eHh5", 1)
    yield "saved, 4 MiB of junk behind", whole + b"junk = 1\n" * 460_000
    yield "saved, sealed part is no base64", whole.replace(b"eHh4", b"!!!!")
    yield "saved, 45,000 marks", GOOD + (b"\n" + saved.MARK + b"\n") * 45_000
    yield (
        "saved, 4 TiB for argon2",
        saved.assemble(GOOD, replace(good, lock=replace(lock, memory_kib=2**32 - 1))),
    )
    yield (
        "saved, 2^31 passes",
        saved.assemble(GOOD, replace(good, lock=replace(lock, passes=2**31))),
    )
    yield "saved, deep nesting in the section", whole + b"x = " + b"[" * 60_000
    yield (
        "saved, 15,000 names masked",
        saved.assemble(GOOD, replace(good, lock=None, sealed=b"", masked=("x",) * 15_000)),
    )


def check(data: bytes) -> str:
    """What comes of a file, in a few words."""
    try:
        file = taken_apart(data)
    except OperatorError as refused:
        return f"{len(refused.fault.findings)} faults"
    found = checks.load(file.text)
    if isinstance(found, checks.Refused):
        return f"{len(found.findings)} findings"
    return RUNS


def _dearest() -> tuple[str, float]:
    """The most that a file can make a passphrase cost."""
    passes = LARGEST_WORK_KIB // LARGEST_MEMORY_KIB
    lock = Lock(
        memory_kib=LARGEST_MEMORY_KIB, passes=passes, lanes=1,
        salt=b"s" * 16, nonce=b"n" * 12, check=b"c" * 16,
    )  # fmt: skip
    about = Saved(
        program="x", saved_at=datetime(2026, 1, 1, tzinfo=UTC), source="", lock=lock, sealed=b"x"
    )
    file = saved.read(saved.assemble(GOOD, about))
    assert isinstance(file, saved.File)
    began = time.process_time()
    assert sealing.unseal(file, "a wrong passphrase") is sealing.Locked.PASSPHRASE
    return f"argon2id at its bounds ({LARGEST_MEMORY_KIB // 1024} MiB, {passes} passes, 1 lane)", (
        time.process_time() - began
    )


def main() -> int:
    """Print the table; the exit status is 1 if one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many")
    rounds = parser.parse_args().rounds
    slow = 0
    print("| file | octets | came of it | seconds |\n|---|---|---|---|")
    for name, data in files():
        best, came = 9e9, ""
        for _ in range(rounds):
            began = time.process_time()
            came = check(data)
            best = min(best, time.process_time() - began)
        late = best > TARGET and came != RUNS
        slow += late
        print(f"| {name} | {len(data):,} | {came} | {best:.2f}{' !' if late else ''} |", flush=True)
    name, took = min((_dearest() for _ in range(rounds)), key=lambda one: one[1])
    slow += took > TARGET
    print(f"| {name} | | wrong passphrase | {took:.2f} |")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
