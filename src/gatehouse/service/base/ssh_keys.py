# SPDX-License-Identifier: Apache-2.0
"""Keys of SSH: the public keys of operators, and the key by which this gateway is known.

A key is one line, as OpenSSH writes it: its algorithm, its octets in base64 (RFC 4253 §6.6), a
comment. Options before it are refused, not skipped: who writes `command="…"` relies on it. The
host key is made once and sealed in the vault; who has connected before would be warned of another.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gatehouse.store.interface import Store

ALGORITHMS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
"""RFC 8709, RFC 5656, RFC 4253 §6.6, and OpenSSH's PROTOCOL.u2f for keys in hardware (sk-)."""

LEAST_RSA_BITS = 2048  # NIST SP 800-57 Part 1 §5.6.2: what counts until 2030
LONGEST = 16 * 1024  # octets of a line; ours: RSA with 16384 bits has 2,800
LONGEST_COMMENT = 100  # characters; ours
_HOST_KEY = "system/ssh-host-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key; `blob` is its form on the wire."""

    algorithm: str
    blob: bytes
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: SHA-256 in base64 without padding."""
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """As it stands in `authorized_keys`, without the comment."""
        return f"{self.algorithm} {base64.b64encode(self.blob).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class KeyFault:
    """Why a text is no key that is taken; the hint may be empty."""

    why: str
    hint: str = ""


def fingerprint(blob: bytes) -> str:
    """Of a public key in its form on the wire."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii")
    return f"SHA256:{digest.rstrip('=')}"


def read_public_key(content: bytes) -> PublicKey | KeyFault:
    """The one key that a file holds."""
    if len(content) > LONGEST:
        return KeyFault("The file is larger than any key.")
    if b"PRIVATE KEY" in content:
        return KeyFault(
            "This is a private key.", "Nobody else may have it: give the .pub file beside it."
        )
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if len(found) != 1:
        return KeyFault(
            f"There are {len(found)} lines with a key." if found else "There is no key.",
            "One key, in one line, as in ~/.ssh/id_ed25519.pub; `ssh-keygen -i` converts others.",
        )
    return _read_line(found[0])


def _read_line(line: str) -> PublicKey | KeyFault:
    algorithm, _, rest = line.partition(" ")
    if algorithm not in ALGORITHMS:
        return KeyFault(
            "It does not begin with an algorithm that is taken.", f"One of {', '.join(ALGORITHMS)}."
        )
    text, _, comment = rest.strip().partition(" ")
    try:
        blob = base64.b64decode(text, validate=True)
        key = serialization.load_ssh_public_key(f"{algorithm} {text}".encode("ascii"))
    except (binascii.Error, ValueError, UnsupportedAlgorithm, UnicodeEncodeError):
        return KeyFault("The key is damaged.", "Copy the whole line, without a line end in it.")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        return KeyFault(
            f"An RSA key of {key.key_size} bits is too short.",
            f"At least {LEAST_RSA_BITS} bits; `ssh-keygen -t ed25519` makes a better one.",
        )
    kept = "".join(one for one in comment.strip() if one.isprintable())
    return PublicKey(algorithm=algorithm, blob=blob, comment=kept[:LONGEST_COMMENT])


# --- the host key -----------------------------------------------------------------------------


def ensure_host_key(store: Store, now: float) -> None:
    """Make the host key of a new gateway."""
    if store.secrets.get(_HOST_KEY) is None:
        renew_host_key(store, now)


def renew_host_key(store: Store, now: float) -> None:
    """Another host key: whoever connected before is warned until he has taken it."""
    made = ed25519.Ed25519PrivateKey.generate()
    private = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    store.secrets.put(_HOST_KEY, private, now)


def host_key(store: Store) -> bytes:
    """The host key with its private half, in OpenSSH's form; made by `ensure_host_key`."""
    kept = store.secrets.get(_HOST_KEY)
    assert kept is not None, "a data directory that was opened has one"
    return kept


def host_public_key(private: bytes) -> PublicKey:
    """What clients see of a host key."""
    key = serialization.load_ssh_private_key(private, password=None).public_key()
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    read = _read_line(line.decode("ascii"))
    assert isinstance(read, PublicKey)
    return read
