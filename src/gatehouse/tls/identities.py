# SPDX-License-Identifier: Apache-2.0
"""What a client's certificate says about who it is, in words that a user can be tied to.

`sha256:` and the fingerprint is proved by the handshake alone, whoever issued the certificate.
`dns:`, `email:` and `subject:` are claims of its issuer and count only when its chain is good.
"""

import re

from cryptography import x509

from gatehouse.mail.address import AddressFault, parse_domain, parse_mailbox
from gatehouse.tls import facets

MAX_NAMES = 20  # of each kind that are looked at (ours; a certificate of a client has one or two)
MAX_TEXT = 1024  # characters of an identity (ours: longer subjects are none that a person typed)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def fingerprint(certificate: x509.Certificate) -> str:
    """The identity that is this certificate and no other."""
    return f"sha256:{facets.digest(certificate).hex()}"


def identities(leaf: bytes, *, verified: bool) -> tuple[str, ...]:
    """All identities of a certificate (DER). `verified`: its chain ends at somebody we trust."""
    try:
        certificate = x509.load_der_x509_certificate(leaf)
    except ValueError:
        return ()
    pinned = fingerprint(certificate)
    if not verified or not facets.readable(certificate):
        return (pinned,)
    found = [pinned]
    names = facets.extension(certificate, x509.SubjectAlternativeName)
    if isinstance(names, x509.SubjectAlternativeName):
        dns = names.get_values_for_type(x509.DNSName)[:MAX_NAMES]
        mail = names.get_values_for_type(x509.RFC822Name)[:MAX_NAMES]
        found += [f"dns:{name}" for name in dns] + [f"email:{name}" for name in mail]
    found.append(f"subject:{certificate.subject.rfc4514_string()}")
    read = (parse_identity(text) for text in found)
    return tuple(dict.fromkeys(one for one in read if one is not None))


def parse_identity(text: str) -> str | None:
    """An identity in its one form, or None for a text that is none."""
    kind, colon, value = text.partition(":")
    if not colon or len(text) > MAX_TEXT or not value.isprintable():
        return None
    match kind.lower():
        case "sha256":
            digits = value.replace(":", "").lower()
            return f"sha256:{digits}" if _FINGERPRINT.fullmatch(digits) else None
        case "dns":
            # A wildcard names many hosts and proves none of them.
            name = parse_domain(value)
            return None if name is None or name.startswith("[") else f"dns:{name}"
        case "email":
            return _email(value)
        case "subject":
            return f"subject:{value}" if value else None
        case _:
            return None


def _email(value: str) -> str | None:
    address = parse_mailbox(value.encode("utf-8", "surrogatepass"))
    if isinstance(address, AddressFault):
        return None
    return f"email:{address.canonical}"
