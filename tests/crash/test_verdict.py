# SPDX-License-Identifier: Apache-2.0
"""The judge finds each class of fault, and excuses only what is written down as an excuse."""

import pytest

from tests.crash.ledger import Entry
from tests.crash.verdict import CORRUPT, DUPLICATE, LOST, ORPHAN, PHANTOM, STUCK, judge

PAIR = "m1-0@ok.crash.example"
Line = tuple[float, str, tuple[str, ...]]
OFFER: Line = (1.0, "OFFER", (PAIR, "abc", "10"))
ACK: Line = (2.0, "ACK", (PAIR, "7"))
RECV: Line = (3.0, "RECV", (PAIR, "1", "abc"))
ANSWER: Line = (3.1, "ANSWER", (PAIR,))
AGAIN: Line = (9.0, "RECV", (PAIR, "1", "abc"))


def found(*lines: Line, queue: dict[str, bool] | None = None) -> dict[str, int]:
    findings = judge([Entry(*line) for line in lines], queue or {})
    return {name: len(faults) for name, faults in findings.faults.items() if faults}


def kill(at: float, excuses: str = "1") -> Line:
    return (at, "KILL", ("group", excuses, str(at), str(at + 0.1)))


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ((OFFER, ACK, RECV), {}),
        ((OFFER, RECV), {}),  # the client never heard the 250: none or one
        ((OFFER,), {}),
        ((OFFER, ACK), {LOST: 1}),
        ((OFFER, ACK, (3.0, "DSN", (PAIR,))), {LOST: 1, PHANTOM: 1}),
        ((OFFER, ACK, (3.0, "REFUSE", (PAIR,)), (4.0, "DSN", (PAIR,))), {}),
        ((OFFER, ACK, (3.0, "RECV", (PAIR, "1", "cut"))), {LOST: 1, CORRUPT: 1}),
        ((OFFER, (3.0, "RECV", (PAIR, "1", "cut"))), {PHANTOM: 1}),
        (((3.0, "RECV", (PAIR, "1", "abc")),), {PHANTOM: 1}),
        ((OFFER, (1.5, "CUT", (PAIR,)), RECV), {PHANTOM: 1}),
        ((OFFER, ACK, RECV, ANSWER, AGAIN), {DUPLICATE: 1}),
        ((OFFER, ACK, RECV, ANSWER, kill(3.2), AGAIN), {}),
        ((OFFER, ACK, RECV, ANSWER, kill(3.2, "0"), AGAIN), {DUPLICATE: 1}),
        ((OFFER, ACK, RECV, ANSWER, kill(6.0), AGAIN), {DUPLICATE: 1}),
        ((OFFER, ACK, RECV, (3.05, "DROP", (PAIR,)), AGAIN), {}),
        # One doubt, one copy: the third came after a copy that was answered in peace.
        (
            (OFFER, ACK, RECV, kill(3.2), (6.0, "RECV", (PAIR, "1", "abc")), AGAIN),
            {DUPLICATE: 1},
        ),
    ],
)
def test_each_pair_gets_its_class(lines: tuple[Line, ...], faults: dict[str, int]) -> None:
    assert found(*lines) == faults


def test_what_waits_in_the_queue_is_not_lost() -> None:
    assert found(OFFER, ACK, queue={PAIR: True}) == {}


def test_what_waits_without_a_next_attempt_is_stuck() -> None:
    assert found(OFFER, ACK, queue={PAIR: False}) == {STUCK: 1}


def test_orphans_are_faults() -> None:
    assert judge([], {}, ["segment"]).faults[ORPHAN] == ["segment"]
