# SPDX-License-Identifier: Apache-2.0
"""Older formats are climbed step by step; the steps here are planted, for there is one format."""

import re

import pytest

from gatehouse.config import checks, edit, edit_changes, schema, text, upgrade
from gatehouse.config.changes import Change
from gatehouse.config.upgrade import Step, Upgraded, Values


def hostname(values: Values) -> Values:
    values["system"] = {"hostname": values.pop("name")}
    return values


def hostname_text(written: str) -> str:
    return re.sub(r'^name = ("[^"]*")', r"[system]\nhostname = \1", written, flags=re.MULTILINE)


def longer(values: Values) -> Values:
    values["system"]["hostname"] += ".example"
    return values


RENAMED = Step(name="the name stands in its section", values=hostname, text=hostname_text)
LONGER = Step(name="names end in .example", values=longer)
OLD = b'# mine\nformat = 0  # the first\n\n# who we are\nname = "gw"\n'


def climbed(data: bytes, steps: dict[int, Step], newest: int) -> Upgraded:
    parsed = upgrade.parse(data, steps=steps, newest=newest)
    assert isinstance(parsed, Upgraded)
    return parsed


def refusal(data: bytes, newest: int = 1, steps: dict[int, Step] | None = None) -> str:
    parsed = upgrade.parse(data, steps=steps or {}, newest=newest)
    assert isinstance(parsed, text.Unreadable)
    (found,) = parsed.findings
    return str(found)


def test_the_newest_format_is_the_one_that_the_schema_allows() -> None:
    newest = {"format": upgrade.NEWEST, "system": {"hostname": "a.b"}}
    assert schema.Document.model_validate(newest).format == upgrade.NEWEST
    assert set(upgrade.STEPS) == set(range(1, upgrade.NEWEST)), "every older format has a step"


def test_a_text_of_the_newest_format_is_left_alone() -> None:
    parsed = climbed(b"format=1 # x\n", {0: RENAMED}, 1)
    assert (parsed.text, parsed.values, parsed.steps) == ("format=1 # x\n", {"format": 1}, ())
    assert upgrade.notices(parsed) == ()


def test_a_step_keeps_comments_and_order() -> None:
    parsed = climbed(OLD, {0: RENAMED}, 1)
    assert parsed.text == (
        '# mine\nformat = 1  # the first\n\n# who we are\n[system]\nhostname = "gw"\n'
    )
    assert parsed.values == {"format": 1, "system": {"hostname": "gw"}}
    (notice,) = upgrade.notices(parsed)
    assert "from format 0 to 1: the name stands in its section" in str(notice)


def test_steps_are_climbed_one_after_the_other_and_each_is_named() -> None:
    parsed = climbed(OLD, {0: RENAMED, 1: LONGER}, 2)
    assert parsed.values == {"format": 2, "system": {"hostname": "gw.example"}}
    assert text.parse(parsed.text.encode()) == text.Parsed(parsed.values, parsed.text)
    assert [one.partition(":")[0] for one in parsed.steps] == [
        "was upgraded from format 0 to 1",
        "was upgraded from format 1 to 2",
        "was written anew for it, without its comments",
    ], "the second step cannot change the text, so the values win"
    assert len(upgrade.notices(parsed)) == 3


def test_lists_and_nested_sections_survive_being_written_anew() -> None:
    data = b'format = 1\na = [{b = 1, "c.d" = ["x"]}]\n[s.t]\nu = {v = true}\nsystem.hostname = "h"'
    data = data.replace(b"system.hostname", b'[system]\nhostname = "h"\n#').replace(b'# = "h"', b"")
    parsed = climbed(data, {1: LONGER}, 2)
    assert parsed.values["a"] == [{"b": 1, "c.d": ["x"]}]
    assert parsed.values["s"] == {"t": {"u": {"v": True}}}
    assert text.parse(parsed.text.encode()) == text.Parsed(parsed.values, parsed.text)


def test_a_newer_format_is_one_clear_sentence() -> None:
    said = refusal(b"# x\nformat = 7\nsomething = 3\n")
    assert said.startswith("error: line 2: format: this is format 7, of a newer Gatehouse;")
    assert "up to 1" in said


@pytest.mark.parametrize("number", [b"-1", b"0", b"-99999999999999999"])
def test_a_format_that_never_was_is_refused(number: bytes) -> None:
    assert "none that was ever written" in refusal(b"format = " + number)


@pytest.mark.parametrize("data", [b"format = true", b'format = "1"', b"format = 1.0", b""])
def test_what_is_no_number_is_left_to_the_schema(data: bytes) -> None:
    assert isinstance(upgrade.parse(data), Upgraded)


def test_a_gap_in_the_chain_is_no_way_up() -> None:
    assert "none that was ever written" in refusal(OLD, 2, {0: RENAMED})


def test_what_is_given_to_a_step_is_not_the_readers_own() -> None:
    first = text.parse(OLD)
    assert isinstance(first, text.Parsed)
    climbed(OLD, {0: RENAMED}, 1)
    assert first.values == {"format": 0, "name": "gw"}


def test_junk_is_refused_as_ever() -> None:
    assert "not valid TOML" in refusal(b"format = ")


# --- everybody reads through it -----------------------------------------------------------------

PLANTED = Step(
    name="hosts are called names",
    values=lambda values: {**values, "system": {"hostname": values["system"]["host"]}},
    text=lambda written: written.replace("host = ", "hostname = "),
)
STORED = b'format = 0\n# us\n[system]\nhost = "gw1.example.com"\n'


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there had been a format 0."""
    monkeypatch.setattr(upgrade, "STEPS", {0: PLANTED})
    wanted = dict(upgrade.parse.__kwdefaults__ or {}) | {"steps": {0: PLANTED}}
    monkeypatch.setattr(upgrade.parse, "__kwdefaults__", wanted)


@pytest.mark.usefixtures("planted")
def test_a_stored_text_of_an_older_format_runs_and_says_so() -> None:
    loaded = checks.load(STORED)
    assert isinstance(loaded, checks.Loaded)
    assert loaded.running.hostname == "gw1.example.com"
    said = "\n".join(map(str, loaded.warnings))
    assert "line 1: format: was upgraded from format 0 to 1: hosts are called names" in said


@pytest.mark.usefixtures("planted")
def test_a_fault_in_an_older_text_is_told_with_the_upgrade() -> None:
    refused = checks.load(STORED + b"[lisseners]\n")
    assert isinstance(refused, checks.Refused)
    said = "\n".join(map(str, refused.findings))
    assert "hosts are called names" in said
    assert "did you mean 'listeners'?" in said


@pytest.mark.usefixtures("planted")
def test_an_edit_of_an_older_text_gives_one_of_the_newest_format() -> None:
    wanted = b'format = 1\n# us\n[system]\nhostname = "gw2.example.com"\n'
    assert edit.set_field(STORED, ["system"], "hostname", "gw2.example.com") == wanted
    change = Change(("system", "hostname"), "gw1.example.com", "gw2.example.com")
    assert edit_changes.apply(STORED, [change]) == wanted
