# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256 on the server's side: keys, messages and the proof (RFC 5802, RFC 7677).

Rule: the server keeps keys from which the password does not follow, and never sees the password.
The proof covers every octet that both sides said, so nobody in the middle takes the channel binding
away unseen. A name that nobody has gets keys that nobody can prove, always the same for the same
name, so asking tells nothing (RFC 5802 §9).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

ITERATIONS = 15_000
"""RFC 7677 §4: 4096 at least, and as a rule of thumb 15,000; each login of a small device costs it
this many HMACs, and what is stored is sealed besides."""

SALT_OCTETS = 16
"""RFC 5802 §2.2 wants a random salt; 128 bits never meet again (NIST SP 800-132 §5.1)."""

MAX_NONCE = 256
"""Characters of the client's nonce (ours): our challenge is one reply line of 512 octets, base64
and all, and repeats the nonce."""

_HASH = "sha256"
_NONCE_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F))) - {","}  # RFC 5802 §7: printable


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What the server keeps of a password (RFC 5802 §3)."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def derive_keys(password: str, salt: bytes, iterations: int = ITERATIONS) -> ScramKeys:
    """The keys of a prepared password. Slow on purpose."""
    salted = hashlib.pbkdf2_hmac(_HASH, password.encode(), salt, iterations)
    client_key = _mac(salted, b"Client Key")
    return ScramKeys(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.sha256(client_key).digest(),
        server_key=_mac(salted, b"Server Key"),
    )


def plausible_keys(secret: bytes, user: str) -> ScramKeys:
    """Keys for a name that nobody has; they look like those of a user and prove nothing."""
    name = user.encode()
    return ScramKeys(
        salt=_mac(secret, b"salt " + name)[:SALT_OCTETS],
        iterations=ITERATIONS,
        stored_key=_mac(secret, b"stored key " + name),
        server_key=_mac(secret, b"server key " + name),
    )


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The client's first message, parsed."""

    flag: str  # n: no channel binding; y: it thinks that we have none; p: it binds
    binding: str | None  # the type of binding behind p
    authzid: str | None
    user: str
    nonce: str
    header: str  # the GS2 header as it came; the proof covers it
    bare: str  # the rest as it came


def parse_client_first(text: str) -> ClientFirst | None:
    """RFC 5802 §7 `client-first-message`; None when it is none."""
    parts = text.split(",", 2)
    if len(parts) != 3:
        return None
    flag, authzid, bare = parts
    flag, bound, binding = flag.partition("=")
    if (flag == "p") != bool(binding) or (flag not in ("n", "y", "p")) or (bound and not binding):
        return None
    identity = _named(authzid, "a") if authzid else None
    # RFC 5802 §5.1: a mandatory extension ("m=") that we do not know ends the exchange.
    user, _, rest = bare.partition(",")
    name, nonce = _named(user, "n"), rest.partition(",")[0]
    if name is None or not _is_nonce(nonce) or (authzid and identity is None):
        return None
    header = text[: len(text) - len(bare)]
    return ClientFirst(flag, binding or None, identity, name, nonce[2:], header, bare)


def _named(attribute: str, letter: str) -> str | None:
    """The value of a `saslname` attribute: comma and equals sign are written as =2C and =3D."""
    if not attribute.startswith(f"{letter}=") or len(attribute) == 2:
        return None
    pieces = attribute[2:].split("=")
    if not all(piece.startswith(("2C", "3D")) for piece in pieces[1:]):
        return None
    return pieces[0] + "".join(
        ("," if piece.startswith("2C") else "=") + piece[2:] for piece in pieces[1:]
    )


def _is_nonce(attribute: str) -> bool:
    value = attribute[2:]
    return (
        attribute.startswith("r=")
        and 0 < len(value) <= MAX_NONCE
        and _NONCE_CHARACTERS.issuperset(value)
    )


def server_first(first: ClientFirst, server_nonce: str, keys: ScramKeys) -> str:
    """Our challenge (RFC 5802 §7 `server-first-message`)."""
    salt = base64.b64encode(keys.salt).decode()
    return f"r={first.nonce}{server_nonce},s={salt},i={keys.iterations}"


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """The client's proof, parsed."""

    binding: bytes = field(repr=False)
    nonce: str
    proof: bytes = field(repr=False)
    without_proof: str


def parse_client_final(text: str) -> ClientFinal | None:
    """RFC 5802 §7 `client-final-message`; None when it is none."""
    without_proof, mark, proof = text.rpartition(",p=")
    parts = without_proof.split(",")
    if not mark or len(parts) < 2 or not parts[0].startswith("c="):
        return None
    binding, proven = _octets(parts[0][2:]), _octets(proof)
    if binding is None or proven is None or not parts[1].startswith("r="):
        return None
    return ClientFinal(binding, parts[1][2:], proven, without_proof)


def _octets(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def verify(keys: ScramKeys, auth_message: str, proof: bytes) -> str | None:
    """Our own proof (`server-final-message`) when the client's is right, else None."""
    message = auth_message.encode()
    signature = _mac(keys.stored_key, message)
    if len(proof) != len(signature):
        return None
    client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
    if not hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key):
        return None
    return "v=" + base64.b64encode(_mac(keys.server_key, message)).decode()


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, _HASH)
