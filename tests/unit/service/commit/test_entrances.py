# SPDX-License-Identifier: Apache-2.0
"""Processes by which people come in: replaced when what they run by changes, and only then."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gatehouse.config.checks import Loaded, load
from gatehouse.config.running import Running
from gatehouse.service.base.children import Rules
from gatehouse.service.commit import entrances
from gatehouse.service.commit.entrances import CannotStart, Change, Entrances
from gatehouse.service.commit.sockets import Endpoint

TEXT = 'format = 1\n[system]\nhostname = "{name}"\n[ssh]\nenabled = {on}\nport = {port}\n'


class Child:
    """A process that serves as soon as it is started, unless it is broken."""

    def __init__(self, role: str, rules: Rules, broken: bool) -> None:
        self.role, self.rules, self.stopping, self.retired = role, rules, False, False
        self.ready = asyncio.Event()
        if not broken:
            self.ready.set()

    @property
    def revision(self) -> int:
        return self.rules.revision

    def retire(self) -> None:
        self.stopping = self.retired = True

    def stop(self, within: float) -> None:
        self.stopping = True


class Family:
    """Pretend children; `coming` died, and are about to be started again."""

    def __init__(self) -> None:
        self.all: list[Child] = []
        self.coming: list[Child] = []
        self.broken = False
        self.given_up: list[int] = []

    async def start(self, role: str, rules: Rules) -> Child:
        self.all.append(Child(role, rules, self.broken))
        return self.all[-1]

    def of(self, role: str) -> list[Child]:
        return [one for one in self.all if one.role == role and not one.stopping]

    def retire(self, role: str, revision: int) -> None:
        for one in (*self.all, *self.coming):
            if one.role == role and one.revision != revision:
                one.retire()

    def dismiss(self, role: str, revision: int, within: float) -> None:
        for one in (*self.all, *self.coming):
            if one.role == role and one.revision == revision:
                one.stop(within)

    def restart_by(self, role: str, rules: Rules) -> None:
        for one in self.coming:
            one.rules = rules

    def give_up(self, revision: int) -> None:
        self.given_up.append(revision)


class Site:
    def __init__(self) -> None:
        self.family = Family()
        self.deaths = 0
        family: Any = self.family
        self.entrances = Entrances(family, self._count, lambda: 0.0)
        self.sockets: dict[Endpoint, socket.socket] = {}

    def _count(self) -> int:
        if self.family.broken:
            self.deaths += 1
        return self.deaths

    def apply(self, revision: int, running: Running, *, in_force: bool = True) -> None:
        for one in entrances.wanted(running):
            if one.endpoint not in self.sockets:
                self.sockets[one.endpoint] = socket.socket()
        change = asyncio.run(self._served(running, revision))
        self.entrances.finish(change) if in_force else self.entrances.undo(change)

    async def _served(self, running: Running, revision: int) -> Change:
        change = await self.entrances.begin(running, revision, b"packed", self.sockets)
        await self.entrances.serving(change)
        return change

    @property
    def there(self) -> list[tuple[int, bool]]:
        return [(one.revision, one.stopping) for one in self.family.all]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    for sock in made.sockets.values():
        sock.close()


def running(on: bool = True, port: int = 2222, name: str = "gw1.example.com") -> Running:
    text = TEXT.format(on=str(on).lower(), port=port, name=name)
    found = load(text.encode())
    assert isinstance(found, Loaded), found
    return found.running


def test_a_commit_that_changes_something_else_leaves_it_alone(site: Site) -> None:
    site.apply(1, running())
    site.apply(2, running(name="gw2.example.com"))
    (one,) = site.family.all
    assert (one.revision, one.stopping) == (2, False)  # by which it is started again, if it dies
    assert one.rules.sockets == {"ssh": site.sockets["127.0.0.1", 2222]}


def test_one_that_changes_it_starts_another_before_the_first_retires(site: Site) -> None:
    site.apply(1, running())
    site.apply(2, running(port=2223))
    assert site.there == [(1, True), (2, False)]
    assert site.family.all[0].retired
    assert site.family.all[1].rules.sockets == {"ssh": site.sockets["127.0.0.1", 2223]}


def test_switched_off_it_retires_and_switched_on_it_comes_back(site: Site) -> None:
    site.apply(1, running())
    site.apply(2, running(on=False))
    assert site.there == [(1, True)]
    site.apply(3, running())
    assert site.there == [(1, True), (3, False)]


def test_what_is_not_in_force_in_the_end_is_taken_back(site: Site) -> None:
    site.apply(1, running())
    site.apply(2, running(port=2223), in_force=False)
    assert site.there == [(1, False), (2, True)]
    site.apply(3, running())
    assert site.there == [(3, False), (2, True)]


def test_one_that_does_not_serve_is_a_commit_that_fails(site: Site) -> None:
    site.apply(1, running())
    site.family.broken = True
    with pytest.raises(CannotStart, match="ssh does not start"):
        site.apply(2, running(port=2223))
    assert site.family.given_up == [2]
    assert not site.family.all[0].stopping


def test_one_that_has_just_died_comes_back_by_what_is_in_force(site: Site) -> None:
    site.apply(1, running())
    died = site.family.all.pop()
    site.family.coming.append(died)
    site.apply(2, running(name="gw2.example.com"))
    assert (died.revision, died.stopping) == (2, False)
    site.apply(3, running(port=2223))
    assert died.retired
