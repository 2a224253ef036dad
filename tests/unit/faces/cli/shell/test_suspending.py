# SPDX-License-Identifier: Apache-2.0
"""suspendlistener, resumelistener, suspend and resume: answers in, suspensions out."""

import re

import msgspec
import pytest

from gatehouse.faces.actions import delivery, listeners, listeners_suspend
from gatehouse.faces.actions.action import Action, Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell import suspending
from gatehouse.faces.cli.shell.player import Player
from tests.unit.faces.cli.shell.conftest import Desk
from tests.unit.faces.cli.shell.playing import Script


@pytest.fixture(autouse=True)
def resumed(desk: Desk) -> None:
    desk.play("resume")


def suspended(desk: Desk) -> list[str]:
    found = desk.carry(listeners.LIST, listeners.ListenersInput())
    assert isinstance(found, listeners.ListenerList)
    return [one.name for one in found.listeners if one.suspended_since is not None]


def test_a_listener_is_chosen_by_number_or_name_and_is_told_how_long(desk: Desk) -> None:
    desk.play("suspendlistener", "2", "60")
    assert suspended(desk) == ["InboundMail"]
    assert "1. ALL" in desk.said and "2. InboundMail" in desk.said
    assert any(line.startswith("InboundMail  ") for line in desk.said)
    desk.play("resumelistener inboundmail")
    assert suspended(desk) == []


def test_all_of_them_is_the_default(desk: Desk) -> None:
    desk.play("suspendlistener", "", "")
    assert suspended(desk) == ["InboundMail"]
    desk.play("resumelistener", "all")
    assert suspended(desk) == []


def test_what_is_no_listener_is_refused_where_it_is_typed(desk: Desk) -> None:
    desk.play("suspendlistener", "7", "InboundMale", "2", "0")
    assert desk.said.count("Numbers from 1 to 2, or names, are needed.") == 2
    assert suspended(desk) == ["InboundMail"]


def test_nothing_is_asked_where_nothing_is_suspended(desk: Desk) -> None:
    desk.play("resumelistener")
    assert "There is no listener that could be resumed." in desk.said


def test_suspend_and_resume_take_listeners_and_deliveries_together(desk: Desk) -> None:
    desk.play("suspend 5")
    found = desk.carry(delivery.SUSPENDED, Nothing())
    assert isinstance(found, delivery.Suspensions)
    assert (suspended(desk), [one.domain for one in found.suspensions]) == (["InboundMail"], [None])
    desk.play("status")
    told = "\n".join(desk.said)
    assert re.search(r"^Suspended listeners: +InboundMail$", told, re.M)
    assert re.search(r"^Suspended deliveries: +all$", told, re.M)
    desk.play("resume")
    found = desk.carry(delivery.SUSPENDED, Nothing())
    assert isinstance(found, delivery.Suspensions)
    assert (suspended(desk), found.suspensions) == ([], ())


def test_resume_does_not_say_that_mail_goes_where_the_configuration_holds_it(desk: Desk) -> None:
    desk.play("resume")
    assert "Mail is taken and delivered." in desk.said
    desk.play("set delivery.suspended true", "commit held", "resume", "rollbackconfig", "1", "Y")
    assert "Mail is taken; it is not delivered." in desk.said
    assert "Mail is taken and delivered." not in desk.said


def test_a_listener_is_shown_as_suspended_where_it_is_edited(desk: Desk) -> None:
    desk.play("suspendlistener", "", "", "listenerconfig", "EDIT", "1", "", "")
    assert any(line.startswith("Suspended: since ") for line in desk.said)


@pytest.mark.parametrize(
    ("answer", "names", "everything"),
    [("2", ("ALL",), False), ("3, 2", ("ALL", "Two"), False), ("ALL", (), True), ("1", (), True)],
)
def test_a_listener_that_is_called_all_is_one_listener(
    answer: str, names: tuple[str, ...], everything: bool
) -> None:
    given: list[msgspec.Struct] = []

    def carry(action: Action, wanted: msgspec.Struct) -> msgspec.Struct:
        if action is listeners.LIST:
            return listeners.ListenerList(source="", listeners=(line("ALL"), line("Two")))
        given.append(wanted)
        raise OperatorError("stop", "It is known now what was asked for.")

    with pytest.raises(OperatorError):
        Player(Script([answer, "5"]), carry).play(suspending.suspend_listeners())
    wanted = listeners_suspend.SuspendInput(names=names, all=everything, within=5)
    assert given == [wanted]


def line(name: str) -> listeners.ListenerLine:
    return listeners.ListenerLine(
        name=name,
        type="Public",
        interface="PublicNet",
        address="127.0.0.1",
        port=25,
        protocol="SMTP",
        default_domain="",
        max_concurrency=1,
        tcp_queue=0,
        domain_map="disabled",
        tls="No",
        tls_mode="starttls",
        suspended_since=None,
        suspended_by="",
    )
