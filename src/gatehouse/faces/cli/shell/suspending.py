# SPDX-License-Identifier: Apache-2.0
"""suspend, resume and their parts: listeners that refuse connections, deliveries that wait.

All of them take effect at once, without a commit, and hold over commits and restarts.
"""

from collections.abc import Sequence

from gatehouse.faces.actions import delivery, listeners, listeners_suspend
from gatehouse.faces.cli.shell.dialogue import Show, Talk, ask, ask_number, do, say, show, words_of
from gatehouse.journal.escape import clean

_EVERYTHING = "ALL"
_SECONDS = "Seconds in which open connections may finish"


def suspend() -> Talk[None]:
    """No new connections, and no new deliveries."""
    seconds = yield from _seconds()
    given = listeners_suspend.SuspendInput(all=True, within=seconds)
    yield from show(listeners_suspend.SUSPEND, given)
    yield from show(delivery.SUSPEND, delivery.SuspendInput(all=True))
    yield from say("Mail is neither taken nor delivered before `resume`.")


def resume() -> Talk[None]:
    """Connections and deliveries again."""
    yield from show(listeners_suspend.RESUME, listeners_suspend.ResumeInput(all=True))
    given = delivery.SuspendInput(all=True)
    found = yield from do(delivery.RESUME, given, delivery.Suspensions)
    yield Show(output=found)
    waits = found.by_configuration  # which only a commit can change
    yield from say(
        "Mail is taken; it is not delivered." if waits else "Mail is taken and delivered."
    )


def suspend_listeners() -> Talk[None]:
    """Listeners refuse connections."""
    found = yield from do(listeners.LIST, listeners.ListenersInput(), listeners.ListenerList)
    chosen = yield from _which("suspended", [one.name for one in found.listeners])
    if chosen is None:
        return
    seconds = yield from _seconds()
    given = listeners_suspend.SuspendInput(names=chosen, all=not chosen, within=seconds)
    yield from show(listeners_suspend.SUSPEND, given)


def resume_listeners() -> Talk[None]:
    """Suspended listeners take connections again."""
    found = yield from do(listeners.LIST, listeners.ListenersInput(), listeners.ListenerList)
    names = [one.name for one in found.listeners if one.suspended_since is not None]
    chosen = yield from _which("resumed", names)
    if chosen is not None:
        given = listeners_suspend.ResumeInput(names=chosen, all=not chosen)
        yield from show(listeners_suspend.RESUME, given)


def suspend_deliveries() -> Talk[None]:
    """Mail of destinations stays in the queue."""
    yield from show(delivery.SUSPEND, (yield from _domains("suspended")))


def resume_deliveries() -> Talk[None]:
    """Suspended destinations are served again."""
    yield from show(delivery.RESUME, (yield from _domains("resumed")))


def _seconds() -> Talk[int]:
    most = listeners_suspend.MOST_WITHIN
    return (
        yield from ask_number(
            _SECONDS,
            listeners_suspend.DEFAULT_WITHIN,
            0,
            most,
            help=f"0 to {most}; 0 sends them away at once.",
        )
    )


def _which(what: str, names: Sequence[str]) -> Talk[tuple[str, ...] | None]:
    """Listeners by number or name; () for all of them, None where there is none."""
    if not names:
        yield from say(f"There is no listener that could be {what}.")
        return None
    choices = (_EVERYTHING, *names)
    lines = [clean(f"{place}. {name}") for place, name in enumerate(choices, 1)]
    yield from say(f"Which listeners shall be {what}? Put commas between several.", *lines)

    def check(answer: str) -> str | None:
        if answer and all(_chosen(one, choices) is not None for one in words_of(answer)):
            return None
        return f"Numbers from 1 to {len(choices)}, or names, are needed."

    answer = yield from ask("Listeners", "1", check=check, words=choices, rest=True)
    found = {_chosen(one, choices) for one in words_of(answer)}
    return () if 0 in found else tuple(choices[place] for place in sorted(filter(None, found)))


def _chosen(word: str, choices: Sequence[str]) -> int | None:
    """A choice by its name or its number; a name goes first, for a listener may be called 2.

    By its place, from 0: a listener may be called ALL, too.
    """
    if word in choices:
        return choices.index(word)
    alike = [place for place, one in enumerate(choices) if one.lower() == word.lower()]
    if len(alike) == 1:
        return alike[0]
    place = int(word) if word.isascii() and word.isdecimal() and len(word) < 6 else 0
    return place - 1 if 1 <= place <= len(choices) else None


def _domains(what: str) -> Talk[delivery.SuspendInput]:
    answer = yield from ask(
        f"Domains whose deliveries shall be {what}, with commas between them, or {_EVERYTHING}",
        _EVERYTHING,
        rest=True,
    )
    if answer.upper() == _EVERYTHING:
        return delivery.SuspendInput(all=True)
    return delivery.SuspendInput(domains=words_of(clean(answer)))
