# SPDX-License-Identifier: Apache-2.0
"""smtproutes and bounceconfig: where mail goes to, and for how long that is tried."""

from gatehouse.config import build, hat_text, route_text, schema
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    choose_name,
    keep,
    new_name,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    read_file,
    say,
    something,
    words_of,
    write_file,
)
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean
from gatehouse.policy import route_table

_ROUTES = "smtp_routes"
_PROFILES = "bounce_profiles"


# --- routes ---------------------------------------------------------------------------------------


def smtp_routes() -> Talk[None]:
    """The menu of SMTP routes."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _count_routes, *_ROUTE_OPERATIONS)


def _count_routes(draft: Draft) -> Talk[None]:
    yield from say("", f"{len(draft.names(_ROUTES))} routes.")


def _new_route(draft: Draft) -> Talk[None]:
    taken = draft.names(_ROUTES)

    def check(answer: str) -> str | None:
        domain = build.canonical_domain(route_text.domain_of(answer))
        if domain is None or domain == schema.DEFAULT_DESTINATION:
            return "A domain, .domain for all below it, or ALL is needed."
        same = domain in map(build.canonical_domain, taken)
        return "There is a route for it already." if same else None

    domain = yield from ask(
        "Domain", check=check, help="domain, .domain for all below it, or ALL for all others."
    )
    yield from _ask_hosts(draft, route_text.domain_of(domain))


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


_ROUTE_OPERATIONS = (
    ("NEW", "Make a route.", _new_route),
    ("EDIT", "Change one.", _edit_route),
    ("DELETE", "Remove one.", _delete_route),
    ("PRINT", "Show all.", _print_routes),
    ("IMPORT", "Replace all routes from a file.", _import_routes),
    ("EXPORT", "Write all routes into a file.", _export_routes),
    ("CLEAR", "Remove all.", _clear_routes),
)


def _ask_hosts(draft: Draft, domain: str) -> Talk[None]:
    """Hosts, and then the login at them, in the order of the modelled appliance."""
    old = ", ".join(draft.get(_ROUTES, domain) or ())
    answer = yield from ask(
        "Hosts, with commas between them",
        old,
        check=_hosts,
        words=[f"{route_table.SMART_HOST}{one}" for one in draft.names("smart_hosts")],
        help="host, host:port or smarthost:NAME; the first that answers takes the mail.",
    )
    hosts = list(words_of(answer))
    if draft.document.smart_hosts and all(_plain(one) for one in hosts):
        hosts = yield from _with_login(draft, hosts)
    if hosts != draft.get(_ROUTES, domain):
        draft.put((_ROUTES, domain), hosts)
        yield from keep(draft)


def _with_login(draft: Draft, hosts: list[str]) -> Talk[list[str]]:
    """These hosts, or the profile that holds the login and the host for it."""
    profiles = draft.document.smart_hosts
    place = yield from choose(
        "Outgoing SMTP AUTH profile",
        ("None", *profiles),
        help="The mail goes to the host of the profile, with its login and its TLS.",
    )
    if not place:
        return hosts
    name = list(profiles)[place - 1]
    relay = profiles[name]
    said = {route_table.parse_route_host(one) for one in hosts}
    if said - {route_table.RouteHost(relay.host, port) for port in (None, relay.port)}:
        yield from say(clean(f"It goes to {relay.host} port {relay.port}, as the profile says."))
    return [f"{route_table.SMART_HOST}{name}"]


def _plain(host: str) -> bool:
    """A host by its name or address, at which a login could be needed."""
    found = route_table.parse_route_host(host)
    return isinstance(found, route_table.RouteHost) and found.host != route_table.USE_DNS


def _hosts(answer: str) -> str | None:
    for one in words_of(answer):
        found = route_table.parse_route_host(one)
        if isinstance(found, route_table.RouteFault):
            return f"{clean(one)}: {found.reason}."
    return None if words_of(answer) else "An answer is needed."


# --- bounce profiles ------------------------------------------------------------------------------


def bounce_config() -> Talk[None]:
    """The menu of bounce profiles."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _list_profiles, *_PROFILE_OPERATIONS)


def _list_profiles(draft: Draft) -> Talk[None]:
    yield from say("", "Bounce profiles:", *map(clean, _all_profiles(draft)))


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


_PROFILE_OPERATIONS = (
    ("NEW", "Make a profile.", _new_profile),
    ("EDIT", "Change one; the others inherit from the default.", _edit_profile),
    ("DELETE", "Remove one.", _delete_profile),
)


def _all_profiles(draft: Draft) -> list[str]:
    return list(dict.fromkeys([schema.DEFAULT_PROFILE, *draft.names(_PROFILES)]))


def _ask_profile(draft: Draft, name: str) -> Talk[None]:
    """Each value may be left to the default profile, whose values stand in brackets then."""
    path = (_PROFILES, name)
    holds = build.bounce_profile(draft.document, name)
    yield from ask_section(draft, path, _TIMES, holds)
    late = "Tell the sender when a message is late?"
    if (yield from _switch(draft, name, "delay_warnings", late)):
        yield from ask_section(draft, path, _WARNINGS, holds)
    lost = "Tell the sender when a message cannot be delivered?"
    yield from _switch(draft, name, "send_bounces", lost)
    yield from ask_section(draft, path, _COPY, holds)
    yield from keep(draft)


def _switch(draft: Draft, name: str, field: str, question: str) -> Talk[bool]:
    """Yes or no, before it what holds now; the same answer leaves it to the default profile."""
    now: bool = getattr(build.bounce_profile(draft.document, name), field)
    answer = yield from confirm(question, now)
    if answer != now:
        draft.put((_PROFILES, name, field), answer)
    return answer


_TIMES = (
    Question(field="max_retries", text="Tries after the first"),
    Question(field="max_time", text="Longest time in the queue"),
    Question(field="initial_wait", text="Wait after the first failure"),
    Question(field="max_wait", text="Longest wait between two tries"),
    Question(field="max_time_tls", text="Longest time in the queue while required TLS fails"),
)
_WARNINGS = (
    Question(field="delay_warning_interval", text="Wait between two of these warnings"),
    Question(field="max_delay_warnings", text="Warnings at most"),
)
_COPY = (Question(field="max_bounce_copy", text="Largest original that goes back whole"),)
