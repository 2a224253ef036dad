# SPDX-License-Identifier: Apache-2.0
"""What we take from below pyOpenSSL is still there, and still means what we think."""

import pytest
from OpenSSL import SSL

from gatehouse.tls import binding
from tests.unit.tls.pairing import connected


@pytest.mark.parametrize(
    ("reason", "number"),
    [
        ("no shared cipher", 193),
        ("http request", 156),
        ("dh key too small", 394),
        ("excessive message size", 152),
        ("unexpected eof while reading", 294),
        ("tlsv1 alert unknown ca", 1048),
    ],
)
def test_the_library_tells_its_reasons_by_number(reason: str, number: int) -> None:
    assert binding.error_numbers()["SSL routines", reason] == 20 << 23 | number


def test_groups_are_taken_or_refused() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    assert binding.set_groups(context, "X25519:P-256")
    assert not binding.set_groups(context, "X25519:P-999")
    assert SSL.Connection(context).get_cipher_list(), "the refusal left no error behind"


def test_pyopenssl_still_keeps_its_handles_where_we_look() -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    records = binding.Records(connection)
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    hello: list[bytes] = []
    records.take(hello)
    assert hello[0][:2] == b"\x16\x03"
    assert binding.session_reused(connection) is False


def test_an_empty_buffer_gives_nothing() -> None:
    client_end, _ = connected()
    records = binding.Records(client_end._connection)
    for method in (records.take, records.decrypt):
        parts: list[bytes] = []
        method(parts)
        assert parts == []


def test_a_buffer_is_emptied_even_where_it_ends_at_a_piece() -> None:
    client_end, server_end = connected()
    ours, theirs = client_end._records, server_end._records
    for size in (binding.RECORD_PIECE - 22, binding.RECORD_PIECE - 23, 1, binding.PLAIN_PIECE):
        for _ in range(3):
            ours.encrypt(b"x" * min(size, binding.PLAIN_PIECE))
        wire: list[bytes] = []
        ours.take(wire)
        data = b"".join(wire)
        plain: list[bytes] = []
        for at in range(0, len(data), binding.RECORD_PIECE):
            theirs.put(data[at : at + binding.RECORD_PIECE])
            assert theirs.decrypt(plain)
        assert len(b"".join(plain)) == 3 * min(size, binding.PLAIN_PIECE)
