# SPDX-License-Identifier: Apache-2.0
"""Each SASL mechanism from its first octet to what it proves, and what proves nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.smtp import sasl, scram
from tests.live.scram_client import ScramClient

NONCE = "s3rverN0nceThatNobodyCanGuess012"
EXPORTER = sasl.ChannelBinding("tls-exporter", b"e" * 32)
END_POINT = sasl.ChannelBinding("tls-server-end-point", b"c" * 32)
PASSWORD = "canary-pencil"
KEYS = scram.derive_keys(PASSWORD, b"salt" * 4, 4096)


def begin(mechanism: str, *, plus: bool = True) -> sasl.Exchange:
    bindings = (EXPORTER, END_POINT)
    return sasl.exchange(mechanism, nonce=NONCE, bindings=bindings, plus_offered=plus)


# --- PLAIN ------------------------------------------------------------------------------------


def test_plain_at_once_and_after_an_empty_challenge() -> None:
    message = b"\0Tim\0tanstaaftanstaaf"  # RFC 4616 §4
    asked = sasl.NeedPassword("tim", "tanstaaftanstaaf")
    assert begin("PLAIN").start(message) == asked
    exchange = begin("PLAIN")
    assert exchange.start(None) == sasl.Challenge(b"")
    assert exchange.respond(message) == asked


def test_plain_with_an_identity() -> None:
    assert begin("PLAIN").start(b"Tim\0tim\0secret") == sasl.NeedPassword("tim", "secret")
    answer = begin("PLAIN").start(b"Ursel\0Kurt\0xipj3plmq")  # RFC 4616 §4, second example
    assert isinstance(answer, sasl.Refuted)
    assert answer.user == "kurt"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "nothing"),
        (b"tim", "no NUL"),
        (b"tim\0secret", "one NUL"),
        (b"\0tim\0sec\0ret", "three NULs"),
        (b"\0\0secret", "no name"),
        (b"\0tim\0", "no password"),
        (b"\0t\xff\0secret", "a name that is no UTF-8"),
        (b"\0tim\0sec\xff", "a password that is no UTF-8"),
        (b"\0t im\0secret", "a blank in the name"),
        (b"\0tim\0" + b"p" * 1025, "a password without end"),
        (b"\0" + b"n" * 256 + b"\0secret", "a name without end"),
    ],
)
def test_no_plain_message(message: bytes, why: str) -> None:
    assert isinstance(begin("PLAIN").start(message), sasl.Malformed), why


# --- LOGIN ------------------------------------------------------------------------------------


def test_login_asks_for_both_or_takes_the_name_at_once() -> None:
    exchange = begin("LOGIN")
    assert exchange.start(None) == sasl.Challenge(b"Username:")
    assert exchange.respond(b"Scanner1") == sasl.Challenge(b"Password:")
    assert exchange.respond(b"secret") == sasl.NeedPassword("scanner1", "secret")
    exchange = begin("LOGIN")
    assert exchange.start(b"scanner1") == sasl.Challenge(b"Password:")


@pytest.mark.parametrize(("name", "password"), [(b"", b"x"), (b"x", b""), (b"\xff", b"x")])
def test_no_login(name: bytes, password: bytes) -> None:
    exchange = begin("LOGIN")
    exchange.start(name)
    assert isinstance(exchange.respond(password), sasl.Malformed)


# --- EXTERNAL ---------------------------------------------------------------------------------


def test_external_with_and_without_a_name() -> None:
    assert begin("EXTERNAL").start(b"") == sasl.NeedCertificate(None)
    assert begin("EXTERNAL").start(b"Device") == sasl.NeedCertificate("device")
    exchange = begin("EXTERNAL")
    assert exchange.start(None) == sasl.Challenge(b"")
    assert exchange.respond(b"") == sasl.NeedCertificate(None)
    assert isinstance(begin("EXTERNAL").start(b"a b"), sasl.Malformed)


# --- SCRAM ------------------------------------------------------------------------------------


def keyed(exchange: sasl.Exchange, client: ScramClient) -> bytes:
    """The exchange up to our challenge."""
    assert isinstance(exchange, sasl.ScramExchange)
    asked = exchange.start(client.first())
    assert asked == sasl.NeedScramKeys("user")
    challenge = exchange.keyed(KEYS)
    assert isinstance(challenge, sasl.Challenge)
    return challenge.data


@pytest.mark.parametrize(
    ("mechanism", "binding"),
    [
        ("SCRAM-SHA-256", None),
        ("SCRAM-SHA-256-PLUS", EXPORTER),
        ("SCRAM-SHA-256-PLUS", END_POINT),
    ],
)
def test_scram_with_the_right_password(mechanism: str, binding: sasl.ChannelBinding | None) -> None:
    given = None if binding is None else (binding.type, binding.data)
    client = ScramClient("User", PASSWORD, binding=given)
    exchange = begin(mechanism)
    proven = exchange.respond(client.final(keyed(exchange, client)))
    assert isinstance(proven, sasl.Proven)
    assert proven.user == "user"
    assert client.trusts(proven.proof)
    assert exchange.respond(b"") == sasl.Done("user")


def test_scram_waits_for_its_first_message() -> None:
    assert begin("SCRAM-SHA-256").start(None) == sasl.Challenge(b"")


def test_scram_with_a_wrong_password_a_wrong_nonce_and_another_connection() -> None:
    client = ScramClient("user", "wrong")
    exchange = begin("SCRAM-SHA-256")
    answer = exchange.respond(client.final(keyed(exchange, client)))
    assert answer == sasl.Refuted("user", "wrong password")

    client = ScramClient("user", PASSWORD)
    exchange = begin("SCRAM-SHA-256")
    answer = exchange.respond(client.final(keyed(exchange, client).replace(b"s3rver", b"S3rver")))
    assert answer == sasl.Refuted("user", "another nonce")

    client = ScramClient("user", PASSWORD, binding=("tls-exporter", b"m" * 32))
    exchange = begin("SCRAM-SHA-256-PLUS")
    answer = exchange.respond(client.final(keyed(exchange, client)))
    assert answer == sasl.Refuted("user", "channel bindings differ")


def test_scram_binding_whose_offer_was_taken_away() -> None:
    """RFC 5802 §6: the client can bind and thinks that we cannot, although we have offered it."""
    answer = begin("SCRAM-SHA-256").start(ScramClient("user", PASSWORD, flag="y").first())
    assert isinstance(answer, sasl.Refuted)
    fine = begin("SCRAM-SHA-256", plus=False)
    assert fine.start(ScramClient("user", PASSWORD, flag="y").first()) == sasl.NeedScramKeys("user")


@pytest.mark.parametrize(
    ("mechanism", "client", "why"),
    [
        ("SCRAM-SHA-256", ScramClient("u", "p", binding=("tls-exporter", b"")), "not -PLUS"),
        ("SCRAM-SHA-256-PLUS", ScramClient("u", "p"), "-PLUS without binding"),
        ("SCRAM-SHA-256-PLUS", ScramClient("u", "p", binding=("tls-unique", b"")), "unknown type"),
        ("SCRAM-SHA-256", ScramClient("two words", "p"), "no name"),
    ],
)
def test_scram_that_cannot_begin(mechanism: str, client: ScramClient, why: str) -> None:
    assert isinstance(begin(mechanism).start(client.first()), sasl.Malformed), why


def test_scram_as_somebody_else_or_with_data_behind_the_end() -> None:
    answer = begin("SCRAM-SHA-256").start(b"n,a=boss,n=user,r=abc")
    assert isinstance(answer, sasl.Refuted)
    same = begin("SCRAM-SHA-256").start(b"n,a=USER,n=user,r=abc")
    assert same == sasl.NeedScramKeys("user")
    client = ScramClient("user", PASSWORD)
    exchange = begin("SCRAM-SHA-256")
    exchange.respond(client.final(keyed(exchange, client)))
    assert isinstance(exchange.respond(b"x"), sasl.Malformed)


def test_scram_steps_out_of_order() -> None:
    exchange = begin("SCRAM-SHA-256")
    exchange.start(b"n,,n=user,r=abc")
    assert isinstance(exchange.respond(b"c=biws,r=abc,p=AAAA"), sasl.Malformed)
    fresh = sasl.ScramExchange(NONCE, (), plus_offered=False)
    with pytest.raises(RuntimeError):
        fresh.keyed(KEYS)


# --- all ----------------------------------------------------------------------------------------


def test_what_was_not_offered_is_no_exchange() -> None:
    with pytest.raises(ValueError, match="that we do not have"):
        begin("CRAM-MD5")


def test_no_step_shows_a_password() -> None:
    plain = begin("PLAIN").start(f"\0tim\0{PASSWORD}".encode())
    login = begin("LOGIN")
    login.start(b"tim")
    client = ScramClient("user", PASSWORD)
    exchange = begin("SCRAM-SHA-256")
    final = exchange.respond(client.final(keyed(exchange, client)))
    for step in (plain, login.respond(PASSWORD.encode()), final, sasl.Challenge(b"canary")):
        assert "canary" not in repr(step)
    assert "canary" not in repr(sasl.ChannelBinding("tls-exporter", b"canary"))


@given(st.sampled_from(sasl.MECHANISMS), st.lists(st.binary(max_size=60), max_size=4))
def test_no_octets_break_an_exchange(mechanism: str, said: list[bytes]) -> None:
    exchange = begin(mechanism)
    step = exchange.start(None)
    for octets in said:
        step = exchange.respond(octets)
        if isinstance(step, sasl.NeedScramKeys):
            assert isinstance(exchange, sasl.ScramExchange)
            step = exchange.keyed(KEYS)
        assert not isinstance(step, sasl.Proven | sasl.Done)
        if not isinstance(step, sasl.Challenge):
            return
