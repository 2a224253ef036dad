# SPDX-License-Identifier: Apache-2.0
"""The header scan: the same as other readers for ordinary mail, unmoved by hostile mail."""

import base64
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail import headers
from gatehouse.mail.headers import MAX_SCANNED, MAX_TEXT, header_end, scan


def subject(value: bytes) -> str:
    return scan(b"Subject: " + value + b"\r\n\r\n").subject


# --- where the header ends ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", -1),
        (b"\r", -1),
        (b"\r\n", 2),  # no header at all
        (b"\r\nbody\r\n\r\n", 2),
        (b"A: b\r\n", -1),
        (b"A: b\r\n\r", -1),
        (b"A: b\r\n\r\n", 8),
        (b"A: b\r\n\r\nbody\r\n\r\n", 8),
        (b"A: b\n\nbody", -1),  # only CRLF is a line end
        (b"A: b\r\rbody", -1),
    ],
)
def test_the_header_ends_behind_the_first_blank_line(data: bytes, end: int) -> None:
    assert header_end(data) == end
    assert header_end(bytearray(data)) == end


def test_growing_data_is_searched_from_where_the_last_search_ended() -> None:
    whole = b"A: b\r\nC: d\r\n\r\nbody"
    for cut in range(len(whole) + 1):
        seen = len(whole[:cut])
        if header_end(whole[:cut]) < 0:
            assert header_end(whole, seen) == 14, cut
    assert header_end(b"A: b\r\n\r\n" + b"x" * 100, 50) == -1  # what was searched stays searched


# --- facts ----------------------------------------------------------------------------------

ORDINARY = (
    b"Received: from a (a [192.0.2.1])\r\n\tby b with ESMTPS id 1;\r\n\tMon, 3 Mar 2025\r\n"
    b"RECEIVED: from c\r\n"
    b"received : from d\r\n"
    b"X-Received: no\r\n"
    b"From: Ann <ann@bank.example>\r\n"
    b"Date: Mon, 3 Mar 2025 06:00:00 +0000\r\n"
    b"Message-ID: <77@bank.example>\r\n"
    b"Subject: Rates\r\n for May\r\n"
    b"\r\n"
    b"Received: in the body\r\nSubject: in the body\r\n"
)


def test_an_ordinary_message() -> None:
    facts = scan(ORDINARY)
    assert facts == headers.HeaderFacts(
        message_id="<77@bank.example>",
        subject="Rates for May",
        received=3,
        has_date=True,
        has_from=True,
        auto_submitted=False,
        tls_required_no=False,
    )


def test_no_header_at_all() -> None:
    for block in (b"", b"\r\n", b"\r\nSubject: body\r\n", b": x\r\n\r\n", b"no colon\r\n\r\n"):
        assert scan(block) == headers.HeaderFacts("", "", 0, False, False, False, False)


def test_a_field_split_by_a_fold_is_no_field() -> None:
    assert scan(b"X: a\r\n Received: b\r\n\tSubject: c\r\n\r\n").received == 0


def test_the_first_of_several_fields_counts() -> None:
    facts = scan(b"Subject: one\r\nSubject: two\r\nMessage-ID: <1>\r\nMessage-ID: <2>\r\n\r\n")
    assert (facts.subject, facts.message_id) == ("one", "<1>")


def test_a_lone_line_end_starts_no_field() -> None:
    facts = scan(b"X: a\rSubject: evil\r\nY: b\nReceived: evil\r\n\r\n")
    assert (facts.subject, facts.received) == ("", 0)


@pytest.mark.parametrize("count", [0, 49, 50, 51, 100, 101, 1000])
def test_every_trace_field_counts(count: int) -> None:
    assert scan(b"rEcEiVeD: x\r\n\ty\r\n" * count + b"\r\n").received == count


@pytest.mark.parametrize(
    ("field", "automatic"),
    [
        (b"Auto-Submitted: no", False),
        (b"Auto-Submitted: No (a person)", False),
        (b"Auto-Submitted: auto-replied", True),
        (b"auto-submitted:auto-generated; owner=x", True),
        (b"Auto-Submitted:\r\n auto-replied", True),
        (b"Precedence: bulk", True),
        (b"Precedence: JUNK", True),
        (b"Precedence: first-class", False),
        (b"X-Auto-Submitted: auto-replied", False),
    ],
)
def test_machine_and_bulk_mail_is_known(field: bytes, automatic: bool) -> None:
    assert scan(field + b"\r\n\r\n").auto_submitted is automatic


@pytest.mark.parametrize(
    ("block", "no"),
    [
        (b"TLS-Required: No\r\n", True),
        (b"tls-required:  no \r\n", True),
        (b"TLS-Required: Nonsense\r\n", False),
        (b"TLS-Required: Yes\r\n", False),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", False),  # RFC 8689 §3: at most one
        (b"X-TLS-Required: No\r\n", False),
    ],
)
def test_tls_required_no_is_believed_only_when_clear(block: bytes, no: bool) -> None:
    assert scan(block + b"\r\n").tls_required_no is no


# --- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", ""),
        (b"  plain  ", "plain"),
        ("schön".encode(), "schön"),  # RFC 6532
        (b"a\xffb", "a\\xffb"),
        (b"=?utf-8?B?c2Now7Zu?=", "schön"),
        (b"=?UTF-8?q?sch=C3=B6n_so?=", "schön so"),
        (b"=?iso-8859-1?Q?sch=F6n?=", "schön"),
        (b"=?iso-8859-1*de?Q?sch=F6n?=", "schön"),
        (b"=?windows-1252?q?=80?=", "€"),
        (b"=?koi8-r?b?8NLJ18XU?=", "Привет"),
        (b"=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?big5?B?p0Gmbg==?=", "你好"),
        (b"=?euc-kr?B?vsiz5w==?=", "안녕"),
        (b"=?ks_c_5601-1987?B?vsiz5w==?=", "안녕"),
        (b"=?shift_jis?B?grE=?=", "こ"),
        (b"=?euc-jp?B?pLM=?=", "こ"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= =?iso-8859-1?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?= c", "ab c"),
        (b"=?utf-8?q?=c3?= =?utf-8?q?=b6?=", "ö"),  # split inside a character
        (b"Re: =?utf-8?q?a?= b =?utf-8?q?c?=", "Re: a b c"),
        (b"=?utf-8?b?w7Y?=", "ö"),  # padding missing
        (b"=?utf-8?q?=ff?=", "\\xff"),
        (b"=?utf-7?q?x+AGE-?=", "=?utf-7?q?x+AGE-?="),  # a charset is not a codec
        (b"=?idna?q?xn--a?=", "=?idna?q?xn--a?="),
        (b"=?rot13?q?nop?=", "=?rot13?q?nop?="),
        (b"=?hex?q?41?= =?utf-8?q?b?=", "=?hex?q?41?= b"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?=?=?=?", "=?=?=?=?"),
        (b"=?utf-8?q?a=0D=0ABcc:=20x=00?=", "a\\x0d\\x0aBcc: x\\x00"),
        (b"=?utf-8?q?=E2=80=AEevil=C2=85?=", "\\u202eevil\\x85"),
        (b"a\x1b]0;b\x7f", "a\\x1b]0;b\\x7f"),
        (b"a\tb", "a b"),
    ],
)
def test_subjects_are_decoded_and_clean(value: bytes, text: str) -> None:
    assert subject(value) == text


def test_a_surrogate_in_utf8_never_reaches_a_log() -> None:
    assert subject(b"=?utf-8?b?7aCA?=").encode() == b"\\xed\\xa0\\x80"


def test_texts_are_bounded() -> None:
    assert len(subject(b"x" * 50_000)) == MAX_TEXT
    assert len(subject(b"=?utf-8?q?" + b"x" * 50_000 + b"?=")) <= MAX_TEXT
    assert len(subject(b"=?utf-8?q?x?= " * 8000)) <= MAX_TEXT
    assert len(scan(b"Message-ID: <" + b"x" * 50_000 + b">\r\n\r\n").message_id) == MAX_TEXT


def test_only_the_first_part_of_a_huge_block_counts() -> None:
    filler = b"X: " + b"x" * MAX_SCANNED + b"\r\n"
    assert scan(b"Received: a\r\n" + filler + b"Received: b\r\n\r\n").received == 1


@pytest.mark.parametrize(
    "block",
    [
        b"Subject" + b" " * 300_000 + b"x\r\n\r\n",
        b"Subject:" + b"\r\n " * 100_000 + b"\r\n\r\n",
        b"Subject: " + b"=?" * 100_000 + b"\r\n\r\n",
        b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\r\n\r\n",
        b"Subject: " + b"=?" + b"a" * 200_000 + b"\r\n\r\n",
        b"A: b\r\n" * 60_000 + b"\r\n",
        b"Received:" * 30_000,
        b"\r\n" * 150_000,
        b"\r" * 300_000,
        b"Message-ID:" + b" " * 300_000,
    ],
)
@pytest.mark.timeout(100)  # each takes milliseconds; what backtracks takes hours
def test_hostile_blocks_end(block: bytes) -> None:
    facts = scan(block)
    assert len(facts.subject) <= MAX_TEXT


# --- against another reader -----------------------------------------------------------------

_NAMES = [b"Received", b"received", b"Subject", b"SUBJECT", b"Message-Id", b"From", b"Date", b"X-A"]
_VALUES = st.text("ab <>@.,;:()=?-", min_size=1, max_size=30).map(str.encode)
_FOLDED = st.lists(_VALUES.filter(lambda value: value.strip() != b""), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(_NAMES), _FOLDED), max_size=12))
@settings(max_examples=200)
def test_an_ordinary_header_reads_as_the_standard_library_reads_it(
    fields: list[tuple[bytes, list[bytes]]],
) -> None:
    block = b"".join(name + b": " + b"\r\n\t".join(parts) + b"\r\n" for name, parts in fields)
    block += b"\r\n"
    oracle = BytesHeaderParser().parsebytes(block)
    facts = scan(block)
    assert facts.received == len(oracle.get_all("received", []))
    assert (facts.has_date, facts.has_from) == ("date" in oracle, "from" in oracle)
    assert facts.message_id == _unfolded(oracle.get("message-id", ""))
    assert facts.subject == _unfolded(oracle.get("subject", ""))


def _unfolded(value: str) -> str:
    return value.replace("\r\n", "").replace("\t", " ").strip()


@given(st.text("aé世 ", min_size=1, max_size=40), st.sampled_from(["b", "q"]))
def test_encoded_words_read_as_the_standard_library_reads_them(text: str, encoding: str) -> None:
    raw = text.encode()
    if encoding == "b":
        body = base64.b64encode(raw)
    else:
        body = b"".join(b"=%02X" % octet for octet in raw)
    word = b"=?utf-8?" + encoding.encode() + b"?" + body + b"?="
    assert subject(word) == str(make_header(decode_header(word.decode()))).strip()


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_give_printable_facts(raw: bytes) -> None:
    facts = scan(b"Subject: " + raw + b"\r\nMessage-ID:" + raw)
    for text in (facts.subject, facts.message_id):
        text.encode("utf-8", "strict")
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text)
