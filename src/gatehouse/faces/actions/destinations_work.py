# SPDX-License-Identifier: Apache-2.0
"""The work: destination controls from and to their text form."""

from collections.abc import Iterable

from gatehouse.config import changes, destination_text, document, edit_changes, format, schema
from gatehouse.config.findings import Finding
from gatehouse.faces.actions.access_work import read_document
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates_shelf import finish
from gatehouse.faces.actions.configuration import ShowInput
from gatehouse.faces.actions.configuration_examine import examine, view
from gatehouse.faces.actions.configuration_work import show
from gatehouse.faces.actions.destinations import (
    ExportedControls,
    ExportInput,
    ImportedControls,
    ImportInput,
)
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean


async def export(house: House, given: ExportInput) -> ExportedControls:
    """All of them in the appliance's text form."""
    shown = await show(house, ShowInput(candidate=given.candidate))
    read = read_document(shown.text.encode(), shown.source)
    return ExportedControls(source=shown.source, text=destination_text.format_controls(read))


async def take(house: House, given: ImportInput) -> ImportedControls:
    """A text takes the place of all that is there."""
    parsed = destination_text.parse(given.file)
    if not isinstance(parsed, destination_text.Controls):
        raise _refused(parsed)
    warnings = await _put(house, parsed)
    return ImportedControls(
        entries=sum(domain != schema.DEFAULT_DESTINATION for domain in parsed.controls),
        remarks=tuple(clean(f"line {one.line}: {one.what}") for one in parsed.remarks),
        warnings=warnings,
        commit=await finish(house, given.commit),
    )


async def _put(house: House, taken: destination_text.Controls) -> tuple[FindingView, ...]:
    """Only what differs is changed in the candidate's text, so that its comments stay."""
    async with house.committing:
        source, content = "candidate", Candidate(house).read()
        if content is None:
            shown = await show(house, ShowInput())
            source, content = shown.source, shown.text.encode()
        before = read_document(content, source)
        values = format.plain(before)
        values["destination_controls"] = taken.controls
        delivery = {**values.get("delivery", {})}
        for name in destination_text.OF_DELIVERY.values():
            delivery.pop(name, None)
        values["delivery"] = delivery | taken.delivery
        wanted = document.read(values)
        if not isinstance(wanted, schema.Document):
            raise _refused(wanted)
        edited = edit_changes.apply(content, changes.diff(before, wanted))
        if not isinstance(edited, bytes):
            raise _refused(edited)
        warnings = await examine(house, edited, "candidate")
        Candidate(house).write(edited)
        return warnings


def _refused(faults: Iterable[Finding]) -> OperatorError:
    views = tuple(map(view, faults))
    return OperatorError(
        "text-refused",
        f"The text has {len(views)} error{'' if len(views) == 1 else 's'}; nothing was imported.",
        findings=views,
    )
