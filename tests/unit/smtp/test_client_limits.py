# SPDX-License-Identifier: Apache-2.0
"""The numbers, against the minima of their sources."""

from gatehouse.smtp import client_limits


def test_waits_are_at_least_those_of_rfc_5321() -> None:
    assert client_limits.GREETING_TIMEOUT >= 300
    assert client_limits.MAIL_TIMEOUT >= 300
    assert client_limits.RCPT_TIMEOUT >= 300
    assert client_limits.DATA_TIMEOUT >= 120
    assert client_limits.DATA_BLOCK_TIMEOUT >= 180
    assert client_limits.END_OF_DATA_TIMEOUT >= 600


def test_a_reply_as_long_as_the_rfc_allows_is_read() -> None:
    assert client_limits.MAX_REPLY_LINE >= 512
    assert client_limits.MAX_REPLY_OCTETS >= client_limits.MAX_REPLY_LINE


def test_a_group_holds_at_least_the_longest_single_command() -> None:
    """RFC 3461 and RFC 6531 raise 512 by about 1,100 octets."""
    assert client_limits.MAX_GROUP_OCTETS > 512 + 1100
