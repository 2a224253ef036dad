# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol, versions 1 and 2: who the client of a load balancer is.

Written after "The PROXY protocol, versions 1 & 2" (HAProxy, doc/proxy-protocol.txt); § below means
its sections. Rule: the header is what §2 says or the connection ends; nothing of it is guessed, and
whether one must come is the operator's word and not the client's (§2). Only a listener that names
the load balancer reads a header at all, since whoever may send one may be anybody.

Bytes in, one value out; the octets behind the header are not touched:

    read_header(everything that has come)   NeedMore | Proxied | Local | ProxyFault

What a load balancer says about its TLS is skipped: we prove TLS ourselves or not at all.
"""

import ipaddress
import re
import struct
from dataclasses import dataclass

V1_LONGEST = 107  # §2.1: the longest line, CRLF included
V2_HEAD = 16  # §2.2: signature, version and command, family, length
V2_LONGEST = V2_HEAD + 4096
"""Ours: addresses take 216 octets at most; names of a certificate and of a host may follow them."""

_V1_SIGNATURE = b"PROXY "
_V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V1_LINE = re.compile(
    rb"PROXY (?:(TCP4|TCP6) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) "
    rb"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})|UNKNOWN(?: [^\r\n]*+)?)\r\n"
)
_MAX_PORT = 65_535
_V2_VERSION = 2
_LOCAL, _PROXY = 0, 1  # §2.2: commands
_FAMILIES = {0x1: (4, 12), 0x2: (16, 36)}  # §2.2: octets of an address, of the address block
_UNIX, _STREAM, _DATAGRAM = 0x3, 0x1, 0x2
_TLV_HEAD = 3
_TYPE_CRC32C = 0x03
_CRC32C_POLYNOMIAL = 0x82F63B78  # RFC 4960 appendix B, bits reversed


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header is right so far and not complete; at most V2_LONGEST octets are ever needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """For whom the load balancer speaks, and where that client had connected to."""

    client_ip: str
    client_port: int
    local_ip: str
    local_port: int
    used: int  # octets of the header


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The real ends of the connection count (§2.1, §2.2).

    `relayed` False: the load balancer speaks for itself, as in a health check (LOCAL). True: it
    speaks for somebody and cannot say who (UNKNOWN, or neither TCP over IPv4 nor over IPv6). Such
    a client has the load balancer's address: it must not get that address's rights.
    """

    relayed: bool
    used: int


@dataclass(frozen=True, slots=True)
class ProxyFault:
    """Why this is no header; the connection must end without a word (§2)."""

    reason: str


Outcome = NeedMore | Proxied | Local | ProxyFault

_NEED_MORE = NeedMore()


def read_header(received: bytes) -> Outcome:
    """The header at the beginning of a connection, out of everything that has come so far."""
    if _V2_SIGNATURE.startswith(received[: len(_V2_SIGNATURE)]):
        return _NEED_MORE if len(received) < V2_HEAD else _read_v2(received)
    if _V1_SIGNATURE.startswith(received[: len(_V1_SIGNATURE)]):
        return _read_v1(received)
    return ProxyFault("no PROXY protocol header")


def _read_v1(received: bytes) -> Outcome:
    end = received.find(b"\n", 0, V1_LONGEST) + 1
    if not end:
        if len(received) >= V1_LONGEST:
            return ProxyFault(f"no CRLF within {V1_LONGEST} octets")
        return _NEED_MORE
    line = _V1_LINE.fullmatch(received[:end])
    if line is None:
        return ProxyFault("malformed line of version 1")
    family, source, destination, source_port, local_port = line.groups()
    if family is None:
        return Local(relayed=True, used=end)
    bits = 4 if family == b"TCP4" else 6
    client, local = _v1_address(source, bits), _v1_address(destination, bits)
    if client is None or local is None:
        return ProxyFault("malformed address in version 1")
    ports = int(source_port), int(local_port)
    if max(ports) > _MAX_PORT:
        return ProxyFault("port out of range in version 1")
    return Proxied(
        client_ip=client, client_port=ports[0], local_ip=local, local_port=ports[1], used=end
    )


def _v1_address(raw: bytes, version: int) -> str | None:
    try:
        parsed = ipaddress.ip_address(raw.decode("ascii"))  # leading zeros are refused
    except ValueError:
        return None
    return _text(parsed) if parsed.version == version else None


def _text(parsed: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An IPv4 client is one however it is written: it must not slip past rules for its address."""
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _read_v2(received: bytes) -> Outcome:
    version, command = divmod(received[12], 16)
    family, transport = divmod(received[13], 16)
    (length,) = struct.unpack_from("!H", received, 14)
    used = V2_HEAD + length
    if version != _V2_VERSION:
        return ProxyFault("unknown version")
    if command not in (_LOCAL, _PROXY):
        return ProxyFault("unknown command in version 2")
    if family > _UNIX or transport > _DATAGRAM:
        return ProxyFault("unknown address family or transport in version 2")
    if used > V2_LONGEST:
        return ProxyFault("header of version 2 is too long")
    if len(received) < used:
        return _NEED_MORE
    if command == _LOCAL:
        return Local(relayed=False, used=used)
    if family not in _FAMILIES or transport != _STREAM:
        return Local(relayed=True, used=used)
    return _read_v2_addresses(received[:used], family)


def _read_v2_addresses(header: bytes, family: int) -> Outcome:
    size, block = _FAMILIES[family]
    if len(header) < V2_HEAD + block:
        return ProxyFault("addresses of version 2 are cut short")
    fault = _check_tlvs(header, V2_HEAD + block)
    if fault is not None:
        return fault
    kind = ipaddress.IPv4Address if family == 0x1 else ipaddress.IPv6Address
    middle, end = V2_HEAD + size, V2_HEAD + 2 * size
    client_port, local_port = struct.unpack_from("!HH", header, end)
    return Proxied(
        client_ip=_text(kind(header[V2_HEAD:middle])),
        client_port=client_port,
        local_ip=_text(kind(header[middle:end])),
        local_port=local_port,
        used=len(header),
    )


def _check_tlvs(header: bytes, place: int) -> ProxyFault | None:
    """Walk through the vectors behind the addresses; the checksum must be right if it is there."""
    checksum: int | None = None
    while place < len(header):
        if place + _TLV_HEAD > len(header):
            return ProxyFault("a vector of version 2 is cut short")
        kind, length = struct.unpack_from("!BH", header, place)
        value, place = place + _TLV_HEAD, place + _TLV_HEAD + length
        if place > len(header):
            return ProxyFault("a vector of version 2 is cut short")
        if kind == _TYPE_CRC32C:
            if length != 4 or checksum is not None:
                return ProxyFault("malformed checksum in version 2")
            checksum = value
    if checksum is not None:
        (said,) = struct.unpack_from("!I", header, checksum)
        if crc32c(header[:checksum] + bytes(4) + header[checksum + 4 :]) != said:
            return ProxyFault("wrong checksum in version 2")
    return None


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        for _ in range(8):
            octet = octet >> 1 ^ (_CRC32C_POLYNOMIAL if octet & 1 else 0)
        table.append(octet)
    return tuple(table)


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    """CRC32c (RFC 4960 appendix B) of a header (§2.2.3)."""
    value = 0xFFFF_FFFF
    for octet in data:
        value = value >> 8 ^ _TABLE[(value ^ octet) & 0xFF]
    return value ^ 0xFFFF_FFFF
