# SPDX-License-Identifier: Apache-2.0
"""Setting one field in an operator's text, with comments and order left as they are.

As a difference between two documents, so that it is written as every other change is.
"""

import copy
from collections.abc import Sequence
from typing import Any

from gatehouse.config import changes, document, edit_changes, schema, upgrade
from gatehouse.config import text as text_form
from gatehouse.config.findings import Finding

Value = str | list[str]


def set_field(
    data: bytes, section: Sequence[str], field: str, value: Value
) -> bytes | tuple[Finding, ...]:
    """The text with `field` of `section` set; the findings if the text or the result is bad."""
    parsed = upgrade.parse(data)
    if isinstance(parsed, text_form.Unreadable):
        return parsed.findings
    before = document.read(parsed.values)
    if not isinstance(before, schema.Document):
        return before
    wanted = document.read(_with(parsed.values, section, field, value))
    if not isinstance(wanted, schema.Document):
        return wanted
    return edit_changes.apply(data, changes.diff(before, wanted))


def _with(
    values: dict[str, Any], section: Sequence[str], field: str, value: Value
) -> dict[str, Any]:
    values = copy.deepcopy(values)
    here = values
    for name in section:
        here = here.setdefault(name, {})
    here[field] = value
    return values
