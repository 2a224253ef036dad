# SPDX-License-Identifier: Apache-2.0
"""SMTP routes: what an administrator wrote about where mail for a domain goes.

An exact domain wins, else the longest ".domain" above it, else "."; a route names hosts with ports
and priorities, or smart hosts, or says that DNS decides after all. How a route becomes hosts to try
is in `policy/routes.py`.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatehouse.mail import address
from gatehouse.policy import smart_hosts

MAX_PRIORITY = 65_535  # as an MX preference (RFC 1035 §3.3.9)
USE_DNS = "USEDNS"  # the appliance's word: an exception from a wider route
SMART_HOST = "smarthost:"  # before the name of a smart host, in the place of a host

_PRIORITY = re.compile(r"(.*)/pri=(\d{1,5})", re.IGNORECASE)
_HOST_PORT = re.compile(r"(\[[^\]]+\]|[^:\[\]]+)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class RouteHost:
    """One host of an SMTP route; `port` None stands for the configured SMTP port."""

    host: str
    port: int | None = None
    priority: int = 0
    smart: smart_hosts.SmartHost | None = None


@dataclass(frozen=True, slots=True)
class SmartRoute:
    """A smart host of an SMTP route, still by its name."""

    name: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class RouteFault:
    """Why a text is no host of a route."""

    reason: str


def parse_route_host(text: str) -> RouteHost | SmartRoute | RouteFault:
    """Parse "host", "host:port", "[address]:port", "smarthost:NAME", each with "/pri=N" or without,
    or USEDNS.
    """
    if text.upper() == USE_DNS:
        return RouteHost(USE_DNS)
    priority = 0
    if given := _PRIORITY.fullmatch(text):
        text, priority = given[1], int(given[2])
    if text.lower().startswith(SMART_HOST) and priority <= MAX_PRIORITY:
        return SmartRoute(text[len(SMART_HOST) :], priority)
    parts = _HOST_PORT.fullmatch(text)
    if parts is None:
        return RouteFault("not host, host:port or [address]:port")
    port = int(parts[2]) if parts[2] else None
    if port is not None and not 1 <= port <= 65_535:
        return RouteFault("a port is a number from 1 to 65535")
    if priority > MAX_PRIORITY:
        return RouteFault(f"a priority is a number from 0 to {MAX_PRIORITY}")
    host = address_text(parts[1]) or address.parse_domain(parts[1])
    if host is None or host.startswith("["):
        return RouteFault("neither a host name nor an address")
    return RouteHost(host, port, priority)


def smart_destination(name: str) -> str:
    """The destination under which the queue holds mail for a smart host, whatever the routes say.

    No domain holds a colon but an address in brackets, so it is nobody's domain.
    """
    return SMART_HOST + name


def smart_host_of(destination: str) -> str | None:
    """The smart host that such a destination stands for; None: it is a domain."""
    return destination[len(SMART_HOST) :] if destination.startswith(SMART_HOST) else None


class RouteTable:
    """SMTP routes: an exact domain, else the longest ".domain" above it, else "."."""

    __slots__ = ("_default", "_exact", "_suffix")

    def __init__(self, routes: Mapping[str, Iterable[RouteHost]]) -> None:
        self._exact: dict[str, tuple[RouteHost, ...]] = {}
        self._suffix: dict[str, tuple[RouteHost, ...]] = {}
        self._default: tuple[RouteHost, ...] | None = None
        for domain, hosts in routes.items():
            if domain == ".":
                self._default = tuple(hosts)
            elif domain.startswith("."):
                self._suffix[domain[1:]] = tuple(hosts)
            else:
                self._exact[domain] = tuple(hosts)

    def lookup(self, domain: str) -> tuple[RouteHost, ...] | None:
        """The route for a canonical domain; None when DNS decides."""
        found = self._find(domain)
        if not found or found[0].host == USE_DNS:
            return None
        return found

    def fitting(self, domain: str) -> tuple[tuple[str, tuple[RouteHost, ...]], ...]:
        """Every route that fits a domain, as (domain as written, hosts); the first decides."""
        found = [(domain, hosts)] if (hosts := self._exact.get(domain)) else []
        rest = domain.partition(".")[2]
        while rest:
            if hosts := self._suffix.get(rest):
                found.append((f".{rest}", hosts))
            rest = rest.partition(".")[2]
        if self._default:
            found.append((".", self._default))
        return tuple(found)

    def smart_routes(self) -> tuple[tuple[str, str], ...]:
        """(domain as it is written, smart host) of every route that names one."""
        tables = [*self._exact.items()]
        tables += [(f".{domain}", hosts) for domain, hosts in self._suffix.items()]
        tables += [(".", self._default or ())]
        return tuple(
            (domain, host.smart.name)
            for domain, hosts in tables
            for host in hosts
            if host.smart is not None
        )

    def _find(self, domain: str) -> tuple[RouteHost, ...] | None:
        found = self._exact.get(domain)
        if found is not None:
            return found
        if self._suffix:
            rest = domain.partition(".")[2]
            while rest:
                found = self._suffix.get(rest)
                if found is not None:
                    return found
                rest = rest.partition(".")[2]
        return self._default


def address_text(text: str) -> str | None:
    """The address in a host text, without brackets and "IPv6:"; None when it is a name."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if inner[:5].lower() == "ipv6:":
        inner = inner[5:]
    if "%" in inner or (":" not in inner and not inner[-1:].isdigit()):
        return None  # nearly always a name, which costs no exception
    try:
        return str(ipaddress.ip_address(inner))
    except ValueError:
        return None
