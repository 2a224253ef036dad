# SPDX-License-Identifier: Apache-2.0
"""Checks of what comes in: listeners and their sender groups; policies and recipients beside them.

Pure functions from a document to findings. Each check sees the whole document, since most faults
are names that lead nowhere, and entries that never decide.
"""

import difflib
import ipaddress
from collections.abc import Collection, Iterator

from gatehouse.config import (
    build,
    builtin,
    findings,
    policy_checks,
    recipient_checks,
    schema,
)
from gatehouse.config.findings import Finding, error, has_errors, warning
from gatehouse.config.open_relay import open_relay
from gatehouse.policy import mail_flow, members, reputation
from gatehouse.policy.mail_flow import AuthDemand, Behavior

# Our own: whoever lets so large a part of all addresses in means everybody (one in sixteen).
WIDEST_TRUSTED = 4  # bits of a prefix


def check(document: schema.Document, certificates: frozenset[str]) -> Iterator[Finding]:
    """All findings about receiving. `certificates` are the names of those that exist."""
    if not document.listeners:
        yield warning(("listeners",), "there is no listener", hint="no mail will be received")
    yield from _ports(document)
    for name, interface in document.interfaces.items():
        yield from unknown_name(
            ("interfaces", name, "https_certificate"),
            interface.https_certificate,
            certificates,
            "certificate",
        )
    yield from policy_checks.check(document)
    for name, listener in document.listeners.items():
        path = ("listeners", name)
        yield from unknown_name(
            (*path, "interface"), listener.interface, document.interfaces, "interface"
        )
        yield from unknown_name(
            (*path, "certificate"), listener.certificate, certificates, "certificate"
        )
        for index, name_of in enumerate(listener.certificates):
            here = (*path, "certificates", index)
            yield from unknown_name(here, name_of, certificates, "certificate")
            if name_of in (listener.certificate, *listener.certificates[:index]):
                yield warning(here, "the certificate is there twice", found=name_of)
        yield from _address_sets(document, listener, path)
        yield from _sender_groups(document, listener, path)
        yield from recipient_checks.check(document, listener, path)


def unknown_name(
    path: findings.Path, name: str | None, known: Collection[str], what: str
) -> Iterator[Finding]:
    """A reference that leads nowhere, with the nearest name that exists."""
    if name is None or name in known:
        return
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = "known: " + (", ".join(sorted(names)[:10]) or "none")
    yield error(path, f"there is no such {what}", hint=hint, found=name)


def _address_sets(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    """Who may say that a client is another one: nobody may be let in by the way."""
    for field in ("proxy_protocol_from", "xclient_from"):
        for index, text in enumerate(getattr(listener, field)):
            here = (*path, field, index)
            match members.parse_member(text):
                case members.AddressSpan(bits, low, high):
                    if _wide(bits, low, high):
                        what = "so many addresses may claim to be any client"
                        hint = "name the machines that speak for clients"
                        yield open_relay(document, listener, here, what, hint)
                case _:
                    yield error(
                        here,
                        "is no address, range or CIDR block",
                        hint="192.0.2.7, 192.0.2.0/24, 2001:db8::/32",
                        found=text,
                    )


def _wide(bits: int, low: int, high: int) -> bool:
    return high - low + 1 >= 1 << bits - WIDEST_TRUSTED


def _ports(document: schema.Document) -> Iterator[Finding]:
    """Two listeners cannot share an address and a port; a wildcard address shares with all."""
    taken: list[tuple[str, int, str]] = []
    for name, listener in document.listeners.items():
        interface = document.interfaces.get(listener.interface)
        if interface is None:
            continue
        for address, port, other in taken:
            if port == listener.port and overlap(address, interface.address):
                yield error(
                    ("listeners", name, "port"),
                    f"listener {other} already listens on port {port} of this address",
                    hint="choose another port or interface",
                    found=port,
                )
                break
        taken.append((interface.address, listener.port, name))


def overlap(one: str, other: str) -> bool:
    """Whether who listens on one of two addresses is in the way of the other."""
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def _sender_groups(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    path = (*path, "sender_groups")
    groups = builtin.sender_groups(listener)
    source = build.local_source(document)
    found: list[Finding] = []
    seen: set[str] = set()
    for index, group in enumerate(groups):
        if len(found) >= findings.MAX_FINDINGS and has_errors(found[-findings.MAX_FINDINGS :]):
            break  # a file of many groups that are all wrong: nobody reads more
        here = (*path, index)
        if group.name is not None:
            if group.name in seen:
                found.append(error((*here, "name"), "the name is used twice", found=group.name))
            seen.add(group.name)
        elif not group.members:
            found.append(error(here, "has neither a name nor members"))
        found += unknown_name(
            (*here, "policy"), group.policy, builtin.policy_names(document), "mail flow policy"
        )
        found += _members(group, here, source)
        if index < len(groups) - 1 and any(one.upper() == builtin.ALL for one in group.members):
            found.append(
                error(
                    (*here, "members"),
                    "ALL may only be the last entry",
                    hint="groups behind it would never be reached; move it to the end",
                )
            )
    if not has_errors(found):
        found += _closing(document, groups, path)
    yield from found
    if not has_errors(found):
        yield from _reach(document, listener, path)
        for index, group in enumerate(groups):
            yield from _strangers(document, listener, group, (*path, index))


def _closing(
    document: schema.Document, groups: tuple[schema.SenderGroup, ...], path: findings.Path
) -> Iterator[Finding]:
    """What no group above decides must be decided by the last one."""
    if build.policy(document, groups[-1].policy).behavior is Behavior.CONTINUE:
        yield error(
            (*path, len(groups) - 1, "policy"),
            "the last group must decide, and the behavior of this policy is continue",
            hint="accept, relay, reject or tcprefuse",
            found=groups[-1].policy,
        )


def _strangers(
    document: schema.Document,
    listener: schema.Listener,
    group: schema.SenderGroup,
    path: findings.Path,
) -> Iterator[Finding]:
    """A group that relays must say whom we know; who must log in is known."""
    policy = build.policy(document, group.policy)
    accepts = policy.behavior is Behavior.ACCEPT
    if listener.type == "private" and accepts and policy.smtp_auth is AuthDemand.OFF:
        yield warning(
            (*path, "policy"),
            "a private listener has no recipients of its own: every recipient is refused",
            hint="behavior = relay for clients that one knows, or smtp_auth for those who log in",
            found=group.policy,
        )
    if policy.behavior is not Behavior.RELAY or policy.smtp_auth is AuthDemand.REQUIRED:
        return
    for index, text in enumerate(group.members):
        here = (*path, "members", index)
        match members.parse_member(text):
            case members.Everything():
                yield open_relay(document, listener, (*path, "policy"))
            case members.AddressSpan(bits, low, high) if _wide(bits, low, high):
                what = "so many addresses may send to everywhere: an open relay"
                yield open_relay(document, listener, here, what)
            case members.ReverseState() | members.DnsList() | members.NoScore():
                yield warning(
                    here,
                    "lets strangers relay: what DNS says about a client proves nothing",
                    hint="name addresses or host names",
                    found=text,
                )
            case _:
                pass


def _members(
    group: schema.SenderGroup, path: findings.Path, source: reputation.LocalSource
) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, text in enumerate(group.members):
        folded = text.lower()
        if folded in seen:
            yield warning((*path, "members", index), "the member is there twice", found=text)
        seen.add(folded)
        member = members.parse_member(text)
        if isinstance(member, members.AddressSpan) and member.tidy:
            continue  # nearly all of a large table
        yield from _member(member, text, (*path, "members", index), group, source)


def _member(
    member: members.Member,
    text: str,
    path: findings.Path,
    group: schema.SenderGroup,
    source: reputation.LocalSource,
) -> Iterator[Finding]:
    match member:
        case members.MemberFault(reason):
            yield error(path, "is no member of a sender group", hint=reason, found=text)
        case (
            members.ScoreRange() | members.NoScore() | members.Owner() | members.Country()
        ) as asked if not source.answers(asked):
            yield warning(
                path,
                "never matches: no local source for it is configured",
                hint="[reputation] takes scores, countries and owners",
                found=text,
            )
        case members.AddressSpan(tidy=False):
            yield warning(
                path, "the address has bits behind the prefix; they are ignored", found=text
            )
        case members.Everything() if len(group.members) > 1:
            yield error(path, "ALL stands alone in its group", found=text)
        case _:
            pass


def _reach(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    """What can never decide, what lets strangers relay, what a Demo certificate proves."""
    table = build.access_table(document, listener)
    groups = builtin.sender_groups(listener)
    hidden = table.hidden_members()
    for index, group in enumerate(groups):
        places = {text: place for place, text in enumerate(group.members)}
        covered = [text for text in places if (index, text) in hidden]
        if covered and len(covered) == len(places):
            yield warning(
                (*path, index),
                f"{_titled(group)} is never reached: wider groups above it match first",
                hint="move it up",
            )
        else:
            for text in covered:
                yield warning(
                    (*path, index, "members", places[text]),
                    "never decides: a wider member above it matches first",
                    found=text,
                )
    tls_used = listener.tls_mode == "implicit" or any(
        build.policy(document, group.policy).tls is not mail_flow.TlsDemand.OFF for group in groups
    )
    if all(build.policy(document, group.policy).refuses for group in groups if group.members):
        yield warning(path, "no client may send: every group with members refuses")
    if tls_used and listener.certificate == schema.DEFAULT_CERTIFICATE:
        yield warning(
            (*path[:2], "certificate"),
            "the Demo certificate encrypts, but nobody can verify it",
            hint="install a certificate for the interface's host name",
        )


def _titled(group: schema.SenderGroup) -> str:
    return "this entry" if group.name is None else f"group {group.name}"
