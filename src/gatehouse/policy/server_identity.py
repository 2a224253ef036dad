# SPDX-License-Identifier: Apache-2.0
"""Has a server proven who it is: what a plan asks for, against the chain that was shown.

A plan names proofs (`outbound_plan`), and all of them must hold: a chain to a trusted anchor with a
fitting name (RFC 5280, RFC 9525), the host of an MTA-STS policy (RFC 8461 §4.2), TLSA records
(RFC 7672), or a pinned fingerprint. The answer says which reference decided (the basis), and else
why not, in the words of operators and of RFC 8460 §4.3, with every name that was tried. It is made
at every level and only the verifying levels act on it.

Pure: certificates, lists, reverse names and the moment are arguments.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatehouse.tls import chain, crl, dane, facets, names
from gatehouse.tls.certificates import describe, fingerprint
from gatehouse.tls.failures import ReportWord, VerifyWord, report_word_of
from gatehouse.tls.names import Algorithm, Basis, References
from gatehouse.tls.paths import TrustStore

PIN_PREFIX = "sha256:"  # and 64 hexadecimal digits in lower case
MOST_SHOWN_NAMES = 20  # alternative names in a verdict; certificates of large providers have 100

# Bases that are no reference name.
DANE_EE = "dane-ee"
DANE_TA = "dane-ta"
PINNED_CERTIFICATE = "pinned-certificate"
PINNED_KEY = "pinned-key"


@dataclass(frozen=True, slots=True)
class PkixProof:
    """A chain to an anchor, and a name by one of the two algorithms."""

    algorithm: Algorithm
    verify_ptr: bool = True
    refuse_weak: bool = False


@dataclass(frozen=True, slots=True)
class StsProof:
    """A chain to an anchor, and an alternative name for the MX host (RFC 8461 §4.2)."""

    host: str


@dataclass(frozen=True, slots=True)
class DaneProof:
    """TLSA records; `weak`: the MX answer that led to the host was not secure."""

    records: tuple[dane.TlsaRecord, ...]
    references: tuple[str, ...]
    weak: bool = False
    refuse_weak: bool = False


@dataclass(frozen=True, slots=True)
class PinProof:
    """One of these fingerprints, of the certificate or of its public key."""

    fingerprints: tuple[str, ...]


Proof = PkixProof | StsProof | DaneProof | PinProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom we believe. `lists` None: revocation is not checked."""

    store: TrustStore
    lists: tuple[x509.CertificateRevocationList, ...] | None = None
    fail_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a server showed, and the names it may have: DER, leaf first, as presented."""

    certificates: tuple[bytes, ...]
    references: References
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The server's certificate for people; texts are clean and bounded."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_after: float | None = None


_NO_LEAF = Leaf()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityVerdict:
    """Whether the server is who it should be. `expires`: unix seconds until which that holds."""

    verified: bool
    basis: str = ""  # which reference, record or pin decided
    weak: bool = False  # stands against passive listening only
    word: VerifyWord | None = None  # why not
    report_word: ReportWord | None = None
    text: str = ""  # the same in a sentence
    tried: tuple[names.Tried, ...] = ()
    leaf: Leaf = _NO_LEAF
    fingerprints: tuple[str, ...] = ()
    expires: float | None = None
    ptr_wanted: bool = False  # the confirmed reverse name could change the answer

    @property
    def said(self) -> str:
        """`verified`, or the reason word."""
        return "verified" if self.word is None else self.word.value


def judge(proofs: tuple[Proof, ...], shown: Shown, trust: Trust) -> IdentityVerdict:
    """Judge all proofs; the first that fails names the reason, the first of all the basis."""
    work = _Work(shown, trust)
    if isinstance(work.loaded, chain.ChainProblem):
        return work.failed(work.loaded.word, work.loaded.text)
    decided: IdentityVerdict | None = None
    for proof in proofs:
        verdict = work.hold(proof)
        if not verdict.verified:
            return verdict
        decided = verdict if decided is None else _both(decided, verdict)
    if decided is None:
        raise ValueError("a plan without any proof")
    return decided


def _both(one: IdentityVerdict, other: IdentityVerdict) -> IdentityVerdict:
    ends = [v.expires for v in (one, other) if v.expires is not None]
    return replace(one, expires=min(ends, default=None), weak=one.weak and other.weak)


class _Work:
    """One judgement; the chain is judged once, whoever asks for it."""

    def __init__(self, shown: Shown, trust: Trust) -> None:
        self.shown = shown
        self.trust = trust
        self.loaded = chain.load_presented(shown.certificates)
        self.prints = tuple(fingerprint(each) for each in shown.certificates)
        self._way: chain.ChainVerdict | None = None
        self._revoked: tuple[VerifyWord, str] | None = None
        self._looked_up = False
        self.presented: tuple[x509.Certificate, ...] = ()
        self.leaf = _NO_LEAF
        self.names = names.PresentedNames()
        if not isinstance(self.loaded, chain.ChainProblem):
            self.presented = self.loaded
            self.names = names.presented_names(self.presented[0])
            self.leaf = _leaf(self.presented[0], self.names)

    def hold(self, proof: Proof) -> IdentityVerdict:
        match proof:
            case PkixProof():
                return self._pkix(proof)
            case StsProof(host):
                return self._sts(host)
            case DaneProof():
                return self._dane(proof)
            case PinProof(fingerprints):
                return self._pin(fingerprints)

    def failed(
        self,
        word: VerifyWord,
        text: str,
        *,
        tried: tuple[names.Tried, ...] = (),
        report_word: ReportWord | None = None,
        ptr_wanted: bool = False,
    ) -> IdentityVerdict:
        return IdentityVerdict(
            verified=False,
            word=word,
            report_word=report_word or report_word_of(word),
            text=text,
            tried=tried,
            leaf=self.leaf,
            fingerprints=self.prints,
            ptr_wanted=ptr_wanted,
        )

    def _held(
        self,
        basis: str,
        *,
        weak: bool = False,
        way: Iterable[x509.Certificate] = (),
        tried: tuple[names.Tried, ...] = (),
    ) -> IdentityVerdict:
        ends = [each.not_valid_after_utc.timestamp() for each in way]
        return IdentityVerdict(
            verified=True,
            basis=basis,
            weak=weak,
            tried=tried,
            leaf=self.leaf,
            fingerprints=self.prints,
            expires=min(ends, default=None),
        )

    # --- chains ---------------------------------------------------------------------------------

    def _untrusted(self) -> IdentityVerdict | None:
        """Why the chain is not accepted; None when it is."""
        if self._way is None:
            self._way = chain.verify(self.presented, self.trust.store, at=self.shown.at)
        if not self._way.trusted:
            problem = self._way.problems[0]
            return self.failed(problem.word, f"{problem.subject}: {problem.text}")
        revoked = self._revocation()
        return None if revoked is None else self.failed(*revoked)

    def _revocation(self) -> tuple[VerifyWord, str] | None:
        if self.trust.lists is None or self._looked_up or self._way is None:
            return self._revoked
        self._looked_up = True
        found = crl.check_path(self._way.path, self.trust.lists, at=self.shown.at)
        word = found.word
        if word is not None and not (word is VerifyWord.CRL_UNAVAILABLE and self.trust.fail_open):
            self._revoked = word, found.text
        return self._revoked

    def _path(self) -> tuple[x509.Certificate, ...]:
        return () if self._way is None else self._way.path

    # --- the proofs -----------------------------------------------------------------------------

    def _pkix(self, proof: PkixProof) -> IdentityVerdict:
        untrusted = self._untrusted()
        if untrusted is not None:
            return untrusted
        references = self.shown.references
        if proof.algorithm is Algorithm.VERIFY:
            found = names.verify(self.names, references, verify_ptr=proof.verify_ptr)
        else:
            found = names.hosted_verify(self.names, references)
        ptr_wanted = (
            proof.algorithm is Algorithm.VERIFY
            and proof.verify_ptr
            and not proof.refuse_weak
            and references.ptr is None
            and self.names.common_name is not None
        )
        if found.basis is None:
            text = f"none of its names is {_wanted(references, proof)}"
            return self.failed(
                VerifyWord.NAME_MISMATCH, text, tried=found.tried, ptr_wanted=ptr_wanted
            )
        if found.weak and proof.refuse_weak:
            text = f"only a weak basis proves its name: {found.basis.value} {found.reference}"
            return self.failed(VerifyWord.NAME_MISMATCH, text, tried=found.tried)
        return self._held(found.basis.value, weak=found.weak, way=self._path(), tried=found.tried)

    def _sts(self, host: str) -> IdentityVerdict:
        untrusted = self._untrusted()
        if untrusted is not None:
            return untrusted
        if not names.covers(self.names, host):
            return self.failed(
                VerifyWord.NAME_MISMATCH, f"it has no alternative name for the MX host {host}"
            )
        return self._held(Basis.MX_SECURE.value, way=self._path())

    def _dane(self, proof: DaneProof) -> IdentityVerdict:
        found = dane.verify(proof.records, self.shown.certificates, proof.references, self.shown.at)
        if not found.verified:
            assert found.word is not None
            return self.failed(
                found.word, found.text, tried=found.tried, report_word=found.report_word
            )
        if proof.weak and proof.refuse_weak:
            text = "the TLSA records prove the host, and only an unsigned MX answer led to it"
            return self.failed(VerifyWord.NAME_MISMATCH, text)
        # Dates do not count for usage 3 (RFC 7671 §5.1): how long the records live is DNS's matter.
        way = found.chain.path if found.chain is not None else ()
        basis = DANE_EE if found.usage == dane.Usage.DANE_EE else DANE_TA
        return self._held(basis, weak=proof.weak, way=way, tried=found.tried)

    def _pin(self, pinned: tuple[str, ...]) -> IdentityVerdict:
        if PIN_PREFIX + hashlib.sha256(self.shown.certificates[0]).hexdigest() in pinned:
            return self._held(PINNED_CERTIFICATE)
        if _key_print(self.presented[0]) in pinned:
            return self._held(PINNED_KEY)
        text = "neither its fingerprint nor that of its public key is pinned"
        return self.failed(VerifyWord.FINGERPRINT_MISMATCH, text)


def _key_print(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except facets.BROKEN:
        return ""
    return PIN_PREFIX + hashlib.sha256(key).hexdigest()


def _wanted(references: References, proof: PkixProof) -> str:
    wanted = [references.domain]
    if proof.algorithm is Algorithm.HOSTED:
        wanted += [each for each in (references.route or references.mx,) if each is not None]
    return " or ".join(dict.fromkeys(names.shown(each) for each in wanted))


def _leaf(certificate: x509.Certificate, presented: names.PresentedNames) -> Leaf:
    try:
        ends: float | None = certificate.not_valid_after_utc.timestamp()
    except facets.BROKEN:
        ends = None
    return Leaf(
        subject=describe(certificate),
        issuer=facets.issuer_text(certificate),
        names=tuple(names.shown(each) for each in presented.dns[:MOST_SHOWN_NAMES]),
        not_after=ends,
    )
