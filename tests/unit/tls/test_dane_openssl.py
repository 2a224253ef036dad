# SPDX-License-Identifier: Apache-2.0
"""Our verdict on TLSA records beside that of OpenSSL, which has an implementation of its own.

`openssl s_client` connects to `openssl s_server` with the same chain, records and name, once for
each case. Where the two are meant to differ, the case says so.
"""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatehouse.tls import dane
from gatehouse.tls.dane import TlsaRecord
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.unit.tls.authority import DAY, LEAF, MIDDLE, NOW, OTHER_ROOT, ROOT, issue
from tests.unit.tls.test_dane import CHAIN, HOST, record

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="the openssl program is not installed")

NEXT = issue("the next key")
LATER = NOW + 301 * DAY  # LEAF has expired
CASES: dict[str, tuple[tuple[TlsaRecord, ...], str, datetime]] = {
    **{
        f"3 {selector} {matching} leaf": ((record(3, selector, matching, LEAF),), HOST, NOW)
        for selector in (0, 1)
        for matching in (0, 1, 2)
    },
    **{
        f"2 {selector} {matching} {made.certificate.subject.rfc4514_string()}": (
            (record(2, selector, matching, made),),
            HOST,
            NOW,
        )
        for selector in (0, 1)
        for matching in (0, 1)
        for made in (MIDDLE, ROOT, OTHER_ROOT, LEAF)
    },
    "3 1 1 another key": ((record(3, 1, 1, NEXT),), HOST, NOW),
    "3 1 1 rollover": ((record(3, 1, 1, NEXT), record(3, 1, 1, LEAF)), HOST, NOW),
    "3 0 1 of the issuer": ((record(3, 0, 1, MIDDLE),), HOST, NOW),
    "3 1 1 another name": ((record(3, 1, 1, LEAF),), "mx.other.example", NOW),
    "3 1 1 expired": ((record(3, 1, 1, LEAF),), HOST, LATER),
    "2 1 1 another name": ((record(2, 1, 1, ROOT),), "mx.other.example", NOW),
    "2 1 1 expired": ((record(2, 1, 1, ROOT),), HOST, LATER),
    "agility": ((record(3, 1, 1, LEAF), record(3, 1, 2, NEXT)), HOST, NOW),
    "both usages": ((record(2, 0, 1, OTHER_ROOT), record(3, 0, 2, LEAF)), HOST, NOW),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("dane")
    key = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "leaf.pem").write_bytes(LEAF.pem)
    (folder / "chain.pem").write_bytes(MIDDLE.pem + ROOT.pem)
    with server(folder) as number:
        yield number


@contextlib.contextmanager
def server(folder: pathlib.Path) -> Iterator[int]:
    number = free_port()
    chain = ["-cert", "leaf.pem", "-key", "key.pem", "-cert_chain", "chain.pem"]
    process = subprocess.Popen(
        [OPENSSL, "s_server", "-accept", f"127.0.0.1:{number}", "-quiet", *chain],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + PATIENCE
        while not listens(number):
            assert process.poll() is None and time.monotonic() < ends
        yield number
    finally:
        process.kill()
        process.communicate()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def openssl_says(port: int, records: tuple[TlsaRecord, ...], name: str, at: datetime) -> bool:
    wanted = [
        word
        for each in records
        for word in (
            "-dane_tlsa_rrdata",
            f"{each.usage} {each.selector} {each.matching} {each.data.hex()}",
        )
    ]
    done = subprocess.run(
        [
            OPENSSL,
            "s_client",
            *("-connect", f"127.0.0.1:{port}", "-dane_tlsa_domain", name, *wanted),
            *("-dane_ee_no_namechecks", "-attime", str(int(at.timestamp())), "-brief"),
        ],
        input=b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert b"CONNECTION ESTABLISHED" in done.stderr, done.stderr
    return b"Verification: OK" in done.stderr


@pytest.mark.parametrize("case", CASES)
def test_openssl_comes_to_the_same_verdict(port: int, case: str) -> None:
    records, name, at = CASES[case]
    ours = dane.verify(records, tuple(each.der for each in CHAIN), (name,), at)
    assert ours.verified == openssl_says(port, records, name, at), ours
