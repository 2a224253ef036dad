# SPDX-License-Identifier: Apache-2.0
"""The guide to the shell names every command, and its example does what it says."""

import re
from pathlib import Path

from gatehouse.faces.actions import configuration
from gatehouse.faces.cli.shell.commands import ALIASES, COMMANDS
from gatehouse.policy.mail_flow import TlsDemand
from tests.unit.faces.cli.shell.conftest import Desk

ROOT = Path(__file__).resolve().parents[5]
GUIDE = (ROOT / "docs" / "shell.md").read_text()
SHELL = ROOT / "src" / "gatehouse" / "faces" / "cli" / "shell"
OWN = {"who"}  # of the session itself; `help` and `quit` need no row


def rows() -> list[tuple[str, str]]:
    """What the table of commands says: its commands, and what they are for."""
    part = GUIDE.split("## Commands\n", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`.*?) \| (.*) \|$", part, re.MULTILINE)
    return [(names, what) for names, what in cells if "`…" not in names]


def named() -> set[str]:
    """Every command of the table, without the words that it takes behind it."""
    words = [one for names, _ in rows() for one in re.findall(r"`([^`]+)`", names)]
    return {re.sub(r" [A-Z].*", "", one) for one in words}


def test_the_guide_names_every_command_and_no_other() -> None:
    assert named() == {*COMMANDS, *ALIASES, *OWN} - {"statusdetail"}


def test_the_operations_that_the_guide_names_are_there() -> None:
    part = GUIDE.split("## Commands\n", 1)[1].split("\n## ", 1)[0]
    source = "".join(one.read_text() for one in SHELL.glob("*.py"))
    told = {word for line in re.findall(r"^\|.*", part, re.MULTILINE) for word in words(line)}
    assert {word for word in told if f'("{word}", ' not in source} == set()


def words(line: str) -> list[str]:
    """Operations in a row; what a command takes behind it stands in code marks."""
    plain = re.sub(r"`[^`]*`", "", line)
    return [one for one in re.findall(r"\b[A-Z]{3,}\b", plain) if one not in ("TLS", "TLSA")]


def test_the_example_demands_tls_with_a_certificate_of_its_own(desk: Desk) -> None:
    part = GUIDE.split("### TLS on a listener, as a recording\n", 1)[1]
    *answers, last = part.split("```text\n", 1)[1].split("\n```", 1)[0].split("\n")
    assert last == "quit"
    made = desk.play(*answers)
    assert made.mail_flow_policies["default"].tls is TlsDemand.REQUIRED
    assert made.listeners["InboundMail"].certificate == "edge"
    assert "TLS: Required" in desk.said
    shown = desk.carry(configuration.HISTORY, configuration.HistoryInput(limit=1))
    assert isinstance(shown, configuration.History)
    assert shown.revisions[0].comment == "TLS at the edge"
