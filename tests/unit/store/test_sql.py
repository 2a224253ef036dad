# SPDX-License-Identifier: Apache-2.0
"""Named queries: the form is kept, in every file that is shipped."""

from pathlib import Path

import pytest

from gatehouse.store import sql
from gatehouse.store.sqlite.place import SQL


def test_queries_are_found_by_name(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("-- one\n-- Says one.\nSELECT 1;\n\n-- two\n-- Says two.\nSELECT\n  2;\n")
    assert sql.load_queries(file) == {"one": "SELECT 1", "two": "SELECT\n  2"}


@pytest.mark.parametrize(
    "text",
    [
        "-- one\nSELECT 1;\n",  # no sentence
        "-- one\n-- Says.\nSELECT 1;\n-- one\n-- Again.\nSELECT 2;\n",  # twice
        "-- One\n-- Says.\nSELECT 1;\n",  # not a name
    ],
)
def test_what_has_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.sql").write_text(text)
    with pytest.raises(ValueError, match=r"q\.sql:\d+: not a named query"):
        sql.load_queries(tmp_path / "q.sql")


@pytest.mark.parametrize("file", sorted(SQL.glob("*.sql")), ids=lambda path: path.name)
def test_every_shipped_file_loads_and_every_query_is_used(file: Path) -> None:
    code = "".join(path.read_text() for path in SQL.parent.glob("*.py"))
    for name in sql.load_queries(file):
        assert f'"{name}"' in code, f"{name} is used nowhere"
