# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256: the example of RFC 7677 §3, and messages that are none."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.smtp import scram

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = f"n,,n=user,r={CLIENT_NONCE}"
SERVER_FIRST = f"r={CLIENT_NONCE}{SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = f"c=biws,r={CLIENT_NONCE}{SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_example_of_the_rfc() -> None:
    keys = scram.derive_keys("pencil", SALT, 4096)
    first = scram.parse_client_first(FIRST)
    assert first is not None
    assert (first.flag, first.user, first.header) == ("n", "user", "n,,")
    assert scram.server_first(first, SERVER_NONCE, keys) == SERVER_FIRST
    final = scram.parse_client_final(FINAL)
    assert final is not None
    assert (final.binding, final.nonce) == (b"n,,", CLIENT_NONCE + SERVER_NONCE)
    message = f"{first.bare},{SERVER_FIRST},{final.without_proof}"
    assert scram.verify(keys, message, final.proof) == SERVER_FINAL
    assert scram.verify(keys, message + "x", final.proof) is None
    assert scram.verify(keys, message, final.proof[:-1]) is None
    wrong = scram.derive_keys("pencils", SALT, 4096)
    assert scram.verify(wrong, message, final.proof) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("n,n=user,r=abc", "no GS2 header"),
        ("x,,n=user,r=abc", "no such flag"),
        ("p,,n=user,r=abc", "binding without a type"),
        ("p=,,n=user,r=abc", "an empty type"),
        ("n=,,n=user,r=abc", "a type where there is no binding"),
        ("y=tls-exporter,,n=user,r=abc", "the same"),
        ("n,a=,n=user,r=abc", "an empty identity"),
        ("n,user,n=user,r=abc", "an identity without a=="),
        ("n,,m=ext,n=user,r=abc", "a mandatory extension"),
        ("n,,n=,r=abc", "no name"),
        ("n,,n=a=2Xb,r=abc", "an escape that is none"),
        ("n,,n=a=,r=abc", "half an escape"),
        ("n,,n=user", "no nonce"),
        ("n,,n=user,r=", "an empty nonce"),
        ("n,,n=user,r=a b", "a blank in the nonce"),
        ("n,,n=user,r=" + "a" * 257, "a nonce that would not fit into a reply line"),
        ("n,,r=abc,n=user", "the wrong order"),
    ],
)
def test_no_first_message(text: str, why: str) -> None:
    assert scram.parse_client_first(text) is None, why


def test_names_are_unescaped_and_identities_read() -> None:
    first = scram.parse_client_first("p=tls-exporter,a=b=3Dc,n=a=2Cb=3Dc,r=abc,ext=1")
    assert first is not None
    assert (first.flag, first.binding) == ("p", "tls-exporter")
    assert (first.authzid, first.user, first.nonce) == ("b=c", "a,b=c", "abc")
    assert first.bare == "n=a=2Cb=3Dc,r=abc,ext=1"
    assert first.header == "p=tls-exporter,a=b=3Dc,"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("c=biws,r=abc", "no proof"),
        ("r=abc,c=biws,p=AAAA", "the wrong order"),
        ("c=b!ws,r=abc,p=AAAA", "no base64"),
        ("c=biws,r=abc,p=A", "no base64 either"),
        ("c=biws,p=AAAA", "no nonce"),
    ],
)
def test_no_final_message(text: str, why: str) -> None:
    assert scram.parse_client_final(text) is None, why


def test_an_unknown_name_has_keys_that_look_real_and_stay_the_same() -> None:
    secret = b"k" * 32
    one, again = (scram.plausible_keys(secret, "ghost") for _ in range(2))
    other, elsewhere = scram.plausible_keys(secret, "ghost2"), scram.plausible_keys(b"x", "ghost")
    real = scram.derive_keys("password", b"s" * scram.SALT_OCTETS)
    assert one == again
    assert len({one.salt, other.salt, elsewhere.salt}) == 3
    assert (len(one.salt), one.iterations) == (len(real.salt), real.iterations)


def test_our_challenge_fits_into_a_reply_line() -> None:
    first = scram.parse_client_first("n,,n=u,r=" + "n" * scram.MAX_NONCE)
    assert first is not None
    said = scram.server_first(first, "s" * 32, scram.plausible_keys(b"k", "u"))
    assert len("334 ") + len(base64.b64encode(said.encode())) + 2 <= 512  # RFC 5321 §4.5.3.1.5


def test_keys_show_nothing_of_themselves() -> None:
    keys = scram.derive_keys("canary-password", b"s" * 16, 4096)
    for secret in (keys.salt, keys.stored_key, keys.server_key):
        assert repr(secret)[2:-1] not in repr(keys)


@given(st.text(max_size=80))
def test_no_text_breaks_the_parsers(text: str) -> None:
    scram.parse_client_first(text)
    scram.parse_client_first(f"n,,n=u,r={text}")
    scram.parse_client_final(f"c={text},r=x,p=AAAA")
