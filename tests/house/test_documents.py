# SPDX-License-Identifier: Apache-2.0
"""The RFC ledger knows every RFC that the source names, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "docs" / "rfc.md"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")]
)

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def rfcs(text):
    """Every RFC number a text names: "RFC 5321 §4.1.1", "RFC 6531/6532" counts both."""
    found = set()
    for hit in re.finditer(r"\bRFCs?\s?(\d{3,5}(?:(?:/|, | and )\d{3,5})*)", text):
        found |= set(re.findall(r"\d{3,5}", hit.group(1)))
    return found


def ledger_rows():
    """The number and all cells of each row; an RFC may have several."""
    rows = []
    for line in LEDGER.read_text().splitlines():
        if hit := re.match(r"\|\s*(\d{3,5})\s*\|", line):
            cells = [cell.strip() for cell in line.strip().removesuffix("|")[1:].split("|")]
            rows.append((hit.group(1), cells))
    return rows


def test_the_ledger_knows_every_rfc_that_the_source_names():
    known = {number for number, _ in ledger_rows()}
    missing: dict[str, str] = {}
    for place in sorted((ROOT / "src").rglob("*")):
        if place.suffix in {".py", ".sql"}:
            for number in rfcs(place.read_text()) - known:
                missing.setdefault(number, str(place.relative_to(ROOT)))
    assert missing == {}, "docs/rfc.md has no row for these"


def test_every_row_of_the_ledger_is_complete():
    for number, cells in ledger_rows():
        assert len(cells) == 5, f"RFC {number}: number, part, status, where, note"
        assert cells[2] in {"yes", "partly", "no", "later"}, f"RFC {number}: status {cells[2]!r}"
        assert cells[3] or cells[2] == "no", f"RFC {number}, {cells[1]}: where?"
        assert cells[4] or cells[2] == "yes", f"RFC {number}, {cells[1]}: what is missing?"


def test_where_the_ledger_points_something_stands():
    for number, cells in ledger_rows():
        for place in re.findall(r"`([\w/.]+\.(?:py|md|sql))`", cells[3]):
            here = [ROOT / place, ROOT / "src" / "gatehouse" / place]
            assert any(spot.exists() for spot in here), f"RFC {number}: no {place}"


def test_rfc_numbers_are_found_in_all_the_ways_they_are_written():
    assert rfcs("RFC 5321 §4.1, RFC3207; RFC 6531/6532 and RFCs 3464 and 3461") == {
        "5321",
        "3207",
        "6531",
        "6532",
        "3464",
        "3461",
    }


def anchors(text):
    """The anchors of a page's headings, as the usual renderers make them."""
    heads = re.findall(r"^#+\s+(.*)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda place: str(place.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    broken = []
    for target in LINK.findall(CODE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue  # the world outside is not ours to test
        path, _, anchor = target.partition("#")
        page = (document.parent / path) if path else document
        if not page.exists():
            broken.append(target)
        elif anchor and page.suffix == ".md" and anchor not in anchors(page.read_text()):
            broken.append(target)
    assert broken == []


def test_a_decision_record_has_its_four_parts():
    for record in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        text = record.read_text()
        assert re.match(r"# \d{4}: \S.*\n\nStatus: \w+", text), f"{record.name}: title, then status"
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text, f"{record.name} has no {part}"
