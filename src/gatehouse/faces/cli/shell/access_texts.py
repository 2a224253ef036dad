# SPDX-License-Identifier: Apache-2.0
"""PRINT, IMPORT and EXPORT of host access tables and of recipient access tables."""

from dataclasses import dataclass

from gatehouse.faces.actions import access
from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli.shell import candidate_edit
from gatehouse.faces.cli.shell.candidate_edit import Draft
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    do,
    read_file,
    show,
    something,
    write_file,
)

_LARGEST_TEXT = 4 * 1024 * 1024  # as faces.actions.access


@dataclass(frozen=True, slots=True)
class Texts:
    """The actions on one kind of table; each method is an operation of a listener's menu."""

    shown: Action
    imported: Action
    exported: Action

    def print(self, draft: Draft, listener: str) -> Talk[None]:
        """Show the table as the candidate has it."""
        yield from show(self.shown, access.TableInput(listener=listener, candidate=draft.candidate))

    def read(self, draft: Draft, listener: str) -> Talk[None]:
        """Replace the table by a file's."""
        path = yield from ask("File to import", check=something)
        content = yield from read_file(path, _LARGEST_TEXT)
        yield from show(self.imported, access.ImportInput(listener=listener, file=content))
        yield from candidate_edit.reload(draft)

    def write(self, draft: Draft, listener: str) -> Talk[None]:
        """Write the table into a new file."""
        path = yield from ask("File to write (it must not exist)", check=something)
        given = access.TableInput(listener=listener, candidate=draft.candidate)
        exported = yield from do(self.exported, given, access.Exported)
        yield from write_file(path, exported.text.encode())


HOST_TEXTS = Texts(access.HAT_SHOW, access.HAT_IMPORT, access.HAT_EXPORT)
RECIPIENT_TEXTS = Texts(access.RAT_SHOW, access.RAT_IMPORT, access.RAT_EXPORT)
