# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.crash`: the long storm, and its figures into docs/crash-safety.md.

Exit status 0 only when nothing was lost, damaged, invented, doubled without excuse, stuck or left.
"""

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.crash import storm
from tests.crash.gateway import ROOT

PAGE = ROOT / "docs" / "crash-safety.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
MEMORY = Path("/dev/shm")  # another file system than the data's, on Linux


def steps(kills: int, variants: int, dice: random.Random) -> tuple[str, ...]:
    """So many kills of the whole group, with the other ways strewn in."""
    others = (storm.RECEIVER, storm.DELIVERER, storm.SUPERVISOR, storm.START_UP, storm.TERM)
    plan = [storm.GROUP] * kills + [way for way in others for _ in range(variants)]
    dice.shuffle(plan)
    return tuple(plan)


def places(keep: Path | None) -> tuple[Path, Path]:
    """Where the data and where the ledgers lie."""
    if keep is not None:
        keep.mkdir(parents=True)
        (keep / "notes").mkdir()
        return keep, keep / "notes"
    home = MEMORY if os.access(MEMORY, os.W_OK) else None
    return (
        Path(tempfile.mkdtemp(prefix="gatehouse-storm-")),
        Path(tempfile.mkdtemp(prefix="gatehouse-ledger-", dir=home)),
    )


def filesystem(path: Path) -> str:
    """Type and mount options of the file system that holds a path."""
    best = ("", "unknown")
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, where, kind, options, *_ = line.split(" ")
        inside = path == Path(where) or Path(where) in path.parents
        if inside and len(where) >= len(best[0]):
            best = (where, f"{kind} ({options})")
    return best[1]


def table(record: storm.Record, seed: int, kinds: tuple[str, str]) -> str:
    """The figures as Markdown."""
    findings = record.findings
    apart = (storm.START_UP, storm.TERM)
    counted = sum(n for way, n in record.kills.items() if way not in apart)
    rows = [
        ("seed", seed),
        ("data on", kinds[0]),
        ("ledgers on", kinds[1]),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("time", f"{record.seconds / 60:.1f} minutes"),
        ("kills with something in flight", counted),
        *((f"… of {way}", n) for way, n in record.kills.items() if way not in apart),
        ("kills during start-up, three in a row (not counted)", record.kills[storm.START_UP]),
        ("stops by SIGTERM under load", record.kills[storm.TERM]),
        ("kills with nothing in flight (not counted)", record.idle_kills),
        ("slowest start until all processes serve", f"{record.slowest_start:.1f} s"),
        ("(message, recipient) pairs offered", findings.offered),
        ("acknowledged", findings.acknowledged),
        ("received", findings.received),
        ("reported to the sender as refused", findings.reported),
        ("received though the 250 was never heard", findings.unacknowledged),
        *((f"copies, excused: {why}", n) for why, n in sorted(findings.excused.items())),
        ("longest time from a reply to the kill that excuses a copy", f"{findings.widest:.3f} s"),
        *((f"**{name}**", f"**{len(found)}**") for name, found in findings.faults.items()),
        ("integrity check of the database", record.integrity),
    ]
    lines = ["| what | figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    lines += ["", "In flight at the kills:", "", "| phase | connections | in so many kills |"]
    lines += ["|---|---|---|"]
    for phase, number in sorted(record.in_flight.items()):
        lines.append(f"| {phase} | {number} | {record.phases[phase]} |")
    bound = 3 / max(1, counted)
    lines += ["", f"No loss in {counted} kills bounds the loss at {bound:.1%} per kill (95 %)."]
    return "\n".join(lines)


def publish(text: str) -> None:
    """Put the figures into the page."""
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a storm."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills of the whole process group")
    parser.add_argument("--variants", type=int, default=5, help="of each other way to end it")
    parser.add_argument("--clients", type=int, default=10, help="connections at a time")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's dice")
    parser.add_argument("--keep", type=Path, default=None, help="leave data and ledgers here")
    parser.add_argument("--publish", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    wanted = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if wanted.seed is None else wanted.seed
    plan = storm.Plan(
        seed=seed,
        steps=steps(wanted.kills, wanted.variants, random.Random(seed)),
        clients=wanted.clients,
    )
    data, notes = places(wanted.keep)
    print(f"seed {seed}; data {data}; ledgers {notes}", flush=True)
    record = storm.run(plan, data / "data", notes, lambda text: print(text, flush=True))
    text = table(record, seed, (filesystem(data), filesystem(notes)))
    print(text)
    findings = record.findings
    print(findings.say())
    failed = not findings.clean or record.integrity != "ok" or record.exit_status != 0
    if wanted.publish and not failed:
        publish(text)
    if wanted.keep is None and not failed:
        for place in (data, notes):
            shutil.rmtree(place)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
