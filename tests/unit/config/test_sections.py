# SPDX-License-Identifier: Apache-2.0
"""Sections travel with their comments, and what stands beside them is not touched."""

import tomllib

import pytest

from gatehouse.config import checks, edit_tables, sections, text, upgrade
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.findings import Finding
from gatehouse.config.sections import Part


def parsed(written: str) -> text.Parsed:
    found = upgrade.parse(written.encode())
    assert isinstance(found, text.Parsed)
    return found


def part(written: str, place: str) -> Part:
    (path,) = paths(place)
    found = sections.take(parsed(written), path)
    assert isinstance(found, Part), str(found)
    return found


def paths(*named: str) -> tuple[tuple[str, ...], ...]:
    found = sections.paths(named)
    assert isinstance(found, tuple), str(found)
    return found


def put(written: str, *parts: Part) -> str:
    done = sections.put(written.encode(), parts)
    assert isinstance(done, bytes), done
    return done.decode()


OURS = """\
format = 1

# who we are
[system]
hostname = "a.example"  # short

# where mail comes in
# from everybody
[listeners.In]
port = 25

# the good ones
[[listeners.In.sender_groups]]
name = "GOOD"

# the next one
[listeners.Out]
port = 26

[smtp_routes]
"x.example" = ["a"]

# the last words
"""
THEIRS = """\
format = 1
[listeners.Out]
port = 99

# new here
[listeners.In] # theirs
port = 2525
[[listeners.In.sender_groups]]
# before the name
name = "BEST"
[smart_hosts.ses]
host = "ses.example"
"""


def test_a_section_is_taken_with_its_comments() -> None:
    assert part(OURS, "listeners.In").written == (
        "# where mail comes in\n# from everybody\n[listeners.In]\nport = 25\n\n"
        '# the good ones\n[[listeners.In.sender_groups]]\nname = "GOOD"'
    )
    assert part(OURS, "system").written.endswith('hostname = "a.example"  # short')
    assert part(OURS, "listeners").written.endswith("# the next one\n[listeners.Out]\nport = 26")
    assert part(OURS, "listeners").value == tomllib.loads(OURS)["listeners"]


def test_a_section_takes_the_place_of_the_one_that_stood_there() -> None:
    done = put(OURS, part(THEIRS, "listeners.In"))
    assert done == OURS.replace(
        part(OURS, "listeners.In").written, part(THEIRS, "listeners.In").written
    )
    assert "# new here\n[listeners.In] # theirs" in done
    assert "# from everybody" not in done
    assert "# the last words" in done


def test_a_section_that_is_scattered_is_gathered() -> None:
    scattered = OURS + "\n[listeners.Third]\nport = 3\n"
    done = put(scattered, part(THEIRS, "listeners"))
    assert tomllib.loads(done)["listeners"] == tomllib.loads(THEIRS)["listeners"]
    assert tomllib.loads(done)["smtp_routes"] == {"x.example": ["a"]}
    assert "# the last words" in done


def test_a_new_section_stands_beside_its_relatives_or_at_the_end() -> None:
    done = put(OURS, part(THEIRS, "smart_hosts"))
    assert done.endswith('# the last words\n\n[smart_hosts.ses]\nhost = "ses.example"\n')
    third = THEIRS.replace("listeners.Out", "listeners.Third")
    done = put(OURS, part(third, "listeners.Third"))
    assert "port = 26\n\n[listeners.Third]\nport = 99\n\n[smtp_routes]" in done


@pytest.mark.parametrize("ours", [OURS, OURS.rstrip("\n"), "format = 1", "", "\n\n"])
def test_whatever_the_text_ends_with_the_result_says_what_was_meant(ours: str) -> None:
    done = tomllib.loads(put(ours, part(THEIRS, "smart_hosts"), part(THEIRS, "listeners.Out")))
    wanted = tomllib.loads(ours)
    wanted["smart_hosts"] = {"ses": {"host": "ses.example"}}
    wanted.setdefault("listeners", {})["Out"] = {"port": 99}
    assert done == wanted


@pytest.mark.parametrize(
    "written",
    [
        'format = 1\nsystem = { hostname = "b.example" }\n',
        'format = 1\nsystem.hostname = "b.example"\n',
    ],
)
def test_a_section_that_is_written_inline_travels_all_the_same(written: str) -> None:
    found = part(written, "system")
    assert found.written == '[system]\nhostname = "b.example"'
    assert tomllib.loads(put(OURS, found))["system"] == {"hostname": "b.example"}
    # And the other way round: the text is written anew, as nothing can stand there otherwise.
    again = put(written, part(OURS, "system"))
    assert tomllib.loads(again)["system"] == {"hostname": "a.example"}


def test_every_section_of_the_first_configuration_goes_and_comes_back_unchanged() -> None:
    for name, one in tomllib.loads(DEFAULT_TEXT).items():
        if not isinstance(one, dict):
            continue
        found = part(DEFAULT_TEXT, name)
        assert put(DEFAULT_TEXT, found) == DEFAULT_TEXT
        alone = sections.together([found]).decode()
        assert part(alone, name) == found
        assert tomllib.loads(alone) == {"format": 1, name: one}


def test_a_text_of_all_sections_can_run() -> None:
    names = [n for n, one in tomllib.loads(DEFAULT_TEXT).items() if isinstance(one, dict)]
    whole = sections.together([part(DEFAULT_TEXT, name) for name in names])
    assert isinstance(checks.load(whole), checks.Loaded)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("lisseners", "there are: system, listeners, smtp_routes"),
        ("listeners.Other", "there are: In, Out"),
        ("listeners.In.port", "is a field"),
        ("smtp_routes.'x.example'", "is a field"),
        ("system.hostname.x", "no such section"),
    ],
)
def test_what_is_not_there_is_named(place: str, words: str) -> None:
    (path,) = paths(place)
    found = sections.take(parsed(OURS), path)
    assert isinstance(found, Finding)
    assert words in str(found)


def test_paths_are_written_as_elsewhere() -> None:
    assert paths("a.'b.c'.d", "a", "x") == (("a",), ("x",)), "what lies below comes with it"
    assert paths('destination_controls."b.example"') == (("destination_controls", "b.example"),)
    for bad in ("", "...", "x" * 501):
        assert isinstance(sections.paths([bad]), Finding)
    assert isinstance(sections.paths([f"a{n}" for n in range(500)]), Finding)


def test_smart_hosts_and_certificates_are_found_at_every_level() -> None:
    values = {
        "smart_hosts": {"ses": {}},
        "listeners": {"A": {"certificate": "mx", "certificates": ["b", "c"]}},
        "destination_controls": {"x": {"client_certificate": "cl", "tls": "required"}},
        "machines": {"gw1": {"settings": {"smart_hosts": {"own": {"certificate": "d"}}}}},
    }
    hosts, names = sections.secrets_of(values)
    assert hosts == {"ses", "own"}
    assert names == {"mx", "b", "c", "cl", "d"}


def test_a_text_is_read_once_however_many_sections_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    real = edit_tables.sections_of

    def sections_of(written: str) -> list[edit_tables.Block]:
        read.append(len(written))
        return real(written)

    monkeypatch.setattr(edit_tables, "sections_of", sections_of)
    places = paths("system", "listeners.In", "listeners.Out", "smtp_routes")
    found = sections.take_all(parsed(OURS), places)
    assert [one.path for one in found if isinstance(one, Part)] == list(places)
    assert read == [len(OURS)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("ours", [OURS, OURS.rstrip("\n")])
def test_a_section_gets_the_line_ends_of_the_text_and_keeps_its_comments(
    ours: str, end: str
) -> None:
    ours = ours.replace("\n", end)
    for theirs in (THEIRS, THEIRS.replace("\n", "\r\n")):
        found = part(theirs, "listeners.In")
        assert found.written.startswith("# new here\n[listeners.In] # theirs\n")
        done = put(ours, found)
        assert f"# new here{end}[listeners.In] # theirs{end}port = 2525{end}" in done
        assert done.count("\n") == done.count(end)
    again = put(ours, part(ours, "listeners"))
    assert again == ours, "to the octet"
