# SPDX-License-Identifier: Apache-2.0
"""The envelope as commands, in the words this server offers; or the reason why it cannot go there.

A message is passed on as it is or not at all: 8-bit content goes only to a server with 8BITMIME
(RFC 6152 §3, without it 5.6.3), an internationalised address only to one with SMTPUTF8 (RFC 6531
§3.2, without it 5.6.7), except that a domain has an ASCII form and that form is used. What a server
without DSN cannot be told is left out, and the caller learns it (RFC 3461 §5.2.2).
"""

import re
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Envelope, Notify, Recipient
from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_limits
from gatehouse.smtp.capabilities import Capabilities
from gatehouse.smtp.client_events import Refused
from gatehouse.smtp.client_states import Step

NOBODY = -1  # the recipient index of a command that is not about one recipient

Command = tuple[bytes, Step, int]  # the line, what it waits for, whom it is about

RSET: Command = (b"RSET\r\n", Step.RSET, NOBODY)
DATA: Command = (b"DATA\r\n", Step.DATA, NOBODY)

_NOTIFY_ORDER = (Notify.NEVER, Notify.SUCCESS, Notify.FAILURE, Notify.DELAY)
_XTEXT_UNSAFE = re.compile(r"[^!-*,-<>-~]")  # RFC 3461 §4, xchar: printable ASCII but "+" and "="
_UNITEXT_UNSAFE = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 §3, QCHAR: without "\" as well


class ImpureCommand(Exception):
    """A command that would be more or less than one line: a broken contract of whoever made its
    parts.
    """


@dataclass(slots=True, kw_only=True)  # not frozen: made for each message, and never leaves here
class Content:
    """What the caller knows of the message beside its envelope."""

    size: int  # octets, as SIZE= counts them: before dot-stuffing (RFC 1870 §5)
    eight_bit: bool  # there is an octet above 127 in it
    utf8_headers: bool  # its header may hold UTF-8; counts only where the envelope says SMTPUTF8


@dataclass(slots=True)  # as above
class Plan:
    """The commands in their order, and the recipients that this server cannot be told of."""

    commands: list[Command]
    unreachable: tuple[tuple[int, Reply], ...]


def plan_commands(
    envelope: Envelope, content: Content, offers: Capabilities, *, tls_active: bool
) -> Plan | Refused:
    """MAIL, a RCPT for each recipient, DATA; MAIL alone where nobody is named, which asks about the
    sender.
    """
    refusal = _refusal(envelope, content, offers, tls_active=tls_active)
    if refusal is not None:
        return Refused(refusal)
    utf8 = offers.smtputf8 and _wants_utf8(envelope, content)
    commands = [_mail(envelope, content, offers, utf8=utf8)]
    unreachable = []
    for index, recipient in enumerate(envelope.recipients):
        if not utf8 and _needs_utf8(recipient.address):
            unreachable.append((index, _NO_SMTPUTF8))
        else:
            commands.append((_rcpt(recipient, utf8=utf8, dsn=offers.dsn), Step.RCPT, index))
    if not envelope.recipients:
        return Plan(commands, ())
    if len(commands) == 1:
        return Refused(_NO_SMTPUTF8)
    commands.append(DATA)
    return Plan(commands, tuple(unreachable))


def join_lines(commands: list[Command]) -> bytes:
    """The commands as wire: each of them exactly one line, whatever its parts were made of."""
    wire = b"".join([line for line, _, _ in commands])
    count = len(commands)
    if wire.count(b"\n") != count or wire.count(b"\r") != count or b"\0" in wire:
        raise ImpureCommand("a command holds a line end or a NUL")
    return wire


_NO_8BITMIME = Reply(554, "5.6.3", ("8-bit content, and the next server does not offer 8BITMIME",))
_NO_SMTPUTF8 = Reply(
    553, "5.6.7", ("Internationalized address or header, and the next server has no SMTPUTF8",)
)
_NO_REQUIRETLS = Reply(
    550, "5.7.30", ("REQUIRETLS was asked for, and the next server does not support it",)
)


def _refusal(
    envelope: Envelope, content: Content, offers: Capabilities, *, tls_active: bool
) -> Reply | None:
    """Why nobody of this envelope can get this message here."""
    if offers.size is not None and content.size > offers.size:
        text = f"Message of {content.size} octets, and the next server takes at most {offers.size}"
        return Reply(552, "5.3.4", (text,))
    if content.eight_bit and not offers.eightbitmime:
        return _NO_8BITMIME
    # RFC 8689 §4.2.1: only under TLS, and only to a server that promises to keep it so.
    if envelope.requiretls and not (tls_active and offers.requiretls):
        return _NO_REQUIRETLS
    if not offers.smtputf8 and (
        (envelope.smtputf8 and content.utf8_headers)
        or (envelope.sender is not None and _needs_utf8(envelope.sender))
    ):
        return _NO_SMTPUTF8
    return None


def _wants_utf8(envelope: Envelope, content: Content) -> bool:
    """Whether something of the message is better said with SMTPUTF8; plain mail stays plain."""
    return (
        (envelope.smtputf8 and content.utf8_headers)
        or (envelope.sender is not None and envelope.sender.utf8)
        or any([recipient.address.utf8 for recipient in envelope.recipients])
    )


def _needs_utf8(address: Address) -> bool:
    """A domain has an ASCII form, a local part has none (RFC 6531 §3.2)."""
    return address.utf8 and not address.local.isascii()


def _path(address: Address, *, utf8: bool) -> str:
    if utf8 or not address.utf8:
        return address.text
    return f"{address.local}@{address.domain}"


def _mail(envelope: Envelope, content: Content, offers: Capabilities, *, utf8: bool) -> Command:
    line = (
        "MAIL FROM:<>"
        if envelope.sender is None
        else f"MAIL FROM:<{_path(envelope.sender, utf8=utf8)}>"
    )
    if offers.size_offered:
        line += f" SIZE={content.size}"
    if content.eight_bit:
        line += " BODY=8BITMIME"
    if utf8:
        line += " SMTPUTF8"
    if envelope.requiretls:
        line += " REQUIRETLS"
    if offers.dsn:
        if envelope.ret is not None:
            line += f" RET={envelope.ret.value}"
        if envelope.envid is not None:
            line += f" ENVID={_xtext(envelope.envid)}"
    return f"{line}\r\n".encode(), Step.MAIL, NOBODY


def _rcpt(recipient: Recipient, *, utf8: bool, dsn: bool) -> bytes:
    line = f"RCPT TO:<{_path(recipient.address, utf8=utf8)}>"
    if dsn:
        if recipient.notify:
            words = [word.value for word in _NOTIFY_ORDER if word in recipient.notify]
            line += f" NOTIFY={','.join(words)}"
        line += _orcpt(recipient)
    return f"{line}\r\n".encode()


def _orcpt(recipient: Recipient) -> str:
    """The original recipient as it came, or else the recipient as we know it (RFC 3461 §5.2.1)."""
    kind, _, text = (recipient.orcpt or f"rfc822;{recipient.address.text}").partition(";")
    if text.isascii():
        parameter = f" ORCPT={_xtext(kind)};{_xtext(text)}"
    else:
        # RFC 6533 §3: \x{HEX} per character; this form is for servers with SMTPUTF8 or without.
        coded = _UNITEXT_UNSAFE.sub(lambda found: f"\\x{{{ord(found[0]):X}}}", text)
        parameter = f" ORCPT=utf-8;{coded}"
    return parameter if len(parameter) <= client_limits.MAX_ORCPT else ""


def _xtext(text: str) -> str:
    """RFC 3461 §4: characters with a meaning of their own as `+HH`."""
    return _XTEXT_UNSAFE.sub(
        lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), text
    )
