# SPDX-License-Identifier: Apache-2.0
"""Listeners that are suspended: who may be named, what the gateway hears, what the journal says."""

import asyncio
from dataclasses import replace

import pytest

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.listeners import ListenersInput
from gatehouse.faces.actions.listeners_suspend import ResumeInput, SuspendInput
from gatehouse.faces.actions.listeners_suspend_work import resume, suspend
from gatehouse.faces.actions.listeners_work import list_listeners
from gatehouse.faces.actions.status import StatusInput
from gatehouse.faces.actions.status_work import running_now, status
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen
from gatehouse.journal import facts
from tests.unit.faces.conftest import PretendGateway

TEXT = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
[listeners.Edge]
type = "public"
interface = "Net"
port = 2525
[listeners.Inside]
type = "private"
interface = "Net"
port = 2526
"""


@pytest.fixture
def house(house: House) -> House:
    house.store.revisions.append(text=TEXT, operator="t", comment="test", committed_at=1.0)
    return house


def names(house: House) -> list[str]:
    return [one.listener for one in house.store.suspensions.listeners()]


def test_one_of_them_is_suspended_and_resumed(house: House) -> None:
    told = asyncio.run(suspend(house, SuspendInput(names=("Edge",))))
    assert (told.changed, told.running, names(house)) == (1, False, ["Edge"])
    assert (told.listeners[0].operator, told.listeners[0].configured) == ("ann", True)
    assert asyncio.run(suspend(house, SuspendInput(names=("Edge",)))).changed == 0
    assert "Edge" in render(told, Screen())
    told = asyncio.run(resume(house, ResumeInput(names=("Edge",))))
    assert (told.changed, told.listeners) == (1, ())
    assert render(told, Screen()) == "No listener is suspended."


def test_all_are_suspended_and_resumed_those_of_another_configuration_too(house: House) -> None:
    assert asyncio.run(suspend(house, SuspendInput(all=True))).changed == 2
    house.store.suspensions.suspend_listener("Gone", 5.0, "bob")
    told = asyncio.run(resume(house, ResumeInput(all=True)))
    assert (told.changed, names(house)) == (3, [])


@pytest.mark.parametrize(
    ("given", "reference"),
    [
        (SuspendInput(), "which-listeners"),
        (SuspendInput(names=("Edge",), all=True), "which-listeners"),
        (SuspendInput(names=("Edg",)), "no-such-listener"),
    ],
)
def test_what_is_named_wrongly_changes_nothing(
    house: House, given: SuspendInput, reference: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(suspend(house, given))
    assert caught.value.fault.reference == reference
    assert names(house) == []


def test_who_is_not_suspended_cannot_be_resumed(house: House) -> None:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(resume(house, ResumeInput(names=("Edge",))))
    assert caught.value.fault.reference == "no-such-listener"


def test_the_gateway_hears_of_it_and_the_journal_says_who(house: House) -> None:
    gateway, told = PretendGateway(), list[facts.Fact]()
    running = replace(house, gateway=gateway, record=told.append)
    gateway.running = running_now(house)
    asyncio.run(suspend(running, SuspendInput(names=("Edge",), within=7)))
    asyncio.run(suspend(running, SuspendInput(names=("Edge",), within=9)))  # it is already
    asyncio.run(resume(running, ResumeInput(names=("Edge",))))
    assert gateway.doors == [7.0, 0.0]
    assert [type(one) for one in told] == [facts.ListenerSuspended, facts.ListenerResumed]
    assert isinstance(told[0], facts.ListenerSuspended)
    assert (told[0].listener, told[0].operator, told[0].within) == ("Edge", "ann", 7)


def test_a_port_that_is_lost_leaves_the_listener_suspended(house: House) -> None:
    class Lost(PretendGateway):
        async def listeners_changed(self, within: float) -> None:
            if "Edge" not in names(house):
                self.refuses = "address in use"
            else:
                self.refuses = ""
            await super().listeners_changed(within)

    asyncio.run(suspend(house, SuspendInput(names=("Edge",))))
    lost = Lost(running=running_now(house))
    with pytest.raises(OperatorError) as caught:
        asyncio.run(resume(replace(house, gateway=lost), ResumeInput(names=("Edge",))))
    assert caught.value.fault.reference == "cannot-listen"
    assert names(house) == ["Edge"]


def test_the_list_and_the_status_say_so(house: House) -> None:
    asyncio.run(suspend(house, SuspendInput(names=("Edge",))))
    listed = asyncio.run(list_listeners(house, ListenersInput()))
    assert [one.suspended_by for one in listed.listeners] == ["ann", ""]
    assert "Suspended: since " in render(listed, Screen())
    now = asyncio.run(status(house, StatusInput()))
    assert [one.suspended for one in now.listeners] == [True, False]
    assert "Listener Edge is suspended: it refuses connections." in render(now, Screen())
