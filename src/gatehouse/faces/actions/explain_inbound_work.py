# SPDX-License-Identifier: Apache-2.0
"""The work: what would happen to a client, from the operator's words to the whole walk.

The imagined client is completed first (its reverse name, what its certificate is worth, whether its
sender's domain exists); then `explain_dialogue` plays it, and this puts what came of it in order.
"""

import asyncio
import dataclasses
import enum
import ipaddress

from gatehouse.config import origin
from gatehouse.config.running import Listener
from gatehouse.faces.actions import explain_lookups
from gatehouse.faces.actions.configuration_asked import Asked, asked
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.explain_advice import advise
from gatehouse.faces.actions.explain_dialogue import play
from gatehouse.faces.actions.explain_inbound import (
    ClientView,
    DemandView,
    EntranceView,
    ExchangeView,
    FieldView,
    GroupView,
    InboundInput,
    InboundView,
    PolicyView,
)
from gatehouse.faces.actions.explain_values import Played, Situation
from gatehouse.faces.actions.house import House
from gatehouse.journal import mail_log
from gatehouse.policy.access_walk import GroupVerdict, Outcome
from gatehouse.smtp import grammar

_ALL = "ALL"
_REFUSED = 400  # RFC 5321 §4.2.1: 4yz and 5yz


async def explain(house: House, given: InboundInput) -> InboundView:
    """The walk through the tables."""
    _check(given)
    found = await asked(house, candidate=given.candidate, file=given.file)
    listener = found.listener(given.listener)
    situation, notes = await explain_lookups.complete(house, found.loaded.running, listener, given)
    played = play(situation, house.clock.wall())
    walk = listener.access.walk(
        situation.ip, situation.host, state=situation.host_state, listed=situation.listed
    )
    return InboundView(
        source=found.source,
        client=_client(situation, played),
        listener=_entrance(listener),
        groups=tuple(_group(place, one) for place, one in enumerate(walk, 1)),
        policy=_policy(found, played),
        demands=tuple(
            DemandView(
                stage=one.stage,
                about=one.about,
                demand=one.step.demand.value,
                asked=one.step.asked,
                met=one.step.met,
                detail=one.step.detail,
            )
            for one in played.demands
        ),
        dialogue=tuple(
            ExchangeView(command=one.command, code=one.code, reply=one.lines)
            for one in played.exchanges
        ),
        log=_log(played),
        accepted=tuple(played.accepted),
        refused=tuple(played.refused),
        verdict=_verdict(situation, played),
        advice=advise(listener, played, walk),
        notes=notes + await _suspended(house, listener.name),
    )


async def _suspended(house: House, listener: str) -> tuple[str, ...]:
    if house.opened is None:
        return ()  # a file alone is asked
    kept = await asyncio.to_thread(house.store.suspensions.listeners)
    if listener not in (one.listener for one in kept):
        return ()
    return ("the listener takes connections; it is suspended now, and refuses all of them",)


# --- what is asked --------------------------------------------------------------------------------


def _check(given: InboundInput) -> None:
    """Words that cannot be meant; a line end would be a command of its own."""
    try:
        ipaddress.ip_address(given.address)
    except ValueError:
        raise OperatorError(
            "bad-arguments", "This is no IP address.", given.address[:100]
        ) from None
    shows = given.certificate != "none"
    pairs = (
        (given.tls, given.no_tls, "--tls", "--no-tls"),
        (given.candidate, given.file is not None, "--candidate", "--file"),
        (shows, given.certificate_file, "--certificate", "--certificate-file"),
        (given.no_tls, shows or given.certificate_file, "--no-tls", "a certificate"),
    )
    for one, other, first, second in pairs:
        if one and other:
            raise OperatorError("bad-arguments", f"{first} and {second} exclude each other.")
    for text in (given.helo, given.sender or "", *given.recipient):
        if not text.isprintable():
            raise OperatorError("bad-arguments", "A name or address has control characters in it.")
    if grammar.hello_name(given.helo.encode()) is None:
        raise OperatorError("bad-arguments", "No client can say this in EHLO.", given.helo[:100])
    if given.recipient and given.sender is None:
        raise OperatorError(
            "bad-arguments", "A recipient needs a sender.", hint="Add --sender, <> for none."
        )


# --- what came of it ------------------------------------------------------------------------------


def _client(situation: Situation, played: Played) -> ClientView:
    client = played.client
    return ClientView(
        address=situation.ip,
        reverse_name=situation.host,
        reverse_state=situation.host_state.value,
        helo=situation.helo,
        tls=client.tls,
        certificate=client.certificate.state.value,
        certificate_subject=client.certificate.subject,
        certificate_reason=client.certificate.reason,
        user=client.user,
    )


def _entrance(listener: Listener) -> EntranceView:
    return EntranceView(
        name=listener.name,
        type=listener.type.value,
        interface=listener.interface.name,
        address=listener.interface.address,
        port=listener.port,
        tls_mode=listener.tls_mode.value,
    )


def _group(place: int, one: GroupVerdict) -> GroupView:
    if one.outcome is Outcome.SKIPPED:
        why: tuple[str, ...] = ("its behaviour is CONTINUE",)
    elif one.outcome is Outcome.PASSED:
        why = tuple(
            f"{', '.join(kind.examples)}{_more(kind.count - len(kind.examples))}: {kind.why_not}"
            for kind in one.compared
        ) or ("it has no members",)
    else:
        why = ()
    return GroupView(
        place=place,
        group=one.group or _ALL,
        policy=one.policy.name,
        outcome=one.outcome.value,
        member=one.member,
        why=why,
    )


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _policy(asked: Asked, played: Played) -> PolicyView:
    policy = played.client.access.policy
    fields = origin.policy_fields(asked.loaded.document, policy.name)
    named = [one.name for one in dataclasses.fields(policy) if one.name in fields]
    return PolicyView(
        name=policy.name,
        behavior=policy.behavior.value,
        fields=tuple(
            FieldView(
                name=name,
                value=_written(getattr(policy, name)),
                origin=fields[name].origin.value,
            )
            for name in named
        ),
    )


def _written(value: object) -> str:
    """A value as the configuration writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case tuple():
            return ", ".join(map(str, value))
        case enum.Enum():
            return str(value.value).lower()
        case _:
            return str(value)


def _log(played: Played) -> tuple[str, ...]:
    return tuple(
        line
        for fact in played.recorded
        for _, line in mail_log.render(fact, mail_log.DEFAULT_SWITCHES, lambda at: "")
    )


def _verdict(situation: Situation, played: Played) -> str:
    """The end of the walk in one sentence."""
    if not played.exchanges:
        return "The connection is cut without a word."
    last = played.exchanges[-1]
    greeting = played.exchanges[0]
    if greeting.code is not None and greeting.code >= _REFUSED:
        return f"Turned away at the greeting with {greeting.code}."
    if situation.sender is None:
        if last.code is not None and last.code >= _REFUSED:
            return f"Refused at {_verb(last.command)} with {last.code}."
        return "Served; name a sender and recipients to see more."
    if played.accepted and not played.refused:
        return f"Mail is taken for {_all(len(played.accepted))}."
    if played.accepted:
        total = len(played.accepted) + len(played.refused)
        return f"Mail is taken for {len(played.accepted)} of {total} recipients."
    for one in played.exchanges:
        if one.code is not None and one.code >= _REFUSED:
            return f"Refused at {_verb(one.command)} with {one.code}."
    return "The sender is taken; name recipients to see more."


def _verb(command: str) -> str:
    return command.split(" ")[0].split(":")[0] or "the greeting"


def _all(count: int) -> str:
    return "the recipient" if count == 1 else f"all {count} recipients"
