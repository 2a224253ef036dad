# SPDX-License-Identifier: Apache-2.0
"""Messages per second and time to the 250, side by side: Gatehouse, Postfix, OpenSMTPD.

Every round runs every system once on a fresh folder, one after the other, and the order turns from
round to round; what is compared are medians over the rounds. `python -m bench.throughput --help`
lists the knobs.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.harness import (
    RESULTS,
    WARM_UP,
    BenchFailed,
    GatehouseSystem,
    Identity,
    Load,
    OpenSmtpdSystem,
    PostfixSystem,
    Processors,
    Setting,
    Sink,
    System,
    compiled,
    machine,
    make_identity,
    middle,
    running,
)

SYSTEMS: dict[str, type[System]] = {
    "gatehouse": GatehouseSystem,
    "postfix": PostfixSystem,
    "opensmtpd": OpenSmtpdSystem,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One load, and how many times a peer's rate it is to reach."""

    key: str
    title: str
    load: Load
    relay: bool = False
    relay_tls: bool = False
    prefill: int = 0
    peers: tuple[str, ...] = ("postfix", "opensmtpd")
    targets: tuple[tuple[str, float], ...] = ()


ROWS = (
    Row(
        key="accept-1",
        title="accept, 4 KiB, 20 connections, one message per connection, clear",
        load=Load(messages=6000),
        targets=(("postfix", 2.5), ("opensmtpd", 1.5)),
    ),
    Row(
        key="accept-100",
        title="accept, 4 KiB, 20 connections, 100 messages per connection, clear",
        load=Load(messages=10000, per_connection=100),
        targets=(("postfix", 3.0),),
    ),
    Row(
        key="accept-64k",
        title="accept, 64 KiB, 20 connections, one message per connection, clear",
        load=Load(messages=3000, size=65536),
        targets=(("postfix", 1.5),),
    ),
    Row(
        key="accept-tls",
        title="accept, 4 KiB, 20 connections, full P-256 handshake and one message per connection",
        load=Load(messages=2500, starttls=True),
        targets=(("postfix", 1.5),),
    ),
    Row(
        key="relay",
        title="relay, 20,000 messages of 4 KiB, clear",
        load=Load(messages=20000, per_connection=100),
        relay=True,
        peers=("postfix",),  # OpenSMTPD paces what it sends to one host by design
        targets=(("postfix", 2.0),),
    ),
    Row(
        key="relay-tls",
        title="relay, 20,000 messages of 4 KiB, TLS on both sides",
        load=Load(messages=20000, per_connection=100, starttls=True),
        relay=True,
        relay_tls=True,
        peers=("postfix",),
        targets=(("postfix", 2.0),),
    ),
    Row(
        key="accept-50k",
        title="accept, 4 KiB, 20 connections, one message each, clear, 50,000 in the queue",
        load=Load(messages=6000),
        prefill=50000,
        peers=("postfix",),
    ),
)


def measure(system: System, row: Row, identity: Identity) -> dict[str, Any]:
    """One system, one row, one round."""
    if row.relay:
        return _measure_relay(system, row, identity)
    with running(system, Setting(identity=identity)) as port:
        replace(row.load, messages=WARM_UP).run(port)
        if row.prefill:
            Load(messages=row.prefill, per_connection=100).run(port)
        processors = Processors()
        result = row.load.run(port)
        return result | {"busy": processors.busy()}


def _measure_relay(system: System, row: Row, identity: Identity) -> dict[str, Any]:
    total = row.load.messages + WARM_UP
    sink = Sink([WARM_UP, total], identity if row.relay_tls else None)
    try:
        setting = Setting(identity=identity, relay_to=sink.port, relay_tls=row.relay_tls)
        with running(system, setting) as port:
            replace(row.load, messages=WARM_UP).run(port)
            sink.next_mark()
            processors = Processors()
            result = row.load.run(port)
            end = sink.next_mark()
            seconds = end["at"] - result["started"]
            return result | {
                "accept_rate": result["rate"],
                "rate": row.load.messages / seconds,
                "seconds": seconds,
                "busy": processors.busy(),
                "sink_cpu_seconds": end["cpu_seconds"],
                "sink_handshakes": [end["full_handshakes"], end["resumed"]],
            }
    finally:
        sink.stop()


def run(
    rows: list[Row], systems: list[str], rounds: int, identity: Identity, say: Callable[[str], None]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """All rounds of all rows; a system that cannot take part in a row leaves it with a sentence."""
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        here = [name for name in systems if name == "gatehouse" or name in row.peers]
        results[row.key] = {name: [] for name in here}
        say(f"\n{row.title}")
        for number in range(rounds):
            turn = number % len(here)
            for name in here[turn:] + here[:turn]:
                try:
                    result = measure(SYSTEMS[name](), row, identity)
                except (BenchFailed, RuntimeError) as broken:
                    say(f"  round {number + 1} {name}: {broken}")
                    continue
                results[row.key][name].append(result)
                say(
                    f"  round {number + 1} {name:<10} {result['rate']:8.0f} /s"
                    f"  p50 {result['p50_ms']:7.2f} ms  p99 {result['p99_ms']:8.2f} ms"
                    f"  busy {result['busy']:4.0%}"
                    f"  generator {result['cpu_share']:4.0%} of one core  {result['tls']}"
                )
    return results


def table(rows: list[Row], results: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """The report: medians, ratios, targets."""
    lines = [
        "| load | Gatehouse | Postfix | OpenSMTPD | × Postfix | × OpenSMTPD | target "
        "| p99 ms G / P / O |",
        "|---|---|---|---|---|---|---|---|",
    ]
    empty = _rate(results, "accept-1", "gatehouse")
    for row in rows:
        rate = {name: _rate(results, row.key, name) for name in SYSTEMS}
        p99 = {
            name: middle([r["p99_ms"] for r in results[row.key].get(name, [])]) for name in SYSTEMS
        }
        target = ", ".join(f"≥ {value} × {name.capitalize()}" for name, value in row.targets)
        if row.prefill and empty:
            target = f"≥ 0.9 of empty: {rate['gatehouse'] / empty:.2f}"
        cells = [
            row.title,
            *(_number(rate[name]) for name in ("gatehouse", "postfix", "opensmtpd")),
            _ratio(rate["gatehouse"], rate["postfix"]),
            _ratio(rate["gatehouse"], rate["opensmtpd"]),
            target,
            " / ".join(f"{p99[name]:.1f}" if rate[name] else "-" for name in SYSTEMS),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rate(results: dict[str, dict[str, list[dict[str, Any]]]], row: str, system: str) -> float:
    return middle([r["rate"] for r in results.get(row, {}).get(system, [])])


def _number(value: float) -> str:
    return f"{value:.0f}" if value else "-"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if ours and theirs else "-"


def _scaled(row: Row, share: float) -> Row:
    load = replace(row.load, messages=max(200, int(row.load.messages * share)))
    return replace(row, load=load, prefill=int(row.prefill * share))


def main() -> int:
    """Run what the command line asks for; writes the raw figures and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--rows", default="", help="comma-separated: " + ", ".join(r.key for r in ROWS)
    )
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="comma-separated")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the messages, for a quick look"
    )
    parser.add_argument("--output", type=Path, default=None, help="where the raw figures go (JSON)")
    asked = parser.parse_args()
    keys = [key for key in asked.rows.split(",") if key]
    rows = [_scaled(row, asked.scale) for row in ROWS if not keys or row.key in keys]
    systems = [name for name in asked.systems.split(",") if name in SYSTEMS]
    if not rows or not systems:
        parser.error("no such row or system")
    compiled("load"), compiled("sink")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    RESULTS.mkdir(exist_ok=True)
    identity = make_identity(RESULTS)
    results = run(rows, systems, asked.rounds, identity, lambda text: print(text, flush=True))
    output = asked.output or RESULTS / f"throughput-{time.strftime('%Y%m%dT%H%M%S')}.json"
    output.write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
    print("\n" + "\n".join(f"{name}: {value}" for name, value in machine().items()))
    print("\n" + table(rows, results))
    print(f"\nraw figures: {output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
