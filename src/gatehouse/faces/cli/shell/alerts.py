# SPDX-License-Identifier: Apache-2.0
"""alertconfig: who gets alarms by mail, how often, and from whom."""

from collections.abc import Sequence

from gatehouse.config import alert_build, schema
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    attempt,
    choose_name,
    keep,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import (
    Check,
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    menu,
    say,
    words_of,
)
from gatehouse.journal.escape import clean
from gatehouse.mail.address import AddressFault, parse_mailbox
from gatehouse.policy.alarms import ALL_CLASSES, AlarmClass, AlarmSeverity

_SECTION = ("alerts", "recipients")
_ALL = "All"
_CLASSES = tuple(one.value for one in AlarmClass)
_SEVERITIES = tuple(one.value for one in AlarmSeverity)
_DAY = 86_400
_WEEK = 7 * _DAY


def alert_config() -> Talk[None]:
    """The menu of alerts, behind what holds now."""
    draft = yield from open_draft()
    while True:
        yield from say(*map(clean, _now(draft.document)))
        word = yield from menu(
            ("NEW", "Send alerts to one more address."),
            ("EDIT", "Change what an address gets."),
            ("DELETE", "Remove an address."),
            ("CLEAR", "Remove all addresses, so that nobody gets alerts."),
            ("SETUP", "Set how often duplicates are sent, and the way of alert mail."),
            ("FROM", "Set the From address of alert mail."),
        )
        if word is None:
            return
        yield from attempt(_OPERATIONS[word](draft))
        draft.revert()


def _now(document: schema.Document) -> list[str]:
    section = document.alerts
    lines = ["", "Sending alerts to:"] if section.recipients else ["", "Sending alerts to nobody."]
    for address, one in section.recipients.items():
        classes = _ALL if ALL_CLASSES in one.classes else ", ".join(one.classes)
        lines += [address, f"  Class: {classes} - Severities: {_severities(one)}"]
    wait = "number of seconds to wait before sending a duplicate alert"
    lines += [
        "",
        f"Initial {wait}: {section.initial_interval}",
        f"Maximum {wait}: {section.maximum_interval}",
        "",
    ]
    sender = alert_build.sender_text(document)
    whose = "the system-default" if section.from_address is None else "a configured"
    lines.append(f"Alerts are sent with {whose} From address: {sender}")
    if section.smart_host is not None:
        lines.append(f"Alerts go by the smart host {section.smart_host}.")
    return lines


def _severities(one: schema.AlertRecipient) -> str:
    chosen = set(one.severities)
    all_ = chosen == set(AlarmSeverity)
    return _ALL if all_ else ", ".join(each.value for each in AlarmSeverity if each in chosen)


def _new(draft: Draft) -> Talk[None]:
    taken = draft.names(*_SECTION)

    def check(answer: str) -> str | None:
        return "It gets alerts already." if answer in taken else _no_mailbox(answer)

    address = yield from ask(
        "A new mail address to send alerts to", check=check, help="administrator@example.com"
    )
    yield from _ask(draft, address)


def _edit(draft: Draft) -> Talk[None]:
    address = yield from choose_name("Which address?", draft.names(*_SECTION), "address")
    if address is not None:
        yield from _ask(draft, address)


def _delete(draft: Draft) -> Talk[None]:
    address = yield from choose_name("Which address?", draft.names(*_SECTION), "address")
    if address is not None and (yield from confirm(f"Remove {address}?")):
        draft.put((*_SECTION, address), None)
        yield from keep(draft)


def _clear(draft: Draft) -> Talk[None]:
    if (yield from confirm("Remove all addresses, so that nobody gets alerts?")):
        draft.put(_SECTION, None)
        yield from keep(draft)


def _setup(draft: Draft) -> Talk[None]:
    now = draft.document.alerts
    first = yield from ask_number(
        "Seconds to wait before the first duplicate of an alert",
        now.initial_interval,
        0,
        _DAY,
        help="0: every one is sent at once. Else the wait grows, up to the maximum.",
    )
    longest = yield from ask_number(
        "The longest wait in seconds", max(now.maximum_interval, first), max(first, 1), _WEEK
    )
    for field, value, old in (
        ("initial_interval", first, now.initial_interval),
        ("maximum_interval", longest, now.maximum_interval),
    ):
        if value != old:
            draft.put(("alerts", field), value)
    hosts = list(draft.names("smart_hosts"))
    if hosts:
        place = yield from choose(
            "The way of alert mail",
            ("As all mail", *hosts),
            1 + hosts.index(now.smart_host) if now.smart_host in hosts else 0,
            help="By a smart host alerts arrive whatever the SMTP routes say.",
        )
        if (place and hosts[place - 1]) != (now.smart_host or 0):
            draft.put(("alerts", "smart_host"), hosts[place - 1] if place else None)
    yield from keep(draft)


def _from(draft: Draft) -> Talk[None]:
    word = yield from menu(
        ("EDIT", "Set the From address."), ("DEFAULT", "Go back to the system-default one.")
    )
    if word is None:
        return
    value = None
    if word == "EDIT":
        now = alert_build.sender_text(draft.document)
        value = yield from ask("From address of alert mail", now, check=_no_mailbox)
        if value == now:
            return  # what is the default stays the default
    draft.put(("alerts", "from_address"), value)
    yield from keep(draft)


_OPERATIONS = {
    "NEW": _new,
    "EDIT": _edit,
    "DELETE": _delete,
    "CLEAR": _clear,
    "SETUP": _setup,
    "FROM": _from,
}


def _ask(draft: Draft, address: str) -> Talk[None]:
    """Class and severity, in the order of the modelled appliance."""
    known = draft.document.alerts.recipients.get(address) or schema.AlertRecipient()
    before = () if ALL_CLASSES in known.classes else tuple(known.classes)
    classes = yield from _choose_some("The alert classes", _CLASSES, before)
    severities = yield from _choose_some(
        "The severities", _SEVERITIES, tuple(one.value for one in known.severities)
    )
    draft.table(*_SECTION, address)
    draft.put((*_SECTION, address, "classes"), list(classes) or None)
    words = [one.lower() for one in severities]
    draft.put((*_SECTION, address, "severities"), words or None)
    yield from keep(draft)


def _choose_some(text: str, choices: Sequence[str], before: Sequence[str]) -> Talk[tuple[str, ...]]:
    """Some of numbered choices; () for all, which is the first number."""
    lines = [f"{number}. {one}" for number, one in enumerate((_ALL, *choices), 1)]
    places = [str(2 + choices.index(one)) for one in before if one in choices]
    default = "1" if len(places) in (0, len(choices)) else ", ".join(places)
    answer = yield from ask(
        "\n".join([f"{text}, with commas between several numbers", *lines]),
        default,
        check=_numbers(len(choices) + 1),
        help="Several numbers have commas between them; 1 stands for all.",
    )
    chosen = {int(one) for one in words_of(answer)}
    if 1 in chosen or len(chosen) == len(choices):
        return ()
    return tuple(one for number, one in enumerate(choices, 2) if number in chosen)


def _numbers(most: int) -> Check:
    def check(answer: str) -> str | None:
        words = words_of(answer)
        allowed = {str(number) for number in range(1, most + 1)}
        if words and set(words) <= allowed:
            return None
        return f"Answer with numbers from 1 to {most}, with commas between them."

    return check


def _no_mailbox(answer: str) -> str | None:
    parsed = parse_mailbox(answer.encode("utf-8", "surrogatepass"))
    return f"{parsed.reason}." if isinstance(parsed, AddressFault) else None
