# SPDX-License-Identifier: Apache-2.0
"""How access tables and mail flow policies look to a person."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import access
from gatehouse.faces.cli.shown_commit import committed, findings
from gatehouse.faces.cli.terminal import Column, Screen, pairs, table
from gatehouse.journal.escape import clean

_COMMIT = "It is in the candidate; `gatehouse config commit COMMENT` makes it run."
_MANY = 6  # members of a group that are listed; of more, the rest is counted
# Where a value comes from, in the words of a person.
_ORIGINS = {
    "own": "own",
    "built-in": "built-in",
    "default": "inherited from default",
    "factory": "inherited (factory)",
}


def _hat(one: access.Hat, to: Screen) -> str:
    columns = (
        Column("#", right=True),
        Column("GROUP", flexible=True),
        Column("MEMBERS", flexible=True),
        Column("POLICY", flexible=True),
        Column("BEHAVIOR"),
        Column("TLS"),
        Column("COMMENT", flexible=True),
    )
    rows = [
        (
            str(each.place),
            each.name or "-",
            _members(each.members),
            f"${each.policy}",
            each.behavior,
            each.tls,
            " ".join([each.comment, "(implied)" if each.implied else ""]).strip(),
        )
        for each in one.groups
    ]
    hidden = [
        to.warn(f"{each.name or 'No group'}: {_members(each.hidden)} never decides: wider above.")
        for each in one.groups
        if each.hidden
    ]
    head = clean(f"Listener {one.listener} ({one.type}), {one.source}:")
    return "\n".join([head, table(columns, rows, to), *hidden])


def _members(members: tuple[str, ...]) -> str:
    shown = ", ".join(members[:_MANY])
    return f"{shown} and {len(members) - _MANY} more" if len(members) > _MANY else shown


def _rat(one: access.Rat, to: Screen) -> str:
    columns = (
        Column("#", right=True),
        Column("RECIPIENT", flexible=True),
        Column("ACCESS"),
        Column("REPLY", flexible=True),
        Column("COMMENT", flexible=True),
    )
    rows = [
        (
            str(each.place),
            each.recipient,
            each.access,
            each.reply,
            "(implied)" if each.implied else each.comment,
        )
        for each in one.entries
    ]
    return clean(f"Listener {one.listener}, {one.source}:") + "\n" + table(columns, rows, to)


def _exported(one: access.Exported, to: Screen) -> str:
    """As it is, so that it can be imported again; only a terminal is protected from it."""
    text = one.text.removesuffix("\n")
    if to.width is None:
        return text
    return "\n".join(clean(line.expandtabs()) for line in text.split("\n"))


def _imported(one: access.Imported, to: Screen) -> str:
    what = "groups and single members" if one.table == "HAT" else "recipients"
    lines = [clean(f"The {one.table} of {one.listener} has {one.entries} {what}.")]
    if one.policies:
        lines.append(clean(f"New or changed policies: {', '.join(one.policies)}."))
    if one.kept:
        lines.append(clean(f"Policies as they were: {', '.join(one.kept)}."))
    lines += [to.warn(remark) for remark in one.remarks]
    if one.commit is not None:
        return "\n".join([*lines, committed(one.commit, to)])
    return "\n".join([*lines, *findings(one.warnings, to), _COMMIT])


def _changed(one: access.MemberChanged, to: Screen) -> str:
    where = f"{one.group} of {one.listener}, which has {one.members} now"
    lines = [clean(f"{one.member} is {one.change}: {where}.")]
    if one.commit is not None:
        return "\n".join([*lines, committed(one.commit, to)])
    return "\n".join([*lines, *findings(one.warnings, to), _COMMIT])


def _policies(one: access.PolicyList, to: Screen) -> str:
    columns = (
        Column("POLICY", flexible=True),
        Column("BEHAVIOR"),
        Column("TLS"),
        Column("AUTH"),
        Column("FROM"),
        Column("USED BY", flexible=True),
    )
    rows = [
        (
            each.name,
            each.behavior,
            each.tls,
            each.smtp_auth,
            _from(each),
            ", ".join(each.used_by),
        )
        for each in one.policies
    ]
    return table(columns, rows, to)


def _from(one: access.PolicyLine) -> str:
    if one.built_in:
        return "built-in, changed" if one.written else "built-in"
    return "configuration" if one.written else "factory"


def _policy(one: access.PolicyView, to: Screen) -> str:
    columns = (Column("FIELD"), Column("VALUE", flexible=True), Column("FROM"))
    rows = [
        (each.field, _value(each), _ORIGINS.get(each.origin, each.origin)) for each in one.fields
    ]
    head = pairs([("Policy", one.name), ("Used by", ", ".join(one.used_by) or "nobody")])
    return f"{head}\n\n{table(columns, rows, to)}"


def _value(one: access.FieldView) -> str:
    value = one.value
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if value == 0:
        return "0 (no limit)"  # the counts and rates; sizes and codes are never 0
    return str(value) if value != "" else '""'


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    access.Hat: _hat,
    access.Rat: _rat,
    access.Exported: _exported,
    access.Imported: _imported,
    access.MemberChanged: _changed,
    access.PolicyList: _policies,
    access.PolicyView: _policy,
}
