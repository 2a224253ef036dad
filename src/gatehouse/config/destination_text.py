# SPDX-License-Identifier: Apache-2.0
"""Destination controls in the ini form of the modelled appliance, both ways.

    [DEFAULT]
    table_tls = on
    [bank.example]
    table_tls = require_verify_hosted

Keys and words are the appliance's. What only Gatehouse has stands in comments that begin with
`# gatehouse:`, which the appliance skips; so does, for what the form demands to be written, that it
is not set but inherited. With them a text says exactly the document that it was made from.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gatehouse.config import document, findings, format, hat_text, schema, text
from gatehouse.config.findings import Finding
from gatehouse.policy import destinations
from gatehouse.policy.destinations import IpPreference, LimitType
from gatehouse.policy.outbound_tls import OutboundTlsLevel

DEFAULT_SECTION = "DEFAULT"
_OWN = "# gatehouse:"
_NOT_SET = "not set:"
_ENTRY = re.compile(r"([A-Za-z_]{1,40})\s*[=:]\s*(.*)")
# From the first of some blanks, and possessive: else a long row is tried from each of them.
_COMMENT = re.compile(r"(?<!\s)\s++[#;].*")
_NUMBER = re.compile(r"\d{1,9}")
_SWITCH = {"0": False, "off": False, "1": True, "on": True}
_TLS = {
    "off": OutboundTlsLevel.NONE,
    "on": OutboundTlsLevel.PREFERRED,
    "required": OutboundTlsLevel.REQUIRED,
    "on_verify": OutboundTlsLevel.PREFERRED_VERIFY,
    "require_verify": OutboundTlsLevel.REQUIRED_VERIFY,
    "require_verify_hosted": OutboundTlsLevel.REQUIRED_VERIFY_HOSTED,
}
_IP = {one.value.upper().replace("-", "_"): one for one in IpPreference}
_LIMIT = {"host": LimitType.HOST, "MXIP": LimitType.MX_IP}
_WORDS: dict[str, dict[str, Any]] = {
    "ip_sort_pref": {**_IP},
    "table_tls": {**_TLS},
    "limit_type": {**_LIMIT},
}
# The appliance's key, and the field that it is.
_FIELDS = {
    "ip_sort_pref": "ip_preference",
    "max_host_concurrency": "max_connections",
    "max_messages_per_connection": "max_messages_per_connection",
    "recipient_minutes": "recipient_minutes",
    "recipient_limit": "recipient_limit",
    "limit_type": "limit_type",
    "table_tls": "tls",
    "bounce_profile": "bounce_profile",
}
OF_DELIVERY = {
    "send_tls_req_alert": "alert_on_required_tls_failure",
    "certificate": "certificate",
}
_NOTHING_HERE = {"limit_apply": "virtual gateways", "bounce_validation": "bounce verification"}
_OWN_FIELDS = [one for one in schema.DestinationControl.model_fields if one not in _FIELDS.values()]
_OWN_NAMES = frozenset({*_OWN_FIELDS, "bounce_profile", "certificate"})
_REQUIRED = (  # in [DEFAULT]; without the two of recipients there is no such limit
    *("ip_sort_pref", "max_host_concurrency", "max_messages_per_connection", "limit_type"),
    *("limit_apply", "bounce_validation", "table_tls", "send_tls_req_alert", "certificate"),
)
_BESIDE = {
    "max_host_concurrency": ("limit_type", "limit_apply"),
    "recipient_limit": ("recipient_minutes", "limit_type", "limit_apply"),
}


@dataclass(frozen=True, slots=True)
class Controls:
    """What a text says: plain values as in a document, and what it cannot have here."""

    controls: dict[str, dict[str, Any]]
    delivery: dict[str, Any]
    remarks: tuple[Finding, ...]


# --- writing --------------------------------------------------------------------------------------


def format_controls(read: schema.Document) -> str:
    """All destination controls, and what of [delivery] belongs to them."""
    sections = [_default(read)]
    default = read.destination_controls.get(schema.DEFAULT_DESTINATION)
    for domain, one in read.destination_controls.items():
        if domain != schema.DEFAULT_DESTINATION:
            sections.append("\n".join([f"[{domain}]", *_lines(one, _Known(one, default))]))
    return "\n\n".join(sections) + "\n"


class _Known:
    """The value of a field: what is set, else what is inherited."""

    def __init__(self, *sections: schema.DestinationControl | None) -> None:
        self._sections = sections
        self._factory = destinations.DestinationControl(domain=schema.DEFAULT_DESTINATION)

    def value(self, name: str) -> object:
        for one in self._sections:
            if one is not None and (found := getattr(one, name)) is not None:
                return found
        return getattr(self._factory, name)


def _default(read: schema.Document) -> str:
    own = read.destination_controls.get(schema.DEFAULT_DESTINATION)
    control = own or schema.DestinationControl()
    lines = _lines(control, _Known(own), default=True)
    if own is None:
        lines.append(f"{_OWN} {_NOT_SET} {DEFAULT_SECTION}")
    delivery = read.delivery
    lines.append(f"send_tls_req_alert = {int(delivery.alert_on_required_tls_failure)}")
    lines.append(f"certificate = {delivery.certificate}")
    if not _is_plain(delivery.certificate):
        lines[-1:] = [
            f"certificate = {schema.DEFAULT_CERTIFICATE}",
            f"{_OWN} certificate = {format.quoted(delivery.certificate)}",
        ]
    unset = [key for key, name in OF_DELIVERY.items() if name not in delivery.model_fields_set]
    lines += [f"{_OWN} {_NOT_SET} {', '.join(unset)}"] if unset else []
    return "\n".join([f"[{DEFAULT_SECTION}]", *lines])


def _is_plain(name: str) -> bool:
    return name.isprintable() and name == name.strip() and not _COMMENT.search(f" {name}")


def _lines(one: schema.DestinationControl, known: _Known, *, default: bool = False) -> list[str]:
    wanted = {key for key, name in _FIELDS.items() if getattr(one, name) is not None}
    wanted |= set(_REQUIRED) if default else set()
    for key in tuple(wanted):
        wanted |= set(_BESIDE.get(key, ()))
    wanted -= {"bounce_profile"} if default else set()
    lines, unset = [], []
    for key in (*_FIELDS, *_NOTHING_HERE):
        if key not in wanted:
            continue
        name = _FIELDS.get(key)
        lines.append(f"{key} = {_written(key, None if name is None else known.value(name))}")
        if name is not None and getattr(one, name) is None:
            unset.append(key)
    plain = format.plain(one)
    lines += [
        f"{_OWN} {name} = {_in_one_line(plain[name])}"
        for name in (*_OWN_FIELDS, *(["bounce_profile"] if default else []))
        if name in plain
    ]
    return [*lines, *([f"{_OWN} {_NOT_SET} {', '.join(unset)}"] if unset else [])]


def _in_one_line(value: object) -> str:
    """As TOML; only long lists go over many lines, for line ends in texts are escaped."""
    return " ".join(part.strip() for part in format.literal(value).split("\n"))


def _written(key: str, value: object) -> str:
    if key == "limit_apply":
        return "system"
    if key == "bounce_validation":
        return "off"
    words = _WORDS.get(key, {})
    return next((word for word, one in words.items() if one is value), str(value))


# --- reading --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Section:
    """What was read of a section; `lines`: where each key stands."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    unset: set[str] = field(default_factory=set)


def parse(data: bytes) -> Controls | tuple[Finding, ...]:
    """What a text says, or all its faults with their lines."""
    if len(data) > hat_text.MAX_BYTES:
        return (findings.error((), "the text is too large"),)
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        return (hat_text.at(data.count(b"\n", 0, fault.start) + 1, "the text is not valid UTF-8"),)
    reader = _Reader()
    for number, line in enumerate(written.split("\n"), 1):
        reader.line(number, line.strip())
        too_many = len(reader.sections) > hat_text.MAX_PARTS
        if too_many or len(reader.faults) >= findings.MAX_FINDINGS:
            break  # more than anybody reads
    else:
        reader.whole()
    return tuple(reader.faults[: findings.MAX_FINDINGS]) or _checked(reader)


class _Reader:
    """Takes line after line."""

    def __init__(self) -> None:
        self.sections: dict[str, _Section] = {}
        self.faults: list[Finding] = []
        self.remarks: list[Finding] = []
        self._name = ""
        self._here: _Section | None = None

    def line(self, number: int, line: str) -> None:
        """One line without blanks around it."""
        if line.startswith(_OWN):
            self._own(number, line.removeprefix(_OWN).strip())
        elif line[:1] == "[" and line[-1:] == "]" and len(line) > 2:
            self._begin(number, line[1:-1].strip())
        elif line and line[0] not in "#;":
            self._entry(number, line)

    def whole(self) -> None:
        """What can be said only at the end."""
        for name, one in self.sections.items():
            for key, beside in _BESIDE.items():
                if key in one.lines:
                    for other in beside:
                        if other not in one.lines:
                            self._fault(one.lines[key], f"{key} needs {other} beside it")
            if name == DEFAULT_SECTION:
                for key in _REQUIRED:
                    if key not in one.lines:
                        self._fault(one.number, f"{key} is missing in [{DEFAULT_SECTION}]")
        if DEFAULT_SECTION not in self.sections and not self.faults:
            self._fault(1, f"there is no [{DEFAULT_SECTION}]")

    def _begin(self, number: int, name: str) -> None:
        if name.upper() == DEFAULT_SECTION:
            name = DEFAULT_SECTION
        if name in self.sections:
            self._fault(number, "there is such a section already", found=name)
        if len(self.sections) == hat_text.MAX_PARTS:
            self._fault(number, f"there are more than {hat_text.MAX_PARTS} sections")
        self._name, self._here = name, _Section(number)
        self.sections.setdefault(name, self._here)

    def _entry(self, number: int, line: str) -> None:
        read = _ENTRY.fullmatch(line)
        if read is None or self._here is None:
            hint = "KEY = VALUE in a section [DOMAIN]"
            self._fault(number, "is no entry", hint=hint, found=line)
            return
        key, value = read[1].lower(), _COMMENT.sub("", f" {read[2]}").strip()
        if key in self._here.lines:
            self._fault(number, f"{key} stands in this section already")
            return
        default = self._name == DEFAULT_SECTION
        if key not in (*_FIELDS, *OF_DELIVERY, *_NOTHING_HERE):
            self._fault(number, "is no key of destination controls", found=key)
        elif key in OF_DELIVERY and not default:
            self._fault(number, f"{key} may stand in [{DEFAULT_SECTION}] only")
        elif key == "bounce_profile" and default:
            self._fault(number, f"{key} may not stand in [{DEFAULT_SECTION}]")
        else:
            self._here.lines[key] = number
            self._take(number, key, value)

    def _take(self, number: int, key: str, value: str) -> None:
        assert self._here is not None
        taken = _READERS[key](value)
        if isinstance(taken, _Wrong):
            self._fault(number, f"{key} cannot be this", hint=taken.allowed, found=value)
        elif key in _NOTHING_HERE:
            if taken:
                what = f"there are no {_NOTHING_HERE[key]} here; left out"
                self.remarks.append(replace(hat_text.at(number, what), severity=_WARNING))
        else:
            self._here.values[key] = taken

    def _own(self, number: int, said: str) -> None:
        here = self._here
        if here is None:
            self._fault(number, "stands in no section")
        elif said.startswith(_NOT_SET):
            here.unset |= {one.strip() for one in said.removeprefix(_NOT_SET).split(",")}
        elif (name := said.partition("=")[0].strip()) not in _OWN_NAMES:
            self._fault(number, "is no field of destination controls", found=said)
        elif f"{_OWN}{name}" in here.lines:
            self._fault(number, f"{name} stands in this section already")
        else:
            # By the reader of configurations: it looks how much work a line is before it parses.
            read = text.parse(said.encode())
            if isinstance(read, text.Unreadable) or set(read.values) != {name}:
                self._fault(
                    number, f"{name} cannot be read", hint="KEY = VALUE as TOML", found=said
                )
                return
            here.values[f"{_OWN}{name}"] = read.values[name]
            here.lines[f"{_OWN}{name}"] = number

    def _fault(self, number: int, what: str, *, hint: str = "", found: str | None = None) -> None:
        self.faults.append(hat_text.at(number, what, hint=hint, found=found))


_WARNING = findings.Severity.WARNING


@dataclass(frozen=True, slots=True)
class _Wrong:
    """No such value; what may stand there."""

    allowed: str


def _word(words: dict[str, Any], *, numbered: bool = False) -> Callable[[str], Any]:
    """By the word in any case, or by its number."""
    folded = {word.lower(): value for word, value in words.items()}
    if numbered:
        folded |= {str(place): value for place, value in enumerate(words.values())}
    return lambda text: folded.get(text.lower(), _Wrong(", ".join(words)))


def _number(text: str) -> int | _Wrong:
    return int(text) if _NUMBER.fullmatch(text) else _Wrong("a whole number")


def _name(text: str) -> str | _Wrong:
    return text or _Wrong("a name")


_READERS: dict[str, Callable[[str], Any]] = {
    "ip_sort_pref": _word(_IP),
    "max_host_concurrency": _number,
    "max_messages_per_connection": _number,
    "recipient_minutes": _number,
    "recipient_limit": _number,
    "limit_type": _word(_LIMIT, numbered=True),
    "limit_apply": _word({"system": False, "VG": True}, numbered=True),
    "bounce_validation": _word(_SWITCH),
    "table_tls": _word(_TLS, numbered=True),
    "bounce_profile": _name,
    "send_tls_req_alert": _word(_SWITCH),
    "certificate": _name,
}


def _checked(reader: _Reader) -> Controls | tuple[Finding, ...]:
    """Bounds are the schema's; a fault gets the line of its entry."""
    controls: dict[str, dict[str, Any]] = {}
    delivery: dict[str, Any] = {}
    lines: dict[tuple[str, str], int] = {}
    for name, section in reader.sections.items():
        domain = schema.DEFAULT_DESTINATION if name == DEFAULT_SECTION else name
        fields = {field: (value, line) for field, value, line in _values(section)}
        for key in OF_DELIVERY.values() if name == DEFAULT_SECTION else ():
            # The alert is a field of both: the appliance's key is that of all deliveries.
            if f"delivery {key}" in fields:
                delivery[key] = fields.pop(f"delivery {key}")[0]
        if name == DEFAULT_SECTION and DEFAULT_SECTION in section.unset and not fields:
            continue
        controls[domain] = {field: value for field, (value, _) in fields.items()}
        lines |= {(domain, field): line for field, (_, line) in fields.items()}
        lines[domain, ""] = section.number
    values = {"format": schema.FORMAT, "destination_controls": controls, "delivery": delivery}
    read = document.read(values)
    if isinstance(read, schema.Document):
        return Controls(controls, delivery, tuple(reader.remarks))
    return tuple(_placed(one, lines) for one in read)


def _values(section: _Section) -> Iterator[tuple[str, Any, int]]:
    """Field, plain value and line of what is set."""
    for key, value in section.values.items():
        line = section.lines[key]
        if key.startswith(_OWN):
            name = key.removeprefix(_OWN)
            yield ("delivery certificate" if name == "certificate" else name), value, line
        elif key not in section.unset:
            name = f"delivery {OF_DELIVERY[key]}" if key in OF_DELIVERY else _FIELDS[key]
            yield name, format.plain(value), line


def _placed(fault: Finding, lines: dict[tuple[str, str], int]) -> Finding:
    if fault.path[:1] != ("destination_controls",) or len(fault.path) < 2:
        return fault
    domain, name = str(fault.path[1]), str(fault.path[2]) if len(fault.path) > 2 else ""
    line = lines.get((domain, name)) or lines.get((domain, ""))
    return replace(fault, path=fault.path[1:], line=line)
