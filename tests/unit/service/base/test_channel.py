# SPDX-License-Identifier: Apache-2.0
"""Messages between the processes: whole, in order, and the end of the line is noticed."""

import asyncio
import socket

import pytest

from gatehouse.service.base import channel as line
from gatehouse.service.base.open_sessions import Presence
from tests.patience import eventually

EVERY: list[line.Message] = [
    line.Ready(4711),
    line.LogBlock(5, b"text \x00\xff", b"{}"),
    line.Wake(),
    line.Apply(3, b"rules"),
    line.Applied(3, None),
    line.Applied(3, "why not"),
    line.QueueChanged(),
    line.Ask(1, "status"),
    line.Told(1, {"a": 1, "b": "x", "c": None, "d": 1.5}),
    line.Stop(2.5),
    line.Stats({"InjMsg": 1}, {"CrtCncIn": 2}),
    line.Inside((Presence(name="ann", way="ssh", address="::1", since=1.5),)),
]


async def pair(got: list[line.Message], ended: list[bool]) -> tuple[line.Channel, line.Channel]:
    one, other = socket.socketpair()
    receiving = await line.Channel.open(other, got.append, lambda: ended.append(True))
    return await line.Channel.open(one, lambda _: None), receiving


def test_every_message_arrives_as_it_was_sent_and_in_order() -> None:
    async def body() -> None:
        got: list[line.Message] = []
        ended: list[bool] = []
        sending, _ = await pair(got, ended)
        for message in EVERY:
            assert sending.send(message)
        sending.close()
        await eventually(lambda: ended)
        assert got == EVERY

    asyncio.run(body())


def test_a_large_block_comes_in_one_piece() -> None:
    async def body() -> None:
        got: list[line.Message] = []
        sending, receiving = await pair(got, [])
        block = line.LogBlock(1, b"x" * 3_000_000, b"y" * 1_000_000)
        sending.send(block)
        assert sending.backlog > 0
        sending.send(line.Wake())
        await eventually(lambda: len(got) == 2)
        assert got == [block, line.Wake()]
        sending.close()
        receiving.close()

    asyncio.run(body())


def test_octet_by_octet_is_the_same() -> None:
    got: list[line.Message] = []
    channel = line.Channel(got.append)
    wire = b"".join(
        len(body := line._encode(message)).to_bytes(4, "big") + body for message in EVERY
    )
    for octet in wire:
        channel.data_received(bytes((octet,)))
    assert got == EVERY


def test_nothing_is_sent_on_a_line_that_is_down() -> None:
    async def body() -> None:
        ended: list[bool] = []
        sending, receiving = await pair([], ended)
        sending.close()
        assert sending.send(line.Wake()) is False
        await eventually(lambda: ended)
        assert ended == [True]
        assert receiving.send(line.Wake()) is False
        assert receiving.backlog == 0

    asyncio.run(body())


def test_a_length_that_is_no_length_of_ours_is_a_fault() -> None:
    channel = line.Channel(lambda _: None)
    with pytest.raises(ValueError, match="on the supervisor's line"):
        channel.data_received(b"\xff\xff\xff\xff")


def test_what_was_said_before_the_end_is_heard_out() -> None:
    async def body() -> None:
        got: list[line.Message] = []
        sending, receiving = await pair(got, [])
        waiting = asyncio.ensure_future(receiving.heard_out(60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        for message in EVERY:
            sending.send(message)
        sending.close()
        await waiting
        assert got == EVERY
        await receiving.heard_out(60.0)  # and never again

    asyncio.run(body())


def test_a_line_that_does_not_end_is_heard_for_a_while() -> None:
    async def body() -> None:
        ended: list[bool] = []
        sending, receiving = await pair([], ended)
        await receiving.heard_out(0.0)
        assert not ended
        sending.close()
        await eventually(lambda: ended)

    asyncio.run(body())
