# SPDX-License-Identifier: Apache-2.0
"""What arrives sealed is judged piece by piece, and everything that is wrong is told."""

import binascii
from datetime import UTC, datetime

import msgspec
import pytest
from pyotp.totp import TOTP

from gatehouse.service.base import passwords
from gatehouse.service.trust import keyring, saved_secrets
from gatehouse.service.trust.people_waiting import SavedAccount, SavedScram, SavedUser
from gatehouse.service.trust.saved_secrets import Secrets, Wanted
from gatehouse.tls.certificates import CertifiedKey, create_demo

MX = create_demo(now=datetime(2026, 1, 1, tzinfo=UTC), serial=7)
OTHER = create_demo(now=datetime(2026, 1, 1, tzinfo=UTC), serial=8)
HASH = passwords.hash_password("any")
ANN = SavedAccount(
    name="ann",
    role="operator",
    full_name="Ann",
    password_hash=HASH,
    totp_secret="JBSWY3DPEHPK3PXP",
    enabled=True,
    created_at=1.0,
)
PRINTER = SavedUser(
    name="printer",
    password_hash=HASH,
    scram=SavedScram(salt=b"s" * 16, iterations=15_000, stored_key=b"k" * 32, server_key=b"v" * 32),
    certificate="dns:printer.example",
    enabled=True,
    created_at=1.0,
)


def kept(certified: CertifiedKey) -> bytes:
    key = certified.key_pem.decode()
    return msgspec.json.encode({"key": key, "chain": [p.decode() for p in certified.chain_pem]})


GOOD = Secrets(
    stored={
        "smart-host/ses": b"pass",
        "certificate/mx": kept(MX),
        "trust/Partner": MX.chain_pem[0],
    },
    accounts=(ANN,),
    smtp_users=(PRINTER,),
)


def faults(secrets: Secrets) -> tuple[str, ...]:
    found = saved_secrets.decode(saved_secrets.encode(secrets))
    assert isinstance(found, tuple)
    return found


def test_what_was_sealed_comes_back() -> None:
    assert saved_secrets.decode(saved_secrets.encode(GOOD)) == GOOD
    assert keyring.decode("mx", GOOD.stored["certificate/mx"]) == MX


def test_nothing_of_it_shows_in_a_repr() -> None:
    assert "argon2" not in repr(GOOD) + repr(ANN) + repr(PRINTER) + repr(PRINTER.scram)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b"\x81\xa1x\x01", b"\xff" * 100])
def test_junk_is_told_apart(content: bytes) -> None:
    found = saved_secrets.decode(content)
    assert found == Secrets() or isinstance(found, tuple)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("smart-host/ses", b"", "octets"),
        ("smart-host/ses", b"a\0b", "NUL"),
        ("smart-host/ses", b"\xff\xfe", "UTF-8"),
        ("smart-host/../x", b"pass", "name"),
        ("pending/eve/certificate/mx", b"x", "name"),
        ("alarms", b"{}", "name"),
        ("acme/account", b"{}", "nothing of this kind"),
        ("certificate/mx", b"{}", "unknown form"),
        (
            "certificate/mx",
            b'{"key":"","chain":[],"x":' + b"[" * 9_999 + b"]" * 9_999 + b"}",
            "unknown form",
        ),
        ("certificate/mx", kept(CertifiedKey(MX.key_pem, OTHER.chain_pem)), "does not belong"),
        ("certificate/Demo", kept(MX), "Demo"),
        ("trust/x", b"no pem", "PEM"),
        ("trust/x", MX.chain_pem[0] * 2, "one certificate"),
        ("trust/x", MX.key_pem, "private key"),
    ],
)
def test_a_secret_that_cannot_be_kept_is_named(name: str, content: bytes, words: str) -> None:
    (found,) = faults(Secrets(stored={name: content}))
    assert words in found
    assert found.startswith(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "An n"}, "name"),
        ({"name": "-rf"}, "name"),
        ({"name": "ANN"}, "name"),
        ({"role": "king"}, "role"),
        ({"full_name": "a\nb"}, "full name"),
        ({"totp_secret": "1"}, "second factor"),
        ({"totp_secret": "A" * 17}, "second factor"),
        ({"totp_secret": "A" * 16 + "="}, "second factor"),
        ({"password_hash": "secret"}, "is none"),
        ({"password_hash": HASH.replace("m=19456", "m=4194304")}, "costs too much"),
        ({"password_hash": HASH.replace("t=2", "t=4000")}, "costs too much"),
        ({"password_hash": HASH.replace("p=1", "p=900")}, "costs too much"),
        ({"password_hash": HASH.replace("argon2id", "argon2d")}, "costs too much"),
        ({"password_hash": HASH + "\u00e9"}, "is none"),
        ({"password_hash": HASH + "A" * 1024}, "is none"),
        ({"created_at": 1e300}, "time when it was made"),
        ({"created_at": float("nan")}, "time when it was made"),
        ({"created_at": -1.0}, "time when it was made"),
    ],
)
def test_an_operator_who_cannot_be_is_named(change: dict[str, object], words: str) -> None:
    (found,) = faults(Secrets(accounts=(msgspec.structs.replace(ANN, **change),)))
    assert words in found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a b"}, "name"),
        ({"certificate": "nonsense"}, "certificate"),
        ({"created_at": float("inf")}, "time when it was made"),
        ({"password_hash": HASH.replace("m=19456", "m=4194304")}, "costs too much"),
        ({"scram": SavedScram(salt=b"", iterations=1, stored_key=b"", server_key=b"")}, "SCRAM"),
    ],
)
def test_a_user_who_cannot_be_is_named(change: dict[str, object], words: str) -> None:
    (found,) = faults(Secrets(smtp_users=(msgspec.structs.replace(PRINTER, **change),)))
    assert words in found


def test_every_fault_is_told_at_once() -> None:
    bad = msgspec.structs.replace(ANN, role="king")
    assert len(faults(Secrets(stored={"x": b"", "trust/y": b""}, accounts=(bad, bad)))) == 4


def test_only_what_is_wanted_is_taken() -> None:
    def taken(wanted: Wanted) -> set[str]:
        return set(saved_secrets.limited(GOOD, wanted).stored)

    assert taken(Wanted()) == {"smart-host/ses"}
    assert taken(Wanted(hosts=frozenset())) == set()
    assert taken(Wanted(certificates=True)) == set(GOOD.stored)
    assert taken(Wanted(certificates=True, names=frozenset({"other"}), trust=False)) == {
        "smart-host/ses"
    }
    assert saved_secrets.limited(GOOD, Wanted()).accounts == ()
    assert saved_secrets.limited(GOOD, Wanted(people=True)).accounts == (ANN,)


def test_the_kinds_say_nothing_of_names() -> None:
    assert saved_secrets.kinds(GOOD) == (
        "passwords",
        "certificates",
        "trust list",
        "operators",
        "SMTP users",
    )
    assert saved_secrets.kinds(Secrets()) == ()


@pytest.mark.parametrize("size", range(16, 129))
def test_the_secret_of_a_second_factor_that_is_kept_can_be_used(size: int) -> None:
    secret = "A" * size
    kept = msgspec.structs.replace(ANN, totp_secret=secret)
    fine = isinstance(
        saved_secrets.decode(saved_secrets.encode(Secrets(accounts=(kept,)))), Secrets
    )
    try:
        TOTP(secret).at(0)
    except binascii.Error:
        assert not fine
    else:
        assert fine
