# SPDX-License-Identifier: Apache-2.0
"""How the people who operate the gateway, and what they did, look to a person."""

from collections.abc import Callable
from typing import Any

import msgspec

from gatehouse.faces.actions import audit, people, people_access
from gatehouse.faces.cli.shown_login_failures import failure_table
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean


def account_list(one: people.AccountList, to: Screen) -> str:
    """One line for each account."""
    if not one.accounts:
        return "No accounts. `gatehouse run` makes the first administrator."
    columns = (
        Column("NAME", flexible=True),
        Column("ROLE"),
        Column("STATE"),
        Column("CODE"),
        Column("LAST LOGIN"),
        Column("FULL NAME", flexible=True),
    )
    rows = [
        (
            each.name,
            each.role,
            "enabled" if each.enabled else "disabled",
            "yes" if each.totp else "no",
            "never" if each.last_login_at is None else moment(each.last_login_at),
            each.full_name,
        )
        for each in one.accounts
    ]
    return table(columns, rows, to)


def account_shown(one: people.AccountShown, to: Screen) -> str:
    """One account, below it what failed."""
    account = one.account
    codes = f"yes, {one.recovery_codes} recovery codes left" if account.totp else "no"
    last = account.last_login_at
    head = pairs(
        [
            ("Name", account.name),
            ("Full name", account.full_name),
            ("Role", account.role),
            ("State", "enabled" if account.enabled else "disabled"),
            ("One-time password", codes),
            ("API tokens", str(one.tokens)),
            ("Made", moment(account.created_at)),
            ("Changed", moment(account.changed_at)),
            ("Last login", "never" if last is None else moment(last)),
        ]
    )
    if not one.failures:
        return head
    return f"{head}\n\n{failure_table(one.failures, to)}"


def account_changed(one: people.AccountChanged, to: Screen) -> str:
    """One sentence."""
    return clean(f"Account {one.name} ({one.role}): {one.done}.")


def totp_started(one: people_access.TotpStarted, to: Screen) -> str:
    """What an authenticator needs, or the recovery codes."""
    if one.counts:
        head = f"Account {one.name}: a one-time password is asked for from the next login on."
        return f"{clean(head)}\n{_codes(one.recovery_codes)}"
    qr = "\n".join(map(clean, one.qr.splitlines()))
    again = clean(f"gatehouse user totp enable {one.name} --code CODE")
    return f"{qr}\n\n{clean(one.uri)}\n\nIt counts once a code from it has come: {again}"


def recovery_codes(one: people_access.RecoveryCodes, to: Screen) -> str:
    """The codes, this once."""
    head = clean(f"Account {one.name}: the old recovery codes no longer count.")
    return f"{head}\n{_codes(one.recovery_codes)}"


def token_list(one: people_access.TokenList, to: Screen) -> str:
    """One line for each token."""
    if not one.tokens:
        return "No tokens."
    columns = (
        Column("ID"),
        Column("ACCOUNT", flexible=True),
        Column("ROLE"),
        Column("ENDS"),
        Column("LAST USE"),
        Column("LABEL", flexible=True),
    )
    rows = [
        (
            each.id,
            each.name,
            each.role,
            moment(each.expires_at) + (" (over)" if each.expired else ""),
            "never" if each.last_used_at is None else moment(each.last_used_at),
            each.label,
        )
        for each in one.tokens
    ]
    return table(columns, rows, to)


def token_made(one: people_access.TokenMade, to: Screen) -> str:
    """The token, this once."""
    made, ends = one.made, moment(one.made.expires_at)
    told = f"Token {made.id} of {made.name} ({made.role}), until {ends}. It is not shown again."
    return f"{clean(one.token)}\n\n{clean(told)}"


def audit_list(one: audit.AuditList, to: Screen) -> str:
    """One line for each entry; the difference of a commit below its line."""
    if not one.entries:
        return "Nothing."
    columns = (
        Column("NO", right=True),
        Column("TIME"),
        Column("OPERATOR", flexible=True),
        Column("ROLE"),
        Column("FROM", flexible=True),
        Column("ACTION"),
        Column("OUTCOME", flexible=True),
        Column("ARGUMENTS", flexible=True),
    )
    rows = [
        (
            str(each.number),
            moment(each.at),
            each.operator,
            each.role,
            f"{each.way} {each.address}".rstrip(),
            each.action,
            each.outcome + ("" if each.revision is None else f", revision {each.revision}"),
            msgspec.json.encode(each.arguments).decode() if each.arguments else "",
        )
        for each in one.entries
    ]
    blocks = [table(columns, rows, to)]
    blocks += [
        f"{each.number}: revision {each.revision}\n"
        + "\n".join(clean(line) for line in each.diff.splitlines())
        for each in one.entries
        if each.diff
    ]
    return "\n\n".join(blocks)


def _codes(codes: tuple[str, ...]) -> str:
    lines = "\n".join(f"  {clean(code)}" for code in codes)
    return f"Recovery codes; each replaces one code, once. They are not shown again:\n{lines}"


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    people.AccountList: account_list,
    people.AccountShown: account_shown,
    people.AccountChanged: account_changed,
    people_access.TotpStarted: totp_started,
    people_access.RecoveryCodes: recovery_codes,
    people_access.TokenList: token_list,
    people_access.TokenMade: token_made,
    audit.AuditList: audit_list,
}
