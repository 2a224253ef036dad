# SPDX-License-Identifier: Apache-2.0
"""The words of reports."""

import pytest

from gatehouse.mail.dsn_text import OPENINGS, SUBJECTS, TLS_ADVICE, Action, advice


def test_every_outcome_has_words() -> None:
    assert set(SUBJECTS) == set(OPENINGS) == set(Action)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("5.1.1", "in front of the @"),
        ("5.1.2", "behind the @"),
        ("5.1.99", "Check the address"),
        ("5.2.2", "full"),
        ("5.3.4", "too large"),
        ("5.4.6", "loop"),
        ("4.4.1", "could not be reached"),
        ("5.6.7", "international"),
        ("5.7.10", "TLS"),
        ("5.9.9", "quote this report"),
        ("", "quote this report"),
    ],
)
def test_a_failure_says_what_to_do(status: str, word: str) -> None:
    assert word in advice(Action.FAILED, status, tls=False)


def test_tls_as_the_reason_beats_the_status() -> None:
    assert advice(Action.FAILED, "5.4.1", tls=True) == TLS_ADVICE
    assert advice(Action.DELAYED, "4.4.1", tls=True) == TLS_ADVICE


def test_nothing_is_to_be_done_about_success_or_delay() -> None:
    assert advice(Action.DELIVERED, "2.0.0", tls=False) == ""
    assert advice(Action.DELAYED, "4.4.1", tls=False).startswith("Nothing now")


def test_words_are_ascii_and_fit_a_line() -> None:
    for text in [*SUBJECTS.values(), *OPENINGS.values(), TLS_ADVICE]:
        assert text.isascii()
        assert all(len(line) < 998 for line in text.split("\r\n"))
