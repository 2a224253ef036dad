# SPDX-License-Identifier: Apache-2.0
"""What all configuration actions share: what is in force, and whether a text can run."""

import asyncio

from gatehouse.config import checks, document, findings, schema, text, upgrade
from gatehouse.faces.actions import configuration_machine
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import keyring
from gatehouse.store.revision_values import Revision


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
    if source.startswith("revision"):
        return keyring.names(house.store)
    return keyring.names_to_be(house.store, house.operator)


async def examine(
    house: House, content: bytes, source: str, *, machine: bool = False
) -> tuple[FindingView, ...]:
    """The warnings; raises OperatorError with all findings if there is an error.

    `machine`: also what only this machine can tell, as a commit does.
    """
    known = certificates_of(house, source)
    result = await asyncio.to_thread(checks.load, content, certificates=known)
    found = result.warnings if isinstance(result, checks.Loaded) else result.findings
    if isinstance(result, checks.Loaded) and machine:
        more = await asyncio.to_thread(configuration_machine.look, house, result)
        found = (*text.locate(more, content.decode()), *found)
    errors = sum(one.severity is findings.Severity.ERROR for one in found)
    if not errors:
        return tuple(map(view, found))
    raise OperatorError(
        "configuration-refused",
        f"The configuration has {errors} error{'' if errors == 1 else 's'} and cannot run.",
        source,
        "What is in force was not touched.",
        tuple(map(view, found)),
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
