# SPDX-License-Identifier: Apache-2.0
"""Outbound TLS levels: the outcome table, row by row, and connection reuse."""

import pytest

from gatehouse.policy.outbound_tls import (
    Achieved,
    OutboundTlsLevel,
    Situation,
    TlsAction,
    decide,
    is_required,
    may_carry,
)

CLEAR, TLS, DELIVER, AGAIN, GIVE_UP = (
    TlsAction.CONTINUE_CLEAR,
    TlsAction.START_TLS,
    TlsAction.DELIVER,
    TlsAction.RECONNECT_CLEAR,
    TlsAction.GIVE_UP_HOST,
)
PREFERRED = (CLEAR, CLEAR, TLS, CLEAR, AGAIN, GIVE_UP, DELIVER, DELIVER)
REQUIRED = (GIVE_UP, GIVE_UP, TLS, GIVE_UP, GIVE_UP, GIVE_UP, DELIVER, DELIVER)
VERIFY = (GIVE_UP, GIVE_UP, TLS, GIVE_UP, GIVE_UP, GIVE_UP, GIVE_UP, DELIVER)


@pytest.mark.parametrize(
    ("level", "row"),
    [
        (OutboundTlsLevel.PREFERRED, PREFERRED),
        (OutboundTlsLevel.PREFERRED_VERIFY, PREFERRED),
        (OutboundTlsLevel.REQUIRED, REQUIRED),
        (OutboundTlsLevel.REQUIRED_VERIFY, VERIFY),
        (OutboundTlsLevel.REQUIRED_VERIFY_HOSTED, VERIFY),
    ],
)
def test_the_rows_of_the_table(level: OutboundTlsLevel, row: tuple[TlsAction, ...]) -> None:
    assert tuple(decide(level, situation) for situation in Situation) == row


def test_level_none_never_asks() -> None:
    for situation in list(Situation)[:3]:
        assert decide(OutboundTlsLevel.NONE, situation) is CLEAR
    with pytest.raises(ValueError, match="cannot happen"):
        decide(OutboundTlsLevel.NONE, Situation.HANDSHAKE_FAILED)


def test_a_required_level_never_ends_in_clear() -> None:
    for level in OutboundTlsLevel:
        if is_required(level):
            assert not {CLEAR, AGAIN} & {decide(level, situation) for situation in Situation}
            assert not may_carry(Achieved.CLEAR_NOT_AVAILABLE, level)
            assert not may_carry(Achieved.CLEAR_NOT_ASKED, level)


def test_a_connection_that_never_asked_serves_only_level_none() -> None:
    carried = [level for level in OutboundTlsLevel if may_carry(Achieved.CLEAR_NOT_ASKED, level)]
    assert carried == [OutboundTlsLevel.NONE]


def test_the_two_verdicts_do_not_stand_in_for_each_other() -> None:
    assert not may_carry(Achieved.VERIFIED, OutboundTlsLevel.REQUIRED_VERIFY_HOSTED)
    assert not may_carry(Achieved.ENCRYPTED, OutboundTlsLevel.REQUIRED_VERIFY)
    assert may_carry(Achieved.VERIFIED, OutboundTlsLevel.REQUIRED)
