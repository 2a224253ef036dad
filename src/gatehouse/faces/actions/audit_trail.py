# SPDX-License-Identifier: Apache-2.0
"""What the audit log keeps of an action: who, when, from where, with what, and what came of it.

Rule: what an argument is stands in its declaration, and only that decides what is kept of it. A
secret is named and never shown, a file is its size and its SHA-256, everything is bounded. What an
action answers is not kept, since new passwords and tokens are in there; a commit is kept with its
revision and what it changed.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from gatehouse.config import findings
from gatehouse.config.line_diff import difference
from gatehouse.faces.actions.action import Action, Arg, arguments
from gatehouse.faces.actions.house import House
from gatehouse.policy.people import Role
from gatehouse.store.people_values import AuditEntry

LONGEST_TEXT = 1000  # characters of one argument; ours
LONGEST_LIST = 100  # values of one argument; ours
LONGEST_ARGUMENTS = 16 * 1024  # octets of all; ours

REFUSED = "refused"
DONE = "done"


def is_kept(action: Action) -> bool:
    """Whatever changes something is kept, and what only administrators may see."""
    return action.changes or action.role is Role.ADMINISTRATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An action that was done, refused or failed. `began`: unix time."""

    action: Action
    given: msgspec.Struct
    began: float
    outcome: str
    output: object = None


def entry(house: House, deed: Deed) -> AuditEntry:
    """What is kept of it."""
    who, action = house.acting, deed.action
    told = getattr(deed.output, "revision", None) if action.changes else None
    revision = told if isinstance(told, int) else None
    return AuditEntry(
        at=house.clock.wall(),
        operator=who.name,
        role=who.role.value,
        way=who.way.value,
        address=who.address,
        action=action.name,
        arguments=told_arguments(action, deed.given),
        outcome=deed.outcome,
        revision=revision,
        diff="" if revision is None else _changed_by(house, revision, deed.began),
    )


def told_arguments(action: Action, given: msgspec.Struct) -> str:
    """The arguments as JSON, without secrets and without contents of files."""
    told = {}
    for field, _, asked in arguments(action):
        value = getattr(given, field.name)
        if value is not None and value is not False and value not in ((), ""):
            hidden = bool(asked.named_by) and _names_a_secret(getattr(given, asked.named_by))
            told[field.name] = "(secret)" if hidden else _told(value, asked)
    text = msgspec.json.encode(told, enc_hook=str)
    if len(text) > LONGEST_ARGUMENTS:
        text = msgspec.json.encode(
            {"octets": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        )
    return text.decode()


def _names_a_secret(path: str) -> bool:
    """No field is one, so the action is refused; but the log would keep it for ever."""
    return findings.is_secret((path,))


def _told(value: object, asked: Arg) -> object:
    if asked.secret or asked.unlogged:
        return "(secret)"
    match value:
        case bytes():
            return _size_of(value)
        case str():
            return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
        case tuple():
            more = len(value) - LONGEST_LIST
            shown = [_told(one, asked) for one in value[:LONGEST_LIST]]
            return [*shown, f"and {more} more"] if more > 0 else shown
    return value


def _size_of(octets: bytes) -> dict[str, object]:
    return {"octets": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}


def _changed_by(house: House, number: int, began: float) -> str:
    """What a revision changed, if it was made by this: some answers name one that was there."""
    revisions = house.store.revisions
    this, before = revisions.get(number), revisions.get(number - 1)
    if this is None or this.committed_at < began or this.operator != house.operator:
        return ""
    return difference("" if before is None else before.text, this.text)
