# SPDX-License-Identifier: Apache-2.0
"""A DNS server of the tests' own, on a loopback address, whose zones the tests write as they go.

It answers over UDP and TCP (RFC 1035), and misbehaves as told: a name can be missing, fail, be
silent, or be answered with nonsense. What it does not know does not exist (NXDOMAIN).
"""

import enum
import socket
import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.patience import PATIENCE

PORT = 5300  # unprivileged; each server has an address of its own
TTL = 1


class Trouble(enum.Enum):
    """What a name can do other than answer."""

    NXDOMAIN = enum.auto()  # there is no such name
    SERVFAIL = enum.auto()  # the server cannot say
    REFUSED = enum.auto()  # the server will not say
    SILENCE = enum.auto()  # no answer at all
    NONSENSE = enum.auto()  # octets that are no DNS message
    EMPTY = enum.auto()  # the name exists and has nothing of the type
    TRUNCATED = enum.auto()  # over UDP only a hint to ask over TCP


Records = Mapping[str, Sequence[str] | Trouble]  # type → record texts, or what happens instead


class DnsServer:
    """Serves a dictionary of names. `names` may be changed while it runs."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.names: dict[str, Records | Trouble] = {}
        self.asked: list[tuple[str, str]] = []  # (name, type), in order
        owner = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                answer = owner.answer(data, tcp=False)
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(PATIENCE)
                try:
                    (length,) = struct.unpack("!H", _exactly(self.request, 2))
                    answer = owner.answer(_exactly(self.request, length), tcp=True)
                    if answer is not None:
                        self.request.sendall(struct.pack("!H", len(answer)) + answer)
                except (OSError, EOFError):
                    pass

        where = (address, PORT)
        self._servers: list[Any] = [_UdpServer(where, Udp), _TcpServer(where, Tcp)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        """As the configuration names it."""
        return f"{self.address}:{PORT}"

    def add(self, name: str, records: Records | Trouble) -> None:
        """Make or replace a name."""
        self.names[name.lower().rstrip(".")] = records

    def host(self, name: str, *addresses: str) -> str:
        """A name with addresses; the name."""
        self.add(name, {"A": addresses})
        return name

    def answer(self, data: bytes, *, tcp: bool) -> bytes | None:
        """The wire form of the answer to a wire question; None is silence."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, rdtype))
        known = self.names.get(name, Trouble.NXDOMAIN)
        if isinstance(known, Trouble):
            return _reply(query, known, tcp=tcp)
        if "CNAME" in known:
            return self._alias(query, known, rdtype).to_wire(max_size=65535)
        return _reply(query, known.get(rdtype, Trouble.EMPTY), tcp=tcp)

    def _alias(
        self, query: dns.message.Message, records: Records, rdtype: str
    ) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        owner = query.question[0].name
        targets = records["CNAME"]
        assert not isinstance(targets, Trouble)
        reply.answer.append(dns.rrset.from_text(owner, TTL, "IN", "CNAME", targets[0]))
        behind = self.names.get(targets[0].lower().rstrip("."), Trouble.NXDOMAIN)
        if isinstance(behind, Trouble):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            texts = behind.get(rdtype)
            if texts is not None and not isinstance(texts, Trouble):
                reply.answer.append(dns.rrset.from_text(targets[0], TTL, "IN", rdtype, *texts))
        return reply

    def close(self) -> None:
        """Stop answering."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _reply(
    query: dns.message.Message, found: Sequence[str] | Trouble, *, tcp: bool
) -> bytes | None:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    question = query.question[0]
    match found:
        case Trouble.SILENCE:
            return None
        case Trouble.NONSENSE:
            return b"\x00\x01nonsense"
        case Trouble.NXDOMAIN:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        case Trouble.SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        case Trouble.REFUSED:
            reply.set_rcode(dns.rcode.REFUSED)
        case Trouble.TRUNCATED:
            reply.flags |= dns.flags.TC
        case Trouble.EMPTY:
            pass
        case texts:
            rdtype = dns.rdatatype.to_text(question.rdtype)
            reply.answer.append(dns.rrset.from_text(question.name, TTL, "IN", rdtype, *texts))
    wire = reply.to_wire(max_size=65535)
    if not tcp and len(wire) > 1232:  # the size that resolvers ask for (DNS flag day 2020)
        short = dns.message.make_response(query)
        short.flags |= dns.flags.TC | dns.flags.RA
        return short.to_wire()
    return wire


def _exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
