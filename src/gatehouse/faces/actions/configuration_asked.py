# SPDX-License-Identifier: Apache-2.0
"""The configuration that a question is about: what is in force, the candidate, or a file.

Read, checked and built as a commit would do it. What cannot run is refused with everything that is
wrong, so that no question is ever answered from a configuration that will not be.
"""

import asyncio
from dataclasses import dataclass

from gatehouse.config import checks, saved
from gatehouse.config.running import Listener
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration_change import level_of
from gatehouse.faces.actions.configuration_examine import certificates_of, examine, view
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House

INCOMPLETE = "level-incomplete"


@dataclass(frozen=True, slots=True)
class Asked:
    """A configuration that can run, and what it is called."""

    source: str  # revision 3 | candidate | file
    loaded: checks.Loaded

    def listener(self, name: str | None) -> Listener:
        """A listener by its name; the first where none is named."""
        listeners = self.loaded.running.listeners
        if not listeners:
            raise OperatorError("no-listener", "The configuration has no listener.", self.source)
        if name is None:
            return listeners[0]
        for one in listeners:
            if one.name == name:
                return one
        raise OperatorError(
            "no-such-listener",
            "There is no such listener.",
            name[:100],
            f"There are: {', '.join(one.name for one in listeners[:20])}.",
        )


async def asked(
    house: House,
    *,
    candidate: bool = False,
    file: bytes | None = None,
    level: str | None = None,
) -> Asked:
    """Find it, check it, build it: what holds for this machine, or at a level."""
    source, text = _text(house, candidate=candidate, file=file)
    known = certificates_of(house, source)
    loaded = await asyncio.to_thread(_load, house, text, known, level)
    if isinstance(loaded, checks.Refused):
        if loaded.stranger:
            why = loaded.findings[0]
            raise OperatorError(
                "not-a-member", f"{why.what[:1].upper()}{why.what[1:]}.", source, why.hint
            )
        await examine(house, text, source)  # which says everything that is wrong
        raise OperatorError("configuration-refused", "The configuration cannot run.", source)
    return Asked(source, loaded)


def _load(
    house: House, text: bytes, known: frozenset[str], level: str | None
) -> checks.Loaded | checks.Refused:
    if level is None:
        return checks.load(text, certificates=known, machine=house.machine)
    loaded = checks.load(text, certificates=known, elsewhere=True)
    if isinstance(loaded, checks.Refused):
        return loaded
    at = level_of(loaded.whole, level)
    found = checks.at_level(loaded, at, certificates=known)
    if isinstance(found, checks.Loaded):
        return found
    # Other levels may say what is missing here, so that every machine can run.
    raise OperatorError(
        INCOMPLETE,
        f"What holds at {at.words()} does not make a configuration by itself.",
        hint="Look at one of the machines.",
        findings=tuple(map(view, found.findings)),
    )


def _text(house: House, *, candidate: bool, file: bytes | None) -> tuple[str, bytes]:
    if file is not None:
        return "file", saved.text_of(file)
    if candidate:
        wanted = Candidate(house).read()
        if wanted is None:
            raise OperatorError(
                "no-candidate",
                "There is no candidate.",
                hint="Make one with `gatehouse config load`.",
            )
        return "candidate", wanted
    current = None if house.opened is None else house.store.revisions.current()
    if current is not None and house.gateway is not None:
        current = house.store.revisions.get(house.gateway.revision) or current
    if current is None:
        raise OperatorError(
            "no-revision",
            "There is no configuration yet.",
            hint="Name a file with --file, or make one with `gatehouse run`.",
        )
    return f"revision {current.number}", current.text.encode()
