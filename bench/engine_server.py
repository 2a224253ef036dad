# SPDX-License-Identifier: Apache-2.0
"""CPU that the server engine alone needs for one message: a whole dialogue, 4 KiB of content.

Run: PYTHONPATH=src python bench/engine_server.py [--profile]
The addresses differ from dialogue to dialogue, so that no cache of addresses flatters the figure.
"""

import argparse
import cProfile
import statistics
import time
from collections.abc import Callable

from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_events import (
    BodyChunk,
    CommandRefused,
    ProtocolViolation,
    Quit,
)
from gatehouse.smtp.server_settings import ServerSettings

SETTINGS = ServerSettings(
    hostname="mx.example.com",
    max_message_size=10 * 1024 * 1024,
    offer_starttls=True,
    require_tls=False,
)
INFORMATION = (BodyChunk, Quit, CommandRefused, ProtocolViolation)
BODY_LINES = 64  # of 64 octets: 4 KiB


def dialogue(number: int, *, chunking: bool, stuffed: bool) -> list[bytes]:
    """The client's side, in the segments that a client sends it in."""
    first = b"." * stuffed + b"x" * (62 - stuffed)
    body = b"Subject: benchmark\r\n\r\n" + (first + b"\r\n") * BODY_LINES
    start = [
        b"EHLO client.example.org\r\n",
        b"MAIL FROM:<sender%d@client%d.example.org> SIZE=4200\r\n" % (number, number),
        b"RCPT TO:<recipient%d@example.com>\r\n" % number,
    ]
    if chunking:
        return [*start, b"BDAT %d LAST\r\n" % len(body) + body, b"QUIT\r\n"]
    return [*start, b"DATA\r\n", body + b".\r\n", b"QUIT\r\n"]


def play(segments: list[bytes]) -> None:
    """One connection, driven as the driver does it."""
    engine = ServerEngine(SETTINGS)
    engine.greet()
    engine.take_output()
    for segment in segments:
        engine.receive(segment)
        while (event := engine.next_event()) is not None:
            if type(event) not in INFORMATION:
                engine.answer()
        engine.take_output()
    if not engine.closing:
        raise SystemExit("the dialogue did not end")


def microseconds(dialogues: list[list[bytes]]) -> float:
    """CPU per dialogue."""
    begin = time.process_time()
    for segments in dialogues:
        play(segments)
    return (time.process_time() - begin) / len(dialogues) * 1e6


def report(name: str, make: Callable[[int], list[bytes]], count: int, rounds: int) -> None:
    """Median over rounds, each with addresses never seen before."""
    figures = [
        microseconds([make(turn * count + number) for number in range(count)])
        for turn in range(rounds)
    ]
    print(f"{name:32} {statistics.median(figures):7.1f} us  (best {min(figures):.1f})")


def main() -> None:
    """Print one line per way of sending."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    count, rounds = arguments.count, arguments.rounds
    if arguments.profile:
        dialogues = [dialogue(n, chunking=False, stuffed=False) for n in range(count)]
        with cProfile.Profile() as profile:
            microseconds(dialogues)
        profile.print_stats("tottime")
        return
    for name, chunking, stuffed in (
        ("DATA, 4 KiB", False, False),
        ("DATA, 4 KiB, every line stuffed", False, True),
        ("BDAT, 4 KiB", True, False),
    ):
        report(
            name,
            lambda n, c=chunking, s=stuffed: dialogue(n, chunking=c, stuffed=s),  # type: ignore[misc]
            count,
            rounds,
        )


if __name__ == "__main__":
    main()
