# SPDX-License-Identifier: Apache-2.0
"""The alarm about required TLS: its words, and that one trouble is told once."""

import pytest

from gatehouse.policy.bounce import Trouble, classify_trouble
from gatehouse.policy.destinations import DestinationControl
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.tls_alarm import QUIET_SECONDS, TlsAlarms, age
from gatehouse.store.errors import StoreError

CONTROL = DestinationControl(domain="default")


class Clock:
    now = 100_000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Queue:
    broken = False

    def waiting_at(self, domain: str) -> tuple[int, float | None]:
        if self.broken:
            raise StoreError("the disk sleeps")
        return 3, 100_000.0 - 7500


class Scene:
    def __init__(self) -> None:
        self.clock, self.queue, self.sent = Clock(), Queue(), list[Alarmed]()
        self.alarms = TlsAlarms(self.queue, self.clock, self.sent.append)  # type: ignore[arg-type]

    def fail(
        self,
        cause: str,
        domain: str = "bank.example",
        *,
        alert: bool = True,
        alerts_only: bool = False,
    ) -> None:
        failure = NotConnected(
            classification=classify_trouble(Trouble.TLS_UNAVAILABLE),
            detail="x",
            tls=True,
            cause=cause,
        )
        control = DestinationControl(domain="default", alert_on_required_tls_failure=alert)
        self.alarms.tell(control, domain, failure, alerts_only=alerts_only)


def test_the_text_says_which_domain_why_and_what_waits() -> None:
    scene = Scene()
    scene.fail("verify error: expired")
    (told,) = scene.sent
    assert told.text == (
        "TLS required for bank.example but not available: verify error: expired"
        " (3 messages waiting, oldest 2h 5m)"
    )
    assert (told.name, told.severity) == ("required-tls-failed", "Warning")


def test_a_domain_and_a_cause_are_told_once_a_minute() -> None:
    scene = Scene()
    scene.fail("STARTTLS answered 454-'at 10:01'")
    scene.fail("STARTTLS answered 454-'at 10:02'")
    scene.fail("STARTTLS not offered")
    scene.fail("STARTTLS not offered", "shop.example")
    assert len(scene.sent) == 3
    scene.clock.now += QUIET_SECONDS
    scene.fail("STARTTLS not offered")
    assert len(scene.sent) == 4
    assert len({one.key for one in scene.sent}) == 3


def test_who_does_not_want_it_is_not_told() -> None:
    scene = Scene()
    scene.fail("STARTTLS not offered", alert=False)
    assert scene.sent == []


def test_a_store_that_fails_does_not_silence_it() -> None:
    scene = Scene()
    scene.queue.broken = True
    scene.fail("STARTTLS not offered")
    assert "an unknown number of messages waiting" in scene.sent[0].text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3661, "1h 1m"), (90_061, "1d 1h"), (86_401, "1d 1s")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_what_only_alert_mail_waits_for_makes_no_more_alert_mail() -> None:
    scene = Scene()
    scene.fail("STARTTLS not offered", "us.example", alerts_only=True)
    scene.fail("STARTTLS not offered", "us.example")
    first, second = scene.sent
    assert (first.mailed, second.mailed) == (False, True)
    assert first.key != second.key, "the one must not hold the other back"
    assert second.stuck == "us.example"
