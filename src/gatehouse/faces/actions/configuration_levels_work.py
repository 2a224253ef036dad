# SPDX-License-Identifier: Apache-2.0
"""The work: settings that go from one level to another, and what holds for one machine."""

from gatehouse.config import (
    document,
    findings,
    format,
    level_changes,
    level_text,
    levels,
    places,
    schema,
)
from gatehouse.config.places import Level
from gatehouse.faces.actions.configuration import LevelledValue, ShowInput, Text
from gatehouse.faces.actions.configuration_change import (
    agreed,
    change,
    level_of,
    named_path,
    refused,
    written,
)
from gatehouse.faces.actions.configuration_edit import Edited
from gatehouse.faces.actions.configuration_examine import read
from gatehouse.faces.actions.configuration_levels import CarryInput, DropInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean


async def copy(house: House, given: CarryInput) -> Edited:
    """Another level says it too."""

    def edit(content: bytes, before: schema.Document) -> bytes:
        source, target = level_of(before, given.from_), level_of(before, given.to)
        path = named_path(given.path)
        return written(content, agreed(level_changes.copy(before, path, source, target)))

    return await change(house, edit, given.commit)


async def move(house: House, given: CarryInput) -> Edited:
    """Another level says it instead."""

    def edit(content: bytes, before: schema.Document) -> bytes:
        source, target = level_of(before, given.from_), level_of(before, given.to)
        path = named_path(given.path)
        return written(content, agreed(level_changes.move(before, path, source, target)))

    return await change(house, edit, given.commit)


async def delete(house: House, given: DropInput) -> Edited:
    """A level says it no more."""

    def edit(content: bytes, before: schema.Document) -> bytes:
        level, path = level_of(before, given.from_), named_path(given.path)
        return written(content, agreed(level_changes.delete(before, path, level)))

    return await change(house, edit, given.commit)


def held(house: House, whole: schema.Document, level: str | None) -> schema.Document:
    """What holds at a level; nothing said means for this machine, or for all where it is alone."""
    if level is None and house.machine in whole.machines:
        level = f"machine:{house.machine}"
    return at(whole, level_of(whole, level))


def at(whole: schema.Document, level: Level) -> schema.Document:
    """What holds at a level; OperatorError where that is no configuration."""
    here = level_changes.holding(whole, level)
    if isinstance(here, level_changes.Refused):
        raise refused(here.findings)
    return here


def holding(text: Text, given: ShowInput, own: str | None) -> Text:
    """A text as it holds for one machine, or at one level; nothing said means this machine."""
    if given.machine is not None and given.level is not None:
        raise OperatorError("two-levels", "Name a machine or a level.", hint="Not both.")
    whole = read(text.text.encode(), text.source)
    machine = given.machine
    if machine is None and given.level is None and own in whole.machines:
        machine = own
    level = level_of(whole, given.level if machine is None else f"machine:{machine}")
    found = levels.effective(format.plain(whole), level)
    here = document.read(found.values)
    if not isinstance(here, schema.Document):
        raise refused([findings.moved(one, found.where(one.path)) for one in here])
    origins = given.origins
    shown = level_text.annotated(here, found) if origins else level_text.plain(here)
    values = (
        tuple(
            LevelledValue(
                place=places.text(path), value=clean(format.literal(value)), level=str(said)
            )
            for path, value, said in found.leaves()
        )
        if origins
        else ()
    )
    return Text(
        source=f"{text.source}, {level.words()}", revision=text.revision, text=shown, values=values
    )
