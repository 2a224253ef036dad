# SPDX-License-Identifier: Apache-2.0
"""The schema: every field has a help text, units are read, nothing is guessed."""

import subprocess
import sys

import pytest

from gatehouse.config import schema, units

SECTIONS = [
    one
    for one in schema.Section.__subclasses__()
    if one.__module__ == schema.__name__ and one is not schema.Settings
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.__name__)
def test_every_field_has_a_help_text(section: type[schema.Section]) -> None:
    for name, field in section.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("text", "number"), [("64K", 65_536), ("20M", 20 << 20), ("1 GiB", 1 << 30), (17, 17), ("9", 9)]
)
def test_sizes(text: object, number: int) -> None:
    assert units.parse_size(text) == number
    assert units.parse_size(units.format_size(number)) == number


@pytest.mark.parametrize(("text", "number"), [("30s", 30), ("10m", 600), ("3d", 259_200), (7, 7)])
def test_durations(text: object, number: int) -> None:
    assert units.parse_duration(text) == number
    assert units.parse_duration(units.format_duration(number)) == number


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5M", "20Q", True, 1.5, None, "9" * 99])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="64K"):
        units.parse_size(text)


def test_policy_needs_no_schema_library() -> None:
    script = (
        "import sys, gatehouse.policy.access, gatehouse.policy.routes, gatehouse.policy.retry, "
        "gatehouse.policy.recipients, gatehouse.policy.bounce; "
        "sys.exit('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, env={"PYTHONPATH": "src"})
    assert done.returncode == 0
