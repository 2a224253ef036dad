# SPDX-License-Identifier: Apache-2.0
"""Destination controls as a text: what an import changes in the candidate, and what it leaves."""

import asyncio

import pytest

from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.destinations import ExportInput, ImportInput
from gatehouse.faces.actions.destinations_work import export, take
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen

TEXT = """\
format = 1
# about the machine
[system]
hostname = "gw.example.com"
[delivery]
smtp_port = 2525  # stays
alert_on_required_tls_failure = false
[destination_controls.default]
tls = "preferred"
# our bank
[destination_controls."bank.example"]
tls = "required-verify"
[destination_controls."old.example"]
max_connections = 3
"""


@pytest.fixture
def configured(house: House) -> House:
    house.store.revisions.append(text=TEXT, operator="t", comment="test", committed_at=1.0)
    return house


def exported(house: House, *, candidate: bool = False) -> str:
    return asyncio.run(export(house, ExportInput(candidate=candidate))).text


def test_an_export_changes_nothing_when_it_is_imported(configured: House) -> None:
    text = exported(configured)
    asyncio.run(take(configured, ImportInput(file=text.encode())))
    assert Candidate(configured).read() == TEXT.encode()


def test_an_import_replaces_all_and_leaves_comments_and_the_rest(configured: House) -> None:
    text = exported(configured).replace("send_tls_req_alert = 0", "send_tls_req_alert = 1")
    text = text[: text.index("[old.example]")] + "[new.example]\ntable_tls = required\n"
    done = asyncio.run(take(configured, ImportInput(file=text.encode())))
    assert done.entries == 2
    now = (Candidate(configured).read() or b"").decode()
    assert "# our bank" in now and "smtp_port = 2525  # stays" in now
    assert "old.example" not in now
    assert "new.example" in exported(configured, candidate=True)
    assert "send_tls_req_alert = 1" in exported(configured, candidate=True)
    assert render(done, Screen()).startswith("There are 2 destinations beside the default.")


def test_remarks_are_told_and_faults_change_nothing(configured: House) -> None:
    text = exported(configured).replace("bounce_validation = off", "bounce_validation = on")
    done = asyncio.run(take(configured, ImportInput(file=text.encode())))
    assert "bounce verification" in done.remarks[0]
    kept = Candidate(configured).read()
    for bad in ("[a.example]\ntable_tls = 9\n", "[a.example]\nbounce_profile = gone\n"):
        with pytest.raises(OperatorError) as refused:
            asyncio.run(take(configured, ImportInput(file=(text + bad).encode())))
        assert refused.value.fault.findings
        assert Candidate(configured).read() == kept
