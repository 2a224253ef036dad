# SPDX-License-Identifier: Apache-2.0
"""Reads what a fetched revocation list says about itself; a large one in a process of its own.

Checking the signature of a list of some MB holds the interpreter for a good part of a second, and
that would be felt by everything else that runs in the process, thread or not.
"""

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.tls import crl, facets
from gatehouse.tls.certificates import CertificateFault, bounded

# About 10 ms of work; starting a process costs more than reading what is smaller.
LARGEST_HERE = 256 * 1024
PROCESS_SECONDS = 30.0

_DENIALS = frozenset({crl.ListState.BAD_SIGNATURE, crl.ListState.NOT_ALLOWED})


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a list, or why it is none."""

    fault: str = ""
    issuer: str = ""
    this_update: float = 0.0
    next_update: float | None = None
    entries: int = 0
    disowned: bool = False  # every known certificate of its issuer denies it


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    content: bytes
    issuers: tuple[bytes, ...]
    now: float


def describe(content: bytes, issuers: Iterable[x509.Certificate], now: float) -> Described:
    """The facts of a list. Blocks the thread, and never the interpreter for long."""
    known = tuple(issuers)
    if len(content) <= LARGEST_HERE:
        return _describe(content, known, now)
    order = _Order(
        content=content, issuers=tuple(one.public_bytes(Encoding.DER) for one in known), now=now
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gatehouse.service.trust.crl_reading"],
            input=msgspec.msgpack.encode(order),
            capture_output=True,
            timeout=PROCESS_SECONDS,
            check=True,
        )
        return msgspec.msgpack.decode(done.stdout, type=Described)
    except (subprocess.SubprocessError, OSError, msgspec.DecodeError):
        return Described(fault="the revocation list cannot be read within bounds")


def _describe(content: bytes, issuers: tuple[x509.Certificate, ...], now: float) -> Described:
    found = crl.read_crl(content)
    if isinstance(found, CertificateFault):
        return Described(fault="what the server sends is no revocation list")
    moment = datetime.fromtimestamp(now, UTC)
    try:
        end = found.next_update_utc
        verdicts = {crl.judge_list(found, one, at=moment) for one in issuers}
        verdicts.discard(crl.ListState.OTHER_ISSUER)
        return Described(
            issuer=bounded(found.issuer.rfc4514_string()),
            this_update=found.last_update_utc.timestamp(),
            next_update=None if end is None else end.timestamp(),
            entries=len(found),
            # An issuer that is not known here cannot deny anything.
            disowned=bool(verdicts) and verdicts <= _DENIALS,
        )
    except facets.BROKEN:
        return Described(fault="the revocation list cannot be read")


def main() -> None:
    """The process: standard input to standard output."""
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    issuers = tuple(x509.load_der_x509_certificate(one) for one in order.issuers)
    described = _describe(order.content, issuers, order.now)
    sys.stdout.buffer.write(msgspec.msgpack.encode(described))


if __name__ == "__main__":
    main()
