# SPDX-License-Identifier: Apache-2.0
"""Checks of what comes in: listeners, sender groups, recipient tables, mail flow policies.

Pure functions from a document to findings. Each check sees the whole document, since most faults
are names that lead nowhere, and entries that never decide.
"""

import difflib
import ipaddress
from collections.abc import Iterable, Iterator

from gatehouse.config import build, builtin, findings, schema
from gatehouse.config.findings import Finding, error, has_errors, warning
from gatehouse.policy import mail_flow, members, recipients


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
    for name, section in document.mail_flow_policies.items():
        yield from _policy(("mail_flow_policies", name), section)
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
        yield from _address_sets(listener, path)
        yield from _sender_groups(document, listener, path)
        yield from _recipients(document, listener, path)


def unknown_name(
    path: findings.Path, name: str | None, known: Iterable[str], what: str
) -> Iterator[Finding]:
    """A reference that leads nowhere, with the nearest name that exists."""
    names = list(known)
    if name is None or name in names:
        return
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = "known: " + (", ".join(sorted(names)[:10]) or "none")
    yield error(path, f"there is no such {what}", hint=hint, found=name)


def _policy(path: findings.Path, section: schema.MailFlowPolicy) -> Iterator[Finding]:
    if section.verify_client_certificate:
        yield error(
            (*path, "verify_client_certificate"),
            "verification of certificates is not available in this version",
            hint="set it to false",
        )
    for index, text in enumerate(section.tls_mandatory_list or ()):
        pattern = recipients.parse_recipient(text)
        if isinstance(pattern, recipients.PatternFault | recipients.AllRecipients):
            yield error(
                (*path, "tls_mandatory_list", index),
                "is no sender",
                hint="domain, .domain, user@ or user@domain; for all senders set tls = required",
                found=text,
            )


def _address_sets(listener: schema.Listener, path: findings.Path) -> Iterator[Finding]:
    for field in ("proxy_protocol_from", "xclient_from"):
        for index, text in enumerate(getattr(listener, field)):
            match members.parse_member(text):
                case members.AddressSpan():
                    pass
                case _:
                    yield error(
                        (*path, field, index),
                        "is no address, range or CIDR block",
                        hint="192.0.2.7, 192.0.2.0/24, 2001:db8::/32",
                        found=text,
                    )


def _ports(document: schema.Document) -> Iterator[Finding]:
    """Two listeners cannot share an address and a port; a wildcard address shares with all."""
    taken: list[tuple[str, int, str]] = []
    for name, listener in document.listeners.items():
        interface = document.interfaces.get(listener.interface)
        if interface is None:
            continue
        for address, port, other in taken:
            if port == listener.port and _overlap(address, interface.address):
                yield error(
                    ("listeners", name, "port"),
                    f"listener {other} already listens on port {port} of this address",
                    hint="choose another port or interface",
                    found=port,
                )
                break
        taken.append((interface.address, listener.port, name))


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def _sender_groups(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    path = (*path, "sender_groups")
    groups = builtin.sender_groups(listener)
    found: list[Finding] = []
    seen: set[str] = set()
    for index, group in enumerate(groups):
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
        found += _members(group, here)
        if index < len(groups) - 1 and any(one.upper() == builtin.ALL for one in group.members):
            found.append(
                error(
                    (*here, "members"),
                    "ALL may only be the last entry",
                    hint="groups behind it would never be reached; move it to the end",
                )
            )
    yield from found
    if not has_errors(found):
        yield from _reach(document, listener, path)


def _members(group: schema.SenderGroup, path: findings.Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, text in enumerate(group.members):
        here = (*path, "members", index)
        if text.lower() in seen:
            yield warning(here, "the member is there twice", found=text)
        seen.add(text.lower())
        match members.parse_member(text):
            case members.MemberFault(reason):
                yield error(here, "is no member of a sender group", hint=reason, found=text)
            case members.ScoreRange() | members.NoScore() | members.Owner() | members.Country():
                yield warning(
                    here,
                    "never matches: no local source for it is configured",
                    hint="scores, owners and countries are kept, and decide nothing",
                    found=text,
                )
            case members.AddressSpan(tidy=False):
                yield warning(
                    here, "the address has bits behind the prefix; they are ignored", found=text
                )
            case members.Everything() if len(group.members) > 1:
                yield error(here, "ALL stands alone in its group", found=text)
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
        covered = [text for text in places if (group.name, text) in hidden]
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
    last = build.policy(document, groups[-1].policy)
    relays = last.behavior is mail_flow.Behavior.RELAY
    takes_all = listener.type == "private" and last.behavior is mail_flow.Behavior.ACCEPT
    logs_in = last.smtp_auth is mail_flow.AuthDemand.REQUIRED
    if (relays or takes_all) and not logs_in:
        yield _open_relay(document, listener, (*path, len(groups) - 1, "policy"))
    tls_used = listener.tls_mode == "implicit" or any(
        build.policy(document, group.policy).tls is not mail_flow.TlsDemand.OFF for group in groups
    )
    if tls_used and listener.certificate == schema.DEFAULT_CERTIFICATE:
        yield warning(
            (*path[:2], "certificate"),
            "the Demo certificate encrypts, but nobody can verify it",
            hint="install a certificate for the interface's host name",
        )


def _titled(group: schema.SenderGroup) -> str:
    return "this entry" if group.name is None else f"group {group.name}"


def _open_relay(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Finding:
    """An open relay is refused where the world can reach it, and pointed out elsewhere."""
    interface = document.interfaces.get(listener.interface)
    where = ipaddress.ip_address(interface.address) if interface else None
    what = "everybody may send to everywhere through this listener: an open relay"
    if where and (where.is_loopback or (where.is_private and not where.is_unspecified)):
        return warning(path, what, hint="only the inside should reach this address")
    return error(path, what, hint="name the senders that may relay in a group above, reject ALL")


def _recipients(
    document: schema.Document, listener: schema.Listener, path: findings.Path
) -> Iterator[Finding]:
    path = (*path, "recipient_access")
    entries = listener.recipient_access
    if listener.type == "private":
        if entries:
            yield warning(path, "has no effect on a private listener")
        return
    if not any(entry.access == "accept" for entry in entries):
        yield warning(path, "no recipient is accepted", hint="only relaying clients can send mail")
    seen: set[object] = set()
    for index, entry in enumerate(entries):
        here = (*path, index)
        pattern = recipients.parse_recipient(entry.recipient)
        if isinstance(pattern, recipients.PatternFault):
            yield error(
                (*here, "recipient"),
                "is no recipient definition",
                hint=pattern.reason,
                found=entry.recipient,
            )
        elif pattern in seen:
            yield warning(
                (*here, "recipient"), "an entry above decides already", found=entry.recipient
            )
        seen.add(pattern)
        yield from _recipient_answer(entry, here)
        if isinstance(pattern, recipients.AllRecipients):
            if index < len(entries) - 1:
                yield error(here, "ALL may only be the last entry", hint="move it to the end")
            if entry.access == "accept":
                yield _open_relay(document, listener, here)


def _recipient_answer(entry: schema.RecipientAccess, path: findings.Path) -> Iterator[Finding]:
    if entry.access == "accept" and (entry.code is not None or entry.text is not None):
        yield warning(path, "code and text have no effect on an accepted recipient")
