# SPDX-License-Identifier: Apache-2.0
"""Passwords as they are kept: argon2id (RFC 9106), with one price for every check.

A check without anything to compare with costs the same as one with it, so the time that an answer
takes does not tell who exists. Blocking on purpose: call it in a thread; the hash function itself
lets other threads run.
"""

import argon2

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
"""OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. RFC 9106 §4 would rather have
64 MiB; a flood of logins must not need that much in every process."""

_hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)

# The form of a hash that no password has but by a chance of 2^-256.
_NOBODY = (
    f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}"
    "$Z2F0ZWhvdXNlIG5vYm9keQ$bm90IGEgaGFzaCBvZiBhbnkgcGFzc3dvcmQgYXQgYWw"
)


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form, with a salt of its own."""
    return _hasher.hash(password)


def verify_password(encoded: str | None, password: str) -> bool:
    """Whether the password has this hash. None: nobody, at the same price."""
    try:
        _hasher.verify(encoded or _NOBODY, password)
    except argon2.exceptions.VerificationError:
        return False
    return encoded is not None
