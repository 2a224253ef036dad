# SPDX-License-Identifier: Apache-2.0
"""Good and bad forms of each part of a command line, with the reason beside the odd ones."""

import time

import pytest

from gatehouse.smtp import grammar


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        (b"<>", (b"", b"")),
        (b"<a@b>", (b"a@b", b"")),
        (b"<a@b> X=1 Y", (b"a@b", b"X=1 Y")),
        (b'<"a>b"@c>', (b'"a>b"@c', b"")),
        (b'<"a\\"> b"@c> X', (b'"a\\"> b"@c', b"X")),
    ],
)
def test_paths(argument: bytes, parts: tuple[bytes, bytes]) -> None:
    assert grammar.split_path(argument) == parts


@pytest.mark.parametrize(
    "argument",
    [b"", b"a@b", b" <a@b>", b"<a@b", b"<a@b>X", b"<a@b> ", b"<<a@b>>", b'<"a@b>', b"<a><b>"],
)
def test_no_paths(argument: bytes) -> None:
    assert grammar.split_path(argument) is None


def test_parameters() -> None:
    assert grammar.split_parameters(b"size=1 X-y SMTPUTF8") == [
        (b"SIZE", b"1"),
        (b"X-Y", None),
        (b"SMTPUTF8", None),
    ]


@pytest.mark.parametrize(
    "text", [b"", b" A", b"A ", b"A  B", b"-A", b"A=", b"A=b=c", b"A\tB", b"="]
)
def test_no_parameters(text: bytes) -> None:
    assert grammar.split_parameters(text) is None


@pytest.mark.parametrize(
    ("text", "decoded"),
    [(b"", ""), (b"abc", "abc"), (b"a+2Bb", "a+b"), (b"+20", " "), (b"a+3Db", "a=b")],
)
def test_xtext(text: bytes, decoded: str) -> None:
    assert grammar.decode_xtext(text) == decoded


@pytest.mark.parametrize(
    "text", [b"+", b"+4", b"+G1", b"+2b", b"a=b", b"a b", b"+00", b"+0A", b"+7F", b"+FF", b"\xff"]
)
def test_no_xtext(text: bytes) -> None:
    assert grammar.decode_xtext(text) is None


@pytest.mark.parametrize(
    "name", [b"mx.example.com", b"[192.0.2.1]", b"my_pc", b"%s%n", b"${run{id}}", b"x" * 255]
)
def test_hello_names(name: bytes) -> None:
    assert grammar.hello_name(name) == name.decode()


@pytest.mark.parametrize("name", [b"", b" x", b"a b", b"a\tb", b"\x1b]0;", b"\xc3\xa9", b"x" * 256])
def test_no_hello_names(name: bytes) -> None:
    assert grammar.hello_name(name) is None


@pytest.mark.parametrize(
    ("argument", "chunk"),
    [(b"0", (0, False)), (b"5 LAST", (5, True)), (b"5 last", (5, True)), (b"007", (7, False))],
)
def test_chunks(argument: bytes, chunk: tuple[int, bool]) -> None:
    assert grammar.chunk_size(argument) == chunk


@pytest.mark.parametrize(
    "argument", [b"", b"-1", b"5 LASTX", b"5  LAST", b"1e9", b"LAST", b"9" * 21]
)
def test_no_chunks(argument: bytes) -> None:
    assert grammar.chunk_size(argument) is None


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"connect h:25", b"Host: x", b"User-Agent:y"])
def test_http_is_recognised(line: bytes) -> None:
    assert grammar.is_foreign(line)


@pytest.mark.parametrize("line", [b"MAIL FROM:<a@b>", b"GETX", b"HELP", b":", b"MAIL FROM :x"])
def test_commands_are_not_http(line: bytes) -> None:
    assert not grammar.is_foreign(line)


def test_the_plain_forms_take_only_what_the_careful_way_takes_too() -> None:
    for line in (
        b"MAIL FROM:<a@b>",
        b"mail from:<> size=1 body=7bit",
        b"MAIL FROM:<a@b> BODY=7BIT",
    ):
        match = grammar.PLAIN_MAIL.fullmatch(line)
        parts = grammar.split_path(line[10:])
        assert match is not None
        assert parts is not None
        assert match[1] == parts[0]
    for line in (b"MAIL FROM:<a b@c>", b'MAIL FROM:<"a"@b>', b"MAIL FROM:<a@b> BODY=7BIT SIZE=1"):
        assert grammar.PLAIN_MAIL.fullmatch(line) is None
    assert grammar.PLAIN_RCPT.fullmatch(b"RCPT TO:<>") is None


def test_show_keeps_one_line_printable() -> None:
    assert grammar.show(b"a\r\nb\x00\\\xff" + b"c" * 500, 9) == "a\\x0d\\x0ab\\x00\\x5c\\xffcc"


@pytest.mark.parametrize(
    "unit", [b"a", b" ", b"(", b"@.", b'"\\', b"<", b"+2B", b'"a"', b"a-", b"\\"]
)
def test_every_expression_is_linear(unit: bytes) -> None:
    line = unit * (50_000 // len(unit))
    begin = time.process_time()
    grammar.split_path(b"<" + line)
    grammar.split_path(b"<" + line + b"> " + line)
    grammar.split_parameters(line)
    grammar.decode_xtext(line)
    grammar.hello_name(line)
    grammar.chunk_size(line)
    grammar.is_foreign(line)
    grammar.PLAIN_MAIL.fullmatch(b"MAIL FROM:<" + line)
    grammar.PLAIN_RCPT.fullmatch(b"RCPT TO:<" + line)
    # Quadratic work on 50 KB takes many seconds; a slow machine gets a generous second.
    assert time.process_time() - begin < 1
