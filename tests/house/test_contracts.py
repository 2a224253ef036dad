# SPDX-License-Identifier: Apache-2.0
"""The import contracts and lint bans hold, and they bite on a copy with a planted violation."""

import os
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


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def plant(tree, module, text):
    place = tree / "src" / "gatehouse" / module
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as handle:
        handle.write(text)
    return place


def test_the_contracts_hold():
    said = lint_imports(ROOT)
    assert said.returncode == 0, said.stdout[-3000:]
    assert " 0 broken" in said.stdout


def test_the_copy_is_clean_before_anything_is_planted(copy):
    said = lint_imports(copy)
    assert said.returncode == 0, said.stdout[-3000:]


# What is planted (file and text), and the contract that has to break for it.
PLANTED = {
    "upward import": ("mail/planted.py", "import gatehouse.service\n", "The house"),
    "policy knows configuration": ("policy/planted.py", "import gatehouse.config\n", "The house"),
    "SMTP and TLS know each other": ("smtp/planted.py", "import gatehouse.tls\n", "The house"),
    "a room nobody decided on": ("utils/__init__.py", "", "The house"),
    "clock in a pure room": ("policy/planted.py", "import time\n", "The ground floor"),
    "socket in a pure room": ("smtp/planted.py", "import socket\n", "The ground floor"),
    "event loop in a pure room": ("tls/planted.py", "import asyncio\n", "The ground floor"),
    "files in a pure room": ("config/planted.py", "import pathlib\n", "The ground floor"),
    "dice in a pure room": ("mail/planted.py", "from random import random\n", "The ground floor"),
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


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_breaks_its_contract(copy, what):
    module, text, contract = PLANTED[what]
    plant(copy, module, text)
    said = lint_imports(copy)
    assert said.returncode == 1
    broken = [line for line in said.stdout.splitlines() if line.rstrip().endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), said.stdout[-3000:]


def test_a_planted_circle_breaks_its_contract(copy):
    plant(copy, "mail/planted_one.py", "import gatehouse.mail.planted_two\n")
    plant(copy, "mail/planted_two.py", "import gatehouse.mail.planted_one\n")
    said = lint_imports(copy)
    assert said.returncode == 1
    assert "No circles inside a room BROKEN" in said.stdout


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


@pytest.mark.parametrize("what", BANNED)
def test_a_ban_bites_in_a_pure_room(copy, what):
    text, rule = BANNED[what]
    place = plant(copy, "mail/planted.py", PREFACE + text)
    said = ruff(copy, place)
    assert said.returncode == 1
    assert rule in said.stdout


def test_the_bans_are_silent_where_files_and_clocks_belong(copy):
    place = plant(copy, "service/base/planted.py", PREFACE + BANNED["datetime.now()"][0])
    said = ruff(copy, place)
    assert said.returncode == 0, said.stdout
