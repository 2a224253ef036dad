# SPDX-License-Identifier: Apache-2.0
"""Three machines in one store: who takes part, what each says, and who differs from whom."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions import (
    access,
    access_change,
    access_work,
    certificates,
    certificates_assign,
    certificates_change,
    cluster,
    configuration_commit_work,
)
from gatehouse.faces.actions import cluster_work as work
from gatehouse.faces.actions import configuration_edit_work as edits
from gatehouse.faces.actions import configuration_levels_work as carries
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import CheckInput, CommitInput, LoadInput, ShowInput
from gatehouse.faces.actions.configuration_edit import Edited, SetInput, UnsetInput
from gatehouse.faces.actions.configuration_examine import in_force
from gatehouse.faces.actions.configuration_levels import CarryInput, DropInput
from gatehouse.faces.actions.configuration_work import check, load, show
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.listeners import ListenersInput
from gatehouse.faces.actions.listeners_work import list_listeners
from gatehouse.faces.actions.status_work import running_now
from gatehouse.service.base import machine as identity
from tests.unit.config.levelled import TEXT
from tests.unit.faces.conftest import PretendGateway

LIMIT = "delivery.max_connections"


def run(call: Any) -> Any:
    return asyncio.run(call)


def fault(call: Any) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(call)
    return caught.value


@pytest.fixture
def three(house: House) -> House:
    """Three machines in one store; this is gw1."""
    run(load(house, LoadInput(file=TEXT.encode(), commit="three machines")))
    return replace(house, named="gw1")


def commit(house: House) -> None:
    run(configuration_commit_work.commit(house, CommitInput(comment="x")))


def limits(house: House) -> list[int]:
    """What each machine runs by."""
    found = []
    for name in ("gw1", "gw2", "gw3"):
        running = running_now(replace(house, named=name))
        assert running is not None
        found.append(running.delivery.max_connections)
    return found


def set_(house: House, path: str, value: str, level: str | None = None) -> Edited:
    done: Edited = run(edits.set_field(house, SetInput(path=path, value=value, level=level)))
    return done


def held(house: House, name: str) -> dict[str, tuple[str, str]]:
    """What holds for a machine in the candidate, and who says it."""
    shown = run(show(house, ShowInput(candidate=True, machine=name, origins=True)))
    return {one.place: (one.value, one.level) for one in shown.values}


# --- machines and groups -----------------------------------------------------------------------


def test_a_machine_alone_is_a_cluster_of_one(house: House) -> None:
    found = run(work.show(house, cluster.ClusterInput()))
    assert (found.machines, found.groups, found.here) == ((), (), None)
    assert run(work.check(house, cluster.ClusterInput())).overrides == ()


def test_the_first_that_joins_is_this_machine_and_the_next_are_others(house: House) -> None:
    first = run(work.join(house, cluster.JoinInput(name="gw1")))
    assert (first.here, first.named) == ("gw1", True)
    second = run(work.join(house, cluster.JoinInput(name="gw2")))
    assert (second.here, second.named) == ("gw1", False)
    assert identity.kept(house.directory.path) == "gw1"
    third = run(work.join(house, cluster.JoinInput(name="gw2", here=True)))
    assert (third.here, third.named, third.changes) == ("gw2", True, ())


def test_what_the_start_said_is_not_overruled_by_joining(house: House) -> None:
    started = replace(house, named="gw1")
    error = fault(work.join(started, cluster.JoinInput(name="gw2", here=True)))
    assert error.fault.reference == "named-otherwise"


def test_joining_and_committing_at_once_makes_this_machine_run_by_it(house: House) -> None:
    here = replace(house, gateway=PretendGateway())
    done = run(work.join(here, cluster.JoinInput(name="gw1", commit="the first")))
    assert done.commit is not None
    assert done.commit.running


def test_machines_are_listed_with_what_they_say_themselves(three: House) -> None:
    found = run(work.show(three, cluster.ClusterInput()))
    assert found.name == "Europe"
    assert [(one.name, one.group, one.here, one.overrides) for one in found.machines] == [
        ("gw1", "EU", True, 2),
        ("gw2", "EU", False, 0),
        ("gw3", "Main_Group", False, 1),
    ]
    assert [(one.name, one.machines, one.overrides, one.without) for one in found.groups] == [
        ("EU", ("gw1", "gw2"), 1, 1),
        ("Main_Group", ("gw3",), 0, 0),
    ]


def test_a_machine_leaves_and_comes_back_with_its_settings(three: House) -> None:
    run(work.leave(three, cluster.MachineInput(name="gw3", commit="for repair")))
    found = run(work.show(three, cluster.ClusterInput()))
    assert [one.member for one in found.machines] == [True, True, False]
    assert running_now(replace(three, named="gw3")) is None
    run(work.join(three, cluster.JoinInput(name="gw3", commit="repaired")))
    back = running_now(replace(three, named="gw3"))
    assert back is not None
    assert back.listeners[0].port == 2527
    assert "member =" not in in_force(three).text


def test_a_machine_that_is_removed_is_forgotten(three: House) -> None:
    run(work.remove(three, cluster.MachineInput(name="gw3", commit="sold")))
    run(work.join(three, cluster.JoinInput(name="gw3", commit="a new one")))
    new = running_now(replace(three, named="gw3"))
    assert new is not None
    assert new.listeners[0].port == 2525


def test_groups_are_made_renamed_filled_and_removed(three: House) -> None:
    run(work.add_group(three, cluster.GroupInput(name="US", comment="Boston")))
    run(work.set_group(three, cluster.SetGroupInput(name="US", machine=("gw3", "gw2"))))
    set_(three, LIMIT, "60", "group:US")
    run(work.rename_group(three, cluster.RenameInput(name="US", to="America")))
    commit(three)
    assert limits(three) == [7, 60, 60]
    error = fault(work.remove_group(three, cluster.GroupNameInput(name="America")))
    assert error.fault.reference == "group-in-use"
    run(work.set_group(three, cluster.SetGroupInput(name="Main_Group", machine=("gw2", "gw3"))))
    run(work.remove_group(three, cluster.GroupNameInput(name="America", commit="x")))
    assert limits(three) == [7, 500, 500]


def test_main_group_can_have_another_name(three: House) -> None:
    run(work.rename_group(three, cluster.RenameInput(name="Main_Group", to="Rest", commit="x")))
    found = run(work.show(three, cluster.ClusterInput()))
    assert [one.group for one in found.machines] == ["EU", "EU", "Rest"]


@pytest.mark.parametrize(
    ("call", "reference"),
    [
        (lambda one: work.leave(one, cluster.MachineInput(name="gw9")), "no-such-machine"),
        (lambda one: work.remove(one, cluster.MachineInput(name="gw9")), "no-such-machine"),
        (lambda one: work.join(one, cluster.JoinInput(name="a b")), "bad-name"),
        (lambda one: work.join(one, cluster.JoinInput(name="gw9", group="X")), "no-such-group"),
        (lambda one: work.add_group(one, cluster.GroupInput(name="EU")), "group-there"),
        (
            lambda one: work.rename_group(one, cluster.RenameInput(name="X", to="Y")),
            "no-such-group",
        ),
        (
            lambda one: work.set_group(one, cluster.SetGroupInput(name="EU", machine=("x",))),
            "no-such-machine",
        ),
    ],
)
def test_what_is_not_there_is_refused(three: House, call: Any, reference: str) -> None:
    assert fault(call(three)).fault.reference == reference
    assert Candidate(three).read() is None, "nothing was changed"


def test_differences_are_named_with_what_would_hold_without_them(three: House) -> None:
    set_(three, LIMIT, "500", "machine:gw3")
    found = run(work.check(three, cluster.ClusterInput(candidate=True))).overrides
    told = {
        (one.level, one.place): (one.kind, one.value, one.above, one.above_level) for one in found
    }
    assert told[("machine:gw1", LIMIT)] == ("overrides", "7", "50", "group:EU")
    assert told[("machine:gw3", LIMIT)] == ("same", "500", "500", "cluster")
    assert told[("group:EU", "listeners.Legacy")] == ("without", "", "a section", "cluster")


# --- settings at levels ------------------------------------------------------------------------


def test_an_override_is_added_copied_moved_and_deleted(three: House) -> None:
    done = set_(three, LIMIT, "8", "machine:gw2")
    assert [one.place for one in done.changes][-1] == f"machines.gw2.settings.{LIMIT}"
    commit(three)
    assert limits(three) == [7, 8, 500]
    run(carries.copy(three, CarryInput(path=LIMIT, from_="machine:gw2", to="machine:gw3")))
    commit(three)
    assert limits(three) == [7, 8, 8]
    run(carries.move(three, CarryInput(path=LIMIT, from_="machine:gw2", to="cluster")))
    run(carries.delete(three, DropInput(path=LIMIT, from_="machine:gw1")))
    run(carries.delete(three, DropInput(path="delivery", from_="group:EU", commit="x")))
    assert limits(three) == [8, 8, 8]
    assert "# the old one" in in_force(three).text, "comments stay"


def test_each_value_says_where_it_comes_from(three: House) -> None:
    set_(three, "queue.disk_reserve", '"1G"', "group:EU")
    found = held(three, "gw1")
    assert found[LIMIT] == ("7", "machine:gw1")
    assert found["queue.disk_reserve"] == ('"1G"', "group:EU")
    assert found["listeners.InboundMail.port"] == ("2525", "cluster")
    shown = run(show(three, ShowInput(candidate=True, machine="gw1", origins=True)))
    assert "max_connections = 7  # machine:gw1" in shown.text
    plain = run(show(three, ShowInput(machine="gw1")))
    assert "[machines" not in plain.text
    assert "Legacy" not in plain.text
    assert run(show(three, ShowInput(origins=True))).source.endswith("machine gw1"), "it is gw1"


def test_a_list_of_a_higher_level_is_taken_over_whole(three: House) -> None:
    path = "listeners.InboundMail.sender_groups.PARTNERS.policy"
    set_(three, path, "RELAYED", "machine:gw2")
    found = held(three, "gw2")["listeners.InboundMail.sender_groups"]
    assert found[1] == "machine:gw2"
    assert "RELAYED" in found[0]
    assert "ALL" in found[0]


def test_unset_at_a_level_lets_the_one_above_speak_and_without_hides_it(three: House) -> None:
    given = UnsetInput(path=LIMIT, level="machine:gw1")
    run(edits.unset_field(three, given))
    assert held(three, "gw1")[LIMIT] == ("50", "group:EU")
    error = fault(edits.unset_field(three, given))
    assert "--without" in error.fault.hint
    run(edits.unset_field(three, UnsetInput(path=LIMIT, level="machine:gw1", without=True)))
    assert LIMIT not in held(three, "gw1")


def test_unset_at_a_level_leaves_no_empty_section_behind(three: House) -> None:
    current = three.store.revisions.current()
    assert current is not None
    set_(three, "listeners.InboundMail.port", "2599", "machine:gw2")
    run(
        edits.unset_field(three, UnsetInput(path="listeners.InboundMail.port", level="machine:gw2"))
    )
    kept = (Candidate(three).read() or b"").decode()
    assert "machines.gw2.settings.listeners" not in kept
    assert kept.split() == current.text.split()


def test_a_number_at_a_level_counts_what_that_level_says(three: House) -> None:
    policy = "listeners.InboundMail.sender_groups.PARTNERS.policy"
    set_(three, policy, "RELAYED", "machine:gw2")  # the whole list: PARTNERS and ALL
    run(edits.unset_field(three, UnsetInput(path=f"{GROUPS}.PARTNERS", level="machine:gw2")))
    assert "PARTNERS" not in held(three, "gw2")[GROUPS][0]
    error = fault(edits.unset_field(three, UnsetInput(path=f"{GROUPS}[2]", level="machine:gw2")))
    assert error.fault.hint == "There are 1 there."


@pytest.mark.parametrize(
    ("level", "reference"),
    [("gw1", "bad-level"), ("machine:gw9", "no-such-machine"), ("group:US", "no-such-group")],
)
def test_a_level_that_is_not_there_is_refused(three: House, level: str, reference: str) -> None:
    error = fault(edits.set_field(three, SetInput(path=LIMIT, value="1", level=level)))
    assert error.fault.reference == reference


def test_a_value_that_cannot_be_is_told_with_its_place(three: House) -> None:
    error = fault(edits.set_field(three, SetInput(path=LIMIT, value="0", level="machine:gw2")))
    assert error.fault.reference == "bad-value"
    assert error.fault.findings[0].place == f"machines.gw2.settings.{LIMIT}"


def test_without_machines_a_level_is_still_the_cluster_s(house: House) -> None:
    set_(house, LIMIT, "9", "cluster")
    assert b"max_connections = 9" in (Candidate(house).read() or b"")


# --- tables and certificates at levels ---------------------------------------------------------

GROUPS = "listeners.InboundMail.sender_groups"
RECIPIENTS = "listeners.InboundMail.recipient_access"


def test_a_member_is_added_for_one_machine(three: House) -> None:
    given = access.MemberInput(
        listener="InboundMail", group="PARTNERS", member="198.51.100.7", level="machine:gw2"
    )
    done = run(access_change.add_member(three, given))
    assert done.members == 2
    assert "198.51.100.7" in held(three, "gw2")[GROUPS][0]
    assert "198.51.100.7" not in held(three, "gw1")[GROUPS][0]


def test_a_table_is_imported_for_a_group_and_shown_for_a_machine(three: House) -> None:
    given = access.ImportInput(
        listener="InboundMail", file=b"example.net ACCEPT\nALL REJECT\n", level="group:EU"
    )
    run(access_change.import_rat(three, given))
    assert held(three, "gw1")[RECIPIENTS][1] == "group:EU"
    assert held(three, "gw3")[RECIPIENTS][1] == "cluster"
    for level, first in ((None, "example.net"), ("machine:gw3", "example.org")):
        asked = access.TableInput(listener="InboundMail", candidate=True, level=level)
        shown = run(access_work.show_rat(three, asked))
        assert shown.entries[0].recipient == first


def test_a_certificate_of_the_store_serves_whatever_machine_names_it(three: House) -> None:
    new = certificates.CreateInput(name="Site", common_name="gw2.example.com")
    run(certificates_change.create(three, new))
    given = certificates.AssignInput(name="Site", listener=("InboundMail",), level="machine:gw2")
    run(certificates_assign.assign(three, given))
    commit(three)
    shown = {}
    for name in ("gw1", "gw2", "gw3"):
        running = running_now(replace(three, named=name))
        assert running is not None
        shown[name] = running.listeners[0].certificate
    assert shown == {"gw1": "Demo", "gw2": "Site", "gw3": "Demo"}
    error = fault(certificates_change.delete(three, certificates.DeleteInput(name="Site")))
    assert error.fault.reference == "certificate-in-use"
    assert "machines.gw2.settings.listeners.InboundMail.certificate" in error.fault.context


def test_what_only_this_machine_can_tell_stands_where_its_level_says_it(three: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        set_(three, "listeners.InboundMail.port", port, "machine:gw1")
        found = run(check(three, CheckInput())).warnings
        other = run(check(replace(three, named="gw9"), CheckInput())).warnings
    assert not any("cannot listen" in one.what for one in other), "it is none of its listeners"
    (told,) = [one for one in found if "cannot listen" in one.what]
    assert told.place == "machines.gw1.settings.listeners.InboundMail.port"
    assert told.line is not None


def test_what_holds_at_a_level_that_is_no_configuration_by_itself_is_told(house: House) -> None:
    split = TEXT.replace('interface = "PublicNet"\nport = 2525', 'interface = "Own"\nport = 2525')
    for number, name in enumerate(("gw1", "gw2", "gw3"), 11):
        split += f'[machines.{name}.settings.interfaces.Own]\naddress = "127.0.0.{number}"\n'
    run(load(house, LoadInput(file=split.encode())))
    given = ListenersInput(candidate=True, level="cluster")
    assert fault(list_listeners(house, given)).fault.reference == "level-incomplete"
    other = ListenersInput(candidate=True, level="machine:gw2")
    assert run(list_listeners(house, other)).listeners[0].address == "127.0.0.12"
