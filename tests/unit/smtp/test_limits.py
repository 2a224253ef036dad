# SPDX-License-Identifier: Apache-2.0
"""Limits that follow from each other."""

from gatehouse.smtp import limits


def test_lines_with_parameters_may_be_longer_than_plain_ones() -> None:
    assert limits.COMMAND_LINE == 512
    assert limits.COMMAND_LINE < limits.RCPT_LINE <= limits.UNTERMINATED_LINE
    assert limits.COMMAND_LINE < limits.MAIL_LINE <= limits.UNTERMINATED_LINE
    assert limits.UNTERMINATED_LINE < limits.AUTH_LINE < limits.SKIPPED_LINE


def test_at_least_what_the_rfc_asks_for() -> None:
    assert limits.MAX_RECIPIENTS >= 100  # RFC 5321 §4.5.3.1.8
    assert limits.FOLLOW_ON_REFUSALS >= limits.MAX_RECIPIENTS
