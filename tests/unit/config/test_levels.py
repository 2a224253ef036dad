# SPDX-License-Identifier: Apache-2.0
"""The lowest level that says something wins, and each value says where it comes from."""

from typing import Any

import pytest

from gatehouse.config import format, levels, places
from gatehouse.config.places import CLUSTER, Level
from tests.unit.config.levelled import TEXT, read

GW1, GW2, GW3 = (places.machine(name) for name in ("gw1", "gw2", "gw3"))
EU = places.group("EU")


def holds(level: Level, source: str = TEXT) -> levels.Effective:
    return levels.effective(format.plain(read(source)), level)


def value(level: Level, path: str, source: str = TEXT) -> Any:
    return levels.at(holds(level, source).values, tuple(path.split(".")))


@pytest.mark.parametrize(
    ("level", "path", "wanted", "origin"),
    [
        (GW1, "delivery.max_connections", 7, GW1),
        (GW2, "delivery.max_connections", 50, EU),
        (GW3, "delivery.max_connections", 500, CLUSTER),
        (GW1, "delivery.idle_timeout", "10s", CLUSTER),
        (GW1, "system.hostname", "gw1.example.org", GW1),
        (GW3, "listeners.InboundMail.port", 2527, GW3),
        (GW3, "listeners.InboundMail.type", "public", CLUSTER),
        (EU, "delivery.max_connections", 50, EU),
        (CLUSTER, "delivery.max_connections", 500, CLUSTER),
    ],
)
def test_the_lowest_level_that_says_something_wins(
    level: Level, path: str, wanted: object, origin: Level
) -> None:
    assert value(level, path) == wanted
    assert holds(level).origin(tuple(path.split("."))) == origin


def test_what_a_level_is_without_is_gone_for_all_below_it() -> None:
    assert value(GW1, "listeners.Legacy") is None
    assert value(EU, "listeners.Legacy") is None
    assert value(GW3, "listeners.Legacy.port") == 2526


def test_what_was_taken_away_can_be_said_anew() -> None:
    more = '[machines.gw2.settings.listeners.Legacy]\ntype = "public"\ninterface = "PublicNet"\n'
    assert value(GW2, "listeners.Legacy", TEXT + more) == {
        "type": "public",
        "interface": "PublicNet",
    }
    found = holds(GW2, TEXT + more)
    assert found.origin(("listeners", "Legacy")) == GW2
    assert found.origin(("listeners", "Legacy", "port")) == GW2


def test_a_list_is_taken_as_a_whole() -> None:
    more = "[[machines.gw2.settings.listeners.InboundMail.sender_groups]]\n"
    more += 'name = "ALL"\npolicy = "BLOCKED"\n'
    groups = value(GW2, "listeners.InboundMail.sender_groups", TEXT + more)
    assert groups == [{"name": "ALL", "policy": "BLOCKED"}]
    found = holds(GW2, TEXT + more)
    assert found.origin(("listeners", "InboundMail", "sender_groups", 0, "policy")) == GW2


def test_one_of_a_list_can_be_taken_away_by_its_name() -> None:
    source = TEXT.replace('"listeners.Legacy"]', '"listeners.InboundMail.sender_groups.PARTNERS"]')
    groups = value(GW1, "listeners.InboundMail.sender_groups", source)
    assert [one["name"] for one in groups] == ["ALL"]
    member = TEXT.replace(
        '"listeners.Legacy"]',
        "\"listeners.InboundMail.sender_groups.PARTNERS.members.'192.0.2.1'\"]",
    )
    assert value(GW1, "listeners.InboundMail.sender_groups", member)[0]["members"] == []


def test_what_nobody_says_belongs_to_whoever_made_the_section() -> None:
    assert holds(GW3).origin(("listeners", "InboundMail", "certificate")) == CLUSTER
    assert holds(GW1).where(("system", "hostname")) == (
        "machines",
        "gw1",
        "settings",
        "system",
        "hostname",
    )


def test_every_value_is_listed_with_its_origin() -> None:
    found = {places.text(path): (value, str(level)) for path, value, level in holds(GW1).leaves()}
    assert found["delivery.max_connections"] == (7, "machine:gw1")
    assert found["listeners.InboundMail.port"] == (2525, "cluster")
    assert not any(one.startswith(("machines", "groups", "cluster", "format")) for one in found)


def test_a_machine_of_no_group_is_in_the_main_one() -> None:
    document = read(TEXT)
    assert levels.groups(document) == {"EU": ("gw1", "gw2"), "Main_Group": ("gw3",)}
    main = TEXT + "[groups.Main_Group.settings.delivery]\nmax_connections = 9\n"
    assert value(GW3, "delivery.max_connections", main) == 9


def test_a_machine_that_has_left_is_no_member_and_keeps_what_it_says() -> None:
    left = TEXT.replace("[machines.gw3]", "[machines.gw3]\nmember = false")
    assert levels.members(read(left)) == ("gw1", "gw2")
    assert value(GW3, "listeners.InboundMail.port", left) == 2527


def test_nothing_that_was_given_is_changed() -> None:
    values = format.plain(read(TEXT))
    before = format.plain(read(TEXT))
    levels.effective(values, GW1)
    assert values == before


def test_the_canonical_text_reads_back_to_the_same_levels() -> None:
    document = read(TEXT)
    written = format.format_document(document)
    assert read(written) == document
    assert "[groups.EU.settings]\n" not in written
    assert format.format_document(read(written)) == written
