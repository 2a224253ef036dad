# SPDX-License-Identifier: Apache-2.0
"""The servers, certificates, records and policies behind the rows of the outbound matrix.

TLS is the standard library's, with the security level lowered where a server has to be worse than
OpenSSL allows by itself: a 1024 bit DH group, TLS 1.0. Everything is on loopback.
"""

import datetime
import hashlib
import itertools
import ssl
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.live.servers import Act, Behaviour, Handshake
from tests.unit.tls.authority import Key, Made, issue

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
FRESH: dict[str, Any] = {"start": NOW - 10 * DAY, "end": NOW + 100 * DAY}

ROOT = issue("Matrix Root", ca=True, **FRESH)
MIDDLE = issue("Matrix Issuing", ROOT, ca=True, **FRESH)
OTHER_ROOT = issue("Another Root", ca=True, **FRESH)
OTHER_MIDDLE = issue("Another Issuing", OTHER_ROOT, ca=True, **FRESH)
NOT_OURS = issue("whoever it is", **FRESH)  # what a TLSA record that does not match is made of

# RFC 2409 §6.2: the second Oakley group, 1024 bits.
DH_1024 = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""

_files = itertools.count(1)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One for all: DHE suites of the old kind need it, and making it takes a while."""
    return rsa.generate_private_key(65537, 2048)


def leaf(
    common_name: str, *names: str, issuer: Made | None = MIDDLE, key: Key | None = None
) -> Made:
    """A certificate that is valid now."""
    return issue(common_name, issuer, dns=names, own_key=key, **FRESH)


def tls_server(folder: Path, *chain: Made) -> ssl.SSLContext:
    """A TLS server that shows this chain, leaf first."""
    file = folder / f"chain{next(_files)}.pem"
    private = chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + b"".join(one.pem for one in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def chain_of(key: str, domain: str, host: str) -> tuple[Made, ...]:
    """What the server of a row shows, leaf first."""
    match key:
        case "self-signed":
            return (leaf(domain, domain, issuer=None),)
        case "expired":
            past: dict[str, Any] = {"start": NOW - 100 * DAY, "end": NOW - DAY}
            return issue("any", MIDDLE, dns=(domain,), **past), MIDDLE
        case "wrong-name":
            return leaf("other.example", "other.example"), MIDDLE
        case "cn-only":
            return leaf(domain), MIDDLE
        case "cn-beside":
            return leaf(domain, "other.example"), MIDDLE
        case "mx-name":
            return leaf("any", host), MIDDLE
        case "no-intermediate":
            return (leaf("any", domain),)
        case "unknown-root":
            return leaf("any", domain, host, issuer=OTHER_MIDDLE), OTHER_MIDDLE
        case _:
            return leaf("any", domain, host), MIDDLE


_BEFORE_220 = {
    "no-ehlo": Behaviour(ehlo=b"500 5.5.1 what?\r\n"),
    "no-starttls": Behaviour(),
    "a454": Behaviour(tls=True, starttls=b"454 4.7.0 not now\r\n"),
    "a502": Behaviour(tls=True, starttls=b"502 5.5.1 what?\r\n"),
    "a354": Behaviour(tls=True, starttls=b"354 do something else\r\n"),
    "garbage": Behaviour(tls=True, starttls=b"\x80\xffwhatever\r\n"),
    "silence": Behaviour(tls=True, starttls=Act.SILENCE),
    "reset": Behaviour(tls=True, starttls=Act.RESET),
    "closed": Behaviour(tls=True, starttls=Act.CLOSE),
    "alert": Behaviour(tls=True, handshake=Handshake.ALERT),
    "no-tls": Behaviour(tls=True, handshake=Handshake.GARBAGE),
    "mute": Behaviour(tls=True, handshake=Handshake.SILENCE),
    "cut": Behaviour(tls=True, handshake=Handshake.RESET),
}


def behaviour(folder: Path, key: str, domain: str, host: str) -> Behaviour:
    """The server of a row of the six levels."""
    if key in _BEFORE_220:
        return _BEFORE_220[key]
    if key in ("dh1024", "dh-or-curve"):
        return Behaviour(tls=True, context=_weak_dh(folder, domain, key == "dh-or-curve"))
    context = tls_server(folder, *chain_of(key, domain, host))
    if key == "tls10":
        with warnings.catch_warnings():  # that it is deprecated is why it is here
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return Behaviour(tls=True, context=context)


def _weak_dh(folder: Path, domain: str, curves: bool) -> ssl.SSLContext:
    context = tls_server(folder, leaf("any", domain, key=rsa_key()), MIDDLE)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    better = "ECDHE-RSA-AES128-GCM-SHA256:" if curves else ""
    context.set_ciphers(f"DHE-RSA-AES128-GCM-SHA256:{better}@SECLEVEL=0")
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    file = folder / "dh1024.pem"
    file.write_text(DH_1024)
    context.load_dh_params(str(file))
    return context


# --- DANE -----------------------------------------------------------------------------------------


def tlsa(usage: int, made: Made) -> str:
    """A record for the key of a certificate (selector 1, SHA-256)."""
    key = made.certificate.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{usage} 1 1 {hashlib.sha256(spki).hexdigest()}"


def tlsa_of(key: str, made: Made, broken: str) -> dict[str, list[str]]:
    """What stands at the TLSA name of a row's host; `broken` is a zone that cannot be had."""
    match key:
        case "match" | "bogus" | "unsigned" | "stripped":
            return {"TLSA": [tlsa(3, made)]}
        case "mismatch":
            return {"TLSA": [tlsa(3, NOT_OURS)]}
        case "unusable":
            return {"TLSA": [tlsa(1, made)]}
        case "servfail":
            return {"CNAME": [f"tlsa.{broken}."]}
        case "denied":
            return {}
    raise AssertionError(key)


# --- MTA-STS --------------------------------------------------------------------------------------


def sts_server(folder: Path, key: str, domain: str, host: str) -> Behaviour:
    """The server of a row about MTA-STS."""
    if key == "plain":
        return Behaviour()
    good = key in ("good", "foreign")
    chain = chain_of("verified" if good else "unknown-root", domain, host)
    return Behaviour(tls=True, context=tls_server(folder, *chain))


def policy_of(key: str, domain: str) -> bytes:
    """The policy of a row's domain."""
    mode = "testing" if key == "testing" else "enforce"
    mx = "mx.other.example" if key == "foreign" else f"*.{domain}"
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n".encode()
