# SPDX-License-Identifier: Apache-2.0
import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.journal import facts
from gatehouse.journal.json_lines import decode, encode
from tests.unit.journal.samples import AT, HOSTILE, all_types, specimen

# What no terminal, pager or viewer may ever get from a log line.
RAW = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]")


def test_the_line_begins_with_time_type_and_moment() -> None:
    line = encode(facts.MessageQueued(at=1740981601.1239, mid=9101))
    assert line == (
        b'{"time":"2025-03-03T06:00:01.123Z","fact":"message_queued","at":1740981601.1239,'
        b'"mid":9101}'
    )


@pytest.mark.parametrize("kind", all_types())
def test_every_fact_comes_back_as_it_was_whatever_its_texts(kind: type) -> None:
    for text in ("x", "Grüße", "\x7f", "\x85", HOSTILE):
        fact = specimen(kind, text)
        line = encode(fact)
        assert decode(line) == fact
        assert not RAW.search(line.decode())
        assert json.loads(line)["at"] == AT


def test_bytes_that_were_no_utf8_are_written_out_as_text() -> None:
    fact = facts.RecipientBounced(
        at=AT,
        dcid=1,
        mid=2,
        sender="",
        recipient="\udcff@x.example",
        rid=0,
        enhanced="5.1.0",
        text="t",
        code="550",
        lines=("\udc80",),
    )
    back = decode(encode(fact))
    assert isinstance(back, facts.RecipientBounced)
    assert back.recipient == "\\udcff@x.example"
    assert back.lines == ("\\udc80",)


@settings(max_examples=150)
@given(st.text(), st.floats(0, 4e9))
def test_any_text_at_any_time_is_one_safe_line(text: str, at: float) -> None:
    line = encode(facts.CommandRefused(at=at, icid=1, kind="unknown", text=text))
    assert not RAW.search(line.decode())
    back = decode(line)
    assert isinstance(back, facts.CommandRefused)
    assert (back.text, back.at) == (text, at)


def test_a_line_that_is_no_fact_is_refused_and_an_unknown_field_is_not() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"fact":"message_queued","at":1.5,"mi')
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"fact":"flying_saucer","at":1.5}')
    assert decode(b'{"fact":"message_queued","at":1.5,"mid":1,"new":[]}') == facts.MessageQueued(
        at=1.5, mid=1
    )
