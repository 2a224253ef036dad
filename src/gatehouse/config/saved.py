# SPDX-License-Identifier: Apache-2.0
"""Saved files: the configuration text, byte for byte, and behind it one section about the saving.

Form: the text, one line feed, a comment line that nobody writes by chance, and `[saved]` as TOML.
So a saved file is a TOML file, and what stands in front of that line is exactly what was saved. The
section is read before anybody knows who wrote it: it is bounded first, of the sealed part only the
form is looked at, and what a key may cost is bounded before a key is derived from a passphrase.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gatehouse.config import format, saved_fields, text
from gatehouse.config.findings import Finding, error
from gatehouse.config.saved_fields import FORMAT, MAX_HEADER, MAX_SEALED

MARK = b"# ---- Saved by Gatehouse. What stands above this line is the configuration. ----"
MOST_OCTETS = 6_000_000  # that are sealed; our own: as base64 in lines just below MAX_SEALED
_LINE = 76  # characters of a line of base64 (RFC 2045 §6.8)

# Possessive, and one run of one class: each octet is looked at once.
_SEALED = re.compile(rb"^sealed = '''\n([A-Za-z0-9+/=\n]*+)'''(?:\n|\Z)", re.MULTILINE)
# By this a section is known whose mark is damaged: no text of a configuration has such a line.
_DIGEST = re.compile(rb'^text_sha256 = "[0-9a-f]{64}"', re.MULTILINE)
_ANY_SEALED = re.compile(rb"^[ \t]*sealed[ \t]*=", re.MULTILINE)
KDF, CIPHER = "argon2id", "AES-256-GCM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """How secrets are sealed under a passphrase (argon2id, RFC 9106; AES-256-GCM, SP 800-38D)."""

    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    nonce: bytes
    check: bytes  # derived with the key: tells a wrong passphrase from a damaged file


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What the section says. Either something is masked, or there is a lock with what it locks."""

    program: str
    saved_at: datetime  # in UTC, whole seconds
    source: str  # "revision 7" | "candidate"
    sections: tuple[str, ...] = ()  # their paths as they are written; none: the whole text
    masked: tuple[str, ...] = ()  # names of the secrets that are not in the file
    holds: tuple[str, ...] = ()  # kinds of secrets that are
    lock: Lock | None = None
    sealed: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, taken apart."""

    text: bytes
    saved: Saved | None = None  # None: a plain configuration text
    changed: bool = False  # the text is not the one that was saved


def read(data: bytes) -> File | tuple[Finding, ...]:
    """Take a file apart; of a saved one the section is checked, the text is not."""
    at = _mark(data)
    if at is None:
        return _without_mark(data)
    # An editor may have changed all line ends; no text ends in a bare CR, that is no TOML.
    body, section = data[:at].removesuffix(b"\r"), data[at + 1 :]
    if len(body) > text.MAX_BYTES:
        return File(text=body)  # the reader of texts says so
    first = data.count(b"\n", 0, at) + 2
    found = _SEALED.search(section)
    plain = section if found is None else section[: found.start()] + section[found.end() :]
    size = len(section) if found is None else len(plain)
    if size > MAX_HEADER:
        hint = f"at most {MAX_HEADER} without what is sealed, which is one block of base64"
        return (error(("saved",), f"the section has {size} bytes", hint=hint),)
    if found is not None and len(found[1]) > MAX_SEALED:
        what = f"what is sealed has {len(found[1])} characters"
        return (error(("saved",), what, hint=f"at most {MAX_SEALED}"),)
    if found is None and _ANY_SEALED.search(section):
        return (error(("saved", "sealed"), "is damaged", hint="lines of base64 between '''"),)
    parsed = text.parse(plain)
    if isinstance(parsed, text.Unreadable):
        return _lower(parsed.findings, first)
    return _taken_apart(body, parsed, b"" if found is None else found[1], first)


def _taken_apart(
    body: bytes, parsed: text.Parsed, sealed: bytes, first: int
) -> File | tuple[Finding, ...]:
    """The parts of a saved file, or every fault of its section."""
    checked = saved_fields.read(parsed.values)
    content, faults = b"", list(checked.faults)
    if not faults:
        content, damage = _content(checked, sealed)
        faults += damage
    if faults:
        return _lower(text.locate(faults, parsed.text), first)
    return File(
        text=body,
        saved=_saved(checked, content),
        changed=hashlib.sha256(body).hexdigest() != checked.word("text_sha256"),
    )


def text_of(data: bytes) -> bytes:
    """The text of a file, whatever its section says."""
    at = _mark(data)
    return data if at is None else data[:at].removesuffix(b"\r")


def assemble(body: bytes, saved: Saved) -> bytes:
    """The file: `read` takes exactly this apart again."""
    lines = [MARK, header(body, saved)]
    if saved.lock is not None:
        written = base64.b64encode(saved.sealed)
        cut = [written[at : at + _LINE] for at in range(0, len(written), _LINE)]
        lines.append(f'sealed_sha256 = "{hashlib.sha256(saved.sealed).hexdigest()}"'.encode())
        lines += [b"sealed = '''", *cut, b"'''"]
    return body + b"\n" + b"\n".join(lines) + b"\n"


def header(body: bytes, saved: Saved) -> bytes:
    """All of the section but what is sealed; also what the seal vouches for.

    The digest of the text stands in it, so whoever changes text or section breaks the seal.
    """
    fields: dict[str, object] = {
        "format": FORMAT,
        "program": saved.program,
        "source": saved.source,
        "sections": list(saved.sections),
        "text_sha256": hashlib.sha256(body).hexdigest(),
        "masked": list(saved.masked),
        "holds": list(saved.holds),
    }
    # Of a file that is not sealed the end is known by what it lacks, be it nothing.
    always = () if saved.lock is not None else ("masked",)
    lines = [
        format.format_field(name, one)
        for name, one in fields.items()
        if one != [] or name in always
    ]
    lines.insert(2, f"saved_at = {saved.saved_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    lock = saved.lock
    if lock is not None:
        ours: dict[str, object] = {
            "kdf": KDF,
            "memory_kib": lock.memory_kib,
            "passes": lock.passes,
            "lanes": lock.lanes,
            "salt": base64.b64encode(lock.salt).decode(),
            "cipher": CIPHER,
            "nonce": base64.b64encode(lock.nonce).decode(),
            "passphrase_check": base64.b64encode(lock.check).decode(),
        }
        lines += ["", "[saved.encryption]"]
        lines += [format.format_field(name, one) for name, one in ours.items()]
    return "\n".join(["[saved]", *lines]).encode()


def _mark(data: bytes) -> int | None:
    """Where the line feed in front of the last mark stands; a mark that is no line is none."""
    at = data.rfind(b"\n" + MARK)
    if at < 0 or data[at + 1 + len(MARK) : at + 2 + len(MARK)] not in (b"\n", b"\r", b""):
        return None
    return at


def _without_mark(data: bytes) -> File | tuple[Finding, ...]:
    """A plain text; or a saved file whose parts nobody can tell apart any more."""
    found = _DIGEST.search(data)
    if found is None:
        return File(text=data)
    hint = f"above [saved] stands the line {MARK.decode()}"
    fault = error(("saved",), "the mark where the text ends was changed", hint=hint)
    return _lower((fault,), data.count(b"\n", 0, found.start()) + 1)


def _content(checked: saved_fields.Fields, sealed: bytes) -> tuple[bytes, list[Finding]]:
    """What is sealed, as octets; or that it is damaged."""
    wanted = checked.lock.get("sealed_sha256")
    place = ("saved", "encryption", "sealed")
    if wanted is None:
        return b"", [error(place, "there is no place for it")] if sealed else []
    try:
        content = base64.b64decode(sealed.replace(b"\n", b""), validate=True)
    except binascii.Error:
        content = b""
    if hashlib.sha256(content).hexdigest() != wanted:
        hint = "the file was cut off or changed on its way: fetch it once more"
        return b"", [error(place, "the sealed secrets are damaged", hint=hint)]
    return content, []


def _saved(checked: saved_fields.Fields, content: bytes) -> Saved:
    lock = None
    if checked.lock:
        octets = {name: base64.b64decode(checked.word(name, lock=True)) for name in _OCTETS}
        lock = Lock(
            memory_kib=checked.number("memory_kib"),
            passes=checked.number("passes"),
            lanes=checked.number("lanes"),
            salt=octets["salt"],
            nonce=octets["nonce"],
            check=octets["passphrase_check"],
        )
    return Saved(
        program=checked.word("program"),
        saved_at=checked.moment("saved_at"),
        source=checked.word("source"),
        sections=checked.words("sections"),
        masked=checked.words("masked"),
        holds=checked.words("holds"),
        lock=lock,
        sealed=content,
    )


_OCTETS = ("salt", "nonce", "passphrase_check")


def _lower(found: tuple[Finding, ...], first: int) -> tuple[Finding, ...]:
    """Findings about the section, with the lines of the whole file."""
    return tuple(
        Finding(
            severity=one.severity,
            path=one.path or ("saved",),
            what=one.what,
            hint=one.hint,
            found=one.found,
            line=(one.line or 1) + first - 1,
        )
        for one in found
    )
