# SPDX-License-Identifier: Apache-2.0
"""listenerconfig > edit > hostaccess: sender groups in their order, and mail flow policies."""

from functools import partial
from typing import Any

from gatehouse.config import builtin, format, schema
from gatehouse.faces.cli.shell import candidate_edit, menus, policy_questions
from gatehouse.faces.cli.shell.access_texts import HOST_TEXTS
from gatehouse.faces.cli.shell.candidate_edit import Draft, choose_name, keep, new_name
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    menu,
    say,
    words_of,
)
from gatehouse.faces.cli.shell.reputation import reputation
from gatehouse.faces.cli.shell.section_questions import Question, ask_values
from gatehouse.journal.escape import clean
from gatehouse.policy import members

_POLICIES = policy_questions.SECTION
_COMMENT = Question(field="comment", text="Comment")
Group = dict[str, Any]


def host_access(draft: Draft, listener: str) -> Talk[None]:
    """The menu of the host access table."""
    rows = ((word, what, partial(talk, listener=listener)) for word, what, talk in _OPERATIONS)
    yield from menus.edit(draft, partial(_count, listener=listener), *rows)


def _count(draft: Draft, listener: str) -> Talk[None]:
    policies = len(builtin.policy_names(draft.document))
    named = len(_groups(draft, listener))
    yield from say("", f"{policies} policies, {named} sender groups.")


def _new(draft: Draft, listener: str) -> Talk[None]:
    if (yield from choose("What shall be made?", ("Sender group", "Policy"))):
        yield from _new_policy(draft)
        return
    name = yield from _ask_name(draft, listener, "Name of the sender group")
    texts = yield from _ask_members("Members: addresses, networks, host names, .domain")
    policy = yield from _ask_policy(draft, "ACCEPTED")
    group: Group = {"name": name, "members": list(texts), "policy": policy}
    groups = _groups(draft, listener)
    closing = next((n for n, one in enumerate(groups) if _closes(one)), len(groups))
    groups.insert(closing, group)  # the closing ALL stays the last
    yield from _put(draft, listener, groups)


def _new_policy(draft: Draft) -> Talk[None]:
    name = yield from new_name(draft, (_POLICIES,), "Name of the policy")
    behavior = yield from policy_questions.choose_behavior()
    draft.put((_POLICIES, name, "behavior"), behavior)
    if not (yield from keep(draft)):
        return
    if not (yield from confirm("Use the default parameters?", default=True)):
        yield from policy_questions.ask_policy(draft, name)
        yield from keep(draft)


def _edit(draft: Draft, listener: str) -> Talk[None]:
    if (yield from choose("What shall be changed?", ("Sender group", "Policy"))):
        names = [one for one in builtin.policy_names(draft.document) if one != _DEFAULT]
        name = yield from choose_name("Which policy?", names, "policy")
        if name is not None:
            yield from policy_questions.ask_policy(draft, name, behavior=True)
            yield from keep(draft)
        return
    place = yield from _which(draft, listener, "Which sender group?")
    word = yield from menu(
        ("NEW", "Add members."),
        ("DELETE", "Remove members."),
        ("POLICY", "Give it another policy."),
        ("RENAME", "Give it another name."),
        ("COMMENT", "Say what it is for."),
    )
    if word is None:
        return
    groups = _groups(draft, listener)
    group = groups[place]
    match word:
        case "POLICY":
            group["policy"] = yield from _ask_policy(draft, group["policy"])
        case "RENAME":
            group["name"] = yield from _ask_name(draft, listener, "New name")
        case "COMMENT":
            yield from ask_values(draft, schema.SenderGroup, group, (_COMMENT,))
        case _:
            group["members"] = yield from _other_members(group, add=word == "NEW")
    yield from _put(draft, listener, groups)


def _other_members(group: Group, *, add: bool) -> Talk[list[str]]:
    texts = yield from _ask_members(f"Members to {'add' if add else 'remove'}")
    folded = {one.lower() for one in texts}
    strange = folded - {one.lower() for one in group.get("members", [])}
    if strange and not add:
        yield from say(clean(f"No member of the group: {', '.join(sorted(strange))}"))
    kept = [one for one in group.get("members", []) if one.lower() not in folded]
    return [*kept, *texts] if add else kept


def _delete(draft: Draft, listener: str) -> Talk[None]:
    if (yield from choose("What shall be removed?", ("Sender group", "Policy"))):
        written = [one for one in draft.names(_POLICIES) if one != _DEFAULT]
        name = yield from choose_name("Which policy?", written, "policy of your own")
        if name is not None and (yield from confirm(f"Remove {name}?")):
            draft.put((_POLICIES, name), None)
            yield from keep(draft)
        return
    place = yield from _which(draft, listener, "Which sender group?")
    groups = _groups(draft, listener)
    if _closes(groups[place]):
        yield from say("The last entry, ALL, cannot be removed.")
    elif (yield from confirm(f"Remove {_title(groups[place])}?")):
        del groups[place]
        yield from _put(draft, listener, groups)


def _move(draft: Draft, listener: str) -> Talk[None]:
    place = yield from _which(draft, listener, "Which sender group?")
    groups = _groups(draft, listener)
    last = len(groups) - sum(map(_closes, groups))
    if _closes(groups[place]) or last < 1:
        yield from say("The last entry, ALL, cannot be moved.")
        return
    to = yield from ask_number("New place", place + 1, 1, last)
    groups.insert(to - 1, groups.pop(place))
    yield from _put(draft, listener, groups)


def _default(draft: Draft, listener: str) -> Talk[None]:
    yield from say("Parameters that every policy has unless it says otherwise, on all listeners.")
    yield from policy_questions.ask_policy(draft, _DEFAULT)
    yield from keep(draft)


def _clear(draft: Draft, listener: str) -> Talk[None]:
    if (yield from confirm("Replace all sender groups by the usual ones?")):
        draft.put(("listeners", listener, "sender_groups"), None)
        yield from keep(draft)


_OPERATIONS = (
    ("NEW", "Make a sender group or a policy.", _new),
    ("EDIT", "Change one.", _edit),
    ("DELETE", "Remove one.", _delete),
    ("MOVE", "Put a sender group in another place.", _move),
    ("DEFAULT", "Set the default policy parameters.", _default),
    ("PRINT", "Show the table.", HOST_TEXTS.print),
    ("IMPORT", "Replace the table from a file.", HOST_TEXTS.read),
    ("EXPORT", "Write the table into a file.", HOST_TEXTS.write),
    ("CLEAR", "Go back to the usual sender groups.", _clear),
    ("REPUTATION", "Set scores, countries and owners of addresses.", reputation),
)
_DEFAULT = schema.DEFAULT_POLICY


def _groups(draft: Draft, listener: str) -> list[Group]:
    """The groups with all that is implied, as plain values to change."""
    found = builtin.sender_groups(draft.document.listeners[listener])
    return [format.plain(one) for one in found]


def _put(draft: Draft, listener: str, groups: list[Group]) -> Talk[None]:
    draft.put(("listeners", listener, "sender_groups"), groups)
    yield from keep(draft)


def _which(draft: Draft, listener: str, question: str) -> Talk[int]:
    groups = _groups(draft, listener)
    return (yield from choose(question, [f"{_title(one)} ({one['policy']})" for one in groups]))


def _title(group: Group) -> str:
    return group.get("name") or " ".join(group.get("members", ()))[:60]


def _closes(group: Group) -> bool:
    return any(one.upper() == builtin.ALL for one in group.get("members", ()))


def _ask_name(draft: Draft, listener: str, question: str) -> Talk[str]:
    taken = [one.get("name", "").upper() for one in _groups(draft, listener)]

    def check(answer: str) -> str | None:
        return candidate_edit.why_no_name(answer, taken, folded=True)

    return (yield from ask(question, check=check))


def members_check(answer: str) -> str | None:
    """Why these cannot be members of a group; None: they can, one at least."""
    for one in words_of(answer):
        parsed = members.parse_member(one)
        if isinstance(parsed, members.MemberFault):
            return f"{clean(one)}: {parsed.reason}."
    return None if words_of(answer) else "An answer is needed."


def _ask_members(question: str) -> Talk[tuple[str, ...]]:
    return words_of((yield from ask(question, check=members_check)))


def _ask_policy(draft: Draft, default: str) -> Talk[str]:
    names = [one for one in builtin.policy_names(draft.document) if one != _DEFAULT]
    place = yield from choose(
        "Mail flow policy", names, names.index(default) if default in names else None
    )
    return names[place]
