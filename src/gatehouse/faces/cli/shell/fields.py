# SPDX-License-Identifier: Apache-2.0
"""set and unset: any single field of the candidate by its path, where no dialogue asks for it.

What a path may be comes from the schema, so every field that the file can have can be set here.
"""

import msgspec

from gatehouse.config import changes, field_paths, format, text
from gatehouse.config.places import CLUSTER
from gatehouse.faces.actions import configuration_edit
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.candidate_edit import Draft, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, say, show, something
from gatehouse.journal.escape import clean

_PATHS = (
    "Section and field with dots between them, quotes around names that have dots:"
    " destination_controls.'bank.example'.tls"
)
_VALUES = 'Text, number, true or false; a list with commas; "" for an empty text.'


def set_field() -> Talk[None]:
    """One field has a value in the candidate."""
    draft = yield from open_draft()
    path = yield from ask(
        "Field", check=something, words=field_paths.settable(draft.document), help=_PATHS
    )
    field = field_paths.at(path)
    value = yield from ask(
        "Value",
        _now(draft, path),
        check=something,
        words=() if field is None else field.words,
        help=_VALUES if field is None else _told(field),
        rest=True,
    )
    yield from show(configuration_edit.SET, configuration_edit.SetInput(path=path, value=value))


def unset_field() -> Talk[None]:
    """A field or a section is taken out of the candidate."""
    draft = yield from open_draft()
    path = yield from ask(
        "Field or section", check=something, words=field_paths.written(draft.document), help=_PATHS
    )
    given = configuration_edit.UnsetInput(path=path)
    try:
        yield from show(configuration_edit.UNSET, given)
    except OperatorError as error:
        if draft.level == CLUSTER or error.fault.reference != "no-such-field":
            raise
        # A higher level has it: this one is without it.
        yield from show(configuration_edit.UNSET, msgspec.structs.replace(given, without=True))
    yield from say(clean(f"{path} has its default now, or inherits."))


def _now(draft: Draft, path: str) -> str:
    """What stands there, as it would be typed."""
    found = changes.parts(draft.document).at.get(tuple(text.key_parts(path)), changes.Mark.ABSENT)
    return "" if isinstance(found, changes.Mark) else format.literal(found).replace("\n", " ")


def _told(field: field_paths.Field) -> str:
    allowed = f" One of {', '.join(field.words)}." if field.words else ""
    return f"{field.description}{allowed}"
