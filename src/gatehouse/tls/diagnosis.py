# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a chain, in the operator's words: one function for own and foreign chains.

Rule: what a server must send is its leaf, then each issuer in turn, without the root (RFC 8446
§4.4.2, RFC 5246 §7.4.2). Each finding says what, which certificate, why it matters to a partner,
and what to do. Nothing is fetched: a missing issuer is named with its AIA address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from gatehouse.tls import facets, names
from gatehouse.tls.certificates import PrivateKey, key_matches
from gatehouse.tls.findings import EMPTY, TEXTS, Finding, Kind, Severity, finding

MOST_CERTIFICATES = 50  # looked at; a longer chain is a finding of its own
MIN_RSA_BITS = 2048
SOON = timedelta(days=30)
_SHORT_LIVED = timedelta(days=200)  # below it, "soon" is a sixth of the lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A chain in order, and what was done to get it."""

    chain: tuple[x509.Certificate, ...]  # leaf first, without the root
    added: tuple[x509.Certificate, ...] = ()  # from the stored intermediates
    dropped: tuple[x509.Certificate, ...] = ()  # roots, duplicates, stale and unrelated ones
    reordered: bool = False
    complete: bool  # the chain ends at a root, or right below one that is at hand
    missing_issuer: str = ""  # its name, when not complete
    urls: tuple[str, ...] = ()


def complete(
    chain: Sequence[x509.Certificate],
    stored: Sequence[x509.Certificate] = (),
    anchors: Sequence[x509.Certificate] = (),
) -> Completed:
    """The chain as it should be sent, from what is there and the stored intermediates.

    The first certificate is the leaf. Of several issuers that fit, the one that ends last is taken:
    after a renewal the old intermediate is often still in the file.
    """
    leaf = chain[0]
    given = {facets.digest(each) for each in chain[:MOST_CERTIFICATES]}
    pool = [*chain[1:MOST_CERTIFICATES], *stored]
    ordered = [leaf]
    seen = {facets.digest(leaf)}
    whole = facets.self_signed(leaf)
    while not whole and len(ordered) < MOST_CERTIFICATES:
        issuer = _best_issuer(ordered[-1], pool, seen, given)
        if issuer is None or facets.self_signed(issuer):
            whole = issuer is not None or _issuer_in(ordered[-1], anchors)
            break
        ordered.append(issuer)
        seen.add(facets.digest(issuer))
    kept = {facets.digest(each) for each in ordered}
    top = ordered[-1]
    return Completed(
        chain=tuple(ordered),
        added=tuple(each for each in ordered if facets.digest(each) not in given),
        dropped=_dropped(chain, kept),
        reordered=_order(chain, kept) != [facets.digest(e) for e in ordered if _in(e, given)],
        complete=whole,
        missing_issuer="" if whole else facets.issuer_text(top),
        urls=() if whole else facets.issuer_urls(top),
    )


def diagnose(
    chain: Sequence[x509.Certificate],
    *,
    now: datetime,
    key: PrivateKey | None = None,
    host_names: Sequence[str] = (),
    stored: Sequence[x509.Certificate] = (),
    anchors: Sequence[x509.Certificate] = (),
) -> tuple[Finding, ...]:
    """Everything worth saying about a chain as sent or as held, the gravest first.

    `host_names` are those under which partners reach the server; `stored` are intermediates at
    hand, `anchors` roots at hand (they only tell whether the last issuer is known).
    """
    if not chain:
        return (EMPTY,)
    findings: list[Finding] = []
    if key is not None and not key_matches(key, chain[0]):
        findings.append(finding(Kind.KEY_MISMATCH, chain, 0, do=_key_advice(key, chain)))
    moment = now.astimezone(UTC)
    for position, certificate in enumerate(chain[:MOST_CERTIFICATES]):
        findings += _single(chain, position, certificate, moment)
    if facets.readable(chain[0]):
        findings += _composition(chain, stored, anchors)
        findings += _names(chain, host_names)
    if len(chain) > MOST_CERTIFICATES:
        findings.append(finding(Kind.TOO_LONG, chain, 0))
    grave = list(Severity)
    return tuple(sorted(findings, key=lambda each: grave.index(each.severity)))


def _single(
    chain: Sequence[x509.Certificate], position: int, certificate: x509.Certificate, now: datetime
) -> list[Finding]:
    """What can be said of one certificate by itself."""
    if not facets.readable(certificate):
        return [finding(Kind.UNREADABLE, chain, position)]
    findings: list[Finding] = []
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        findings.append(finding(Kind.NOT_YET_VALID, chain, position))
    elif now > end:
        findings.append(finding(Kind.EXPIRED, chain, position))
    elif end - now <= _soon(end - start):
        findings.append(finding(Kind.SOON_TO_EXPIRE, chain, position))
    weak = facets.weak_key(certificate, min_rsa_bits=MIN_RSA_BITS)
    if weak is None and not facets.self_signed(certificate):
        weak = facets.weak_signature(certificate)
    if weak is not None:
        findings.append(finding(Kind.WEAK, chain, position, detail=weak))
    return findings


def _soon(lifetime: timedelta) -> timedelta:
    return SOON if lifetime >= _SHORT_LIVED else lifetime / 6


def _composition(
    chain: Sequence[x509.Certificate],
    stored: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> list[Finding]:
    """What can be said of the certificates together."""
    sent = complete(chain, (), anchors)
    findings: list[Finding] = []
    if facets.self_signed(chain[0]):
        findings.append(finding(Kind.SELF_SIGNED, chain, 0))
    elif facets.is_ca(chain[0]):
        detail = "The server's certificate is marked as a CA"
        findings.append(finding(Kind.CA_FLAG, chain, 0, detail=detail))
    if not sent.complete:
        findings.append(_missing(chain, sent, stored))
    if sent.reordered:
        findings.append(finding(Kind.WRONG_ORDER, chain, 0))
    used = {facets.digest(each) for each in sent.chain}
    seen: set[bytes] = set()
    for position, certificate in enumerate(chain[:MOST_CERTIFICATES]):
        digest = facets.digest(certificate)
        if digest in seen:
            findings.append(finding(Kind.DUPLICATE, chain, position))
        elif position and digest not in used:
            findings.append(finding(_kind_of_extra(certificate, sent), chain, position))
        elif position and not facets.may_sign_certificates(certificate):
            detail = "The certificate has issued another one, but is not allowed to as a CA"
            findings.append(finding(Kind.CA_FLAG, chain, position, detail=detail))
        seen.add(digest)
    return findings


def _missing(
    chain: Sequence[x509.Certificate], sent: Completed, stored: Sequence[x509.Certificate]
) -> Finding:
    top = sent.chain[-1]
    position = next(i for i, e in enumerate(chain) if facets.digest(e) == facets.digest(top))
    do = "Add the issuer's certificate to the chain"
    if complete(sent.chain, stored).added:
        do = "Complete the chain from the stored intermediates; they hold the issuer"
    elif sent.urls:
        do = f"Add the issuer's certificate to the chain; the CA offers it at {sent.urls[0]}"
    return finding(Kind.MISSING_INTERMEDIATE, chain, position, detail=sent.missing_issuer, do=do)


def _kind_of_extra(certificate: x509.Certificate, sent: Completed) -> Kind:
    subject = facets.subject_key(certificate)
    issuers = {facets.issuer_key(each) for each in sent.chain}
    if facets.self_signed(certificate) and subject in issuers:
        return Kind.ROOT_INCLUDED
    subjects = {facets.subject_key(each) for each in sent.chain}
    return Kind.STALE if subject is not None and subject in subjects | issuers else Kind.UNRELATED


def _names(chain: Sequence[x509.Certificate], host_names: Sequence[str]) -> list[Finding]:
    presented = names.presented_names(chain[0])
    if not presented.dns and not presented.ip:
        held = "only a common name" if presented.common_name else "no name at all"
        detail = f"The certificate has {held}"
        return [finding(Kind.NO_NAMES, chain, 0, detail=detail)]
    return [
        finding(Kind.NAME_NOT_COVERED, chain, 0, detail=names.shown(each))
        for each in dict.fromkeys(host_names)
        if not names.covers(presented, each)
    ]


def _key_advice(key: PrivateKey, chain: Sequence[x509.Certificate]) -> str:
    for position, certificate in enumerate(chain[1:MOST_CERTIFICATES], 2):
        if key_matches(key, certificate):
            return f"The key belongs to certificate {position} of the input: put that one first"
    return TEXTS[Kind.KEY_MISMATCH][3]


def _best_issuer(
    certificate: x509.Certificate,
    pool: Sequence[x509.Certificate],
    seen: set[bytes],
    given: set[bytes],
) -> x509.Certificate | None:
    """The issuer to send next; a root only ends the chain, and a copy cross-signed by another CA is
    sent when the operator gave one, since it serves partners who do not know the root."""
    wanted = facets.issuer_key(certificate)
    fitting = [
        each
        for each in pool
        if wanted is not None
        and facets.subject_key(each) == wanted
        and facets.digest(each) not in seen
        and not facets.key_identifiers_differ(certificate, each)
        and facets.signed_by(certificate, each)
    ]
    roots = [each for each in fitting if facets.self_signed(each)]
    others = [each for each in fitting if each not in roots]
    if roots and not any(_in(each, given) for each in others):
        return roots[0]
    return max(others, key=lambda each: each.not_valid_after_utc, default=None)


def _issuer_in(certificate: x509.Certificate, anchors: Sequence[x509.Certificate]) -> bool:
    return _best_issuer(certificate, anchors, set(), set()) is not None


def _dropped(chain: Sequence[x509.Certificate], kept: set[bytes]) -> tuple[x509.Certificate, ...]:
    seen: set[bytes] = set()
    dropped: list[x509.Certificate] = []
    for each in chain:
        digest = facets.digest(each)
        if digest not in kept or digest in seen:
            dropped.append(each)
        seen.add(digest)
    return tuple(dropped)


def _order(chain: Sequence[x509.Certificate], kept: set[bytes]) -> list[bytes]:
    return list(dict.fromkeys(d for d in map(facets.digest, chain) if d in kept))


def _in(certificate: x509.Certificate, digests: set[bytes]) -> bool:
    return facets.digest(certificate) in digests
