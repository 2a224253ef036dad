# SPDX-License-Identifier: Apache-2.0
"""A listener's host access table between its text form and the configuration.

Out: the policies that the table uses, with what they set themselves (what they inherit stays
inherited), the default policy if it sets anything, and every group, the implied ones too. In: the
table takes the place of the listener's, and its policies those of the same names; a behaviour
without a name becomes a policy, one that says the same already if there is one.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatehouse.config import builtin, findings, hat_keys, hat_text, origin, schema
from gatehouse.config.findings import Finding
from gatehouse.policy import mail_flow

Fields = Mapping[str, Any]
_Said = tuple[mail_flow.Behavior, tuple[tuple[str, int | str], ...]]


@dataclass(frozen=True, slots=True)
class Adopted:
    """What the configuration gets."""

    groups: tuple[schema.SenderGroup, ...]
    policies: Mapping[str, schema.MailFlowPolicy]  # only those that are new or change
    kept: tuple[str, ...]  # policies of the text that say what the configuration says already
    remarks: tuple[Finding, ...]


def export(document: schema.Document, listener: str) -> str:
    """The whole table of a listener as text; KeyError if there is no such listener."""
    groups = builtin.sender_groups(document.listeners[listener])
    lines: list[str] = []
    for name in _used(document, groups):
        lines += hat_text.policy_lines(name, _own_fields(document, name))
    for group in groups:
        lines += hat_text.group_lines(group)
    return "\n".join(lines) + "\n"


def adopt(document: schema.Document, parsed: hat_text.HatText) -> Adopted | tuple[Finding, ...]:
    """Fit a text into a configuration."""
    work = _Adoption(document, parsed)
    groups = tuple(work.group(entry) for entry in parsed.entries)
    faults = (*work.faults, *_twice(parsed))
    if faults:
        return tuple(sorted(faults, key=lambda one: one.line or 0))
    return Adopted(groups, work.changed, tuple(work.kept), (*parsed.remarks, *work.remarks))


def put(document: schema.Document, listener: str, adopted: Adopted) -> schema.Document:
    """The configuration with the table in its place."""
    section = document.listeners[listener].model_copy(
        update={"sender_groups": list(adopted.groups)}
    )
    return document.model_copy(
        update={
            "listeners": {**document.listeners, listener: section},
            "mail_flow_policies": {**document.mail_flow_policies, **adopted.policies},
        }
    )


def _used(document: schema.Document, groups: tuple[schema.SenderGroup, ...]) -> tuple[str, ...]:
    """The policies to write: the default one if it says anything, then those of the groups."""
    default = _own_fields(document, schema.DEFAULT_POLICY)
    says = default["behavior"] is not mail_flow.Behavior.ACCEPT or hat_keys.write(default)
    first = [schema.DEFAULT_POLICY] if says else []
    return tuple(dict.fromkeys([*first, *(group.policy for group in groups)]))


def _own_fields(document: schema.Document, name: str) -> Fields:
    """What a policy does not inherit; its behaviour always, and TLS as the two fields it is."""
    resolved = origin.policy_fields(document, name)
    own = {field: one.value for field, one in resolved.items() if not one.origin.inherited}
    own["behavior"] = resolved["behavior"].value
    if "tls" in own or hat_keys.VERIFY in own:
        own |= {one: resolved[one].value for one in ("tls", hat_keys.VERIFY)}
    return own


@dataclass(slots=True)
class _Adoption:
    """Finds each entry its policy."""

    document: schema.Document
    parsed: hat_text.HatText
    changed: dict[str, schema.MailFlowPolicy] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    _names: dict[str, None] = field(init=False)  # of the policies that are there
    _saying: dict[_Said, str] = field(default_factory=dict)  # policies by what they say
    _numbers: dict[str, int] = field(default_factory=dict)  # the last one given to each name

    def __post_init__(self) -> None:
        self._names = dict.fromkeys(builtin.policy_names(self.document))
        for name, fields in self.parsed.policies.items():
            if name in self._names and _said(_own_fields(self.document, name)) == _said(fields):
                self.kept.append(name)
            else:
                self._change(name, fields)
        for name in self._names:
            if name not in self.changed:
                self._remember(name, _own_fields(self.document, name))

    def group(self, entry: hat_text.Entry) -> schema.SenderGroup:
        """One entry as a group of the configuration."""
        target = entry.target
        if isinstance(target, hat_text.Inline):
            target = self._named(target.fields, entry.name)
        elif target not in self._names and target not in self.changed:
            self._no_such(entry.line, target)
            target = schema.DEFAULT_POLICY  # the text is refused; it may be no name at all
        return schema.SenderGroup(
            name=entry.name, members=list(entry.members), policy=target, comment=entry.comment
        )

    def _no_such(self, line: int, target: str) -> None:
        if len(self.faults) < findings.MAX_FINDINGS:
            known = itertools.chain(self.parsed.policies, self._names)
            self.faults.append(
                hat_text.at(
                    line,
                    "there is no such mail flow policy",
                    hint=f"known: {', '.join(itertools.islice(known, 10))}",
                    found=f"${target}",
                )
            )

    def _named(self, fields: Fields, group: str | None) -> str:
        """A policy that says this, found or made."""
        found = self._saying.get(_said(fields))
        if found is not None:
            return found
        wanted = (group if group and group != builtin.ALL else fields["behavior"].value)[:50]
        name = wanted
        while name in self._names or name in self.changed:
            self._numbers[wanted] = self._numbers.get(wanted, 1) + 1
            name = f"{wanted}_{self._numbers[wanted]}"
        self._change(name, fields)
        what = f"a behaviour without a name became the mail flow policy {name}"
        self.remarks.append(findings.warning((), what))
        return name

    def _change(self, name: str, fields: Fields) -> None:
        self.changed[name] = _section(fields)
        self._remember(name, origin.set_fields(self.changed[name]))

    def _remember(self, name: str, fields: Fields) -> None:
        """The first that says something is the one; nobody is given the default policy by name."""
        if name != schema.DEFAULT_POLICY:
            self._saying.setdefault(_said(fields), name)


def _section(fields: Fields) -> schema.MailFlowPolicy:
    values = {
        name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()
    }
    return schema.MailFlowPolicy.model_validate(values)


def _said(fields: Fields) -> _Said:
    """What is compared of a policy: as the text form writes it."""
    return fields["behavior"], hat_keys.write(fields)


def _twice(parsed: hat_text.HatText) -> list[Finding]:
    seen: set[str] = set()
    found = []
    for entry in parsed.entries:
        if entry.name is not None and entry.name in seen:
            what = "the name of the group is used twice"
            found.append(replace(findings.error((), what, found=entry.name), line=entry.line))
        seen.add(entry.name or "")
    return found
