# SPDX-License-Identifier: Apache-2.0
"""Setting one field in an operator's text, with comments and order left as they are.

The text is changed line by line, and the result is read back: only if it says exactly what was
meant is it used. Where it does not (a section written inline, a value over many lines) the whole
text is written anew in its canonical form, which says the same without the comments.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any

from gatehouse.config import document, format, schema, upgrade
from gatehouse.config import text as text_form
from gatehouse.config.findings import Finding

Value = str | list[str]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def set_field(
    data: bytes, section: Sequence[str], field: str, value: Value
) -> bytes | tuple[Finding, ...]:
    """The text with `field` of `section` set; the findings if the text or the result is bad."""
    parsed = upgrade.parse(data)
    if isinstance(parsed, text_form.Unreadable):
        return parsed.findings
    wanted = document.read(_with(parsed.values, section, field, value))
    if not isinstance(wanted, schema.Document):
        return wanted
    edited = _edit(parsed.text, section, field, value).encode()
    again = text_form.parse(edited)
    if isinstance(again, text_form.Parsed) and document.read(again.values) == wanted:
        return edited
    return format.format_document(wanted).encode()


def _with(
    values: dict[str, Any], section: Sequence[str], field: str, value: Value
) -> dict[str, Any]:
    values = copy.deepcopy(values)
    here = values
    for name in section:
        here = here.setdefault(name, {})
    here[field] = value
    return values


def _edit(text: str, section: Sequence[str], field: str, value: Value) -> str:
    """Replace the field's line, or put one below the section's header, or add the section."""
    line = f"{field} = {_value(value)}"
    lines = text.split("\n")
    header = next((n for n, one in enumerate(lines) if _names(one) == list(section)), None)
    if header is None:
        keys = ".".join(name if _BARE.fullmatch(name) else _quoted(name) for name in section)
        return f"{text.rstrip()}\n\n[{keys}]\n{line}\n"
    for number in range(header + 1, len(lines)):
        written = lines[number].lstrip()
        if written.startswith("["):
            break
        if re.match(rf"{re.escape(field)}\s*=", written):
            _, hash_sign, comment = lines[number].partition("#")
            lines[number] = f"{line}  {hash_sign}{comment}" if hash_sign else line
            return "\n".join(lines)
    lines.insert(header + 1, line)
    return "\n".join(lines)


def _names(line: str) -> list[str] | None:
    """The section that a line opens, None for any other line."""
    stripped = line.strip()
    if not stripped.startswith("[") or stripped.startswith("[["):
        return None
    return text_form.key_parts(stripped.partition("]")[0])


def _value(value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return "[" + ", ".join(map(_quoted, value)) + "]"


def _quoted(text: str) -> str:
    return format.quoted(text)
