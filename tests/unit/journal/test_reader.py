# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.journal.mail_log import Level
from gatehouse.journal.reader import read_line

EVERY_LINE = [
    line
    for path in sorted((Path(__file__).parents[2] / "corpus/mail-log").glob("*.out"))
    for line in path.read_bytes().splitlines()
]


@pytest.mark.parametrize("line", EVERY_LINE)
def test_every_line_we_write_can_be_read_back(line: bytes) -> None:
    read = read_line(line + b"\n")
    assert read.stamp is not None
    assert read.level is Level.INFO
    assert line.decode().endswith(f" Info: {read.text}")


def test_stamp_level_text_and_ids_are_taken_apart() -> None:
    read = read_line(
        b"Mon Mar  3 06:03:05 2025 Warning: Delayed: DCID 7021 MID 9012 From: <> of MID 8\n"
    )
    assert read.stamp == (2025, 3, 3, 6, 3, 5)
    assert read.level is Level.WARNING
    assert (read.mid, read.icid, read.dcid) == (9012, None, 7021)


@pytest.mark.parametrize(
    "line",
    [
        b"Mon Mar 3 06:00:12 2025 Info: DCID 7001 close",
        b"Mon Mar  3 06:00:12 2025 Info: DCID 7001 close \r\n",
    ],
)
def test_one_blank_before_the_day_and_trailing_blanks_are_tolerated(line: bytes) -> None:
    read = read_line(line)
    assert (read.stamp, read.text, read.dcid) == ((2025, 3, 3, 6, 0, 12), "DCID 7001 close", 7001)


def test_the_old_connection_error_with_a_colon_has_its_id() -> None:
    read = read_line(b"Mon Mar  3 06:00:12 2025 Info: Connection Error: DCID: 7 IP:10.0.0.1 port")
    assert read.dcid == 7


@pytest.mark.parametrize(
    "line",
    [b"", b"\xff\xfe MID 5", b"Mon Foo  3 06:00:12 2025 Info: MID 5", b"Mon Mar 3 MID 5 nonsense"],
)
def test_a_line_that_is_not_understood_keeps_its_text_and_ids(line: bytes) -> None:
    read = read_line(line)
    assert read.stamp is None
    assert read.level is None
    assert read.mid == (5 if line else None)


@settings(max_examples=200)
@given(st.binary())
def test_no_line_whatever_fails_the_reader(line: bytes) -> None:
    read_line(line)
    read_line(b"Mon Mar  3 06:00:12 2025 Info: " + line)
