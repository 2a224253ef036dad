# SPDX-License-Identifier: Apache-2.0
"""The syntax of AUTH, strict in every part."""

import pytest

from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.server_auth import AuthCommand, decode_response, read_auth

OFFERED = ("PLAIN", "LOGIN")


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        (b"PLAIN", AuthCommand("PLAIN")),
        (b"plain =", AuthCommand("PLAIN", b"")),
        (b"Login YQ==", AuthCommand("LOGIN", b"a")),
    ],
)
def test_read(argument: bytes, command: AuthCommand) -> None:
    assert read_auth(argument, OFFERED) == command


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (b"", replies.AUTH_SYNTAX),
        (b"PLAIN a b", replies.AUTH_SYNTAX),
        (b"CRAM-MD5", replies.AUTH_UNKNOWN),
        (b"\xffPLAIN", replies.AUTH_UNKNOWN),
        (b"PLAIN ", replies.AUTH_BAD_BASE64),
        (b"PLAIN YQ", replies.AUTH_BAD_BASE64),
        (b"PLAIN ====", replies.AUTH_BAD_BASE64),
        (b"PLAIN Y Q==", replies.AUTH_SYNTAX),
        (b"PLAIN Y!Q==", replies.AUTH_BAD_BASE64),
    ],
)
def test_refused(argument: bytes, reply: object) -> None:
    assert read_auth(argument, OFFERED) == reply


def test_responses() -> None:
    assert decode_response(b"") == b""
    assert decode_response(b"YWI=") == b"ab"
    assert decode_response(b"*") == replies.AUTH_CANCELLED
    assert decode_response(b"\r") == replies.AUTH_BAD_BASE64
