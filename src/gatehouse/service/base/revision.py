# SPDX-License-Identifier: Apache-2.0
"""From a stored revision to the values that a process runs by.

Every process reads the revision itself, so that what runs is always what is stored. A revision that
is stored has been checked; one that cannot be built any more (a newer program, a damaged store) is
refused as a whole, and the old one goes on.
"""

from gatehouse.config import findings
from gatehouse.config.build import build
from gatehouse.config.checks import check
from gatehouse.config.document import read
from gatehouse.config.running import Running
from gatehouse.config.schema import Document
from gatehouse.config.text import Unreadable, locate, parse
from gatehouse.store.interface import Store


class RevisionUnusable(Exception):
    """A revision does not exist or does not make a configuration; the text says why."""


def examine(
    text: bytes, certificates: frozenset[str]
) -> tuple[Document | None, tuple[findings.Finding, ...]]:
    """A configuration text: its document, if it has no errors, and everything to be said about it."""
    parsed = parse(text)
    if isinstance(parsed, Unreadable):
        return None, parsed.findings
    document = read(parsed.values)
    if not isinstance(document, Document):
        return None, locate(document, parsed.text)
    found = locate(check(document, certificates), parsed.text)
    return (None if findings.has_errors(found) else document), found


def load_running(store: Store, number: int, certificates: frozenset[str]) -> Running:
    """The values of one revision."""
    revision = store.revisions.get(number)
    if revision is None:
        raise RevisionUnusable(f"There is no revision {number}")
    document, found = examine(revision.text.encode(), certificates)
    if document is None:
        errors = [str(one) for one in found if one.severity is findings.Severity.ERROR]
        raise RevisionUnusable(f"Revision {number} does not fit this program: {'; '.join(errors)}")
    return build(document)
