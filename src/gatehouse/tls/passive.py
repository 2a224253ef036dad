# SPDX-License-Identifier: Apache-2.0
"""What a TLS server says in clear: version, suite, group, size of its DH group, certificates.

Reads a copy of the bytes that came from the server; never takes part. It is the only way to learn
the size of a finite-field DH group, and it still works when the handshake then fails because that
group is too small. Up to TLS 1.2 everything until ChangeCipherSpec is clear (RFC 5246 §7.4); with
TLS 1.3 only the ServerHello is (RFC 8446 §4.1.3).

The bytes are hostile: every length is checked against what is there, and what does not fit ends the
reading with what was learnt so far. Nothing here raises.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace

# As much as the engine lets a peer send before the handshake is done.
LIMIT = 256 * 1024
_MOST_CERTIFICATES = 100  # hostile-input: chains 100 deep; no real one is above 10

_RECORD_HANDSHAKE = 22  # RFC 5246 §6.2.1
_EXTENSION_VERSIONS = 43  # supported_versions, RFC 8446 §4.2
_EXTENSION_KEY_SHARE = 51  # key_share
_NAMED_CURVE = 3  # RFC 8422 §5.4
_TLS_1_3 = 0x0304

VERSION_NAMES = {
    0x0300: "SSLv3",
    0x0301: "TLSv1",
    0x0302: "TLSv1.1",
    0x0303: "TLSv1.2",
    _TLS_1_3: "TLSv1.3",
}

# IANA "TLS Supported Groups", with the names that OpenSSL uses.
GROUP_NAMES = {
    0x0013: "secp192r1",
    0x0015: "secp224r1",
    0x0016: "secp256k1",
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x001D: "x25519",
    0x001E: "x448",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
}

FINITE_FIELD_BITS = {
    "ffdhe2048": 2048,
    "ffdhe3072": 3072,
    "ffdhe4096": 4096,
    "ffdhe6144": 6144,
    "ffdhe8192": 8192,
}

# IANA "TLS Cipher Suites": those whose ServerKeyExchange holds p, g and Y. The kind of exchange is
# told by the suite, never guessed from the bytes.
_DHE_SUITES = frozenset(
    (
        *range(0x0011, 0x001C), 0x0032, 0x0033, 0x0034, 0x0038, 0x0039, 0x003A, 0x0040, 0x0044,
        0x0045, 0x0046, 0x0063, 0x0065, 0x0066, 0x0067, *range(0x006A, 0x006E), 0x0087, 0x0088,
        0x0089, *range(0x0099, 0x009C), 0x009E, 0x009F, 0x00A2, 0x00A3, 0x00A6, 0x00A7, 0x00BD,
        0x00BE, 0x00BF, 0x00C3, 0x00C4, 0x00C5, 0xC044, 0xC045, 0xC046, 0xC047, 0xC052, 0xC053,
        0xC056, 0xC057, 0xC05A, 0xC05B, 0xC07C, 0xC07D, 0xC080, 0xC081, 0xC084, 0xC085, 0xC09E,
        0xC09F, 0xC0A2, 0xC0A3, 0xCCAA,
    )
)  # fmt: skip
_ECDHE_SUITES = frozenset(
    (
        *range(0xC006, 0xC00B), *range(0xC010, 0xC01A), 0xC023, 0xC024, 0xC027, 0xC028, 0xC02B,
        0xC02C, 0xC02F, 0xC030, 0xC048, 0xC049, 0xC04C, 0xC04D, 0xC05C, 0xC05D, 0xC060, 0xC061,
        0xC072, 0xC073, 0xC076, 0xC077, 0xC086, 0xC087, 0xC08A, 0xC08B, *range(0xC0AC, 0xC0B0),
        0xCCA8, 0xCCA9,
    )
)  # fmt: skip


class _Message(enum.IntEnum):
    """Handshake messages that tell something (RFC 5246 §7.4)."""

    SERVER_HELLO = 2
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen; None and empty for what was not."""

    version: int | None = None  # 0x0303 is TLS 1.2
    suite: int | None = None
    group: int | None = None  # IANA number
    dh_bits: int | None = None  # finite-field DH only
    chain: tuple[bytes, ...] = ()  # DER, as presented; TLS 1.2 and older
    client_certificate_asked: bool = False  # TLS 1.2 and older


def observe(heard: bytes) -> Observation:
    """Read the server's side of a handshake from its first byte on."""
    seen = Observation()
    for kind, body in _messages(_handshake_bytes(heard[:LIMIT])):
        match kind:
            case _Message.SERVER_HELLO:
                seen = _server_hello(seen, body)
                if seen.version == _TLS_1_3:
                    return seen
            case _Message.CERTIFICATE:
                seen = replace(seen, chain=_certificates(body))
            case _Message.SERVER_KEY_EXCHANGE:
                seen = _key_exchange(seen, body)
            case _Message.CERTIFICATE_REQUEST:
                seen = replace(seen, client_certificate_asked=True)
            case _Message.SERVER_HELLO_DONE:
                return seen
            case _:
                pass
    return seen


def _handshake_bytes(heard: bytes) -> bytes:
    """The handshake stream: one record may hold several messages, one message several records."""
    parts: list[bytes] = []
    at = 0
    while at + 5 <= len(heard) and heard[at] == _RECORD_HANDSHAKE:
        length = int.from_bytes(heard[at + 3 : at + 5], "big")
        parts.append(heard[at + 5 : at + 5 + length])
        at += 5 + length
    return b"".join(parts)


def _messages(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        end = at + 4 + int.from_bytes(stream[at + 1 : at + 4], "big")
        if end > len(stream):
            return
        yield stream[at], stream[at + 4 : end]
        at = end


def _server_hello(seen: Observation, body: bytes) -> Observation:
    """version 2, random 32, session id 1 + n, suite 2, compression 1, extensions 2 + n."""
    if len(body) < 35:
        return seen
    at = 35 + body[34]
    suite = body[at : at + 2]
    if len(suite) < 2:
        return seen
    version = int.from_bytes(body[:2], "big")
    group = None
    for kind, content in _extensions(body[at + 5 :]):
        if kind == _EXTENSION_VERSIONS and len(content) == 2:
            version = int.from_bytes(content, "big")
        elif kind == _EXTENSION_KEY_SHARE and len(content) >= 2:
            group = int.from_bytes(content[:2], "big")
    return replace(seen, version=version, suite=int.from_bytes(suite, "big"), group=group)


def _extensions(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(block):
        end = at + 4 + int.from_bytes(block[at + 2 : at + 4], "big")
        if end > len(block):
            return
        yield int.from_bytes(block[at : at + 2], "big"), block[at + 4 : end]
        at = end


def _certificates(body: bytes) -> tuple[bytes, ...]:
    chain: list[bytes] = []
    at = 3
    while at + 3 <= len(body) and len(chain) < _MOST_CERTIFICATES:
        end = at + 3 + int.from_bytes(body[at : at + 3], "big")
        if end > len(body):
            break
        chain.append(body[at + 3 : end])
        at = end
    return tuple(chain)


def _key_exchange(seen: Observation, body: bytes) -> Observation:
    if seen.suite in _DHE_SUITES:
        prime = body[2 : 2 + int.from_bytes(body[:2], "big")]
        bits = int.from_bytes(prime, "big").bit_length()
        return replace(seen, dh_bits=bits or None)
    if seen.suite in _ECDHE_SUITES and len(body) >= 3 and body[0] == _NAMED_CURVE:
        return replace(seen, group=int.from_bytes(body[1:3], "big"))
    return seen
