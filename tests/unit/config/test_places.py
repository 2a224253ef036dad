# SPDX-License-Identifier: Apache-2.0
"""Levels by their names, and paths as people write them."""

import pytest

from gatehouse.config import places
from gatehouse.config.places import CLUSTER


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("cluster", CLUSTER),
        ("group:EU", places.group("EU")),
        ("Machine: gw1", places.machine("gw1")),
        ("machine:gw1.example.org", places.machine("gw1.example.org")),
    ],
)
def test_a_level_is_written_with_its_kind(text: str, level: places.Level) -> None:
    assert places.parse_level(text) == level
    assert places.parse_level(str(level)) == level


@pytest.mark.parametrize("text", ["", "cluster:x", "group", "group:", "gw1", "machine:a b", "x:y"])
def test_what_is_no_level_is_none(text: str) -> None:
    assert places.parse_level(text) is None


def test_a_path_of_the_whole_text_belongs_to_a_level() -> None:
    port = ("listeners", "In", "port")
    assert places.split(port) == (CLUSTER, port)
    for level in (places.group("EU"), places.machine("gw1")):
        assert places.split((*level.prefix, *port)) == (level, port)
        assert places.split((*level.table, "comment")) == (CLUSTER, (*level.table, "comment"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("listeners.In.port", ("listeners", "In", "port")),
        (
            "destination_controls.'bank.example'.tls",
            ("destination_controls", "bank.example", "tls"),
        ),
        ('smtp_routes."."', ("smtp_routes", ".")),
        ("sender_tls_overrides[2].tls", ("sender_tls_overrides", 2, "tls")),
    ],
)
def test_a_path_is_read_as_people_write_it(text: str, path: tuple[str | int, ...]) -> None:
    assert places.parse(text) == path


@pytest.mark.parametrize("text", ["", "a..b", "a.", "[", "a'b", "x" * 1001])
def test_what_is_no_path_is_none(text: str) -> None:
    assert places.parse(text) is None


def test_a_path_is_written_so_that_it_reads_back() -> None:
    path = ("smtp_routes", "a.b", "it's", "x" * 90)
    assert places.parse(places.text(path)) == path
