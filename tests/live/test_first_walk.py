# SPDX-License-Identifier: Apache-2.0
"""The first walk in README.md does what it says, command by command, and prints what it says.

Only ports, addresses, times, numbers and what is made by chance may differ; "..." in the page
stands for any lines.
"""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.config.defaults import DEFAULT_TEXT
from tests.live.gateway import Gateway, address
from tests.patience import PATIENCE

README = Path(__file__).resolve().parents[2] / "README.md"
LOOKS = ("queue list", "log tail", "explain")  # may come too early, and are given again then


def steps() -> list[tuple[str, list[str]]]:
    """The commands of the walk, each with the lines that the page says it prints."""
    walk = README.read_text().partition("## A first walk")[2].partition("\n## ")[0]
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", walk, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def alike(line: str) -> str:
    """A line without what is another one at each walk."""
    line = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} .\d ", "DAY ", line)
    line = re.sub(r"\b[0-9A-F]{2}(:[0-9A-F]{2}){31}\b", "FINGERPRINT", line)
    line = re.sub(r"password [a-z0-9-]+ ", "password SECRET ", line)
    line = re.sub(r"\d+", "0", line.replace("in 0m", "in"))
    line = re.sub(r"\b(0[dhms] ?)+\b", "SPAN ", line)
    return " ".join(line.split())


def fits(said: list[str], page: list[str]) -> bool:
    """Is what was said what the page shows?"""
    pattern = "".join(
        "(?:.*\n)*?" if one == "..." else re.escape(alike(one)) + "\n" for one in page
    )
    return re.fullmatch(pattern, "".join(alike(one) + "\n" for one in said)) is not None


class Walker:
    """Somebody who types what the page says, on an address of his own."""

    def __init__(self, folder: Path) -> None:
        self._host = address()
        self._gateways: list[Gateway] = []
        text = DEFAULT_TEXT.replace("127.0.0.1", self._host)
        for name in ("inside", "gw"):
            place = folder / name
            place.mkdir()
            self._gateways.append(Gateway(place, text))

    def type(self, line: str) -> list[str]:
        """One line at the prompt; what is printed."""
        line = line.replace("127.0.0.1", self._host)
        if line.startswith("python3 "):
            words = [sys.executable, *shlex.split(line)[1:]]
            return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        line, _, filtered = line.partition(" | grep ")
        words = shlex.split(line)[1:]
        gateway = self._gateways[words[:2] != ["--data", "/tmp/inside"]]
        words = words[2:] if words[0] == "--data" else words
        if words[0] == "run":
            gateway.start()
            said = gateway.output.read_text().replace(str(gateway.data), "/tmp/gw")
            return [] if ">" in words else said.splitlines()
        wanted = shlex.split(filtered)[0] if filtered else ""
        return [one for one in gateway.command(*words).decode().splitlines() if wanted in one]

    def follow(self, line: str, page: list[str]) -> None:
        """Type it and compare; what only looks is typed again until it fits."""
        ends = time.monotonic() + PATIENCE
        said = self.type(line)
        while not fits(said, page):
            looks = any(f"gatehouse {one}" in line for one in LOOKS)
            assert looks and time.monotonic() < ends, f"$ {line}\n" + "\n".join(said)
            time.sleep(0.05)
            said = self.type(line)

    def stop(self) -> None:
        for gateway in self._gateways:
            gateway.stop()


@pytest.fixture
def walker(tmp_path: Path) -> Iterator[Walker]:
    one = Walker(tmp_path)
    yield one
    one.stop()


def test_the_first_walk_prints_what_the_page_says(walker: Walker) -> None:
    walk = steps()
    assert len(walk) >= 12
    assert walk[0][0].startswith("export "), "what this test does by itself"
    for line, page in walk[1:]:
        walker.follow(line, page)
