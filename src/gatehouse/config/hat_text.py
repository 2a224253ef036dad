# SPDX-License-Identifier: Apache-2.0
"""The text form of a host access table, as the modelled appliance imports and exports it.

    $PARTNERTLS
        ACCEPT {
            tls = "required"
        }
    PARTNERS:
        .bank.example
            $PARTNERTLS (contract 14)
    ALL
        $ACCEPTED

Policies, groups, members outside any group, and ALL at the end. What is read here says nothing
about a configuration yet: `hat_import` fits it into one. Every fault has its line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatehouse.config import builtin, document, findings, hat_keys, schema, text
from gatehouse.config.findings import Finding
from gatehouse.policy import members

MAX_BYTES = text.MAX_BYTES
MAX_PARTS = text.MAX_SECTIONS  # policies and groups: a configuration with more cannot be read
MAX_NUMBER = 18  # digits

# The appliance's older names for two of the usual groups.
RENAMED = {"WHITELIST": "ALLOWED_LIST", "BLACKLIST": "BLOCKED_LIST"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # as schema.Name
_GROUP = re.compile(r"([^\s:]+)\s*:")
# Behaviours are upper case here, so that a host called "relay" can be a member. Possessive: else
# each blank of a long row would be tried as the end of the first run and of the second.
_TARGET = re.compile(
    r"(?:\$([^\s({]+)|(ACCEPT|RELAY|REJECT|TCPREFUSE|CONTINUE))\s*+(\{)?+\s*+(?:\((.*)\))?"
)
_CLOSED = re.compile(r"\}\s*(?:\((.*)\))?")
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:(-?\d+)|"((?:[^"\\]|\\.)*)")')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Inline:
    """A behaviour with its parameters, written where it is used."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A group (with a name), members outside any group (without), or the closing ALL."""

    name: str | None
    members: tuple[str, ...]
    target: str | Inline  # the name of a policy, or the policy itself
    comment: str | None
    line: int


@dataclass(frozen=True, slots=True)
class HatText:
    """A text that can be read."""

    policies: Mapping[str, Mapping[str, Any]]  # the fields that each sets
    entries: tuple[Entry, ...]
    remarks: tuple[Finding, ...]  # what was left out


def parse(data: bytes) -> HatText | tuple[Finding, ...]:
    """Read the text; all faults at once, in the order of their lines."""
    if len(data) > MAX_BYTES:
        return (findings.error((), "the text is too large", hint=f"at most {MAX_BYTES} bytes"),)
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        return (at(line, "the text is not valid UTF-8"),)
    reader = _Reader(written)
    reader.read()
    if reader.faults:
        shown = sorted(reader.faults, key=lambda one: one.line or 0)
        return tuple(shown[: findings.MAX_FINDINGS])
    return HatText(reader.policies, tuple(reader.entries), tuple(reader.remarks))


def at(line: int, what: str, *, hint: str = "", found: object = None) -> Finding:
    """A fault in a line."""
    return replace(findings.error((), what, hint=hint, found=found), line=line)


def policy_lines(name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """One policy as text; `fields` has its behaviour."""
    yield f"${name}"
    parameters = hat_keys.write(fields)
    word = fields["behavior"].value
    yield f"    {word} {{" if parameters else f"    {word}"
    for key, value in parameters:
        yield f"        {key} = {value if isinstance(value, int) else quoted(value)}"
    if parameters:
        yield "    }"


def group_lines(group: schema.SenderGroup) -> Iterator[str]:
    """One group as text, with its target."""
    target = f"${group.policy}"
    comment = " ".join((group.comment or "").split())
    if comment:
        target += f" ({comment})"
    if group.name is None or builtin.is_closing(group):
        for member in group.members:
            yield builtin.ALL if member.upper() == builtin.ALL else _member(member)
            yield f"    {target}"
    else:
        yield f"{group.name}:"
        yield from (f"    {_member(one)}" for one in group.members)
        yield f"        {target}"


def quoted(text: str) -> str:
    """A text in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _member(text: str) -> str:
    return text.lower() if _TARGET.fullmatch(text) else text


@dataclass(slots=True)
class _Reader:
    """Reads line by line; a fault does not stop it, more faults than anybody reads do."""

    text: str
    policies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    _lines: list[tuple[int, str]] = field(default_factory=list)
    _next: int = 0
    _stopped: bool = False

    def read(self) -> None:
        numbered = ((number, line.strip()) for number, line in enumerate(self.text.split("\n"), 1))
        self._lines = [(number, line) for number, line in numbered if line and line[0] != "#"]
        while self._goes_on():
            number, line = self._take()
            if len(self.policies) + len(self.entries) >= MAX_PARTS:
                self._stop(number, f"there are more than {MAX_PARTS} policies and groups")
                return
            if line.startswith("$"):
                self._policy(number, line[1:])
            elif group := _GROUP.fullmatch(line):
                self._group(number, group[1])
            else:
                self._direct(number, line)
        if not self._enough():
            self._closed()

    def _policy(self, number: int, name: str) -> None:
        if not _NAME.fullmatch(name):
            self._fault(number, "is no name of a policy", found=name)
        if name in self.policies:
            self._fault(number, "the policy is defined twice", found=name)
        target = self._target(number, f"policy {findings.shown(name)}")
        if target is None:
            return
        if isinstance(target[0], str):
            self._fault(number, "a policy is a behaviour, not another policy", found=target[0])
        else:
            self.policies[name] = target[0].fields

    def _group(self, number: int, name: str) -> None:
        if not _NAME.fullmatch(name):
            self._fault(number, "is no name of a group", found=name)
        if name in RENAMED:
            self._remark(number, f"group {name} is called {RENAMED[name]} now")
            name = RENAMED[name]
        texts: dict[str, str] = {}
        while self._goes_on() and not self._at_target():
            line_number, line = self._lines[self._next]
            if _GROUP.fullmatch(line):
                break
            self._next += 1
            if len(texts) >= schema.MAX_ENTRIES:
                self._stop(line_number, f"a group has at most {schema.MAX_ENTRIES} members")
                return
            if line.lower() in texts:
                self._remark(line_number, "the member is there twice", found=line)
            elif self._is_member(line_number, line):
                texts[line.lower()] = line
        self._entry(number, name, tuple(texts.values()))

    def _direct(self, number: int, line: str) -> None:
        if line.upper() == builtin.ALL:
            self._entry(number, builtin.ALL, (builtin.ALL,))
        elif _TARGET.fullmatch(line):
            self._fault(number, "stands behind no member and no group", found=line)
        elif self._is_member(number, line):
            self._entry(number, None, (line,))
        elif self._at_target():
            self._target(number, "")

    def _entry(self, number: int, name: str | None, texts: tuple[str, ...]) -> None:
        shown = findings.shown(name if name is not None else texts[0])
        target = self._target(number, shown)
        if target is None:
            return
        comment = target[1]
        if comment and len(comment) > schema.MAX_COMMENT:
            self._fault(number, f"its comment is longer than {schema.MAX_COMMENT} characters")
        self.entries.append(Entry(name, texts, target[0], comment or None, number))

    def _is_member(self, number: int, text: str) -> bool:
        parsed = members.parse_member(text)
        if isinstance(parsed, members.MemberFault):
            self._fault(number, "is no member", hint=parsed.reason, found=text)
            return False
        return True

    def _at_target(self) -> bool:
        return self._next < len(self._lines) and bool(_TARGET.fullmatch(self._lines[self._next][1]))

    def _target(self, number: int, of: str) -> tuple[str | Inline, str] | None:
        """The target on the next line, with its comment; None after a fault."""
        found = self._next < len(self._lines) and _TARGET.fullmatch(self._lines[self._next][1])
        if not found:
            what = f"{of}: a behaviour or $POLICY must follow"
            self._fault(number, what, hint="ACCEPT, RELAY, REJECT, TCPREFUSE, CONTINUE, $NAME")
            return None
        line_number, _ = self._take()
        comment = found[4] or ""
        opened = bool(found[3])
        if not opened and not comment and self._peek() == "{":
            self._take()
            opened = True
        if found[1] is not None:
            if opened:
                self._fault(line_number, "parameters belong to a behaviour, not to a policy's name")
            return found[1], comment.strip()
        fields: dict[str, Any] = {"behavior": found[2]}
        lines: dict[str, int] = {}
        if opened:
            comment = self._parameters(line_number, fields, lines) or comment
        self._bounds(fields, lines, line_number)
        return Inline(fields), comment.strip()

    def _parameters(self, number: int, fields: dict[str, Any], lines: dict[str, int]) -> str:
        """What stands between the braces; answers the comment behind them."""
        while self._next < len(self._lines):
            line_number, line = self._take()
            if closed := _CLOSED.fullmatch(line):
                return closed[1] or ""
            written = _PARAMETER.fullmatch(line)
            if written is None:
                self._fault(
                    line_number, "is no parameter", hint='KEY = 1 or KEY = "text"', found=line
                )
                continue
            self._parameter(line_number, written, fields, lines)
        self._fault(number, "the brace is never closed")
        return ""

    def _parameter(
        self, number: int, written: re.Match[str], fields: dict[str, Any], lines: dict[str, int]
    ) -> None:
        name = written[1]
        if name in hat_keys.UNUSED:
            self._remark(number, f"{name} has no effect here and is left out")
            return
        key = hat_keys.BY_KEY.get(name)
        if key is None:
            self._fault(number, "is no parameter of a policy", found=name)
            return
        if key.field in lines:
            self._fault(number, "the parameter is there twice", found=name)
        lines[key.field] = number
        value: int | str | None = self._text(number, written[3])
        if written[2] is not None:
            value = int(written[2]) if len(written[2]) <= MAX_NUMBER else None
        if value is None:
            self._fault(number, "the value cannot be read", found=written[0])
            return
        read = hat_keys.read(key, value)
        if isinstance(read, hat_keys.KeyFault):
            self._fault(number, f"{name} is not allowed", hint=read.reason, found=value)
        else:
            fields |= read

    def _text(self, number: int, text: str | None) -> str | None:
        """A quoted text without its escapes; there are two of them."""
        if text is None:
            return None
        if any(escape[1] not in '"\\' for escape in _ESCAPE.finditer(text)):
            return None
        return _ESCAPE.sub(r"\1", text)

    def _bounds(self, fields: dict[str, Any], lines: dict[str, int], number: int) -> None:
        """Types and bounds are the schema's."""
        read = document.read({"format": schema.FORMAT, "mail_flow_policies": {"x": fields}})
        if isinstance(read, schema.Document):
            fields |= {
                name: getattr(read.mail_flow_policies["x"], name)
                for name in read.mail_flow_policies["x"].model_fields_set
            }
            return
        for fault in read:
            line = lines.get(str(fault.path[2]) if len(fault.path) > 2 else "", number)
            self.faults.append(replace(fault, path=fault.path[2:3], line=line))

    def _closed(self) -> None:
        for entry in self.entries[:-1]:
            if any(one.upper() == builtin.ALL for one in entry.members):
                self._fault(entry.line, "ALL may only be the last entry")
        last = self.entries[-1] if self.entries else None
        if last is None or [one.upper() for one in last.members] != [builtin.ALL]:
            number = self._lines[-1][0] if self._lines else 1
            self._fault(number, "the last entry must be ALL", hint="for whom no entry above fits")

    def _goes_on(self) -> bool:
        return self._next < len(self._lines) and not self._enough()

    def _enough(self) -> bool:
        """Are there more faults than are shown, or is there more of anything than is read?"""
        return self._stopped or len(self.faults) >= findings.MAX_FINDINGS

    def _stop(self, number: int, what: str) -> None:
        self._fault(number, what)
        self._stopped = True

    def _take(self) -> tuple[int, str]:
        self._next += 1
        return self._lines[self._next - 1]

    def _peek(self) -> str:
        return self._lines[self._next][1] if self._next < len(self._lines) else ""

    def _fault(self, number: int, what: str, *, hint: str = "", found: object = None) -> None:
        if not self._enough():
            self.faults.append(at(number, what, hint=hint, found=found))

    def _remark(self, number: int, what: str, *, found: object = None) -> None:
        if len(self.remarks) < findings.MAX_FINDINGS:
            self.remarks.append(replace(findings.warning((), what, found=found), line=number))
