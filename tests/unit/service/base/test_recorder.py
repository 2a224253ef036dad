# SPDX-License-Identifier: Apache-2.0
"""The recorder: facts in, blocks of one second out, nothing ever waits."""

import time

from gatehouse.journal import facts, json_lines
from gatehouse.journal.facts import Fact
from gatehouse.journal.mail_log import Switches
from gatehouse.service.base.channel import LogBlock
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.recorder import Recorder
from tests.unit.journal.samples import AT, message_life


class Way:
    """A way to the log that can be stopped up."""

    def __init__(self) -> None:
        self.open = True
        self.blocks: list[LogBlock] = []

    def send(self, block: LogBlock) -> bool:
        if self.open:
            self.blocks.append(block)
        return self.open

    def text(self) -> str:
        return b"".join(block.text for block in self.blocks).decode()

    def facts(self) -> list[Fact]:
        return [
            json_lines.decode(line) for block in self.blocks for line in block.events.splitlines()
        ]


def recorder(way: Way, max_bytes: int = 1 << 20) -> Recorder:
    clock = Clock(wall=lambda: AT + 9)
    return Recorder(way.send, clock=clock, local_time=time.gmtime, max_bytes=max_bytes)


def queued(at: float, mid: int = 1) -> facts.MessageQueued:
    return facts.MessageQueued(at=at, mid=mid)


def test_a_message_becomes_one_block_of_text_and_the_same_facts_as_json() -> None:
    way = Way()
    journal = recorder(way)
    for fact in message_life():
        journal.record(fact)
    assert way.blocks == []
    journal.flush()
    assert [block.second for block in way.blocks] == [int(AT)]
    lines = way.text().splitlines()
    assert len(lines) == 19
    assert lines[0].startswith("Mon Mar  3 06:00:01 2025 Info: New SMTP ICID 1 ")
    assert way.text().endswith("\n")
    assert tuple(way.facts()) == message_life()


def test_a_second_flush_sends_nothing_twice_and_an_empty_one_nothing() -> None:
    way = Way()
    journal = recorder(way)
    journal.flush()
    journal.record(queued(AT))
    journal.flush()
    journal.flush()
    assert len(way.blocks) == 1


def test_each_second_is_a_block_and_a_late_fact_joins_the_current_one() -> None:
    way = Way()
    journal = recorder(way)
    for at in (AT, AT + 1, AT + 0.5, AT + 2):
        journal.record(queued(at))
    journal.flush()
    assert [block.second for block in way.blocks] == [int(AT), int(AT) + 1, int(AT) + 2]
    assert [line[17:19] for line in way.text().splitlines()] == ["01", "02", "02", "03"]
    assert [fact.at for fact in way.facts()] == [AT, AT + 1, AT + 0.5, AT + 2]


def test_a_clock_that_was_set_back_is_followed() -> None:
    way = Way()
    journal = recorder(way)
    journal.record(queued(AT))
    journal.record(queued(AT - 3600))
    journal.flush()
    assert [block.second for block in way.blocks] == [int(AT), int(AT) - 3600]


def test_a_fact_that_only_json_has_makes_a_block_without_text() -> None:
    way = Way()
    journal = recorder(way)
    journal.record(facts.GatewayStopped(at=AT))
    journal.flush()
    assert way.text() == ""
    assert way.facts() == [facts.GatewayStopped(at=AT)]


def test_while_the_way_is_stopped_up_blocks_wait_in_order() -> None:
    way = Way()
    way.open = False
    journal = recorder(way)
    for second in range(3):
        journal.record(queued(AT + second, second))
        journal.flush()
    assert way.blocks == []
    way.open = True
    journal.flush()
    assert way.facts() == [queued(AT + second, second) for second in range(3)]


def test_what_does_not_fit_is_dropped_whole_counted_and_told() -> None:
    way = Way()
    way.open = False
    journal = recorder(way, max_bytes=2000)
    for mid in range(100):
        journal.record(queued(AT, mid))
        journal.flush()
    way.open = True
    journal.flush()
    *kept, lost = way.facts()
    assert kept == [queued(AT, mid) for mid in range(len(kept))]
    assert 5 < len(kept) < 50
    assert lost == facts.LogLinesLost(at=AT + 9, count=100 - len(kept))
    assert way.text().count("\n") == len(kept)
    journal.record(queued(AT + 9, 100))
    journal.flush()
    assert way.facts()[-1] == queued(AT + 9, 100)


def test_readers_get_every_fact_also_those_the_log_loses() -> None:
    way = Way()
    way.open = False
    journal = recorder(way, max_bytes=10)
    seen: list[Fact] = []
    journal.subscribe(seen.append)
    for fact in message_life():
        journal.record(fact)
    assert tuple(seen) == message_life()


def test_switches_may_change_while_it_runs() -> None:
    way = Way()
    journal = recorder(way)
    matched = message_life()[1]
    journal.record(matched)
    journal.switches = Switches(hat_country=True)
    journal.record(matched)
    journal.flush()
    first, second = way.text().splitlines()
    assert second == f"{first} country not enabled"


def test_text_that_is_no_utf8_does_not_stop_the_log() -> None:
    way = Way()
    journal = recorder(way)
    journal.record(facts.CommandRefused(at=AT, icid=1, kind="unknown", text="\udcff\ud83d"))
    journal.flush()
    assert way.text().endswith(" Unknown command: \\udcff\\ud83d\n")
