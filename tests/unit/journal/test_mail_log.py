# SPDX-License-Identifier: Apache-2.0
"""The mail log's bytes: numbered cases of the grammar, and no way to forge a line."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.journal import facts, json_lines
from gatehouse.journal.facts import Fact
from gatehouse.journal.mail_log import (
    DEFAULT_SWITCHES,
    JSON_ONLY,
    Level,
    SubjectQuotes,
    Switches,
    render,
)
from tests.unit.journal.samples import AT, HOSTILE, all_types, specimen, utc_stamp

CASES = sorted((Path(__file__).parents[2] / "corpus/mail-log").glob("*.in"))


def switches_of(line: bytes) -> Switches | None:
    chosen = json.loads(line).get("switches")
    if chosen is None:
        return None
    if "subject_quotes" in chosen:
        chosen["subject_quotes"] = SubjectQuotes(chosen["subject_quotes"])
    return Switches(**chosen)


def texts(fact: Fact, switches: Switches = DEFAULT_SWITCHES) -> list[str]:
    return [text for _, text in render(fact, switches, utc_stamp)]


def test_there_are_cases() -> None:
    assert len(CASES) > 20


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_facts_of_a_case_give_its_lines_byte_for_byte(case: Path) -> None:
    assert case.with_suffix(".readme").read_text().strip()
    inputs = case.read_bytes().splitlines()
    switches = switches_of(inputs[0])
    if switches is not None:
        del inputs[0]
    produced = "".join(
        f"{utc_stamp(fact.at)} {level}: {text}\n"
        for fact in map(json_lines.decode, inputs)
        for level, text in render(fact, switches or DEFAULT_SWITCHES, utc_stamp)
    )
    assert produced.encode() == case.with_suffix(".out").read_bytes()


@pytest.mark.parametrize("kind", all_types())
def test_hostile_text_in_any_field_adds_no_line_and_no_control_character(kind: type) -> None:
    harmless = render(specimen(kind, "x"), DEFAULT_SWITCHES, utc_stamp)
    hostile = render(specimen(kind, HOSTILE), DEFAULT_SWITCHES, utc_stamp)
    assert len(hostile) == len(harmless)
    for _, text in hostile:
        assert text.isprintable()
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize("quotes", SubjectQuotes)
def test_a_hostile_subject_stays_in_its_line_however_it_is_quoted(quotes: SubjectQuotes) -> None:
    ready = specimen(facts.MessageReady, HOSTILE)
    produced = texts(ready, Switches(subject_quotes=quotes, hat_country=True))
    assert len(produced) == 4
    assert all(text.isprintable() for text in produced)


@settings(max_examples=150)
@given(text=st.text(), kind=st.sampled_from([k for k in all_types() if k not in JSON_ONLY]))
def test_any_text_gives_encodable_single_lines(text: str, kind: type) -> None:
    for line in texts(specimen(kind, text)):
        assert len(line.encode().splitlines()) == 1


def test_what_is_json_only_has_no_line() -> None:
    for kind in JSON_ONLY:
        assert render(specimen(kind, "x"), DEFAULT_SWITCHES, utc_stamp) == ()


def test_every_line_there_is_so_far_has_level_info() -> None:
    levels = {
        level
        for kind in all_types()
        for level, _ in render(specimen(kind, "x"), DEFAULT_SWITCHES, utc_stamp)
    }
    assert levels == {Level.INFO}


def test_a_quote_cannot_end_a_subject_or_a_response_early() -> None:
    delivered = facts.RecipientsDelivered(
        at=AT, dcid=1, mid=2, rids=(0,), response="ok' MID 3 \\", tls=False
    )
    assert texts(delivered)[1] == "MID 2 RID [0] Response 'ok\\' MID 3 \\\\'"


def test_a_tls_failure_without_any_number_keeps_the_library_form() -> None:
    failed = facts.TlsReceiveFailed(at=AT, icid=1, text="timeout")
    assert texts(failed) == ["ICID 1 TLS failed: (0, 'timeout')"]


def test_an_outbound_socket_error_has_the_same_form_as_an_inbound_one() -> None:
    failed = facts.TlsDeliveryFailed(
        at=AT, dcid=1, kind="socket", errno=104, text="Connection reset by peer"
    )
    assert texts(failed) == ["DCID 1 TLS failed: [Errno 104] Connection reset by peer"]


def test_the_next_try_is_given_in_the_local_time_of_the_caller() -> None:
    pending = facts.RetryScheduled(at=AT, mid=1, rids=(0, 1), until=AT + 60)
    lines = render(pending, DEFAULT_SWITCHES, lambda at: f"<{at - AT:.0f}>")
    assert lines == ((Level.INFO, "MID 1 to RID [0, 1] pending till <60>"),)


def test_a_missing_status_value_is_zero() -> None:
    line = texts(facts.StatusSnapshot(at=AT, values={"EncrQ": 3}))[0]
    assert line.startswith("Status: CPULd 0 DskIO 0 ")
    assert line.endswith(" EncrQ 3 InjBytes 0")
