# SPDX-License-Identifier: Apache-2.0
"""How certificates and trust lists look to a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gatehouse.faces.actions import certificates, certificates_look, trust
from gatehouse.faces.actions.certificates import FindingOfChain
from gatehouse.faces.cli.shown_commit import committed
from gatehouse.faces.cli.terminal import Column, Screen, moment, pairs, table
from gatehouse.journal.escape import clean

_COMMIT = "It waits for the commit: gatehouse config commit"


def _left(not_after: datetime, at: datetime) -> str:
    return "over" if not_after <= at else f"{(not_after - at).days}d"


def _end(not_after: datetime, at: datetime) -> str:
    return f"{not_after.date()} ({_left(not_after, at)})"


def _list(one: certificates.CertificateList, to: Screen) -> str:
    columns = (
        Column("NAME", flexible=True),
        Column("SUBJECT", flexible=True),
        Column("ISSUER", flexible=True),
        Column("EXPIRY"),
        Column("USED BY", flexible=True),
        Column("STATE"),
    )
    rows = [
        (
            each.name,
            each.subject,
            each.issuer,
            _end(each.not_after, one.at),
            ", ".join(each.used_by),
            f"{each.state}, pending: {each.pending}" if each.pending else each.state,
        )
        for each in one.certificates
    ]
    notes = [to.warn(f"{c.name}: {c.note}.") for c in one.certificates if c.note]
    return "\n\n".join([table(columns, rows, to), *notes])


def _changed(one: certificates.Changed, to: Screen) -> str:
    lines = [clean(one.what), *map(clean, one.remarks)]
    if one.certificate is not None:
        lines.append(clean(f"SHA-256 {one.certificate.fingerprint}"))
    lines += _findings(one.findings, to)
    lines.append(_COMMIT if one.commit is None else committed(one.commit, to))
    return "\n".join(lines)


def _findings(found: tuple[FindingOfChain, ...], to: Screen) -> list[str]:
    lines = []
    for one in found:
        text = f"{one.severity}: {one.what}. {one.why}. {one.do}. [{one.subject}]"
        lines.append(clean(text) if one.severity == "note" else to.warn(text))
    return lines


def _request(one: certificates.SigningRequest, to: Screen) -> str:
    return "\n".join(clean(line) for line in one.pem.removesuffix("\n").split("\n"))


def _assigned(one: certificates.Assigned, to: Screen) -> str:
    lines = [clean(f"{one.name} is assigned to {', '.join(one.places)}.")]
    if one.note:
        lines.append(to.warn(f"{one.name}: {one.note}."))
    lines.append(_COMMIT if one.commit is None else committed(one.commit, to))
    return "\n".join(lines)


def _view(one: certificates_look.CertificateView, to: Screen) -> str:
    held = one.certificate
    state = f"{held.state}, pending: {held.pending}" if held.pending else held.state
    rows = [
        ("Name", held.name),
        ("Subject", held.subject),
        ("For", ", ".join(held.names)),
        ("Issuer", held.issuer),
        ("Good from", moment(held.not_before)),
        ("Good until", f"{moment(held.not_after)} ({_left(held.not_after, one.at)})"),
        ("SHA-256", held.fingerprint),
        ("State", state),
        ("Used by", ", ".join(held.used_by) or "nobody"),
    ]
    blocks = [pairs(rows), _chain(one, to)]
    blocks += ["\n".join(_findings(one.findings, to))] if one.findings else ["No findings."]
    blocks += [_names(each, to) for each in one.three_names]
    blocks += map(clean, one.remarks)
    if held.note:
        blocks.append(to.warn(f"{held.name}: {held.note}."))
    return "\n\n".join(blocks)


def _chain(one: certificates_look.CertificateView, to: Screen) -> str:
    columns = (
        Column("CHAIN"),
        Column("SUBJECT", flexible=True),
        Column("ISSUER", flexible=True),
        Column("KEY"),
        Column("EXPIRY"),
    )
    rows = [
        (each.role, each.subject, each.issuer, each.key, _end(each.not_after, one.at))
        for each in one.chain
    ]
    return table(columns, rows, to)


def _names(one: certificates_look.NamesCheck, to: Screen) -> str:
    rows = [
        ("Listener", one.listener),
        ("MX host name", ", ".join(one.mx) or "not known"),
        ("Certificate name", ", ".join(one.certificate) or "none"),
        ("Interface host name", one.interface),
    ]
    if one.agree:
        verdict = "The names agree." if one.mx else "The names that are known agree."
    else:
        verdict = "\n".join(to.warn(f"{each}.") for each in one.disagreements)
    return f"{pairs(rows)}\n{verdict}"


def _exported(one: certificates_look.Exported, to: Screen) -> str:
    what = "with its private key, under the password" if one.holds_key else "without its key"
    return clean(f"{one.name} is written ({one.form}), {what}.")


def _trust(one: trust.TrustList, to: Screen) -> str:
    blocks = [_entries(one.entries, one.at, to)] if one.entries else ["The custom list is empty."]
    if one.system:
        blocks.append(f"The system's list is believed too: {one.system_count} certificates.")
    else:
        blocks.append("The system's list is switched off ([trust] system).")
    return "\n\n".join([*blocks, *(to.warn(remark) for remark in one.remarks)])


def _entries(entries: tuple[trust.EntryView, ...], at: datetime, to: Screen) -> str:
    columns = (
        Column("NAME", flexible=True),
        Column("ROLE"),
        Column("SUBJECT", flexible=True),
        Column("EXPIRY"),
        Column("SHA-256", flexible=True),
        Column("STATE", flexible=True),
    )
    rows = [
        (
            each.name or f"({each.list})",
            each.role,
            each.subject,
            _end(each.not_after, at),
            each.fingerprint,
            _state(each),
        )
        for each in entries
    ]
    return table(columns, rows, to)


def _state(one: trust.EntryView) -> str:
    state = "usable" if one.usable else f"not usable: {one.reason}"
    return f"{state}, pending: {one.pending}" if one.pending else state


def _entry(one: trust.EntryView, to: Screen) -> list[str]:
    until = f"good {one.not_before.date()} to {one.not_after.date()}"
    lines = [
        clean(f"{one.name or one.subject}: {one.role}, {one.subject}"),
        clean(f"  issued by {one.issuer}, {until}"),
        f"  SHA-256 {clean(one.fingerprint)}",
        "  verification can use it"
        if one.usable
        else to.warn(f"  it cannot be used: {one.reason}"),
    ]
    lines += [to.warn(f"  {advice}") for advice in one.advice]
    if one.twin is not None:
        lines.append(clean(f"  the self-signed root is known here: SHA-256 {one.twin}"))
    return lines


def _trust_text(one: trust.TrustText, to: Screen) -> str:
    text = one.text.removesuffix("\n")
    if to.width is None:
        return text
    return "\n".join(map(clean, text.split("\n")))


def _added(one: trust.Added, to: Screen) -> str:
    lines = [text for each in one.added for text in _entry(each, to)]
    for each in one.refused:
        lines += ["Left out:", *_entry(each, to)]
    lines.append(_COMMIT if one.commit is None else committed(one.commit, to))
    return "\n".join(lines)


def _removed(one: trust.Removed, to: Screen) -> str:
    end = _COMMIT if one.commit is None else committed(one.commit, to)
    return clean(f"{one.name} is removed.") + "\n" + end


def _collected(one: trust.Collected, to: Screen) -> str:
    lines = [clean(f"{one.server}: {one.protocol}, {one.cipher}, chain as sent:")]
    for number, each in enumerate(one.chain, 1):
        first, *rest = _entry(each, to)
        lines += [f"{number}. {first}", *rest]
    if one.verified:
        lines.append("The chain verifies by the lists as they are.")
    else:
        lines.append(to.warn(f"The chain does not verify: {one.why_not}"))
    covered = "covers" if one.name_covered else "does NOT cover"
    lines.append(
        clean(f"The certificate {covered} the host ({', '.join(one.names) or 'no names'}).")
    )
    lines += [to.warn(finding) for finding in one.findings]
    if one.added is not None:
        lines += ["", "Added, on trust at first sight:", _added(one.added, to)]
    return "\n".join(lines)


RENDERERS: dict[type[msgspec.Struct], Callable[[Any, Screen], str]] = {
    certificates.CertificateList: _list,
    certificates.Changed: _changed,
    certificates.SigningRequest: _request,
    certificates.Assigned: _assigned,
    certificates_look.CertificateView: _view,
    certificates_look.Exported: _exported,
    trust.TrustList: _trust,
    trust.TrustText: _trust_text,
    trust.Added: _added,
    trust.Removed: _removed,
    trust.Collected: _collected,
}
