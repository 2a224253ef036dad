# SPDX-License-Identifier: Apache-2.0
"""The canonical text reads back to the same document."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.config import defaults, document, schema
from gatehouse.config.format import format_document

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
GROUPS: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    name=st.sampled_from(["A", "B-1"]),
    policy=st.just("ACCEPTED"),
    members=st.lists(TEXT, max_size=12),
    comment=TEXT,
)
LISTENERS: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    type=st.sampled_from(["public", "private"]),
    interface=st.just("Net"),
    idle_timeout=st.integers(10, 3600),
    recipient_access=st.lists(st.builds(dict, recipient=TEXT, access=st.just("accept"))),
    sender_groups=st.lists(GROUPS, max_size=3),
)
DOCUMENTS: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    format=st.just(1),
    listeners=st.dictionaries(st.sampled_from(["In", "a.b"]), LISTENERS),
    smtp_routes=st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=9), max_size=3),
    mail_flow_policies=st.fixed_dictionaries(
        {"P": st.fixed_dictionaries({"max_message_size": st.integers(1024, 2**40)})}
    ),
)


def read(values: dict[str, object]) -> schema.Document:
    found = document.read(values)
    assert isinstance(found, schema.Document), found
    return found


@settings(max_examples=80, deadline=None)
@given(DOCUMENTS)
def test_every_document_survives_the_way_to_text_and_back(values: dict[str, object]) -> None:
    wanted = read(values)
    text = format_document(wanted)
    again = read(tomllib.loads(text))
    assert again == wanted
    assert format_document(again) == text


def test_sizes_durations_and_choices_are_written_as_people_write_them() -> None:
    values = tomllib.loads(defaults.DEFAULT_TEXT)
    text = format_document(read(values))
    assert 'max_message_size = "20M"' in text
    assert 'max_time = "3d"' in text
    assert 'behavior = "accept"' in text
    assert read(tomllib.loads(text)) == read(values)
