# SPDX-License-Identifier: Apache-2.0
"""Changes of certificates and trust that wait for the commit, sealed beside what is in force.

A change belongs to the operator who made it and lies under `pending/OPERATOR/NAME` until the
revision is committed. Then all changes of that operator take effect in the transaction that keeps
the revision: a crash leaves all of the old or all of the new, and nothing that runs ever looks at a
pending one. Each remembers what was in force when it was made, so that two operators who replace
the same certificate hear of it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec

from gatehouse.store.interface import Store

_PREFIX = "pending/"
# These come into tables of their own with the commit (`people_waiting`), and not into the vault.
ELSEWHERE = "people/"
OPERATOR, SMTP_USER = f"{ELSEWHERE}operator/", f"{ELSEWHERE}smtp-user/"
# How changes were kept when all operators shared one candidate.
_SHARED = re.compile(r"pending/(?P<name>(?:certificate|trust)/[^/]+)")

Changes = dict[str, bytes | None]  # None: the secret goes away


class _Change(msgspec.Struct, frozen=True):
    content: bytes | None
    base: str | None = None  # what was in force, as a digest; None: not known


def stage(store: Store, operator: str, changes: Mapping[str, bytes | None], now: float) -> None:
    """Keep changes for the next commit. To take away what is not in force undoes its staging."""
    store.secrets.change(staging(store, operator, changes), now)


def staging(store: Store, operator: str, changes: Mapping[str, bytes | None]) -> Changes:
    """What has to be stored so that these changes wait, for a transaction of the caller's."""
    there = {secret.name for secret in store.secrets.names()}
    kept: Changes = {}
    for name, content in changes.items():
        if content is None and name not in there:
            kept[_place(operator, name)] = None
            continue
        before = _kept(store, operator, name)
        base = _digest(store, name) if before is None else before.base
        kept[_place(operator, name)] = msgspec.json.encode(_Change(content, base))
    return kept


def names(store: Store, operator: str) -> tuple[str, ...]:
    """Which secrets an operator's commit will change."""
    prefix = _place(operator, "")
    return tuple(
        secret.name.removeprefix(prefix)
        for secret in store.secrets.names()
        if secret.name.startswith(prefix)
    )


def staged(store: Store, operator: str, prefix: str = "") -> Changes:
    """What the next commit will put in force, of the secrets whose name begins like that."""
    found: Changes = {}
    for name in names(store, operator):
        change = _kept(store, operator, name) if name.startswith(prefix) else None
        if change is not None:
            found[name] = change.content
    return found


def staged_one(store: Store, operator: str, name: str) -> Changes:
    """What the next commit will put in force in the place of one secret; empty: it stays."""
    change = _kept(store, operator, name)
    return {} if change is None else {name: change.content}


def waits(store: Store, name: str) -> bool:
    """Does anybody's change of this secret wait?"""
    return any(
        secret.name.startswith(_PREFIX) and secret.name.partition("/")[2].endswith(f"/{name}")
        for secret in store.secrets.names()
    )


def drop(
    store: Store, operator: str, now: float, only: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Forget what waits, or some of it; what it was."""
    waiting = names(store, operator)
    gone = waiting if only is None else tuple(one for one in waiting if one in set(only))
    store.secrets.change(dict.fromkeys((_place(operator, name) for name in gone), None), now)
    return gone


def promotion(store: Store, operator: str) -> Changes:
    """What a commit has to change so that all that waits is in force and nothing waits."""
    changes: Changes = {}
    for name, content in staged(store, operator).items():
        if not name.startswith(ELSEWHERE):
            changes[name] = content
        changes[_place(operator, name)] = None
    return changes


def reversal(store: Store, changes: Mapping[str, bytes | None]) -> Changes:
    """What undoes such changes; ask before they are made."""
    return {name: store.secrets.get(name) for name in changes}


def overtaken(store: Store, operator: str) -> tuple[str, ...]:
    """The secrets that somebody else has changed since this operator's change was made."""
    found = []
    for name in names(store, operator):
        change = _kept(store, operator, name)
        if change is None or change.base is None:
            continue
        in_force = _digest(store, name)
        if in_force not in (change.base, _digest_of(change.content)):
            found.append(name)
    return tuple(found)


def insist(store: Store, operator: str, wanted: Iterable[str], now: float) -> None:
    """The operator has seen what is in force now, and wants his change all the same."""
    changes: Changes = {}
    for name in wanted:
        change = _kept(store, operator, name)
        if change is not None:
            seen = msgspec.structs.replace(change, base=_digest(store, name))
            changes[_place(operator, name)] = msgspec.json.encode(seen)
    store.secrets.change(changes, now)


def taken_over(store: Store, operator: str) -> Changes:
    """What gives an operator the changes that were nobody's in particular."""
    changes: Changes = {}
    for secret in store.secrets.names():
        shared = _SHARED.fullmatch(secret.name)
        if shared is not None:
            changes[_place(operator, shared["name"])] = store.secrets.get(secret.name)
            changes[secret.name] = None
    return changes


def _place(operator: str, name: str) -> str:
    # An operator's name comes from outside: it must not look like a part of a secret's name.
    return f"{_PREFIX}{quote(operator, safe='')}/{name}"


def _kept(store: Store, operator: str, name: str) -> _Change | None:
    content = store.secrets.get(_place(operator, name))
    return None if content is None else msgspec.json.decode(content, type=_Change)


def _digest(store: Store, name: str) -> str:
    if name.startswith(ELSEWHERE):
        return _state_of_person(store, name)
    return _digest_of(store.secrets.get(name))


def _state_of_person(store: Store, name: str) -> str:
    """What changes whenever somebody changes the account or the user; "": there is none."""
    if name.startswith(OPERATOR):
        account = store.people.get(name.removeprefix(OPERATOR))
        return "" if account is None else f"version {account.version}"
    user = store.smtp_users.get(name.removeprefix(SMTP_USER))
    return "" if user is None else f"changed {user.changed_at}"


def _digest_of(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
