# SPDX-License-Identifier: Apache-2.0
"""Plain values → `Document`, with every fault of form as a finding of its own.

The schema library's errors are translated here, in one place: where, what was found, what is
allowed, and for an unknown name the nearest known one.
"""

import difflib
import types
import typing
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from gatehouse.config import findings, schema

_SECRETS_ELSEWHERE = "passwords are set with a command or a file, never written here"


def read(values: dict[str, Any]) -> schema.Document | tuple[findings.Finding, ...]:
    """Check form, types and bounds; all faults at once."""
    strange = [name for name in values if name not in schema.Document.model_fields]
    if len(strange) > findings.MAX_FINDINGS:
        # More than anybody reads: a file of something else, or one that was made to cost time.
        first = [_unknown((name,), values[name]) for name in strange[: findings.MAX_FINDINGS]]
        rest = len(strange) - len(first)
        return (*first, findings.error((), f"{rest} more unknown names are not shown"))
    try:
        return schema.Document.model_validate(values)
    except pydantic.ValidationError as refused:
        faults = refused.errors(include_url=False)
        shown = [_finding(one) for one in faults[: findings.MAX_FINDINGS]]
        unique = list(dict.fromkeys(shown))
        if len(faults) > len(shown):
            rest = len(faults) - len(shown)
            unique.append(findings.error((), f"{rest} more faults are not shown"))
        return tuple(unique)


def field_names(path: findings.Path) -> tuple[str, ...]:
    """The fields that the section at this path may have; empty where names are free."""
    model = _model_at(path)
    return tuple(model.model_fields) if model else ()


def _finding(fault: ErrorDetails) -> findings.Finding:
    kind = fault["type"]
    path = _clean_path(fault["loc"])
    if kind == "extra_forbidden":
        return _unknown(path, fault["input"])
    if kind == "missing":
        return findings.error(path, "is missing", hint=_help(path))
    if fault["loc"] and fault["loc"][-1] == "[key]" and kind != "value_error":
        hint = "allowed: letters, digits, '.', '_' and '-', at most 63"
        return findings.error(path, "is no name", hint=hint)
    if kind in ("string_type", "dict_type", "model_type", "list_type", "bool_type", "int_type"):
        return findings.error(path, _WRONG_TYPE[kind], hint=_help(path), found=fault["input"])
    needed = allowed(fault)
    return findings.error(path, "is not allowed", hint=f"allowed: {needed}", found=fault["input"])


_WRONG_TYPE = {
    "string_type": "must be a text in quotes",
    "dict_type": "must be a section",
    "model_type": "must be a section",
    "list_type": "must be a list",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
}


def allowed(fault: ErrorDetails) -> str:
    """What a value would have to be, of a fault of the schema library."""
    context: dict[str, Any] = fault.get("ctx", {})
    match fault["type"]:
        case "value_error":
            return str(context["error"])
        case "enum" | "literal_error":
            return str(context["expected"]).lower()
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "less_than_equal":
            return f"at most {context['le']}"
        case "string_too_long" | "too_long":
            return f"at most {context['max_length']} long"
        case "string_too_short" | "too_short":
            return "not empty"
        case "string_pattern_mismatch":
            return "letters, digits, '.', '_' and '-', at most 63"
        case _:
            return fault["msg"]


def _unknown(path: findings.Path, value: object) -> findings.Finding:
    """A number that stands in a misspelt field helps; a text may be a password, and stays out."""
    *above, name = path
    known = field_names(tuple(above))
    what = "is no section of the configuration" if len(path) == 1 else "is no field of this section"
    if findings.is_secret(path):
        return findings.error(path, what, hint=_SECRETS_ELSEWHERE)
    near = difflib.get_close_matches(str(name)[:80], known, n=1, cutoff=0.6)
    if not near:
        return findings.error(path, what, hint="known: " + ", ".join(known))
    told = None if isinstance(value, str) else value
    return findings.error(path, what, hint=f"did you mean {near[0]!r}?", found=told)


def _help(path: findings.Path) -> str:
    """The help text of a field, which says what belongs there."""
    *above, name = path
    model = _model_at(tuple(above))
    field = model.model_fields.get(str(name)) if model else None
    return (field.description or "").rstrip(".") if field else ""


def _clean_path(loc: tuple[int | str, ...]) -> findings.Path:
    """The library's location without its own additions (union members, "[key]")."""
    path: findings.Path = ()
    here: object = schema.Document
    for part in loc:
        inner = _inner(here, part)
        if inner is None:
            break
        path, here = (*path, part), inner
    else:
        return path
    if part != "[key]" and _model(here) is not None and not path[len(loc) - 1 :]:
        path = (*path, part)  # an unknown field of a known section
    return path


def _model_at(path: findings.Path) -> type[schema.Section] | None:
    here: object = schema.Document
    for part in path:
        here = _inner(here, part)
    return _model(here)


def _inner(kind: object, part: int | str) -> object:
    """The type of what stands at one step below `kind`; None when there is no such step."""
    model = _model(kind)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    for one in _alternatives(kind):
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if origin is list and isinstance(part, int):
            return arguments[0]
        if origin is dict and isinstance(part, str) and part != "[key]":
            return arguments[1]
    return None


def _model(kind: object) -> type[schema.Section] | None:
    for one in _alternatives(kind):
        if one is schema.Section:
            return schema.overlay()  # the sections of a group or machine
        if isinstance(one, type) and issubclass(one, schema.Section):
            return one
    return None


def _alternatives(kind: object) -> tuple[object, ...]:
    if typing.get_origin(kind) is typing.Annotated:
        return _alternatives(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(each for one in typing.get_args(kind) for each in _alternatives(one))
    return (kind,)
