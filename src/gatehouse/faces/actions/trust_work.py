# SPDX-License-Identifier: Apache-2.0
"""The work: the custom trust list, and the system's list beside it.

The rule that decides is `tls.paths.trust_store`; here it is only said what an entry is and whether
it can be used.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatehouse.config.running import TrustSettings
from gatehouse.faces.actions.certificates_shelf import (
    candidate_running,
    checked_name,
    fault,
    finish,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.faces.actions.trust import (
    Added,
    AddInput,
    EntryView,
    ExportInput,
    ListInput,
    Removed,
    RemoveInput,
    TrustList,
    TrustText,
)
from gatehouse.journal.escape import clean
from gatehouse.service.trust import anchors
from gatehouse.tls import certificates as tls
from gatehouse.tls import facets, pem_input, trust

Certificates = Mapping[str, x509.Certificate]


async def list_entries(house: House, given: ListInput) -> TrustList:
    """The custom entries, also those that wait for the commit; the system's if asked for."""
    return await asyncio.to_thread(_list, house, given)


def _list(house: House, given: ListInput) -> TrustList:
    settings = settings_of(house)
    roots, remarks = system_list(settings)
    in_force, to_be = anchors.custom(house.store), anchors.custom_to_be(house.store, house.operator)
    entries = []
    for name, one in sorted({**in_force, **to_be}.items()):
        others = [each for other, each in to_be.items() if other != name]
        pending = "deleted" if name not in to_be else "new" if name not in in_force else ""
        seen = entry(house, one, custom=others, system=roots)
        entries.append(msgspec.structs.replace(seen, name=name, pending=pending))
    if given.system:
        entries += [_system_entry(house, one) for one in roots]
    return TrustList(
        at=now(house),
        entries=tuple(entries),
        system=settings.system,
        system_count=len(roots),
        remarks=remarks,
    )


async def export(house: House, given: ExportInput) -> TrustText:
    """A list as PEM."""
    return await asyncio.to_thread(_export, house, given)


def _export(house: House, given: ExportInput) -> TrustText:
    if given.system:
        roots, remarks = system_list(settings_of(house))
        if remarks:
            raise OperatorError("no-system-list", remarks[0])
        named = [(tls.describe(one), one) for one in roots]
    else:
        named = sorted(anchors.custom_to_be(house.store, house.operator).items())
    parts = [
        f"# {clean(name)}\n{one.public_bytes(serialization.Encoding.PEM).decode('ascii')}"
        for name, one in named
    ]
    return TrustText(entries=len(parts), text="\n".join(parts))


async def add(house: House, given: AddInput) -> Added:
    """What the file holds, as far as it can be used."""
    checked_name(given.name)
    found = await asyncio.to_thread(pem_input.read_certificates_only, [given.file])
    if isinstance(found, tls.CertificateFault):
        raise fault(found)
    return await add_certificates(house, found, given.name, given.commit)


async def add_certificates(
    house: House, found: Sequence[x509.Certificate], name: str | None, comment: str | None
) -> Added:
    """Stage those that can be used; raises OperatorError if none can."""
    async with house.committing:
        added, refused, entries = await asyncio.to_thread(_inspect, house, found, name)
        if not added:
            one = refused[0]
            raise OperatorError(
                "nothing-to-add",
                f"None of the certificates can be used: {one.reason}.",
                one.subject,
                "Nothing was stored.",
            )
        anchors.stage(house.store, house.operator, entries, house.clock.wall())
    return Added(added=tuple(added), refused=tuple(refused), commit=await finish(house, comment))


def _inspect(
    house: House, found: Sequence[x509.Certificate], name: str | None
) -> tuple[list[EntryView], list[EntryView], dict[str, x509.Certificate]]:
    to_be = anchors.custom_to_be(house.store, house.operator)
    if name is not None and name in to_be and len(found) == 1:
        raise OperatorError(
            "name-taken", "There is an entry of this name already.", name, "Choose another name."
        )
    roots, _ = system_list(settings_of(house))
    added: list[EntryView] = []
    refused: list[EntryView] = []
    entries: dict[str, x509.Certificate] = {}
    for one in found:
        taken = frozenset(to_be) | frozenset(entries)
        own = trust.friendly_name(one, taken) if name is None else _numbered(name, taken)
        view = entry(
            house,
            one,
            custom=[*to_be.values(), *entries.values()],
            system=roots,
            together=[each for each in found if each is not one],
        )
        view = msgspec.structs.replace(view, name=own, pending="new")
        if view.usable:
            added.append(view)
            entries[own] = one
        else:
            refused.append(view)
    return added, refused, entries


def _numbered(name: str, taken: frozenset[str]) -> str:
    if name not in taken:
        return name
    return next(
        tried for n in range(2, len(taken) + 3) if (tried := f"{name[:57]}-{n}") not in taken
    )


async def remove(house: House, given: RemoveInput) -> Removed:
    """Gone with the next commit."""
    async with house.committing:
        known = anchors.custom_to_be(house.store, house.operator)
        if given.name not in known:
            raise OperatorError(
                "no-such-entry",
                "There is no such entry in the custom list.",
                clean(given.name[:80]),
                "`gatehouse trust list` shows them.",
            )
        anchors.stage_removal(house.store, house.operator, given.name, house.clock.wall())
    return Removed(name=given.name, commit=await finish(house, given.commit))


# --- shared with collecting --------------------------------------------------------------------


def now(house: House) -> datetime:
    """The time."""
    return moment(house.clock.wall())


def settings_of(house: House) -> TrustSettings:
    """Whose certificates the candidate, or what runs, believes."""
    running = candidate_running(house) or running_now(house)
    return TrustSettings(system=False, system_file="") if running is None else running.trust


def system_list(settings: TrustSettings) -> tuple[Sequence[x509.Certificate], tuple[str, ...]]:
    """The system's list; if it cannot be read, none, and a remark that says so."""
    try:
        return anchors.system(settings), ()
    except anchors.SystemListUnusable as error:
        return (), (f"The system's list cannot be read: {clean(str(error))}.",)


def entry(
    house: House,
    one: x509.Certificate,
    *,
    custom: Sequence[x509.Certificate],
    system: Sequence[x509.Certificate],
    together: Sequence[x509.Certificate] = (),
) -> EntryView:
    """How a certificate looks to the custom list."""
    seen = trust.inspect(one, custom=custom, system=system, together=together, now=now(house))
    return EntryView(
        name="",
        list="custom",
        role=seen.role.value,
        subject=seen.subject,
        issuer=seen.issuer,
        not_before=seen.not_before,
        not_after=seen.not_after,
        fingerprint=seen.fingerprint,
        usable=seen.usable,
        reason="" if seen.refusal is None else seen.refusal.value,
        advice=tuple(one.value for one in seen.advice),
        twin=seen.twin,
        pending="",
    )


def _system_entry(house: House, one: x509.Certificate) -> EntryView:
    usable = facets.self_signed(one) and one.not_valid_after_utc >= now(house)
    return EntryView(
        name="",
        list="system",
        role=trust.classify(one).value,
        subject=tls.describe(one),
        issuer=facets.issuer_text(one),
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        fingerprint=tls.fingerprint(facets.der_of(one)),
        usable=usable,
        reason="" if usable else "it is no self-signed root, or it has expired",
        advice=(),
        twin=None,
        pending="",
    )
