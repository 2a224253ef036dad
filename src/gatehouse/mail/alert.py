# SPDX-License-Identifier: Apache-2.0
"""Alerts as mail: what the gateway wants somebody to know, as one RFC 5322 message.

The rule: an alarm's text may hold what a stranger said, so nothing of it can add a field or a line,
name another charset or become unbounded. All octets are ASCII: text that is not is carried as
encoded words (RFC 2047) and as quoted-printable (RFC 2045 §6.7). It says that a machine wrote it
(RFC 3834 §5), and travels with the null sender, so that nobody answers it.
"""

import base64
import binascii
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.mail.dates import header_date

MAX_SUBJECT = 200  # characters; a reader shows fewer
MAX_TEXT = 2000  # characters of one value of the body
_WIDTH = 72
_FIRST = len("Subject: ")
_WORD = 39  # octets of an encoded word: with the name in front 73 of the 76 of RFC 2047 §2


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMail:
    """Everything that an alert mail is made of."""

    sender: Address  # of the From field; the envelope's is null
    recipient: Address
    subject: str
    text: str  # what happened
    details: Sequence[tuple[str, str]]  # in the order in which they are shown
    message_id: str  # with < >, ASCII
    date: float


def compose(mail: AlertMail) -> bytes:
    """The whole message in CRLF lines; all ASCII unless the recipient's own address is not."""
    body = _body(mail)
    encoding = "7bit" if body.isascii() else "quoted-printable"
    head = [
        f"From: Gatehouse <{mail.sender.text}>",
        f"To: <{mail.recipient.text}>",
        f"Subject: {subject(mail.subject)}",
        f"Date: {header_date(mail.date)}",
        f"Message-ID: {mail.message_id}",
        "Auto-Submitted: auto-generated",  # RFC 3834 §5.1
        "MIME-Version: 1.0",
        f"Content-Type: text/plain; charset={'us-ascii' if body.isascii() else 'utf-8'}",
        f"Content-Transfer-Encoding: {encoding}",
        "",
    ]
    content = body.encode()
    if not body.isascii():
        content = binascii.b2a_qp(content, istext=True)
    return "".join(f"{line}\r\n" for line in head).encode() + content


def subject(text: str) -> str:
    """A text as the value of a Subject field, folded, without its name.

    What looks like an encoded word is encoded itself, so that no reader decodes what a stranger
    wrote into something else.
    """
    clean = _clean(text, MAX_SUBJECT)
    if clean.isascii() and "=?" not in clean:
        return "\r\n ".join(
            textwrap.wrap(clean, _WIDTH - _FIRST, break_long_words=False, break_on_hyphens=False)
            or [""]
        )
    return "\r\n ".join(_encoded_words(clean))


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 §2, §5: each word whole in itself, no character cut in two."""
    pieces = [""]
    for char in text:
        if len((pieces[-1] + char).encode()) > _WORD:
            pieces.append("")
        pieces[-1] += char
    return [f"=?utf-8?B?{base64.b64encode(one.encode()).decode()}?=" for one in pieces]


def _body(mail: AlertMail) -> str:
    lines = [*_wrapped(_clean(mail.text, MAX_TEXT), ""), ""]
    width = max((len(name) for name, _ in mail.details), default=0) + 2
    for name, value in mail.details:
        rest = _wrapped(_clean(value, MAX_TEXT), " " * width) or [""]
        lines.append(f"{name + ':':<{width}}{rest[0].lstrip()}".rstrip())
        lines += rest[1:]
    return "".join(f"{line}\r\n" for line in lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _clean(text: str, most: int) -> str:
    """One line of printable text: control characters are blanks, the invisible is shown."""
    cut = text[:most]
    clean = _BLANKS.sub(" ", "".join(map(_character, cut))).strip()
    return clean + ("..." if len(text) > most else "")


_BLANKS = re.compile(r" {2,}")


def _character(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return " " if code < 0x20 or 0x7F <= code < 0xA0 else f"\\x{{{code:X}}}"
