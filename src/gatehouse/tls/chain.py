# SPDX-License-Identifier: Apache-2.0
"""Does this chain prove what it claims: the one verdict about certificates for all who ask.

Rule: RFC 5280 §6. We look for ways to an anchor (`paths`); OpenSSL judges each way alone
(signatures, dates, basicConstraints, path length, key usage of CAs, name constraints, critical
extensions); we add what it leaves out without a purpose and a security level (extended key usage,
key usage of the leaf, weak keys and signatures, a wildcard that reaches into an excluded subtree).
The first way without a problem wins. The answer is a value that can say why not, in the words of
operators (`VerifyWord`) and of RFC 8460 §4.3.

Names are not judged here (`names`), nor revocation (`crl`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from gatehouse.tls import facets, paths
from gatehouse.tls.certificates import describe, fingerprint
from gatehouse.tls.facets import Unreadable
from gatehouse.tls.failures import ReportWord, VerifyWord, report_word_of, word_of_verify_error
from gatehouse.tls.names import presented_names
from gatehouse.tls.paths import Anchor, Path, Search, TrustStore

MAX_INTERMEDIATES = 10  # between leaf and anchor; public chains have one to three
MIN_RSA_BITS = 2048  # OpenSSL's security level 2
_LARGEST_CERTIFICATE = 1024 * 1024  # one presented certificate; OpenSSL's handshake stops at 100 KB


class Purpose(Enum):
    """What the certificate is shown for."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """The demands on a chain."""

    purpose: Purpose = Purpose.SERVER
    # Public CAs stop issuing clientAuth in 2026; an MTA then shows its server certificate.
    accept_server_auth_for_clients: bool = False
    max_intermediates: int = MAX_INTERMEDIATES
    min_rsa_bits: int = MIN_RSA_BITS
    allow_weak_signatures: bool = False
    strict: bool = False  # X509_V_FLAG_X509_STRICT: refuses old habits, e.g. no key identifiers


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """One reason why a chain is not accepted."""

    word: VerifyWord
    position: int  # in the path, the leaf is 0
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """Whether a chain leads to an anchor, which way it took, and what stood against it."""

    path: tuple[x509.Certificate, ...]  # leaf first; without an anchor at the end: as far as known
    anchor: Anchor | None
    problems: tuple[ChainProblem, ...]  # empty: trusted. The first one names the failure
    fingerprints: tuple[str, ...]  # of the chain as presented
    exhausted: bool = False  # the search was cut short by its budget

    @property
    def trusted(self) -> bool:
        """Whether the chain is accepted."""
        return not self.problems and self.anchor is not None

    @property
    def word(self) -> VerifyWord | None:
        """The operator's reason word."""
        return self.problems[0].word if self.problems else None

    @property
    def report_word(self) -> ReportWord | None:
        """The result type for a TLS report."""
        return None if self.word is None else report_word_of(self.word)

    @property
    def exact(self) -> bool:
        """Trusted because this very certificate is in the operator's list."""
        return self.trusted and len(self.path) == 1


def load_presented(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...] | ChainProblem:
    """The certificates of a handshake; what cannot be read at all behind the leaf is left out."""
    chain: list[x509.Certificate] = []
    for position, data in enumerate(ders[: paths.MOST_PRESENTED]):
        try:
            if len(data) > _LARGEST_CERTIFICATE:
                raise ValueError
            chain.append(x509.load_der_x509_certificate(data))
        except facets.BROKEN:
            if position == 0:
                return ChainProblem(VerifyWord.BAD_PURPOSE, 0, "", "The certificate is unreadable")
    if not chain:
        return ChainProblem(VerifyWord.INCOMPLETE_CHAIN, 0, "", "No certificate was presented")
    return tuple(chain)


def verify(
    presented: tuple[x509.Certificate, ...],
    store: TrustStore,
    *,
    at: datetime,
    options: VerifyOptions | None = None,
) -> ChainVerdict:
    """Judge a chain (leaf first, the others in any order) at a moment with a time zone."""
    wanted = VerifyOptions() if options is None else options
    moment = at.astimezone(UTC)
    prints = tuple(fingerprint(facets.der_of(each)) for each in presented)
    found = paths.search(presented, store, max_intermediates=wanted.max_intermediates)
    best: tuple[Path, tuple[ChainProblem, ...]] | None = None
    for path in found.paths:
        problems = _judge(path, moment, wanted)
        if best is None or len(problems) < len(best[1]):
            best = path, problems
        if not problems:
            break
    if best is not None:
        return ChainVerdict(
            path=best[0].certificates,
            anchor=best[0].anchor,
            problems=best[1],
            fingerprints=prints,
            exhausted=found.exhausted,
        )
    way = found.dead_end or presented[:1]
    problems = (_no_way(way, found, store), *_own_problems(way, len(way), moment, wanted))
    return ChainVerdict(
        path=way, anchor=None, problems=problems, fingerprints=prints, exhausted=found.exhausted
    )


def _judge(path: Path, at: datetime, wanted: VerifyOptions) -> tuple[ChainProblem, ...]:
    if len(path.certificates) - 2 > wanted.max_intermediates:
        text = f"There are more than {wanted.max_intermediates} intermediates"
        return (_problem(VerifyWord.BAD_PURPOSE, path.certificates, 0, text),)
    signed = len(path.certificates) - 1  # nobody needs to vouch for the anchor
    own = _own_problems(path.certificates, signed, at, wanted)
    theirs = _openssl_problem(path, at, strict=wanted.strict)
    if theirs is not None and not any(each.word is theirs.word for each in own):
        own = (*own, theirs)
    excluded = _excluded_wildcard(path.certificates)
    return own if excluded is None else (*own, excluded)


def _own_problems(
    way: tuple[x509.Certificate, ...], signed: int, at: datetime, wanted: VerifyOptions
) -> tuple[ChainProblem, ...]:
    problems: list[ChainProblem] = []
    for position, certificate in enumerate(way):
        if not facets.readable(certificate):
            text = "the certificate holds a field or extension that cannot be read"
            problems.append(_problem(VerifyWord.BAD_PURPOSE, way, position, text))
            continue
        late = _date_problem(certificate, at)
        if late is not None:
            problems.append(_problem(late[0], way, position, late[1]))
        weak = facets.weak_key(certificate, min_rsa_bits=wanted.min_rsa_bits)
        if weak is None and position < signed and not wanted.allow_weak_signatures:
            weak = facets.weak_signature(certificate)
        if weak is not None:
            problems.append(_problem(VerifyWord.WEAK, way, position, weak))
        unfit = _purpose_problem(certificate, position, wanted)
        if unfit is not None:
            problems.append(_problem(VerifyWord.BAD_PURPOSE, way, position, unfit))
    return tuple(problems)


def _date_problem(certificate: x509.Certificate, at: datetime) -> tuple[VerifyWord, str] | None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < start:
        return VerifyWord.NOT_YET_VALID, f"it is valid from {start:%Y-%m-%d %H:%M:%S} UTC only"
    # Both ends are included (RFC 5280 §4.1.2.5) and have no fraction: the last second counts whole.
    if at.replace(microsecond=0) > end:
        return VerifyWord.EXPIRED, f"it expired on {end:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _purpose_problem(
    certificate: x509.Certificate, position: int, wanted: VerifyOptions
) -> str | None:
    purposes = facets.extension(certificate, x509.ExtendedKeyUsage)
    if isinstance(purposes, x509.ExtendedKeyUsage) and not _allows(purposes, wanted):
        # A CA's list limits what it may issue for, as browsers and OpenSSL read it.
        return f"its extended key usage does not allow TLS {wanted.purpose.value} authentication"
    usage = facets.extension(certificate, x509.KeyUsage)
    if position == 0 and isinstance(usage, x509.KeyUsage):
        if not (usage.digital_signature or usage.key_encipherment or usage.key_agreement):
            return "its key usage allows no TLS handshake"
    return None


def _allows(purposes: x509.ExtendedKeyUsage, wanted: VerifyOptions) -> bool:
    accepted = {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if wanted.purpose is Purpose.SERVER:
        accepted.add(ExtendedKeyUsageOID.SERVER_AUTH)
    else:
        accepted.add(ExtendedKeyUsageOID.CLIENT_AUTH)
        if wanted.accept_server_auth_for_clients:
            accepted.add(ExtendedKeyUsageOID.SERVER_AUTH)
    return any(each in accepted for each in purposes)


def _excluded_wildcard(way: tuple[x509.Certificate, ...]) -> ChainProblem | None:
    """A wildcard that would stand for an excluded name; OpenSSL compares the asterisk as text."""
    parents = {
        each.lower().rstrip(".").removeprefix("*.")
        for each in presented_names(way[0]).dns
        if each.startswith("*.")
    }
    for position, certificate in enumerate(way[1:], 1) if parents else ():
        constraints = facets.extension(certificate, x509.NameConstraints)
        if not isinstance(constraints, x509.NameConstraints):
            continue
        for subtree in constraints.excluded_subtrees or ():
            if not isinstance(subtree, x509.DNSName):
                continue
            if subtree.value.lower().strip(".").partition(".")[2] in parents:
                text = "its name constraints exclude a name that the certificate's wildcard covers"
                return _problem(VerifyWord.BAD_PURPOSE, way, position, text)
    return None


def _openssl_problem(path: Path, at: datetime, *, strict: bool) -> ChainProblem | None:
    """What OpenSSL says about this way and no other: the anchor is all that its store holds."""
    flags = crypto.X509StoreFlags.PARTIAL_CHAIN
    if strict:
        flags |= crypto.X509StoreFlags.X509_STRICT
    way = path.certificates
    try:
        store = crypto.X509Store()
        store.set_time(at)
        store.set_flags(flags)
        store.add_cert(crypto.X509.from_cryptography(path.anchor.certificate))
        others = [crypto.X509.from_cryptography(each) for each in way[1:]]
        leaf = crypto.X509.from_cryptography(way[0])
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        number, depth, text = error.errors
        word = word_of_verify_error(number) or VerifyWord.BAD_PURPOSE
        return _problem(word, way, min(depth, len(way) - 1), f"OpenSSL says: {text} ({number})")
    except (crypto.Error, ValueError):
        return _problem(VerifyWord.BAD_PURPOSE, way, 0, "OpenSSL cannot read the certificate")
    return None


def _no_way(way: tuple[x509.Certificate, ...], found: Search, store: TrustStore) -> ChainProblem:
    """Why the search ended at the last certificate of `way`."""
    top, position = way[-1], len(way) - 1
    if facets.self_signed(top):
        if position == 0:
            text = "it is self-signed and not in the trust store"
            return _problem(VerifyWord.SELF_SIGNED, way, position, text)
        text = "the chain ends at this root, which the trust store does not hold"
        return _problem(VerifyWord.UNKNOWN_ISSUER, way, position, text)
    if facets.extension(top, x509.BasicConstraints) is Unreadable.EXTENSIONS:
        text = "the certificate holds an extension that cannot be read"
        return _problem(VerifyWord.BAD_PURPOSE, way, position, text)
    if any(facets.digest(each) in store.not_anchors for each in way[1:]):
        text = "the system list holds it, but it is no root; add it to the custom list to trust it"
        return _problem(VerifyWord.UNTRUSTED_ANCHOR, way, position, text)
    issuer = facets.issuer_text(top)
    if found.wrong_key:
        text = f"certificates named {issuer} are at hand, but none of them signed it"
        return _problem(VerifyWord.UNKNOWN_ISSUER, way, position, text)
    if found.exhausted:
        text = "the search for a way to an anchor was given up; too many certificates were sent"
        return _problem(VerifyWord.UNKNOWN_ISSUER, way, position, text)
    if position == 0:
        text = f"its issuer {issuer} was not sent and is not in the trust store"
        return _problem(VerifyWord.INCOMPLETE_CHAIN, way, position, text)
    text = f"its issuer {issuer} is not in the trust store"
    return _problem(VerifyWord.UNKNOWN_ISSUER, way, position, text)


def _problem(
    word: VerifyWord, way: tuple[x509.Certificate, ...], position: int, text: str
) -> ChainProblem:
    return ChainProblem(word, position, describe(way[position]), text)
