# SPDX-License-Identifier: Apache-2.0
"""Changes are written into a text whose comments and order stay; the result says what was meant."""

from typing import Any

import pytest

from gatehouse.config import changes, document, edit_changes, format, schema, text
from gatehouse.config.changes import Change, Mark

TEXT = """\
# the gateway of the head office
format = 1

[interfaces.Net]   # inside
address = "127.0.0.1"

[listeners.In]
type = "public"
interface = "Net"
port = 2525  # not 25: a firewall maps it

# partners
[[listeners.In.sender_groups]]
name = "A"
members = [
    "192.0.2.1",  # the office
    "192.0.2.2",  # the branch
]
policy = "ACCEPTED"

# everybody
[[listeners.In.sender_groups]]
name = "ALL"
policy = "ACCEPTED"

# routes inside
[smtp_routes]
"example.com" = ["127.0.0.1:2600"]  # the old server

[destination_controls."bank.example"]  # ask Ann
tls = "required"
"""
GROUPS = ("listeners", "In", "sender_groups")


def read(data: bytes) -> schema.Document:
    parsed = text.parse(data)
    assert isinstance(parsed, text.Parsed)
    found = document.read(parsed.values)
    assert isinstance(found, schema.Document)
    return found


def done(*made: Change, source: str = TEXT) -> str:
    edited = edit_changes.apply(source.encode(), made)
    assert isinstance(edited, bytes), edited
    wanted = document.read(changes.apply(read(source.encode()), made))
    assert isinstance(wanted, schema.Document)
    assert format.plain(read(edited)) == format.plain(wanted)
    return edited.decode()


def set_to(path: str, new: Any, old: Any = Mark.ABSENT) -> Change:
    return Change(tuple(path.split("/")), old, new)


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (set_to("listeners/In/port", 2526), "port = 2525  #", "port = 2526  #"),
        (
            set_to("destination_controls/bank.example/tls", "none"),
            'tls = "required"\n',
            'tls = "none"\n',
        ),
        (
            set_to("destination_controls/bank.example/max_connections", 5),
            'tls = "required"\n',
            'tls = "required"\nmax_connections = 5\n',
        ),
        (
            set_to("smtp_routes/example.com", ["127.0.0.1:1"]),
            '["127.0.0.1:2600"]  # the old server',
            '["127.0.0.1:1"]  # the old server',
        ),
        (
            set_to("smtp_routes/example.org", ["127.0.0.1:1"]),
            "# the old server\n",
            '# the old server\n"example.org" = ["127.0.0.1:1"]\n',
        ),
        (
            set_to("smtp_routes/example.com", Mark.ABSENT),
            '[smtp_routes]\n"example.com" = ["127.0.0.1:2600"]  # the old server\n',
            "",
        ),
        (
            set_to("listeners/In/sender_groups/A/members/192.0.2.9", Mark.PRESENT),
            "# the branch\n",
            '# the branch\n    "192.0.2.9",\n',
        ),
        (
            set_to("listeners/In/sender_groups/A/members/192.0.2.1", Mark.ABSENT),
            '    "192.0.2.1",  # the office\n',
            "",
        ),
        (
            set_to("listeners/In/sender_groups/ALL/policy", "BLOCKED"),
            'name = "ALL"\npolicy = "ACCEPTED"',
            'name = "ALL"\npolicy = "BLOCKED"',
        ),
    ],
)
def test_one_change_touches_nothing_else(change: Change, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    if change.path[-1].startswith("192.0.2.9"):
        change = Change(change.path, Mark.ABSENT, Mark.PRESENT, "192.0.2.2")
    assert done(change) == TEXT.replace(old, new)


def test_a_new_group_leaves_the_others_with_their_comments() -> None:
    group = (*GROUPS, "B")
    edited = done(
        Change(group, Mark.ABSENT, Mark.PRESENT, "A", "ALL"),
        Change((*group, "name"), Mark.ABSENT, "B"),
        Change((*group, "policy"), Mark.ABSENT, "BLOCKED"),
    )
    new = '\n[[listeners.In.sender_groups]]\nname = "B"\npolicy = "BLOCKED"\n'
    assert edited == TEXT.replace("\n# everybody", f"{new}\n# everybody")


def test_a_new_section_comes_whole_and_beside_its_like() -> None:
    section = ("destination_controls", "new.example")
    edited = done(
        Change(section, Mark.ABSENT, Mark.PRESENT),
        Change((*section, "tls"), Mark.ABSENT, "required"),
    )
    assert edited == TEXT + '\n[destination_controls."new.example"]\ntls = "required"\n'


def test_a_section_goes_whole() -> None:
    section = ("destination_controls", "bank.example")
    edited = done(
        Change(section, Mark.PRESENT, Mark.ABSENT),
        Change((*section, "tls"), "required", Mark.ABSENT),
    )
    assert edited.rstrip() == TEXT.partition("\n[destination_controls")[0].rstrip()


def test_what_is_written_in_another_way_is_written_anew() -> None:
    inline = TEXT.replace(
        '[destination_controls."bank.example"]  # ask Ann\ntls = "required"\n',
        '[destination_controls]\n"bank.example" = { tls = "required" }\n',
    )
    edited = done(set_to("destination_controls/bank.example/tls", "none"), source=inline)
    assert "#" not in edited


def test_lists_of_sections_in_the_root_are_sections() -> None:
    one = {"sender": "a@example.com", "tls": "required"}
    edited = done(set_to("sender_tls_overrides", [one]))
    assert edited == TEXT + (
        '\n[[sender_tls_overrides]]\nsender = "a@example.com"\ntls = "required"\n'
    )
    again = done(
        set_to("sender_tls_overrides", [{**one, "tls": "none", "may_lower": True}]), source=edited
    )
    assert again.count("[[sender_tls_overrides]]") == 1


def test_what_comes_of_it_is_checked() -> None:
    found = edit_changes.apply(TEXT.encode(), [set_to("listeners/In/port", 70_000)])
    assert not isinstance(found, bytes)
    assert found[0].place == "listeners.In.port"
    assert not isinstance(edit_changes.apply(b"x", []), bytes)


def test_thousands_of_changes_cost_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    plain = text.masked

    def masked(one: str) -> str:
        counted.append(1)
        return plain(one)

    monkeypatch.setattr(text, "masked", masked)
    made = []
    for number in range(300):
        section = ("destination_controls", f"d{number}.example")
        made.append(Change(section, Mark.ABSENT, Mark.PRESENT))
        made.append(Change((*section, "tls"), Mark.ABSENT, "required"))
    assert done(*made).count("[destination_controls.") == 301
    assert len(counted) < 20


def test_all_groups_of_a_listener_are_taken_away_with_their_lines_alone() -> None:
    edited = done(set_to("listeners/In/sender_groups", Mark.ABSENT))
    assert "sender_groups" not in edited
    kept = [line for line in TEXT.split("[[listeners.In")[0].splitlines() if line.strip()]
    assert all(line in edited for line in kept)


def gone(path: str, source: str = TEXT) -> list[Change]:
    """All that stands at a path and below is taken away."""
    place = tuple(path.split("/"))
    at = changes.parts(read(source.encode())).at
    return [Change(one, at[one], Mark.ABSENT) for one in at if one[: len(place)] == place]


def test_a_section_of_which_nothing_is_left_stays_with_a_header_of_its_own() -> None:
    source = f"{TEXT}\n[machines.gw1.settings.delivery]\nmax_connections = 7\n# the end\n"
    edited = done(*gone("machines/gw1/settings/delivery", source), source=source)
    assert edited == f"{TEXT}\n[machines.gw1.settings]\n# the end\n"
    more = source.replace("# the end", '[machines.gw1.settings.interfaces.Net]\naddress = "::1"')
    two = [
        *gone("machines/gw1/settings/delivery", more),
        *gone("machines/gw1/settings/interfaces", more),
    ]
    assert done(*two, source=more).count("[machines") == 1


def order(*names: str) -> Change:
    return Change((*GROUPS, changes.ORDER), ("A", "ALL"), names)


def test_what_is_written_above_a_group_goes_where_the_group_goes() -> None:
    edited = done(order("ALL", "A")).replace("\n\n", "\n")
    assert '# everybody\n[[listeners.In.sender_groups]]\nname = "ALL"' in edited
    assert '# partners\n[[listeners.In.sender_groups]]\nname = "A"' in edited
    assert edited.index("# everybody") < edited.index("# partners")


def test_what_is_written_above_the_table_stays_there() -> None:
    source = TEXT.replace("# partners\n", "# who may send\n\n# partners\n")
    edited = done(order("ALL", "A"), source=source)
    assert edited.index("# who may send") < edited.index("# everybody") < edited.index("# partners")


def test_a_group_that_changes_beside_a_new_one_keeps_the_words_above_it() -> None:
    edited = done(
        set_to("listeners/In/sender_groups/ALL/policy", "BLOCKED"),
        Change((*GROUPS, "B"), Mark.ABSENT, Mark.PRESENT, "A"),
        set_to("listeners/In/sender_groups/B/name", "B"),
        set_to("listeners/In/sender_groups/B/policy", "ACCEPTED"),
    )
    assert '# everybody\n[[listeners.In.sender_groups]]\nname = "ALL"\npolicy = "BLOCKED"' in edited


def test_a_table_whose_groups_have_all_gone_is_an_empty_one() -> None:
    some = [*gone("listeners/In/sender_groups/A"), *gone("listeners/In/sender_groups/ALL")]
    edited = done(*some)
    assert "a firewall maps it\nsender_groups = []\n" in edited
    assert "# routes inside" in edited
    back = done(
        Change((*GROUPS, "C"), Mark.ABSENT, Mark.PRESENT),
        set_to("listeners/In/sender_groups/C/name", "C"),
        set_to("listeners/In/sender_groups/C/policy", "BLOCKED"),
        source=edited,
    )
    assert "sender_groups = []" not in back
    assert "# routes inside" in back
