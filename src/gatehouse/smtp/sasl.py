# SPDX-License-Identifier: Apache-2.0
"""The server's side of each SASL mechanism (RFC 4422), as values: octets in, one step out.

PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), SCRAM-SHA-256 with and without channel binding
(RFC 5802, RFC 7677, RFC 9266) and EXTERNAL (RFC 4422 appendix A). Rule: an exchange knows no users
and no clock; it says what it needs to know, and chance comes in as an argument. Who authenticates
is who sends: an authorization identity that differs is refused. What a client sent stands in no
text, no `repr` and no exception, for it may be a password.
"""

import hmac
from dataclasses import dataclass, field
from typing import Protocol

from gatehouse.smtp import scram
from gatehouse.smtp.saslprep import decode, prepare_name, prepare_password

PLAIN = "PLAIN"
LOGIN = "LOGIN"
EXTERNAL = "EXTERNAL"
SCRAM_SHA_256 = "SCRAM-SHA-256"
SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS"
MECHANISMS = (SCRAM_SHA_256_PLUS, SCRAM_SHA_256, EXTERNAL, PLAIN, LOGIN)
"""All that there are, the strongest first, in the order in which they are announced."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this and wait for the client's answer."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedPassword:
    """Is this the password of the user? The exchange ends here."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedScramKeys:
    """The keys of the user are needed: go on with `ScramExchange.keyed`."""

    user: str


@dataclass(frozen=True, slots=True)
class NeedCertificate:
    """Whose is the client's certificate? `user` None: whoever it belongs to. Ends here."""

    user: str | None


@dataclass(frozen=True, slots=True)
class Proven:
    """The proof is right. If nothing else speaks against it, `proof` is the next challenge."""

    user: str
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The client has taken our proof too: it is this user."""

    user: str


@dataclass(frozen=True, slots=True)
class Refuted:
    """The client is not this user; `reason` is for the operator."""

    user: str
    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """What came is not what the mechanism says."""

    reason: str


Step = (
    Challenge | NeedPassword | NeedScramKeys | NeedCertificate | Proven | Done | Refuted | Malformed
)


class Exchange(Protocol):
    """One run of a mechanism."""

    def start(self, initial: bytes | None) -> Step:
        """Begin, with the client's initial response or without one."""

    def respond(self, data: bytes) -> Step:
        """The client's answer to our last challenge."""


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What ties an exchange to its TLS connection."""

    type: str  # "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929 §4)
    data: bytes = field(repr=False)


def exchange(
    mechanism: str, *, nonce: str, bindings: tuple[ChannelBinding, ...], plus_offered: bool
) -> Exchange:
    """A run of an offered mechanism. `nonce`: fresh and printable, without a comma."""
    match mechanism:
        case "PLAIN":
            return PlainExchange()
        case "LOGIN":
            return LoginExchange()
        case "EXTERNAL":
            return ExternalExchange()
        case "SCRAM-SHA-256":
            return ScramExchange(nonce, (), plus_offered=plus_offered)
        case "SCRAM-SHA-256-PLUS":
            return ScramExchange(nonce, bindings, plus_offered=True)
        case _:
            raise ValueError("a mechanism that we do not have was offered")


class PlainExchange:
    """PLAIN: one message with everything in it (RFC 4616 §2)."""

    __slots__ = ()

    def start(self, initial: bytes | None) -> Step:
        """Without an initial response the client waits for an empty challenge."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """[authzid] NUL authcid NUL passwd."""
        parts = data.split(b"\0")
        if len(parts) != 3:
            return Malformed("not three parts")
        identity, name, secret = parts
        asked = _asked(name, secret)
        if isinstance(asked, NeedPassword) and identity:
            return asked if _name(identity) == asked.user else Refuted(asked.user, _OTHER)
        return asked


class LoginExchange:
    """LOGIN: name and password one after the other, as old clients want it."""

    __slots__ = ("_name",)

    def __init__(self) -> None:
        self._name: bytes | None = None

    def start(self, initial: bytes | None) -> Step:
        """Some clients send the name at once."""
        return Challenge(b"Username:") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """The name, then the password."""
        if self._name is None:
            self._name = data
            return Challenge(b"Password:")
        return _asked(self._name, data)


class ExternalExchange:
    """EXTERNAL: TLS has said already who it is; the client may say as whom (RFC 4422 app. A)."""

    __slots__ = ()

    def start(self, initial: bytes | None) -> Step:
        """Without an initial response the client waits for an empty challenge."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Nothing, or the name."""
        if not data:
            return NeedCertificate(None)
        name = _name(data)
        return Malformed("no user name") if name is None else NeedCertificate(name)


class ScramExchange:
    """SCRAM-SHA-256: two messages of the client, the proof in the second one."""

    __slots__ = ("_bindings", "_chosen", "_first", "_keys", "_nonce", "_plus", "_said", "_user")

    def __init__(
        self, nonce: str, bindings: tuple[ChannelBinding, ...], *, plus_offered: bool
    ) -> None:
        self._nonce = nonce
        self._bindings = bindings  # none: the mechanism without -PLUS
        self._plus = plus_offered
        self._chosen = b""
        self._first: scram.ClientFirst | None = None
        self._keys: scram.ScramKeys | None = None
        self._said = ""
        self._user = ""
        # After a right proof the client still has to take ours: RFC 4954 §4 has no room for it
        # in the 235, so it is one more challenge with an empty answer.

    def start(self, initial: bytes | None) -> Step:
        """Without an initial response the client waits for an empty challenge."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Client-first, client-final, and the empty answer to our proof."""
        if self._first is None:
            return self._begin(data)
        if self._keys is None:
            return Malformed("out of order")
        if self._said:
            return self._finish(data)
        return Malformed("data behind the proof") if data else Done(self._user)

    def keyed(self, keys: scram.ScramKeys) -> Step:
        """The keys of the user that `NeedScramKeys` asked for."""
        if self._first is None:
            raise RuntimeError("nobody asked for keys")
        self._keys = keys
        self._said = scram.server_first(self._first, self._nonce, keys)
        return Challenge(self._said.encode())

    def _begin(self, data: bytes) -> Step:
        text = decode(data)
        first = None if text is None else scram.parse_client_first(text)
        if first is None:
            return Malformed("no client-first-message")
        name = prepare_name(first.user)
        if name is None:
            return Malformed("no user name")
        fault = self._fault_of_binding(name, first)
        if fault is not None:
            return fault
        if first.authzid is not None and prepare_name(first.authzid) != name:
            return Refuted(name, _OTHER)
        self._first, self._user = first, name
        return NeedScramKeys(name)

    def _fault_of_binding(self, name: str, first: scram.ClientFirst) -> Step | None:
        """RFC 5802 §6: what the client says of channel binding must agree with our offer."""
        if not self._bindings:
            if first.flag == "p":
                return Malformed("channel binding without -PLUS")
            # It can bind and saw no -PLUS in an offer that had it: somebody took it out.
            if first.flag == "y" and self._plus:
                return Refuted(name, "the offer of channel binding was taken away on its way")
            return None
        if first.flag != "p":
            return Malformed("-PLUS without channel binding")
        for binding in self._bindings:
            if binding.type == first.binding:
                self._chosen = binding.data
                return None
        return Malformed("unknown type of channel binding")

    def _finish(self, data: bytes) -> Step:
        first, keys = self._first, self._keys
        assert first is not None
        assert keys is not None
        text = decode(data)
        final = None if text is None else scram.parse_client_final(text)
        if final is None:
            return Malformed("no client-final-message")
        expected = first.header.encode() + self._chosen
        bound = hmac.compare_digest(final.binding, expected)
        same = hmac.compare_digest(final.nonce.encode(), (first.nonce + self._nonce).encode())
        message = f"{first.bare},{self._said},{final.without_proof}"
        proof = scram.verify(keys, message, final.proof)
        if not same:
            return Refuted(self._user, "another nonce")
        if not bound:
            return Refuted(self._user, "channel bindings differ")
        if proof is None:
            return Refuted(self._user, "wrong password")
        self._said = ""
        return Proven(self._user, proof.encode())


_OTHER = "authorization identity of somebody else"


def _name(octets: bytes) -> str | None:
    text = decode(octets)
    return None if text is None else prepare_name(text)


def _asked(name: bytes, secret: bytes) -> NeedPassword | Malformed:
    user, text = _name(name), decode(secret)
    password = None if text is None else prepare_password(text)
    if user is None:
        return Malformed("no user name")
    return Malformed("no password") if password is None else NeedPassword(user, password)
