# SPDX-License-Identifier: Apache-2.0
"""The numbers, against the minima of their sources."""

from gatehouse.smtp import client_limits
from gatehouse.smtp.client import ClientEngine, ClientSettings
from tests.unit.smtp.client_wire import EHLO_ALL


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


def test_the_wait_for_starttls_is_the_operator_s() -> None:
    for settings, wait in (
        (ClientSettings(hostname="gw.example"), client_limits.STARTTLS_TIMEOUT),
        (ClientSettings(hostname="gw.example", starttls_timeout=7), 7),
    ):
        engine = ClientEngine(settings)
        for said in (b"220 mx.example\r\n", EHLO_ALL):
            engine.receive(said)
            engine.take_output()
        while engine.next_event() is not None:
            pass
        engine.start_tls()
        engine.take_output()
        assert engine.timeout == wait
