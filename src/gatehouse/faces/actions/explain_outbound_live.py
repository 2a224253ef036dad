# SPDX-License-Identifier: Apache-2.0
"""What a rehearsal met at the hosts, as the output of `explain outbound --live`.

The outcome is read off the same values that a delivery goes by: a connection that stands, or the
failure with its classification, and the server's answer to MAIL.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from cryptography import x509

from gatehouse.faces.actions.explain_outbound import (
    ShownView,
    TlsView,
    TriedView,
    VerdictView,
    VisitView,
)
from gatehouse.journal import facts, mail_log
from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce
from gatehouse.policy.outbound_tls import Achieved
from gatehouse.policy.server_identity import MOST_SHOWN_NAMES, PIN_PREFIX
from gatehouse.service.deliver.connect import Busy, Connected
from gatehouse.service.deliver.failures import NotConnected, worse
from gatehouse.service.deliver.rehearsal import VISIT_SECONDS, Asked, Judged, Visit
from gatehouse.tls import chain, facets, names
from gatehouse.tls.certificates import describe, fingerprint

_REACHED = {
    Achieved.CLEAR_NOT_ASKED: ("clear", "TLS was not asked for"),
    Achieved.CLEAR_NOT_AVAILABLE: ("clear", "the server does not do TLS, and the level lets it"),
    Achieved.ENCRYPTED: ("encrypted", "TLS is up; the server has not proven who it is"),
    Achieved.VERIFIED: ("verified", "TLS is up, and the server has proven who it is"),
    Achieved.VERIFIED_HOSTED: ("verified", "TLS is up, and the server has proven who it is"),
}
_DELIVERED = {
    "verified": "over TLS, verified",
    "encrypted": "over TLS, not verified",
    "clear": "in clear",
}


@dataclass(frozen=True, slots=True)
class _End:
    outcome: str
    why: str


def visit(one: Visit) -> VisitView:
    """One host."""
    end = _end(one)
    opened = [f for f in one.recorded if isinstance(f, facts.DeliveryConnectionOpened)]
    return VisitView(
        host=one.hop.host,
        address=opened[-1].ip if opened else None,
        outcome=end.outcome,
        why=end.why,
        tls=_tls(one.recorded),
        verdicts=tuple(map(_judged, one.judged)),
        mail=_mail(one.asked),
        log=tuple(
            line
            for fact in one.recorded
            for _, line in mail_log.render(fact, mail_log.DEFAULT_SWITCHES, lambda at: "")
        ),
    )


def verdict(visits: tuple[Visit, ...], suspended: bool) -> str:
    """What would become of mail now, over all hosts in their order."""
    said = _verdict(visits)
    return f"Deliveries are suspended: mail waits. Else: {said}" if suspended else said


def _verdict(visits: tuple[Visit, ...]) -> str:
    last: NotConnected | None = None
    for one in visits:
        if isinstance(one.attempt, Connected):
            end = _end(one)
            if end.outcome in _DELIVERED:
                return f"Mail is delivered to {one.hop.host} {_DELIVERED[end.outcome]}."
            return f"{end.outcome.capitalize()}: {one.hop.host} says no to MAIL ({end.why})."
        if isinstance(one.attempt, NotConnected):
            last = worse(last, one.attempt)
            if one.attempt.final:
                break
    if last is None:
        return "It cannot be said: no host came to an end in time. A delivery waits longer."
    named = last.classification
    word = "Bounced" if named.permanent else "Deferred"
    return f"{word}: {named.enhanced} {named.text} ({last.detail})."


def _end(one: Visit) -> _End:
    """What a delivery would make of this host."""
    match one.attempt:
        case Connected(achieved=achieved):
            refused = _refused(one.asked)
            return refused or _End(*_REACHED[achieved])
        case NotConnected(classification=named, detail=detail):
            return _End("bounced" if named.permanent else "deferred", detail)
        case Busy():
            return _End("deferred", "its limits are reached")
        case None:
            return _End("unknown", f"no end within {VISIT_SECONDS:g} seconds; a delivery waits on")
        case other:
            assert_never(other)


def _refused(asked: Asked | None) -> _End | None:
    if asked is None or (asked.reply is None and not asked.fault):
        return None
    if asked.reply is None:
        return _End("deferred", asked.fault)
    named = bounce.classify_reply(asked.reply.code, bounce.Stage.SENDER)
    return _End("bounced" if named.permanent else "deferred", _text(asked.reply))


def _mail(asked: Asked | None) -> str:
    if asked is None:
        return ""
    if asked.reply is not None:
        return _text(asked.reply)
    return asked.fault or "accepted"


def _text(reply: Reply) -> str:
    enhanced = () if reply.enhanced is None else (reply.enhanced,)
    return " ".join((str(reply.code), *enhanced, *reply.lines))


def _tls(recorded: tuple[facts.Fact, ...]) -> TlsView | None:
    """TLS as it came up in the end."""
    for fact in reversed(recorded):
        if isinstance(fact, facts.TlsDelivered | facts.TlsDeliveryFailed) and fact.protocol:
            return TlsView(
                protocol=fact.protocol,
                cipher=fact.cipher,
                group=fact.group,
                dh_bits=fact.dh_bits,
            )
    return None


def _judged(one: Judged) -> VerdictView:
    found = one.verdict
    return VerdictView(
        address=one.ip,
        verified=found.verified,
        said=found.said,
        reason=found.text,
        result="" if found.report_word is None else found.report_word.value,
        basis=found.basis,
        weak=found.weak,
        tried=tuple(
            TriedView(
                basis=each.basis.value,
                reference=each.reference,
                source=each.source.value,
                presented=each.presented,
                why=each.why.value,
            )
            for each in found.tried
        ),
        chain=_chain(one.chain),
    )


def _chain(ders: tuple[bytes, ...]) -> tuple[ShownView, ...]:
    presented = chain.load_presented(ders)
    if isinstance(presented, chain.ChainProblem):
        return ()
    return tuple(map(_shown, presented))


def _shown(certificate: x509.Certificate) -> ShownView:
    try:
        ends: datetime | None = certificate.not_valid_after_utc.astimezone(UTC)
    except facets.BROKEN:
        ends = None
    found = names.presented_names(certificate)
    return ShownView(
        subject=describe(certificate),
        issuer=facets.issuer_text(certificate),
        names=tuple(names.shown(each) for each in found.dns[:MOST_SHOWN_NAMES]),
        not_after=ends,
        fingerprint=fingerprint(facets.der_of(certificate)),
        key_fingerprint=PIN_PREFIX + facets.key_digest(certificate).hex(),
    )
