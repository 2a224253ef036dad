# SPDX-License-Identifier: Apache-2.0
"""Sizes and durations as people write them: "20M", "64K", "10m", "3d", or a plain number.

Sizes count in powers of 1024, durations in seconds. Formatting picks the largest unit that loses
nothing, so that a value survives the way to text and back.
"""

import re

_SIZE = re.compile(r"([0-9]{1,15})\s?([KMG]?)(?:i?B)?", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,12})\s?([smhdw]?)", re.IGNORECASE)
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DURATIONS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

SIZE_FORM = 'a number of bytes, or like "64K", "20M", "1G"'
DURATION_FORM = 'a number of seconds, or like "30s", "10m", "12h", "3d"'


def parse_size(value: object) -> int:
    """Bytes; ValueError for anything else."""
    return _parse(value, _SIZE, {k.lower(): v for k, v in _SIZES.items()}, SIZE_FORM)


def parse_duration(value: object) -> int:
    """Seconds; ValueError for anything else."""
    return _parse(value, _DURATION, _DURATIONS, DURATION_FORM)


def format_size(number: int) -> str | int:
    """20971520 → "20M"; what is no multiple of 1024 stays a number."""
    return _format(number, _SIZES)


def format_duration(number: int) -> str | int:
    """259200 → "3d"."""
    return _format(number, {k: v for k, v in _DURATIONS.items() if k not in ("", "w")})


def _parse(value: object, form: re.Pattern[str], factors: dict[str, int], what: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = form.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError(what)
    return int(written[1]) * factors[written[2].lower()]


def _format(number: int, factors: dict[str, int]) -> str | int:
    if number <= 0:
        return number
    for unit, factor in sorted(factors.items(), key=lambda row: -row[1]):
        if unit and number % factor == 0:
            return f"{number // factor}{unit}"
    return number
