# SPDX-License-Identifier: Apache-2.0
"""What verification costs: the relay rate with required-verify against that with preferred.

    python -m bench.tls_levels [--messages N] [--rounds N] [--connections N N]

Once with 50 messages on a connection, as it ships, and once with one, so that every message has a
handshake and a verdict of its own. The two levels take turns; what counts is the ratio.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.harness import (
    GatehouseSystem,
    Identity,
    Load,
    Setting,
    Sink,
    gatehouse_configuration,
    make_identity,
    middle,
    running,
)

WARM_UP = 200
GOAL = 0.8  # of the rate with preferred


class LevelSystem(GatehouseSystem):
    """Gatehouse with one level towards everybody."""

    def __init__(self, level: str, per_connection: int, authority: str) -> None:
        self.level = level
        self.per_connection = per_connection
        self.authority = authority

    def configuration(self, port: int, setting: Setting) -> str:
        """As it ships, with another rule for destinations."""
        ours = (
            f'tls = "{self.level}"\nmax_messages_per_connection = {self.per_connection}\n'
            f'ca_certificates = ["""{self.authority}"""]\n'
        )
        return gatehouse_configuration(port, setting).replace('tls = "required"\n', ours)


def rate(level: str, per_connection: int, messages: int, identity: Identity) -> float:
    """Messages in a second through one gateway."""
    sink = Sink([WARM_UP, WARM_UP + messages], identity)
    try:
        system = LevelSystem(level, per_connection, identity.certificate.read_text())
        setting = Setting(identity=identity, relay_to=sink.port, relay_tls=True)
        load = Load(messages=messages, per_connection=100, starttls=True)
        with running(system, setting) as port:
            replace(load, messages=WARM_UP).run(port)
            sink.next_mark()
            result = load.run(port)
            ended: float = sink.next_mark()["at"]
            return messages / (ended - float(result["started"]))
    finally:
        sink.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[50, 1])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        identity = make_identity(Path(folder))
        for per_connection in given.connections:
            found: dict[str, list[float]] = {"preferred": [], "required-verify": []}
            for _ in range(given.rounds):
                for level, rates in found.items():
                    rates.append(rate(level, per_connection, given.messages, identity))
            plain, verified = (middle(rates) for rates in found.values())
            print(
                f"{per_connection} on a connection: preferred {plain:.0f} /s, required-verify "
                f"{verified:.0f} /s, ratio {verified / plain:.2f} (goal {GOAL})",
                flush=True,
            )


if __name__ == "__main__":
    main()
