# SPDX-License-Identifier: Apache-2.0
"""The bridge between the loop and a session's thread: what waits for whom, and what is bounded."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from gatehouse.service.ssh import limits
from gatehouse.service.ssh import line as module
from gatehouse.service.ssh.line import Line
from tests.patience import PATIENCE


class Channel:
    """Keeps what is sent; notes when it was told to read no further."""

    def __init__(self) -> None:
        self.sent = b""
        self.reading = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Loop:
    """Does at once what a thread wants done, or when it is asked to."""

    def __init__(self, channel: Channel) -> None:
        self.waiting: list[Callable[[], None]] | None = None
        self.now = 100.0
        self.line = Line(channel, self.call, lambda: self.now)

    def call(self, what: Callable[[], None]) -> None:
        if self.waiting is None:
            what()
        else:
            self.waiting.append(what)

    def go_on(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for what in waiting:
            what()


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def loop(channel: Channel) -> Loop:
    return Loop(channel)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(work()), daemon=True)
    thread.start()
    return thread, got


def joined(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


def test_lines_come_one_by_one_however_they_were_cut(loop: Loop) -> None:
    line = loop.line
    for part in (
        b"sta",
        b"tus\nquit\r\n",
        "gr\u00fc\u00dfe".encode()[:3],
        "gr\u00fc\u00dfe".encode()[3:],
    ):
        line.feed(part)
    line.end()
    assert [line.read_line(100) for _ in range(4)] == ["status\n", "quit\r\n", "grüße", None]


def test_a_line_that_is_too_long_comes_in_parts(loop: Loop) -> None:
    loop.line.feed(b"x" * 25 + b"\n")
    assert [loop.line.read_line(10) for _ in range(3)] == ["x" * 10, "x" * 10, "xxxxx\n"]


def test_octets_that_are_no_text_are_shown_as_such(loop: Loop) -> None:
    loop.line.feed(b"\xff\n")
    assert loop.line.read_line(10) == "\ufffd\n"


def test_a_reader_waits_for_a_line_and_for_the_end(loop: Loop) -> None:
    thread, got = in_thread(lambda: [loop.line.read_line(100), loop.line.read_line(100)])
    loop.line.feed(b"one\n")
    loop.line.end()
    assert joined(thread)
    assert got == [["one\n", None]]


def test_who_sends_ahead_is_read_no_further_until_it_is_used(loop: Loop, channel: Channel) -> None:
    loop.line.feed(b"x" * limits.WINDOW)
    assert not channel.reading
    loop.line.take()
    assert channel.reading


def test_what_a_client_sent_before_it_vanished_is_not_carried_out(loop: Loop) -> None:
    loop.line.feed(b"deleterecipients\nall\ny\n")
    loop.line.lose()
    assert loop.line.ended
    assert loop.line.read_line(100) is None


def test_half_a_line_is_not_carried_out_when_we_hang_up(loop: Loop) -> None:
    loop.line.feed(b"set ssh.idle_timeout 60")  # of 600; the rest never came
    loop.line.hang_up()
    assert loop.line.read_line(100) is None
    loop.line.write("said all the same")


def test_text_goes_out_and_waits_where_the_client_does_not_take_it(
    loop: Loop, channel: Channel
) -> None:
    loop.line.write("hello")
    assert channel.sent == b"hello"
    loop.line.pause_writing()
    thread, _ = in_thread(lambda: loop.line.write(" world"))
    assert thread.is_alive()
    assert channel.sent == b"hello"
    loop.line.resume_writing()
    assert joined(thread)
    assert channel.sent == b"hello world"


def test_so_much_waits_for_the_loop_and_no_more(loop: Loop, channel: Channel) -> None:
    loop.waiting = []
    text = "y" * (limits.MAX_AHEAD + 2 * limits.MAX_PACKET)
    thread, _ = in_thread(lambda: loop.line.write(text))
    while len(loop.waiting) * limits.MAX_PACKET <= limits.MAX_AHEAD:
        pass  # it gets as far as it may
    assert thread.is_alive()
    loop.go_on()
    assert joined(thread)
    assert len(channel.sent) == len(text)


def test_nobody_waits_for_a_client_that_is_gone(loop: Loop, channel: Channel) -> None:
    loop.line.pause_writing()
    thread, _ = in_thread(lambda: loop.line.write("never"))
    loop.line.lose()
    assert joined(thread)
    loop.line.write("never either")
    assert channel.sent == b""


def test_an_editor_hears_when_something_was_typed_and_at_the_end(loop: Loop) -> None:
    heard: list[str] = []
    detach = loop.line.attach(lambda: heard.append("ready"))
    assert bool(loop.line.waiting)
    loop.line.feed(b"ab")
    assert (heard, loop.line.take()) == (["ready"], "ab")
    loop.line.end()
    assert len(heard) == 2
    detach()
    assert loop.line.waiting is False
    again: list[str] = []
    loop.line.attach(lambda: again.append("ready"))
    assert again == ["ready"]


def test_an_editor_that_was_detached_for_a_moment_hears_what_came_meanwhile(loop: Loop) -> None:
    heard: list[str] = []
    loop.line.attach(lambda: heard.append("ready"))
    back = loop.line.attach(lambda: None)
    loop.line.feed(b"x")
    assert heard == []
    back()
    assert heard == ["ready"]


def test_a_pause_ends_with_its_time_with_ctrl_c_and_with_the_client(loop: Loop) -> None:
    assert loop.line.pause(0.0) is False
    loop.line.feed(b"ab\x03cd")
    assert loop.line.pause(60.0) is True
    assert loop.line.take() == "cd"
    loop.line.end()
    assert loop.line.pause(60.0) is True


def test_idle_is_the_time_since_something_was_typed(loop: Loop) -> None:
    loop.now = 130.0
    assert loop.line.idle() == 30.0
    loop.line.feed(b"x")
    assert loop.line.idle() == 0.0


def test_a_closed_loop_is_no_reason_to_fail(channel: Channel) -> None:
    def closed(what: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    Line(channel, closed, lambda: 0.0).write("nobody hears it")
    assert channel.sent == b""


def test_a_session_waits_from_the_moment_at_which_it_asks(loop: Loop) -> None:
    assert loop.line.waited() == 0.0
    loop.now = 500.0  # an action took so long
    detach = loop.line.attach(lambda: None)
    loop.now = 510.0
    assert loop.line.waited() == 10.0
    loop.line.feed(b"x")
    assert loop.line.waited() == 0.0
    detach()
    loop.now = 900.0
    assert loop.line.waited() == 0.0


class Counting(threading.Condition):
    """Counts how often somebody has begun to wait; counted under the lock that is then let go."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, channel: Channel) -> tuple[Loop, Callable[[int], None]]:
    """A loop, and how to wait until its session's thread has begun to wait so many times."""
    changed = Counting()
    monkeypatch.setattr(module, "threading", SimpleNamespace(Condition=lambda: changed))
    loop = Loop(channel)

    def until(count: int) -> None:
        while changed.waits < count:
            pass
        assert bool(loop.line.waiting)  # takes the lock, so the thread is in its wait

    return loop, until


def test_what_is_printed_does_not_make_the_wait_begin_anew(
    waits: tuple[Loop, Callable[[int], None]],
) -> None:
    loop, until = waits
    thread, got = in_thread(lambda: loop.line.read_line(100))
    until(1)
    loop.now += 50.0
    loop.line.write("a line of somebody else's")  # and wakes the one who reads
    until(2)
    loop.now += 50.0
    assert loop.line.waited() == 100.0
    loop.line.feed(b"typed, and no line yet")
    until(3)
    loop.now += 7.0
    assert loop.line.waited() == 7.0
    loop.line.feed(b"\n")
    assert joined(thread)
    assert got == ["typed, and no line yet\n"]


def test_who_reads_the_next_line_begins_to_wait_then(
    waits: tuple[Loop, Callable[[int], None]],
) -> None:
    loop, until = waits
    loop.line.feed(b"status\n")
    assert loop.line.read_line(100) == "status\n"
    loop.now += 50.0  # an action took so long
    thread, _ = in_thread(lambda: loop.line.read_line(100))
    until(1)
    loop.now += 3.0
    assert loop.line.waited() == 3.0
    loop.line.end()
    assert joined(thread)


def test_taking_what_was_printed_is_not_typing(loop: Loop) -> None:
    loop.now += 50.0
    loop.line.pause_writing()
    loop.line.resume_writing()
    assert loop.line.idle() == 50.0
