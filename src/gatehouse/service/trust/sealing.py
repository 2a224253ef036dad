# SPDX-License-Identifier: Apache-2.0
"""Seals secrets under a passphrase, so that they can leave the gateway in a saved file.

argon2id (RFC 9106) makes a key and a check of the passphrase; AES-256-GCM (NIST SP 800-38D) seals.
The seal vouches for the whole section and for the text above it: a password goes to the host that
the text names, so secrets must not open under a text that somebody has changed. That is refused
before the passphrase is asked for, and again by the cipher for who mends the digest too.

Blocking on purpose: call it in a thread; the hash function lets other threads run.
"""

import enum
import hmac
import os
from dataclasses import replace

import argon2.low_level
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatehouse.config import saved
from gatehouse.config.saved import File, Lock, Saved
from gatehouse.config.saved_fields import CHECK_OCTETS, NONCE_OCTETS, SALT_OCTETS
from gatehouse.smtp import saslprep

MEMORY_KIB, PASSES, LANES = 64 * 1024, 3, 4
"""RFC 9106 §4, second recommended option. A file can be guessed at in peace, a login cannot: so
this costs ten times what a login costs (`service/base/passwords.py`)."""
SHORTEST = 12  # characters; ours, as for the passwords of operators
_KEY_OCTETS = 32  # AES-256


class Locked(enum.Enum):
    """Why secrets do not open."""

    PASSPHRASE = "another passphrase"
    CHANGED = "the text was changed after it was saved"
    TAMPERED = "the passphrase is right, but the file is not as it was sealed"


class BadPassphrase(ValueError):
    """It cannot be used; the text says what one must be."""


def seal(content: bytes, passphrase: str, body: bytes, about: Saved) -> Saved:
    """The section with the content sealed in it; raises BadPassphrase."""
    prepared = _prepared(passphrase) if passphrase else ""
    if len(prepared) < SHORTEST:
        raise BadPassphrase(f"A passphrase has at least {SHORTEST} characters")
    salt, nonce = os.urandom(SALT_OCTETS), os.urandom(NONCE_OCTETS)
    key, check = _derive(prepared, salt, MEMORY_KIB, PASSES, LANES)
    lock = Lock(
        memory_kib=MEMORY_KIB, passes=PASSES, lanes=LANES, salt=salt, nonce=nonce, check=check
    )
    with_lock = replace(about, lock=lock)
    # The key is new with each salt, so a nonce never meets one key twice.
    sealed = AESGCM(key).encrypt(nonce, content, saved.header(body, with_lock))
    return replace(with_lock, sealed=sealed)


def unseal(file: File, passphrase: str) -> bytes | Locked:
    """What is sealed in a file that was read, or why it does not open."""
    assert file.saved is not None, "only a saved file is asked for its secrets"
    lock = file.saved.lock
    assert lock is not None, "a masked file has none"
    if file.changed:
        return Locked.CHANGED
    try:
        prepared = _prepared(passphrase)
    except BadPassphrase:
        return Locked.PASSPHRASE  # nobody can have set it
    key, check = _derive(prepared, lock.salt, lock.memory_kib, lock.passes, lock.lanes)
    if not hmac.compare_digest(check, lock.check):
        return Locked.PASSPHRASE
    try:
        header = saved.header(file.text, file.saved)
        return AESGCM(key).decrypt(lock.nonce, file.saved.sealed, header)
    except InvalidTag:
        return Locked.TAMPERED


def _prepared(passphrase: str) -> str:
    """One form for all keyboards, as for passwords (RFC 4013)."""
    prepared = saslprep.prepare_password(passphrase, stored=True)
    if prepared is None:
        raise BadPassphrase(
            f"A passphrase has at most {saslprep.MAX_PASSWORD} octets, no control characters, not"
            " letters of both directions of writing, and none newer than Unicode 3.2, as emoji are"
        )
    return prepared


def _derive(
    passphrase: str, salt: bytes, memory_kib: int, passes: int, lanes: int
) -> tuple[bytes, bytes]:
    """The key, and what tells whether the passphrase is right: one says nothing about the other."""
    derived = argon2.low_level.hash_secret_raw(
        secret=passphrase.encode(),
        salt=salt,
        time_cost=passes,
        memory_cost=memory_kib,
        parallelism=lanes,
        hash_len=_KEY_OCTETS + CHECK_OCTETS,
        type=argon2.low_level.Type.ID,
    )
    return derived[:_KEY_OCTETS], derived[_KEY_OCTETS:]
