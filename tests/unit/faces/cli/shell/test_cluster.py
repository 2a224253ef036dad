# SPDX-License-Identifier: Apache-2.0
"""The modes of the shell: what a dialogue changes is said at the level that was chosen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.config import format, levels, places, schema
from tests.unit.config.levelled import TEXT
from tests.unit.faces.cli.shell.conftest import Desk

LIMITS = ("listenerconfig", "edit", "InboundMail", "limits")
BACK = "clustermode cluster"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Three machines in one store."""
    made = Desk(tmp_path / "data", TEXT.replace("mx.example.org", "gw1.example.com"))
    yield made
    made.close()


def value(document: schema.Document, machine: str, path: str) -> tuple[object, str]:
    """What holds for a machine, and who says it."""
    found = levels.effective(format.plain(document), places.machine(machine))
    parts = tuple(path.split("."))
    return levels.at(found.values, parts), str(found.origin(parts))


def screen(desk: Desk) -> str:
    return "\n".join(desk.said)


def test_a_machine_alone_sees_nothing_of_levels(tmp_path: Path) -> None:
    alone = Desk(tmp_path / "alone")
    alone.play("clustermode")
    assert "This machine is alone" in screen(alone)
    alone.play("clusterconfig", "")
    assert "This machine is alone" in screen(alone)
    alone.close()


def test_the_prompt_shows_whom_edits_are_for(desk: Desk) -> None:
    desk.play("clustermode machine gw2", "clustermode group EU", BACK)
    prompts = [one for one in desk.said if "> clustermode" in one]
    assert prompts[1] == "gw1.example.com (Machine gw2)> clustermode group EU"
    assert prompts[2] == "gw1.example.com (Group EU)> clustermode cluster"
    assert "What you edit now is for machine gw2 alone." in screen(desk)


def test_a_dialogue_writes_to_the_level_of_the_mode(desk: Desk) -> None:
    found = desk.play("clustermode machine gw2", "sethostname gw2.example.org", BACK)
    assert value(found, "gw2", "system.hostname") == ("gw2.example.org", "machine:gw2")
    assert value(found, "gw3", "system.hostname") == ("gw1.example.com", "cluster")
    assert list(desk.changes())[-1] == "machines.gw2.settings.system.hostname"
    assert "# the old one" in desk.text()


def test_a_dialogue_shows_what_holds_in_the_mode(desk: Desk) -> None:
    desk.play("clustermode machine gw1", "sethostname", "", BACK)
    assert "[gw1.example.org]> " in screen(desk)
    desk.play("sethostname", "")
    assert "[gw1.example.com]> " in screen(desk)


def test_what_a_dialogue_removes_is_hidden_for_this_level_alone(desk: Desk) -> None:
    found = desk.play(
        "clustermode machine gw3", "listenerconfig", "delete", "Legacy", "y", "", BACK
    )
    assert found.machines["gw3"].without == ["listeners.Legacy"]
    assert "Legacy" in found.listeners


def test_a_new_thing_of_one_machine_stands_there_alone(desk: Desk) -> None:
    found = desk.play(
        "clustermode machine gw2", "interfaceconfig", "new", "Inside", "127.0.0.9", "", "", "", BACK
    )
    assert "Inside" not in found.interfaces
    assert value(found, "gw2", "interfaces.Inside.address") == ("127.0.0.9", "machine:gw2")


def test_set_and_unset_speak_of_the_mode(desk: Desk) -> None:
    found = desk.play("clustermode machine gw1", "set delivery.max_connections 3", BACK)
    assert value(found, "gw1", "delivery.max_connections") == (3, "machine:gw1")
    found = desk.play("clustermode machine gw1", "unset delivery.max_connections", BACK)
    assert value(found, "gw1", "delivery.max_connections") == (50, "group:EU")
    found = desk.play("clustermode machine gw1", "unset delivery.max_connections", BACK)
    assert value(found, "gw1", "delivery.max_connections")[0] is None


def test_tables_are_imported_for_the_mode(desk: Desk, tmp_path: Path) -> None:
    table = tmp_path / "rat"
    table.write_text("example.net ACCEPT\nALL REJECT\n")
    found = desk.play(
        "clustermode machine gw2",
        *("listenerconfig", "edit", "InboundMail", "rcptaccess", "import", str(table)),
        *("print", "", "", "", BACK),
    )
    recipients, level = value(found, "gw2", "listeners.InboundMail.recipient_access")
    assert level == "machine:gw2"
    assert "example.net" in str(recipients)
    assert "1  example.net  accept" in screen(desk)
    assert value(found, "gw1", "listeners.InboundMail.recipient_access")[1] == "cluster"


def test_what_knows_only_the_whole_is_not_done_for_a_part(desk: Desk, tmp_path: Path) -> None:
    table = tmp_path / "controls"
    table.write_text("[DEFAULT]\n")
    desk.play("clustermode machine gw2", "destconfig", "import", str(table), "", BACK)
    assert "This is done at the cluster level only" in screen(desk)
    assert desk.changes() == {}


def test_clusterconfig_makes_groups_and_machines(desk: Desk) -> None:
    found = desk.play(
        "clusterconfig",
        *("addgroup", "US", "Boston"),
        *("join", "gw4", "US"),
        *("setgroup", "US", "gw3"),
        *("renamegroup", "US", "America"),
        *("leave", "gw3"),
        *("setname", "World"),
        *("removemachine", "gw2", "y"),
        *("list", ""),
    )
    assert found.cluster.name == "World"
    assert list(found.machines) == ["gw1", "gw3", "gw4"]
    assert [one.group for one in found.machines.values()] == ["EU", "America", "America"]
    assert not found.machines["gw3"].member
    desk.play("clusterconfig", "deletegroup", "America", "")
    assert "The group has machines" in screen(desk)


def test_clusterset_carries_settings_between_levels(desk: Desk) -> None:
    found = desk.play(
        "clusterset",
        *("copy", "delivery", "group", "EU", "machine", "gw3"),
        *("move", "system.hostname", "machine", "gw1", "cluster"),
        *("delete", "delivery.max_connections", "machine", "gw1"),
        *("list", ""),
    )
    assert value(found, "gw3", "delivery.max_connections") == (50, "machine:gw3")
    assert value(found, "gw1", "delivery.max_connections") == (50, "group:EU")
    assert found.system.hostname == "gw1.example.org"


def test_clustercheck_names_the_differences(desk: Desk) -> None:
    desk.play("clustercheck")
    assert "~ delivery.max_connections: 7 in place of 50 (group:EU)" in screen(desk)
    assert "- listeners.Legacy (cluster has it)" in screen(desk)


def test_clustercheck_looks_at_what_is_not_committed(desk: Desk) -> None:
    desk.play("clustermode machine gw1", "set delivery.max_connections 3", BACK, "clustercheck")
    assert "~ delivery.max_connections: 3 in place of 50 (group:EU)" in screen(desk)


def test_a_mode_that_is_gone_is_told(desk: Desk) -> None:
    desk.play(
        "clustermode machine gw3",
        "clusterconfig",
        "removemachine",
        "gw3",
        "y",
        "",
        "sethostname",
        BACK,
    )
    assert "Nothing can be edited for machine gw3" in screen(desk)


def test_listeners_of_a_level_that_says_only_a_part_of_them_are_shown_and_edited(
    desk: Desk, tmp_path: Path
) -> None:
    split = TEXT.replace('interface = "PublicNet"\nport = 2525', 'interface = "Own"\nport = 2525')
    for number, name in enumerate(("gw1", "gw2", "gw3"), 11):
        split += f'[machines.{name}.settings.interfaces.Own]\naddress = "127.0.0.{number}"\n'
    parts = Desk(tmp_path / "parts", split)
    found = parts.play("listenerconfig", "edit", "InboundMail", "limits", "77", "", "", "")
    assert "1. InboundMail (on Own, -) SMTP TCP Port 2525 Public" in screen(parts)
    assert found.listeners["InboundMail"].max_concurrency == 77
    parts.play("clustermode machine gw2", "listenerconfig", "", BACK)
    assert "1. InboundMail (on Own, 127.0.0.12) SMTP TCP Port 2525 Public" in screen(parts)
