# SPDX-License-Identifier: Apache-2.0
"""The reference manual of the configuration, made from the schema.

Rule: nothing about a field is written twice. Type, bounds, default and help stand in `schema.py`;
this turns them into the page `docs/configuration.md`, and a test compares the two. By what a field
is set is not known here: that is told by the faces, one cell for each field.
"""

import enum
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gatehouse.config import annotations, builtin, schema, units
from gatehouse.policy import alarms, destinations, mail_flow, retry

_INTRODUCTION = """\
# Configuration reference

This page is made from `src/gatehouse/config/schema.py` by `make docs`; edit the schema, not the
page. A test fails when the two differ.

The file is TOML. It is read with `gatehouse config load FILE`, checked as a whole, and runs after
`gatehouse config commit`. An unknown section or field is an error, never skipped. What is not set
has the default that stands here; where that is
"inherited", the note of the section says from where.

- **size**: a number of octets, or like `"64K"`, `"20M"`, `"1G"` (powers of 1024).
- **duration**: a number of seconds, or like `"30s"`, `"10m"`, `"12h"`, `"3d"`, `"2w"`.
- **name**: 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or digit.
- **word**: one of the words given, in any case.

*set by* is the way to the field through the dialogues of `gatehouse shell` and, where there is one,
the command that is made for it. `set`: no dialogue asks for it, and `set PATH VALUE` in the shell
sets it. A page of the web console will be named in the same place; there is none yet. Every field
of every section can be set with `gatehouse config set PATH VALUE` and taken away with
`gatehouse config unset PATH`: the path is the section, a dot, and the field.
"""

_NOTES = {
    "listeners.NAME.recipient_access": "In a path an entry goes by its recipient.",
    "listeners.NAME.sender_groups": (
        "Written as `[[listeners.NAME.sender_groups]]`, one by one; in a path a group goes by its"
        " name."
    ),
    "mail_flow_policies.NAME": (
        "What a policy does not set it takes from the built-in policy of its name (below), then"
        " from `[mail_flow_policies.default]`, then from the built-in values of `default`."
    ),
    'destination_controls."DOMAIN"': (
        'DOMAIN is a domain, `".domain"` for all below it, an address in brackets, or `default`.'
        " The exact domain wins over the longest suffix, and that over `default`; what is not set"
        " is inherited from `default`. What each level of `tls` proves, and what becomes of mail"
        " where it fails: [outbound-tls.md](outbound-tls.md)."
    ),
    "sender_tls_overrides": (
        "Written as `[[sender_tls_overrides]]`, one by one. In a path the list is one value."
    ),
    "crl.sources": "Written as `[[crl.sources]]`, one by one. In a path the list is one value.",
    "bounce_profiles.NAME": (
        "What a profile does not set it takes from `[bounce_profiles.default]`. A message lives at"
        " most as long as the longest `max_time` of all profiles said when it was accepted."
    ),
    'alerts.recipients."ADDRESS"': "ADDRESS is a mail address, in quotes.",
    "groups.NAME": "How the levels work together: [levels.md](levels.md).",
    "machines.NAME": "How the levels work together: [levels.md](levels.md).",
    "smtp_configuration": "Optional. There is no field for the password on purpose.",
}

NOT_YET = {
    "https_certificate": "checked and kept; the console comes later",
    "ldap.client_certificate": "checked and kept; its user comes later",
    "url_filtering.client_certificate": "checked and kept; its user comes later",
    "smtp_configuration.server": "read, there are no notifications yet",
    "smtp_configuration.encryption": "as `server`",
    "smtp_configuration.from_email": "as `server`",
    "smtp_configuration.username": "as `server`",
}
"""Fields that are checked and kept, and that nothing acts on yet, wherever they stand or in one
section; a test compares with the code."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One section of the page: its place in the file and the model behind it."""

    place: str
    model: type[schema.Section]


Cell = Callable[[str, str], str]  # by which way a field is set: section ("": the top), field


def reference(set_by: Cell) -> str:
    """The whole page."""
    lines = [_INTRODUCTION]
    lines += _top(set_by)
    for part in _parts(schema.Document, ""):
        lines += _section(part, set_by)
    lines += _builtin()
    return "\n".join(lines).rstrip("\n") + "\n"


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Section, name and declaration of every field, in the order of the page."""
    for name, field in schema.Document.model_fields.items():
        if annotations.section_of(field.annotation) is None:
            yield "", name, field
    for part in _parts(schema.Document, ""):
        for name, field in part.model.model_fields.items():
            yield part.place, name, field


def _top(set_by: Cell) -> Iterator[str]:
    """What stands at the top of the file, outside all sections."""
    yield "## Top of the file\n"
    yield _HEAD
    for name, field in schema.Document.model_fields.items():
        if annotations.section_of(field.annotation) is None:
            label = f"[{name}]" if name == "smtp_routes" else name
            yield _row(label, field, set_by("", name))
    yield ""


# What stands in the place of the operator's own names, where they are no names of the house.
_NAMED = {"destination_controls": '."DOMAIN"', "recipients": '."ADDRESS"'}


def _parts(model: type[schema.Section], place: str) -> Iterator[_Part]:
    """Every section below a model, each before those inside it."""
    for name, field in model.model_fields.items():
        found = annotations.section_of(field.annotation)
        if found is None:
            continue
        below, many = found
        if below is schema.Section:
            continue  # the sections at the top again, each field optional
        here = f"{place}.{name}" if place else name
        if many is annotations.Many.BY_NAME:
            here += _NAMED.get(name, ".NAME")
        yield _Part(here, below)
        yield from _parts(below, here)


def _section(part: _Part, set_by: Cell) -> Iterator[str]:
    yield f"## [{part.place}]\n"
    preface = inspect.cleandoc(part.model.__doc__ or "")
    # "[listeners.NAME]: a place where mail comes in." without its own heading
    said = preface.partition("]: ")[2] or preface
    yield f"{said[:1].upper()}{said[1:]}\n"
    if note := _NOTES.get(part.place):
        yield f"{note}\n"
    yield _HEAD
    for name, field in part.model.model_fields.items():
        yield _row(name, field, set_by(part.place, name), part.place)
    yield ""


_HEAD = "| field | type | default | meaning | set by |\n|---|---|---|---|---|"


def _row(name: str, field: FieldInfo, set_by: str, place: str = "") -> str:
    kind = _kind(field.annotation, tuple(field.metadata))
    said = field.description or ""
    if not_yet := NOT_YET.get(name) or NOT_YET.get(f"{place}.{name}"):
        said = f"{said} **Not yet in effect**: {not_yet}."
    cells = (f"`{name}`", kind, _default(field), said, set_by)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# --- types ------------------------------------------------------------------------------------

_KNOWN = (
    # By the declared alias: what a person is to write, which pydantic's own types do not say.
    (schema.Name, "name"),
    (schema.PolicyName, "name"),
    (schema.Host, "host name"),
    (schema.HostOrNothing, 'host name or `""`'),
    (schema.Ip, "IP address"),
    (schema.Mailbox, "mail address"),
    (schema.DnsServer, "`address:port`"),
    (schema.CrlUrl, "URL"),
    (schema.ReplyText, "text"),
    (schema.Place, "path"),
    (schema.CountryCode, "two letters"),
    (schema.MinTls, "word: `1.2`, `1.3`"),
    (schema.AlertClass, "word: " + ", ".join((alarms.ALL_CLASSES, *alarms.AlarmClass))),
)


def _kind(annotation: object, metadata: tuple[object, ...]) -> str:
    """What may be written, with its bounds."""
    annotation, more = annotations.unwrapped(annotation)
    metadata = (*metadata, *more)
    for alias, word in _KNOWN:
        if typing.get_args(alias)[-1] in metadata:
            return word
    if any(getattr(one, "pattern", None) for one in metadata):
        return "name"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "word: " + ", ".join(f"`{str(one.value).lower()}`" for one in annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{_shown(one)}`" for one in typing.get_args(annotation))
    if origin is list:
        return "list of " + _kind(typing.get_args(annotation)[0], ())
    if origin is dict:
        return "table of " + _kind(typing.get_args(annotation)[1], ())
    if annotation is schema.Section:
        return "sections, as at the top"
    if isinstance(annotation, type) and issubclass(annotation, schema.Section):
        return "sections, below"
    return _plain(annotation, metadata)


_WORDS: dict[object, str] = {
    int: "number",
    float: "number",
    str: "text",
    bool: "`true` or `false`",
}


def _plain(annotation: object, metadata: tuple[object, ...]) -> str:
    unit = next((word for word in ("size", "duration") if word in metadata), "")
    word = unit or _WORDS[annotation]
    least, most = annotations.bound(metadata, "ge"), annotations.bound(metadata, "le")
    if least is None or most is None or annotation is not int:
        return word
    return f"{word}, {_amount(least, unit)} to {_amount(most, unit)}"


def _amount(number: int, unit: str) -> str:
    if unit == "size":
        return str(units.format_size(number))
    if unit == "duration":
        return str(units.format_duration(number))
    return f"{number:,}"


# --- defaults ---------------------------------------------------------------------------------


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined:
        return "inherited" if _inherits(field) else "not set"
    unit = next((word for word in ("size", "duration") if word in field.metadata), "")
    if unit:
        return f"`{_amount(default, unit)}`"
    if default == "":
        return '`""`'
    if default in ({}, []) or isinstance(default, schema.Section):
        return "none"
    return f"`{_shown(default)}`"


_INHERITING = (schema.MailFlowPolicy, schema.DestinationControl, schema.BounceProfile)


def _inherits(field: FieldInfo) -> bool:
    return any(field in model.model_fields.values() for model in _INHERITING)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return str(value.value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    return str(getattr(value, "name", value))


def _builtin() -> Iterator[str]:
    """What is there without being written."""
    yield "## Built-in values\n"
    yield "What an inherited field has when nobody sets it anywhere.\n"
    yield "| section | values |"
    yield "|---|---|"
    policy = mail_flow.MailFlowPolicy(name="default")
    control = destinations.DestinationControl(domain="default")
    profile = retry.BounceProfile()
    for place, model, value in (
        ("mail_flow_policies.default", schema.MailFlowPolicy, policy),
        ("destination_controls.default", schema.DestinationControl, control),
        ("bounce_profiles.default", schema.BounceProfile, profile),
    ):
        yield f"| `{place}` | {_values(model, _known_values(model, value))} |"
    yield "\n## Built-in mail flow policies\n"
    yield "Sender groups can name them; a section of the same name changes them.\n"
    yield "| policy | values |"
    yield "|---|---|"
    for name, values in builtin.POLICIES.items():
        yield f"| `{name}` | {_values(schema.MailFlowPolicy, values)} |"
    yield "\n## Built-in sender groups\n"
    yield "A listener without sender groups has these, without members until the last.\n"
    yield "| type | groups, with their policies |"
    yield "|---|---|"
    for kind in ("public", "private"):
        listener = schema.Listener(type=kind, interface="any")
        groups = builtin.sender_groups(listener)
        yield f"| {kind} | {', '.join(f'`{one.name}` ({one.policy})' for one in groups)} |"
    yield ""


def _known_values(model: type[schema.Section], value: object) -> dict[str, object]:
    """The values of the fields that a section and the value it becomes have in common."""
    parts = (value, getattr(value, "demands", None))
    return {
        name: getattr(part, name)
        for name in model.model_fields
        for part in parts
        if hasattr(part, name)
    }


def _values(model: type[schema.Section], values: typing.Mapping[str, object]) -> str:
    shown = []
    for name, value in values.items():
        if value is None or value in ("", ()):
            continue
        field = model.model_fields[name]
        _, said = annotations.unwrapped(field.annotation)
        unit = next((word for word in ("size", "duration") if word in (*said, *field.metadata)), "")
        text = (
            _amount(int(value), unit) if unit and isinstance(value, int | float) else _shown(value)
        )
        shown.append(f"`{name} = {text}`")
    return ", ".join(shown)
