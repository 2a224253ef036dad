# SPDX-License-Identifier: Apache-2.0
"""One field is set, and the operator's comments and order stay."""

import pytest

from gatehouse.config import document, edit, schema, text

TEXT = b"""\
format = 1
# ours
[interfaces.Net]
address = "127.0.0.1"

[listeners.InboundMail] # the door
type = "public"
interface = "Net"
certificate = "Demo" # for now
"""


def read(data: bytes) -> schema.Document:
    parsed = text.parse(data)
    assert isinstance(parsed, text.Parsed)
    found = document.read(parsed.values)
    assert isinstance(found, schema.Document)
    return found


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    edited = edit.set_field(TEXT, ("listeners", "InboundMail"), "certificate", "mx")
    assert edited == TEXT.replace(
        b'certificate = "Demo" # for now', b'certificate = "mx"  # for now'
    )


def test_a_field_that_is_not_there_comes_at_the_end_of_its_section() -> None:
    edited = edit.set_field(TEXT, ("interfaces", "Net"), "https_certificate", "mx")
    assert edited == TEXT.replace(b'"127.0.0.1"\n', b'"127.0.0.1"\nhttps_certificate = "mx"\n')


def test_a_list_over_many_lines_is_replaced_and_nothing_else() -> None:
    many = TEXT + b'certificates = [ # by SNI\n    "a", # one\n    "b",\n] # all\n# the end\n'
    edited = edit.set_field(many, ("listeners", "InboundMail"), "certificates", ["a", "c"])
    assert edited == TEXT + b'certificates = ["a", "c"]  # all\n# the end\n'


def test_a_section_that_is_not_there_comes_at_the_end() -> None:
    edited = edit.set_field(TEXT, ("delivery",), "certificate", "mx")
    assert edited == TEXT + b'\n[delivery]\ncertificate = "mx"\n'


@pytest.mark.parametrize(
    "written",
    [
        b'format = 1\nlisteners = { In = { type = "public", interface = "Net" } }\n'
        b'interfaces.Net.address = "127.0.0.1"\n',
        b'format = 1\n[interfaces]\nNet.address = "127.0.0.1"\n[listeners.In]\ntype = "public"\n'
        b'interface = "Net"\ncertificates = [\n "a",\n "b", # two\n]\n',
    ],
)
def test_a_text_that_cannot_be_edited_by_line_is_written_anew(written: bytes) -> None:
    edited = edit.set_field(written, ("listeners", "In"), "certificates", ["x", "y"])
    assert isinstance(edited, bytes)
    assert read(edited).listeners["In"].certificates == ["x", "y"]
    assert read(edited).interfaces == read(written).interfaces


def test_a_bad_text_or_value_gives_findings() -> None:
    assert isinstance(edit.set_field(b"format = ", ("delivery",), "certificate", "a"), tuple)
    assert isinstance(edit.set_field(TEXT, ("delivery",), "certificate", ""), tuple)
