# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in TLS, in one vocabulary.

Three sources, each translated once: OpenSSL's reasons for a broken handshake, OpenSSL's numbers for
a certificate that does not verify, and the words people read. The words for reports are the result
types of RFC 8460 §4.3; the words for operators are the gateway's own (`VerifyWord`).

The mail log carries a failure as number and text: number = library << 23 | reason, text
`error:0A0000C1:SSL routines::no shared cipher` (the form of ERR_error_string in OpenSSL 3).
"""

import enum

from gatehouse.tls import binding


class ReportWord(enum.Enum):
    """Result types of RFC 8460 §4.3 that a handshake, a certificate or DANE can earn."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"  # not offered, or refused
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"  # no name of ours in the certificate
    CERTIFICATE_EXPIRED = "certificate-expired"  # outside its dates
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"  # no path to an anchor of ours
    VALIDATION_FAILURE = "validation-failure"  # everything else, RFC 8460 §4.3.1
    TLSA_INVALID = "tlsa-invalid"  # TLSA records exist and none can be used, §4.3.2.1
    DNSSEC_INVALID = "dnssec-invalid"  # the resolver gave no answer that may be believed
    DANE_REQUIRED = "dane-required"  # DANE is demanded and the host has no usable TLSA record


class VerifyWord(enum.Enum):
    """Why a certificate did not verify, in the words of log, tracking and console."""

    EXPIRED = "expired"  # notAfter has passed
    NOT_YET_VALID = "not yet valid"  # notBefore lies ahead
    SELF_SIGNED = "self-signed"  # the leaf is its own issuer and not in the store
    UNKNOWN_ISSUER = "unknown issuer"  # the chain ends at a root that the store does not hold
    INCOMPLETE_CHAIN = "incomplete chain"  # the issuer is missing from what the peer sent
    UNTRUSTED_ANCHOR = "untrusted anchor"  # the issuer is held, but not accepted as an anchor
    REVOKED = "revoked"  # on the issuer's revocation list
    CRL_UNAVAILABLE = "crl unavailable"  # the list is missing, stale or broken
    BAD_PURPOSE = "bad purpose"  # key usage, extended key usage or CA flag does not allow this use
    WEAK = "weak key or signature"  # below the security level
    NAME_MISMATCH = "name mismatch"  # none of the reference names
    DANE_MISMATCH = "dane mismatch"  # no TLSA record matches
    FINGERPRINT_MISMATCH = "fingerprint mismatch"  # none of the pinned ones


class TlsFailure(Exception):
    """A handshake or session that cannot go on; `number` and `text` go to the mail log as such."""

    def __init__(self, number: int, text: str, reason: str) -> None:
        super().__init__(number, text)
        self.number = number
        self.text = text
        self.reason = reason  # OpenSSL's reason, for example "dh key too small"

    @property
    def report_word(self) -> ReportWord:
        """The result type for a TLS report."""
        return _HANDSHAKE_REPORT.get(self.reason, ReportWord.VALIDATION_FAILURE)

    @property
    def verify_word(self) -> VerifyWord | None:
        """The operator's word, when the reason is about a certificate or a key."""
        return _HANDSHAKE_VERIFY.get(self.reason)


SSL_ROUTINES = "SSL routines"

# Reasons that the engine itself gives, in OpenSSL's words and numbers (include/openssl/sslerr.h).
UNEXPECTED_EOF = "unexpected eof while reading"  # SSL_R_UNEXPECTED_EOF_WHILE_READING, 294
EXCESSIVE_SIZE = "excessive message size"  # SSL_R_EXCESSIVE_MESSAGE_SIZE, 152
DH_KEY_TOO_SMALL = "dh key too small"  # SSL_R_DH_KEY_TOO_SMALL, 394

# An alert from the peer tells how *it* judged *our* certificate (RFC 8446 §6.2).
_HANDSHAKE_REPORT = {
    "certificate verify failed": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "ssl/tls alert certificate expired": ReportWord.CERTIFICATE_EXPIRED,
    "sslv3 alert certificate expired": ReportWord.CERTIFICATE_EXPIRED,
    "tlsv1 alert unknown ca": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "ssl/tls alert certificate unknown": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "sslv3 alert certificate unknown": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "ssl/tls alert bad certificate": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "sslv3 alert bad certificate": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "ssl/tls alert certificate revoked": ReportWord.CERTIFICATE_NOT_TRUSTED,
    "sslv3 alert certificate revoked": ReportWord.CERTIFICATE_NOT_TRUSTED,
}

_HANDSHAKE_VERIFY = {
    DH_KEY_TOO_SMALL: VerifyWord.WEAK,
    "ee key too small": VerifyWord.WEAK,
    "ca key too small": VerifyWord.WEAK,
    "ca md too weak": VerifyWord.WEAK,
    "wrong signature type": VerifyWord.WEAK,
    "ssl/tls alert certificate expired": VerifyWord.EXPIRED,
    "sslv3 alert certificate expired": VerifyWord.EXPIRED,
    "ssl/tls alert certificate revoked": VerifyWord.REVOKED,
    "sslv3 alert certificate revoked": VerifyWord.REVOKED,
    "tlsv1 alert unknown ca": VerifyWord.UNKNOWN_ISSUER,
}

# X509_V_ERR_*, include/openssl/x509_vfy.h. A number that is not here is a broken certificate.
_CERTIFICATE = {
    2: VerifyWord.INCOMPLETE_CHAIN,  # UNABLE_TO_GET_ISSUER_CERT
    3: VerifyWord.CRL_UNAVAILABLE,  # UNABLE_TO_GET_CRL
    9: VerifyWord.NOT_YET_VALID,  # CERT_NOT_YET_VALID
    10: VerifyWord.EXPIRED,  # CERT_HAS_EXPIRED
    11: VerifyWord.CRL_UNAVAILABLE,  # CRL_NOT_YET_VALID
    12: VerifyWord.CRL_UNAVAILABLE,  # CRL_HAS_EXPIRED
    18: VerifyWord.SELF_SIGNED,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: VerifyWord.UNKNOWN_ISSUER,  # SELF_SIGNED_CERT_IN_CHAIN: the root came, we do not hold it
    20: VerifyWord.INCOMPLETE_CHAIN,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: VerifyWord.INCOMPLETE_CHAIN,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    23: VerifyWord.REVOKED,  # CERT_REVOKED
    24: VerifyWord.BAD_PURPOSE,  # INVALID_CA
    25: VerifyWord.BAD_PURPOSE,  # PATH_LENGTH_EXCEEDED
    26: VerifyWord.BAD_PURPOSE,  # INVALID_PURPOSE
    27: VerifyWord.UNTRUSTED_ANCHOR,  # CERT_UNTRUSTED
    28: VerifyWord.UNTRUSTED_ANCHOR,  # CERT_REJECTED
    32: VerifyWord.BAD_PURPOSE,  # KEYUSAGE_NO_CERTSIGN
    33: VerifyWord.CRL_UNAVAILABLE,  # UNABLE_TO_GET_CRL_ISSUER
    62: VerifyWord.NAME_MISMATCH,  # HOSTNAME_MISMATCH
    63: VerifyWord.NAME_MISMATCH,  # EMAIL_MISMATCH
    64: VerifyWord.NAME_MISMATCH,  # IP_ADDRESS_MISMATCH
    65: VerifyWord.DANE_MISMATCH,  # DANE_NO_MATCH
    66: VerifyWord.WEAK,  # EE_KEY_TOO_SMALL
    67: VerifyWord.WEAK,  # CA_KEY_TOO_SMALL
    68: VerifyWord.WEAK,  # CA_MD_TOO_WEAK
}

_VERIFY_REPORT = {
    VerifyWord.EXPIRED: ReportWord.CERTIFICATE_EXPIRED,
    VerifyWord.NOT_YET_VALID: ReportWord.CERTIFICATE_EXPIRED,
    VerifyWord.SELF_SIGNED: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.UNKNOWN_ISSUER: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.INCOMPLETE_CHAIN: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.UNTRUSTED_ANCHOR: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.REVOKED: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.CRL_UNAVAILABLE: ReportWord.VALIDATION_FAILURE,
    VerifyWord.BAD_PURPOSE: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.WEAK: ReportWord.CERTIFICATE_NOT_TRUSTED,
    VerifyWord.NAME_MISMATCH: ReportWord.CERTIFICATE_HOST_MISMATCH,
    VerifyWord.DANE_MISMATCH: ReportWord.VALIDATION_FAILURE,
    VerifyWord.FINGERPRINT_MISMATCH: ReportWord.VALIDATION_FAILURE,
}


def word_of_verify_error(number: int) -> VerifyWord | None:
    """The operator's word for an OpenSSL verify error; None for 0 and for rare ones."""
    return _CERTIFICATE.get(number)


def report_word_of(word: VerifyWord) -> ReportWord:
    """The RFC 8460 result type for a certificate that did not verify."""
    return _VERIFY_REPORT[word]


def failure_from_reason(reason: str, library: str = SSL_ROUTINES) -> TlsFailure:
    """The failure for one reason of one library, with the library's own number."""
    known = binding.error_numbers().get((library, reason))
    number = known if known is not None else binding.LIBRARY_SSL << 23
    return TlsFailure(number, f"error:{number:08X}:{library}::{reason}", reason)


def failure_from_errors(errors: object) -> TlsFailure:
    """The failure in what pyOpenSSL raised: a list of (library, function, reason), oldest first.

    The first word of the SSL library counts: what stands before it is how a lower layer came to it,
    what stands behind it ("record layer failure") only that it happened.
    """
    triples = [e for e in errors if isinstance(e, tuple)] if isinstance(errors, list) else []
    told = next((e for e in triples if e[0] == SSL_ROUTINES), triples[-1] if triples else None)
    if told is None:
        return failure_from_reason("internal error")
    return failure_from_reason(told[2] or "unknown reason", told[0] or SSL_ROUTINES)
