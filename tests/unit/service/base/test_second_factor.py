# SPDX-License-Identifier: Apache-2.0
"""One-time passwords against the vectors of the RFCs, recovery codes, API tokens."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from gatehouse.service.base import api_tokens, second_factor
from gatehouse.service.base.second_factor import STEP_SECONDS, matching_step

# RFC 6238 appendix B, and RFC 4226 appendix D: the secret of both in base32.
SECRET = base64.b32encode(b"12345678901234567890").decode()
# The last six of the eight digits that RFC 6238 shows for SHA-1.
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("now", "code"), VECTORS)
def test_codes_are_those_of_the_rfc(now: int, code: str) -> None:
    assert matching_step(SECRET, code, now) == now // STEP_SECONDS


@pytest.mark.parametrize(
    ("off", "found"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_one_step_off(off: int, found: bool) -> None:
    step = matching_step(SECRET, "005924", 1234567890 + off * STEP_SECONDS)
    assert step == (1234567890 // STEP_SECONDS if found else None)


@pytest.mark.parametrize(
    "code", ["", "00592", "0059244", "00592x", "００５９２４", "-" * 100, "9" * 10_000]
)
def test_what_is_no_code_fits_nothing(code: str) -> None:
    assert matching_step(SECRET, code, 1234567890) is None


def test_blanks_do_not_count() -> None:
    assert matching_step(SECRET, " 005 924 ", 1234567890) is not None


def test_a_secret_has_160_bits_and_is_another_each_time() -> None:
    first, second = second_factor.new_secret(), second_factor.new_secret()
    assert len(base64.b32decode(first)) == 20
    assert first != second


def test_the_uri_says_who_and_where_whatever_the_names_are() -> None:
    uri = second_factor.provisioning_uri(SECRET, "a&b=c?d", "Gatehouse gw/1")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Gatehouse gw/1:a&b=c?d"
    assert parse_qs(parts.query) == {"secret": [SECRET], "issuer": ["Gatehouse gw/1"]}


def test_recovery_codes_are_ten_and_typed_as_one_likes() -> None:
    codes = second_factor.new_recovery_codes()
    assert len(set(codes)) == 10
    digest = second_factor.recovery_digest(codes[0])
    assert digest is not None and len(digest) == 32
    assert second_factor.recovery_digest(codes[0].upper().replace("-", " ")) == digest
    assert second_factor.recovery_digest(codes[1]) != digest


@pytest.mark.parametrize("code", ["", "123456", "x" * 15, "0" * 16, "ä" * 16, "x" * 10_000])
def test_what_is_no_recovery_code_has_no_digest(code: str) -> None:
    assert second_factor.recovery_digest(code) is None


def test_a_token_is_known_by_its_hash_only() -> None:
    made = api_tokens.new_token()
    assert made.text.startswith("ghk_") and len(made.text) == 47
    assert api_tokens.token_digest(made.text) == made.digest
    assert made.text not in repr(made)
    assert api_tokens.new_token().text != made.text


@pytest.mark.parametrize(
    "text", ["", "ghk_", "ghk_" + "a" * 42, "ghk_" + "a" * 44, "x" * 47, "ghk_" + "a" * 42 + "\n"]
)
def test_what_has_not_the_form_of_a_token_is_not_looked_up(text: str) -> None:
    assert api_tokens.token_digest(text) is None
