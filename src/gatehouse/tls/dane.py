# SPDX-License-Identifier: Apache-2.0
"""DANE: do the TLSA records of a mail host vouch for the certificates that it shows?

Rule: RFC 7672 §3 (SMTP) over RFC 7671 and RFC 6698. Usage 3 compares the leaf and nothing else:
neither names nor dates count (RFC 7671 §5.1). Usage 2 makes a certificate of the presented chain
the anchor; chain, dates and the leaf's names are judged by the same functions as everywhere
(`chain`, `names`). Usages 0 and 1 are unusable for SMTP (RFC 7672 §3.1.3).

Whether the records may be believed at all is not decided here: they must come from a
DNSSEC-validated answer (`service.base.secure_dns`).
"""

import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gatehouse.tls import chain, der, facets, paths
from gatehouse.tls.chain import ChainProblem, ChainVerdict, VerifyOptions
from gatehouse.tls.failures import ReportWord, VerifyWord
from gatehouse.tls.names import NameVerdict, Tried, dane_verify, presented_names

MOST_RECORDS = 64  # of one answer; a rollover needs four, an answer could hold a thousand
LONGEST_DATA = 16 * 1024  # octets of one record; a certificate in DNS has one to three thousand
_LONGEST_SHOWN = 128  # hexadecimal digits: a whole SHA-512
_HEADER = 3  # octets before the data: usage, selector, matching type (RFC 6698 §2.1)


class Usage(enum.IntEnum):
    """Certificate usages that count for SMTP (RFC 7671 §2.1, RFC 7672 §3.1)."""

    DANE_TA = 2  # an anchor of the presented chain
    DANE_EE = 3  # the server's own certificate or key


class Selector(enum.IntEnum):
    """What of a certificate is compared (RFC 6698 §2.1.2)."""

    CERTIFICATE = 0
    KEY = 1  # SubjectPublicKeyInfo


class Matching(enum.IntEnum):
    """How it is compared (RFC 6698 §2.1.3)."""

    FULL = 0
    SHA256 = 1
    SHA512 = 2


_DIGEST_LENGTH = {Matching.SHA256: 32, Matching.SHA512: 64}


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record as it was published; the numbers may be ones that we do not know."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def text(self) -> str:
        """The record as zone files write it, bounded."""
        digits = self.data.hex()
        shown = digits if len(digits) <= _LONGEST_SHOWN else digits[:_LONGEST_SHOWN] + "..."
        return f"{self.usage} {self.selector} {self.matching} {shown}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaneVerdict:
    """Whether the records vouch for the server, by which of them, and else why not."""

    record: TlsaRecord | None = None  # the one that matched; None: not verified
    depth: int | None = None  # where on the way it matched: the leaf is 0
    chain: ChainVerdict | None = None  # usage 2 only: the way to the anchor
    names: NameVerdict | None = None  # usage 2 only: every name that was tried
    word: VerifyWord | None = None  # None: verified
    report_word: ReportWord | None = None  # RFC 8460 §4.3.2
    text: str = ""  # one sentence that says why not

    @property
    def verified(self) -> bool:
        """Whether the server has proven itself."""
        return self.record is not None

    @property
    def usage(self) -> int | None:
        """The usage of the record that matched."""
        return None if self.record is None else self.record.usage

    @property
    def tried(self) -> tuple[Tried, ...]:
        """The comparisons of names that failed."""
        return () if self.names is None else self.names.tried


def parse_tlsa(rdata: bytes) -> TlsaRecord | None:
    """A record from the RDATA of RFC 6698 §2.1; None when it is too short or too long to be one."""
    if not _HEADER < len(rdata) <= _HEADER + LONGEST_DATA:
        return None
    return TlsaRecord(rdata[0], rdata[1], rdata[2], rdata[_HEADER:])


def usable(records: tuple[TlsaRecord, ...]) -> tuple[TlsaRecord, ...]:
    """The records that count, after digest agility; empty: none is usable (RFC 7672 §2.2).

    Of the digests with the same usage and selector only the strongest count (RFC 7671 §9), so that
    a weak one, kept for old clients, lowers nothing for us. Full data is exempt from that.
    """
    fit = [each for each in dict.fromkeys(records[:MOST_RECORDS]) if _is_usable(each)]
    strongest: dict[tuple[int, int], int] = {}
    for each in fit:
        kind = each.usage, each.selector
        strongest[kind] = max(strongest.get(kind, 0), each.matching)
    return tuple(
        each
        for each in fit
        if each.matching in (Matching.FULL, strongest[each.usage, each.selector])
    )


def verify(
    records: tuple[TlsaRecord, ...],
    presented: tuple[bytes, ...],
    references: tuple[str, ...],
    at: datetime,
    options: VerifyOptions | None = None,
) -> DaneVerdict:
    """Judge the presented chain (DER, leaf first) by the records.

    `references` are the names that usage 2 accepts, the TLSA base domain first; then, after a
    secure MX answer, the next-hop domain and what it is an alias of (RFC 7672 §3.2.2).
    """
    counting = usable(records)
    if not counting:
        return DaneVerdict(
            word=VerifyWord.DANE_MISMATCH,
            report_word=ReportWord.TLSA_INVALID,
            text="none of the TLSA records is usable",
        )
    if not presented:
        return _refused(VerifyWord.INCOMPLETE_CHAIN, "no certificate was presented")
    for record in counting:
        if record.usage == Usage.DANE_EE and _matches(record, presented[0]):
            return DaneVerdict(record=record, depth=0)
    anchored = [each for each in counting if each.usage == Usage.DANE_TA]
    if not anchored:
        return _refused(VerifyWord.DANE_MISMATCH, "no TLSA record matches the certificate")
    return _verify_anchored(anchored, presented, references, at, options)


def _verify_anchored(
    records: list[TlsaRecord],
    presented: tuple[bytes, ...],
    references: tuple[str, ...],
    at: datetime,
    options: VerifyOptions | None,
) -> DaneVerdict:
    """Usage 2: a way to an anchor that a record names, then the leaf's names."""
    loaded = chain.load_presented(presented)
    if isinstance(loaded, ChainProblem):
        return _refused(loaded.word, loaded.text)
    anchors = _anchors(records, loaded, at)
    if not anchors:
        # RFC 7672 §3.1.2: the server MUST send the anchor, even when it is a root.
        text = "no TLSA record matches a certificate that was sent (the anchor must be sent too)"
        return _refused(VerifyWord.DANE_MISMATCH, text)
    store = paths.trust_store(custom=[certificate for certificate, _ in anchors.values()])
    way = chain.verify(loaded, store, at=at, options=options)
    if not way.trusted or way.anchor is None:
        problem = way.problems[0]
        return DaneVerdict(
            chain=way,
            word=problem.word,
            report_word=way.report_word,
            text=f"{problem.subject}: {problem.text}",
        )
    found = dane_verify(presented_names(loaded[0]), references)
    if not found.matched:
        return DaneVerdict(
            chain=way,
            names=found,
            word=VerifyWord.NAME_MISMATCH,
            report_word=ReportWord.CERTIFICATE_HOST_MISMATCH,
            text="the certificate holds none of the names " + ", ".join(references),
        )
    _, record = anchors[facets.digest(way.anchor.certificate)]
    return DaneVerdict(record=record, depth=len(way.path) - 1, chain=way, names=found)


def _anchors(
    records: list[TlsaRecord], presented: tuple[x509.Certificate, ...], at: datetime
) -> dict[bytes, tuple[x509.Certificate, TlsaRecord]]:
    """The certificates that the records make anchors, by their digest.

    They were sent behind the leaf, or stand whole in a record (RFC 7671 §5.2.2, §5.2.3): then they
    need not be sent. The leaf itself is not its own anchor.
    """
    found: dict[bytes, tuple[x509.Certificate, TlsaRecord]] = {}
    for certificate in presented[1:]:
        encoded = facets.der_of(certificate)
        record = next((each for each in records if _matches(each, encoded)), None)
        if record is not None:
            found.setdefault(facets.digest(certificate), (certificate, record))
    for record in records:
        if record.matching == Matching.FULL:
            for certificate in _from_record(record, presented, at):
                found.setdefault(facets.digest(certificate), (certificate, record))
    found.pop(facets.digest(presented[0]), None)
    return found


def _from_record(
    record: TlsaRecord, presented: tuple[x509.Certificate, ...], at: datetime
) -> Iterator[x509.Certificate]:
    """Anchors that were not sent, out of a record with a whole certificate or key."""
    try:
        if record.selector == Selector.CERTIFICATE:
            yield x509.load_der_x509_certificate(record.data)
            return
        key = load_der_public_key(record.data)
        for issuer in {each.issuer for each in presented[: chain.MAX_INTERMEDIATES]}:
            yield _dressed(key, issuer, at)
    except facets.BROKEN:
        return


def _dressed(key: object, subject: x509.Name, at: datetime) -> x509.Certificate:
    """A bare key as a CA certificate of this name, so that the one judge of chains can use it.

    Nobody checks the signature on an anchor, so any key may make it; this one is fixed, because the
    same input must give the same verdict.
    """
    signer = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    day = timedelta(days=1)
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key,  # type: ignore[arg-type]
        serial_number=1,
        not_valid_before=at - day,
        not_valid_after=at + day,
    )
    return builder.add_extension(x509.BasicConstraints(True, None), True).sign(signer, None)


def _is_usable(record: TlsaRecord) -> bool:
    if record.usage not in (Usage.DANE_TA, Usage.DANE_EE):
        return False
    if record.selector not in (Selector.CERTIFICATE, Selector.KEY):
        return False
    if record.matching == Matching.FULL:
        return len(record.data) <= LONGEST_DATA and _is_sequence(record.data)
    return record.matching in _DIGEST_LENGTH and (
        len(record.data) == _DIGEST_LENGTH[Matching(record.matching)]
    )


def _is_sequence(data: bytes) -> bool:
    """Whether it could be a certificate or a key.

    No more is asked: an unknown kind of key stays usable and then does not match, which defers,
    where "unusable" would mean mail without authentication.
    """
    try:
        return der.element(data).tag == der.SEQUENCE
    except der.DerError:
        return False


def _matches(record: TlsaRecord, certificate: bytes) -> bool:
    part = certificate if record.selector == Selector.CERTIFICATE else _key_of(certificate)
    if part is None:
        return False
    match record.matching:
        case Matching.FULL:
            return part == record.data
        case Matching.SHA256:
            return hashlib.sha256(part).digest() == record.data
        case Matching.SHA512:
            return hashlib.sha512(part).digest() == record.data
        case _:
            return False


def _key_of(certificate: bytes) -> bytes | None:
    """SubjectPublicKeyInfo exactly as it was sent; None when the certificate is no such thing.

    Read from the octets: writing a parsed key anew could give other octets than those published.
    """
    try:
        tbs = der.element(certificate).children()[0].children()
        fields = tbs[1:] if tbs[0].tag == _VERSION else tbs  # absent in version 1
        return fields[_KEY_FIELD].whole
    except (der.DerError, IndexError):
        return None


_VERSION = 0xA0  # TBSCertificate [0], RFC 5280 §4.1
_KEY_FIELD = 5  # behind serial, algorithm, issuer, validity, subject


def _refused(word: VerifyWord, text: str) -> DaneVerdict:
    return DaneVerdict(word=word, report_word=ReportWord.VALIDATION_FAILURE, text=text)
