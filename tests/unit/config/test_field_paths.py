# SPDX-License-Identifier: Apache-2.0
"""The paths that are offered are those that can be set, and every field is among them."""

from typing import Any

import pytest

from gatehouse.config import document, field_paths, schema

VALUES: dict[str, Any] = {
    "format": 1,
    "interfaces": {"Net": {"address": "127.0.0.1"}},
    "listeners": {
        "In.x": {
            "type": "public",
            "interface": "Net",
            "recipient_access": [{"recipient": "a.example", "access": "accept"}],
            "sender_groups": [{"name": "FRIENDS", "members": ["ALL"], "policy": "ACCEPTED"}],
        }
    },
    "smtp_routes": {"b.example": ["mx.b.example"]},
}


@pytest.fixture(scope="module")
def read() -> schema.Document:
    found = document.read(VALUES)
    assert isinstance(found, schema.Document)
    return found


def test_every_path_that_is_offered_leads_to_a_field(read: schema.Document) -> None:
    offered = field_paths.settable(read)
    assert [path for path in offered if field_paths.at(path) is None] == []


def test_fields_are_offered_whether_they_are_set_or_not(read: schema.Document) -> None:
    offered = field_paths.settable(read)
    for path in (
        "system.hostname",
        "interfaces.Net.https_certificate",
        "listeners.'In.x'.idle_timeout",
        "listeners.'In.x'.sender_groups.FRIENDS.policy",
        "listeners.'In.x'.recipient_access.'a.example'.text",
        "smtp_routes.'b.example'",
        "smtp_configuration.server",
        "sender_tls_overrides",
        "crl.sources",
    ):
        assert path in offered


def test_every_field_of_the_sections_that_are_always_there_is_offered(
    read: schema.Document,
) -> None:
    offered = set(field_paths.settable(read))
    for section in ("delivery", "logs", "queue", "trust", "crl", "acme", "tls_reporting"):
        model = type(getattr(read, section))
        assert {f"{section}.{name}" for name in model.model_fields} <= offered


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("destination_controls.'new.example'.dane", ("none", "opportunistic", "mandatory")),
        ("listeners.Any.delayed_reject", ("true", "false")),
        ("listeners.Any.type", ("public", "private")),
        ("system.hostname", ()),
    ],
)
def test_a_choice_of_words_is_known(path: str, words: tuple[str, ...]) -> None:
    found = field_paths.at(path)
    assert found is not None and found.description
    assert set(found.words) == set(words)


@pytest.mark.parametrize(
    "path", ["", "nonsense", "system.nonsense", "system.hostname.more", "system", "listeners.Any"]
)
def test_what_is_no_field_is_none(path: str) -> None:
    assert field_paths.at(path) is None


def test_what_can_be_taken_away_is_what_stands_there(read: schema.Document) -> None:
    found = field_paths.written(read)
    assert "listeners.'In.x'" in found
    assert "system.hostname" not in found


def test_a_huge_section_does_not_fill_the_memory_of_a_shell() -> None:
    controls: dict[str, Any] = {f"d{n}.example": {} for n in range(field_paths.MOST_NAMES + 10)}
    found = document.read({**VALUES, "destination_controls": controls})
    assert isinstance(found, schema.Document)
    offered = field_paths.settable(found)
    assert sum(path.endswith(".dane") for path in offered) == field_paths.MOST_NAMES
