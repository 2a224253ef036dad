# SPDX-License-Identifier: Apache-2.0
"""The outcome table of outgoing TLS, cell by cell: what happens, what is said, what is logged.

Rows are what a server does, columns are the levels. The fake server remembers every command that it
heard outside TLS, so "never in clear" is asserted where it matters: at the other end of the wire.
"""

import re
import ssl
from dataclasses import dataclass

import pytest

from gatehouse.journal import facts
from tests.live.gateway import until
from tests.live.house import SENDER, House
from tests.live.servers import Act, Behaviour, FakeServer, Handshake, authority, server_context

LEVELS = ("none", "preferred", "required")
SITUATIONS = {
    "EHLO refused": Behaviour(ehlo=b"500 5.5.1 what?\r\n"),
    "STARTTLS not offered": Behaviour(),
    "STARTTLS hidden": Behaviour(tls=True, offer=False),
    "STARTTLS answered 454": Behaviour(tls=True, starttls=b"454 4.7.0 not now\r\n"),
    "STARTTLS answered 502": Behaviour(tls=True, starttls=b"502 5.5.1 what?\r\n"),
    "STARTTLS answered 500": Behaviour(tls=True, starttls=b"500 5.5.1 what?\r\n"),
    "STARTTLS answered 501": Behaviour(tls=True, starttls=b"501 5.5.4 no\r\n"),
    "STARTTLS answered 504": Behaviour(tls=True, starttls=b"504 5.5.4 no\r\n"),
    "STARTTLS answered 530": Behaviour(tls=True, starttls=b"530 5.7.0 no\r\n"),
    "STARTTLS answered 550": Behaviour(tls=True, starttls=b"550 5.7.1 no\r\n"),
    "STARTTLS answered 354": Behaviour(tls=True, starttls=b"354 do something else\r\n"),
    "STARTTLS answered 250": Behaviour(tls=True, starttls=b"250 \r\n"),
    "STARTTLS answered 221": Behaviour(tls=True, starttls=b"221 2.0.0 bye\r\n"),
    "STARTTLS not answered": Behaviour(tls=True, starttls=Act.CLOSE),
    "STARTTLS answered with RST": Behaviour(tls=True, starttls=Act.RESET),
    "alert": Behaviour(tls=True, handshake=Handshake.ALERT),
    "garbage": Behaviour(tls=True, handshake=Handshake.GARBAGE),
    "handshake reset": Behaviour(tls=True, handshake=Handshake.RESET),
    "handshake closed": Behaviour(tls=True, handshake=Handshake.CLOSE),
    "octets behind the 220": Behaviour(tls=True, behind_220=b"250 ok\r\n"),
    "good TLS": Behaviour(tls=True),
    "TLS 1.2": Behaviour(tls=True, context=server_context(ssl.TLSVersion.TLSv1_2)),
}
AFTER_220 = ("alert", "garbage", "handshake reset", "handshake closed", "octets behind the 220")


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one message to one server."""

    outcome: str  # "clear", "encrypted", "deferred"
    lines: list[str]  # of the first connection, ids and addresses replaced
    server: FakeServer
    mid: int


def attempt(house: House, behaviour: Behaviour, level: str) -> Seen:
    """Send one message and wait for the end of the first attempt."""
    domain, server = house.destination(behaviour, level if level != "none" else "")
    mid = house.send(f"bob@{domain}")
    events = house.gateway.events

    def over() -> list[facts.RecipientsDelivered | facts.RecipientDelayed]:
        return [
            *events.of(facts.RecipientsDelivered, mid=mid),
            *events.of(facts.RecipientDelayed, mid=mid),
        ]

    (end, *_) = until(over, f"an end of the attempt for MID {mid}; heard {server.heard()}")
    opened = events.of(facts.DeliveryConnectionOpened, domain=domain)
    assert opened, f"no connection was made; it ended with {end}"
    first = opened[0].dcid
    gone = f"DCID {first} close"
    if isinstance(end, facts.RecipientDelayed):
        house.gateway.wait_line(gone, dcid=first)
        house.gateway.events.wait(facts.RetryScheduled, mid=mid)
    lines = [
        shape(line, server, domain) for line in house.gateway.lines(dcid=first) if line != gone
    ]
    if isinstance(end, facts.RecipientDelayed):
        return Seen("deferred", lines, server, mid)
    return Seen("encrypted" if end.tls else "clear", lines, server, mid)


def shape(line: str, server: FakeServer, domain: str) -> str:
    line = line.replace(server.address, "SERVER").replace(domain, "DOMAIN")
    return re.sub(r"\b(DCID|MID) \d+", r"\1 N", line)


NEW = "New SMTP DCID N interface 127.0.0.1 address SERVER port 2600"
START = "Delivery start DCID N MID N to RID [0]"
DONE = "Message done DCID N MID N to RID [0]"
REFUSED = "DCID N TLS failed: STARTTLS unexpected response"
REQUIRED = "DCID N IP SERVER TLS was required but could not be successfully negotiated"
DELAYED = (
    f"Delayed: DCID N MID N From: <{SENDER}> To: <bob@DOMAIN> RID 0 - 4.4.0 - "
    "Other network problem ('000', ['TLS required but not available'])"
)
TLS13 = "DCID N TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_level_none_never_asks(house: House, situation: str) -> None:
    seen = attempt(house, SITUATIONS[situation], "none")
    assert seen.outcome == "clear"
    assert seen.server.heard("STARTTLS") == []
    assert seen.lines == [NEW, START, DONE]


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if name not in AFTER_220])
def test_level_preferred_before_the_220(house: House, situation: str) -> None:
    seen = attempt(house, SITUATIONS[situation], "preferred")
    (message,) = seen.server.wait()
    match situation:
        case "good TLS":
            assert seen.outcome == "encrypted"
            assert message.tls
            assert seen.lines == [NEW, TLS13, START, DONE]
        case "TLS 1.2":
            assert seen.outcome == "encrypted"
            assert re.fullmatch(
                r"DCID N TLS success protocol TLSv1\.2 cipher ECDHE-\S+", seen.lines[1]
            )
        case "EHLO refused" | "STARTTLS not offered" | "STARTTLS hidden":
            assert seen.outcome == "clear"
            assert seen.lines == [NEW, START, DONE]
        case "STARTTLS not answered" | "STARTTLS answered with RST":
            assert seen.outcome == "clear"
            assert message.connection == 1, "a new connection, in clear"
            assert seen.server.connections == 2
            assert len(seen.server.heard("STARTTLS")) == 1
        case _:
            assert seen.outcome == "clear"
            assert message.connection == 0, "the same connection goes on"
            assert seen.lines == [NEW, REFUSED, START, DONE]


@pytest.mark.parametrize("level", ["preferred", "required"])
@pytest.mark.parametrize("situation", AFTER_220)
def test_after_the_220_nothing_goes_in_clear(house: House, situation: str, level: str) -> None:
    seen = attempt(house, SITUATIONS[situation], level)
    assert seen.outcome == "deferred"
    assert seen.server.messages == []
    assert not seen.server.spoke_in_clear
    assert START not in seen.lines
    assert seen.server.connections == 1


@pytest.mark.parametrize("situation", SITUATIONS)
def test_level_required_is_never_in_clear(house: House, situation: str) -> None:
    seen = attempt(house, SITUATIONS[situation], "required")
    assert not seen.server.spoke_in_clear
    if situation in ("good TLS", "TLS 1.2"):
        assert seen.outcome == "encrypted"
        (message,) = seen.server.wait()
        assert message.tls
    else:
        assert seen.outcome == "deferred"
        assert seen.server.messages == []
        assert house.gateway.events.of(facts.MessageFinished, mid=seen.mid) == []


@pytest.mark.parametrize("situation", ["EHLO refused", "STARTTLS not offered", "STARTTLS hidden"])
def test_required_without_starttls_is_logged_as_scenario_c(house: House, situation: str) -> None:
    seen = attempt(house, SITUATIONS[situation], "required")
    assert seen.lines == [NEW, REQUIRED, DELAYED]
    (until_line,) = [line for line in house.gateway.lines(mid=seen.mid) if "pending till" in line]
    assert re.fullmatch(
        rf"MID {seen.mid} to RID \[0\] pending till \w{{3}} \w{{3}} [ 1-3]\d "
        r"\d\d:\d\d:\d\d \d{4}",
        until_line,
    )


def test_a_refused_starttls_under_required_is_logged_in_order(house: House) -> None:
    seen = attempt(house, SITUATIONS["STARTTLS answered 454"], "required")
    assert seen.lines == [
        NEW,
        "Connection Error: DCID N domain: DOMAIN IP: SERVER port: 2600 "
        "details: 454-'4.7.0 not now' interface: 127.0.0.1 reason: unexpected SMTP response",
        REFUSED,
        REQUIRED,
        DELAYED,
    ]


def test_a_failed_handshake_is_logged_with_the_library_s_words(house: House) -> None:
    seen = attempt(house, SITUATIONS["alert"], "preferred")
    assert re.fullmatch(
        r"DCID N TLS failed: \(\d+, ['\"]error:[0-9A-F]{8}:SSL routines::.+['\"]\)", seen.lines[1]
    ), seen.lines
    assert seen.lines[2].startswith("Delayed: DCID N MID N ")


def test_a_reset_in_the_handshake_is_logged_as_a_socket_error(house: House) -> None:
    seen = attempt(house, SITUATIONS["handshake reset"], "required")
    assert seen.lines[1] == "DCID N TLS failed: [Errno 104] Connection reset by peer"
    assert seen.lines[2:] == [REQUIRED, DELAYED]


@pytest.mark.parametrize("level", ["preferred", "required"])
def test_the_name_in_the_handshake_is_the_host_s(house: House, level: str) -> None:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("mx.example").configure_cert(context)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    domain, server = house.destination(Behaviour(tls=True, context=context), level)
    house.send(f"bob@{domain}")
    server.wait()
    assert names == [f"mx0.{domain}"]


def test_a_second_connection_resumes_the_session(house: House) -> None:
    domain, server = house.destination(Behaviour(tls=True), "required")
    for count in (1, 2):
        house.send(f"bob@{domain}")
        server.wait(count)
        server.wait_for(lambda: server.open_now == 0, "the connection ends after a moment")
    assert [resumed for _, resumed in server.handshakes] == [False, True]


def test_required_goes_to_the_next_host_that_can(house: House) -> None:
    domain = house.domain("required")
    plain, good = house.serve(Behaviour()), house.serve(Behaviour(tls=True))
    house.zone(domain, (10, plain), (20, good))
    house.send(f"bob@{domain}")
    (message,) = good.wait()
    assert message.tls
    assert not plain.spoke_in_clear


def test_preferred_goes_to_the_next_host_after_a_failed_handshake(house: House) -> None:
    domain = house.domain("preferred")
    bad, good = house.serve(SITUATIONS["alert"]), house.serve(Behaviour(tls=True))
    house.zone(domain, (10, bad), (20, good))
    house.send(f"bob@{domain}")
    (message,) = good.wait()
    assert message.tls
    assert not bad.spoke_in_clear


def test_a_required_message_is_delivered_once_the_server_has_tls(house: House) -> None:
    domain, server = house.destination(Behaviour(), "required")
    mid = house.send(f"bob@{domain}")
    house.gateway.events.wait(facts.RecipientDelayed, mid=mid)
    server.behaviour = Behaviour(tls=True)
    house.gateway.command("queue", "retry", str(mid))
    (message,) = server.wait()
    assert message.tls


def test_what_was_offered_in_clear_is_forgotten_under_tls(house: House) -> None:
    """SIZE, DSN and the rest are read again inside TLS (RFC 3207 §4.2)."""
    domain, server = house.destination(Behaviour(tls=True), "required")
    house.send(f"bob@{domain}")
    server.wait()
    assert len(server.heard("EHLO", tls=False)) == 1
    assert len(server.heard("EHLO", tls=True)) == 1
