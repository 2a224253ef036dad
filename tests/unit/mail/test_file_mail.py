# SPDX-License-Identifier: Apache-2.0
"""A file arrives by mail as the same octets."""

import email
import email.policy

import pytest

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.file_mail import FileMail, compose


def address(text: str) -> Address:
    found = parse_mailbox(text.encode())
    assert isinstance(found, Address)
    return found


@pytest.mark.parametrize("content", [b"", b"a = 1\n", b"\r\n.\r\n\0\xff" * 500, b"--x\r\n" * 99])
def test_the_attachment_is_the_file(content: bytes) -> None:
    mail = FileMail(
        sender=address("alert@gw1.example.com"),
        recipient=address("post@example.com"),
        subject="Configuration of gw1\r\nBcc: all@example.com",
        message_id="<1.x@gw1.example.com>",
        boundary="b" * 32,
        date=1_800_000_000.0,
        lines=("One line.", "", "sm\u00f8rrebr\u00f8d", "a word " * 400, "x" * 2000),
        name="gatehouse.toml",
        content=content,
    )
    written = compose(mail)
    assert written.isascii()
    assert all(line.endswith(b"\r\n") and len(line) <= 100 for line in written.splitlines(True))
    message = email.message_from_bytes(written, policy=email.policy.default)
    assert "Bcc" not in message
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body()
    assert body is not None
    words = body.get_content()
    assert words.startswith("One line.\r\n\r\nsm?rrebr?d\r\na word a word")
    assert words.count("x") == 2000
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "gatehouse.toml"
    assert attached.get_content() == content
