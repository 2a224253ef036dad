# SPDX-License-Identifier: Apache-2.0
"""A client of SCRAM-SHA-256 written from RFC 5802 alone; it shares no code with the gateway."""

import base64
import hashlib
import hmac


class ScramClient:
    """One login. `binding`: type and data for -PLUS; `flag` n or y without one."""

    def __init__(
        self,
        user: str,
        password: str,
        *,
        binding: tuple[str, bytes] | None = None,
        flag: str = "n",
        nonce: str = "fyko+d2lbbFgONRv9qkxdawL",
    ) -> None:
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.header = f"p={binding[0]},," if binding else f"{flag},,"
        self._bound = self.header.encode() + (binding[1] if binding else b"")
        self._bare = f"n={name},r={nonce}"
        self._nonce = nonce
        self._password = password.encode()
        self._signature = b""

    def first(self) -> bytes:
        """client-first-message."""
        return (self.header + self._bare).encode()

    def final(self, server_first: bytes) -> bytes:
        """client-final-message."""
        said = server_first.decode()
        parts = dict(part.split("=", 1) for part in said.split(","))
        assert parts["r"].startswith(self._nonce)
        assert len(parts["r"]) >= len(self._nonce) + 16
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(parts["s"]), int(parts["i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c={base64.b64encode(self._bound).decode()},r={parts['r']}"
        message = f"{self._bare},{said},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._signature = hmac.digest(server_key, message, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def trusts(self, server_final: bytes) -> bool:
        """Whether the server knows the password too."""
        return server_final == b"v=" + base64.b64encode(self._signature)
