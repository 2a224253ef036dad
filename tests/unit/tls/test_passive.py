# SPDX-License-Identifier: Apache-2.0
"""What is read in clear from a server, and that hostile bytes change nothing about it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import passive
from tests.unit.tls.pairing import V12, certified, client, server


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(suite: int, extensions: bytes = b"", session_id: bytes = b"") -> bytes:
    body = b"\x03\x03" + bytes(32) + bytes([len(session_id)]) + session_id
    body += suite.to_bytes(2, "big") + b"\0" + len(extensions).to_bytes(2, "big") + extensions
    return message(2, body)


def dh_params(bits: int) -> bytes:
    prime = ((1 << (bits - 1)) | 1).to_bytes((bits + 7) // 8, "big")
    return message(12, len(prime).to_bytes(2, "big") + prime + b"\0\x01\x02" + b"\0\x01\x05")


def certificate_list(*der: bytes) -> bytes:
    inner = b"".join(len(each).to_bytes(3, "big") + each for each in der)
    return message(11, len(inner).to_bytes(3, "big") + inner)


DHE_RSA = 0x009F
ECDHE_RSA = 0xC02F
DONE = message(14, b"")


@pytest.mark.parametrize("bits", [512, 768, 1024, 1023, 2048, 4096])
def test_the_size_of_a_dh_group_is_told(bits: int) -> None:
    flight = record(22, server_hello(DHE_RSA) + dh_params(bits) + DONE)
    seen = passive.observe(flight)
    assert (seen.version, seen.suite, seen.dh_bits, seen.group) == (0x0303, DHE_RSA, bits, None)


def test_one_message_may_span_records_and_one_record_hold_many() -> None:
    stream = server_hello(DHE_RSA) + certificate_list(b"leaf", b"root") + dh_params(1024) + DONE
    for size in (1, 7, 100):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        seen = passive.observe(b"".join(record(22, piece) for piece in pieces))
        assert seen.dh_bits == 1024
        assert seen.chain == (b"leaf", b"root")


def test_the_kind_of_exchange_is_told_by_the_suite_not_by_the_bytes() -> None:
    curve = message(12, b"\x03\x00\x1d" + b"\x20" + bytes(32))
    assert passive.observe(record(22, server_hello(ECDHE_RSA) + curve)).group == 0x001D
    as_dhe = passive.observe(record(22, server_hello(DHE_RSA) + curve))
    assert as_dhe.group is None
    as_rsa = passive.observe(record(22, server_hello(0x009C) + dh_params(1024)))
    assert as_rsa.dh_bits is None


def test_tls_1_3_shows_its_group_and_then_nothing_more() -> None:
    extensions = b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33\x00\x04\x11\xec\x00\x00"
    flight = record(22, server_hello(0x1302, extensions, bytes(32)) + certificate_list(b"x"))
    seen = passive.observe(flight)
    assert seen.version == 0x0304
    assert passive.GROUP_NAMES[seen.group or 0] == "X25519MLKEM768"
    assert seen.chain == ()


def test_a_request_for_a_client_certificate_is_seen() -> None:
    asked = record(22, server_hello(ECDHE_RSA) + message(13, b"\x01\x40\0\0\0\0") + DONE)
    assert passive.observe(asked).client_certificate_asked
    assert not passive.observe(record(22, server_hello(ECDHE_RSA) + DONE)).client_certificate_asked


def test_reading_stops_where_the_clear_text_ends() -> None:
    flight = record(22, server_hello(DHE_RSA)) + record(20, b"\x01") + record(22, dh_params(512))
    assert passive.observe(flight).dh_bits is None
    behind_done = record(22, server_hello(DHE_RSA) + DONE + dh_params(512))
    assert passive.observe(behind_done).dh_bits is None


def test_a_real_flight_gives_chain_suite_and_group() -> None:
    theirs, ours = server(max_version=V12).session(), client().session(None)
    ours.handshake()
    theirs.receive(ours.output())
    theirs.handshake()
    seen = passive.observe(theirs.output())
    assert passive.VERSION_NAMES[seen.version or 0] == "TLSv1.2"
    assert passive.GROUP_NAMES[seen.group or 0] == "x25519"
    assert seen.suite == 0xC02B  # ECDHE-ECDSA-AES128-GCM-SHA256
    assert len(seen.chain) == len(certified().chain_pem) == 1


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x16",
        b"\x16\x03\x03\xff\xff",
        record(22, b"\x02\xff\xff\xff"),
        record(22, message(2, b"\x03\x03")),
        record(22, message(2, b"\x03\x03" + bytes(32) + b"\xff")),
        record(22, server_hello(DHE_RSA) + message(12, b"")),
        record(22, server_hello(DHE_RSA) + message(12, b"\xff\xff\x01")),
        record(22, server_hello(DHE_RSA) + message(12, b"\x00\x00")),
        record(22, server_hello(ECDHE_RSA) + message(12, b"\x03\x00")),
        record(22, server_hello(ECDHE_RSA) + message(11, b"\0\0\x09\xff\xff\xff")),
        record(22, server_hello(0x1302, b"\x00\x33\xff\xff\x11")),
        record(22, server_hello(0x1302, b"\x00\x33\x00\x01\x11\x00\x2b\x00\x00")),
    ],
)
def test_lengths_that_lie_end_the_reading_quietly(hostile: bytes) -> None:
    seen = passive.observe(hostile)
    assert seen.chain == ()
    assert not seen.dh_bits or seen.dh_bits <= 8


def test_work_is_bounded_for_a_flood() -> None:
    many = record(22, server_hello(ECDHE_RSA) + certificate_list(*[b"c"] * 300))
    assert len(passive.observe(many).chain) == 100
    assert passive.observe(record(22, b"") * 200_000).chain == ()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 120), st.sampled_from([DHE_RSA, ECDHE_RSA, 0x1301]))
def test_no_bytes_raise(noise: bytes, at: int, suite: int) -> None:
    """Invariant: observe() returns, whatever stands in the flight."""
    flight = record(22, server_hello(suite) + certificate_list(b"leaf") + dh_params(1024) + DONE)
    passive.observe(flight[:at] + noise)
    passive.observe(noise)
    passive.observe(record(22, noise))
    passive.observe(flight[:at] + noise + flight[at:])
