# SPDX-License-Identifier: Apache-2.0
"""Commands about what runs: state, destinations, the queue."""

from gatehouse.faces.actions import delivery, incoming, program, queue, status
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    do,
    menu,
    say,
    show,
    something,
)
from gatehouse.faces.cli.terminal import moment, pairs, size, span

_MOST = 100_000  # messages that are removed at once, the most that `queue list` gives


def status_short() -> Talk[None]:
    """Whether it runs, since when, and what waits."""
    now = yield from do(status.STATUS, status.StatusInput(destinations=0), status.Status)
    rows = [
        ("Status as of", moment(now.at)),
        ("Up since", _since(now)),
        ("Host name", now.hostname or ""),
        ("Revision", "" if now.revision is None else str(now.revision)),
        ("Messages in queue", str(now.queue.messages)),
        ("Recipients", str(now.queue.recipients)),
        ("Size of the queue", size(now.queue.bytes)),
    ]
    if refusing := [one.name for one in now.listeners if one.suspended]:
        rows.append(("Suspended listeners", ", ".join(refusing)))
    if now.delivery_suspended or "" in now.suspended:
        rows.append(("Suspended deliveries", "all"))
    elif now.suspended:
        rows.append(("Suspended deliveries", f"to {len(now.suspended)} by name"))
    yield from say(pairs(rows))


def status_detail() -> Talk[None]:
    """Everything that is known about the gateway's state."""
    yield from show(status.STATUS, status.StatusInput())


def host_status() -> Talk[None]:
    """One destination."""
    domain = yield from ask("Recipient domain", check=something)
    yield from show(delivery.HOST, delivery.HostInput(domain=domain))


def top_hosts() -> Talk[None]:
    """Destinations with the most mail."""
    yield from show(delivery.TOP, delivery.TopInput())


def top_in() -> Talk[None]:
    """Clients with the most connections."""
    yield from show(incoming.TOP_IN, incoming.IncomingInput())


def work_queue() -> Talk[None]:
    """What is accepted and not yet delivered."""
    word = yield from menu(("STATUS", "Say how many messages wait."))
    if word:
        now = yield from do(status.STATUS, status.StatusInput(destinations=0), status.Status)
        yield from say(
            f"Messages: {now.queue.messages}, on hold: {now.queue.held} ({moment(now.at)})"
        )


def version() -> Talk[None]:
    """Which program this is."""
    yield from show(program.VERSION, Nothing())


def deliver_now() -> Talk[None]:
    """Messages are tried at once."""
    place = yield from choose(
        "Which mail shall be tried now?", ("By recipient domain", "All messages")
    )
    if place == 0:
        domain = yield from ask("Recipient domain", check=something)
        yield from show(queue.RETRY, queue.SelectInput(destination=domain))
    else:
        yield from show(queue.RETRY, queue.SelectInput(all=True))


def show_recipients() -> Talk[None]:
    """Messages that wait."""
    yield from show(queue.LIST, (yield from _selected("shown")))


def delete_recipients() -> Talk[None]:
    """Messages are removed for good."""
    selected = yield from _selected("deleted")
    whole = queue.ListInput(destination=selected.destination, sender=selected.sender, limit=_MOST)
    found = yield from do(queue.LIST, whole, queue.QueueList)
    if not found.messages:
        yield from say("No message fits.")
        return
    count = len(found.messages)
    what = "1 message" if count == 1 else f"{count} messages"
    if count == _MOST:
        yield from say(f"More than {_MOST} may fit: these are the oldest.")
    if (yield from confirm(f"Remove {what}, with all recipients, for good?")):
        mids = tuple(one.mid for one in found.messages)
        yield from show(queue.DELETE, queue.SelectInput(mids=mids))


def _since(now: status.Status) -> str:
    if not now.running or now.started_at is None:
        return "it does not run"
    return f"{moment(now.started_at)} ({span(now.uptime_seconds or 0)})"


def _selected(what: str) -> Talk[queue.ListInput]:
    place = yield from choose(
        f"Which messages shall be {what}?",
        ("By recipient domain", "By envelope sender", "All messages"),
    )
    if place == 0:
        domain = yield from ask("Recipient domain", check=something)
        return queue.ListInput(destination=domain)
    if place == 1:
        sender = yield from ask(
            "Envelope sender", check=something, help="<> is the null sender, of reports."
        )
        return queue.ListInput(sender=sender)
    return queue.ListInput()
