# SPDX-License-Identifier: Apache-2.0
"""Delivery status notifications: multipart/report as RFC 6522, 3464 and 6533 describe it.

The rule: a report is bounded, says what happened in plain words first and for machines second, and
gives back of the message only what its sender may see in clear. All text in it that came from
outside is cleaned, so that no reply or address can add a field, a part or a line. Reports go out
with the null sender and answer no report (RFC 5321 §6.1), so that two systems never bounce at each
other for ever.
"""

import re
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.mail.dates import header_date
from gatehouse.mail.dsn_text import OPENINGS, SUBJECTS, Action, advice
from gatehouse.mail.envelope import BodyType, Envelope, Notify, Recipient, Ret
from gatehouse.mail.headers import header_end
from gatehouse.mail.reply import Reply

MAX_COPY = 10 * 1024  # octets of the original given back: enough to know it again, no mail bomb
MAX_REPORT = 64 * 1024  # octets without that copy; in the order of Postfix's bounce_size_limit
RECIPIENTS_PER_REPORT = 14  # all of these fit into MAX_REPORT, whatever their texts
MAX_VALUE = 500  # octets of one foreign value; RFC 3461 §4.2 allows 500 for an original recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReport:
    """What became of one recipient."""

    recipient: Recipient
    action: Action
    status: str  # RFC 3463, "5.1.1"
    reason: str = ""  # our words, when there is no reply or in front of it
    reply: Reply | None = None  # what the remote server said
    remote_mta: str | None = None  # its name
    tls: bool = False  # TLS was the reason
    last_attempt: float | None = None
    retry_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DsnReport:
    """Everything a report is made of. `boundary` must be unguessable (128 bits of chance)."""

    hostname: str  # the reporting MTA
    sender: Address  # of the original message: gets the report
    recipients: tuple[RecipientReport, ...]
    message_id: str  # of the report, with < >
    boundary: str
    date: float
    arrival: float | None = None
    envid: str | None = None
    ret: Ret | None = None
    requiretls: bool = False
    smtputf8: bool = False  # of the original transaction
    original: bytes = b""  # its first octets, at least MAX_COPY if it has them
    original_size: int = 0
    max_copy: int = MAX_COPY  # a larger original goes back as headers only


def wanted(
    notify: frozenset[Notify] | None,
    action: Action,
    sender: Address | None,
    *,
    auto_submitted: bool = False,
) -> bool:
    """Whether a recipient's fate is reported (RFC 3461 §4.1, §5.2).

    Never to the null sender, never about a machine's or bulk mail: that is how bounces multiply.
    Without NOTIFY, failure and delay are reported. Relayed and expanded count as success.
    """
    if sender is None or auto_submitted:
        return False
    asked = frozenset({Notify.FAILURE, Notify.DELAY}) if notify is None else notify
    if action is Action.FAILED:
        return Notify.FAILURE in asked
    if action is Action.DELAYED:
        return Notify.DELAY in asked
    return Notify.SUCCESS in asked


def build(report: DsnReport) -> bytes:
    """The whole message, header and body, in CRLF lines."""
    if not _BOUNDARY.fullmatch(report.boundary):
        raise ValueError("a boundary is 1 to 70 characters of RFC 2046 §5.1.1")
    if not report.recipients:
        raise ValueError("a report is about somebody")
    utf8 = needs_smtputf8(report)
    words, fields = _bounded_parts(report, utf8)
    parts = [_header(report, utf8), _text_part(words), _status_part(fields, utf8)]
    copy = _copy_part(report, utf8)
    if copy and report.boundary.encode() not in copy:
        parts.append(copy)
    # RFC 2046 §5.1.1: the CRLF in front of a delimiter is part of it, not of the content.
    separator = f"\r\n--{report.boundary}\r\n".encode()
    return separator.join(parts) + f"\r\n--{report.boundary}--\r\n".encode()


def envelope(report: DsnReport, content: bytes) -> Envelope:
    """How the report travels: null sender, and no report about it (RFC 3461 §4.1, §5.2.4).

    A report about a message with REQUIRETLS needs the same protection (RFC 8689 §5): it names who
    wrote to whom.
    """
    target = Recipient(address=report.sender, notify=frozenset({Notify.NEVER}))
    return Envelope(
        sender=None,
        recipients=(target,),
        body=BodyType.SEVEN_BIT if content.isascii() else BodyType.EIGHT_BIT,
        smtputf8=needs_smtputf8(report),
        requiretls=report.requiretls,
    )


def needs_smtputf8(report: DsnReport) -> bool:
    """Whether the report needs the UTF-8 forms of RFC 6533.

    Only for a sender who used SMTPUTF8: nobody else's mailbox need understand them.
    """
    if report.sender.utf8:
        return True
    if not report.smtputf8:
        return False
    copied = report.original[:MAX_COPY]
    return (
        any(each.recipient.address.utf8 for each in report.recipients)
        or any(not (each.recipient.orcpt or "").isascii() for each in report.recipients)
        or not copied[: max(header_end(copied), 0) or MAX_COPY].isascii()
    )


# --- parts -----------------------------------------------------------------------------------

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,70}")
_ROOM_FOR_FRAME = 4 * 1024  # header, part headers, message fields: less than this


def _header(report: DsnReport, utf8: bool) -> bytes:
    kind = "global-delivery-status" if utf8 else "delivery-status"  # RFC 6522 §3, RFC 6533 §4
    host = _value(report.hostname, utf8)
    lines = [
        f"From: Mail Delivery System <MAILER-DAEMON@{host}>",
        f"To: <{_value(report.sender.text, utf8)}>",
        f"Subject: {SUBJECTS[_gravest(report)]}",
        f"Date: {header_date(report.date)}",
        f"Message-ID: {_value(report.message_id, utf8)}",
        "Auto-Submitted: auto-replied",  # RFC 3834 §3.1.7
        "MIME-Version: 1.0",
        f"Content-Type: multipart/report; report-type={kind};",
        f'\tboundary="{report.boundary}"',
    ]
    return _lines([*lines, "", "This is a report in MIME format."])


def _gravest(report: DsnReport) -> Action:
    actions = {each.action for each in report.recipients}
    return next(action for action in Action if action in actions)  # declared by gravity


def _text_part(words: list[str]) -> bytes:
    text = _lines(words)
    charset, encoding = ("us-ascii", "7bit") if text.isascii() else ("utf-8", "8bit")
    head = [
        f"Content-Type: text/plain; charset={charset}",
        f"Content-Transfer-Encoding: {encoding}",
    ]
    return _lines([*head, ""]) + text


def _status_part(fields: list[str], utf8: bool) -> bytes:
    kind = "message/global-delivery-status" if utf8 else "message/delivery-status"
    body = _lines(fields)
    head = [f"Content-Type: {kind}"]
    if not body.isascii():
        head.append("Content-Transfer-Encoding: 8bit")
    return _lines([*head, ""]) + body


def _bounded_parts(report: DsnReport, utf8: bool) -> tuple[list[str], list[str]]:
    """Words and fields for as many recipients as the report has room for."""
    words = [f"This is the mail gateway {_value(report.hostname, utf8)}.", ""]
    fields = _message_fields(report, utf8)
    room = MAX_REPORT - _ROOM_FOR_FRAME
    listed = 0
    for action in Action:
        group = [each for each in report.recipients if each.action is action]
        opening = [OPENINGS[action], ""]
        for each in group:
            new_words, new_fields = _recipient_words(each, utf8), _recipient_fields(each, utf8)
            room -= len(_lines(new_words)) + len(_lines(new_fields))
            if room < 0:
                words.append(f"{len(report.recipients) - listed} more are not listed here.")
                return words, fields
            words += opening + new_words
            fields += new_fields
            opening = []
            listed += 1
    return words, fields


def _recipient_words(each: RecipientReport, utf8: bool) -> list[str]:
    answer = "" if each.reply is None else _reply_text(each.reply)
    why = _value(": ".join(part for part in (each.reason, answer) if part), utf8)
    what_to_do = advice(each.action, each.status, tls=each.tls)
    lines = [f"<{_value(each.recipient.address.text, utf8)}>"]
    if each.remote_mta:
        lines.append(f"  Where: mail server {_value(each.remote_mta, utf8)}")
    if why:
        lines.append(f"  Why: {why} (status {_value(each.status, utf8)})")
    if each.tls:
        lines.append("  Encryption: this mail must travel over TLS, and TLS was the reason.")
    if each.action is Action.DELAYED and each.retry_until is not None:
        lines.append(f"  Tried until: {header_date(each.retry_until)}")
    if what_to_do:
        lines.append(f"  What to do: {what_to_do}")
    return [*lines, ""]


def _message_fields(report: DsnReport, utf8: bool) -> list[str]:
    """RFC 3464 §2.2."""
    fields = []
    if report.envid:
        fields.append(f"Original-Envelope-Id: {_value(report.envid, utf8)}")
    fields.append(f"Reporting-MTA: dns; {_value(report.hostname, utf8)}")
    if report.arrival is not None:
        fields.append(f"Arrival-Date: {header_date(report.arrival)}")
    return [*fields, ""]


def _recipient_fields(each: RecipientReport, utf8: bool) -> list[str]:
    """RFC 3464 §2.3, in its order."""
    address = each.recipient.address
    fields = []
    if each.recipient.orcpt is not None:
        fields.append(f"Original-Recipient: {_value(each.recipient.orcpt, utf8)}")
    kind = "utf-8" if address.utf8 else "rfc822"
    fields.append(f"Final-Recipient: {kind}; {_value(address.text, utf8)}")
    fields.append(f"Action: {each.action.value}")
    fields.append(f"Status: {_value(each.status, utf8)}")
    if each.remote_mta:
        fields.append(f"Remote-MTA: dns; {_value(each.remote_mta, utf8)}")
    if each.reply is not None:
        fields.append(f"Diagnostic-Code: smtp; {_value(_reply_text(each.reply), utf8)}")
    elif each.reason:
        fields.append(f"Diagnostic-Code: x-gatehouse; {_value(each.reason, utf8)}")
    if each.last_attempt is not None:
        fields.append(f"Last-Attempt-Date: {header_date(each.last_attempt)}")
    if each.action is Action.DELAYED and each.retry_until is not None:
        fields.append(f"Will-Retry-Until: {header_date(each.retry_until)}")
    return [*fields, ""]


def _copy_part(report: DsnReport, utf8: bool) -> bytes:
    """What goes back of the original: all of it, or its headers, or nothing."""
    if not report.original:
        return b""
    whole = (
        # RFC 3461 §4.3: RET is about failures; every other report gives back headers.
        _gravest(report) is Action.FAILED
        and report.ret is not Ret.HDRS
        and not report.requiretls  # RFC 8689 §5: the way back may be in clear
        and report.original_size <= report.max_copy
        and len(report.original) == report.original_size
    )
    if whole:
        kind = "message/global" if utf8 else "message/rfc822"
        content = report.original
    else:
        kind = "message/global-headers" if utf8 else "text/rfc822-headers"
        content = _header_lines(report.original)
    content = _clean_lines(content)
    head = [f"Content-Type: {kind}"]
    if not content.isascii():
        head.append("Content-Transfer-Encoding: 8bit")
    return _lines([*head, ""]) + content


def _header_lines(original: bytes) -> bytes:
    """The header block without its blank line, cut behind a whole line at MAX_COPY."""
    if original.startswith(b"\r\n"):
        return b""
    end = header_end(original)
    if 0 <= end <= MAX_COPY:
        return original[: end - 2]
    cut = original[:MAX_COPY]
    return cut[: cut.rfind(b"\r\n") + 2]


# --- foreign text ----------------------------------------------------------------------------

_LONE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def _clean_lines(content: bytes) -> bytes:
    """Mail as it may go out on the wire: no NUL, no lone CR or LF, a line end at the end."""
    content = _LONE_LINE_END.sub(b" ", content.replace(b"\0", b" "))
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _value(text: str, utf8: bool) -> str:
    """Foreign text as part of one line: printable, bounded, ASCII unless the report is UTF-8."""
    clean = "".join([_character(char, utf8) for char in text[:MAX_VALUE]]).strip()
    if len(clean.encode()) <= MAX_VALUE:
        return clean
    return clean.encode()[: MAX_VALUE - 3].decode("utf-8", "ignore") + "..."


def _character(char: str, utf8: bool) -> str:
    if char.isprintable() and (utf8 or char.isascii()):
        return char
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return " "
    return f"\\x{{{code:X}}}"  # RFC 6533 §3, readable in every charset


def _reply_text(reply: Reply) -> str:
    status = "" if reply.enhanced is None else f"{reply.enhanced} "
    return f"{reply.code} {status}{' '.join(reply.lines)}"


def _lines(lines: list[str]) -> bytes:
    return "".join([f"{line}\r\n" for line in lines]).encode()
