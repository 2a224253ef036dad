# SPDX-License-Identifier: Apache-2.0
"""Whoever came in is seen to leave, also when the process that served him, or all of it, dies."""

import stat
from pathlib import Path
from typing import cast

import pytest

from gatehouse.journal import facts
from gatehouse.service.base.children import Child
from gatehouse.service.base.open_sessions import Presence
from gatehouse.service.commit.visits import Visits

ANN = Presence(name="ann", way="ssh", address="192.0.2.1", since=100.0)
BOB = Presence(name="bob", way="ssh", address="2001:db8::1", since=150.0)
ONE, OTHER = cast(Child, object()), cast(Child, object())


class Scene:
    """A supervisor's list, and one of the supervisor after it."""

    def __init__(self, path: Path) -> None:
        self.path, self.now = path, 200.0
        self.told: list[facts.Fact] = []
        self.visits = self.again()

    def again(self) -> Visits:
        self.visits = Visits(self.path, lambda: self.now, self.told.append)
        return self.visits

    def gone(self) -> list[tuple[str, float, str]]:
        seen = [one for one in self.told if isinstance(one, facts.OperatorLogout)]
        self.told.clear()
        return [(one.name, one.seconds, one.reason) for one in seen]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "visits")


def test_who_was_inside_a_process_that_is_gone_has_left(scene: Scene) -> None:
    scene.visits.inside(ONE, (ANN,))
    scene.visits.inside(OTHER, (BOB,))
    scene.visits.ended(ONE)
    assert scene.gone() == [("ann", 100.0, "died")]
    scene.visits.ended(ONE)
    assert scene.gone() == []
    scene.visits.ended(OTHER)
    assert scene.gone() == [("bob", 50.0, "died")]


def test_who_has_left_by_himself_is_told_of_once_and_not_here(scene: Scene) -> None:
    scene.visits.inside(ONE, (ANN, BOB))
    scene.visits.inside(ONE, (BOB,))
    scene.visits.inside(ONE, ())
    scene.visits.ended(ONE)
    assert scene.gone() == []
    assert not scene.path.exists()


def test_the_next_start_tells_of_those_who_were_inside_once(scene: Scene) -> None:
    scene.visits.inside(ONE, (ANN,))
    scene.visits.inside(OTHER, (BOB,))
    assert stat.S_IMODE(scene.path.stat().st_mode) == 0o600
    scene.now = 1000.0
    scene.again().recover()
    assert scene.gone() == [("ann", 900.0, "died"), ("bob", 850.0, "died")]
    scene.again().recover()
    assert scene.gone() == []


def test_a_clock_that_was_set_back_makes_no_visit_shorter_than_nothing(scene: Scene) -> None:
    scene.visits.inside(ONE, (ANN,))
    scene.now = 1.0
    scene.again().recover()
    assert scene.gone() == [("ann", 0.0, "died")]


@pytest.mark.parametrize("left", [b"", b"[", b'[{"name": 1}]', b"\xff", b"{}", b"[" * 100_000])
def test_a_file_that_was_cut_off_tells_of_nobody_and_goes(scene: Scene, left: bytes) -> None:
    scene.path.write_bytes(left)
    scene.visits.recover()
    assert scene.gone() == []
    assert not scene.path.exists()


def test_where_nothing_can_be_written_no_old_list_stays(scene: Scene) -> None:
    scene.visits.inside(ONE, (ANN,))
    scene.path.with_name("visits.new").mkdir()  # stands in for a full disk
    scene.visits.inside(ONE, (ANN, BOB))
    assert not scene.path.exists()
    scene.visits.ended(ONE)
    assert [name for name, _, _ in scene.gone()] == ["ann", "bob"]
