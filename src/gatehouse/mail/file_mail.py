# SPDX-License-Identifier: Apache-2.0
"""A file as mail: a few words and one attachment, which arrives as the same octets.

base64 (RFC 2045 §6.8) and a type that nobody shows or changes (RFC 2046 §4.5.1): line ends of the
file are part of what a seal vouches for.
"""

import base64
import textwrap
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.mail.dates import header_date

_WIDTH = 76
_LINE = 57  # octets that make 76 characters of base64 (RFC 2045 §6.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMail:
    """Everything that such a mail is made of. `boundary` must be unguessable."""

    sender: Address
    recipient: Address
    subject: str
    message_id: str  # with < >
    boundary: str
    date: float
    lines: tuple[str, ...]  # what a person reads
    name: str  # of the attachment: letters, digits, '.', '_', '-'
    content: bytes


def compose(mail: FileMail) -> bytes:
    """The whole message in CRLF lines; ASCII unless an address is not."""
    head = [
        f"From: <{mail.sender.text}>",
        f"To: <{mail.recipient.text}>",
        f"Subject: {_plain(mail.subject)}",
        f"Date: {header_date(mail.date)}",
        f"Message-ID: {mail.message_id}",
        "Auto-Submitted: auto-generated",  # RFC 3834 §5
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{mail.boundary}"',
        "",
        "This is a message in MIME format.",
        f"--{mail.boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        *(piece for line in mail.lines for piece in _wrapped(line)),
        f"--{mail.boundary}",
        f'Content-Type: application/octet-stream; name="{mail.name}"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{mail.name}"',
        "",
    ]
    octets = mail.content
    pieces = (octets[at : at + _LINE] for at in range(0, len(octets), _LINE))
    encoded = b"".join(base64.b64encode(piece) + b"\r\n" for piece in pieces)
    return _lines(head) + encoded + _lines([f"--{mail.boundary}--"])


def _plain(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)


def _wrapped(line: str) -> list[str]:
    """RFC 5322 §2.1.1: no line is longer than 998 octets, and 78 are what readers show."""
    return textwrap.wrap(_plain(line), _WIDTH, break_on_hyphens=False) or [""]


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
