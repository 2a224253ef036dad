# SPDX-License-Identifier: Apache-2.0
"""deliveryconfig, smtproutes and bounceconfig: how mail goes out, where to, and for how long."""

from gatehouse.config import build, hat_text, route_text, schema, units
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    ask_field,
    attempt,
    choose_name,
    keep,
    new_name,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    menu,
    read_file,
    say,
    something,
    words_of,
    write_file,
)
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_ROUTES = "smtp_routes"
_PROFILES = "bounce_profiles"
_AUTO = "Automatic (the first one)"


def delivery_config() -> Talk[None]:
    """What all outgoing connections have in common."""
    draft = yield from open_draft()
    now = draft.document.delivery
    names = list(draft.names("interfaces"))
    place = yield from choose(
        "Interface whose host name is said in EHLO",
        (_AUTO, *names),
        1 + names.index(now.interface) if now.interface in names else 0,
    )
    if place or now.interface is not None:
        draft.put(("delivery", "interface"), names[place - 1] if place else None)
    number = yield from ask_number(
        "Outgoing connections at the same time", now.max_connections, 1, 1_000_000
    )
    if number != now.max_connections:
        draft.put(("delivery", "max_connections"), number)
    yield from keep(draft)


# --- routes ---------------------------------------------------------------------------------------


def smtp_routes() -> Talk[None]:
    """The menu of SMTP routes."""
    draft = yield from open_draft()
    while True:
        yield from say("", f"{len(draft.names(_ROUTES))} routes.")
        word = yield from menu(
            ("NEW", "Make a route."),
            ("EDIT", "Change one."),
            ("DELETE", "Remove one."),
            ("PRINT", "Show all."),
            ("IMPORT", "Replace all routes from a file."),
            ("EXPORT", "Write all routes into a file."),
            ("CLEAR", "Remove all."),
        )
        if word is None:
            return
        yield from attempt(_ROUTE_OPERATIONS[word](draft))
        draft.revert()


def _new_route(draft: Draft) -> Talk[None]:
    taken = draft.names(_ROUTES)

    def check(answer: str) -> str | None:
        return "There is a route for it already." if answer in taken else something(answer)

    domain = yield from ask(
        "Domain", check=check, help='domain, .domain for all below it, or "." for all others.'
    )
    yield from _ask_hosts(draft, domain)


def _edit_route(draft: Draft) -> Talk[None]:
    domain = yield from choose_name("Which route?", draft.names(_ROUTES), "route")
    if domain is not None:
        yield from _ask_hosts(draft, domain)


def _delete_route(draft: Draft) -> Talk[None]:
    domain = yield from choose_name("Which route?", draft.names(_ROUTES), "route")
    if domain is not None:
        draft.put((_ROUTES, domain), None)
        yield from keep(draft)


def _print_routes(draft: Draft) -> Talk[None]:
    rows = [(domain, ", ".join(hosts)) for domain, hosts in (draft.get(_ROUTES) or {}).items()]
    yield from say(pairs(rows) if rows else "There is no route.")


def _import_routes(draft: Draft) -> Talk[None]:
    path = yield from ask("File to import (it replaces all routes)", check=something)
    read = route_text.parse((yield from read_file(path, hat_text.MAX_BYTES)))
    if not isinstance(read, dict):
        yield from say(*(clean(str(one)) for one in read), "Nothing was changed.")
        return
    draft.put((_ROUTES,), read or None)
    if (yield from keep(draft)):
        yield from say(f"There are {len(read)} routes.")


def _export_routes(draft: Draft) -> Talk[None]:
    path = yield from ask("File to write (it must not exist)", check=something)
    text = route_text.format_routes(draft.get(_ROUTES) or {})
    yield from write_file(path, text.encode())
    yield from say(clean(f"{len(draft.names(_ROUTES))} routes are in {path}."))


def _clear_routes(draft: Draft) -> Talk[None]:
    if (yield from confirm("Remove all routes, so that all mail goes by MX?")):
        draft.put((_ROUTES,), None)
        yield from keep(draft)


_ROUTE_OPERATIONS = {
    "NEW": _new_route,
    "EDIT": _edit_route,
    "DELETE": _delete_route,
    "PRINT": _print_routes,
    "IMPORT": _import_routes,
    "EXPORT": _export_routes,
    "CLEAR": _clear_routes,
}


def _ask_hosts(draft: Draft, domain: str) -> Talk[None]:
    old = ", ".join(draft.get(_ROUTES, domain) or ())
    answer = yield from ask(
        "Hosts, with commas between them",
        old,
        check=something,
        help="host, host:port or smarthost:NAME; the first that answers takes the mail.",
    )
    if answer != old:
        draft.put((_ROUTES, domain), list(words_of(answer)))
        yield from keep(draft)


# --- bounce profiles ------------------------------------------------------------------------------


def bounce_config() -> Talk[None]:
    """The menu of bounce profiles."""
    draft = yield from open_draft()
    while True:
        yield from say("", "Bounce profiles:", *map(clean, _all_profiles(draft)))
        word = yield from menu(
            ("NEW", "Make a profile."),
            ("EDIT", "Change one; the others inherit from the default."),
            ("DELETE", "Remove one."),
        )
        if word is None:
            return
        yield from attempt(_PROFILE_OPERATIONS[word](draft))
        draft.revert()


def _new_profile(draft: Draft) -> Talk[None]:
    name = yield from new_name(draft, (_PROFILES,), "Name")
    draft.table(_PROFILES, name)
    yield from _ask_profile(draft, name)


def _edit_profile(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which profile?", _all_profiles(draft), "profile")
    if name is not None:
        yield from _ask_profile(draft, name)


def _delete_profile(draft: Draft) -> Talk[None]:
    names = [one for one in draft.names(_PROFILES) if one != schema.DEFAULT_PROFILE]
    name = yield from choose_name("Which profile?", names, "profile of your own")
    if name is not None and (yield from confirm(f"Remove {name}?")):
        draft.put((_PROFILES, name), None)
        yield from keep(draft)


_PROFILE_OPERATIONS = {"NEW": _new_profile, "EDIT": _edit_profile, "DELETE": _delete_profile}


def _all_profiles(draft: Draft) -> list[str]:
    return list(dict.fromkeys([schema.DEFAULT_PROFILE, *draft.names(_PROFILES)]))


def _ask_profile(draft: Draft, name: str) -> Talk[None]:
    """Each value may be left to the default profile."""
    yield from _ask_count(draft, (_PROFILES, name, "max_retries"), "Tries after the first")
    for field, question in (
        ("max_time", "Longest time in the queue"),
        ("initial_wait", "Wait after the first failure"),
        ("max_wait", "Longest wait between two tries"),
        ("max_time_tls", "Longest time in the queue while required TLS fails"),
    ):
        yield from ask_field(
            draft, (_PROFILES, name, field), question, check=_duration, help=units.DURATION_FORM
        )
    now = draft.get(_PROFILES, name, "delay_warnings")
    warn = yield from confirm("Tell the sender when a message is late?", bool(now))
    if warn != bool(now):
        draft.put((_PROFILES, name, "delay_warnings"), warn)
    if warn:
        yield from ask_field(
            draft,
            (_PROFILES, name, "delay_warning_interval"),
            "Wait between two of these warnings",
            check=_duration,
            help=units.DURATION_FORM,
        )
        yield from _ask_count(draft, (_PROFILES, name, "max_delay_warnings"), "Warnings at most")
    yield from _ask_bounces(draft, name)
    yield from keep(draft)


def _ask_bounces(draft: Draft, name: str) -> Talk[None]:
    now = build.bounce_profile(draft.document, name).send_bounces
    told = yield from confirm("Tell the sender when a message cannot be delivered?", now)
    if told != now:
        draft.put((_PROFILES, name, "send_bounces"), told)
    yield from ask_field(
        draft,
        (_PROFILES, name, "max_bounce_copy"),
        "Largest original that goes back whole",
        check=_size,
        help=units.SIZE_FORM,
    )


def _ask_count(draft: Draft, path: tuple[str, ...], question: str) -> Talk[None]:
    yield from ask_field(draft, path, question, check=_count)
    if isinstance(draft.get(*path), str):
        draft.put(path, int(draft.get(*path)))


def _count(answer: str) -> str | None:
    fits = answer.isascii() and answer.isdecimal() and len(answer) <= 6
    return None if fits else "A whole number is needed."


def _duration(answer: str) -> str | None:
    try:
        units.parse_duration(answer)
    except ValueError as error:
        return f"What is needed: {error}."
    return None


def _size(answer: str) -> str | None:
    try:
        units.parse_size(answer)
    except ValueError as error:
        return f"What is needed: {error}."
    return None
