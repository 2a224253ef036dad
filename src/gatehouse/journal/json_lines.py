# SPDX-License-Identifier: Apache-2.0
"""Facts as JSON lines: the log for machines, which has everything the text log has and more.

One object per line (RFC 8259, UTF-8), in this order: `time` (ISO 8601, UTC, milliseconds, for
people and other tools), `fact` (the type in snake_case), `at` (unix seconds as they were measured),
then the fields of the fact. Readers ignore fields they do not know.

No line holds a raw control character, bidi control or line separator: `\\uHHHH` stands for them.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from gatehouse.journal.facts import Fact

# Every way in which a time field can end; made once, as every fact needs one.
_MILLIS = tuple(b'%03dZ",' % millis for millis in range(1000))

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)

# msgspec escapes C0 only. The rest of `escape._UNSAFE`, except surrogates, which never get here.
_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_DEL = 0x7F
_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(fact: Fact) -> bytes:
    """One fact as one line, without its line end."""
    try:
        line = _encoder.encode(fact)
    except UnicodeEncodeError:  # bytes that were no UTF-8, carried as lone surrogates
        line = _encoder.encode(_without_surrogates(msgspec.to_builtins(fact)))
    if not line.isascii() or _DEL in line:
        line = _RAW.sub(_escape, line.decode()).encode()
    at = fact.at
    second = int(at)
    return _time_field(second) + _MILLIS[int((at - second) * 1000)] + line[1:]


def decode(line: bytes) -> Fact:
    """The fact of a line that `encode` wrote; raises `msgspec.DecodeError` for any other."""
    return _decoder.decode(line)


@lru_cache(maxsize=64)  # facts come in bursts of a few neighbouring seconds
def _time_field(second: int) -> bytes:
    return b'{"time":"%s.' % datetime.fromtimestamp(second, UTC).isoformat()[:19].encode()


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _without_surrogates(value: object) -> object:
    """The same value with each lone surrogate written out as the text `\\udcHH`."""
    if isinstance(value, str):
        return _SURROGATE.sub(_escape, value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
