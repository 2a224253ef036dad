# SPDX-License-Identifier: Apache-2.0
"""Two people's changes meet: whoever comes second, nothing of either is lost, comments included.

What stands where is read by a second way that shares nothing with the merge: paths out of plain
values, elements of the named lists by their names.
"""

import copy
import re
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.config import changes, document, edit_changes, format, schema, text
from gatehouse.config.changes import Conflict, Mark, Merged

EXAMPLES = 25
TEXT = """\
# the gateway of the head office
format = 1  # the first

# its names
[system]  # here
hostname = "mx.example.org"  # in DNS too

[interfaces.Net]  # inside
  address = "127.0.0.1"  # indented

# where mail comes in
[listeners.In]
type = "public"
interface = "Net"
port = 2525  # not 25: a firewall maps it
connection_timeout = "5m"
# whom mail is taken for
recipient_access = [
    { recipient = "a.example", access = "accept" },  # ours
    { recipient = "b.example", access = "accept" },
]

# partners, as in the contract
[[listeners.In.sender_groups]]
name = "A"  # the first
members = [
    "192.0.2.1",  # the office
    "192.0.2.2",  # the branch
]
policy = "ACCEPTED"  # for now

# those who send too much
[[listeners.In.sender_groups]]
name = "B"
members = ["198.51.100.1"]  # since March
policy = "THROTTLED"

# everybody else
[[listeners.In.sender_groups]]
name = "ALL"
policy = "ACCEPTED"  # the world

[delivery]
max_connections = 500  # measured
idle_timeout = "10s"

[smtp_routes]
"a.example" = ["127.0.0.1:2600"]  # the old server

[destination_controls."bank.example"]  # ask Ann
tls = "required"  # # they insist
max_connections = 5

[groups.EU]  # Frankfurt
[groups.EU.settings.delivery]
max_connections = 50  # small lines
[machines.gw1]
group = "EU"
comment = "a # is no comment"  # but this is
# the end
"""
# Fields that stand in the text, with other values: whoever sets one changes one line.
FIELDS: dict[tuple[str | int, ...], list[Any]] = {
    ("system", "hostname"): ["mx2.example.org"],
    ("interfaces", "Net", "address"): ["127.0.0.2", "::1"],
    ("listeners", "In", "port"): [25, 26],
    ("listeners", "In", "connection_timeout"): ["2m"],
    ("listeners", "In", "sender_groups", 0, "policy"): ["BLOCKED", "TRUSTED"],
    ("listeners", "In", "sender_groups", 1, "policy"): ["BLOCKED"],
    ("listeners", "In", "sender_groups", 1, "members"): [["198.51.100.2"]],
    ("listeners", "In", "sender_groups", 2, "policy"): ["BLOCKED"],
    ("delivery", "max_connections"): [7, 8],
    ("delivery", "idle_timeout"): ["1m"],
    ("smtp_routes", "a.example"): [["127.0.0.1:2601"]],
    ("destination_controls", "bank.example", "tls"): ["none"],
    ("destination_controls", "bank.example", "max_connections"): [6],
    ("groups", "EU", "settings", "delivery", "max_connections"): [51],
    ("machines", "gw1", "comment"): ['# "none"\\'],
}
BASE = tomllib.loads(TEXT)


def read(values: dict[str, Any]) -> schema.Document:
    found = document.read(copy.deepcopy(values))
    assert isinstance(found, schema.Document), found
    return found


def said(content: bytes) -> schema.Document:
    return read(tomllib.loads(content.decode()))


def with_fields(chosen: dict[tuple[str | int, ...], Any]) -> schema.Document:
    values = copy.deepcopy(BASE)
    for path, value in chosen.items():
        here: Any = values
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = value
    return read(values)


def committed(content: bytes, base: schema.Document, mine: schema.Document) -> bytes:
    """My changes made to a text that somebody else has committed."""
    found = changes.merge(base, mine, said(content))
    assert isinstance(found, Merged), found
    done = edit_changes.apply(content, found.changes)
    assert isinstance(done, bytes), done
    return done


def comments(content: str) -> list[str]:
    """All of them, in their order; strings are left out first."""
    return re.findall(r"#[^\n]*", re.sub(r'"(?:[^"\\\n]|\\.)*"', "", content))


@st.composite
def apart(draw: st.DrawFn) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Two people who touch different fields."""
    owners = {path: draw(st.sampled_from("ann bob nobody".split())) for path in FIELDS}
    values = {path: draw(st.sampled_from(FIELDS[path])) for path in FIELDS}
    return (
        {path: values[path] for path in FIELDS if owners[path] == "ann"},
        {path: values[path] for path in FIELDS if owners[path] == "bob"},
    )


@given(apart())
@settings(max_examples=EXAMPLES, deadline=None)
def test_different_fields_give_the_same_text_in_either_order(
    chosen: tuple[dict[Any, Any], dict[Any, Any]],
) -> None:
    base, ann, bob = read(BASE), with_fields(chosen[0]), with_fields(chosen[1])
    first = committed(committed(TEXT.encode(), base, ann), base, bob)
    second = committed(committed(TEXT.encode(), base, bob), base, ann)
    assert first == second
    assert format.plain(said(first)) == format.plain(with_fields({**chosen[0], **chosen[1]}))
    assert comments(first.decode()) == comments(TEXT)
    touched = set(first.decode().split("\n")) ^ set(TEXT.split("\n"))
    assert len(touched) == 2 * len({**chosen[0], **chosen[1]}), "a line for each field"


# --- anything at once ----------------------------------------------------------------------------


@st.composite
def anything(draw: st.DrawFn) -> schema.Document:
    """Fields, members, groups, recipients and sections that come, go, change and move."""
    values = copy.deepcopy(BASE)
    listener = values["listeners"]["In"]
    groups = [copy.deepcopy(one) for one in draw(st.permutations(listener["sender_groups"]))]
    for one in groups:
        if "members" in one and draw(st.booleans()):
            pool = [*one["members"], "203.0.113.1", "203.0.113.2"]
            one["members"] = draw(st.lists(st.sampled_from(pool), unique=True, max_size=3))
        one["policy"] = draw(st.sampled_from([one["policy"], "BLOCKED"]))
    for name in draw(st.lists(st.sampled_from(["X", "Y"]), unique=True)):
        groups.insert(draw(st.integers(0, len(groups))), {"name": name, "policy": "ACCEPTED"})
    for _ in range(draw(st.integers(0, 2))):
        groups.pop(draw(st.integers(0, len(groups) - 1)))
    listener["sender_groups"] = groups
    listener["recipient_access"] = [
        {"recipient": name, "access": draw(st.sampled_from(["accept", "reject"]))}
        for name in draw(st.permutations(["a.example", "b.example", "c.example"]))
        if draw(st.booleans())
    ]
    values["destination_controls"] = draw(
        st.dictionaries(
            st.sampled_from(["bank.example", "x.example"]),
            st.fixed_dictionaries({}, optional={"tls": st.sampled_from(["none", "required"])}),
        )
    )
    if draw(st.booleans()):
        del values["delivery"]["idle_timeout"]
    gone = draw(st.sampled_from([None, None, "smtp_routes", "groups", "machines", "delivery"]))
    if gone is not None:
        del values[gone]
    return read(values)


def flat(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path by path; what stands in a named list goes by its name."""
    found: dict[tuple[str, ...], Any] = {}
    if isinstance(value, dict):
        found[path] = "(table)"
        for name, one in value.items():
            found |= flat(one, (*path, name))
    elif path[-1] in ("sender_groups", "recipient_access", "members", "without"):
        found[path] = "(table)"
        for one in value:
            name = one if isinstance(one, str) else one.get("name", one.get("recipient"))
            found |= flat(one, (*path, name)) if isinstance(one, dict) else {(*path, name): "in"}
    else:
        found[path] = value
    return found


def touched(base: schema.Document, other: schema.Document) -> dict[tuple[str, ...], Any]:
    """What somebody changed; None: it is gone."""
    was, now = flat(format.plain(base)), flat(format.plain(other))
    return {
        path: now.get(path) for path in was.keys() | now.keys() if was.get(path) != now.get(path)
    }


def _told(value: Any) -> Any:
    return {Mark.ABSENT: None, Mark.PRESENT: "(table)"}[value] if value in tuple(Mark) else value


@given(anything(), anything())
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_both_wanted_stands_in_the_text_or_nothing_is_written(
    mine: schema.Document, theirs: schema.Document
) -> None:
    base = read(BASE)
    my_own, their_own = touched(base, mine), touched(base, theirs)
    found = changes.merge(base, mine, theirs)
    both = {p for p in my_own.keys() & their_own.keys() if my_own[p] != their_own[p]}
    if isinstance(found, Conflict):
        assert both <= {one.path for one in found.clashes}
        for one in found.clashes:
            if one.path in both:
                told = {path: _told(value) for path, value in ((1, one.mine), (2, one.theirs))}
                assert told == {1: my_own[one.path], 2: their_own[one.path]}
        return
    assert not both
    content = edit_changes.apply(TEXT.encode(), changes.diff(base, theirs))
    assert isinstance(content, bytes), content
    done = committed(content, base, mine)
    stands = flat(format.plain(said(done)))
    for own in (my_own, their_own):
        assert {path: stands.get(path) for path in own} == own
    for path, value in flat(format.plain(base)).items():
        if path not in my_own and path not in their_own:
            assert stands.get(path) == value


@given(anything())
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_is_written_reads_back_and_leaves_alone_what_it_is_not_about(
    wanted: schema.Document,
) -> None:
    done = edit_changes.apply(TEXT.encode(), changes.diff(read(BASE), wanted))
    assert isinstance(done, bytes), done
    assert format.plain(said(done)) == format.plain(wanted)
    assert done.decode().startswith(TEXT[: TEXT.index("port")]), "never written anew"
    again = text.parse(format.format_document(wanted).encode())
    assert isinstance(again, text.Parsed)
    assert read(again.values) == said(done)
