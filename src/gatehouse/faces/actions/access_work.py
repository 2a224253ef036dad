# SPDX-License-Identifier: Apache-2.0
"""The work: show and export access tables and mail flow policies."""

import enum
from collections.abc import Iterable
from typing import TypeVar

from gatehouse.config import build, builtin, hat_exchange, origin, rat_text, schema, text, upgrade
from gatehouse.config import document as forms
from gatehouse.faces.actions import access
from gatehouse.faces.actions.configuration import ShowInput
from gatehouse.faces.actions.configuration_levels_work import held
from gatehouse.faces.actions.configuration_work import show
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.escape import clean
from gatehouse.policy import mail_flow, recipients

Section = TypeVar("Section")
_VERIFIES = "_verify"


async def show_hat(house: House, given: access.TableInput) -> access.Hat:
    """The groups of a listener in their order."""
    source, document = await _read(house, given.candidate, given.level)
    listener = named(document.listeners, given.listener, "listener")
    hidden = build.access_table(document, listener).hidden_members()
    written = len(listener.sender_groups)  # what is implied stands behind them
    views = []
    for place, group in enumerate(builtin.sender_groups(listener), 1):
        policy = build.policy(document, group.policy)
        views.append(
            access.GroupView(
                place=place,
                name=group.name,
                members=tuple(group.members),
                policy=group.policy,
                behavior=policy.behavior.value,
                tls=_tls(policy),
                comment=group.comment or "",
                hidden=tuple(one for one in group.members if (place - 1, one) in hidden),
                implied=place > written,
            )
        )
    return access.Hat(
        source=source, listener=given.listener, type=listener.type, groups=tuple(views)
    )


async def export_hat(house: House, given: access.TableInput) -> access.Exported:
    """The table in the appliance's text form."""
    source, document = await _read(house, given.candidate, given.level)
    named(document.listeners, given.listener, "listener")
    exported = hat_exchange.export(document, given.listener)
    return access.Exported(source=source, listener=given.listener, text=exported)


async def show_rat(house: House, given: access.TableInput) -> access.Rat:
    """The entries of a listener in their order."""
    source, document = await _read(house, given.candidate, given.level)
    section = public(document, given.listener)
    entries = [
        _entry(place, one, implied=False) for place, one in enumerate(section.recipient_access, 1)
    ]
    if not any(one.recipient.upper() == builtin.ALL for one in section.recipient_access):
        last = schema.RecipientAccess(recipient=builtin.ALL, access="reject")
        entries.append(_entry(len(entries) + 1, last, implied=True))
    return access.Rat(source=source, listener=given.listener, entries=tuple(entries))


async def export_rat(house: House, given: access.TableInput) -> access.Exported:
    """The table as text, one entry in a line."""
    source, document = await _read(house, given.candidate, given.level)
    exported = rat_text.format_entries(public(document, given.listener).recipient_access)
    return access.Exported(source=source, listener=given.listener, text=exported)


async def list_policies(house: House, given: access.PoliciesInput) -> access.PolicyList:
    """All policies, the written ones first."""
    source, document = await _read(house, given.candidate, given.level)
    uses = _uses(document)
    lines = []
    for name in builtin.policy_names(document):
        policy = build.policy(document, name)
        lines.append(
            access.PolicyLine(
                name=name,
                behavior=policy.behavior.value,
                tls=_tls(policy),
                smtp_auth=policy.smtp_auth.value,
                built_in=name in builtin.POLICIES,
                written=name in document.mail_flow_policies,
                used_by=uses.get(name, ()),
            )
        )
    return access.PolicyList(source=source, policies=tuple(lines))


async def show_policy(house: House, given: access.PolicyInput) -> access.PolicyView:
    """One policy, each field with its origin."""
    source, document = await _read(house, given.candidate, given.level)
    name = given.name.removeprefix("$")
    try:
        resolved = origin.policy_fields(document, name)
    except KeyError:
        known = builtin.policy_names(document)
        raise no_such("mail flow policy", given.name, known) from None
    return access.PolicyView(
        source=source,
        name=name,
        used_by=_uses(document).get(name, ()),
        fields=tuple(
            access.FieldView(
                field=field,
                value=one.value.value if isinstance(one.value, enum.Enum) else one.value,
                origin=one.origin.value,
                inherited=one.origin.inherited,
            )
            for field, one in resolved.items()
        ),
    )


def read_document(data: bytes, source: str) -> schema.Document:
    """A configuration of good form; OperatorError for any other."""
    parsed = upgrade.parse(data)
    read = forms.read(parsed.values) if isinstance(parsed, text.Parsed) else None
    if isinstance(read, schema.Document):
        return read
    raise OperatorError(
        "configuration-unreadable",
        "The configuration has errors, so its tables cannot be read.",
        source,
        "`gatehouse config check` names them.",
    )


def named(sections: dict[str, Section], name: str, kind: str) -> Section:
    """A section by its name."""
    if name not in sections:
        raise no_such(kind, name, sections)
    return sections[name]


def public(document: schema.Document, name: str) -> schema.Listener:
    """A listener that has a recipient table."""
    section = named(document.listeners, name, "listener")
    if section.type != "public":
        raise OperatorError(
            "no-recipient-table",
            "A private listener has no recipient access table.",
            clean(name[:80]),
            "Whom its clients may send to is decided by their mail flow policy.",
        )
    return section


def no_such(kind: str, name: str, known: Iterable[str]) -> OperatorError:
    """The name leads nowhere."""
    names = ", ".join(sorted(known)[:20])
    reference = f"no-such-{kind.replace(' ', '-')}"
    message = f"There is no such {kind}."
    return OperatorError(reference, message, clean(name[:80]), f"There are: {names or 'none'}.")


async def _read(house: House, candidate: bool, level: str | None) -> tuple[str, schema.Document]:
    shown = await show(house, ShowInput(candidate=candidate))
    whole = read_document(shown.text.encode(), shown.source)
    return shown.source, held(house, whole, level)


def _uses(document: schema.Document) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, listener in document.listeners.items():
        for group in builtin.sender_groups(listener):
            use = f"{name}/{group.name or (group.members or ('',))[0]}"
            found[group.policy] = (*found.get(group.policy, ()), use)
    return found


def _tls(policy: mail_flow.MailFlowPolicy) -> str:
    return policy.tls.value + (_VERIFIES if policy.verify_client_certificate else "")


def _entry(place: int, one: schema.RecipientAccess, *, implied: bool) -> access.RatEntry:
    entry = recipients.RecipientEntry(
        recipient=one.recipient, accept=one.access == "accept", code=one.code, text=one.text
    )
    reply = recipients.refusal(entry).reply
    return access.RatEntry(
        place=place,
        recipient=one.recipient,
        access=one.access,
        reply="" if entry.accept else f"{reply.code} {reply.text}",
        comment=one.comment or "",
        implied=implied,
    )
