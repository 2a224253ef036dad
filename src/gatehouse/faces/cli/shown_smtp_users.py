# SPDX-License-Identifier: Apache-2.0
"""How users of SMTP AUTH look to a person."""

from gatehouse.faces.actions import smtp_users
from gatehouse.faces.cli.shown_login_failures import failure_table
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean


def user_list(one: smtp_users.UserList, to: Screen) -> str:
    """One line for each user."""
    if not one.users:
        return "No users."
    columns = (
        Column("NAME", flexible=True),
        Column("STATE"),
        Column("PASSWORD"),
        Column("CERTIFICATE", flexible=True),
        Column("CHANGED"),
    )
    rows = [
        (
            each.name,
            "enabled" if each.enabled else "disabled",
            "yes" if each.password else "no",
            each.certificate or "",
            moment(each.changed_at),
        )
        for each in one.users
    ]
    return table(columns, rows, to)


def user_shown(one: smtp_users.UserShown, to: Screen) -> str:
    """One user, below him what failed, and where he usually comes from."""
    user = one.user
    head = pairs(
        [
            ("Name", user.name),
            ("State", "enabled" if user.enabled else "disabled"),
            ("Password", "yes" if user.password else "no"),
            ("Certificate", user.certificate or "none"),
            ("Made", moment(user.created_at)),
            ("Changed", moment(user.changed_at)),
        ]
    )
    parts = [head]
    if one.failures:
        parts.append(failure_table(one.failures, to))
    if one.usual:
        places = (Column("USUALLY FROM", flexible=True), Column("LAST LOGIN"))
        parts.append(
            table(places, [(each.network, moment(each.last_at)) for each in one.usual], to)
        )
    return "\n\n".join(parts)


def user_changed(one: smtp_users.UserChanged, to: Screen) -> str:
    """One sentence."""
    return f"User {clean(one.name)}: {clean(one.done)}."
