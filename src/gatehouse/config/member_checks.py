# SPDX-License-Identifier: Apache-2.0
"""A configuration with machines: what each of them would run by is checked, one by one.

A finding stands where its value is said, and names the machines for which it holds. Of a machine
that has left only what would keep it from running is told, as a warning: it may come back.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatehouse.config import document, findings, levels, places, schema
from gatehouse.config.findings import Finding, Severity
from gatehouse.config.places import MAIN_GROUP, Level

_NAMED = 5  # machines in one sentence
# Our own: octets of text that are looked at over all machines. 100 machines of 300 KB, 8 of 4 MB.
MAX_WORK = 32 * 2**20

Check = Callable[[schema.Document], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds for one machine."""

    document: schema.Document
    found: levels.Effective

    def placed(self, one: Finding) -> Finding:
        """A finding about it, with the path of where that is said."""
        return findings.moved(one, self.found.where(one.path))


@dataclass(frozen=True, slots=True)
class Fault:
    """What one machine would get does not hold together."""

    findings: tuple[Finding, ...]


def why_stranger(whole: schema.Document, machine: str | None) -> Finding | None:
    """Why this machine cannot run by it; None: it can. Without members any machine can, alone."""
    members = levels.members(whole)
    if not members or machine in members:
        return None
    here = f"the cluster has {_listed(members)}"
    if machine is None:
        return findings.error(
            ("machines",),
            f"{here}, and nobody said which of them this machine is",
            hint="`gatehouse cluster join NAME`, or `gatehouse run --machine NAME`",
        )
    cure = f"`gatehouse cluster join {machine}`"
    if machine in whole.machines:
        return findings.error(
            ("machines", machine, "member"), f"{machine} has left the cluster", hint=cure
        )
    return findings.error(
        ("machines",), f"{here}, and this machine ({machine}) is none of them", hint=cure
    )


def holding(whole: schema.Document, values: Mapping[str, Any], machine: str) -> Holding | Fault:
    """What holds for a machine; sections that no level changes are not read again."""
    found = levels.effective(values, places.machine(machine))
    changed = {
        name
        for name in schema.Settings.model_fields
        if found.values.get(name) is not values.get(name)
    }
    said = {name: one for name, one in found.values.items() if name in changed}
    read = document.read({"format": found.values.get("format"), **said})
    if not isinstance(read, schema.Document):
        return Fault(tuple(findings.moved(one, found.where(one.path)) for one in read))
    update = {name: getattr(read, name) for name in changed}
    return Holding(whole.model_copy(update=update), found)


def too_much(whole: schema.Document, values: Mapping[str, Any], size: int) -> Finding | None:
    """Each machine that says something is checked as a whole: a file must not make that endless."""
    differ = sum(1 for name, one in whole.machines.items() if _differs(values, name, one))
    if differ * size <= MAX_WORK:
        return None
    return findings.error(
        ("machines",),
        f"{differ} machines say something themselves, which is too many for a text this large",
        hint=f"at most {MAX_WORK // size} of them may",
    )


def check(whole: schema.Document, values: Mapping[str, Any], check: Check) -> Iterator[Finding]:
    """Everything about every machine, each thing once."""
    yield from _shape(whole, values)
    members, left = _Told(), _Told()
    alike: dict[str, tuple[Finding, ...]] = {}  # of machines that say nothing themselves
    for name, machine in whole.machines.items():
        own = _differs(values, name, machine)
        group = levels.group_of(values, name)
        if own or group not in alike:
            found = _of_one(whole, values, name, check)
            if not own:
                alike[group] = found
        else:
            found = alike[group]
        (members if machine.member else left).take(name, found)
    every = levels.members(whole)
    for one, names in members.found.items():
        if len(every) > 1 and len(names) == len(every):
            yield replace(one, what=f"{one.what} (every machine)")
        else:
            yield replace(one, what=f"{one.what} ({_machines(names)})")
    for one, names in left.found.items():
        if one.severity is Severity.ERROR:
            has = "has left" if len(names) == 1 else "have left"
            what = f"{one.what} ({_machines(names)}, which {has})"
            yield replace(one, severity=Severity.WARNING, what=what)


class _Told:
    """Findings with the machines that have them."""

    def __init__(self) -> None:
        self.found: dict[Finding, list[str]] = {}

    def take(self, name: str, found: Iterable[Finding]) -> None:
        for one in dict.fromkeys(found):
            self.found.setdefault(one, []).append(name)


def _differs(values: Mapping[str, Any], name: str, machine: schema.Machine) -> bool:
    """Does it say anything that its group does not?"""
    return bool(levels.said(values, places.machine(name)) or machine.without)


def _of_one(
    whole: schema.Document, values: Mapping[str, Any], name: str, check: Check
) -> tuple[Finding, ...]:
    here = holding(whole, values, name)
    if isinstance(here, Fault):
        return here.findings
    found = sorted(check(here.document), key=lambda one: one.severity is not Severity.ERROR)
    return tuple(map(here.placed, found[: findings.MAX_FINDINGS + 1]))  # one more: it is told


def _shape(whole: schema.Document, values: Mapping[str, Any]) -> Iterator[Finding]:
    """Groups that are not there, and paths that take nothing away."""
    for name, machine in whole.machines.items():
        group = machine.group or MAIN_GROUP
        if group != MAIN_GROUP and group not in whole.groups:
            folded = {one.lower(): one for one in whole.groups}
            near = difflib.get_close_matches(group.lower(), folded, n=1, cutoff=0.6)
            known = ", ".join(list(whole.groups)[:10]) or "none but " + MAIN_GROUP
            hint = f"did you mean {folded[near[0]]!r}?" if near else f"there are: {known}"
            yield findings.error(
                ("machines", name, "group"), "there is no such group", hint=hint, found=group
            )
    every: list[Level] = [*map(places.group, whole.groups), *map(places.machine, whole.machines)]
    for level in every:
        higher = levels.chain(values, level)[-2]
        above = levels.effective(values, higher).values
        for number, path in enumerate(levels.taken_away(values, level)):
            if levels.at(above, path) is None:
                yield findings.warning(
                    (*level.table, "without", number),
                    "takes nothing away: no level above has it",
                    found=places.text(path),
                )


def _machines(names: list[str]) -> str:
    return f"machine{'' if len(names) == 1 else 's'} {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
