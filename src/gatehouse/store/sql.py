# SPDX-License-Identifier: Apache-2.0
"""Loads named queries from `.sql` files; there is no SQL text in the code.

A file holds entries of this form, one behind the other:

    -- name_of_query
    -- One sentence that says what it does.
    SELECT ...;
"""

import re
from pathlib import Path

_ENTRY = re.compile(
    r"^-- (?P<name>[a-z][a-z0-9_]*)\n-- (?P<sentence>\S.*)\n(?P<text>(?:(?!-- ).*\n)+)",
    re.MULTILINE,
)


def load_queries(path: Path) -> dict[str, str]:
    """The queries of a file by name. A file that does not keep to the form is refused."""
    content = path.read_text(encoding="utf-8")
    queries: dict[str, str] = {}
    position = content.index("\n-- ") + 1 if not content.startswith("-- ") else 0
    while position < len(content):
        entry = _ENTRY.match(content, position)
        if entry is None or entry["name"] in queries:
            line = content.count("\n", 0, position) + 1
            raise ValueError(f"{path.name}:{line}: not a named query, or a name used twice")
        queries[entry["name"]] = entry["text"].strip().rstrip(";")
        position = entry.end()
    return queries
