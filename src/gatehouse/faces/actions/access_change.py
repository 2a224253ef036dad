# SPDX-License-Identifier: Apache-2.0
"""The work: access tables from text, and members of groups; changes of the candidate's text."""

from collections.abc import Callable, Iterable

from gatehouse.config import (
    builtin,
    changes,
    edit_tables,
    findings,
    format,
    hat_exchange,
    hat_text,
    level_changes,
    rat_text,
    schema,
)
from gatehouse.config.places import CLUSTER
from gatehouse.faces.actions import access
from gatehouse.faces.actions.access_work import named, no_such, public, read_document
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates_shelf import finish
from gatehouse.faces.actions.configuration import ShowInput
from gatehouse.faces.actions.configuration_change import agreed, level_of, written
from gatehouse.faces.actions.configuration_examine import examine, view
from gatehouse.faces.actions.configuration_levels_work import at
from gatehouse.faces.actions.configuration_work import show
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.policy import members

Changes = list[edit_tables.Tables | edit_tables.Statement]
# From what the configuration says to what it shall say, and where its text changes.
Change = Callable[[schema.Document], tuple[schema.Document, Changes]]


async def import_hat(house: House, given: access.ImportInput) -> access.Imported:
    """A text takes the place of the listener's table."""
    parsed = hat_text.parse(given.file)
    if not isinstance(parsed, hat_text.HatText):
        raise _refused(parsed)
    found: list[hat_exchange.Adopted] = []

    def change(document: schema.Document) -> tuple[schema.Document, Changes]:
        named(document.listeners, given.listener, "listener")
        adopted = hat_exchange.adopt(document, parsed)
        if not isinstance(adopted, hat_exchange.Adopted):
            raise _refused(adopted)
        found.append(adopted)
        edits: Changes = [_groups(given.listener, adopted.groups)]
        for name, policy in adopted.policies.items():
            path = ("mail_flow_policies", name)
            edits.append(edit_tables.Tables(path, format.format_tables(path, policy)))
        return hat_exchange.put(document, given.listener, adopted), edits

    warnings = await _change(house, change, given.level)
    adopted = found[0]
    return access.Imported(
        listener=given.listener,
        table="HAT",
        entries=len(adopted.groups),
        policies=tuple(adopted.policies),
        kept=adopted.kept,
        remarks=tuple(_remark(one) for one in adopted.remarks),
        warnings=warnings,
        commit=await finish(house, given.commit),
    )


async def import_rat(house: House, given: access.ImportInput) -> access.Imported:
    """A text takes the place of the listener's recipients."""
    parsed = rat_text.parse(given.file)
    entries = [one for one in parsed if isinstance(one, schema.RecipientAccess)]
    if len(entries) != len(parsed):
        raise _refused(one for one in parsed if isinstance(one, findings.Finding))

    def change(document: schema.Document) -> tuple[schema.Document, Changes]:
        public(document, given.listener)
        line = format.format_field("recipient_access", entries)
        where = ("listeners", given.listener)
        return (
            _put(document, given.listener, {"recipient_access": entries}),
            [edit_tables.Statement(where, "recipient_access", line)],
        )

    return access.Imported(
        listener=given.listener,
        table="RAT",
        entries=len(entries),
        policies=(),
        kept=(),
        remarks=(),
        warnings=await _change(house, change, given.level),
        commit=await finish(house, given.commit),
    )


async def add_member(house: House, given: access.MemberInput) -> access.MemberChanged:
    """One more member."""
    parsed = members.parse_member(given.member)
    if isinstance(parsed, members.MemberFault):
        raise OperatorError(
            "bad-member",
            "This is no member of a sender group.",
            clean(given.member[:80]),
            f"{parsed.reason[:1].upper()}{parsed.reason[1:]}.",
        )

    def added(texts: list[str]) -> list[str]:
        if given.member.lower() in (one.lower() for one in texts):
            raise OperatorError(
                "member-there", "The group has this member already.", clean(given.member)
            )
        return [*texts, given.member]

    return await _member(house, given, "added", added)


async def remove_member(house: House, given: access.MemberInput) -> access.MemberChanged:
    """One member less."""

    def removed(texts: list[str]) -> list[str]:
        left = [one for one in texts if one.lower() != given.member.lower()]
        if len(left) == len(texts):
            raise OperatorError(
                "no-such-member",
                "The group has no such member.",
                clean(given.member[:80]),
                f"`gatehouse hat show {clean(given.listener[:80])}` lists them.",
            )
        return left

    return await _member(house, given, "removed", removed)


async def _member(
    house: House,
    given: access.MemberInput,
    what: str,
    edit: Callable[[list[str]], list[str]],
) -> access.MemberChanged:
    counted: list[int] = []

    def change(document: schema.Document) -> tuple[schema.Document, Changes]:
        listener = named(document.listeners, given.listener, "listener")
        groups = list(builtin.sender_groups(listener))
        names = [one.name for one in groups]
        if given.group not in names:
            raise no_such("sender group", given.group, (one for one in names if one))
        index = names.index(given.group)
        texts = edit(groups[index].members)
        counted.append(len(texts))
        groups[index] = groups[index].model_copy(update={"members": texts})
        written = len(listener.sender_groups)
        edits: Changes = [_groups(given.listener, groups)]
        if index < written:
            groups = groups[:written]
            line = format.format_field("members", texts)
            path = ("listeners", given.listener, "sender_groups")
            edits = [edit_tables.Statement(path, "members", line, index)]
        return _put(document, given.listener, {"sender_groups": groups}), edits

    warnings = await _change(house, change, given.level)
    return access.MemberChanged(
        listener=given.listener,
        group=given.group,
        member=given.member,
        members=counted[0],
        change=what,
        warnings=warnings,
        commit=await finish(house, given.commit),
    )


async def _change(house: House, change: Change, level_text: str | None) -> tuple[FindingView, ...]:
    """Change the candidate; where there is none, it is made from what is in force."""
    async with house.committing:
        source = "candidate"
        text = Candidate(house).read()
        if text is None:
            shown = await show(house, ShowInput())
            source, text = shown.source, shown.text.encode()
        whole = read_document(text, source)
        level = level_of(whole, level_text)
        here = at(whole, level)
        wanted, tables = change(here)
        if level == CLUSTER:
            edited = edit_tables.rewrite(text, wanted, tables)
        else:
            made = changes.diff(here, wanted)
            edited = written(text, agreed(level_changes.at_level(whole, level, made)))
        warnings = await examine(house, edited, "candidate")
        Candidate(house).write(edited)
        return warnings


def _groups(listener: str, groups: Iterable[schema.SenderGroup]) -> edit_tables.Tables:
    path = ("listeners", listener, "sender_groups")
    return edit_tables.Tables(path, format.format_tables(path, list(groups)), path[:2])


def _put(document: schema.Document, name: str, fields: dict[str, object]) -> schema.Document:
    section = document.listeners[name].model_copy(update=fields)
    return document.model_copy(update={"listeners": {**document.listeners, name: section}})


def _refused(faults: Iterable[findings.Finding]) -> OperatorError:
    """Nothing is imported; every fault with its line."""
    views = tuple(map(view, faults))
    return OperatorError(
        "text-refused",
        f"The text has {len(views)} error{'' if len(views) == 1 else 's'}; nothing was imported.",
        findings=views,
    )


def _remark(one: findings.Finding) -> str:
    where = f"line {one.line}: " if one.line else ""
    found = f" ({one.found})" if one.found is not None else ""
    return f"{where}{one.what}{found}"
