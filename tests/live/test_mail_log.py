# SPDX-License-Identifier: Apache-2.0
"""The mail log of real mail, line by line: the scenarios of the grammar, order, and no forgery."""

import re
import struct

from gatehouse.journal import facts
from tests.live.clients import RawClient, transact
from tests.live.house import DELAYED, OPEN, REQUIRED, SENDER, House
from tests.live.servers import Behaviour

CONNECT = "reverse dns host localhost verified yes"


def icid_of(house: House, client: RawClient) -> int:
    return house.gateway.events.opened(client.port, client.since).icid


def test_scenario_a_tls_in_and_tls_out(house: House) -> None:
    domain, server = house.destination(Behaviour(tls=True), "required")
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.starttls()
        client.expect("EHLO c", 250)
        wire = b"Message-ID: <77@bank.example>\r\nSubject: It's \\ May\r\n\r\nx\r\n.\r\n"
        mid = transact(client, SENDER, [f"bob@{domain}"], wire)
        icid = icid_of(house, client)
        client.expect("QUIT", 221)
    size = len(wire) - 3
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    lines = house.gateway.wait_line(f"ICID {icid} close", icid=icid)
    assert lines == [
        f"New SMTP ICID {icid} interface Net ({house.address}) address 127.0.0.1 {CONNECT}",
        f"ICID {icid} ACCEPT SG None match ALL SBRS None",
        f"ICID {icid} TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384",
        f"Start MID {mid} ICID {icid}",
        f"MID {mid} ICID {icid} From: <{SENDER}>",
        f"MID {mid} ICID {icid} RID 0 To: <bob@{domain}>",
        f"ICID {icid} close",
    ]
    dcid = house.gateway.events.wait(facts.RecipientsDelivered, mid=mid).dcid
    assert house.gateway.lines(mid=mid)[3:] == [
        f"MID {mid} Message-ID '<77@bank.example>'",
        f"MID {mid} Subject 'It\\'s \\\\ May'",
        f"MID {mid} ready {size} bytes from <{SENDER}>",
        f"MID {mid} matched all recipients for per-recipient policy DEFAULT in the inbound table",
        f"MID {mid} queued for delivery",
        f"Delivery start DCID {dcid} MID {mid} to RID [0]",
        f"Message done DCID {dcid} MID {mid} to RID [0]",
        f"MID {mid} RID [0] Response '2.0.0 ok queued as SINK'",
        f"Message finished MID {mid} done",
    ]
    assert house.gateway.wait_line(f"DCID {dcid} close", dcid=dcid) == [
        f"New SMTP DCID {dcid} interface 127.0.0.1 address {server.address} port 2600",
        f"DCID {dcid} TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384",
        f"Delivery start DCID {dcid} MID {mid} to RID [0]",
        f"Message done DCID {dcid} MID {mid} to RID [0]",
        f"DCID {dcid} close",
    ]


def test_scenario_b_a_client_that_ignores_required(house: House) -> None:
    with house.client(REQUIRED) as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}>", 530)
        icid = icid_of(house, client)
        client.expect("QUIT", 221)
    assert house.gateway.wait_line(f"ICID {icid} close", icid=icid) == [
        f"New SMTP ICID {icid} interface Net ({house.address}) address 127.0.0.1 {CONNECT}",
        f"ICID {icid} ACCEPT SG PARTNERS match ALL SBRS None",
        f"ICID {icid} TLS was required but remote host did not initiate it",
        f"ICID {icid} close",
    ]


def test_a_rejected_client(house: House) -> None:
    with RawClient(house.address, OPEN, source=house.rejected) as client:
        client.greeted(554)
        icid = icid_of(house, client)
        client.expect("QUIT", 221)
    assert house.gateway.wait_line(f"ICID {icid} close", icid=icid)[1] == (
        f"ICID {icid} REJECT SG REJECTED match {house.rejected} SBRS None"
    )


def test_a_tcp_refused_client_has_icid_0(house: House) -> None:
    with RawClient(house.address, OPEN, source=house.tcp_refused) as client:
        assert client.closed()
    line = f"ICID 0 TCPREFUSE SG REFUSED match {house.tcp_refused} SBRS None"
    assert line in house.gateway.wait_line(line, icid=0)


def test_a_delayed_rejection_names_sender_and_recipient(house: House) -> None:
    with house.client(DELAYED) as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect("MAIL FROM:<spam@noise.example>", 250)
        client.expect("RCPT TO:<bob@shop.example>", 554)
        icid = icid_of(house, client)
        client.expect("QUIT", 221)
    assert house.gateway.wait_line(f"ICID {icid} close", icid=icid)[1:] == [
        f"ICID {icid} REJECT SG BLOCKED_LIST match ALL SBRS None",
        f"ICID {icid} Delayed HAT REJECT continuing session for recipient logging (127.0.0.1)",
        f"ICID {icid} Delayed HAT REJECT Message from: spam@noise.example (127.0.0.1)",
        f"ICID {icid} Delayed HAT REJECT Message recipient: <bob@shop.example> (127.0.0.1)",
        f"ICID {icid} close",
    ]


def test_refusals_are_logged(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        client.expect("RCPT TO:<bob@other.test>", 550)
        client.expect("GIBBERISH a\x01b", 500)
        icid = icid_of(house, client)
    mid = house.gateway.events.wait(facts.MessageStarted, icid=icid).mid
    lines = house.gateway.wait_line(f"ICID {icid} close", icid=icid)
    assert f"MID {mid} ICID {icid} To: <bob@other.test> Rejected by RAT" in lines
    assert [line for line in lines if line.startswith(f"ICID {icid} Unknown command: GIBB")]
    assert f"ICID {icid} lost" in lines
    assert f"Message aborted MID {mid} Receiving aborted" in house.gateway.lines(mid=mid)


def test_a_failed_inbound_handshake(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect("STARTTLS", 220)
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        client.rest()
        icid = icid_of(house, client)
    lines = house.gateway.wait_line(f"ICID {icid} close", icid=icid)
    assert re.fullmatch(
        rf"ICID {icid} TLS failed: \(\d+, 'error:[0-9A-F]{{8}}:SSL routines::.+'\)", lines[2]
    )
    assert lines[3:] == [f"ICID {icid} lost", f"ICID {icid} close"]


def test_a_client_that_leaves_before_any_command(house: House) -> None:
    client = house.client()
    client.greeted()
    icid = icid_of(house, client)
    client.close()
    lines = house.gateway.wait_line(f"ICID {icid} close", icid=icid)
    assert re.fullmatch(
        rf"ICID {icid} Connection from 127\.0\.0\.1 on interface Net \({house.address}\) lost "
        r"after \d+ seconds \(DNS query took 0 seconds\), before any commands were received",
        lines[2],
    )
    assert lines[3] == f"ICID {icid} lost"


def test_a_reused_connection_has_one_tls_line(house: House) -> None:
    domain, server = house.destination(Behaviour(tls=True), "required")
    for count in (1, 2):
        mid = house.send(f"bob@{domain}")
        server.wait(count)
    dcid = house.gateway.events.wait(facts.RecipientsDelivered, mid=mid).dcid
    lines = house.gateway.wait_line(f"DCID {dcid} close", dcid=dcid)
    assert sum("TLS success" in line for line in lines) == 1
    assert sum(line.startswith("Delivery start") for line in lines) == 2


def test_words_from_outside_cannot_forge_a_line(house: House) -> None:
    domain, server = house.destination()
    subject = "=?utf-8?q?a=0D=0AMessage_finished_MID_1_done=E2=80=AE?="
    with house.client() as client:
        client.greeted()
        client.say(b"EHLO x\x1b]0;y")
        client.expect("EHLO c", 250)
        client.say('MAIL FROM:<"a\tb"@evil.example>')
        client.expect("RSET", 250)
        wire = f"Subject: {subject}\r\n\r\nx\r\n.\r\n".encode()
        mid = transact(client, SENDER, [f"bob@{domain}"], wire)
    server.wait()
    (line,) = [text for text in house.gateway.lines(mid=mid) if " Subject " in text]
    assert line.startswith(f"MID {mid} Subject 'a")
    raw = house.gateway.mail_log.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw)
    assert "\u202e" not in raw.decode()


def test_a_reset_connection_is_lost(house: House) -> None:
    client = house.client()
    client.greeted()
    client.expect("EHLO c", 250)
    icid = icid_of(house, client)
    client.sock.setsockopt(1, 13, struct.pack("ii", 1, 0))
    client.close()
    lines = house.gateway.wait_line(f"ICID {icid} close", icid=icid)
    assert lines[-2:] == [f"ICID {icid} lost", f"ICID {icid} close"]


def test_the_file_begins_as_readers_want_it(house: House) -> None:
    first, second, third = house.gateway.mail_log.read_text().split("\n")[:3]
    stamp = r"\w{3} \w{3} [ 1-3]\d \d\d:\d\d:\d\d \d{4}"
    assert re.fullmatch(rf"{stamp} Info: Begin Logfile", first)
    assert re.fullmatch(rf"{stamp} Info: Version: \S+ SN: [0-9A-F]{{12}}-[0-9A-Z]{{7}}", second)
    assert re.fullmatch(rf"{stamp} Info: Time offset from UTC: -?\d+ seconds", third)


def test_stamps_never_go_backwards(house: House) -> None:
    ats = [fact.at for fact in house.gateway.events.all()]
    stamp = re.compile(r"^\w{3} \w{3} [ \d]\d (\d\d:\d\d:\d\d)", re.MULTILINE)
    seconds = stamp.findall(house.gateway.mail_log.read_text())
    assert len(ats) > 10
    assert seconds == sorted(seconds) or seconds[0] > seconds[-1]  # or midnight has passed
