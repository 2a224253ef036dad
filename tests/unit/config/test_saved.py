# SPDX-License-Identifier: Apache-2.0
"""Saved files come apart as they were put together, and a damaged one says what is wrong."""

import hashlib
import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gatehouse.config import saved, text
from gatehouse.config.findings import Finding
from gatehouse.config.saved import File, Lock, Saved
from gatehouse.config.saved_fields import LARGEST_MEMORY_KIB, MAX_HEADER, MAX_SEALED

BODY = b'# ours\nformat = 1\n[system]\nhostname = "gw1.example.com"  # name\n'
MASKED = Saved(
    program="1.2.3",
    saved_at=datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC),
    source="revision 7",
    masked=("smart-host/ses", 'smart-host/"odd"'),
)
LOCK = Lock(memory_kib=65536, passes=3, lanes=4, salt=b"s" * 16, nonce=b"n" * 12, check=b"c" * 16)
SEALED = replace(MASKED, masked=(), holds=("passwords",), lock=LOCK, sealed=bytes(range(256)) * 9)


def faults(data: bytes) -> dict[str, Finding]:
    found = saved.read(data)
    assert isinstance(found, tuple), "it was read"
    assert all(str(one).isprintable() and len(str(one)) < 500 for one in found)
    return {one.place: one for one in found}


@pytest.mark.parametrize("about", [MASKED, SEALED, replace(SEALED, sections=("listeners.A",))])
@pytest.mark.parametrize(
    "body",
    [BODY, BODY.rstrip(b"\n"), BODY + b"\n\n\n", b"", BODY + b"# " + saved.MARK, b"\xff\0",
     BODY.replace(b"\n", b"\r\n")],
)  # fmt: skip
def test_what_is_put_together_comes_apart_byte_for_byte(body: bytes, about: Saved) -> None:
    written = saved.assemble(body, about)
    assert saved.read(written) == File(text=body, saved=about)
    assert written.startswith(body)


def test_a_saved_file_is_toml_with_one_section_more() -> None:
    values = tomllib.loads(saved.assemble(BODY, SEALED).decode())
    assert set(values) == {"format", "system", "saved"}
    section = values["saved"]
    assert section["text_sha256"] == hashlib.sha256(BODY).hexdigest()
    assert section["saved_at"] == MASKED.saved_at
    assert section["encryption"]["kdf"] == "argon2id"
    assert not isinstance(text.parse(saved.assemble(BODY, MASKED)), text.Unreadable)


def test_a_plain_text_is_a_file_without_the_section() -> None:
    assert saved.read(BODY) == File(text=BODY)
    assert saved.read(b"") == File(text=b"")
    assert saved.read(BODY + saved.MARK + b" and more\n") == File(
        text=BODY + saved.MARK + b" and more\n"
    )


def test_a_saved_file_that_is_saved_again_keeps_the_inner_one_as_text() -> None:
    inner = saved.assemble(BODY, MASKED)
    found = saved.read(saved.assemble(inner, SEALED))
    assert isinstance(found, File)
    assert found.text == inner


def test_a_changed_text_is_noticed() -> None:
    found = saved.read(saved.assemble(BODY, SEALED).replace(b"gw1", b"gw2"))
    assert isinstance(found, File)
    assert found.changed
    assert found.saved == SEALED


def test_a_file_with_other_line_ends_is_still_read() -> None:
    found = saved.read(saved.assemble(BODY, MASKED).replace(b"\n", b"\r\n"))
    assert isinstance(found, File)
    assert found.text == BODY.replace(b"\n", b"\r\n")
    assert found.changed
    assert found.saved == MASKED


def test_every_fault_of_the_section_is_told_at_once_with_its_line() -> None:
    written = saved.assemble(BODY, SEALED)
    for old, new in (
        (b"memory_kib = 65536", b"memory_kib = 4194304"),
        (b"passes = 3", b'passes = "many"'),
        (b'kdf = "argon2id"', b'kdf = "scrypt"'),
        (b"program = ", b"progam = "),
        (b"saved_at = 2026", b"saved_at = 0001"),
    ):
        assert old in written
        written = written.replace(old, new)
    found = faults(written)
    assert set(found) == {
        "saved.progam",
        "saved.program",
        "saved.saved_at",
        "saved.encryption.kdf",
        "saved.encryption.memory_kib",
        "saved.encryption.passes",
    }
    assert "did you mean 'program'?" in str(found["saved.progam"])
    assert "found 4194304" in str(found["saved.encryption.memory_kib"])
    assert f"to {LARGEST_MEMORY_KIB}" in str(found["saved.encryption.memory_kib"])
    lines = written.split(b"\n")
    for one in found.values():
        name = one.place.rpartition(".")[2].encode()
        assert one.line is not None
        assert lines[one.line - 1].startswith((name, b"[saved]")), one


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (b"passes = 3", b"passes = 9", "saved.encryption.passes", "memory_kib times passes"),
        (b"memory_kib = 65536", b"memory_kib = 16", "saved.encryption.lanes", "each 8"),
        (b"passes = 3", b"passes = true", "saved.encryption.passes", "whole number"),
        (b"\n[saved]\nformat = 1", b"\n[saved]\nformat = 2", "saved.format", "newer Gatehouse"),
        (b"\n[saved]\nformat = 1", b"\n[saved]\nformat = 2", "saved.format", "version that wrote"),
        (b"\n[saved]\nformat = 1", b"\n[saved]\nformat = 0", "saved.format", "allowed: 1"),
        (b"\n[saved]\nformat = 1", b"\n[saved]\nformat = true", "saved.format", "allowed: 1"),
        (b"\n[saved]\nformat = 1", b"\n[saved]", "saved.format", "allowed: 1"),
        (b'cipher = "AES-256-GCM"', b'cipher = "ROT13"', "saved.encryption.cipher", "AES-256-GCM"),
        (b"salt = \"", b"salt = \"AAAA", "saved.encryption.salt", "16 octets"),
        (b"AAECAwQF", b"AAECAwQG", "saved.encryption.sealed", "damaged"),
        (b"AAECAwQF", b"AAEC%wQF", "saved.sealed", "damaged"),
        (b"'''\nAA", b'"""\nAA', "saved.sealed", "damaged"),
        (b"[saved]", b"[saved", "saved", "not valid TOML"),
        (b"\n[saved]\n", b"\n[other]\n", "saved.format", "allowed: 1"),
        (b"[saved.encryption]", b"encryption = 3", "saved.encryption", "must be a section"),
    ],
)  # fmt: skip
def test_a_broken_section_says_what_is_wrong(
    old: bytes, new: bytes, place: str, words: str
) -> None:
    written = saved.assemble(BODY, SEALED)
    assert old in written
    found = faults(written.replace(old, new))
    assert place in found, list(map(str, found.values()))
    assert words in str(found[place])


@pytest.mark.parametrize("about", [MASKED, SEALED, replace(MASKED, masked=())])
def test_a_file_that_was_cut_off_is_refused(about: Saved) -> None:
    written = saved.assemble(BODY, about)
    section = len(BODY) + len(saved.MARK) + 1
    for end in range(section, len(written)):
        found = saved.read(written[:end])
        if isinstance(found, File):
            assert found == saved.read(written), "only the last line end is missing"
            assert end == len(written) - 1


def test_huge_parts_are_refused_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = saved.assemble(BODY, SEALED)
    parsed: list[int] = []
    real = text.parse

    def parse(data: bytes) -> text.Parsed | text.Unreadable:
        parsed.append(len(data))
        return real(data)

    monkeypatch.setattr(text, "parse", parse)
    junk = b"# " + b"x" * MAX_HEADER + b"\n"
    assert "bytes" in str(faults(written + junk)["saved"])
    more = b"sealed = '''\n" + b"A" * MAX_SEALED
    assert "characters" in str(faults(written.replace(b"sealed = '''\n", more))["saved"])
    assert parsed == []
    large = saved.read(b"#" * (text.MAX_BYTES + 1) + written)
    assert isinstance(large, File), "the reader of texts refuses it"
    assert parsed == []


@pytest.mark.parametrize("about", [MASKED, SEALED])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_file_whose_mark_was_changed_is_no_plain_text(about: Saved, ends: bytes) -> None:
    written = saved.assemble(BODY, about).replace(b"\n", ends)
    for changed in (
        written.replace(b"above this", b"above thiz"),
        written.replace(ends + ends + b"# ----", b"# ----"),
        written.replace(saved.MARK, b""),
        written.replace(saved.MARK + ends, saved.MARK + b" "),
    ):
        found = faults(changed)
        assert "the mark where the text ends was changed" in str(found["saved"])
        assert found["saved"].line == changed[: changed.index(b"text_sha256")].count(b"\n") + 1


def test_a_text_that_speaks_of_saved_files_is_a_plain_text() -> None:
    for body in (b"# [saved]\n", b'x = """\n[saved]\n"""\n', b"[saved]\n", b"text_sha256 = 1\n"):
        assert saved.read(body) == File(text=body)
