# SPDX-License-Identifier: Apache-2.0
"""TLS reports as mail (RFC 8460 §5): writing one, and finding the report in mail of others.

Writing: multipart/report with words for a person and the JSON, gzipped. Reading: the mail is a
stranger's, so its parts are cut by their boundaries in one pass, two levels deep and no further,
and what is unpacked is bounded before it is unpacked.
"""

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gatehouse.mail.address import Address
from gatehouse.mail.dates import header_date
from gatehouse.mail.envelope import Envelope
from gatehouse.mail.headers import header_end

MAX_PACKED = 1024 * 1024  # octets of the attachment; a day of a large sender has some ten thousand
MAX_UNPACKED = 10 * 1024 * 1024
MAX_MAIL = 3 * 1024 * 1024  # base64 makes four octets of three, and there is text around
_MAX_PARTS = 50
_MAX_DEPTH = 2  # multipart/report, perhaps inside the multipart/mixed of a list or a scanner
_LINE = 57  # octets that make 76 characters of base64 (RFC 2045 §6.8)
# Where the queue sends reports that came in: to no host (RFC 6761 §6.4), to a reader of ours.
READER = "tls-reports.invalid"
GZIP_TYPE = "application/tlsrpt+gzip"
JSON_TYPE = "application/tlsrpt+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMail:
    """Everything that a report mail is made of. `boundary` must be unguessable."""

    sender: Address
    recipient: Address
    domain: str  # that the report is about
    submitter: str  # our host name
    organization: str
    report_id: str
    message_id: str  # with < >
    boundary: str
    date: float
    begins: int  # unix seconds of the first and the last second of the day
    ends: int
    successes: int
    failures: int
    content: bytes  # JSON


def packed(content: bytes) -> bytes:
    """The JSON as it travels; the same octets each time."""
    return gzip.compress(content, mtime=0)


def compose(mail: ReportMail) -> bytes:
    """The whole message in CRLF lines, all ASCII."""
    # §5.3: the header names domain and submitter, so that it can be filtered by them.
    name = f"{mail.submitter}!{mail.domain}!{mail.begins}!{mail.ends}.json.gz"  # §5.1
    head = [
        f"From: <{mail.sender.text}>",
        f"To: <{mail.recipient.text}>",
        f"Subject: Report Domain: {mail.domain}",  # §5.3; folded, as names may be long
        f" Submitter: {mail.submitter}",
        f" Report-ID: <{mail.report_id}>",
        f"Date: {header_date(mail.date)}",
        f"Message-ID: {mail.message_id}",
        f"TLS-Report-Domain: {mail.domain}",
        f"TLS-Report-Submitter: {mail.submitter}",
        # §3: the report must arrive although TLS fails; RFC 8689 §4 has the words for relays.
        "TLS-Required: No",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt";',
        f'\tboundary="{mail.boundary}"',
        "",
        "This is a report in MIME format.",
        f"--{mail.boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is an aggregate TLS report from {_plain(mail.organization)}.",
        "",
        f"  Domain:    {mail.domain}",
        f"  From:      {header_date(mail.begins)}",
        f"  To:        {header_date(mail.ends)}",
        f"  Succeeded: {mail.successes} sessions",
        f"  Failed:    {mail.failures} sessions",
        f"--{mail.boundary}",
        f"Content-Type: {GZIP_TYPE}",
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{name}"',
        "",
    ]
    return _lines(head) + _encoded(packed(mail.content)) + _lines([f"--{mail.boundary}--"])


def _plain(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii", "replace")


def _encoded(content: bytes) -> bytes:
    pieces = (content[at : at + _LINE] for at in range(0, len(content), _LINE))
    return b"".join(base64.b64encode(piece) + b"\r\n" for piece in pieces)


# --- the mailbox ----------------------------------------------------------------------------------


def addressed(envelope: Envelope, mailbox: str) -> Envelope:
    """The envelope with `mailbox` sent to the reader of reports, not to a host.

    `mailbox` is canonical and in lower case: it is ours, so its case is ours to ignore.
    """
    ours = [one.address.canonical.lower() == mailbox for one in envelope.recipients]
    if not any(ours):
        return envelope
    recipients = tuple(
        replace(one, address=replace(one.address, domain=READER)) if mine else one
        for one, mine in zip(envelope.recipients, ours, strict=True)
    )
    return replace(envelope, recipients=recipients)


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoReport:
    """Why there is no report in something; in words for an operator."""

    reason: str


def unpack(content: bytes) -> bytes | NoReport:
    """JSON from what may be gzipped; never more than `MAX_UNPACKED` octets are made of it."""
    if not content.startswith(b"\x1f\x8b"):
        return content if len(content) <= MAX_UNPACKED else NoReport("it is too large")
    if len(content) > MAX_PACKED:
        return NoReport(f"it is larger than {MAX_PACKED} octets, packed")
    engine = zlib.decompressobj(wbits=31)
    try:
        unpacked = engine.decompress(content, MAX_UNPACKED + 1)
    except zlib.error:
        return NoReport("it is damaged: gzip cannot unpack it")
    if len(unpacked) > MAX_UNPACKED:
        return NoReport(f"it is larger than {MAX_UNPACKED} octets, unpacked")
    return unpacked if engine.eof else NoReport("it is damaged: its end is missing")


def extract(message: bytes) -> bytes | NoReport:
    """The JSON of the first report in a mail."""
    if len(message) > MAX_MAIL:
        return NoReport(f"the mail is larger than {MAX_MAIL} octets")
    for part in _parts(message, 0):
        if isinstance(part, NoReport):
            return part
        kind, encoding, body = part
        if kind in (GZIP_TYPE, JSON_TYPE):
            decoded = _decoded(body, encoding)
            return unpack(decoded) if isinstance(decoded, bytes) else decoded
    return NoReport("there is no TLS report in the mail")


_FIELD = re.compile(
    rb"^(content-type|content-transfer-encoding)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.I | re.M
)
_BOUNDARY = re.compile(r'boundary[ \t]*=[ \t]*(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))', re.I)
_MAX_HEADER = 64 * 1024

_Part = tuple[str, str, bytes]  # media type and transfer encoding in lower case, body as it came


def _parts(entity: bytes, depth: int) -> Iterator[_Part | NoReport]:
    """The leaves of a message or part."""
    end = header_end(entity[:_MAX_HEADER])
    if end < 0:
        return
    fields: dict[bytes, bytes] = {}
    for field in _FIELD.finditer(entity[:end]):
        fields.setdefault(field[1].lower(), field[2].replace(b"\r\n", b""))
    about = fields.get(b"content-type", b"text/plain").decode("latin-1")
    kind = about.partition(";")[0].strip().lower()
    if not kind.startswith("multipart/"):
        encoding = fields.get(b"content-transfer-encoding", b"7bit").decode("latin-1")
        yield kind, encoding.strip().lower(), entity[end:]
        return
    found = _BOUNDARY.search(about)
    if depth == _MAX_DEPTH or found is None:
        return
    boundary = (found[1] or found[2]).encode("latin-1")
    for number, piece in enumerate(_cut(entity[end - 2 :], boundary)):
        if number == _MAX_PARTS:
            yield NoReport(f"the mail has more than {_MAX_PARTS} parts")
            return
        yield from _parts(piece, depth + 1)


def _cut(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The parts between delimiter lines; `body` begins with the CRLF in front of the first."""
    delimiter = b"\r\n--" + boundary
    start = body.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        if body.startswith(b"--", start):
            return
        line_end = body.find(b"\r\n", start)
        if line_end < 0:
            return
        after = body.find(delimiter, line_end)
        # A part without header fields begins with its empty line.
        yield body[line_end + 2 : after if after >= 0 else len(body)]
        start = after


def _decoded(body: bytes, encoding: str) -> bytes | NoReport:
    match encoding:
        case "base64":
            try:
                return base64.b64decode(re.sub(rb"\s", b"", body), validate=True)
            except (binascii.Error, ValueError):
                return NoReport("it is damaged: its base64 cannot be read")
        case "7bit" | "8bit" | "binary":
            return body
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case _:
            return NoReport("its transfer encoding is not known")
