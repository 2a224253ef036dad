# SPDX-License-Identifier: Apache-2.0
"""From a stored revision to the values that the gateway runs by.

The supervisor reads it and hands the values to its processes (`handover.py`), so that all of them
run by what is stored. A revision that is stored has been checked; one that cannot be built any more
(a newer program, a damaged store) is refused as a whole, and the old one goes on.
"""

from gatehouse.config.checks import Refused, load
from gatehouse.config.findings import Severity
from gatehouse.config.running import Running
from gatehouse.store.interface import Store


class RevisionUnusable(Exception):
    """A revision does not exist or does not make a configuration; the text says why."""


class NotOfThisMachine(RevisionUnusable):
    """A revision is for the machines of a cluster, and this is none of them."""


def load_running(
    store: Store, number: int, certificates: frozenset[str], machine: str | None = None
) -> Running:
    """The values of one revision; raises RevisionUnusable. Needs the names of the certificates.

    `machine`: which one this is, where the revision is for several.
    """
    revision = store.revisions.get(number)
    if revision is None:
        raise RevisionUnusable(f"There is no revision {number}")
    loaded = load(revision.text.encode(), certificates=certificates, machine=machine)
    if isinstance(loaded, Refused) and loaded.stranger:
        why = loaded.findings[0]
        raise NotOfThisMachine(f"Revision {number} cannot run here: {why.what}; {why.hint}")
    if isinstance(loaded, Refused):
        errors = [str(one) for one in loaded.findings if one.severity is Severity.ERROR]
        raise RevisionUnusable(f"Revision {number} does not fit this program: {'; '.join(errors)}")
    return loaded.running
