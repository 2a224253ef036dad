# SPDX-License-Identifier: Apache-2.0
"""What holds at a level, as text: it reads back to the same, and each line says who says it."""

from gatehouse.config import changes, edit_tables, format, levels, schema, text
from gatehouse.config.places import Path


def plain(here: schema.Document) -> str:
    """The canonical text."""
    return format.format_document(here)


def annotated(here: schema.Document, found: levels.Effective) -> str:
    """The same with a comment behind each value: the level that it comes from."""
    written = format.format_document(here)
    lines, masked = written.split("\n"), text.masked(written).split("\n")
    for block in edit_tables.sections_of(written):
        at = block.first + 1
        while at < block.end:
            end = edit_tables.statement_end(masked, at)
            equals = masked[at].find("=")
            if equals > 0:
                path = (*block.path, *text.key_parts(lines[at][:equals]))
                lines[at] = f"{lines[at]}  # {found.origin(_whole(path))}"
            at = end
    return "\n".join(lines)


def _whole(path: Path) -> Path:
    """An element of a list of sections is a part of one value."""
    return next((path[:size] for size in range(1, len(path)) if changes.keyed(path[:size])), path)
