# SPDX-License-Identifier: Apache-2.0
"""A file that was damaged or forged anywhere is refused in one sentence, or is the file it was."""

import asyncio
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gatehouse.config import saved
from gatehouse.config.saved import File, Saved
from gatehouse.faces.actions import configuration_open
from gatehouse.faces.actions.configuration_open import Opened
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.service.trust import saved_secrets, sealing
from gatehouse.service.trust.saved_secrets import Secrets

BODY = b'# ours\nformat = 1\n[smart_hosts.ses]\nhost = "ses.example"  # in the cloud\n'
OTHER_BODY = BODY.replace(b"ses.example", b"evil.example")
PASSPHRASE = "correct horse battery"
SECRETS = Secrets(stored={"smart-host/ses": b"open sesame"})
ABOUT = Saved(
    program="Gatehouse 1",
    saved_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    source="revision 7",
    sections=("smart_hosts",),
)
REFUSALS = {"saved-file-refused", "text-changed", "seal-broken", "wrong-passphrase"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The price is for guessers, not for tests."""
    monkeypatch.setattr(sealing, "MEMORY_KIB", 8)
    monkeypatch.setattr(sealing, "PASSES", 1)
    monkeypatch.setattr(sealing, "LANES", 1)


def sealed(body: bytes = BODY, secrets: Secrets = SECRETS, passphrase: str = PASSPHRASE) -> bytes:
    about = replace(ABOUT, holds=("passwords",))
    return saved.assemble(
        body, sealing.seal(saved_secrets.encode(secrets), passphrase, body, about)
    )


def masked(body: bytes = BODY) -> bytes:
    return saved.assemble(body, replace(ABOUT, masked=("smart-host/ses",)))


def outcomes(files: list[bytes], passphrase: str | None = PASSPHRASE) -> list[Opened | str]:
    """What each is, or by which reference it is refused; anything else is a fault of ours."""

    async def each() -> list[Opened | str]:
        found: list[Opened | str] = []
        for one in files:
            try:
                found.append(await configuration_open.opened(one, (), passphrase, closed=False))
            except OperatorError as refused:
                sentence = refused.fault.sentence()
                assert sentence.isprintable()
                assert len(sentence) < 500
                found.append(refused.fault.reference)
        return found

    return asyncio.run(each())


def flipped(file: bytes) -> Iterator[bytes]:
    """One bit of each octet in turn, and each octet as what ends a line or opens a string."""
    for at, octet in enumerate(file):
        for new in {octet ^ 1 << at % 8, (10, 34, 39, 61)[at % 4]} - {octet}:
            yield file[:at] + bytes([new]) + file[at + 1 :]


def test_whatever_octet_of_a_sealed_file_is_changed_it_does_not_bring_its_secrets() -> None:
    file = sealed()
    (good,) = outcomes([file])
    assert isinstance(good, Opened)
    assert good.secrets == SECRETS
    told = set()
    for changed, outcome in zip(flipped(file), outcomes(list(flipped(file))), strict=True):
        if isinstance(outcome, Opened):
            # TOML has two ways to write some things; what it says is what was sealed.
            assert outcome.file.saved == good.file.saved, changed
            assert (outcome.secrets, outcome.file.text) == (SECRETS, BODY)
        else:
            told.add(outcome)
    assert told == REFUSALS


def test_whatever_octet_of_a_masked_file_is_changed_its_text_is_the_same_or_it_is_told() -> None:
    for changed, outcome in zip(flipped(masked()), outcomes(list(flipped(masked()))), strict=True):
        if isinstance(outcome, Opened):
            text_is_the_same = outcome.file.text == BODY
            assert text_is_the_same or any("was changed" in one for one in outcome.notes), changed
        else:
            assert outcome in (REFUSALS | {"configuration-refused", "no-such-section"})


def test_wherever_the_section_of_a_sealed_file_is_cut_off_it_is_refused() -> None:
    file = sealed()
    begins = file.index(saved.MARK) + len(saved.MARK)
    found = outcomes([file[:end] for end in range(begins, len(file) - 1, 3)])
    assert set(found) == {"saved-file-refused"}


def test_parts_of_two_files_under_one_passphrase_do_not_go_together() -> None:
    ours, theirs = sealed(), sealed(OTHER_BODY, Secrets(stored={"smart-host/ses": b"another"}))
    section = ours.index(b"\n" + saved.MARK)
    blob = re.compile(rb"sealed_sha256 = .*\Z", re.DOTALL)
    lock = re.compile(rb"\[saved.encryption\].*\Z", re.DOTALL)
    digest = re.compile(rb"text_sha256 = .*\n")

    def swapped(part: re.Pattern[bytes]) -> bytes:
        found = part.search(theirs)
        assert found is not None
        return part.sub(lambda _: found[0], ours)

    text = theirs[: theirs.index(b"\n" + saved.MARK)] + ours[section:]
    other = digest.search(theirs)
    assert other is not None
    forged = digest.sub(lambda _: other[0], text)  # with the digest of the text that stands there
    assert outcomes([text, forged, swapped(blob), swapped(lock)]) == [
        *("text-changed", "seal-broken", "seal-broken", "seal-broken")
    ]
    other_word = lock.search(sealed(passphrase="another one, long"))
    assert other_word is not None
    assert outcomes([lock.sub(lambda _: other_word[0], ours)]) == ["wrong-passphrase"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"memory_kib = 8\n", b"memory_kib = 4194304\n"),
        (b"passes = 1\n", b"passes = 1000000000\n"),
        (b"lanes = 1\n", b"lanes = 16777215\n"),
        (b"memory_kib = 8\n", b"memory_kib = 7\n"),
        (b"passes = 1\n", b"passes = 0\n"),
        (b"passes = 1\n", b"passes = -1\n"),
        (b"lanes = 1\n", b"lanes = 1\nlanes = 1\n"),
        (b"[saved]\n", b"[saved]\n[saved]\n"),
        (b'kdf = "argon2id"', b'kdf = "argon2i"'),
        (b'kdf = "argon2id"', b'kdf = "none"'),
        (b"sealed = '''\n", b"sealed = '''\n" + b"A" * 8_388_609),
        (b"sealed = '''\n", b"sealed = '''\n" + b"AAAA" * 2_000_000),
        (b"sealed = '''\n", b"sealed = '''\n'''\nsealed = '''\n"),
        (b"source = ", b"x = " + b"[" * 60_000 + b"\nsource = "),
        (b"source = ", b'"\\ud800" = 1\nsource = '),
        (b"source = ", b"s\0urce = "),
        (b'salt = "', b'salt = "\xff'),
    ],
    ids=lambda octets: octets[:30].decode("ascii", "backslashreplace"),
)
def test_no_forged_section_reaches_the_hash_function(
    old: bytes, new: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sealed()
    assert file.count(old) == 1

    def derive(*_: object) -> tuple[bytes, bytes]:
        raise AssertionError("it was called")

    monkeypatch.setattr(sealing, "_derive", derive)
    assert outcomes([file.replace(old, new)]) == ["saved-file-refused"]


def test_a_weaker_hash_than_ours_is_read_but_not_believed() -> None:
    """Whoever lowers the price does not get the key that was made at the old one."""
    changed = sealed().replace(b"memory_kib = 8\n", b"memory_kib = 16\n")
    assert outcomes([changed]) == ["wrong-passphrase"]


def test_random_octets_behind_the_mark_are_refused() -> None:
    dice = random.Random(7)
    junk = [dice.randbytes(dice.randrange(400)) for _ in range(100)]
    files = [BODY + b"\n" + saved.MARK + b"\n" + one for one in junk]
    assert set(outcomes(files)) == {"saved-file-refused"}


def test_a_changed_text_is_told_before_its_sections_are_looked_for() -> None:
    broken = sealed().replace(b"[smart_hosts.ses]", b"[smart_host.ses]]")
    assert outcomes([broken], passphrase=None) == ["text-changed"]
    broken = masked().replace(b"[smart_hosts.ses]", b"[smart_host.ses]]")
    assert outcomes([broken]) == ["configuration-refused"], "and not that it lacks a section"


def test_the_passphrase_is_asked_for_last() -> None:
    assert outcomes([sealed()], passphrase=None) == [PASSWORD_NEEDED]
    file = saved.read(sealed())
    assert isinstance(file, File)
    assert file.saved is not None
    assert configuration_open.told(file)[0].startswith("Saved from revision 7")
