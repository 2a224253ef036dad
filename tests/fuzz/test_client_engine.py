# SPDX-License-Identifier: Apache-2.0
"""Invariant: however a server's bytes are cut, the driver sees the same outcome; nothing raises.

Beside it, at every moment: each recipient has at most one answer to RCPT and at most one final
result, a result needs an end of data that was sent, and after the end there is nothing.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.smtp.client_events import (
    Broken,
    DataRefused,
    Event,
    HelloRefused,
    Lost,
    MessageResult,
    NoRecipients,
    Ready,
    RecipientResult,
    ResetDone,
    SendBody,
    SenderRefused,
    ServerClosing,
    TlsGo,
    TlsRefused,
)
from tests.unit.smtp.client_wire import Wire, envelope

LINES = st.sampled_from(
    [
        b"220 x\r\n", b"250 ok\r\n", b"250 2.1.5 ok\r\n", b"250-x\r\n", b"250\r\n", b"354 go\r\n",
        b"421 bye\r\n", b"450 x\r\n", b"503 x\r\n", b"550 5.1.1 x\r\n", b"552 x\r\n", b"221 x\r\n",
        b"250-x\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 DSN\r\n", b"250 o", b"2", b"\r\n", b"\n",
        b"\0", b"\x80", b"25O x\r\n", b"454 x\r\n",
    ]
)  # fmt: skip
# Mostly what a server says in a good dialogue, so that the later states are reached too.
GOOD_DIALOGUE = [
    b"220 x\r\n", b"250-x\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
    b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
    b"250 ok\r\n", b"250 ok\r\n550 x\r\n250 ok\r\n354 go\r\n", b"250 ok\r\n", b"221 x\r\n",
]  # fmt: skip


@st.composite
def dialogues(draw: st.DrawFn) -> list[bytes]:
    turns = list(GOOD_DIALOGUE)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(turns)))
        turns[place : place + draw(st.integers(0, 1))] = [
            b"".join(draw(st.lists(LINES, min_size=1, max_size=5)))
        ]
    return turns


@dataclass
class Driver:
    """Acts once per turn of the server, on all that the turn brought."""

    wire: Wire
    tls: bool
    seen: list[Event] = field(default_factory=list)
    ends_sent: int = 0

    def turn(self, segments: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for segment in segments:
            self.wire.engine.receive(segment)
            events += self.wire.events()
        self.seen += events
        for event in events:
            self.act(event)
        self.wire.flush()
        late = self.wire.events()
        self.seen += late
        return events + late

    def act(self, event: Event) -> None:
        engine = self.wire.engine
        if engine.closing:
            return
        match event:
            case HelloRefused(_, True):
                engine.hello_fallback()
            case Ready() if self.tls and engine.capabilities.starttls:
                self.tls = False
                engine.start_tls()
            case TlsGo():
                engine.tls_started()
            case SendBody():
                engine.body(b".x\r\n")
                engine.end_body()
                self.ends_sent += 1
            case Ready() | TlsRefused() | SenderRefused() | NoRecipients() | DataRefused():
                self.begin()
            case MessageResult(final=True):
                if self.ends_sent < 2:
                    self.begin()
                else:
                    engine.rset()
            case ResetDone():
                engine.quit()

    def begin(self) -> None:
        if self.wire.engine.idle:
            self.wire.engine.begin(envelope("a@b.example", "c@b.example"), 4, eight_bit=False)


def run(turns: list[bytes], cuts: list[int] | None, *, tls: bool, lmtp: bool) -> Driver:
    driver = Driver(Wire(lmtp=lmtp), tls)
    for turn in turns:
        if cuts is None:
            segments = [turn[i : i + 1] for i in range(len(turn))]
        else:
            places = [0, *sorted({cut for cut in cuts if 0 < cut < len(turn)}), len(turn)]
            segments = [turn[a:b] for a, b in zip(places, places[1:], strict=False)]  # noqa: RUF007
        check(driver.turn(segments))
    driver.wire.engine.receive_eof()
    driver.seen += driver.wire.events()
    assert driver.wire.flush() == b""
    assert driver.wire.engine.closing
    return driver


def check(events: list[Event]) -> None:
    ends = [i for i, event in enumerate(events) if isinstance(event, Broken | ServerClosing | Lost)]
    assert not ends or ends == [len(events) - 1]


def outcome(driver: Driver) -> tuple[list[object], bytes]:
    """What must not depend on segments. TlsGo may come before the byte behind it is seen; the words
    of a fault may differ with the part of it that came first; the doubt may not."""
    seen: list[object] = []
    for event in driver.seen:
        if isinstance(event, Broken):
            if seen and isinstance(seen[-1], TlsGo):
                seen.pop()
            seen.append(("broken", event.in_doubt))
        else:
            seen.append(event)
    return seen, driver.wire.sent


@settings(max_examples=200)
@given(
    dialogues(),
    st.lists(st.integers(1, 60), max_size=5),
    st.booleans(),
    st.sampled_from([False, False, True]),
)
def test_segments_do_not_matter(turns: list[bytes], cuts: list[int], tls: bool, lmtp: bool) -> None:
    whole = run(turns, [], tls=tls, lmtp=lmtp)
    assert outcome(run(turns, None, tls=tls, lmtp=lmtp)) == outcome(whole)
    assert outcome(run(turns, cuts, tls=tls, lmtp=lmtp)) == outcome(whole)
    count_results(whole)


def count_results(driver: Driver) -> None:
    answered: set[int] = set()
    finished: set[int] = set()
    finals = 0
    for event in driver.seen:
        match event:
            case RecipientResult(index, _):
                assert index not in answered
                answered.add(index)
            case MessageResult(_, accepted, final):
                assert not finished.intersection(accepted)
                assert answered.issuperset(accepted)
                finished.update(accepted)
                finals += final
                assert finals <= driver.wire.sent.count(b"\r\n.\r\n")
            case _:
                pass
        if isinstance(event, SenderRefused | NoRecipients | DataRefused) or (
            isinstance(event, MessageResult) and event.final
        ):
            answered, finished = set(), set()


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=30) | LINES, max_size=8), st.booleans())
def test_no_bytes_raise(turns: list[bytes], tls: bool) -> None:
    run(turns, None, tls=tls, lmtp=False)
