# SPDX-License-Identifier: Apache-2.0
"""Changes of certificates and trust that wait for the commit, sealed beside what is in force.

A change lies under `pending/NAME` until the revision is committed. Then all changes take effect in
the transaction that keeps the revision: a crash leaves all of the old or all of the new, and
nothing that runs ever looks at a pending one.
"""

from collections.abc import Mapping

import msgspec

from gatehouse.store.interface import Store

_PREFIX = "pending/"

Changes = dict[str, bytes | None]  # None: the secret goes away


class _Change(msgspec.Struct, frozen=True):
    content: bytes | None


def stage(store: Store, changes: Mapping[str, bytes | None], now: float) -> None:
    """Keep changes for the next commit. To take away what is not in force undoes its staging."""
    there = {secret.name for secret in store.secrets.names()}
    kept: Changes = {}
    for name, content in changes.items():
        undone = content is None and name not in there
        kept[_PREFIX + name] = None if undone else msgspec.json.encode(_Change(content))
    store.secrets.change(kept, now)


def names(store: Store) -> tuple[str, ...]:
    """Which secrets will change."""
    return tuple(
        secret.name.removeprefix(_PREFIX)
        for secret in store.secrets.names()
        if secret.name.startswith(_PREFIX)
    )


def staged(store: Store, prefix: str = "") -> Changes:
    """What the next commit will put in force, of the secrets whose name begins like that."""
    found: Changes = {}
    for name in names(store):
        content = store.secrets.get(_PREFIX + name) if name.startswith(prefix) else None
        if content is not None:
            found[name] = msgspec.json.decode(content, type=_Change).content
    return found


def drop(store: Store, now: float) -> tuple[str, ...]:
    """Forget all that waits; what it was."""
    waiting = names(store)
    store.secrets.change(dict.fromkeys((_PREFIX + name for name in waiting), None), now)
    return waiting


def promotion(store: Store) -> Changes:
    """What a commit has to change so that all that waits is in force and nothing waits."""
    changes: Changes = {}
    for name, content in staged(store).items():
        changes[name] = content
        changes[_PREFIX + name] = None
    return changes


def reversal(store: Store, changes: Mapping[str, bytes | None]) -> Changes:
    """What undoes such changes; ask before they are made."""
    return {name: store.secrets.get(name) for name in changes}
