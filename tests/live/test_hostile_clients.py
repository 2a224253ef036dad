# SPDX-License-Identifier: Apache-2.0
"""Clients that smuggle, inject, stammer, flood and hang: what they hear, and that nobody else does.

The oracle throughout: the gateway lives, no reply is owed to what was smuggled, and exactly the
stated number of messages comes out at the other end (hostile-input 6.1 to 6.7, 6.12).
"""

import concurrent.futures
import itertools
import os
import random
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from gatehouse.journal import facts
from tests.live.clients import RawClient, encryption, transact
from tests.live.gateway import until
from tests.live.house import OPEN, QUICK, REQUIRED, SENDER, House, open_house_in
from tests.live.servers import Behaviour, FakeServer

SEQUENCES = [
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
    b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n",
    b"\n\r\n.\n", b"\r\n.\n\r\n", b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n",
    b"\r\n\xef\xbb\xbf.\r\n",
]  # fmt: skip
IMPURE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\x00")


@pytest.fixture(scope="module")
def sink(house: House) -> tuple[str, FakeServer]:
    """One destination for everything that gets through."""
    return house.destination()


def works(house: House) -> None:
    """An honest client is served at once."""
    domain, server = house.destination()
    house.send(f"bob@{domain}")
    assert server.wait()


def into_data(client: RawClient, domain: str) -> None:
    client.expect(f"MAIL FROM:<{SENDER}>", 250)
    client.expect(f"RCPT TO:<bob@{domain}>", 250)
    client.expect("DATA", 354)


@pytest.mark.parametrize("how", ["one segment", "in pieces", "tls"])
@pytest.mark.parametrize("sequence", SEQUENCES, ids=repr)
def test_smuggling(house: House, sequence: bytes, how: str) -> None:
    domain, server = house.destination()
    content = b"Subject: t\r\n\r\nAAA" + sequence
    smuggled = (
        b"MAIL FROM:<smuggled@evil.example>\r\nRCPT TO:<victim@%s>\r\nDATA\r\n"
        b"Subject: smuggled\r\n\r\nx\r\n.\r\n" % domain.encode()
    )
    replies = []
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        if how == "tls":
            client.starttls()
            client.expect("EHLO c", 250)
        into_data(client, domain)
        pieces = (
            [content + smuggled]
            if how != "in pieces"
            else [content[:-1], content[-1:], smuggled[:30], smuggled[30:]]
        )
        for piece in pieces:
            client.send(piece)
        client.send(b"QUIT\r\n")
        while (said := client.reply()) is not None:
            replies.append(said.code)
    # One reply to the one end of data, and one to QUIT unless we closed.
    assert replies in ([250, 221], [550], [550, 221], [521], [554], [554, 221]), replies
    started = [f for f in house.gateway.events.of(facts.MessageStarted) if "smuggled" in f.sender]
    assert started == []
    if replies[0] == 250:
        (message,) = server.wait()
        assert not IMPURE.search(message.wire)
        assert message.sender == SENDER
        assert b"smuggled" in message.content
    assert len(server.messages) == (replies[0] == 250)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5])
def test_the_true_end_of_data_may_be_cut_anywhere(house: House, cut: int) -> None:
    domain, server = house.destination()
    end = b"\r\n.\r\n"
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.starttls()
        client.expect("EHLO c", 250)
        into_data(client, domain)
        client.send(b"Subject: t\r\n\r\nx" + end[:cut])
        if cut < 5:
            assert client.pending() == b""
            client.send(end[cut:])
        said = client.reply()
        assert said is not None and said.code == 250
    (message,) = server.wait()
    assert message.without_received == b"Subject: t\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<a@evil.example>\nRCPT TO:<victim@evil.example>\r\n",
        b"NOOP\rMAIL FROM:<a@evil.example>\r\n",
        b"EHLO a\x00b\r\n",
        b"EHLO x\r\r\n",
    ],
    ids=repr,
)
def test_one_command_line_is_never_two_commands(house: House, line: bytes) -> None:
    with house.client() as client:
        client.greeted()
        client.send(line)
        said = client.reply()
        assert said is not None and 500 <= said.code < 600
        assert client.pending() == b""


# --- STARTTLS ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behind",
    [
        b"RSET\r\n",
        b"EHLO commandinjectiontester\r\n",
        b"MAIL FROM:<a@evil.example>\r\nRCPT TO:<b@evil.example>\r\nDATA\r\n",
        b"\r\n",
        b"X",
    ],
    ids=repr,
)
def test_octets_behind_starttls_end_the_connection(house: House, behind: bytes) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.send(b"STARTTLS\r\n" + behind)
        said = client.reply()
        assert said is None or said.code in (421, 501, 503, 554), said
        assert client.closed()
    assert not [f for f in house.gateway.events.of(facts.MessageStarted) if "evil" in f.sender]


def test_the_state_before_tls_is_forgotten(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.starttls()
        client.expect(f"MAIL FROM:<{SENDER}>", 503)
        client.expect("EHLO c", 250)
        client.expect("STARTTLS", 503)
        client.expect(f"MAIL FROM:<{SENDER}>", 250)


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"EHLO x\r\n", b"\x00" * 300])
def test_no_clear_text_goes_on_after_the_220(house: House, octets: bytes) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect("STARTTLS", 220)
        client.send(octets)
        rest = client.rest()
        assert not re.search(rb"(?m)^[2-5][0-9][0-9][ -]", rest), rest


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [513, 1_000, 4_096, 65_537, 1_000_000])
@pytest.mark.parametrize("verb", [b"NOOP", b"EHLO", b"MAIL FROM:<a@b.example>"])
def test_a_line_too_long_is_refused_and_life_goes_on(
    house: House, verb: bytes, length: int
) -> None:
    with house.client() as client:
        client.greeted()
        client.send(verb + b" " + b"x" * length + b"\r\n")
        said = client.reply()
        assert said is not None and 500 <= said.code < 600
        assert client.say("NOOP") is not None


@pytest.mark.parametrize("where", ["command", "data", "header"])
def test_a_line_that_never_ends_grows_nothing(house: House, where: str) -> None:
    domain, _ = house.destination()
    before = sum(memory(pid) for pid in house.gateway.processes("receiver"))
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        if where != "command":
            into_data(client, domain)
        if where == "data":
            client.send(b"Subject: t\r\n\r\n")
        for _ in range(30):
            client.send(b"x" * 1_000_000)
        grown = sum(memory(pid) for pid in house.gateway.processes("receiver")) - before
        assert grown < 24 * 1024 * 1024
        works(house)


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_message_larger_than_allowed_is_refused_at_its_end(house: House) -> None:
    domain, server = house.destination()
    with RawClient(house.address, OPEN, source=house.small) as client:
        client.greeted()
        assert "SIZE 10000" in client.expect("EHLO c", 250).lines
        client.expect(f"MAIL FROM:<{SENDER}> SIZE=10001", 552)
        into_data(client, domain)
        client.send(b"Subject: t\r\n\r\n" + b"0123456789abcdef\r\n" * 600 + b".\r\n")
        said = client.reply()
        assert said is not None and said.code == 552
        # The connection lives on.
        transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\nx\r\n.\r\n")
    assert len(server.wait()) == 1


@pytest.mark.parametrize(("size", "code"), [(9_999, 250), (10_000, 250), (10_001, 552)])
def test_the_size_limit_is_exact(house: House, size: int, code: int) -> None:
    domain, _ = house.destination()
    with RawClient(house.address, OPEN, source=house.small) as client:
        client.greeted()
        client.expect("EHLO c", 250)
        into_data(client, domain)
        head = b"Subject: t\r\n\r\n"
        lines, rest = divmod(size - len(head), 100)
        body = (b"y" * 98 + b"\r\n") * (lines - 1) + b"z" * (98 + rest) + b"\r\n"
        client.send(head + body + b".\r\n")
        said = client.reply()
        assert said is not None and said.code == code


def test_too_many_recipients_leave_the_transaction_whole(house: House) -> None:
    domain, server = house.destination()
    with RawClient(house.address, OPEN, source=house.small) as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        for n in range(3):
            client.expect(f"RCPT TO:<user{n}@{domain}>", 250)
        for n in range(3, 6):
            client.expect(f"RCPT TO:<user{n}@{domain}>", 452)
        client.expect("DATA", 354)
        client.expect("Subject: t\r\n\r\n.", 250)
    (message,) = server.wait()
    assert message.recipients == [f"user{n}@{domain}" for n in range(3)]


def test_messages_per_connection(house: House) -> None:
    domain, _ = house.destination()
    with RawClient(house.address, OPEN, source=house.small) as client:
        said = client.greeted()
        assert said.text == f"mx.house.example ESMTP for {house.small} in SMALL"
        client.expect("EHLO c", 250)
        for _ in range(2):
            transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\n.\r\n")
        client.expect(f"MAIL FROM:<{SENDER}>", 421)


# --- other protocols, noise, haste, delay ---------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: 20\r\n\r\nMAIL FROM:<a@b.c>\r\n",
        b"CONNECT h:25 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    ],
    ids=lambda first: repr(first[:8]),
)
def test_another_protocol_is_shown_the_door(house: House, first: bytes) -> None:
    with house.client() as client:
        client.greeted()
        client.send(first)
        replies = client.rest()
        assert not replies or re.match(rb"[245][0-9][0-9] ", replies)
        assert replies.count(b"250") == 0


def test_early_talkers_get_no_message_through_before_they_are_greeted(house: House) -> None:
    client = RawClient(house.address, OPEN)
    client.send(b"EHLO early\r\nNOOP\r\n")
    said = client.reply()
    assert said is not None and said.code in (220, 421, 554)
    client.close()
    works(house)


@pytest.mark.parametrize("seed", range(12))
def test_random_octets(house: House, seed: int) -> None:
    dice = random.Random(seed)
    words = [b"EHLO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<c@d.example>", b"DATA", b"BDAT 5",
             b"RSET", b"\r\n", b"\n", b".", b"\x00", b"\xff\xfe", b"AUTH PLAIN", b"STARTTLS",
             b"NOOP", b"VRFY \xc3\xa9@x", b"BDAT 99999999999999999999", b"<" * 100,
             b":", b" "]  # fmt: skip
    with house.client() as client:
        client.send(
            b"".join(
                dice.choice(words) if dice.random() < 0.7 else dice.randbytes(dice.randrange(60))
                for _ in range(400)
            )
        )
        client.sock.shutdown(1)
        client.rest()
    assert house.gateway.events.of(facts.InternalFault) == []


def test_a_million_cheap_commands_end(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for _ in range(200):
            client.send(b"NOOP\r\nRSET\r\n" * 500)
        replies = client.rest()
        assert b"421" in replies[-200:] or replies.count(b"\r\n") < 5_000
    works(house)


def test_a_client_that_does_not_read_its_replies_is_not_read_either(house: House) -> None:
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.sock.settimeout(0.5)
        sent = 0
        try:
            while sent < 200_000_000:
                sent += client.sock.send(b"HELP\r\n" * 10_000)
        except (TimeoutError, ConnectionError):
            pass
        assert sent < 100_000_000
    works(house)


def test_octet_by_octet_is_as_good_as_any(house: House) -> None:
    domain, server = house.destination()
    wire = (f"EHLO c\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<bob@{domain}>\r\nDATA\r\n").encode()
    with house.client() as client:
        client.greeted()
        for octet in wire:
            client.send(bytes((octet,)))
        for code in (250, 250, 250, 354):
            said = client.reply()
            assert said is not None and said.code == code
        for octet in b"Subject: t\r\n\r\n..x\r\n.\r\n":
            client.send(bytes((octet,)))
        said = client.reply()
        assert said is not None and said.code == 250
    (message,) = server.wait()
    assert message.without_received == b"Subject: t\r\n\r\n.x\r\n"


@pytest.mark.parametrize("where", ["greeting", "envelope", "data", "bdat", "handshake"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_vanishes_leaves_no_message(house: House, where: str, how: str) -> None:
    domain, server = house.destination()
    client = house.client()
    client.greeted()
    if where != "greeting":
        client.expect("EHLO c", 250)
    if where == "handshake":
        client.expect("STARTTLS", 220)
        client.send(b"\x16\x03\x01\x00")
    elif where != "greeting":
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        client.expect(f"RCPT TO:<bob@{domain}>", 250)
    if where == "data":
        client.expect("DATA", 354)
        client.send(b"Subject: t\r\n\r\nhalf a mess")
    elif where == "bdat":
        client.send(b"BDAT 100\r\nhalf")
    port = client.port
    if how == "reset":
        client.reset()
    else:
        client.close()
    opened = house.gateway.events.opened(port, client.since)
    closed = house.gateway.events.wait(facts.ConnectionClosed, icid=opened.icid)
    assert closed.lost
    for fact in house.gateway.events.of(facts.MessageStarted, icid=opened.icid):
        assert house.gateway.events.of(facts.MessageAborted, mid=fact.mid)
    assert server.messages == []


def test_idle_clients_are_sent_away(house: House) -> None:
    """Ten seconds is the shortest silence that may be configured."""
    over = threading.Event()

    def trickle(client: RawClient) -> None:  # an octet is a sign of life
        for octet in itertools.cycle(b"x"):
            client.send(bytes([octet]))
            if over.wait(1):
                return

    began = time.monotonic()
    with house.client(QUICK) as silent, house.client(QUICK) as slow:
        silent.greeted()
        slow.greeted()
        icids = [house.gateway.events.opened(one.port, one.since).icid for one in (silent, slow)]
        slow.send(b"NOOP ")
        living = threading.Thread(target=trickle, args=(slow,))
        living.start()
        try:
            said = silent.reply()
            assert said is not None and said.code == 421
            assert silent.closed()
            assert time.monotonic() - began > 9
        finally:
            over.set()
            living.join()
        slow.send(b"\r\n")
        said = slow.reply()
        assert said is not None and said.code == 250
        line = (
            f"ICID {icids[0]} disconnected address 127.0.0.1, no messages injected within "
            "timeout period"
        )
        lines = house.gateway.wait_line(f"ICID {icids[0]} close", icid=icids[0])
        assert line in lines
        assert house.gateway.events.of(facts.ConnectionTimedOut, icid=icids[1]) == []


# --- many ---------------------------------------------------------------------------------------


def test_two_hundred_clients_at_once(house: House) -> None:
    domain, server = house.destination()

    def one(number: int) -> int:
        return house.send(f"user{number}@{domain}", tls=number % 4 == 0)

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        clients = [house.client() for _ in range(150)]  # these only sit there
        for client in clients:
            client.greeted()
        mids = list(pool.map(one, range(200)))
        for client in clients:
            client.close()
    assert len(set(mids)) == 200
    messages = server.wait(200)
    got = sorted(recipient for message in messages for recipient in message.recipients)
    assert got == sorted(f"user{number}@{domain}" for number in range(200))


def test_more_clients_than_the_listener_may_have(house: House) -> None:
    clients = [house.client(QUICK) for _ in range(60)]
    codes = [said.code for client in clients if (said := client.reply()) is not None]
    for client in clients:
        client.close()
    assert codes.count(421) >= 20, codes
    assert set(codes) == {220, 421}

    def again() -> bool:
        with house.client(QUICK) as client:
            said = client.reply()
            return said is not None and said.code == 220

    until(again, "there is room again")


def test_half_open_handshakes_disturb_nobody(house: House) -> None:
    clients = []
    for _ in range(100):
        client = house.client()
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect("STARTTLS", 220)
        client.send(b"\x16\x03\x01\x02\x00\x01")
        clients.append(client)
    works(house)
    for client in clients:
        client.close()


# --- who may come in ------------------------------------------------------------------------------


def test_a_rejected_client_hears_so_and_gets_nothing_else(house: House) -> None:
    with RawClient(house.address, OPEN, source=house.rejected) as client:
        assert client.greeted(554).text == f"5.7.1 No mail from {house.rejected}"
        said = client.say("EHLO c")
        assert said is None or said.code in (503, 554)


def test_a_tcp_refused_client_hears_nothing(house: House) -> None:
    with RawClient(house.address, OPEN, source=house.tcp_refused) as client:
        assert client.rest() == b""


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("bob@other.test", 550),
        ("refused@x.example", 550),
        ("temporary@x.example", 450),
        ("bob%other.test@x.example", 550),
        ("@x.example:bob@other.test", 501),
        ('"bob@other.test"@x.example', 550),
        ("bob@x.example.", None),
        ("bob@[127.0.0.1]", 550),
        ("bob!other.test", None),
        ("bob@x.example@other.test", None),
    ],
)
def test_no_open_relay(house: House, recipient: str, code: int | None) -> None:
    """What would leave our domains is refused, also when it hides in the local part."""
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}>", 250)
        said = client.say(f"RCPT TO:<{recipient}>")
        assert said is not None
        if code is None:
            assert said.code >= 500
        else:
            assert said.code == code, said


def test_required_tls_lets_nothing_through_in_clear(house: House) -> None:
    domain, server = house.destination()
    with house.client(REQUIRED) as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for command in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<b@{domain}>", "DATA", "RSET", "HELP"):
            client.expect(command, 530)
        client.expect("NOOP", 250)
        client.starttls(encryption())
        client.expect("EHLO c", 250)
        transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\n.\r\n")
    (message,) = server.wait()
    assert b"ESMTPS" in message.content


def test_a_looping_message_is_refused(house: House) -> None:
    domain, server = house.destination()
    hops = b"".join(b"Received: from a by b; x\r\n" for _ in range(19))
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        transact(client, SENDER, [f"bob@{domain}"], hops + b"Subject: t\r\n\r\n.\r\n")
        into_data(client, domain)
        client.send(hops + b"received: from c\r\n\tby d\r\nRECEIVED:x\r\n\r\n.\r\n")
        said = client.reply()
        assert said is not None and said.code == 554
        assert said.text.startswith("5.4.6")
    assert len(server.wait()) == 1


def test_two_gateways_that_relay_to_each_other_stop(house: House) -> None:
    """A route leads back in by the gateway's own front: the count of Received fields ends it."""
    mirror = house.serve(Behaviour())
    house.dns.host("mirror.example", mirror.address)
    house.send("bob@mirrored.example")
    code, seen = 250, 0
    while code == 250 and seen < 30:
        seen += 1
        content = mirror.wait(seen)[-1].content
        with house.client() as client:
            client.greeted()
            client.expect("EHLO c", 250)
            into_data(client, "mirrored.example")
            client.send(content + b".\r\n")
            said = client.reply()
            assert said is not None
            code = said.code
    assert code == 554
    assert seen == 21


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory):
    """A gateway of its own for tests that kill parts of it."""
    with open_house_in(tmp_path_factory.mktemp("fragile")) as house:
        yield house
        house.gateway.assert_sound()


@pytest.mark.parametrize("role", ["receiver", "deliverer"])
def test_a_process_that_is_killed_is_replaced_and_mail_goes_on(fragile: House, role: str) -> None:
    gateway = fragile.gateway
    before = gateway.processes(role)
    domain, server = fragile.destination()
    mid = fragile.send(f"before@{domain}")
    gateway.events.wait(facts.MessageFinished, mid=mid)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    died = gateway.events.wait(facts.ProcessDied, len(before), role=role)
    assert died.status == -signal.SIGKILL
    fragile.send(f"after@{domain}")
    messages = server.wait(2)
    assert [r for m in messages for r in m.recipients] == [f"before@{domain}", f"after@{domain}"]
    until(lambda: len(gateway.processes(role)) == len(before), "all processes are back")
    assert not set(before) & set(gateway.processes(role))


def test_mail_that_was_accepted_survives_a_crash(fragile: House) -> None:
    house = fragile
    domain, server = house.destination(Behaviour(greeting=b"421 busy\r\n"), "eager")
    for n in range(10):
        house.send(f"user{n}@{domain}")
    house.gateway.kill()
    server.behaviour = Behaviour()
    house.gateway.start()
    messages = server.wait(10)
    got = sorted(r for m in messages for r in m.recipients)
    assert got == sorted(f"user{n}@{domain}" for n in range(10))


def test_a_graceful_stop_lets_a_client_finish(fragile: House) -> None:
    house = fragile
    domain, _ = house.destination()
    with house.client() as busy, house.client() as idle:
        for client in (busy, idle):
            client.greeted()
            client.expect("EHLO c", 250)
        into_data(busy, domain)
        os.kill(house.gateway.pid, signal.SIGTERM)
        until(lambda: refuses(house), "nobody new is taken")
        busy.send(b"Subject: t\r\n\r\n.\r\n")
        said = busy.reply()
        assert said is not None and said.code == 250
        busy.expect("QUIT", 221)
        idle.expect("QUIT", 221)
    assert house.gateway.stop() == 0
    assert house.gateway.events.of(facts.GatewayStopped)
    house.gateway.start()


def refuses(house: House) -> bool:
    try:
        house.client().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_new_revision_disturbs_no_open_connection(fragile: House, tmp_path: Path) -> None:
    domain, server = fragile.destination()
    gateway = fragile.gateway
    text = gateway.command("config", "show").decode()
    assert 'hostname = "mx.house.example"' in text
    file = tmp_path / "new.toml"
    file.write_text(text.replace("mx.house.example", "new.house.example"))
    with fragile.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        into_data(client, domain)
        client.send(b"Subject: t\r\n\r\nbefore\r\n")
        gateway.command("config", "load", str(file), "--commit", "a new name")
        gateway.events.wait(facts.ConfigurationCommitted)
        with fragile.client() as fresh:
            assert fresh.greeted().text.startswith("new.house.example")
        client.send(b"after\r\n.\r\n")
        said = client.reply()
        assert said is not None and said.code == 250
        client.expect("QUIT", 221)
    (message,) = server.wait()
    assert message.without_received == b"Subject: t\r\n\r\nbefore\r\nafter\r\n"
    assert server.heard("EHLO")[-1] == "EHLO new.house.example"


def test_a_broken_file_changes_nothing(fragile: House, tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("format = 1\n[listeners.X]\ntype = 'pubic'\n")
    fragile.gateway.command("config", "load", str(file), "--commit", "oops", status=1)
    works(fragile)


def test_hold_and_release(fragile: House) -> None:
    busy = Behaviour(greeting=b"421 busy\r\n")
    domain, server = fragile.destination(busy, "eager")
    free, other = fragile.destination(busy, "eager")
    mid = fragile.send(f"bob@{domain}")
    fragile.gateway.events.wait(facts.RecipientDelayed, mid=mid)
    fragile.gateway.command("queue", "hold", str(mid))
    # A message that is not held and comes later is tried again before this one is.
    later = fragile.send(f"bob@{free}")
    fragile.gateway.events.wait(facts.RecipientDelayed, mid=later)
    server.behaviour = other.behaviour = Behaviour()
    other.wait()
    assert server.messages == []
    fragile.gateway.command("queue", "release", str(mid))
    assert server.wait()
