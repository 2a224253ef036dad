# SPDX-License-Identifier: Apache-2.0
"""The configuration manual says type, bounds, default and help of every field."""

import re

from gatehouse.config.reference import fields, reference


def row(name, section):
    """The cells of one field in one section of the page."""
    page = reference(lambda place, field: f"by hand: {place} {field}")
    part = page.split(f"## [{section}]\n", 1)[1].split("\n## ", 1)[0]
    (line,) = [line for line in part.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_a_number_has_its_bounds_and_its_default():
    assert row("port", "listeners.NAME")[:3] == ["`port`", "number, 1 to 65,535", "`25`"]


def test_a_duration_and_a_size_are_written_as_people_write_them():
    _, kind, default, *_ = row("idle_timeout", "listeners.NAME")
    assert re.fullmatch(r"duration, \d+[smhd] to \d+[smhd]", kind)
    assert default == "`5m`"
    assert row("disk_reserve", "queue")[2] == "`256M`"


def test_a_choice_names_its_words():
    assert row("tls", "mail_flow_policies.NAME")[1] == "word: `off`, `preferred`, `required`"


def test_what_must_be_set_and_what_is_inherited_are_told_apart():
    assert row("address", "interfaces.NAME")[2] == "required"
    assert row("hostname", "interfaces.NAME")[2] == "not set"
    assert row("max_connections", 'destination_controls."DOMAIN"')[2] == "inherited"


def test_a_field_that_nothing_acts_on_says_so():
    assert "**Not yet in effect**" in row("client_certificate", "ldap")[3]
    assert "**Not yet in effect**" not in row("tls", 'destination_controls."DOMAIN"')[3]


def test_every_field_says_what_it_is_set_by():
    assert row("port", "listeners.NAME")[4] == "by hand: listeners.NAME port"
    page = reference(lambda place, field: f"<{place}|{field}>")
    for place, name, _ in fields():
        assert page.count(f"<{place}\\|{name}>") == 1, (place, name)
