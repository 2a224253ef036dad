# SPDX-License-Identifier: Apache-2.0
"""Alert mail: whatever an alarm says, it stays in its place."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.alert import MAX_SUBJECT, AlertMail, compose, subject

FIELDS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]


def mailbox(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def mail(text: str = "Something is odd.", to: str = "ops@us.example", detail: str = "") -> bytes:
    return compose(
        AlertMail(
            sender=mailbox("alert@gw.us.example"),
            recipient=mailbox(to),
            subject=f"Warning <System> gw.us.example: {text}",
            text=text,
            details=[("What", "A thing."), ("What to do", detail)],
            message_id="<alert.1@gw.us.example>",
            date=1_800_000_000.0,
        )
    )


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_plain_alert_is_plain_ascii_in_short_lines() -> None:
    content = mail(detail="Look. " * 60)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78
    parsed = read(content)
    assert list(parsed) == FIELDS
    assert parsed["Subject"] == "Warning <System> gw.us.example: Something is odd."
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert "What:       A thing.\r\n" in parsed.get_content()


@pytest.mark.parametrize(
    "text",
    [
        "no\r\nBcc: evil@example.com\r\n\r\nbody",
        "no\nX-Spam: yes",
        "no\rX: y",
        "\x00\x1b[31m\x85\u2028X: y\u2029",
        "=?utf-8?Q?=0D=0ABcc:_evil?=",
        "\u202egpj.exe",
        "\ud800 lone",
        "-----BEGIN",
        ".",
        "From nobody",
    ],
)
def test_a_hostile_text_adds_no_field_and_no_line(text: str) -> None:
    content = mail(text, detail=text)
    assert b"\0" not in content and b"\x1b" not in content
    assert b"\r" not in content.replace(b"\r\n", b"") and b"\n" not in content.replace(b"\r\n", b"")
    parsed = read(content)
    assert list(parsed) == FIELDS
    assert str(parsed["Subject"]).startswith("Warning <System> gw.us.example: ")


def test_what_looks_like_an_encoded_word_is_not_decoded_by_a_reader() -> None:
    assert read(mail("=?utf-8?Q?a?="))["Subject"].endswith("=?utf-8?Q?a?=")


def test_text_beyond_ascii_arrives_whole() -> None:
    content = mail("Zertifikat für bücher.example läuft ab \N{SNOWMAN} " * 3)
    assert content.isascii() and max(map(len, content.split(b"\r\n"))) <= 78
    parsed = read(content)
    assert "für bücher.example läuft ab \N{SNOWMAN}" in str(parsed["Subject"])
    assert "läuft ab \N{SNOWMAN}" in parsed.get_content()


def test_an_address_that_only_utf8_can_write_stands_as_it_is() -> None:
    content = mail(to="öps@us.example")
    assert "To: <öps@us.example>\r\n".encode() in content


def test_the_longest_text_stays_bounded() -> None:
    content = mail("x" * 100_000, detail="y " * 100_000)
    assert len(content) < 8_000
    assert len(read(content)["Subject"]) <= MAX_SUBJECT + 3


@given(st.text(max_size=300))
def test_a_subject_is_one_field_whatever_is_in_it(text: str) -> None:
    value = subject(text)
    assert value.isascii() and "\n " in value.replace("\r\n ", "\n ") + "\n "
    assert all(line.startswith(" ") for line in value.split("\r\n")[1:])
    assert all(line.strip() and line.isprintable() for line in value.split("\r\n") if value)
