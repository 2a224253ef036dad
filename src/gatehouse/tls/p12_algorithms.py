# SPDX-License-Identifier: Apache-2.0
"""Object identifiers that PKCS#12 files name: which ones cost iterations, which can be opened here.

Sources: RFC 7292 Appendix C (PBES1 of PKCS#12), RFC 8018 Appendix A (PBES2, PBKDF2), RFC 7914 §7
(scrypt), RFC 9579 (PBMAC1), NIST's hash and AES arcs.
"""

PBES2 = "1.2.840.113549.1.5.13"
PBKDF2 = "1.2.840.113549.1.5.12"
MAC_PBMAC1 = "1.2.840.113549.1.5.14"
SCRYPT = "1.3.6.1.4.1.11591.4.11"

_PKCS12_PBE = {
    "1.2.840.113549.1.12.1.1": "PBE with SHA-1 and RC4-128",
    "1.2.840.113549.1.12.1.2": "PBE with SHA-1 and RC4-40",
    "1.2.840.113549.1.12.1.3": "PBE with SHA-1 and 3-key 3DES",
    "1.2.840.113549.1.12.1.4": "PBE with SHA-1 and 2-key 3DES",
    "1.2.840.113549.1.12.1.5": "PBE with SHA-1 and RC2-128",
    "1.2.840.113549.1.12.1.6": "PBE with SHA-1 and RC2-40",
}
_PKCS5_PBE = {
    "1.2.840.113549.1.5.1": "PBE with MD2 and DES",
    "1.2.840.113549.1.5.3": "PBE with MD5 and DES",
    "1.2.840.113549.1.5.4": "PBE with MD2 and RC2",
    "1.2.840.113549.1.5.6": "PBE with MD5 and RC2",
    "1.2.840.113549.1.5.10": "PBE with SHA-1 and DES",
    "1.2.840.113549.1.5.11": "PBE with SHA-1 and RC2",
}
ITERATED = frozenset(_PKCS12_PBE) | frozenset(_PKCS5_PBE)  # parameters: salt, iterations

HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
}
_CIPHERS = {
    "2.16.840.1.101.3.4.1.2": "AES-128-CBC",
    "2.16.840.1.101.3.4.1.22": "AES-192-CBC",
    "2.16.840.1.101.3.4.1.42": "AES-256-CBC",
    "1.2.840.113549.3.7": "3DES-CBC",
    "1.2.840.113549.3.2": "RC2-CBC",
}
_HMACS = {
    "1.2.840.113549.2.7": "HMAC-SHA-1",
    "1.2.840.113549.2.8": "HMAC-SHA-224",
    "1.2.840.113549.2.9": "HMAC-SHA-256",
    "1.2.840.113549.2.10": "HMAC-SHA-384",
    "1.2.840.113549.2.11": "HMAC-SHA-512",
}
_SCHEMES = {PBES2: "PBES2", PBKDF2: "PBKDF2", SCRYPT: "scrypt", MAC_PBMAC1: "PBMAC1"}
_ENVELOPES = {"1.2.840.113549.1.7.3": "encryption for a public key"}

_NAMES = _PKCS12_PBE | _PKCS5_PBE | HASHES | _CIPHERS | _HMACS | _SCHEMES | _ENVELOPES

# Opened by the library as measured; the MD2 and DES families of PKCS#5 are not in it.
SUPPORTED = (
    frozenset(_PKCS12_PBE)
    | frozenset(HASHES)
    | frozenset(_CIPHERS)
    | frozenset(_HMACS)
    | frozenset(_SCHEMES)
)


def named(oid: str) -> str:
    """An algorithm for people: its name, or its number."""
    return _NAMES.get(oid, oid)
