# SPDX-License-Identifier: Apache-2.0
"""Our Received field: complete, and no peer can write in it."""

from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.received import received_header


@dataclass(frozen=True)
class Tls:
    protocol: str = "TLSv1.3"
    cipher: str = "TLS_AES_256_GCM_SHA384"
    group: str | None = "x25519"


def address(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def header(**changes: Any) -> str:
    parts: dict[str, Any] = {
        "helo": "mx1.bank.example",
        "client_host": "mx1.bank.example",
        "client_ip": "203.0.113.25",
        "hostname": "mx.shop.example",
        "smtputf8": False,
        "extended": True,
        "tls": Tls(),
        "mid": 9101,
        "recipient": address("bob@shop.example"),
        "date": b"Mon, 03 Mar 2025 06:00:01 +0000",
    }
    return received_header(**(parts | changes)).decode()


def test_the_whole_field() -> None:
    assert header() == (
        "Received: from mx1.bank.example (mx1.bank.example [203.0.113.25])\r\n"
        "\tby mx.shop.example (Gatehouse) with ESMTPS id 9101\r\n"
        "\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 group=x25519)\r\n"
        "\tfor <bob@shop.example>; Mon, 03 Mar 2025 06:00:01 +0000\r\n"
    )


def test_in_clear_there_is_no_tls_comment() -> None:
    text = header(tls=None)
    assert "version=" not in text
    assert "with ESMTP id" in text


def test_a_group_without_name_is_left_out() -> None:
    assert "SHA384)\r\n" in header(tls=Tls(group=None))


@pytest.mark.parametrize(
    ("smtputf8", "extended", "tls", "word"),
    [
        (False, False, None, "SMTP"),
        (False, False, Tls(), "SMTP"),
        (False, True, None, "ESMTP"),
        (False, True, Tls(), "ESMTPS"),
        (True, True, None, "UTF8SMTP"),
        (True, True, Tls(), "UTF8SMTPS"),
    ],
)
def test_the_protocol_word(smtputf8: bool, extended: bool, tls: Tls | None, word: str) -> None:
    assert f" with {word} id " in header(smtputf8=smtputf8, extended=extended, tls=tls)


@pytest.mark.parametrize(
    ("smtputf8", "extended", "tls", "word"),
    [
        (False, False, None, "SMTP"),
        (False, True, None, "ESMTPA"),
        (False, True, Tls(), "ESMTPSA"),
        (True, True, None, "UTF8SMTPA"),
        (True, True, Tls(), "UTF8SMTPSA"),
    ],
)
def test_the_protocol_word_after_a_login(
    smtputf8: bool, extended: bool, tls: Tls | None, word: str
) -> None:
    text = header(smtputf8=smtputf8, extended=extended, tls=tls, authenticated=True)
    assert f" with {word} id " in text


def test_without_verified_name_the_host_is_unknown() -> None:
    assert "(unknown [203.0.113.25])" in header(client_host=None)


def test_ipv6_clients_are_written_as_literals() -> None:
    assert "[IPv6:2001:db8::1])" in header(client_ip="2001:db8::1")


def test_several_recipients_are_not_told_about_each_other() -> None:
    assert "for <" not in header(recipient=None)


def test_a_quoted_recipient_is_not_written() -> None:
    assert "evil" not in header(recipient=address('"x>; (evil"@shop.example'))


def test_an_international_recipient_stands_only_in_an_international_message() -> None:
    assert "for <" not in header(recipient=address("ü@shop.example"))
    assert "for <ü@shop.example>" in header(recipient=address("ü@shop.example"), smtputf8=True)


def test_a_greeting_cannot_leave_its_place() -> None:
    text = header(helo="a) by evil (", client_host=None)
    assert text.startswith(
        'Received: from [203.0.113.25] (HELO "a??by?evil??" unknown [203.0.113.25])\r\n'
    )


def test_a_literal_greeting_is_quoted_unless_it_is_the_truth() -> None:
    assert 'from [203.0.113.25] (HELO "[1.2.3.4]" ' in header(helo="[1.2.3.4]")
    assert "from [203.0.113.25] (mx1" in header(helo="[203.0.113.25]")


@given(st.text(max_size=600), st.none() | st.text(max_size=600))
def test_whatever_the_peer_says_there_is_one_field_with_one_comment_of_ours(
    helo: str, host: str | None
) -> None:
    raw = header(helo=helo, client_host=host, tls=None, recipient=None).encode("ascii")
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r") == 2
    assert raw.count(b"(") == raw.count(b")") == 2
    assert raw.count(b";") == 1
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert BytesHeaderParser().parsebytes(raw).keys() == ["Received"]
