# SPDX-License-Identifier: Apache-2.0
"""Differences are complete, and two people's changes meet without a loss."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.config import changes, document, format, schema
from gatehouse.config.changes import ORDER, Change, Conflict, Mark, Merged

BASE: dict[str, Any] = {
    "format": 1,
    "interfaces": {"Net": {"address": "127.0.0.1"}},
    "listeners": {
        "In": {
            "type": "public",
            "interface": "Net",
            "recipient_access": [{"recipient": "example.com", "access": "accept"}],
            "sender_groups": [
                {"name": "A", "members": ["192.0.2.1", "192.0.2.2"], "policy": "ACCEPTED"},
                {"name": "B", "members": ["198.51.100.1"], "policy": "ACCEPTED"},
                {"name": "ALL", "policy": "ACCEPTED"},
            ],
        }
    },
    "destination_controls": {"bank.example": {"tls": "required"}},
    "smtp_routes": {"example.com": ["127.0.0.1:2600"]},
}
GROUPS = ("listeners", "In", "sender_groups")


def read(values: dict[str, Any]) -> schema.Document:
    found = document.read(copy.deepcopy(values))
    assert isinstance(found, schema.Document), found
    return found


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The base with one value set, or taken away."""
    values = copy.deepcopy(BASE)
    here: Any = values
    for part in path[:-1]:
        here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
    if value is None:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return values


def merged(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    found = changes.merge(read(BASE), read(mine), read(theirs))
    assert isinstance(found, Merged), found
    result: dict[str, Any] = format.plain(read(changes.apply(read(theirs), found.changes)))
    return result


def clashes(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = changes.merge(read(BASE), read(mine), read(theirs))
    assert isinstance(found, Conflict), found
    return [".".join(one.path) for one in found.clashes]


def test_a_difference_names_the_field_with_both_values() -> None:
    other = read(changed(("destination_controls", "bank.example", "tls"), "required-verify"))
    assert changes.diff(read(BASE), other) == (
        Change(("destination_controls", "bank.example", "tls"), "required", "required-verify"),
    )


def test_sizes_stand_as_people_write_them() -> None:
    section = {"max_message_size": 20 * 1024 * 1024}
    other = read({**BASE, "mail_flow_policies": {"P": section}})
    path = ("mail_flow_policies", "P", "max_message_size")
    assert Change(path, Mark.ABSENT, "20M") in changes.diff(read(BASE), other)


def test_two_new_members_of_a_group_both_get_in() -> None:
    members = ("listeners", "In", "sender_groups", 0, "members")
    mine = changed(members, ["192.0.2.1", "192.0.2.9", "192.0.2.2"])
    theirs = changed(members, ["192.0.2.1", "192.0.2.2", "192.0.2.8"])
    found = merged(mine, theirs)["listeners"]["In"]["sender_groups"][0]["members"]
    assert found == ["192.0.2.1", "192.0.2.9", "192.0.2.2", "192.0.2.8"]


def test_two_new_groups_stand_where_each_was_put() -> None:
    def with_group(name: str, at: int) -> dict[str, Any]:
        values = copy.deepcopy(BASE)
        groups = values["listeners"]["In"]["sender_groups"]
        groups.insert(at, {"name": name, "policy": "ACCEPTED"})
        return values

    groups = merged(with_group("X", 0), with_group("Y", 2))["listeners"]["In"]["sender_groups"]
    assert [one["name"] for one in groups] == ["X", "A", "B", "Y", "ALL"]


def test_what_was_put_behind_something_that_is_gone_stands_before_the_next() -> None:
    mine, theirs = copy.deepcopy(BASE), copy.deepcopy(BASE)
    mine["listeners"]["In"]["sender_groups"].insert(2, {"name": "X", "policy": "ACCEPTED"})
    del theirs["listeners"]["In"]["sender_groups"][1]
    groups = merged(mine, theirs)["listeners"]["In"]["sender_groups"]
    assert [one["name"] for one in groups] == ["A", "X", "ALL"]


@pytest.mark.parametrize(
    ("path", "mine", "theirs"),
    [
        (("destination_controls", "bank.example", "tls"), "required-verify", "preferred"),
        (("destination_controls", "bank.example", "tls"), "required-verify", None),
        (("destination_controls", "new.example"), {"tls": "required"}, {"tls": "none"}),
        (("smtp_routes", "example.com"), ["127.0.0.1:1"], ["127.0.0.1:2"]),
        (("listeners", "In", "sender_groups", 0, "policy"), "BLOCKED", "TRUSTED"),
    ],
)
def test_different_values_at_one_path_are_a_conflict(
    path: tuple[Any, ...], mine: object, theirs: object
) -> None:
    assert len(clashes(changed(path, mine), changed(path, theirs))) == 1


def test_the_same_change_is_none() -> None:
    other = changed(("destination_controls", "bank.example", "tls"), "required-verify")
    assert merged(other, other) == format.plain(read(other))


def test_one_removes_what_the_other_changes_below() -> None:
    gone = changed(("destination_controls", "bank.example"), None)
    more = changed(("destination_controls", "bank.example", "dane"), "mandatory")
    assert clashes(gone, more) == ["destination_controls.bank.example.dane"]
    assert clashes(more, gone) == ["destination_controls.bank.example.dane"]


def test_two_orders_of_one_table_are_a_conflict() -> None:
    def ordered(*order: int) -> dict[str, Any]:
        values = copy.deepcopy(BASE)
        groups = values["listeners"]["In"]["sender_groups"]
        values["listeners"]["In"]["sender_groups"] = [groups[at] for at in order]
        return values

    assert clashes(ordered(1, 0, 2), ordered(0, 2, 1)) == [".".join((*GROUPS, ORDER))]
    swapped = ordered(1, 0, 2)
    new_policy = changed(("listeners", "In", "sender_groups", 0, "policy"), "BLOCKED")
    groups = merged(swapped, new_policy)["listeners"]["In"]["sender_groups"]
    assert [(one["name"], one["policy"]) for one in groups[:2]] == [
        ("B", "ACCEPTED"),
        ("A", "BLOCKED"),
    ]


@pytest.mark.parametrize("mine_gone", [True, False])
@pytest.mark.parametrize("take_mine", [True, False])
def test_a_word_about_a_clash_settles_it_for_the_whole_section(
    mine_gone: bool, take_mine: bool
) -> None:
    gone = changed(("destination_controls", "bank.example"), None)
    more = changed(("destination_controls", "bank.example", "dane"), "mandatory")
    mine, theirs = (gone, more) if mine_gone else (more, gone)
    path = ("destination_controls", "bank.example", "dane")
    found = changes.resolve(
        read(BASE),
        read(mine),
        read(theirs),
        take_mine=[path] if take_mine else [],
        take_theirs=[] if take_mine else [path],
    )
    assert isinstance(found, Merged)
    result = read(changes.apply(read(theirs), found.changes))
    wanted = mine if take_mine else theirs
    assert format.plain(result) == format.plain(read(wanted))


def test_a_list_with_a_name_twice_is_one_value() -> None:
    members = ("listeners", "In", "sender_groups", 0, "members")
    twice = changed(members, ["192.0.2.1", "192.0.2.1"])
    found = changes.diff(read(BASE), read(twice))
    assert ((*GROUPS, "A", "members"), Mark.PRESENT, ["192.0.2.1", "192.0.2.1"]) in [
        (one.path, one.old, one.new) for one in found
    ]
    assert format.plain(read(changes.apply(read(BASE), found))) == format.plain(read(twice))
    assert clashes(twice, changed(members, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]))


# --- properties ----------------------------------------------------------------------------------

NAMES = ["A", "B", "C", "D"]
EXAMPLES = 30
MEMBERS = [f"192.0.2.{n}" for n in range(1, 6)]


def _some(items: list[str]) -> st.SearchStrategy[list[str]]:
    return st.permutations(items).flatmap(
        lambda shuffled: st.integers(0, len(items)).map(lambda n: list(shuffled)[:n])
    )


@st.composite
def documents(draw: st.DrawFn) -> schema.Document:
    values = copy.deepcopy(BASE)
    groups: list[dict[str, Any]] = [
        {
            "name": name,
            "policy": draw(st.sampled_from(["ACCEPTED", "BLOCKED"])),
            **({"members": draw(_some(MEMBERS))} if draw(st.booleans()) else {}),
        }
        for name in draw(_some(NAMES))
    ]
    values["listeners"]["In"]["sender_groups"] = groups
    values["listeners"]["In"]["recipient_access"] = [
        {"recipient": name, "access": draw(st.sampled_from(["accept", "reject"]))}
        for name in draw(_some(["a.example", "b.example", "c.example"]))
    ]
    values["destination_controls"] = {
        name: draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "tls": st.sampled_from(["none", "required"]),
                    "max_connections": st.integers(1, 3),
                },
            )
        )
        for name in draw(_some(["x.example", "y.example"]))
    }
    return read(values)


@given(documents(), documents())
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_difference_applied_to_the_base_gives_the_other(
    base: schema.Document, other: schema.Document
) -> None:
    found = changes.diff(base, other)
    assert changes.apply(base, found) == format.plain(read(changes.apply(base, found)))
    assert format.plain(read(changes.apply(base, found))) == format.plain(other)
    assert bool(found) == (format.plain(base) != format.plain(other))


@given(documents(), documents(), documents())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_merge_has_the_same_effect_from_both_sides_or_conflicts_in_both(
    base: schema.Document, mine: schema.Document, theirs: schema.Document
) -> None:
    there, back = changes.merge(base, mine, theirs), changes.merge(base, theirs, mine)
    assert isinstance(there, Conflict) == isinstance(back, Conflict)
    if isinstance(there, Merged) and isinstance(back, Merged):
        one = changes.parts(read(changes.apply(theirs, there.changes)))
        two = changes.parts(read(changes.apply(mine, back.changes)))
        assert one.at == two.at
        assert {path: set(names) for path, names in one.orders.items()} == {
            path: set(names) for path, names in two.orders.items()
        }


@given(documents(), documents(), documents())
@settings(max_examples=EXAMPLES, deadline=None)
def test_it_is_a_conflict_only_if_one_path_was_changed_by_both(
    base: schema.Document, mine: schema.Document, theirs: schema.Document
) -> None:
    found = changes.merge(base, mine, theirs)
    my_new, their_new = (
        {one.path: one.new for one in changes.diff(base, other)} for other in (mine, theirs)
    )
    both = {p for p in my_new.keys() & their_new.keys() if my_new[p] != their_new[p]}
    both = {p for p in both if p[-1] != ORDER}
    if both:
        assert isinstance(found, Conflict)
        assert both <= {one.path for one in found.clashes}
    if isinstance(found, Conflict):
        for one in found.clashes:
            in_one_gone = any(
                news.get(one.path[:size]) is Mark.ABSENT
                for news in (my_new, their_new)
                for size in range(1, len(one.path))
            )
            assert one.path in both or one.path[-1] == ORDER or in_one_gone


@given(documents(), documents(), documents(), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_word_about_every_clash_leaves_none(
    base: schema.Document, mine: schema.Document, theirs: schema.Document, take_mine: bool
) -> None:
    first = changes.merge(base, mine, theirs)
    paths = [one.path for one in first.clashes] if isinstance(first, Conflict) else []
    found = changes.resolve(
        base,
        mine,
        theirs,
        take_mine=paths if take_mine else [],
        take_theirs=[] if take_mine else paths,
    )
    assert isinstance(found, Merged)
    read(changes.apply(theirs, found.changes))
