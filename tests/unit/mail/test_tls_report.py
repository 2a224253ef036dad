# SPDX-License-Identifier: Apache-2.0
"""TLS reports as mail: what we write others can read, and what others write does us no harm."""

import base64
import email
import email.policy
import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.tls_report import (
    MAX_MAIL,
    MAX_PACKED,
    MAX_UNPACKED,
    NoReport,
    ReportMail,
    compose,
    extract,
    packed,
    unpack,
)

JSON = b'{"organization-name":"Us"}'


def mailbox(text: str) -> Address:
    found = parse_mailbox(text.encode())
    assert isinstance(found, Address)
    return found


def report(domain: str = "shop.example", organization: str = "Us Inc.") -> ReportMail:
    return ReportMail(
        sender=mailbox("tls@us.example"),
        recipient=mailbox("reports@shop.example"),
        domain=domain,
        submitter="gw1.us.example",
        organization=organization,
        report_id=f"2024-10-04.{domain}@gw1.us.example",
        message_id="<1.abc@gw1.us.example>",
        boundary="0123456789abcdef",
        date=1_728_100_000.0,
        begins=1_728_000_000,
        ends=1_728_086_399,
        successes=3,
        failures=1,
        content=JSON,
    )


def test_the_mail_is_what_the_specification_asks_for() -> None:
    content = compose(report())
    assert content.isascii() and b"\n" not in content.replace(b"\r\n", b"")
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail.get_content_type() == "multipart/report"
    assert mail["Content-Type"].params["report-type"] == "tlsrpt"
    assert mail["TLS-Report-Domain"] == "shop.example"
    assert mail["TLS-Report-Submitter"] == "gw1.us.example"
    assert mail["TLS-Required"] == "No"
    assert mail["Subject"] == (
        "Report Domain: shop.example Submitter: gw1.us.example"
        " Report-ID: <2024-10-04.shop.example@gw1.us.example>"
    )
    words, attachment = mail.iter_parts()
    assert "Succeeded: 3 sessions" in words.get_content()
    assert attachment.get_content_type() == "application/tlsrpt+gzip"
    assert attachment.get_filename() == (
        "gw1.us.example!shop.example!1728000000!1728086399.json.gz"
    )
    assert gzip.decompress(attachment.get_content()) == JSON


def test_long_names_do_not_make_long_lines() -> None:
    domain = ".".join(["a" * 60] * 4)
    content = compose(report(domain, "Ünïcode\r\nBcc: x@y.example"))
    assert max(len(line) for line in content.split(b"\r\n")) < 998
    assert b"\r\nBcc:" not in content


def test_we_read_what_we_write() -> None:
    assert extract(compose(report())) == JSON


def wrapped(*parts: bytes, kind: str = 'multipart/report; boundary="b"') -> bytes:
    body = b"".join(b"\r\n--b\r\n" + part for part in parts)
    return f"From: x\r\nContent-Type: {kind}\r\n\r\n".encode() + body + b"\r\n--b--\r\n"


def renamed(message: bytes, boundary: bytes) -> bytes:
    return message.replace(b"--b", b"--" + boundary).replace(b'"b"', b'"' + boundary + b'"')


PART = b"Content-Type: application/tlsrpt+json\r\n\r\n" + JSON
PACKED = base64.b64encode(packed(JSON))
GZIP = (
    b"Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + PACKED
)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (wrapped(b"\r\nwords", PART), "JSON as it is"),
        (wrapped(b"\r\nwords", GZIP), "gzip in base64"),
        (wrapped(GZIP, kind="multipart/mixed;\r\n\tboundary=b"), "not a report, folded"),
        (wrapped(GZIP.replace(b"Content-T", b"CONTENT-t")), "header names in any case"),
        (wrapped(GZIP.replace(b"tlsrpt+gzip", b'tlsrpt+gzip; name="x.gz"')), "parameters"),
        (b"Content-Type: application/tlsrpt+json\r\n\r\n" + JSON, "nothing but the report"),
        (
            wrapped(renamed(wrapped(GZIP), b"c")),
            "inside what a list made of it",
        ),
    ],
)
def test_a_report_is_found_wherever_it_stands(message: bytes, why: str) -> None:
    assert extract(message) == JSON, why


DEEP = wrapped(renamed(wrapped(renamed(wrapped(GZIP), b"d")), b"c"))
BOMB = gzip.compress(b"0" * (MAX_UNPACKED + 1))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "no TLS report"),
        (b"no header at all", "no TLS report"),
        (b"Subject: x\r\n\r\nhello", "no TLS report"),
        (wrapped(b"\r\nwords"), "no TLS report"),
        (wrapped(GZIP, kind="multipart/report"), "no TLS report"),
        (DEEP, "no TLS report"),
        (wrapped(*[b"\r\n"] * 60), "parts"),
        (wrapped(GZIP.replace(PACKED, b"!!!!")), "base64"),
        (wrapped(GZIP.replace(b": base64", b": x-uuencode")), "transfer encoding"),
        (wrapped(GZIP.replace(PACKED, base64.b64encode(packed(JSON)[:-4]))), "damaged"),
        (wrapped(GZIP.replace(PACKED, base64.b64encode(b"\x1f\x8bxx"))), "damaged"),
        (wrapped(GZIP.replace(PACKED, base64.b64encode(BOMB))), "unpacked"),
        (b"x" * (MAX_MAIL + 1), "larger"),
    ],
)
def test_what_holds_no_report_says_why(message: bytes, words: str) -> None:
    found = extract(message)
    assert isinstance(found, NoReport)
    assert words in found.reason


def test_a_bomb_is_given_up_before_it_is_unpacked() -> None:
    engine = zlib.compressobj(9, wbits=31)
    zeros = b"\0" * 1_000_000
    bomb = b"".join(engine.compress(zeros) for _ in range(60)) + engine.flush()
    assert len(bomb) < MAX_PACKED / 10, "a thousand times its size"
    tracemalloc.start()
    try:
        found = unpack(bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found, NoReport) and "unpacked" in found.reason
    assert most < 3 * MAX_UNPACKED


def test_too_much_is_not_even_looked_at() -> None:
    assert isinstance(unpack(b"\x1f\x8b" + b"\0" * MAX_PACKED), NoReport)
    assert isinstance(unpack(b"{" * (MAX_UNPACKED + 1)), NoReport)


def test_what_is_not_packed_is_taken_as_it_is() -> None:
    assert unpack(JSON) == JSON


@given(st.lists(st.sampled_from([b"\r\n--b", b"--", b"\r\n", PART, GZIP, b"Content-Type: ", b"x"])))
def test_mail_of_any_shape_does_no_harm(pieces: list[bytes]) -> None:
    message = b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"".join(pieces)
    assert isinstance(extract(message), bytes | NoReport)
