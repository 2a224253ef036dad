# SPDX-License-Identifier: Apache-2.0
"""One field by itself, as it is declared: what it takes, what holds, and why a value is refused.

For faces that ask for one value after another. A whole document is still checked as a whole: here
only form, type and bounds are looked at, so that a slip is told where it was made.
"""

import enum
import functools
import types
import typing
from dataclasses import dataclass

import pydantic
from pydantic_core import PydanticUndefined

from gatehouse.config import annotations, document, schema, units


class Kind(enum.Enum):
    """What a field takes."""

    SWITCH = "true or false"
    WORD = "one of some words"
    NUMBER = "a whole number"
    DURATION = "a time"
    SIZE = "a number of octets"
    LIST = "several texts"
    TEXT = "a text"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the schema says about a field that is a value. `words`: of a WORD only."""

    kind: Kind
    description: str
    optional: bool  # it may be left unset, and inherits then or has no value
    default: object  # None where there is none
    words: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


@functools.cache
def declared(model: type[schema.Section], name: str) -> Declared:
    """A field of a section. Raises KeyError for one that is not there."""
    field = model.model_fields[name]
    inner, said = annotations.unwrapped(field.annotation)
    said = (*field.metadata, *said)
    default = field.get_default(call_default_factory=True)
    return Declared(
        kind=_kind(inner, said),
        description=field.description or "",
        optional=_optional(field.annotation),
        default=None if default is PydanticUndefined else default,
        words=tuple(word for word in _words(inner) if why_not(model, name, word) is None),
        least=annotations.bound(said, "ge"),
        most=annotations.bound(said, "le"),
    )


def why_not(model: type[schema.Section], name: str, value: object) -> str | None:
    """What a field needs that a value is not; None: it can have the value."""
    try:
        _reader(model, name).validate_python(value)
    except pydantic.ValidationError as refused:
        return document.allowed(refused.errors(include_url=False)[0])
    return None


def read(model: type[schema.Section], name: str, value: object) -> object:
    """The value that what is written means: "20m" is 1200. `value` has been found good."""
    return _reader(model, name).validate_python(value)


def written(model: type[schema.Section], name: str, value: object) -> typing.Any:  # noqa: ANN401
    """A value as a text form has it: what `read` takes back."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, int) and not isinstance(value, bool):
        match declared(model, name).kind:
            case Kind.DURATION:
                return units.format_duration(value)
            case Kind.SIZE:
                return units.format_size(value)
    if isinstance(value, list | tuple):
        return [one.value if isinstance(one, enum.Enum) else one for one in value]
    return value


@functools.cache
def _reader(model: type[schema.Section], name: str) -> pydantic.TypeAdapter[object]:
    field = model.model_fields[name]
    kind: typing.Any = field.annotation
    for one in field.metadata:
        kind = typing.Annotated[kind, one]
    return pydantic.TypeAdapter(kind, config=pydantic.ConfigDict(strict=True))


def _kind(inner: object, said: tuple[object, ...]) -> Kind:
    origin = typing.get_origin(inner)
    if inner is bool:
        return Kind.SWITCH
    if origin is typing.Literal or (isinstance(inner, type) and issubclass(inner, enum.Enum)):
        return Kind.WORD
    if origin is list:
        return Kind.LIST
    if "duration" in said:
        return Kind.DURATION
    if "size" in said:
        return Kind.SIZE
    return Kind.NUMBER if inner is int else Kind.TEXT


def _words(inner: object) -> tuple[str, ...]:
    if typing.get_origin(inner) is typing.Literal:
        return tuple(map(str, typing.get_args(inner)))
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return tuple(str(one.value) for one in inner)
    return ()


def _optional(annotation: object) -> bool:
    if typing.get_origin(annotation) is typing.Annotated:
        return _optional(typing.get_args(annotation)[0])
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return union and type(None) in typing.get_args(annotation)
