# SPDX-License-Identifier: Apache-2.0
"""Logging in to a server: which mechanism, and what is said in it (RFC 4954, RFC 4422).

Rule: the strongest mechanism that both sides know; SCRAM-SHA-256 (RFC 5802, RFC 7677) shows no
password to the server and makes the server prove that it knows it. PLAIN (RFC 4616) and LOGIN hand
the password over: whether the connection deserves it is the policy's question, not ours. Nothing in
here ever appears in an exception or a representation.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gatehouse.mail.reply import Reply

Mechanism = Literal["SCRAM-SHA-256", "PLAIN", "LOGIN"]
PREFERENCE: tuple[Mechanism, ...] = ("SCRAM-SHA-256", "PLAIN", "LOGIN")

MAX_ITERATIONS = 200_000
"""Of SCRAM, ours: some 0.1 s of work; a hostile server asks for billions (RFC 5802 §9)."""

LEAST_ITERATIONS = 4096  # RFC 7677 §4; fewer would let a false server guess the password cheaply
LEAST_SALT = 8  # octets, ours: an empty salt belongs to a table made in advance


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password for one server; at most 255 octets each is what PLAIN promises to carry."""

    user: str
    password: str = field(repr=False)


class Exchange(Protocol):
    """One login."""

    @property
    def mechanism(self) -> Mechanism:
        """What stands behind AUTH."""

    @property
    def initial(self) -> bytes | None:
        """The initial response, or None when the server speaks first."""

    def respond(self, challenge: bytes | None) -> bytes | None:
        """Answer a challenge; None: this is not the server it claims to be, or it is confused."""

    @property
    def complete(self) -> bool:
        """May a 235 be believed now? SCRAM's only when the server has shown its own proof."""


def choose(offered: tuple[str, ...]) -> Mechanism | None:
    """The best mechanism that a server offers and that we speak."""
    return next((one for one in PREFERENCE if one in offered), None)


def begin(mechanism: Mechanism, credentials: Credentials, nonce: str) -> Exchange:
    """Start a login. `nonce` is fresh and printable without commas; only SCRAM uses it."""
    match mechanism:
        case "PLAIN":
            return _Plain(credentials)
        case "LOGIN":
            return _Login(credentials)
        case "SCRAM-SHA-256":
            return _Scram(credentials, nonce)


class _Plain:
    """RFC 4616: everything in the initial response."""

    mechanism: Mechanism = "PLAIN"
    complete = True

    def __init__(self, credentials: Credentials) -> None:
        self.initial = f"\0{credentials.user}\0{credentials.password}".encode()

    def respond(self, challenge: bytes | None) -> bytes | None:
        """There is nothing more to say; old servers ignore the initial response and ask again."""
        return self.initial if not challenge else None


class _Login:
    """No RFC: two prompts whose words differ from server to server; the order does not."""

    mechanism: Mechanism = "LOGIN"
    initial = None

    def __init__(self, credentials: Credentials) -> None:
        self._answers = [credentials.password.encode(), credentials.user.encode()]

    @property
    def complete(self) -> bool:
        """Both have been asked for."""
        return not self._answers

    def respond(self, challenge: bytes | None) -> bytes | None:
        """User first, then password, whatever the prompt says."""
        return self._answers.pop() if self._answers else None


class _Scram:
    """RFC 5802 §3, on the client's side, without channel binding."""

    mechanism: Mechanism = "SCRAM-SHA-256"
    _HEADER = "n,,"

    def __init__(self, credentials: Credentials, nonce: str) -> None:
        self._password = credentials.password.encode()
        user = credentials.user.replace("=", "=3D").replace(",", "=2C")
        self._nonce = nonce
        self._bare = f"n={user},r={nonce}"
        self._expected: str | None = None
        self.initial = (self._HEADER + self._bare).encode()
        self.complete = False

    def respond(self, challenge: bytes | None) -> bytes | None:
        """The proof, and then nothing once the server has given its own."""
        try:
            text = (challenge or b"").decode("utf-8")
        except UnicodeDecodeError:
            return None
        if self._expected is None:
            return self._prove(text)
        if hmac.compare_digest(text.encode(), self._expected.encode()) and not self.complete:
            self.complete = True
            return b""
        return None

    def _prove(self, server_first: str) -> bytes | None:
        read = _server_first(server_first)
        if read is None:
            return None
        nonce, salt, iterations = read
        # RFC 5802 §5.1: a nonce that does not continue ours was made for somebody else.
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            return None
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c={base64.b64encode(self._HEADER.encode()).decode()},r={nonce}"
        message = ",".join((self._bare, server_first, final)).encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        shown = base64.b64encode(hmac.digest(server_key, message, "sha256")).decode()
        self._expected = f"v={shown}"
        return f"{final},p={base64.b64encode(proof).decode()}".encode()


def read_challenge(reply: Reply) -> bytes | None:
    """The octets of a challenge; LOGIN's servers put words of their own here, or nothing."""
    try:
        return base64.b64decode(reply.lines[0], validate=True) if reply.lines else b""
    except (binascii.Error, ValueError):
        return None


def _server_first(text: str) -> tuple[str, bytes, int] | None:
    """Nonce, salt and iterations of RFC 5802 §7 `server-first-message`, within our bounds."""
    parts = text.split(",")
    if [part[:2] for part in parts[:3]] != ["r=", "s=", "i="]:
        return None  # also for "m=", an extension that must be understood and is not
    count = parts[2][2:]
    if not (count.isascii() and count.isdigit() and len(count) <= 7):
        return None
    try:
        salt = base64.b64decode(parts[1][2:], validate=True)
    except (binascii.Error, ValueError):
        return None
    iterations = int(count)
    if len(salt) < LEAST_SALT or not LEAST_ITERATIONS <= iterations <= MAX_ITERATIONS:
        return None
    return parts[0][2:], salt, iterations
