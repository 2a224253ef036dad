# SPDX-License-Identifier: Apache-2.0
"""Listeners as they are configured."""

import asyncio
from dataclasses import replace

import pytest

from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration_asked import asked
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.listeners import ListenerInput, ListenersInput
from gatehouse.faces.actions.listeners_work import list_listeners, show
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen
from tests.unit.faces.conftest import PretendGateway

CONFIGURATION = """\
format = 1
[interfaces.PublicNet]
address = "192.0.2.1"
hostname = "mx.example.com"
[listeners.EdgeIn]
type = "public"
interface = "PublicNet"
port = 25
recipient_access = [
    { recipient = "example.com", access = "accept" },
    { recipient = ".example.com", access = "accept" },
]
sender_groups = [
    { name = "PARTNERS", members = ["192.0.2.7", ".partner.example"], policy = "PARTNER" },
    { name = "ALL", members = ["ALL"], policy = "OPEN" },
]
[listeners.Inside]
type = "private"
interface = "PublicNet"
port = 587
default_domain = "example.com"
max_concurrency = 40
[listeners.Implicit]
type = "private"
interface = "PublicNet"
port = 465
tls_mode = "implicit"
[mail_flow_policies.PARTNER]
behavior = "accept"
tls = "required"
[mail_flow_policies.OPEN]
behavior = "accept"
tls = "preferred"
"""

BLOCK = """\
Name: EdgeIn
Type: Public
Interface: PublicNet (192.0.2.1) TCP Port 25
Protocol: SMTP
Default Domain:
Max Concurrency: 1000 (TCP Queue: 511)
Domain map: disabled
TLS: Preferred"""


@pytest.fixture
def configured(house: House) -> House:
    house.store.revisions.append(text=CONFIGURATION, operator="test", comment="", committed_at=1.0)
    return house


def test_the_summary_has_the_shape_that_people_know(configured: House) -> None:
    found = asyncio.run(list_listeners(configured, ListenersInput()))
    assert [one.name for one in found.listeners] == ["EdgeIn", "Inside", "Implicit"]
    assert [one.tls for one in found.listeners] == ["Preferred", "No", "Required"]
    blocks = render(found, Screen()).split("\n\n")
    assert blocks[0] == BLOCK
    assert "Default Domain: example.com\nMax Concurrency: 40 (TCP Queue: 511)" in blocks[1]


def test_one_is_shown_with_its_groups_and_policies(configured: House) -> None:
    found = asyncio.run(show(configured, ListenerInput(name="EdgeIn")))
    assert [(one.name, one.members, one.policy, one.tls) for one in found.groups] == [
        ("PARTNERS", 2, "PARTNER", "required"),
        ("ALL", 1, "OPEN", "preferred"),
    ]
    assert found.accepted_domains == ("example.com",)
    assert found.recipient_entries == 2
    assert found.certificates == ("Demo",)
    shown = render(found, Screen())
    assert shown.startswith(BLOCK)
    assert "PARTNERS" in shown


def test_a_private_listener_has_no_recipient_table(configured: House) -> None:
    found = asyncio.run(show(configured, ListenerInput(name="Inside")))
    assert (found.recipient_entries, found.accepted_domains) == (0, ())


def test_an_unknown_one_is_refused_with_those_that_are(configured: House) -> None:
    with pytest.raises(OperatorError) as refused:
        asyncio.run(show(configured, ListenerInput(name="edgein")))
    assert refused.value.fault.reference == "no-such-listener"
    assert "EdgeIn, Inside" in refused.value.fault.hint


def test_the_candidate_can_be_asked_before_it_runs(configured: House) -> None:
    Candidate(configured).write(CONFIGURATION.replace("EdgeIn", "Other").encode())
    found = asyncio.run(list_listeners(configured, ListenersInput(candidate=True)))
    assert (found.source, found.listeners[0].name) == ("candidate", "Other")
    assert asyncio.run(list_listeners(configured, ListenersInput())).source == "revision 2"


def test_without_a_candidate_there_is_nothing_to_ask(configured: House) -> None:
    with pytest.raises(OperatorError) as refused:
        asyncio.run(asked(configured, candidate=True))
    assert refused.value.fault.reference == "no-candidate"


def test_a_configuration_that_cannot_run_is_refused_with_its_faults(configured: House) -> None:
    wrong = CONFIGURATION.replace('policy = "PARTNER"', 'policy = "PARTNERS"')
    with pytest.raises(OperatorError) as refused:
        asyncio.run(asked(configured, file=wrong.encode()))
    assert refused.value.fault.reference == "configuration-refused"
    assert any("sender_groups" in one.place for one in refused.value.fault.findings)


def test_what_runs_is_asked_and_not_what_was_kept_last(
    configured: House, gateway: PretendGateway
) -> None:
    gateway.revision = 1
    found = asyncio.run(asked(replace(configured, gateway=gateway)))
    assert found.source == "revision 1"


def test_without_any_configuration_a_file_can_be_asked(configured: House) -> None:
    nowhere = replace(configured, opened=None)
    found = asyncio.run(asked(nowhere, file=CONFIGURATION.encode()))
    assert found.listener(None).name == "EdgeIn"
    with pytest.raises(OperatorError):
        asyncio.run(asked(nowhere))
