# SPDX-License-Identifier: Apache-2.0
"""The import contracts and lint bans hold, and they bite on a copy with a planted violation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent


def lint_imports(tree):
    return subprocess.run(
        [TOOLS / "lint-imports", "--no-cache", "--config", tree / ".importlinter"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def ruff(tree, *files):
    return subprocess.run(
        [TOOLS / "ruff", "check", "--no-cache", "--config", tree / "pyproject.toml", *files],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_into(folder):
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def plant(tree, module, text):
    place = tree / "src" / "gatehouse" / module
    place.parent.mkdir(parents=True, exist_ok=True)
    assert not place.exists(), "two violations in one file would hide each other"
    place.write_text(text)
    return place


def test_the_contracts_hold():
    said = lint_imports(ROOT)
    assert said.returncode == 0, said.stdout[-3000:]
    assert " 0 broken" in said.stdout


def test_a_copy_is_clean_before_anything_is_planted(tmp_path):
    said = lint_imports(copy_into(tmp_path))
    assert said.returncode == 0, said.stdout[-3000:]


# What is planted (each in a file of its own), and the contract that has to break for it.
PLANTED = {
    "upward import": ("mail/planted.py", "import gatehouse.service\n", "The house"),
    "policy knows configuration": ("policy/planted.py", "import gatehouse.config\n", "The house"),
    "SMTP and TLS know each other": ("smtp/planted.py", "import gatehouse.tls\n", "The house"),
    "a room nobody decided on": ("utils/__init__.py", "", "The house"),
    "clock in a pure room": ("policy/planted_clock.py", "import time\n", "The ground floor"),
    "socket in a pure room": ("smtp/planted_socket.py", "import socket\n", "The ground floor"),
    "event loop in a pure room": ("tls/planted.py", "import asyncio\n", "The ground floor"),
    "files in a pure room": ("config/planted.py", "import pathlib\n", "The ground floor"),
    "dice in a pure room": (
        "mail/planted_dice.py",
        "from random import random\n",
        "The ground floor",
    ),
    "only for typing is an import too": (
        "journal/planted.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio\n",
        "The ground floor",
    ),
    "store knows rules": ("store/planted.py", "import gatehouse.policy\n", "The store"),
    "face reaches the store": (
        "faces/cli/planted.py",
        "import gatehouse.store.interface\n",
        "Faces reach",
    ),
    "actions know a face": (
        "faces/actions/planted.py",
        "import gatehouse.faces.cli\n",
        "Inside faces",
    ),
    "receiving knows delivering": (
        "service/receive/planted.py",
        "import gatehouse.service.deliver\n",
        "Inside service",
    ),
    "base knows trust": (
        "service/base/planted.py",
        "import gatehouse.service.trust\n",
        "Inside service",
    ),
}


CIRCLE = {
    "mail/planted_one.py": "import gatehouse.mail.planted_two\n",
    "mail/planted_two.py": "import gatehouse.mail.planted_one\n",
}
HEADING = re.compile(r"^(?P<contract>\S.*)\n-{3,}\n", re.MULTILINE)


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """All violations at once, since a run takes its time: contract → what is said below it."""
    tree = copy_into(tmp_path_factory.mktemp("planted"))
    planted = {module: text for module, text, _ in PLANTED.values()} | CIRCLE
    for module, text in planted.items():
        plant(tree, module, text)
    said = lint_imports(tree)
    assert said.returncode == 1, said.stdout[-3000:]
    _, _, broken = said.stdout.partition("\nBroken contracts\n")
    parts = HEADING.split(broken)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_breaks_its_contract(complaints, what):
    module, _, contract = PLANTED[what]
    named = "gatehouse." + module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    (said,) = [said for name, said in complaints.items() if name.startswith(contract)]
    assert re.search(rf"- +{re.escape(named)}\b(?!\.)", said), said


def test_a_planted_circle_breaks_its_contract(complaints):
    said = complaints["No circles inside a room"]
    assert "No cycles are allowed in gatehouse.mail." in said
    assert re.search(r"- \.planted_(one -> \.planted_two|two -> \.planted_one) ", said), said


PREFACE = '# SPDX-License-Identifier: Apache-2.0\n"""Planted."""\n\n'

# What import contracts cannot see.
BANNED = {
    "open()": ('with open("x") as handle:\n    handle.read()\n', "PTH123"),
    "datetime.now()": ("import datetime\n\nNOW = datetime.datetime.now(datetime.UTC)\n", "TID251"),
    "from datetime import datetime": (
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
        "TID251",
    ),
    "print()": ('print("hello")\n', "T201"),
    "a relative import": ("from . import address\n\nX = address\n", "TID252"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source; each test plants a file of its own in it."""
    return copy_into(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("what", BANNED)
def test_a_ban_bites_in_a_pure_room(copy, what):
    text, rule = BANNED[what]
    place = plant(copy, f"mail/planted_{list(BANNED).index(what)}.py", PREFACE + text)
    said = ruff(copy, place)
    assert said.returncode == 1
    assert rule in said.stdout


def test_the_bans_are_silent_where_files_and_clocks_belong(copy):
    place = plant(copy, "service/base/planted.py", PREFACE + BANNED["datetime.now()"][0])
    said = ruff(copy, place)
    assert said.returncode == 0, said.stdout
