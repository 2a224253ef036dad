# SPDX-License-Identifier: Apache-2.0
"""Each reply of the engine is whole, printable and of the right class."""

from gatehouse.mail.reply import Reply
from gatehouse.smtp import server_replies as replies


def test_every_reply_carries_an_enhanced_code_of_its_own_class() -> None:
    own = [value for value in vars(replies).values() if isinstance(value, Reply)]
    for reply in [*own, *replies.OUT_OF_PLACE.values()]:
        assert reply.enhanced is not None
        assert reply.enhanced[0] == str(reply.code)[0]
        assert 400 <= reply.code < 600


def test_every_wire_constant_is_one_line() -> None:
    wires = [value for value in vars(replies).values() if isinstance(value, bytes)]
    for wire in [*wires, replies.bdat_ok(5)]:
        assert wire.endswith(b"\r\n")
        assert wire.count(b"\n") == 1
        assert wire[3:4] == b" "


def test_the_words_that_are_fixed() -> None:
    assert replies.TLS_FIRST.wire() == b"530 5.7.0 Must issue a STARTTLS command first\r\n"
    assert b"Ready to start TLS" in replies.TLS_READY
    assert replies.TLS_ACTIVE.wire() == b"503 5.5.1 TLS already active\r\n"
    assert replies.NOT_IMPLEMENTED.wire() == b"502 5.5.1 Command not implemented\r\n"
    assert b"501 5.5.4 Syntax error (no parameters allowed)" in replies.NO_PARAMETERS_ALLOWED.wire()
