# SPDX-License-Identifier: Apache-2.0
"""What one level says is added, copied, moved and deleted; the text stays as its writer left it."""

import pytest

from gatehouse.config import (
    changes,
    document,
    edit_changes,
    format,
    level_changes,
    levels,
    places,
    schema,
)
from gatehouse.config.changes import Change, Mark
from gatehouse.config.level_changes import Changed, Refused
from gatehouse.config.places import CLUSTER, Level, Path
from tests.unit.config.levelled import TEXT, read

GW1, GW2, GW3 = (places.machine(name) for name in ("gw1", "gw2", "gw3"))
EU = places.group("EU")
GROUPS = ("listeners", "InboundMail", "sender_groups")


def path(text: str) -> Path:
    return tuple(text.split("."))


def done(outcome: Changed | Refused, source: str = TEXT) -> str:
    """The text with the changes; what they say is what the text says."""
    assert isinstance(outcome, Changed), outcome
    edited = edit_changes.apply(source.encode(), outcome.changes)
    assert isinstance(edited, bytes), edited
    wanted = document.read(changes.apply(read(source), outcome.changes))
    assert isinstance(wanted, schema.Document)
    assert format.plain(read(edited)) == format.plain(wanted)
    assert edited.startswith(b"# the mail of the whole house"), "the comments are gone"
    return edited.decode()


def at(source: str, level: Level, where: str) -> object:
    return levels.at(levels.effective(format.plain(read(source)), level).values, path(where))


def lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines that went, and that came."""
    was, now = old.split("\n"), new.split("\n")
    return (
        [one for one in was if one and was.count(one) > now.count(one)],
        [one for one in now if one and now.count(one) > was.count(one)],
    )


def set_to(where: str, new: object) -> Change:
    return Change(path(where), Mark.ABSENT, new)


def change(level: Level, *made: Change, source: str = TEXT) -> str:
    return done(level_changes.at_level(read(source), level, made), source)


def test_an_override_is_added_where_a_level_says_it() -> None:
    edited = change(GW2, set_to("delivery.idle_timeout", "30s"))
    gone, came = lines(TEXT, edited)
    assert (gone, came) == ([], ["[machines.gw2.settings.delivery]", 'idle_timeout = "30s"'])
    assert at(edited, GW2, "delivery.idle_timeout") == "30s"
    assert at(edited, GW1, "delivery.idle_timeout") == "10s"


def test_what_a_level_says_already_changes_in_its_place_with_its_comment() -> None:
    edited = change(GW1, set_to("system.hostname", "new.example.org"))
    assert lines(TEXT, edited) == (
        ['hostname = "gw1.example.org"  # as in DNS'],
        ['hostname = "new.example.org"  # as in DNS'],
    )


def test_the_value_that_a_higher_level_has_can_be_held_fast() -> None:
    edited = change(GW2, set_to("delivery.max_connections", 50))
    assert at(edited, GW2, "delivery.max_connections") == 50
    assert holding(edited, GW2).origin(path("delivery.max_connections")) == GW2


def holding(source: str, level: Level) -> levels.Effective:
    return levels.effective(format.plain(read(source)), level)


def test_at_cluster_level_changes_are_those_of_the_text() -> None:
    made = set_to("delivery.idle_timeout", "1m")
    assert level_changes.at_level(read(TEXT), CLUSTER, [made]) == Changed((made,))


def test_one_member_more_says_the_whole_list_from_then_on() -> None:
    new = (*GROUPS, "PARTNERS", "members", "192.0.2.9")
    edited = change(GW2, Change(new, Mark.ABSENT, Mark.PRESENT, "192.0.2.1"))
    groups = at(edited, GW2, "listeners.InboundMail.sender_groups")
    assert isinstance(groups, list)
    assert [one["name"] for one in groups] == ["PARTNERS", "ALL"]
    assert groups[0]["members"] == ["192.0.2.1", "192.0.2.9"]
    assert at(edited, GW1, "listeners.InboundMail.sender_groups") != groups
    # Now that the list is its own, a member that goes is one line of the text.
    gone = Change((*GROUPS, "PARTNERS", "members", "192.0.2.1"), Mark.PRESENT, Mark.ABSENT)
    again = change(GW2, gone, source=edited)
    assert lines(edited, again)[1] == ['members = ["192.0.2.9"]']


def test_what_goes_at_a_level_goes_from_there_and_is_hidden_from_above() -> None:
    edited = change(GW1, Change(path("system.hostname"), "gw1.example.org", Mark.ABSENT))
    assert at(edited, GW1, "system.hostname") is None
    assert 'without = ["system.hostname"]' in edited
    assert "machines.gw1.settings.system" not in edited


def test_a_listener_that_goes_is_one_path_that_the_level_is_without() -> None:
    gone = changes.diff(read(TEXT), without(read(TEXT), "InboundMail"))
    edited = change(GW3, *gone)
    assert 'without = ["listeners.InboundMail"]' in edited
    assert "machines.gw3.settings" not in edited
    assert at(edited, GW3, "listeners.InboundMail") is None
    assert at(edited, GW1, "listeners.InboundMail.port") == 2525


def without(whole: schema.Document, listener: str) -> schema.Document:
    left = {name: one for name, one in whole.listeners.items() if name != listener}
    return whole.model_copy(update={"listeners": left})


def test_what_only_this_level_has_goes_without_a_trace() -> None:
    more = TEXT + '\n[machines.gw3.settings.interfaces.Inside]\naddress = "127.0.0.7"\n'
    made = changes.diff(
        interfaces(holding(more, GW3)), interfaces(levels.effective({}, CLUSTER), keep="PublicNet")
    )
    edited = change(GW3, *(one for one in made if "Inside" in one.path), source=more)
    assert "Inside" not in edited


def interfaces(found: levels.Effective, keep: str = "") -> schema.Document:
    named = found.values.get("interfaces", {keep: {"address": "127.0.0.1"}})
    read_document = document.read({"format": 1, "interfaces": named})
    assert isinstance(read_document, schema.Document)
    return read_document


def test_what_a_level_takes_away_is_written_down() -> None:
    outcome = level_changes.take_away(read(TEXT), GW3, path("listeners.Legacy"))
    edited = done(outcome)
    assert edited.count('without = ["listeners.Legacy"]') == 2
    assert at(edited, GW3, "listeners.Legacy") is None
    refused = level_changes.take_away(read(TEXT), GW3, path("listeners.None"))
    assert isinstance(refused, Refused)
    assert "no level above" in str(refused.findings[0])


# --- copy, move, delete ------------------------------------------------------------------------


def test_a_copy_is_said_by_both() -> None:
    edited = done(level_changes.copy(read(TEXT), path("delivery"), EU, GW3))
    assert at(edited, GW3, "delivery.max_connections") == 50
    assert at(edited, GW2, "delivery.max_connections") == 50
    assert lines(TEXT, edited)[0] == []


def test_a_copy_from_the_top_brings_all_that_stands_there() -> None:
    edited = done(level_changes.copy(read(TEXT), path("listeners.InboundMail"), CLUSTER, GW2))
    found = holding(edited, GW2)
    assert found.origin(path("listeners.InboundMail.type")) == GW2
    assert found.values == holding(TEXT, GW2).values


def test_what_moves_up_holds_for_all_and_is_said_once() -> None:
    edited = done(level_changes.move(read(TEXT), path("delivery.max_connections"), EU, CLUSTER))
    assert at(edited, GW3, "delivery.max_connections") == 50
    assert at(edited, GW1, "delivery.max_connections") == 7
    assert "groups.EU.settings" not in edited
    assert "Frankfurt and Paris" in edited


def test_what_is_deleted_lets_the_level_above_speak() -> None:
    edited = done(level_changes.delete(read(TEXT), path("delivery"), GW1))
    assert at(edited, GW1, "delivery.max_connections") == 50
    assert "[machines.gw1.settings.delivery]" not in edited
    assert "as in DNS" in edited


def test_what_is_said_no_more_leaves_no_empty_section_and_brings_nothing_back() -> None:
    edited = done(level_changes.unsay(read(TEXT), path("delivery.max_connections"), GW1))
    assert at(edited, GW1, "delivery.max_connections") == 50
    assert "[machines.gw1.settings.delivery]" not in edited
    assert "as in DNS" in edited
    assert isinstance(level_changes.unsay(read(TEXT), path("listeners.Legacy"), EU), Refused)


def test_deleting_brings_back_what_a_level_was_without() -> None:
    edited = done(level_changes.delete(read(TEXT), path("listeners.Legacy"), EU))
    assert at(edited, GW2, "listeners.Legacy.port") == 2526
    assert "without" not in edited


@pytest.mark.parametrize(
    ("where", "source", "target", "said"),
    [
        ("delivery.idle_timeout", EU, GW1, "group EU says nothing here; said at cluster"),
        ("delivery.smtp_port", EU, GW1, "nor does any other level"),
        ("delivery", EU, EU, "both"),
        ("delivery", EU, places.machine("gw9"), "machines.gw9: there is no such level"),
        ("delivery", places.group("US"), GW1, "groups.US: there is no such level"),
        ("machines.gw1", CLUSTER, GW2, "the cluster level says nothing here"),
        ("system", GW1, CLUSTER, None),
    ],
)
def test_what_cannot_be_copied_says_why(
    where: str, source: Level, target: Level, said: str | None
) -> None:
    outcome = level_changes.copy(read(TEXT), path(where), source, target)
    if said is None:
        assert isinstance(outcome, Changed)
    else:
        assert isinstance(outcome, Refused)
        assert said in str(outcome.findings[0])


def test_a_part_of_a_list_is_not_copied() -> None:
    outcome = level_changes.copy(read(TEXT), (*GROUPS, "PARTNERS"), CLUSTER, GW1)
    assert isinstance(outcome, Refused)
    assert "a list goes as a whole: listeners.InboundMail.sender_groups" in str(outcome.findings[0])


def test_what_the_top_needs_cannot_move_away() -> None:
    outcome = level_changes.move(read(TEXT), path("listeners.InboundMail.type"), CLUSTER, EU)
    assert isinstance(outcome, Refused)
    assert outcome.findings[0].path == path("listeners.InboundMail.type")


def test_main_group_needs_no_table() -> None:
    main = places.group("Main_Group")
    edited = change(main, set_to("delivery.max_connections", 3))
    assert at(edited, GW3, "delivery.max_connections") == 3
    assert at(edited, GW2, "delivery.max_connections") == 50


def test_two_people_at_two_levels_do_not_disturb_each_other() -> None:
    base = read(TEXT)
    mine = read(change(GW1, set_to("delivery.idle_timeout", "1m")))
    theirs = read(change(EU, set_to("delivery.idle_timeout", "2m")))
    merged = changes.merge(base, mine, theirs)
    assert isinstance(merged, changes.Merged)
    assert [one.path for one in merged.changes] == [
        ("machines", "gw1", "settings", "delivery", "idle_timeout")
    ]
    other = read(change(GW1, set_to("delivery.idle_timeout", "3m")))
    assert isinstance(changes.merge(base, mine, other), changes.Conflict)


def test_new_members_of_one_group_of_a_machine_meet_as_at_the_top() -> None:
    own = change(
        GW2, Change((*GROUPS, "PARTNERS", "members", "192.0.2.9"), Mark.ABSENT, Mark.PRESENT)
    )
    base, both = read(own), []
    for member in ("192.0.2.10", "192.0.2.11"):
        made = Change(
            (*GROUPS, "PARTNERS", "members", member), Mark.ABSENT, Mark.PRESENT, "192.0.2.9"
        )
        both.append(read(change(GW2, made, source=own)))
    merged = changes.merge(base, *both)
    assert isinstance(merged, changes.Merged)
    assert [one.path[-2:] for one in merged.changes] == [("members", "192.0.2.10")]


def test_what_does_not_hold_together_has_the_place_where_it_is_said() -> None:
    source = TEXT + '\n[machines.gw2.settings.interfaces.Inside]\nhostname = "x.example"\n'
    outcome = level_changes.holding(read(source), GW2)
    assert isinstance(outcome, Refused)
    assert places.text(tuple(map(str, outcome.findings[0].path))) == (
        "machines.gw2.settings.interfaces.Inside.address"
    )


def test_two_people_may_each_take_something_away() -> None:
    base, both = read(TEXT), []
    for where in ("system", "delivery.idle_timeout"):
        both.append(read(done(level_changes.take_away(base, EU, path(where)))))
    merged = changes.merge(base, *both)
    assert isinstance(merged, changes.Merged)
    assert [one.path for one in merged.changes] == [("groups", "EU", "without", "system")]
    edited = done(Changed(merged.changes))
    assert read(edited).groups["EU"].without == ["listeners.Legacy", "system"]


def test_names_with_dots_are_quoted_and_found_again() -> None:
    mail = places.machine("gw4.example.org")
    source = TEXT + '\n[machines."gw4.example.org"]\n'
    edited = change(mail, set_to("delivery.idle_timeout", "1m"), source=source)
    assert '[machines."gw4.example.org".settings.delivery]' in edited
    again = change(mail, set_to("delivery.idle_timeout", "2m"), source=edited)
    assert lines(edited, again) == (['idle_timeout = "1m"'], ['idle_timeout = "2m"'])
    control = Change(("destination_controls", "bank.example", "tls"), Mark.ABSENT, "required")
    above = [Change(control.path[:size], Mark.ABSENT, Mark.PRESENT) for size in (1, 2)]
    more = change(mail, *above, control, source=again)
    assert 'settings.destination_controls."bank.example"]' in more
    moved = done(level_changes.move(read(more), control.path, mail, CLUSTER), more)
    assert '[destination_controls."bank.example"]' in moved
    hidden = done(level_changes.take_away(read(moved), GW1, control.path[:2]), moved)
    assert at(hidden, GW1, "destination_controls.bank") is None
    assert levels.at(holding(hidden, GW1).values, control.path) is None
    assert levels.at(holding(hidden, GW2).values, control.path) == "required"


def test_what_a_level_says_anew_goes_without_being_hidden_twice() -> None:
    own = '\n[groups.EU.settings.listeners.Legacy]\ntype = "private"\ninterface = "PublicNet"\n'
    source = TEXT + own + "port = 2590\n"
    gone = Change(path("listeners.Legacy.port"), 2590, Mark.ABSENT)
    edited = change(EU, gone, source=source)
    assert read(edited).groups["EU"].without == ["listeners.Legacy"]
    assert at(edited, EU, "listeners.Legacy.port") is None
    whole = Change(path("listeners.Legacy"), Mark.PRESENT, Mark.ABSENT)
    again = change(EU, whole, source=edited)
    assert read(again).groups["EU"].without == ["listeners.Legacy"]
    assert at(again, GW2, "listeners.Legacy") is None
