# SPDX-License-Identifier: Apache-2.0
"""A full disk: 452 4.3.1 to new mail, old mail goes on, and it ends without a restart."""

import asyncio
import random
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.crash import messages, storm
from tests.crash.conftest import MakeVolume
from tests.crash.load import Client, Refused
from tests.patience import PATIENCE

SEED = 13
LARGE = 250_000
# Each receiver looks at the disk for itself, twice a second.
IN_A_ROW = 6
MOST_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class Ground:
    """How little there is."""

    mebibytes: int
    inodes: int | None
    reserve: str  # what the gateway keeps free
    stage: str  # where it is noticed at first


GROUNDS = {
    "refused-at-mail": Ground(96, None, "24M", "receive: envelope"),
    "refused-at-end-of-data": Ground(96, None, "0", "receive: commit"),
    "no-inodes": Ground(96, 128, "8M", "receive: envelope"),
}
EVERYDAY = "refused-at-end-of-data"


class Sender:
    """Sends large messages one by one."""

    def __init__(self, one: storm.Storm) -> None:
        self._storm = one
        self._dice = random.Random(SEED)
        self._numbers = count(1)
        self.stages: list[str] = []  # of the refusals

    async def send(self) -> None:
        """One message on a connection of its own; Refused says what the gateway said."""
        number = next(self._numbers)
        pair = f"m{number}-0@{messages.OK}"
        head = b"%s%d\r\nFrom: <s@%s>\r\n\r\n" % (messages.MARK, number, messages.OK.encode())
        line = self._dice.randbytes(35).hex().encode("ascii") + b"\r\n"
        message = messages.Message(number, (pair,), head + line * (LARGE // len(line)))
        client = Client(self._storm.gateway.port, self._storm.load.phases)
        try:
            await client.connect(None)
            await self._storm.load.send(client, message)
        except Refused:
            self.stages.append(client.phase)
            raise
        finally:
            client.close()

    async def send_until_refused(self) -> list[str]:
        """Fill the disk until every process refuses; what they said."""
        refusals: list[str] = []
        for _ in range(MOST_MESSAGES):
            try:
                await self.send()
                refusals.clear()
            except Refused as refusal:
                refusals.append(str(refusal))
            if len(refusals) == IN_A_ROW:
                return refusals
        raise AssertionError("the disk does not fill up")

    async def send_until_accepted(self) -> float:
        """Try until there is room again; how long it took."""
        began = time.monotonic()
        while True:
            try:
                await self.send()
                return time.monotonic() - began
            except Refused as refusal:
                text = str(refusal)
            assert text.startswith("452 4.3.1"), text
            assert time.monotonic() - began < PATIENCE, "it does not recover"
            await asyncio.sleep(0.25)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == EVERYDAY else [pytest.mark.crash]) for name in GROUNDS],
)
def test_a_full_disk_refuses_new_mail_and_drains(
    name: str, make_volume: MakeVolume, tmp_path: Path
) -> None:
    ground = GROUNDS[name]
    volume = make_volume(ground.mebibytes, inodes=ground.inodes)
    notes = tmp_path / "notes"
    notes.mkdir()
    one = storm.Storm(
        storm.Plan(seed=SEED, steps=(), disk_reserve=ground.reserve), volume.path / "data", notes
    )

    async def story() -> None:
        await one.open()
        try:
            await asyncio.to_thread(one.gateway.start)
            await one.sink.stop()
            sender = Sender(one)
            refusals = await sender.send_until_refused()
            assert all(text.startswith("452 4.3.1") for text in refusals), refusals
            assert sender.stages[0] == ground.stage
            accepted = len(one.load.acked)
            assert accepted > 50
            await one.sink.start()
            await sender.send_until_accepted()
            await one.settle()
        finally:
            await one.close()

    asyncio.run(story())

    assert one.record.findings.clean, one.record.findings.say()
    assert not one.record.findings.excused
    assert one.gateway.failed_starts == 0
