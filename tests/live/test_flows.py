# SPDX-License-Identifier: Apache-2.0
"""Mail goes through: in by one door, over disk, out to the right servers, octet for octet."""

import re

import pytest

from gatehouse.journal import facts
from tests.live.clients import RawClient, encryption, transact
from tests.live.house import IMPLICIT, INSIDE, OFF, OPEN, REQUIRED, SENDER, House
from tests.live.servers import FULL, Behaviour

LETTER = (
    b"From: Ann <ann@sender.example>\r\nTo: bob@shop.example\r\nSubject: a letter\r\n"
    b"Message-ID: <1@sender.example>\r\n\r\nHello Bob.\r\n\r\nAnn\r\n"
)
CONTENTS = {
    "a letter": LETTER,
    "no header": b"\r\nonly a body\r\n",
    "no body": b"Subject: only a header\r\n",
    "lines of dots": b"Subject: t\r\n\r\n.\r\n..\r\n...\r\n.x\r\n. \r\n\r\n.\r\n",
    "a dot first of all": b".first\r\nSubject: t\r\n\r\nx\r\n",
    "8-bit": b"Subject: t\r\n\r\n" + bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\n",
    "a long line": b"Subject: t\r\n\r\n" + b"x" * 998 + b"\r\n",
    "blank ends": b"Subject: t\r\n\r\nx \r\n\t\r\n\r\n\r\n\r\n",
    "a From line": b"From a\r\nSubject: t\r\n\r\nFrom b\r\n",
}


def through(house: House, content: bytes, **how: object) -> bytes:
    """What a server gets when a client sends `content`, without our Received field."""
    domain, server = house.destination()
    house.send(f"bob@{domain}", content=content, **how)  # type: ignore[arg-type]
    (message,) = server.wait()
    return message.without_received


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_octets_arrive_unchanged(house: House, content: bytes) -> None:
    assert through(house, content) == content


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_octets_arrive_unchanged_over_tls_on_both_sides(house: House, content: bytes) -> None:
    domain, server = house.destination(Behaviour(tls=True), "required")
    house.send(f"bob@{domain}", content=content, tls=True)
    (message,) = server.wait()
    assert message.without_received == content
    assert message.tls
    assert not server.spoke_in_clear


@pytest.mark.parametrize("size", [1, 4_095, 65_535, 65_536, 65_537, 1_000_000, 5_000_000])
def test_sizes(house: House, size: int) -> None:
    line = b"0123456789" * 7 + b"\r\n"
    content = b"Subject: t\r\n\r\n" + (line * (size // len(line) + 1))[: size - 2] + b"\r\n"
    if content[-3:-2] == b"\r":
        content = content[:-3] + b"x\r\n"
    assert through(house, content) == content


def test_a_large_message_over_tls(house: House) -> None:
    domain, server = house.destination(Behaviour(tls=True), "required")
    content = b"Subject: t\r\n\r\n" + b".0123456789abcdef\r\n" * 200_000
    house.send(f"bob@{domain}", content=content, tls=True)
    (message,) = server.wait()
    assert message.without_received == content


def test_the_received_field_says_how_it_came(house: House) -> None:
    domain, server = house.destination()
    mid = house.send(f"bob@{domain}", tls=True)
    (message,) = server.wait()
    first = message.content.partition(b"Subject:")[0].decode()
    assert first.startswith("Received: from client.example (localhost [127.0.0.1])\r\n")
    assert "by mx.house.example (Gatehouse) with ESMTPS" in first
    assert f"id {mid}\r\n" in first.replace(";", "\r\n") or f"id {mid}" in first
    assert "TLSv1.3" in first
    assert f"for <bob@{domain}>" in first
    assert re.search(r"; \w{3}, {1,2}\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n$", first)


def test_a_received_field_names_no_recipient_when_there_are_several(house: House) -> None:
    domain, server = house.destination()
    house.send(f"bob@{domain}", f"secret@{domain}")
    (message,) = server.wait()
    assert b"secret" not in message.content


@pytest.mark.parametrize("helo", ["a) by evil (", "[1.2.3.4]", "x;y", "a" * 200])
def test_a_helo_cannot_forge_a_received_field(house: House, helo: str) -> None:
    domain, server = house.destination()
    with house.client() as client:
        client.greeted()
        client.send(b"EHLO " + helo.encode() + b"\r\n")
        said = client.reply()
        if said is None or said.code != 250:
            return  # refused outright: nothing can be forged
        transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\nx\r\n.\r\n")
    (message,) = server.wait()
    field = message.content.partition(b"Subject:")[0]
    assert field.count(b"\r\n\tby ") == 1
    assert b"by evil" not in field.replace(b'"', b"").partition(b"(localhost")[0].partition(b")")[2]


def test_recipients_in_several_domains(house: House) -> None:
    places = [house.destination() for _ in range(4)]
    recipients = [f"{user}@{domain}" for domain, _ in places for user in ("a", "b", "c")]
    mid = house.send(*recipients, content=LETTER)
    for domain, server in places:
        (message,) = server.wait()
        assert message.recipients == [f"a@{domain}", f"b@{domain}", f"c@{domain}"]
        assert message.without_received == LETTER
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    delivered = house.gateway.events.of(facts.RecipientsDelivered, mid=mid)
    assert sorted(rid for fact in delivered for rid in fact.rids) == list(range(12))


def test_a_hundred_recipients_of_one_domain(house: House) -> None:
    domain, server = house.destination()
    recipients = [f"user{n}@{domain}" for n in range(100)]
    mid = house.send(*recipients)
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    got = [one for message in server.messages for one in message.recipients]
    assert sorted(got) == sorted(recipients)


def test_transactions_hold_at_most_so_many_recipients(house: House) -> None:
    domain, server = house.destination(group="few")
    mid = house.send(*[f"user{n}@{domain}" for n in range(25)])
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert [len(message.recipients) for message in server.messages] == [10, 10, 5]


def test_domains_are_compared_without_case(house: House) -> None:
    domain, server = house.destination()
    house.send(f"Bob@{domain.upper()}", f"ann@{domain}")
    (message,) = server.wait()
    assert message.recipients == [f"Bob@{domain.upper()}", f"ann@{domain}"]


def test_a_connection_is_used_again(house: House) -> None:
    domain, server = house.destination()
    mids = []
    for _ in range(5):
        mids.append(house.send(f"bob@{domain}"))
        server.wait(len(mids))
    assert server.connections == 1
    dcids = {
        fact.dcid
        for mid in mids
        for fact in [house.gateway.events.wait(facts.RecipientsDelivered, mid=mid)]
    }
    assert len(dcids) == 1
    server.wait_for(lambda: bool(server.heard("QUIT")), "QUIT after a moment without mail")


def test_a_connection_carries_at_most_so_many_messages(house: House) -> None:
    domain, server = house.destination(group="few")
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for _ in range(5):
            transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\nx\r\n.\r\n")
    messages = server.wait(5)
    assert sorted(message.connection for message in messages) == [0, 0, 1, 1, 2]
    assert server.most_open == 1


def test_a_busy_destination_gets_several_connections(house: House) -> None:
    domain, server = house.destination(Behaviour(read_delay=0.02))
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for _ in range(60):
            transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\nx\r\n.\r\n")
    server.wait(60)
    assert server.most_open >= 2


def test_an_idle_connection_that_the_server_closed_costs_nothing(house: House) -> None:
    domain, server = house.destination(Behaviour(hang_up_after="DATA"))
    for number in range(3):
        mid = house.send(f"bob@{domain}")
        server.wait(number + 1)
        house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert server.connections == 3
    assert not [m for m in server.messages if m.recipients == []]


def test_several_messages_in_one_pipelined_burst(house: House) -> None:
    domain, server = house.destination()
    one = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<bob@{domain}>\r\nDATA\r\n".encode()
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for number in range(10):
            client.send(one)
            for code in (250, 250, 354):
                said = client.reply()
                assert said is not None and said.code == code
            # The next transaction's first commands stand in one segment with this one's end.
            client.send(b"Subject: %d\r\n\r\nx\r\n.\r\nNOOP\r\n" % number)
            for _ in range(2):
                said = client.reply()
                assert said is not None and said.code == 250
    messages = server.wait(10)
    assert sorted(m.without_received[9:10] for m in messages) == [b"%d" % n for n in range(10)]


def test_bdat_goes_in_and_comes_out_as_data(house: House) -> None:
    domain, server = house.destination()
    content = b"Subject: t\r\n\r\n.\r\n..x\r\n.\r\nend\r\n"
    with house.client() as client:
        client.greeted()
        assert "CHUNKING" in client.expect("EHLO c", 250).lines
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        client.expect(f"RCPT TO:<bob@{domain}>", 250)
        client.send(b"BDAT 15\r\n" + content[:15])
        said = client.reply()
        assert said is not None and said.code == 250
        client.send(b"BDAT %d LAST\r\n" % (len(content) - 15) + content[15:])
        said = client.reply()
        assert said is not None and said.code == 250
    (message,) = server.wait()
    assert message.without_received == content


def test_implicit_tls(house: House) -> None:
    domain, server = house.destination()
    with RawClient(house.address, IMPLICIT, context=encryption()) as client:
        client.greeted()
        assert "STARTTLS" not in client.expect("EHLO c", 250).lines
        transact(client, SENDER, [f"bob@{domain}"], LETTER + b".\r\n")
    (message,) = server.wait()
    assert message.without_received == LETTER
    assert b"ESMTPS" in message.content


@pytest.mark.parametrize("port", [OPEN, OFF, INSIDE])
def test_every_clear_door_takes_mail(house: House, port: int) -> None:
    domain, server = house.destination()
    house.send(f"bob@{domain}", port=port)
    assert server.wait()


@pytest.mark.parametrize("port", [OPEN, REQUIRED, INSIDE])
def test_every_door_with_tls_takes_mail_over_it(house: House, port: int) -> None:
    domain, server = house.destination()
    house.send(f"bob@{domain}", port=port, tls=True)
    assert server.wait()


def test_the_null_sender_passes(house: House) -> None:
    domain, server = house.destination()
    house.send(f"bob@{domain}", sender="")
    (message,) = server.wait()
    assert message.sender == ""


def test_dsn_parameters_pass_to_a_server_that_knows_them(house: House) -> None:
    domain, server = house.destination()
    house.send(
        f"bob@{domain}",
        mail=("RET=HDRS", "ENVID=a+2Bb"),
        rcpt=("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;other+40x@here.example"),
    )
    (message,) = server.wait()
    assert "RET=HDRS" in message.parameters
    assert "ENVID=a+2Bb" in message.parameters
    (parameters,) = message.recipient_parameters
    assert "ORCPT=rfc822;other+40x@here.example" in parameters or (
        "ORCPT=rfc822;other@x@here.example" in parameters
    )
    assert re.search(r"NOTIFY=(FAILURE,DELAY|DELAY,FAILURE)", parameters)


def test_dsn_parameters_are_left_out_where_the_server_knows_none(house: House) -> None:
    without = tuple(word for word in FULL if word != "DSN")
    domain, server = house.destination(Behaviour(capabilities=without))
    house.send(f"bob@{domain}", mail=("RET=HDRS", "ENVID=x"), rcpt=("NOTIFY=FAILURE",))
    (message,) = server.wait()
    assert not re.search("RET|ENVID", message.parameters)
    assert message.recipient_parameters == [""]


def test_an_internationalised_address_passes(house: House) -> None:
    domain, server = house.destination()
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        text = f"bücher@{domain}"
        transact(client, SENDER, [text], b"Subject: \xc3\xbc\r\n\r\nx\r\n.\r\n", " SMTPUTF8")
    (message,) = server.wait()
    assert message.recipients == [f"bücher@{domain}"]
    assert "SMTPUTF8" in message.parameters


def test_eight_bit_content_is_announced(house: House) -> None:
    domain, server = house.destination()
    house.send(f"bob@{domain}", content=b"Subject: t\r\n\r\n\xe4\r\n", mail=("BODY=8BITMIME",))
    (message,) = server.wait()
    assert "BODY=8BITMIME" in message.parameters


def test_a_server_without_pipelining_hears_one_command_at_a_time(house: House) -> None:
    domain, server = house.destination(Behaviour(capabilities=(), trickle=0.001))
    house.send(f"bob@{domain}", f"ann@{domain}")
    (message,) = server.wait()
    assert message.recipients == [f"bob@{domain}", f"ann@{domain}"]
    assert message.parameters == ""


def test_postmaster_without_a_domain_is_ours(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        said = client.say("RCPT TO:<Postmaster>")
        assert said is not None and said.code == 250


def test_nothing_is_left_in_the_queue_or_on_the_line(house: House) -> None:
    domain, server = house.destination()
    mid = house.send(f"bob@{domain}")
    server.wait()
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    dcid = house.gateway.events.wait(facts.RecipientsDelivered, mid=mid).dcid
    house.gateway.wait_line(f"DCID {dcid} close", dcid=dcid)
    server.wait_for(lambda: server.open_now == 0, "no connection stays open")
