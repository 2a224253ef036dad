# SPDX-License-Identifier: Apache-2.0
"""Which machine this is decides what runs, what is answered, and what may be committed."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions import configuration_commit_work as work
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import CheckInput, CommitInput, LoadInput
from gatehouse.faces.actions.configuration_asked import asked
from gatehouse.faces.actions.configuration_work import check, load
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.listeners import ListenersInput
from gatehouse.faces.actions.listeners_work import list_listeners
from gatehouse.faces.actions.status_work import running_now
from gatehouse.service.base import machine
from tests.unit.config.levelled import TEXT
from tests.unit.faces.conftest import PretendGateway


def run(call: Any) -> Any:
    return asyncio.run(call)


def fault(call: Any) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(call)
    return caught.value


@pytest.fixture
def three(house: House) -> House:
    """Three machines in one store; this one has not said which it is."""
    run(load(house, LoadInput(file=TEXT.encode(), commit="three machines")))
    return house


def gateway(house: House) -> House:
    return replace(house, gateway=PretendGateway())


def test_the_name_is_what_the_start_said_or_else_what_is_kept(house: House) -> None:
    found = [house.machine]
    machine.keep(house.directory.path, "gw1")
    found += [house.machine, replace(house, named="gw2").machine]
    assert found == [None, "gw1", "gw2"]


def test_questions_are_answered_from_what_holds_for_this_machine(three: House) -> None:
    ports = {
        name: [one.port for one in run(asked(replace(three, named=name))).loaded.running.listeners]
        for name in ("gw1", "gw3")
    }
    assert ports == {"gw1": [2525], "gw3": [2527, 2526]}
    running = running_now(replace(three, named="gw1"))
    assert running is not None
    assert running.hostname == "gw1.example.org"
    found = run(list_listeners(replace(three, named="gw3"), ListenersInput()))
    assert [one.port for one in found.listeners] == [2527, 2526]


@pytest.mark.parametrize("name", [None, "gw9"])
def test_a_stranger_gets_no_answer_but_the_cure(three: House, name: str | None) -> None:
    error = fault(asked(replace(three, named=name)))
    assert error.fault.reference == "not-a-member"
    assert "gatehouse cluster join" in error.fault.hint
    assert running_now(replace(three, named=name)) is None
    assert run(check(three, CheckInput())).source.startswith("revision"), "all may look at it"


def test_a_running_gateway_takes_no_configuration_of_others(house: House) -> None:
    run(load(house, LoadInput(file=TEXT.encode())))
    for name in (None, "gw9"):
        here = gateway(replace(house, named=name))
        error = fault(work.commit(here, CommitInput(comment="x")))
        assert error.fault.reference == "not-a-member"
        assert f"gatehouse cluster join {name or 'NAME'}" in error.fault.hint
    assert run(work.commit(gateway(replace(house, named="gw2")), CommitInput(comment="x")))


@pytest.mark.parametrize("others", [True, False])
def test_a_machine_that_runs_does_not_leave_by_a_commit(three: House, others: bool) -> None:
    left = TEXT.replace("[machines.gw1]", "[machines.gw1]\nmember = false")
    if not others:
        for name in ("gw2", "gw3"):
            left = left.replace(f"[machines.{name}]", f"[machines.{name}]\nmember = false")
    Candidate(three).write(left.encode())
    error = fault(work.commit(gateway(replace(three, named="gw1")), CommitInput(comment="x")))
    assert error.fault.reference == "machine-would-leave"
    assert "Stop its gateway first" in error.fault.hint
    done = run(work.commit(replace(three, named="gw1"), CommitInput(comment="stopped")))
    assert done.revision


def test_going_back_to_a_time_without_machines_is_no_leaving(three: House) -> None:
    first = three.store.revisions.get(1)
    assert first is not None
    Candidate(three).write(first.text.encode())
    assert run(work.commit(gateway(replace(three, named="gw1")), CommitInput(comment="x")))
