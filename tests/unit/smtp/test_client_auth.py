# SPDX-License-Identifier: Apache-2.0
"""Logging in, against the examples of the RFCs and against servers that lie."""

import base64

import pytest

from gatehouse.smtp import client_auth
from gatehouse.smtp.client_auth import Credentials, Mechanism

ANN = Credentials("ann", "secret")
# RFC 7677 §3, the example exchange.
USER = Credentials("user", "pencil")
NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = (
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
PROOF = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("LOGIN", "PLAIN", "SCRAM-SHA-256", "XOAUTH2"), "SCRAM-SHA-256"),
        (("LOGIN", "PLAIN"), "PLAIN"),
        (("LOGIN",), "LOGIN"),
        (("CRAM-MD5", "GSSAPI"), None),
        ((), None),
    ],
)
def test_the_strongest_common_mechanism_is_chosen(
    offered: tuple[str, ...], chosen: Mechanism | None
) -> None:
    assert client_auth.choose(offered) == chosen


def test_plain_says_everything_at_once_and_again_when_it_is_asked() -> None:
    exchange = client_auth.begin("PLAIN", ANN, "")
    assert exchange.initial == b"\0ann\0secret"
    assert exchange.complete
    assert exchange.respond(b"") == b"\0ann\0secret"
    assert exchange.respond(b"more?") is None


def test_login_answers_user_then_password_whatever_the_prompts_say() -> None:
    exchange = client_auth.begin("LOGIN", ANN, "")
    assert exchange.initial is None
    said = [(exchange.respond(one), exchange.complete) for one in (b"Username:", None, b"Again:")]
    assert said == [(b"ann", False), (b"secret", True), (None, True)]


def test_scram_is_the_exchange_of_rfc_7677() -> None:
    exchange = client_auth.begin("SCRAM-SHA-256", USER, NONCE)
    assert exchange.initial == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    said = [(exchange.respond(one.encode()), exchange.complete) for one in (FIRST, PROOF)]
    # Only its own proof shows that the server knows the password.
    assert said == [(FINAL.encode(), False), (b"", True)]


def test_a_server_that_cannot_prove_itself_is_not_believed() -> None:
    exchange = client_auth.begin("SCRAM-SHA-256", USER, NONCE)
    exchange.respond(FIRST.encode())
    false = "v=" + base64.b64encode(bytes(32)).decode()
    assert exchange.respond(false.encode()) is None
    assert not exchange.complete


def test_commas_and_equals_signs_in_a_name_are_written_as_rfc_5802_says() -> None:
    exchange = client_auth.begin("SCRAM-SHA-256", Credentials("a=b,c", "x"), "n")
    assert exchange.initial == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(
    "server_first",
    [
        FIRST.replace("rOpr", "xOpr"),  # another nonce
        f"r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",  # nothing added to ours
        FIRST.replace("i=4096", "i=4095"),
        FIRST.replace("i=4096", "i=200001"),
        FIRST.replace("i=4096", "i=99999999"),
        FIRST.replace("i=4096", "i=-1"),
        FIRST.replace("i=4096", "i=٤٠٩٦"),
        FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "W22Z"),
        FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "%%%%"),
        "m=must," + FIRST,
        "e=other-error",
        "",
    ],
)
def test_a_server_that_lies_gets_no_proof(server_first: str) -> None:
    exchange = client_auth.begin("SCRAM-SHA-256", USER, NONCE)
    assert exchange.respond(server_first.encode()) is None


def test_octets_that_are_no_text_get_no_proof() -> None:
    assert client_auth.begin("SCRAM-SHA-256", USER, NONCE).respond(b"\xff\xfe") is None


def test_a_password_is_in_no_representation() -> None:
    assert "secret" not in repr(ANN)
    for mechanism in client_auth.PREFERENCE:
        assert "secret" not in repr(client_auth.begin(mechanism, ANN, "n"))
