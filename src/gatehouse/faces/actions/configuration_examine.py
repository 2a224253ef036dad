# SPDX-License-Identifier: Apache-2.0
"""What all configuration actions share: what is in force, and whether a text can run."""

import asyncio
from dataclasses import dataclass

from gatehouse.config import checks, document, findings, schema, text, upgrade
from gatehouse.config.running import Running
from gatehouse.faces.actions import configuration_machine
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import keyring
from gatehouse.store.revision_values import Revision

MERGED = "candidate, with what others have committed"
_TOGETHER = (
    "Nothing was committed. `gatehouse config rebase` puts both together into your candidate, "
    "where `gatehouse config check` names the lines and it can be mended."
)


def in_force(house: House) -> Revision:
    """The last revision."""
    current = None if house.opened is None else house.store.revisions.current()
    if current is None:
        raise OperatorError(
            "no-revision", "There is no configuration yet.", hint="`gatehouse run` makes the first."
        )
    return current


def revision(house: House, number: int) -> Revision:
    """One revision by its number."""
    found = house.store.revisions.get(number)
    if found is None:
        raise OperatorError(
            "no-such-revision",
            f"There is no revision {number}.",
            hint="`gatehouse config history` lists them.",
        )
    return found


def read(content: bytes, source: str) -> schema.Document:
    """The document in a text that was good when it was kept."""
    parsed = upgrade.parse(content)
    if isinstance(parsed, text.Parsed):
        read_document = document.read(parsed.values)
        if isinstance(read_document, schema.Document):
            return read_document
    raise OperatorError(
        "configuration-unreadable",
        f"The text of the {source} has errors.",
        hint="`gatehouse config check` names them.",
    )


def certificates_of(house: House, source: str) -> frozenset[str]:
    """The names of the certificates that a text may use."""
    if house.opened is None:
        return checks.DEMO_ONLY
    if _takes_nothing_along(source):
        return keyring.names(house.store)
    return keyring.names_to_be(house.store, house.operator)


def _takes_nothing_along(source: str) -> bool:
    """A rollback leaves waiting what waits."""
    return source.startswith("revision")


@dataclass(frozen=True, slots=True)
class Approved:
    """A text that can run: what is odd about it, and what it is compiled to."""

    warnings: tuple[FindingView, ...]
    running: Running


async def examine(
    house: House, content: bytes, source: str, *, machine: bool = False
) -> tuple[FindingView, ...]:
    """The warnings; raises OperatorError with all findings if there is an error."""
    return (await approve(house, content, source, machine=machine)).warnings


async def approve(
    house: House,
    content: bytes,
    source: str,
    *,
    machine: bool = False,
    arriving: frozenset[str] = frozenset(),
) -> Approved:
    """What can run, with its warnings; raises OperatorError with all findings for an error.

    `machine`: also what only this machine can tell, as a commit does. `arriving`: the names of
    certificates that come with the text.
    """
    known = certificates_of(house, source) | arriving
    return await asyncio.to_thread(_approve, house, content, source, known, machine)


def _approve(
    house: House, content: bytes, source: str, known: frozenset[str], machine: bool
) -> Approved:
    runs = machine and house.gateway is not None
    name = house.machine
    result = checks.load(content, certificates=known, machine=name, elsewhere=not runs)
    if runs:
        _refuse_stranger(result, name)
    found = result.warnings if isinstance(result, checks.Loaded) else result.findings
    if isinstance(result, checks.Loaded) and machine and result.is_for(name):
        waiting = not _takes_nothing_along(source)
        more = result.placed(configuration_machine.look(house, result, waiting=waiting))
        found = (*text.locate(more, content.decode()), *found)
    errors = sum(one.severity is findings.Severity.ERROR for one in found)
    if isinstance(result, checks.Loaded) and not errors:
        return Approved(tuple(map(view, found)), result.running)
    raise OperatorError(
        "configuration-refused",
        f"The configuration has {errors} error{'' if errors == 1 else 's'} and cannot run.",
        source,
        _TOGETHER if source == MERGED else "What is in force was not touched.",
        tuple(map(view, found)),
    )


def _refuse_stranger(result: checks.Loaded | checks.Refused, name: str | None) -> None:
    """The machine that runs cannot leave its cluster under its own feet."""
    if isinstance(result, checks.Refused):
        if not result.stranger:
            return
        why = result.findings[0]
        left = why.path[-1:] == ("member",)
    else:
        machine = None if name is None else result.whole.machines.get(name)
        if machine is None or machine.member:
            return
        left = True
    if left:
        raise OperatorError(
            "machine-would-leave",
            f"This machine ({name}) runs, and by this it would leave its cluster.",
            hint=f"Stop its gateway first, or take it back: `gatehouse cluster join {name}`.",
        )
    raise OperatorError(
        "not-a-member",
        f"This is for the machines of a cluster: {why.what}.",
        hint=f"Make it one of them: `gatehouse cluster join {name or 'NAME'}`.",
    )


def view(one: findings.Finding) -> FindingView:
    """A finding as faces get it."""
    return FindingView(
        severity=one.severity.value,
        place=one.place,
        line=one.line,
        what=one.what,
        found=one.found,
        hint=one.hint,
        text=str(one),
    )
