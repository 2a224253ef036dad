# SPDX-License-Identifier: Apache-2.0
"""The fields of the section `[saved]`: what each may be, and every fault at once.

What a passphrase costs stands in the file, so the file's maker chooses it. The bounds here are what
keeps a hostile file from taking gigabytes or minutes: they are looked at before anything is
derived, and whoever is refused by them is told so.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gatehouse.config import text
from gatehouse.config.findings import Finding, Path, error

FORMAT = 1
"""Of the section, not of the text above it."""

MAX_HEADER = 64 * 1024  # octets of [saved] without the sealed part; our own: it has about 1 KiB
MAX_SEALED = 8 * 1024 * 1024  # characters of base64; our own: 200 certificates make about 2 MB
MAX_FILE = text.MAX_BYTES + MAX_HEADER + MAX_SEALED
LARGEST_MEMORY_KIB = 128 * 1024  # our own: twice what we write
MOST_PASSES = 10  # our own
MOST_LANES = 16  # our own
LARGEST_WORK_KIB = 384 * 1024  # memory times passes; our own: twice what we write, half a second
SALT_OCTETS, NONCE_OCTETS, CHECK_OCTETS = 16, 12, 16  # RFC 9106 §3.1, SP 800-38D §5.2.1.1, ours
_LEAST_OF_LANE_KIB = 8  # RFC 9106 §3.1
_MOST_NAMES, _LONGEST_NAME, _LONGEST_WORD = 20_000, 300, 200  # our own
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SECTION, _LOCK = ("saved",), ("saved", "encryption")

# What a field may be: None if it is fine, else what is allowed.
_Judge = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields as they were found, and what is wrong with them."""

    values: Mapping[str, Any]
    lock: Mapping[str, Any]
    faults: tuple[Finding, ...]

    def word(self, name: str, *, lock: bool = False) -> str:
        """A text; "" where it may be left out and is."""
        return str((self.lock if lock else self.values).get(name, ""))

    def words(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self.values.get(name, ()))

    def number(self, name: str) -> int:
        """A number of the lock."""
        return int(self.lock[name])

    def moment(self, name: str) -> datetime:
        """A time, in UTC."""
        found = self.values[name]
        assert isinstance(found, datetime), "it was judged"
        return found.astimezone(UTC)


def read(values: Mapping[str, Any]) -> Fields:
    """Judge the values of a section that was read."""
    found = values.get("saved")
    faults = [_unknown((name,), name, ("saved",)) for name in values if name != "saved"]
    if not isinstance(found, dict):
        return Fields({}, {}, (error(_SECTION, "must be a section"), *faults))
    rest = {name: one for name, one in found.items() if name != "encryption"}
    if rest.get("format") != FORMAT or isinstance(rest.get("format"), bool):
        # Of another format nothing else can be said.
        return Fields({}, {}, (_other_format(rest.get("format", "nothing")),))
    faults += _judged(_SECTION, rest, _FIELDS, optional=_OPTIONAL)
    lock = found.get("encryption")
    if lock is not None and not isinstance(lock, dict):
        faults.append(error(_LOCK, "must be a section"))
        lock = None
    if lock is None and "encryption" not in found and "masked" not in rest:
        hint = "the file was cut off or changed on its way: fetch it once more"
        faults.append(error(_SECTION, "has neither `masked` nor [saved.encryption]", hint=hint))
    if lock is not None:
        faults += _judged(_LOCK, lock, _LOCK_FIELDS)
        faults += [] if faults else _too_dear(lock)
    return Fields(rest, lock or {}, tuple(faults))


def _other_format(found: object) -> Finding:
    place = (*_SECTION, "format")
    if not isinstance(found, int) or isinstance(found, bool) or found <= FORMAT:
        return error(place, "is not allowed", hint=f"allowed: {FORMAT}", found=found)
    return error(
        place,
        f"a file of a newer Gatehouse; this one reads saved files of format {FORMAT}",
        hint="load it with the version that wrote it, or with a newer one",
        found=found,
    )


def _judged(
    place: Path,
    found: Mapping[str, Any],
    known: Mapping[str, _Judge],
    optional: frozenset[str] = frozenset(),
) -> list[Finding]:
    faults = [_unknown((*place, name), name, tuple(known)) for name in found if name not in known]
    for name, judge in known.items():
        if name not in found:
            if name not in optional:
                faults.append(error((*place, name), "is missing"))
            continue
        allowed = judge(found[name])
        if allowed is not None:
            hint = f"allowed: {allowed}"
            faults.append(error((*place, name), "is not allowed", hint=hint, found=found[name]))
    return faults


def _too_dear(lock: Mapping[str, Any]) -> list[Finding]:
    """Bounds that hold between fields."""
    memory, passes, lanes = lock["memory_kib"], lock["passes"], lock["lanes"]
    if memory * passes > LARGEST_WORK_KIB:
        hint = f"allowed: at most {LARGEST_WORK_KIB} for memory_kib times passes"
        return [error((*_LOCK, "passes"), "is not allowed", hint=hint, found=passes)]
    if memory < _LEAST_OF_LANE_KIB * lanes:
        hint = f"allowed: at most one for each {_LEAST_OF_LANE_KIB} of memory_kib"
        return [error((*_LOCK, "lanes"), "is not allowed", hint=hint, found=lanes)]
    return []


def _unknown(place: Path, name: str, known: tuple[str, ...]) -> Finding:
    near = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(known)
    return error(place, "is no field of this section", hint=hint)


# --- what is allowed ------------------------------------------------------------------------------


def _word(value: object) -> str | None:
    fine = isinstance(value, str) and len(value) <= _LONGEST_WORD and value.isprintable()
    return None if fine else f"a text of one line, at most {_LONGEST_WORD} characters"


def _moment(value: object) -> str | None:
    fine = isinstance(value, datetime) and value.tzinfo is not None and 1970 <= value.year <= 9000
    return None if fine else "a time with its zone: 2026-11-22T12:00:00Z"


def _names(value: object) -> str | None:
    fine = (
        isinstance(value, list)
        and len(value) <= _MOST_NAMES
        and all(isinstance(one, str) and len(one) <= _LONGEST_NAME for one in value)
    )
    return None if fine else "a list of names"


def _digest(value: object) -> str | None:
    fine = isinstance(value, str) and _DIGEST.fullmatch(value)
    return None if fine else "a SHA-256 in 64 hexadecimal digits"


def _number(least: int, most: int) -> _Judge:
    def judge(value: object) -> str | None:
        fine = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if fine else f"a whole number from {least} to {most}"

    return judge


def _only(word: str) -> _Judge:
    return lambda value: None if value == word else f'"{word}"'


def _octets(size: int) -> _Judge:
    def judge(value: object) -> str | None:
        try:
            if isinstance(value, str) and len(value) <= 2 * size + 4:
                if len(base64.b64decode(value, validate=True)) == size:
                    return None
        except (binascii.Error, ValueError):
            pass
        return f"{size} octets in base64"

    return judge


_FIELDS: Mapping[str, _Judge] = {
    "format": _number(FORMAT, FORMAT),
    "program": _word,
    "saved_at": _moment,
    "source": _word,
    "sections": _names,
    "text_sha256": _digest,
    "masked": _names,
    "holds": _names,
}
_OPTIONAL = frozenset({"sections", "masked", "holds"})

_LOCK_FIELDS: Mapping[str, _Judge] = {
    "kdf": _only("argon2id"),
    "memory_kib": _number(_LEAST_OF_LANE_KIB, LARGEST_MEMORY_KIB),
    "passes": _number(1, MOST_PASSES),
    "lanes": _number(1, MOST_LANES),
    "salt": _octets(SALT_OCTETS),
    "cipher": _only("AES-256-GCM"),
    "nonce": _octets(NONCE_OCTETS),
    "passphrase_check": _octets(CHECK_OCTETS),
    "sealed_sha256": _digest,
}
