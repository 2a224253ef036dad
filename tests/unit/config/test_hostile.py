# SPDX-License-Identifier: Apache-2.0
"""Hostile files cost work in proportion to their size at most: counted in calls, not in seconds.

`python -m bench.hostile_files` measures the seconds.
"""

import sys
import time
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from gatehouse.config import (
    checks,
    defaults,
    destination_text,
    document,
    findings,
    hat_exchange,
    hat_text,
    rat_text,
    route_text,
    saved,
    schema,
    text,
)

HEAD = b'format = 1\n[system]\nhostname = "gw1.example.com"\n'
LISTENER = (
    b'[interfaces.Net]\naddress = "127.0.0.1"\n'
    b'[listeners.In]\ntype = "public"\ninterface = "Net"\nport = 2525\n'
)
GROUP = b'[[listeners.In.sender_groups]]\nname = "G%d"\nmembers = ["10.0.0.%d"]\npolicy = "NO%d"\n'

GROWING: dict[str, Callable[[int], bytes]] = {
    "unknown keys": lambda n: HEAD + b"".join(b"k%d = 1\n" % k for k in range(n)),
    "unknown sections": lambda n: HEAD + b"".join(b"[s%d]\n" % k for k in range(n)),
    "dotted keys": lambda n: HEAD + b"".join(b"a%d.b.c = 1\n" % k for k in range(n)),
    "a list of numbers": lambda n: HEAD + b"x = [" + b"1," * n + b"]",
    "empty tables": lambda n: HEAD + b"x = [" + b"{}," * n + b"]",
    "groups without a policy": lambda n: (
        HEAD + LISTENER + b'[[listeners.In.sender_groups]]\nname = "G"\n' * n
    ),
    "groups of policies that are none": lambda n: (
        HEAD + LISTENER + b"".join(GROUP % (k, k % 256, k) for k in range(n))
    ),
    "listeners on one port": lambda n: (
        HEAD
        + b'[interfaces.N]\naddress = "127.0.0.1"\n'
        + b"".join(
            b'[listeners.L%d]\ntype = "public"\ninterface = "N"\nport = 25\n' % k for k in range(n)
        )
    ),
    "routes to nowhere": lambda n: (
        HEAD + b"[smtp_routes]\n" + b"".join(b'"d%d" = ["smarthost:x"]\n' % k for k in range(n))
    ),
    "one table again and again": lambda n: HEAD + b"[a]\n" * n,
    "marks of saved files": lambda n: HEAD + (b"\n" + saved.MARK + b"\n") * n,
}


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called, Python's and those in C."""
    seen = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal seen
        seen += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


def refuse(data: bytes) -> None:
    file = saved.read(data)
    if isinstance(file, saved.File):
        found = checks.load(file.text)
        assert isinstance(found, checks.Refused)
        assert 1 <= len(found.findings) <= findings.MAX_FINDINGS + 1


@pytest.mark.parametrize("name", GROWING)
def test_twice_the_file_is_at_most_twice_the_work(name: str) -> None:
    small, large = (GROWING[name](n) for n in (150, 300))
    refuse(small)  # whatever is made once is made now
    first, second = calls(lambda: refuse(small)), calls(lambda: refuse(large))
    assert second <= 2.3 * first + 2_000, (first, second)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * text.MAX_BYTES,
        b"\n" * text.MAX_BYTES,
        b"#\n" * (text.MAX_BYTES // 2),
        b'x = "' + b"\\" * (text.MAX_BYTES - 5),
        b'x = "' + b"\\u0041" * (text.MAX_BYTES // 6 - 5) + b'"',
        b"x = [" + (b"[" * 15 + b"]" * 15 + b",") * 130_000 + b"]",
        b"a." * (text.MAX_BYTES // 2),
        b"x = " + b"9" * (text.MAX_BYTES - 4),
        b"\xff" * text.MAX_BYTES,
        b"\0" * text.MAX_BYTES,
        b"k = 1\n" * 200_000,
        b"[t]\n" * 200_000,
    ],
    ids=lambda data: f"{data[:12]!r}",
)
def test_what_is_beyond_the_bounds_never_reaches_the_parser(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_: str) -> dict[str, Any]:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(tomllib, "loads", parse)
    found: list[Any] = []
    assert calls(lambda: found.append(text.parse(data))) < 1_500_000
    assert isinstance(found[0], text.Unreadable)
    assert len(found[0].findings) == 1


def test_a_file_of_strange_names_is_refused_by_the_first_of_them() -> None:
    found = document.read({f"k{n}": 1 for n in range(5_000)} | {"lisseners": 1})
    assert isinstance(found, tuple)
    assert len(found) == findings.MAX_FINDINGS + 1
    assert found[0].place == "k0"
    assert "4901 more" in str(found[-1])


def test_after_enough_errors_nothing_more_is_looked_at() -> None:
    looked = 0

    def endless() -> Any:
        nonlocal looked
        while True:
            looked += 1
            yield findings.error(("x",), f"fault {looked}")

    assert len(checks._bounded(endless())) == findings.MAX_FINDINGS + 1
    assert looked < 1_000


def test_an_error_behind_many_warnings_is_found() -> None:
    many = [findings.warning(("x",), f"odd {n}") for n in range(5_000)]
    found = checks._bounded([*many, findings.error(("y",), "wrong")])
    assert found[0].severity is findings.Severity.ERROR


# --- texts that are imported ----------------------------------------------------------------------

LONG = 60_000
BLANKS = b" " * LONG
LONG_LINES: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "blanks behind a behaviour": (hat_text.parse, b"A:\nACCEPT" + BLANKS + b"x\n"),
    "blanks behind a policy": (hat_text.parse, b"A:\n$P {" + BLANKS + b"x\n"),
    "blanks in a value": (
        destination_text.parse,
        b"[DEFAULT]\nbounce_profile = x" + BLANKS + b"y\n",
    ),
    "a dotted key": (
        destination_text.parse,
        b"[DEFAULT]\n# gatehouse: " + b"a." * LONG + b"a = 1\n",
    ),
    "a dotted key behind a known one": (
        destination_text.parse,
        b"[DEFAULT]\n# gatehouse: dane = {" + b"a." * LONG + b"a = 1}\n",
    ),
    "quotes that are never closed": (
        hat_text.parse,
        b'$A\nACCEPT {\n tls_mandatory_list = "' + b'\\"\\\\' * LONG + b'"\n}\nALL\n$A\n',
    ),
    "blanks between recipient and word": (rat_text.parse, b"a.example" + BLANKS + b"x\n"),
    "quotes in a recipient": (rat_text.parse, b'"a' * LONG + b"\n"),
}


@pytest.mark.parametrize("name", LONG_LINES)
def test_a_long_line_is_looked_at_once(name: str) -> None:
    """A second at most, or many minutes where each character leads through all others."""
    parse, data = LONG_LINES[name]
    began = time.process_time()
    parse(data)
    assert time.process_time() - began < 60  # on a machine of a tenth of the speed, too


DOCUMENT = checks.load(defaults.DEFAULT_TEXT.encode())
DEFAULT = destination_text.format_controls(schema.Document(format=1)).encode()


def adopt(data: bytes) -> Any:
    parsed = hat_text.parse(data)
    assert isinstance(DOCUMENT, checks.Loaded)
    return hat_exchange.adopt(DOCUMENT.whole, parsed) if not isinstance(parsed, tuple) else parsed


IMPORTED: dict[str, tuple[Callable[[bytes], Any], Callable[[int], bytes]]] = {
    "policies": (adopt, lambda n: b"".join(b"$P%d\nACCEPT\n" % k for k in range(n))),
    "behaviours without a name": (
        adopt,
        lambda n: (
            b"".join(
                b'10.0.%d.%d\nREJECT {\n smtp_reject_text = "%d"\n}\n' % (k >> 8, k & 255, k)
                for k in range(n)
            )
            + b"ALL\n$ACCEPTED\n"
        ),
    ),
    "policies that are none": (
        adopt,
        lambda n: b"".join(b"G%d:\n$X%d\n" % (k, k) for k in range(n)) + b"ALL\n$ACCEPTED\n",
    ),
    "members that are none": (
        adopt,
        lambda n: b"A:\n" + b"!x\n" * n + b"$ACCEPTED\nALL\n$ACCEPTED\n",
    ),
    "recipients": (
        rat_text.parse,
        lambda n: b"".join(b"u%d@a.example ACCEPT\n" % k for k in range(n)),
    ),
    "destinations": (
        destination_text.parse,
        lambda n: DEFAULT + b"".join(b"[d%d]\ntable_tls = on\n" % k for k in range(n)),
    ),
}


@pytest.mark.parametrize("name", IMPORTED)
def test_twice_the_imported_text_is_at_most_twice_the_work(name: str) -> None:
    read, made = IMPORTED[name]
    small, large = made(100), made(200)
    read(small)  # whatever is made once is made now
    first, second = calls(lambda: read(small)), calls(lambda: read(large))
    assert second <= 2.3 * first + 2_000, (first, second)


@pytest.mark.parametrize(
    ("parse", "data", "said"),
    [
        (hat_text.parse, b"A:\n" + b"!\n" * 20_000 + b"$A\n", "is no member"),
        (hat_text.parse, b"$P\n" * 20_000, "a policy is a behaviour"),
        (rat_text.parse, b"!\n" * 20_000, "is no entry"),
        (route_text.parse, b"d h\n" * 20_000, "a route for it already"),
        (destination_text.parse, DEFAULT + b"[[\n" * 20_000, "is no entry"),
        (destination_text.parse, DEFAULT + b"# gatehouse: dane\n" * 20_000, "dane cannot be read"),
    ],
)
def test_reading_ends_with_more_faults_than_anybody_reads(
    parse: Callable[[bytes], Any], data: bytes, said: str
) -> None:
    found: list[Any] = []
    assert calls(lambda: found.append(parse(data))) < 100_000
    assert len(found[0]) == findings.MAX_FINDINGS
    assert said in str(found[0][0])


@pytest.mark.parametrize(
    ("module", "bound", "parse", "data", "said"),
    [
        (hat_text, "MAX_PARTS", adopt, b"$A\nACCEPT\nALL\n$A\n", "policies and groups"),
        (schema, "MAX_ENTRIES", adopt, b"A:\na.example\nb.example\n$A\nALL\n$A\n", "members"),
        (rat_text, "MAX_ENTRIES", rat_text.parse, b"a.example ACCEPT\nALL REJECT\n", "1 entries"),
        (text, "MAX_KEYS", route_text.parse, b"a.example b\nb.example b\n", "1 routes"),
        (hat_text, "MAX_PARTS", destination_text.parse, DEFAULT + b"[a.example]\n", "1 sections"),
    ],
)
def test_what_no_configuration_could_hold_is_refused_at_once(
    module: Any,
    bound: str,
    parse: Callable[[bytes], Any],
    data: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, bound, 1)
    found = parse(data)
    assert len(found) == 1
    assert said in str(found[0])
