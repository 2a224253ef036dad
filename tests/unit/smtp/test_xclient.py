# SPDX-License-Identifier: Apache-2.0
"""XCLIENT: read strictly, served where it was announced, and it never makes anybody a user."""

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server_states import State
from gatehouse.smtp.xclient import ATTRIBUTES, ClientAttributes, Unavailable, parse_xclient
from tests.unit.smtp.server_wire import Server

GOOD = [
    (b"ADDR=192.0.2.9", ClientAttributes(address="192.0.2.9")),
    (b"addr=192.0.2.9 Port=25", ClientAttributes(address="192.0.2.9", port=25)),
    (b"ADDR=IPV6:2001:DB8::1", ClientAttributes(address="2001:db8::1")),
    (b"ADDR=ipv6:::ffff:192.0.2.9", ClientAttributes(address="192.0.2.9")),
    (b"ADDR=[UNAVAILABLE]", ClientAttributes(address=Unavailable.FOR_GOOD)),
    (b"NAME=MX.Partner.Example", ClientAttributes(name="mx.partner.example")),
    (b"NAME=[unavailable]", ClientAttributes(name=Unavailable.FOR_GOOD)),
    (b"NAME=[TEMPUNAVAIL]", ClientAttributes(name=Unavailable.FOR_NOW)),
    (b"PORT=0", ClientAttributes(port=0)),
    (b"PORT=65535 DESTPORT=25", ClientAttributes(port=65535, local_port=25)),
    (b"PROTO=esmtp", ClientAttributes(extended=True)),
    (b"PROTO=SMTP", ClientAttributes(extended=False)),
    (b"HELO=[192.0.2.9]", ClientAttributes(helo="[192.0.2.9]")),
    (b"HELO=a+2Db", ClientAttributes(helo="a-b")),
    (b"DESTADDR=198.51.100.1", ClientAttributes(local_address="198.51.100.1")),
    (b"LOGIN=admin", ClientAttributes()),
    (b"PORT=+32+35", ClientAttributes(port=25)),
]
BAD = [
    (b"", "nothing is said"),
    (b" ADDR=192.0.2.9", "two blanks"),
    (b"ADDR", "no value"),
    (b"ADDR=", "an empty value"),
    (b"ADDR=192.0.2.9 ADDR=192.0.2.8", "the same name twice"),
    (b"ADDR=192.0.2.9 addr=192.0.2.8", "the same name twice, written differently"),
    (b"ADDR=192.0.2", "a partial address"),
    (b"ADDR=192.0.2.09", "a leading zero, which others read as octal"),
    (b"ADDR=[192.0.2.9]", "brackets"),
    (b"ADDR=2001:db8::1", "IPv6 without its prefix"),
    (b"ADDR=IPV6:fe80::1%eth0", "a zone"),
    (b"ADDR=IPV6:192.0.2.9", "IPv4 behind the prefix of IPv6"),
    (b"NAME=[192.0.2.9]", "a literal is no host name"),
    (b"NAME=mx.partner.example+0D+0AQUIT", "a line end in xtext"),
    (b"NAME=mx.partner.example+00", "NUL in xtext"),
    (b"NAME=-x-", "no host name"),
    (b"HELO=two+20words", "a blank in a greeting name"),
    (b"HELO=" + b"x" * 256, "too long"),
    (b"PORT=-1", "a negative port"),
    (b"PORT=65536", "a port that does not exist"),
    (b"PROTO=LMTP", "a protocol that is not named"),
    (b"IDENT=x", "an attribute of XFORWARD"),
    (b"NAME=x+2", "broken xtext"),
]


@pytest.mark.parametrize(("argument", "said"), GOOD, ids=lambda case: repr(case)[:40])
def test_what_is_well_written_is_read(argument: bytes, said: ClientAttributes) -> None:
    assert parse_xclient(argument) == said


@pytest.mark.parametrize(("argument", "why"), BAD, ids=lambda case: repr(case)[:40])
def test_what_is_not_is_refused_whole(argument: bytes, why: str) -> None:
    assert parse_xclient(argument) is None, why


@given(st.binary(max_size=80) | st.text("ADRNMEPOTHLX=+[]. :0123456789abcdef", max_size=80))
@example("ADDR=IPV6:")
@example("PORT=²")
def test_nothing_raises_and_what_is_read_is_clean(argument: bytes | str) -> None:
    raw = argument if isinstance(argument, bytes) else argument.encode()
    said = parse_xclient(raw)
    if said is None:
        return
    for text in (said.name, said.helo):
        assert not isinstance(text, str) or (text.isascii() and text.isprintable())
    for address in (said.address, said.local_address):
        if isinstance(address, str):
            ipaddress.ip_address(address)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_and_port_comes_through(address: object, port: int) -> None:
    written = f"IPV6:{address}" if ":" in str(address) else str(address)
    said = parse_xclient(f"ADDR={written} PORT={port}".encode())
    assert said is not None
    mapped = getattr(address, "ipv4_mapped", None)
    assert said.address == str(mapped or address)
    assert said.port == port


def test_a_second_command_adds_to_the_first_and_takes_nothing_away() -> None:
    first = ClientAttributes(address="192.0.2.9", name="old.example", port=1)
    second = ClientAttributes(name=Unavailable.FOR_GOOD, helo="x")
    assert second.after(first) == ClientAttributes(
        address="192.0.2.9", name=Unavailable.FOR_GOOD, port=1, helo="x"
    )


def test_it_is_announced_only_where_it_is_offered() -> None:
    assert b"XCLIENT" not in Server().send(b"EHLO x\r\n").wire
    offered = Server(offer_xclient=True).send(b"EHLO x\r\n").wire
    assert b" ".join([b"XCLIENT", *(name.encode() for name in ATTRIBUTES)]) + b"\r\n" in offered


def test_where_it_is_not_offered_it_does_not_exist() -> None:
    server = Server().send(b"EHLO x\r\nXCLIENT ADDR=192.0.2.9\r\n")
    assert server.codes()[-1] == b"502"
    assert not server.named(events.XClient)
    assert server.engine.state is State.READY


def test_the_answer_is_the_greeting_and_the_session_begins_anew() -> None:
    server = Server(offer_xclient=True)
    server.send(b"EHLO proxy\r\nXCLIENT ADDR=192.0.2.9 NAME=mx.partner.example\r\n")
    (event,) = server.named(events.XClient)
    assert event.attributes.address == "192.0.2.9"
    assert server.wire.endswith(b"220 mx.example.com ESMTP\r\n")
    assert server.engine.state is State.GREETED
    server.send(b"MAIL FROM:<a@example.org>\r\n")
    assert server.codes()[-1] == b"503"


def test_a_client_that_is_not_welcome_is_turned_away_as_at_a_greeting() -> None:
    server = Server(offer_xclient=True)
    server.answers = lambda event: Reply(554, "5.7.1", ("Access denied",))
    server.send(b"XCLIENT ADDR=192.0.2.9\r\nEHLO x\r\n")
    assert server.codes() == [b"554", b"503"]
    assert server.engine.state is State.TURNED_AWAY


def test_whoever_was_authenticated_is_not_any_more() -> None:
    server = Server(offer_xclient=True, auth_mechanisms=("PLAIN",), auth_needs_tls=False)
    server.send(b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n")
    before = server.engine.authenticated
    server.send(b"XCLIENT ADDR=192.0.2.9 LOGIN=admin\r\n")
    assert (before, server.engine.authenticated) == (True, False)
    assert server.codes()[-1] == b"220"


def test_it_is_no_way_round_required_tls() -> None:
    server = Server(offer_xclient=True, require_tls=True)
    server.send(b"EHLO x\r\nXCLIENT ADDR=192.0.2.9\r\n")
    assert server.codes()[-1] == b"530"
    assert not server.named(events.XClient)


def test_within_a_transaction_it_is_out_of_place() -> None:
    server = Server(offer_xclient=True)
    server.send(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nXCLIENT ADDR=192.0.2.9\r\n")
    assert server.codes()[-1] == b"503"


def test_what_is_pipelined_behind_it_waits_for_its_answer() -> None:
    server = Server(offer_xclient=True)
    server.send(b"XCLIENT ADDR=192.0.2.9\r\nEHLO a\r\nXCLIENT HELO=b\r\n")
    assert server.codes() == [b"220", b"250", b"220"]


def test_repeating_it_without_end_is_no_use() -> None:
    server = Server(offer_xclient=True, max_junk_commands=5)
    server.send(b"XCLIENT ADDR=192.0.2.9\r\n" * 6)
    assert server.codes()[-1] == b"421"
    assert server.engine.closing
