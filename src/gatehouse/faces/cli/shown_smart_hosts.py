# SPDX-License-Identifier: Apache-2.0
"""How smart hosts look to a person."""

from gatehouse.faces.actions import smart_hosts
from gatehouse.faces.cli.terminal import Column, Screen, table
from gatehouse.journal.escape import clean


def smart_host_list(one: smart_hosts.SmartHostList, to: Screen) -> str:
    """The hosts, and passwords that belong to none of them."""
    columns = (
        Column("NAME"),
        Column("HOST", flexible=True),
        Column("TLS"),
        Column("USER", flexible=True),
        Column("PASSWORD"),
        Column("ROUTES", flexible=True),
    )
    rows = [
        (
            each.name,
            f"{each.host}:{each.port}",
            each.tls if each.tls_mode == "starttls" else f"{each.tls}, implicit",
            each.username or "",
            _password(each),
            " ".join(each.routes) or "none",
        )
        for each in one.smart_hosts
    ]
    parts = [table(columns, rows, to) if rows else "No smart hosts."]
    parts += [
        to.warn(f"There is a password for {clean(name)}, which is not in the configuration.")
        for name in one.orphans
    ]
    return "\n\n".join(parts)


def password_done(one: smart_hosts.PasswordDone, to: Screen) -> str:
    """One sentence, and what is odd."""
    done = "kept, sealed" if one.set else "forgotten"
    said = f"The password for {clean(one.name)} is {done}."
    if one.set and not one.known:
        said += "\n" + to.warn("The running configuration has no smart host of this name yet.")
    return said


def _password(each: smart_hosts.SmartHostView) -> str:
    if each.username is None:
        return "no login"
    return "set" if each.password_set else "MISSING"
