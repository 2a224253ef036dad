# SPDX-License-Identifier: Apache-2.0
"""tests/corpus/smuggling: nothing behind a false end of data is ever carried out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.smtp import server_events as events
from tests.dialogues.script import octets as decode
from tests.unit.smtp.server_wire import OPEN, Server, octets

CORPUS = Path(__file__).parents[2] / "corpus" / "smuggling"
CASES = sorted(CORPUS.glob("*.case"))
SMUGGLED = (
    b"MAIL FROM:<smuggled@example.net>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nx\r\n.\r\n"
)
BY_CHUNK = (
    b"MAIL FROM:<smuggled@example.net>\r\nRCPT TO:<victim@example.com>\r\nBDAT 30 LAST\r\n"
    b"Subject: smuggled\r\n\r\nxxxxxxx\r\n.\r\n"
)


def case(path: Path) -> tuple[str, bytes]:
    why, verdict = path.read_text("utf-8").splitlines()
    assert why.startswith("# ")
    kind, _, sequence = verdict.partition(" ")
    return kind, decode(sequence)


def ways(wire: bytes, around: range) -> Iterator[list[bytes]]:
    """Whole, cut at every place of interest, cut at two of them, and octet by octet."""
    yield [wire]
    for cut in around:
        yield [wire[:cut], wire[cut:]]
        yield [wire[:cut], wire[cut : cut + 1], wire[cut + 1 :]]
    yield octets(wire)


@pytest.mark.parametrize("smuggled", [SMUGGLED, BY_CHUNK], ids=["data", "bdat"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_nothing_is_smuggled(path: Path, tls: bool, smuggled: bytes) -> None:
    kind, sequence = case(path)
    body = b"Subject: t\r\n\r\nAAA" + sequence + smuggled
    before = OPEN + b"DATA\r\n"
    start = len(before) + body.index(b"AAA")
    for pieces in ways(before + body, range(start, start + len(sequence) + 12)):
        server = Server(tls_active=tls).send(*pieces)
        senders = server.named(events.MailFrom)
        assert len(senders) == 1
        assert len(server.named(events.RcptTo)) == 1
        if kind == "refused":
            assert server.bodies() == []
            assert server.wire.endswith(b"354 go ahead\r\n550 5.5.2 " + server.wire[-36:])
            assert len(server.named(events.MessageRejected)) == 1
            assert len(server.named(events.ProtocolViolation)) == 1
            assert server.engine.closing
        else:
            (content,) = server.bodies()
            # A single dot in front of something else is stuffing (RFC 5321 §4.5.2).
            assert content == body[:-3].replace(b"\r\n.", b"\r\n")
            assert b"smuggled@example.net" in content
            assert not server.engine.closing


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_in_a_chunk_the_sequence_is_content_or_refused(path: Path) -> None:
    kind, sequence = case(path)
    body = b"Subject: t\r\n\r\nAAA" + sequence + b"x\r\n"
    for step in (1, 3, 1000):
        wire = OPEN + b"BDAT %d LAST\r\n" % len(body) + body
        pieces = [wire[i : i + step] for i in range(0, len(wire), step)]
        server = Server().send(*pieces)
        assert server.bodies() == ([body] if kind == "content" else [])
        assert server.engine.closing == (kind == "refused")


def test_the_true_end_may_be_cut_anywhere() -> None:
    wire = OPEN + b"DATA\r\nAAA\r\n.\r\n"
    for cut in range(len(wire)):
        server = Server().send(wire[:cut], wire[cut:], b"NOOP\r\n")
        assert server.bodies() == [b"AAA\r\n"]
        assert server.codes()[-2:] == [b"250", b"250"]


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 19
