# SPDX-License-Identifier: Apache-2.0
"""The alarm about a smart host's login: its words, and that one trouble is told once."""

from gatehouse.journal.facts import SmartHostLogin
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.base.clock import Clock
from gatehouse.service.deliver.login_alarm import LoginAlarms
from gatehouse.service.deliver.tls_alarm import QUIET_SECONDS


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[Alarmed] = []
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        self.alarms = LoginAlarms(clock, self.sent.append)

    def login(self, name: str, reason: str, *, ok: bool = False) -> None:
        self.alarms.note(
            SmartHostLogin(at=self.now, dcid=1, name=name, ok=ok, mechanism="PLAIN", reason=reason)
        )


def test_a_failed_login_is_told_once_a_minute_for_each_reason() -> None:
    scene = Scene()
    for _ in range(3):
        scene.login("ses", "refused: 535")
    scene.login("ses", "there is no password")
    scene.login("other", "refused: 535")
    assert [one.text for one in scene.sent] == [
        "login at smart host ses failed: refused: 535",
        "login at smart host ses failed: there is no password",
        "login at smart host other failed: refused: 535",
    ]
    assert {one.severity for one in scene.sent} == {"Warning"}
    scene.now += QUIET_SECONDS
    scene.login("ses", "refused: 535")
    assert len(scene.sent) == 4


def test_a_login_that_succeeds_is_no_alarm() -> None:
    scene = Scene()
    scene.login("ses", "", ok=True)
    assert scene.sent == []


def test_the_memory_is_bounded() -> None:
    scene = Scene()
    for number in range(2_000):
        scene.login(f"host{number}", "refused")
    assert len(scene.sent) == 2_000
    assert len(scene.alarms._told) <= 1_000
