# SPDX-License-Identifier: Apache-2.0
"""CPU of the client engine for one message on a reused connection, and the speed of stuffing.

    PYTHONPATH=src python bench/engine_client.py [messages]

The server is a constant: its bytes are ready, nothing but the engine is measured. The lowest of
five rounds is the figure, since every disturbance only adds.
"""

import sys
import time

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.envelope import Envelope, Recipient
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.smtp.client_events import MessageResult
from gatehouse.smtp.stuffing import Stuffer

ENVELOPE_REPLIES = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n"
RESULT = b"250 2.0.0 Ok: queued as 4FzXyZ1234\r\n"
BODY = (b"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod.\r\n" * 60)[:4094]
BODY += b"\r\n"
EHLO = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n"
)


def mailbox(text: bytes) -> Address:
    address = parse_mailbox(text)
    assert isinstance(address, Address)
    return address


def connected() -> ClientEngine:
    engine = ClientEngine(ClientSettings(hostname="gw.example"))
    for said in (b"220 mx.example ESMTP\r\n", EHLO):
        engine.receive(said)
        engine.take_output()
        while engine.next_event() is not None:
            pass
    return engine


def one_message(engine: ClientEngine, envelope: Envelope) -> object:
    engine.begin(envelope, len(BODY), eight_bit=False)
    engine.take_output()
    engine.receive(ENVELOPE_REPLIES)
    while engine.next_event() is not None:
        pass
    engine.body(BODY)
    engine.end_body()
    engine.take_output()
    engine.receive(RESULT)
    event = engine.next_event()
    engine.next_event()
    return event


def message_cost(messages: int) -> float:
    envelope = Envelope(
        sender=mailbox(b"from@example.com"),
        recipients=(Recipient(address=mailbox(b"to@example.net")),),
    )
    engine = connected()
    assert isinstance(one_message(engine, envelope), MessageResult)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(messages):
            one_message(engine, envelope)
        best = min(best, time.process_time() - start)
    return best / messages


def stuffing_speed(chunk: bytes) -> float:
    rounds = 200_000_000 // len(chunk)
    best = float("inf")
    for _ in range(5):
        stuffer = Stuffer()
        start = time.process_time()
        for _ in range(rounds):
            stuffer.stuff(chunk)
        best = min(best, time.process_time() - start)
    return rounds * len(chunk) / best


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"one message of {len(BODY)} octets: {message_cost(messages) * 1e6:.1f} us")
    base64 = (b"QUJD" * 19 + b"\r\n") * 840
    text = (b"Some words. And some more of them, as people write." + b" " * 20 + b"\r\n") * 880
    dots = (b".Some words" + b" " * 60 + b"\r\n") * 880
    for name, chunk in (("base64", base64), ("text", text), ("a dot on each line", dots)):
        print(f"stuffing, {name}: {stuffing_speed(chunk) / 1e9:.2f} GB/s")


if __name__ == "__main__":
    main()
