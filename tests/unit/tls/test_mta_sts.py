# SPDX-License-Identifier: Apache-2.0
"""MTA-STS: which records and policies count, which hosts fit (RFC 8461)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.tls.mta_sts import (
    MAX_AGE_SECONDS,
    MAX_PATTERNS,
    MAX_POLICY_OCTETS,
    StsFault,
    StsMode,
    StsPolicy,
    StsRecord,
    StsWord,
    mx_fits,
    parse_policy,
    parse_record,
)

GOOD = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmx: *.example.net\r\n"
    b"max_age: 86400\r\n"
)


@pytest.mark.parametrize(
    ("texts", "found", "why"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z", "the example of §3.1"),
        (["v=STSv1;id=a"], "a", "no space is needed, no delimiter at the end"),
        (["v=STSv1 ; id=a ; "], "a", "white space around delimiters"),
        (["v=STSv1; x-more=y; id=a"], "a", "unknown fields are ignored"),
        (["v=STSv1; id=a; id=b"], "a", "of repeated fields the first counts"),
        (["v=spf1 -all", "v=STSv1; id=a"], "a", "other records are discarded"),
        (["v=STSv10; id=b", "v=STSv1; id=a"], "a", "STSv10 is not ours"),
        ([], None, "nothing"),
        (["v=STSv1; id=a", "v=STSv1; id=a"], None, "two records are as good as none"),
        (["v=STSv1;"], None, "no id"),
        (["v=STSv1"], None, "no id, not even a delimiter"),
        (["V=STSv1; id=a"], None, "the version is case-sensitive"),
        (["id=a; v=STSv1"], None, "the version stands first"),
        ([" v=STSv1; id=a"], None, "nothing stands before it"),
        (["v=STSv1; id=a-b"], None, "an id is letters and digits"),
        (["v=STSv1; id=" + "a" * 32], "a" * 32, "32 characters"),
        (["v=STSv1; id=" + "a" * 33], None, "33 characters"),
        (["v=STSv1; id="], None, "an empty id"),
        (["v=STSv1; id=a;; x=y"], None, "an empty field"),
        (["v=STSv1; id=a; what"], None, "a field without value"),
        (["v=STSv1; id=ä"], None, "no ASCII"),
        (["v=STSv1; id=a" + "; x=y" * 2000], None, "far too long"),
    ],
)
def test_a_record_counts_or_it_does_not(texts: list[str], found: str | None, why: str) -> None:
    assert parse_record(texts) == (None if found is None else StsRecord(found)), why


def test_a_policy_is_read_with_all_it_says() -> None:
    assert parse_policy(GOOD) == StsPolicy(
        mode=StsMode.ENFORCE,
        mx=("mx.example.com", "*.example.net"),
        max_age=86400,
        lines=(
            "version: STSv1",
            "mode: enforce",
            "mx: mx.example.com",
            "mx: *.example.net",
            "max_age: 86400",
        ),
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (GOOD.replace(b"\r\n", b"\n"), "LF alone"),
        (GOOD.removesuffix(b"\r\n"), "no line end at the end (erratum 6253)"),
        (GOOD.replace(b": ", b":"), "no space behind the colon"),
        (GOOD.replace(b": ", b":  \t"), "much space behind the colon"),
        (GOOD.replace(b"enforce", b"enforce  "), "space at the end of a line"),
        (b"\n" + GOOD.replace(b"mx:", b"\r\nmx:") + b"\n", "empty lines"),
        (GOOD + b"x-more: anything at all\n", "unknown keys"),
        (GOOD + "x-more: größer\n".encode(), "UTF-8 in an unknown key"),
        (GOOD + b"mode: none\nversion: 2\nmax_age: 1\n", "of repeated keys the first counts"),
        (GOOD + b"mx: MX.Example.COM\n", "a host named twice, in other letters"),
        (
            b"max_age: 86400\nmx: mx.example.com\nmx: *.example.net\nmode: enforce\nversion: STSv1",
            "",
        ),
    ],
)
def test_a_policy_may_be_written_in_many_ways(content: bytes, why: str) -> None:
    policy = parse_policy(content)
    assert isinstance(policy, StsPolicy), why
    assert (policy.mode, policy.max_age) == (StsMode.ENFORCE, 86400), why
    assert policy.mx == ("mx.example.com", "*.example.net"), why


@pytest.mark.parametrize(
    ("content", "words", "why"),
    [
        (b"", "version", "an empty file"),
        (b"<html>not found</html>", "no pair", "a page for people"),
        (GOOD.replace(b"STSv1", b"STSv2"), "version", "a version of the future"),
        (GOOD.replace(b"enforce", b"Enforce"), "mode", "modes are case-sensitive"),
        (GOOD.replace(b"mode: enforce\r\n", b""), "mode", "no mode"),
        (GOOD.replace(b"max_age: 86400\r\n", b""), "max_age", "no age"),
        (GOOD.replace(b"86400", b"-1"), "max_age", "a negative age"),
        (GOOD.replace(b"86400", b"1e9"), "max_age", "no plain number"),
        (GOOD.replace(b"86400", b"12345678901"), "max_age", "eleven digits"),
        (GOOD.replace(b"86400", "٣".encode()), "max_age", "digits of another script"),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx", "enforce needs a host"),
        (GOOD.replace(b"mx.example.com", b"mx example.com"), "no host name", "a space"),
        (GOOD.replace(b"*.example.net", b"*"), "no host name", "everything"),
        (GOOD.replace(b"*.example.net", b"mx.*.net"), "no host name", "a star inside"),
        (GOOD.replace(b"*.example.net", b"*.*.net"), "no host name", "two stars"),
        (GOOD.replace(b"*.example.net", b"m*.net"), "no host name", "part of a label"),
        (GOOD.replace(b"*.example.net", b".example.net"), "no host name", "a leading dot"),
        (GOOD.replace(b"*.example.net", "mx.bücher.example".encode()), "no host name", "U-label"),
        (GOOD.replace(b"mx.example.com", b"a." * 127 + b"example"), "no host name", "too long"),
        (GOOD + b"mx : a.example\n", "no pair", "a space before the colon"),
        (GOOD + b"x: a\x00b\n", "no pair", "NUL"),
        (GOOD + b"x: a\rb\n", "no pair", "a bare CR"),
        (GOOD + b"x: \xff\n", "UTF-8", "no UTF-8"),
        (GOOD + b"x: y\n" * 5000, "lines", "lines without end"),
        (GOOD + b"".join(b"mx: h%d.a\n" % n for n in range(MAX_PATTERNS)), "patterns", "hosts"),
        (GOOD + b"x: " + b"y" * MAX_POLICY_OCTETS, "larger", "too many octets"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_a_reason(
    content: bytes, words: str, why: str
) -> None:
    fault = parse_policy(content)
    assert isinstance(fault, StsFault), why
    assert fault.word is StsWord.INVALID
    assert words in fault.reason, why


def test_mode_none_needs_no_host() -> None:
    policy = parse_policy(b"version: STSv1\nmode: none\nmax_age: 0\n")
    assert isinstance(policy, StsPolicy)
    assert (policy.mode, policy.mx, policy.max_age) == (StsMode.NONE, (), 0)


def test_no_policy_lives_longer_than_a_year() -> None:
    policy = parse_policy(GOOD.replace(b"86400", b"9999999999"))
    assert isinstance(policy, StsPolicy)
    assert policy.max_age == MAX_AGE_SECONDS


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("mx.example.com", True),
        ("MX.example.COM.", True),
        ("a.example.net", True),
        ("example.net", False),
        ("a.b.example.net", False),
        ("mx.example.com.evil.example", False),
        ("xmx.example.com", False),
        ("evilexample.net", False),
        ("", False),
        ("*.example.net", True),  # no host can have this name; it would fit as any label does
        ("net", False),
    ],
)
def test_a_star_stands_for_one_label(host: str, fits: bool) -> None:
    policy = parse_policy(GOOD)
    assert isinstance(policy, StsPolicy)
    assert mx_fits(policy, host) is fits


def test_no_host_fits_a_policy_without_hosts() -> None:
    policy = parse_policy(b"version: STSv1\nmode: none\nmax_age: 0\n")
    assert isinstance(policy, StsPolicy)
    assert not mx_fits(policy, "mx.example.com")


KEYS = st.sampled_from(["version", "mode", "mx", "max_age", "x-other", "", "mx "])
VALUES = st.one_of(
    st.sampled_from(["STSv1", "enforce", "testing", "none", "86400", "mx.example.com", "*.a"]),
    st.text(max_size=20),
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_a_file_is_a_policy_or_a_fault_and_never_anything_else(
    pairs: list[tuple[str, str]], end: str
) -> None:
    text = "".join(f"{key}: {value}{end}" for key, value in pairs)
    policy = parse_policy(text.encode("utf-8", "replace"))
    if isinstance(policy, StsPolicy):
        assert 0 <= policy.max_age <= MAX_AGE_SECONDS
        assert policy.mx or policy.mode is StsMode.NONE
        assert parse_policy("\n".join(policy.lines).encode()) == policy


@given(st.binary(max_size=300))
def test_octets_of_any_kind_do_no_harm(content: bytes) -> None:
    assert isinstance(parse_policy(content), StsPolicy | StsFault)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_records_of_any_kind_do_no_harm(texts: list[str]) -> None:
    record = parse_record(texts)
    assert record is None or record.id.isalnum()
