# SPDX-License-Identifier: Apache-2.0
"""The paths of all fields: to offer them, and to say what a field takes, from the schema alone.

A path is written as in the messages of the checks: dots between the names, quotes around names with
dots in them, elements of named lists by their name (`findings.place_text`).
"""

import enum
import typing
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from gatehouse.config import annotations, changes, findings, schema, text

MOST_NAMES = 500  # of one section that are offered; ours: nobody completes his way through more
MOST_PATHS = 50_000  # that are offered altogether
_SWITCH = ("true", "false")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is for, and the words that it takes (none: not a choice of words)."""

    description: str
    words: tuple[str, ...]


def settable(document: schema.Document) -> tuple[str, ...]:
    """Every path that can be set below what is there, set already or not, in the schema's order."""
    found = []
    for path in _below(schema.Document, document, ()):
        found.append(findings.place_text(path))
        if len(found) >= MOST_PATHS:
            break
    return tuple(found)


def written(document: schema.Document) -> tuple[str, ...]:
    """Every path at which something stands: what can be taken away."""
    found = changes.parts(document).at
    return tuple(findings.place_text(path) for path in found if path)[:MOST_PATHS]


def at(path: str) -> Field | None:
    """The field at a path, whether its sections are there yet or not; None: there is none."""
    names = text.key_parts(path)
    model: type[schema.Section] = schema.Document
    while names:
        field = model.model_fields.get(names[0])
        if field is None:
            return None
        names = names[1:]
        inner, named = _section(field.annotation)
        if inner is None and len(names) > named:
            return None
        if inner is None or (named and not names):
            return Field(field.description or "", _words(field))
        model, names = inner, names[1:] if named else names
    return None


def _below(
    model: type[schema.Section], value: object, path: changes.Path
) -> Iterator[changes.Path]:
    for name, field in model.model_fields.items():
        inner, named = _section(field.annotation)
        here = (*path, name)
        below = getattr(value, name, None)
        if inner is None:
            yield here
            if named and below:
                yield from ((*here, key) for key in list(below)[:MOST_NAMES])
        elif not named:
            yield from _below(inner, below, here)
        elif isinstance(below, dict):
            for key in list(below)[:MOST_NAMES]:
                yield from _below(inner, below[key], (*here, key))
        elif changes.keyed(here):
            for one in (below or [])[:MOST_NAMES]:
                if key := getattr(one, "name", None) or getattr(one, "recipient", None):
                    yield from _below(inner, one, (*here, key))
        else:
            yield here  # a list of sections that is one value


def _section(annotation: object) -> tuple[type[schema.Section] | None, bool]:
    """The section behind a field, and whether names of the operator's own lead into it."""
    found = annotations.section_of(annotation)
    if found is not None:
        return found[0], found[1] is not annotations.Many.NO
    return None, typing.get_origin(annotations.unwrapped(annotation)[0]) is dict


def _words(field: FieldInfo) -> tuple[str, ...]:
    kind, _ = annotations.unwrapped(field.annotation)
    if typing.get_origin(kind) is list:
        kind, _ = annotations.unwrapped(typing.get_args(kind)[0])
    if kind is bool:
        return _SWITCH
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(str(one.value).lower() for one in kind)
    if typing.get_origin(kind) is typing.Literal:
        return tuple(map(str, typing.get_args(kind)))
    return ()
