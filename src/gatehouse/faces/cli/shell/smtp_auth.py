# SPDX-License-Identifier: Apache-2.0
"""smtpauthconfig: what users of listeners may do after AUTH, and logins at relays (RFC 4954).

The modelled appliance has one list of profiles, of several kinds. Here an incoming one is a section
of `smtp_auth_profiles`, which listenerconfig > EDIT > SETUP chooses; an outgoing one is a smart
host, which smtproutes chooses. Passwords are no part of the configuration and count at once.
"""

from collections.abc import Iterator
from functools import partial

from gatehouse.config import field_values, schema
from gatehouse.faces.actions import smart_hosts
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell import candidate_edit, menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, choose_name, keep, open_draft
from gatehouse.faces.cli.shell.destination import LEVEL_NAMES
from gatehouse.faces.cli.shell.dialogue import (
    Check,
    Talk,
    ask,
    choose,
    confirm,
    do,
    say,
    secret,
    show,
    words_of,
)
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.shell.smtp_users import smtp_auth_users
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_INCOMING = "smtp_auth_profiles"
_OUTGOING = "smart_hosts"
_KINDS = (_INCOMING, _OUTGOING)
_KIND_NAMES = ("Incoming: users of listeners", "Outgoing: a login at the relay of a route")
_IMPLICIT_PORT = 465  # RFC 8314 §7.3

_USERS = (
    Question(field="mechanisms", text="Mechanisms"),
    Question(field="relay", text="May users send to everywhere?"),
    Question(field="max_failures", text="Failed logins on one connection before it is closed"),
)
_HOST = (
    Question(field="host", text="Host name of the relay"),
    Question(
        field="tls_mode", text="Protocol", choices=("SMTP", "SMTP in TLS from the first byte")
    ),
)
_LOGIN = (
    Question(field="port", text="TCP port"),
    Question(field="tls", text="TLS", choices=LEVEL_NAMES),
    Question(field="username", text="User name"),
    Question(
        field="password_over",
        text="The password may travel over",
        choices=("Verified TLS", "TLS without a verified certificate", "Clear text"),
    ),
)


def smtp_auth_config() -> Talk[None]:
    """The menu of profiles."""
    draft = yield from open_draft()
    yield from menus.edit(
        draft,
        _now,
        ("NEW", "Make a profile.", _new),
        ("EDIT", "Change a profile.", _edit),
        ("DELETE", "Remove a profile.", _delete),
        ("PRINT", "Show all profiles.", _print),
        ("PASSWORD", "Set the password of an outgoing profile.", _password),
        ("USERS", "Manage who may log in at listeners.", _users),
    )


def _now(draft: Draft) -> Talk[None]:
    counts = [len(draft.names(kind)) for kind in _KINDS]
    yield from say("", f"SMTP AUTH profiles: {counts[0]} incoming, {counts[1]} outgoing.")


def _new(draft: Draft) -> Talk[None]:
    kind = _KINDS[(yield from choose("Kind of profile", _KIND_NAMES))]
    taken = [name for each in _KINDS for name in draft.names(each)]

    def check(answer: str) -> str | None:
        return candidate_edit.why_no_name(answer, taken)

    name = yield from ask("Name", check=check, help="Letters, digits, '.', '_' and '-'.")
    draft.table(kind, name)
    yield from _ask(draft, kind, name)


def _edit(draft: Draft) -> Talk[None]:
    found = yield from _which(draft)
    if found is not None:
        yield from _ask(draft, *found)


def _delete(draft: Draft) -> Talk[None]:
    found = yield from _which(draft)
    if found is None or not (yield from confirm(f"Remove {found[1]}?")):
        return
    draft.put(found, None)
    if (yield from keep(draft)) and found[0] == _OUTGOING:
        yield from say("Its password is kept until PASSWORD forgets it.")


def _print(draft: Draft) -> Talk[None]:
    rows = [
        *((f"{name} (incoming)", _incoming(one)) for name, one in _profiles(draft)),
        *(
            (f"{name} (outgoing)", f"{one.host} port {one.port}, {one.username or 'no login'}")
            for name, one in draft.document.smart_hosts.items()
        ),
    ]
    shown = [(clean(name), clean(value)) for name, value in rows]
    yield from say(pairs(shown) if shown else "There is no profile.")


def _password(draft: Draft) -> Talk[None]:
    kept = yield from do(smart_hosts.LIST, Nothing(), smart_hosts.SmartHostList)
    running = [one.name for one in kept.smart_hosts]
    names = list(dict.fromkeys((*draft.names(_OUTGOING), *running, *kept.orphans)))
    name = yield from choose_name("Which profile?", names, "outgoing profile")
    if name is None:
        return
    if (yield from choose("What shall be done?", ("Set the password", "Forget the password"))):
        yield from show(smart_hosts.FORGET, smart_hosts.ForgetInput(name=name))
    else:
        yield from _set_password(name)


def _users(_: Draft) -> Talk[None]:
    yield from smtp_auth_users()


def _profiles(draft: Draft) -> Iterator[tuple[str, schema.SmtpAuthProfile]]:
    yield from draft.document.smtp_auth_profiles.items()


def _incoming(one: schema.SmtpAuthProfile) -> str:
    to = "everywhere" if one.relay else "the recipient table"
    named = f", senders of {len(one.senders)} users" if one.senders else ""
    return f"{', '.join(one.mechanisms)}; users may send to {to}{named}"


def _which(draft: Draft) -> Talk[tuple[str, str] | None]:
    """Kind and name; the kinds are told apart, for both may use the same name in a file."""
    found = [(kind, name) for kind in _KINDS for name in draft.names(kind)]
    if not found:
        yield from say("There is no profile.")
        return None
    words = dict(zip(_KINDS, ("incoming", "outgoing"), strict=True))
    shared = {name for _, name in found if sum(name == other for _, other in found) > 1}
    shown = [f"{name} ({words[kind]})" if name in shared else name for kind, name in found]
    return found[(yield from choose("Which profile?", shown))]


def _ask(draft: Draft, kind: str, name: str) -> Talk[None]:
    if kind == _INCOMING:
        yield from ask_section(draft, (kind, name), _USERS)
        if (yield from keep(draft)) and (yield from confirm("Change who may send as whom?")):
            yield from _senders(draft, name)
        return
    yield from ask_section(draft, (kind, name), _HOST)
    values = draft.table(kind, name)
    if values.get("tls_mode") == "implicit" and "port" not in values:
        values["port"] = _IMPLICIT_PORT  # stands in brackets then
    yield from ask_section(draft, (kind, name), _LOGIN)
    if (yield from keep(draft)) and draft.document.smart_hosts[name].username is not None:
        yield from _set_password(name)


def _set_password(name: str) -> Talk[None]:
    yield from say("The password counts at once, without a commit; an empty line leaves it.")
    password = yield from secret("Password at the relay", new=True)
    if password:
        given = smart_hosts.PasswordInput(name=name, password=password)
        yield from show(smart_hosts.PASSWORD, given)


# --- who may send as whom -------------------------------------------------------------------------


def _senders(draft: Draft, name: str) -> Talk[None]:
    yield from menus.edit(
        draft,
        partial(_sender_lines, name=name),
        ("NEW", "Say which senders a user may use, or say it anew.", partial(_allow, name=name)),
        ("DELETE", "Say it for a user no more.", partial(_forget, name=name)),
    )


def _sender_lines(draft: Draft, *, name: str) -> Talk[None]:
    found = draft.document.smtp_auth_profiles[name].senders
    rows = [(clean(user), clean(", ".join(senders))) for user, senders in found.items()]
    yield from say("", pairs(rows) if rows else "Every user may use any sender.")


def _allow(draft: Draft, *, name: str) -> Talk[None]:
    user = yield from ask(
        "User", check=_checked("user"), help="* stands for all who are not named."
    )
    path = (_INCOMING, name, "senders", user)
    answer = yield from ask(
        "Senders, with commas between them",
        ", ".join(draft.get(*path) or ()),
        check=_checked("senders"),
        help='user@domain, domain, .domain, user@ or "*".',
    )
    draft.put(path, list(words_of(answer)))
    yield from keep(draft)


def _forget(draft: Draft, *, name: str) -> Talk[None]:
    path = (_INCOMING, name, "senders")
    user = yield from choose_name("Which user?", draft.names(*path), "user that is named")
    if user is not None:
        draft.put((*path, user), None)
        yield from keep(draft)


def _checked(part: str) -> Check:
    """A check of one side of the table of senders."""

    def check(answer: str) -> str | None:
        if not words_of(answer):
            return "An answer is needed."
        table = {answer: ["*"]} if part == "user" else {"*": list(words_of(answer))}
        why = field_values.why_not(schema.SmtpAuthProfile, "senders", table)
        return None if why is None else f"What is needed: {why}."

    return check
