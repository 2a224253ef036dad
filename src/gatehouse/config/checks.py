# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a file to a configuration that can run, or to everything that is wrong.

The only entrance for services and actions: `load` reads, checks and builds. Nothing is raised for
a bad file, nothing is half done, and the running configuration is not touched here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gatehouse.config import (
    alert_checks,
    auth_checks,
    build,
    delivery_checks,
    document,
    findings,
    inbound_tls_checks,
    level_changes,
    levels,
    listener_checks,
    member_checks,
    running,
    schema,
    ssh_checks,
    text,
    upgrade,
)
from gatehouse.config.findings import Finding
from gatehouse.config.places import CLUSTER, Level

_ENOUGH = 500  # findings, with an error among them, after which nothing more is looked at; our own
DEMO_ONLY = frozenset({schema.DEFAULT_CERTIFICATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that can run, with the warnings about it.

    Where the text is that of several machines, `document` and `running` are what holds for one of
    them, `whole` is what the text says, and `here` knows where each value is said.
    """

    document: schema.Document
    whole: schema.Document
    running: running.Running
    warnings: tuple[Finding, ...]
    here: member_checks.Holding | None = None

    def is_for(self, machine: str | None) -> bool:
        """Is it what holds for this machine? A configuration without machines is for any."""
        return self.here is None or self.here.found.level.name == machine

    def placed(self, found: Iterable[Finding]) -> tuple[Finding, ...]:
        """More findings about `document`, each where its value is said."""
        return tuple(found if self.here is None else map(self.here.placed, found))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why it cannot run; at least one finding is an error."""

    findings: tuple[Finding, ...]
    stranger: bool = False  # it could run, but not on this machine


def load(
    data: bytes,
    *,
    certificates: frozenset[str] = DEMO_ONLY,
    machine: str | None = None,
    elsewhere: bool = False,
) -> Loaded | Refused:
    """Read, check and build a configuration file.

    `machine`: for which one, where the text is that of several. `elsewhere`: nothing is to run by
    it here, so that it may be for others alone; it is then built for the first of them.
    """
    parsed = upgrade.parse(data)
    if isinstance(parsed, text.Unreadable):
        return Refused(parsed.findings)
    read = document.read(parsed.values)
    if not isinstance(read, schema.Document):
        return Refused(text.locate((*upgrade.notices(parsed), *read), parsed.text))
    too_much = member_checks.too_much(read, parsed.values, len(parsed.text))
    if too_much is not None:
        return Refused(text.locate([too_much], parsed.text))
    if read.machines or read.groups:
        found = _bounded(_check_levels(read, parsed.values, certificates))
    else:
        found = check(read, certificates=certificates)
    found = text.locate((*upgrade.notices(parsed), *found), parsed.text)
    if findings.has_errors(found):
        return Refused(found)
    if levels.members(read):
        return _for_one(read, parsed, found, machine, elsewhere)
    return Loaded(document=read, whole=read, running=build.build(read), warnings=found)


def _check_levels(
    read: schema.Document, values: schema.Values, certificates: frozenset[str]
) -> Iterator[Finding]:
    """Every machine; where none takes part, also what one alone would run by: the top."""

    def each(wanted: schema.Document) -> Iterable[Finding]:
        return _all(wanted, certificates)

    yield from member_checks.check(read, values, each)
    if not levels.members(read):
        yield from each(read)


def _for_one(
    whole: schema.Document,
    parsed: text.Parsed,
    found: tuple[Finding, ...],
    machine: str | None,
    elsewhere: bool,
) -> Loaded | Refused:
    """What one machine runs by."""
    stranger = member_checks.why_stranger(whole, machine)
    if stranger is None and machine is not None:
        name = machine
    elif elsewhere:
        name = levels.members(whole)[0]
    else:
        assert stranger is not None, "there are members, and this is none of them"
        return Refused((*text.locate([stranger], parsed.text), *found), stranger=True)
    here = member_checks.holding(whole, parsed.values, name)
    assert isinstance(here, member_checks.Holding), "every member was checked"
    return Loaded(
        document=here.document,
        whole=whole,
        running=build.build(here.document),
        warnings=found,
        here=here,
    )


def at_level(loaded: Loaded, level: Level, *, certificates: frozenset[str]) -> Loaded | Refused:
    """What holds at another level than that of one machine, if it can be built by itself."""
    if level == CLUSTER and loaded.here is None:
        return loaded
    here = level_changes.holding(loaded.whole, level)
    if isinstance(here, level_changes.Refused):
        return Refused(here.findings)
    found = check(here, certificates=certificates)
    if findings.has_errors(found):
        return Refused(found)
    return Loaded(document=here, whole=loaded.whole, running=build.build(here), warnings=found)


def check(
    wanted: schema.Document, *, certificates: frozenset[str] = DEMO_ONLY
) -> tuple[Finding, ...]:
    """What is wrong or odd with a document of good form; bounded, errors first."""
    return _bounded(_all(wanted, certificates))


def _all(wanted: schema.Document, certificates: frozenset[str]) -> Iterator[Finding]:
    yield from listener_checks.check(wanted, certificates)
    yield from auth_checks.check(wanted)
    yield from delivery_checks.check(wanted, certificates)
    yield from ssh_checks.check(wanted)
    yield from inbound_tls_checks.check(wanted)
    yield from alert_checks.check(wanted)


def _bounded(every: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, and no more than anybody reads; where there are errors not all is looked at."""
    found: list[Finding] = []
    errors = False
    for one in every:
        found.append(one)
        errors = errors or one.severity is findings.Severity.ERROR
        if errors and len(found) >= _ENOUGH:
            break
    found.sort(key=lambda one: one.severity is not findings.Severity.ERROR)
    if len(found) > findings.MAX_FINDINGS:
        rest = len(found) - findings.MAX_FINDINGS
        found = found[: findings.MAX_FINDINGS]
        found.append(findings.warning((), f"{rest} more findings are not shown"))
    return tuple(found)
