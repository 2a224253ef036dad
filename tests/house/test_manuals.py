# SPDX-License-Identifier: Apache-2.0
"""The manuals say what the code says: the plan of the house, the configuration, the log's facts."""

import re
import typing
from pathlib import Path

import pytest

from gatehouse.config import reference, schema
from gatehouse.faces.cli import manual
from gatehouse.journal import facts
from gatehouse.journal.mail_log import JSON_ONLY

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "gatehouse"
HOUSE = ROOT / "docs" / "HOUSE.md"
MANUALS = ("README.md", "HACKING.md", "SECURITY.md", "docs/HOUSE.md", "docs/flow.md")
OWN_FOLDERS = sorted(place.name for place in SOURCE.iterdir() if place.is_dir())


DATA = {"candidate.toml", "gatehouse.toml", "my.toml"}  # made by people and by the gateway


def files_named(text):
    """Every path of a file that a text names in code marks."""
    return set(re.findall(r"`([\w./*-]+\.(?:py|sql|md|toml|service|txt|smtp|c))`", text)) - DATA


def exists(name):
    """A path counts from the root, from the package, or from the documents."""
    starts = (ROOT, SOURCE, ROOT / "docs")
    return any(next(iter(start.glob(name)), None) is not None for start in starts)


# --- docs/HOUSE.md ----------------------------------------------------------------------------


def test_every_module_is_named_in_the_plan_of_the_house():
    named = files_named(HOUSE.read_text())
    modules = {
        str(place.relative_to(SOURCE))
        for kind in ("*.py", "*.sql")
        for place in SOURCE.rglob(kind)
        if place.name != "__init__.py"
    }
    assert sorted(modules - named) == [], "docs/HOUSE.md says nothing about these"


@pytest.mark.parametrize("manual", MANUALS)
def test_every_file_that_a_manual_names_is_there(manual):
    named = files_named((ROOT / manual).read_text())
    assert named or manual == "README.md", f"{manual}: the pattern of this test does not fit it"
    assert sorted(name for name in named if not exists(name)) == []


def test_every_folder_of_the_package_has_a_heading_or_a_row():
    text = HOUSE.read_text()
    assert [
        name for name in OWN_FOLDERS if f"`{name}/`" not in text and name != "__pycache__"
    ] == []


# --- docs/configuration.md --------------------------------------------------------------------


def test_the_configuration_manual_is_made_from_the_schema():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == manual.page(), "make docs"


def fields(model=schema.Document):
    """Names of all plain fields, sections left out."""
    found = set()
    for name, field in model.model_fields.items():
        below = [
            one
            for one in _inside(field.annotation)
            if isinstance(one, type) and issubclass(one, schema.Section)
        ]
        if below:
            for one in below:
                found |= fields(one)
        else:
            found.add(name)
    return found


def _inside(annotation):
    parts = typing.get_args(annotation)
    return [annotation, *(inner for part in parts for inner in _inside(part))]


def used_in(*rooms):
    """All names that are read from some value in these rooms."""
    text = ""
    for room in rooms:
        place = SOURCE / room
        for one in [place] if place.is_file() else sorted(place.rglob("*.py")):
            text += one.read_text()
    return set(re.findall(r"\.(\w+)\b(?!\()", text))


def test_what_the_manual_says_has_no_effect_yet_has_none():
    acting = used_in("service", "app.py", "roles.py")
    told = {name for name in reference.NOT_YET if "." not in name}
    assert sorted(told & acting) == [], "these act now: take them out of reference.NOT_YET"
    assert sorted(told - fields()) == [], "there are no such fields"
    for place in set(reference.NOT_YET) - told:
        section, _, name = place.rpartition(".")
        assert f"## [{section}]" in manual.page(), f"there is no section {section}"
        assert name in fields(), f"there is no field {name}"


def test_a_field_without_effect_is_said_to_have_none():
    builders = [f"config/{one}.py" for one in ("build", "alert_build", "tls_build", "levels")]
    acting = used_in("service", "app.py", "roles.py", "policy", *builders)
    # Read while loading, and by people; what a level takes away is gone when values are built.
    built_only = {"format", "comment", "without"}
    told = {name.rpartition(".")[2] for name in reference.NOT_YET}
    assert sorted(fields() - acting - told - built_only) == []


# --- docs/mail-log.md -------------------------------------------------------------------------


def the_facts():
    return {one.__struct_config__.tag: one for one in typing.get_args(facts.Fact)}


def fact_rows():
    """The rows of the table of facts: name → (lines, fields)."""
    rows = {}
    for line in (ROOT / "docs" / "mail-log.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if len(cells) == 3 and re.fullmatch(r"`[a-z_]+`", cells[0]):
            rows[cells[0].strip("`")] = (cells[1], cells[2])
    return rows


def test_every_fact_stands_in_the_manual_of_the_log():
    assert sorted(set(the_facts()) ^ set(fact_rows())) == []


def test_every_field_of_a_fact_stands_in_the_manual_of_the_log():
    rows = fact_rows()
    for tag, fact in the_facts().items():
        own = [name for name in fact.__struct_fields__ if name != "at"]
        assert re.findall(r"`(\w+)`", rows[tag][1]) == own, tag


def test_the_manual_of_the_log_says_which_facts_have_no_line():
    rows = fact_rows()
    for tag, fact in the_facts().items():
        assert (rows[tag][0] == "–") == (fact in JSON_ONLY), tag
