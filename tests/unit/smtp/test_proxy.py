# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol header: all of it or nothing, and never more than it says."""

import ipaddress
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.smtp.proxy import (
    V1_LONGEST,
    V2_LONGEST,
    Local,
    NeedMore,
    Proxied,
    ProxyFault,
    crc32c,
    read_header,
)

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = ipaddress.IPv4Address
V6 = ipaddress.IPv6Address


def v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + bytes((0x20 | command, family)) + struct.pack("!H", len(block)) + block


def tcp4(*vectors: bytes) -> bytes:
    block = V4("192.0.2.9").packed + V4("198.51.100.1").packed + struct.pack("!HH", 4711, 25)
    return v2(1, 0x11, block + b"".join(vectors))


def vector(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def summed(*vectors: bytes) -> bytes:
    """A header whose first checksum vector is right."""
    header = tcp4(*vectors)
    at = header.index(b"\x03\x00\x04") + 3
    return header[:at] + struct.pack("!I", crc32c(header)) + header[at + 4 :]


FROM_PARTNER = Proxied(
    client_ip="192.0.2.9", client_port=4711, local_ip="198.51.100.1", local_port=25, used=0
)
HOLLOW = vector(3, bytes(4))
LINE = b"PROXY TCP4 192.0.2.9 198.51.100.1 4711 25\r\n"


@pytest.mark.parametrize(
    "header",
    [
        LINE,
        tcp4(),
        tcp4(vector(0x20, b"\x01" + bytes(4) + vector(0x21, b"TLSv1.3"))),
        tcp4(vector(4, b""), vector(0xEE, b"x" * 300)),
        summed(HOLLOW),
        summed(vector(2, b"mx.example.com"), HOLLOW, vector(4, b"pad")),
    ],
    ids=["v1", "v2", "v2 with TLS", "v2 with others", "checksum", "checksum amid others"],
)
def test_the_client_is_who_the_header_says(header: bytes) -> None:
    assert read_header(header + b"EHLO x\r\n") == replace(FROM_PARTNER, used=len(header))


def test_ipv6_is_read_in_both_versions() -> None:
    line = b"PROXY TCP6 2001:DB8::9 2001:db8::1 4711 25\r\n"
    block = V6("2001:db8::9").packed + V6("2001:db8::1").packed + struct.pack("!HH", 4711, 25)
    for header in (line, v2(1, 0x21, block)):
        outcome = read_header(header)
        assert isinstance(outcome, Proxied)
        assert (outcome.client_ip, outcome.local_ip) == ("2001:db8::9", "2001:db8::1")


def test_an_ipv4_client_in_ipv6_clothes_is_an_ipv4_client() -> None:
    block = V6("::ffff:192.0.2.9").packed + V6("::1").packed + struct.pack("!HH", 1, 2)
    for header in (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", v2(1, 0x21, block)):
        outcome = read_header(header)
        assert isinstance(outcome, Proxied)
        assert outcome.client_ip == "192.0.2.9"


@pytest.mark.parametrize(
    ("header", "relayed"),
    [
        (v2(0, 0x00, b""), False),
        (v2(0, 0x11, bytes(12)), False),
        (v2(0, 0x00, b"\xff" * 40), False),
        (b"PROXY UNKNOWN\r\n", True),
        (b"PROXY UNKNOWN 2001:db8::1 ff::1 1 2\r\n", True),
        (b"PROXY UNKNOWN whatever that is\r\n", True),
        (v2(1, 0x00, b""), True),
        (v2(1, 0x31, bytes(216)), True),
        (v2(1, 0x12, bytes(12)), True),
    ],
)
def test_where_no_client_is_named_the_real_ends_count(header: bytes, relayed: bool) -> None:
    assert read_header(header + b"\r\n") == Local(relayed=relayed, used=len(header))


BAD = [
    (b"EHLO x\r\n", "no header at all"),
    (b"PROXY  TCP4 192.0.2.9 198.51.100.1 1 2\r\n", "two blanks"),
    (b"proxy TCP4 192.0.2.9 198.51.100.1 1 2\r\n", "lower case"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 1 2\n", "LF alone"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 1 2\r\r\n", "CR before CRLF"),
    (b"PROXY TCP4 192.0.2.09 198.51.100.1 1 2\r\n", "a leading zero in an address"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 01 2\r\n", "a leading zero in a port"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 1 65536\r\n", "no such port"),
    (b"PROXY TCP4 192.0.2.9 2001:db8::1 1 2\r\n", "mixed families"),
    (b"PROXY TCP4 2001:db8::9 2001:db8::1 1 2\r\n", "the other family"),
    (b"PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n", "a zone"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 1\r\n", "a field is missing"),
    (b"PROXY TCP4 192.0.2.9 198.51.100.1 1 2 3\r\n", "a field too many"),
    (b"PROXY UDP4 192.0.2.9 198.51.100.1 1 2\r\n", "a family of nobody"),
    (b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n", "too long"),
    (SIGNATURE[:-1] + b"\r", "not the signature"),
    (SIGNATURE + b"\x11\x11\x00\x0c", "version 1 in binary"),
    (SIGNATURE + b"\x22\x11\x00\x0c", "a command of nobody"),
    (SIGNATURE + b"\x21\x41\x00\x0c", "a family of nobody"),
    (SIGNATURE + b"\x21\x13\x00\x0c", "a transport of nobody"),
    (SIGNATURE + b"\x21\x11\xff\xff", "longer than anybody needs: refused before it has come"),
    (v2(1, 0x11, bytes(11)), "addresses cut short"),
    (v2(1, 0x21, bytes(12)), "addresses of the wrong family"),
    (tcp4(b"\x04\x00"), "a vector without its length"),
    (tcp4(b"\x04\x00\x05abc"), "a vector longer than the header"),
    (tcp4(HOLLOW), "a wrong checksum"),
    (tcp4(vector(3, b"abc")), "a checksum of three octets"),
    (tcp4(HOLLOW, HOLLOW), "two checksums"),
]


@pytest.mark.parametrize(("header", "why"), BAD)
def test_what_is_no_header_ends_the_connection(header: bytes, why: str) -> None:
    assert isinstance(read_header(header), ProxyFault), why


def test_a_flipped_bit_breaks_the_checksum() -> None:
    good = summed(HOLLOW)
    kind = len(good) - 7  # what says that it is a checksum: without it there is none
    for place in [place for place in range(16, len(good)) if place != kind]:
        bad = bytearray(good)
        bad[place] ^= 1
        assert not isinstance(read_header(bytes(bad)), Proxied)


def test_the_checksum_is_the_one_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the usual check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 appendix B.4


@pytest.mark.parametrize("header", [LINE, summed(HOLLOW), v2(0, 0, b""), b"PROXY UNKNOWN\r\n"])
def test_octet_by_octet_it_waits_and_then_says_the_same(header: bytes) -> None:
    for length in range(len(header)):
        assert isinstance(read_header(header[:length]), NeedMore), length
    assert not isinstance(read_header(header), NeedMore | ProxyFault)


def test_the_longest_line_is_read_and_a_longer_one_is_not() -> None:
    rest = V1_LONGEST - len(b"PROXY UNKNOWN \r\n")
    assert read_header(b"PROXY UNKNOWN " + b"x" * rest + b"\r\n") == Local(
        relayed=True, used=V1_LONGEST
    )
    assert isinstance(read_header(b"PROXY UNKNOWN " + b"x" * (rest + 1) + b"\r\n"), ProxyFault)
    assert isinstance(read_header(b"PROXY UNKNOWN " + b"x" * (rest + 2)), ProxyFault)


@given(st.binary(max_size=60), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]))
def test_nothing_raises_and_nothing_waits_for_ever(tail: bytes, head: bytes) -> None:
    outcome = read_header(head + tail)
    if isinstance(outcome, Proxied | Local):
        assert outcome.used <= len(head + tail)
    full = head + tail + b"\0" * (V2_LONGEST - len(head + tail))
    assert not isinstance(read_header(full), NeedMore)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 65535), st.integers(0, 65535))
def test_both_versions_say_the_same(one: V4, two: V4, port: int, other: int) -> None:
    line = f"PROXY TCP4 {one} {two} {port} {other}\r\n".encode()
    header = v2(1, 0x11, one.packed + two.packed + struct.pack("!HH", port, other))
    first, second = read_header(line), read_header(header)
    assert isinstance(first, Proxied)
    assert isinstance(second, Proxied)
    assert first.client_ip == second.client_ip == str(one)
    assert (first.local_ip, first.local_port) == (second.local_ip, second.local_port)
