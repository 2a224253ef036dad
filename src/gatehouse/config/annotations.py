# SPDX-License-Identifier: Apache-2.0
"""What the annotation of a field says under its wrappings: its type, and the section behind it."""

import enum
import types
import typing

from pydantic.fields import FieldInfo

from gatehouse.config import schema


class Many(enum.Enum):
    """How many sections stand behind a field."""

    NO = "one"
    IN_ORDER = "a list of them"
    BY_NAME = "a table of them, under names of the operator's own"


def unwrapped(annotation: object) -> tuple[object, tuple[object, ...]]:
    """The type without `Annotated` and without "or None"; what was said beside it."""
    said: tuple[object, ...] = ()
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, *more = typing.get_args(annotation)
            said += tuple(more)
        elif isinstance(annotation, types.UnionType) or (
            typing.get_origin(annotation) is typing.Union
        ):
            annotation = next(one for one in typing.get_args(annotation) if one is not type(None))
        else:
            return annotation, said


def section_of(annotation: object) -> tuple[type[schema.Section], Many] | None:
    """The section behind a field; None: the field is a value."""
    annotation, _ = unwrapped(annotation)
    origin = typing.get_origin(annotation)
    if origin in (list, dict):
        found = section_of(typing.get_args(annotation)[-1])
        return found and (found[0], Many.BY_NAME if origin is dict else Many.IN_ORDER)
    if isinstance(annotation, type) and issubclass(annotation, schema.Section):
        return annotation, Many.NO
    return None


def bound(said: tuple[object, ...], side: str) -> int | None:
    """The bound "ge" or "le" in what is said beside a type, if there is one."""
    for one in said:
        found = bound(tuple(one.metadata), side) if isinstance(one, FieldInfo) else None
        if found is None:
            found = getattr(one, side, None)
        if found is not None:
            return int(found)
    return None
