# SPDX-License-Identifier: Apache-2.0
"""Passwords at rest: argon2id, and the same price for nobody."""

import argon2

from gatehouse.service.base import passwords
from gatehouse.service.base.passwords import hash_password, verify_password


def test_a_password_is_recognised_and_another_is_not() -> None:
    encoded = hash_password("canary-pass\u00e9")
    assert verify_password(encoded, "canary-pass\u00e9")
    assert not verify_password(encoded, "canary-pass")
    assert "canary" not in encoded
    assert hash_password("canary-pass\u00e9") != encoded


def test_it_is_argon2id_with_the_parameters_of_its_source() -> None:
    found = argon2.extract_parameters(hash_password("x"))
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19456, 2, 1)


def test_nobody_has_the_price_of_somebody_and_never_succeeds() -> None:
    assert not verify_password(None, "")
    assert not verify_password(None, "gatehouse nobody")
    real, nobody = (
        argon2.extract_parameters(one) for one in (hash_password("x"), passwords._NOBODY)
    )
    assert (real.memory_cost, real.time_cost, real.parallelism, real.hash_len, real.salt_len) == (
        nobody.memory_cost,
        nobody.time_cost,
        nobody.parallelism,
        nobody.hash_len,
        nobody.salt_len,
    )
