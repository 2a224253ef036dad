# SPDX-License-Identifier: Apache-2.0
"""Which addresses the gateway may fetch from when an operator names a URL.

Rule: the address that will be connected to is judged, in every spelling that hides another one in
it (IPv4 inside IPv6, 6to4, Teredo, NAT64). An internal address (loopback, link-local, private, or
otherwise not of the Internet) is allowed when the URL itself names it as an address or says
`localhost`, or when the operator marked the source as internal; a public name that leads inside is
otherwise the classic way to make a server talk to its own neighbours. Link-local addresses, where
clouds keep the credentials of the machine, are allowed only when the URL names them.

Pure: whoever fetches resolves the name once, asks here, and connects to that very address.
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_URL = 2000  # our own; what browsers and CAs keep below
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!\"$-~]*)?",
    re.IGNORECASE,
)
_FILE = re.compile(r"file://(?P<path>/[ -~]{1,1000})", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 §2.1
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 §2.5.5.1

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class WebTarget:
    """An http or https URL in its parts; `host` without brackets, in lower case."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def names_an_address(self) -> bool:
        """The operator wrote the address itself, or the one name that stands for ourselves."""
        return self.host == "localhost" or _ip(self.host) is not None


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class TargetFault:
    """Why a URL is none of ours."""

    reason: str


def parse_target(url: str) -> WebTarget | FileTarget | TargetFault:
    """Read a URL; user names, passwords and fragments have no place in it."""
    if len(url) > MAX_URL:
        return TargetFault(f"the URL is longer than {MAX_URL} characters")
    if found := _FILE.fullmatch(url):
        return FileTarget(found["path"])
    found = _URL.fullmatch(url)
    if found is None:
        return TargetFault("a URL like https://host/path, http://host/path or file:///path")
    scheme, host = found["scheme"].lower(), found["host"].strip("[]").lower()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    if not 1 <= port <= 65_535:
        return TargetFault("the port is not between 1 and 65535")
    if found["host"].startswith("[") and _ip(host) is None:
        return TargetFault("the address in brackets is none")
    return WebTarget(scheme == "https", host, port, found["path"] or "/")


def judge_address(address: str, *, named: bool, internal: bool) -> str | None:
    """Why this address must not be connected to; None when it may."""
    ip = _ip(address.partition("%")[0])
    if ip is None:
        return "it is no address"
    spellings = _spellings(ip)
    if any(one.is_multicast or one.is_unspecified for one in spellings):
        return "it is a multicast or unspecified address"
    if named or all(_public(one) for one in spellings):
        return None
    if any(one.is_link_local for one in spellings):
        return "it is a link-local address and the URL does not name it"
    return None if internal else "it is an internal address and the URL does not name it"


def _public(ip: _Ip) -> bool:
    return ip.is_global and not ip.is_reserved


def _spellings(ip: _Ip) -> tuple[_Ip, ...]:
    """The address, and every IPv4 address that stands for it or in it."""
    if isinstance(ip, ipaddress.IPv4Address):
        return (ip,)
    if ip.ipv4_mapped is not None:
        return (ip.ipv4_mapped,)
    hidden: list[_Ip] = [ip]
    if ip.sixtofour is not None:
        hidden.append(ip.sixtofour)
    if ip.teredo is not None:
        hidden += ip.teredo
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
        hidden.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return tuple(hidden)


def _ip(text: str) -> _Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
