# SPDX-License-Identifier: Apache-2.0
"""MAIL and RCPT of the server engine (RFC 5321 §4.1.1.2, §4.1.1.3).

Rule: what the driver is asked about has passed the grammar, the parameters and the limits. The
plain form that nearly everybody sends takes one match; whatever differs is read with care.
"""

from gatehouse.mail.address import (
    NEEDS_SMTPUTF8,
    Address,
    AddressFault,
    parse_bare,
    parse_forward_path,
    parse_reverse_path,
)
from gatehouse.mail.envelope import BodyType, Recipient
from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.extensions import NO_PARAMETERS, mail_params, recipient_params
from gatehouse.smtp.server_content import ContentServer
from gatehouse.smtp.server_events import MailFrom, MailParams, RcptTo, Refusal
from gatehouse.smtp.server_settings import ServerSettings
from gatehouse.smtp.server_states import Happening

# Looking a member up in its enum costs more than using it (Python 3.11), hence these.
_SENDER = Happening.SENDER
_RECIPIENT = Happening.RECIPIENT

_BODIES = {b"7BIT": BodyType.SEVEN_BIT, b"8BITMIME": BodyType.EIGHT_BIT}


class EnvelopeServer(ContentServer):
    """A session that can open a mail transaction."""

    __slots__ = ("_recipients", "_refused_recipients", "_smtputf8")

    def __init__(self, settings: ServerSettings, *, tls_active: bool = False) -> None:
        super().__init__(settings, tls_active=tls_active)
        self._smtputf8 = False
        self._recipients = 0
        self._refused_recipients = 0

    def _mail(self, line: bytes) -> None:
        self._excused = limits.FOLLOW_ON_REFUSALS  # until it is accepted
        match = grammar.PLAIN_MAIL.fullmatch(line)
        if match is not None:
            path, size, body = match.groups()
            if size is None and body is None:
                params = NO_PARAMETERS
            else:
                kind = None if body is None else _BODIES[body.upper()]
                params = MailParams(size=None if size is None else int(size), body=kind)
        else:
            careful = self._mail_with_care(line)
            if careful is None:
                return
            path, params = careful
        sender = parse_reverse_path(path)
        if isinstance(sender, AddressFault) and self._settings.accept_bare_addresses:
            sender = parse_bare(path) or sender
        if sender is not None and not isinstance(sender, AddressFault):
            if sender.utf8 and not params.smtputf8:
                sender = NEEDS_SMTPUTF8
        if isinstance(sender, AddressFault):
            self._refuse_address(Refusal.SENDER, sender)
        elif params.size is not None and params.size > self._settings.max_message_size:
            self._refuse(Refusal.SIZE, line, replies.TOO_LARGE)
        else:
            self._smtputf8 = params.smtputf8
            self._events.append(MailFrom(sender, params))
            self._question = EnvelopeServer._mail_answered

    def _mail_with_care(self, line: bytes) -> tuple[bytes, MailParams] | None:
        parts = grammar.split_path(line[10:]) if line[5:10].upper() == b"FROM:" else None
        if parts is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_SYNTAX)
            return None
        path, text = parts
        if not text:
            return path, NO_PARAMETERS
        settings = self._settings
        params = mail_params(
            text,
            smtputf8=settings.offer_smtputf8,
            auth=bool(settings.auth_mechanisms),
            requiretls=self.tls_active,
        )
        if isinstance(params, Reply):
            self._refuse(Refusal.PARAMETER, line, params)
            return None
        return path, params

    def _refuse_address(self, kind: Refusal, fault: AddressFault) -> None:
        code = 553 if fault.enhanced == NEEDS_SMTPUTF8.enhanced else 501  # RFC 6531 §3.5
        self._refuse(kind, fault.reason, Reply(code, fault.enhanced, (fault.reason,)))

    def _mail_answered(self, reply: Reply | None) -> None:
        if reply is not None and not reply.positive:
            self._declined(reply)
            return
        self._out.append(replies.SENDER_OK if reply is None else reply.wire())
        self._move(_SENDER)
        self._excused = self._recipients = self._refused_recipients = 0

    def _rcpt(self, line: bytes) -> None:
        settings = self._settings
        if max(self._recipients, self._refused_recipients) >= settings.max_recipients:
            self._refuse(Refusal.RECIPIENTS, line, replies.TOO_MANY_RECIPIENTS)
            return
        match = grammar.PLAIN_RCPT.fullmatch(line)
        if match is not None:
            address = self._forward_path(match[1])
            if not isinstance(address, AddressFault):
                self._events.append(RcptTo(Recipient(address=address)))
                self._question = EnvelopeServer._rcpt_answered
                return
            self._refuse_address(Refusal.RECIPIENT, address)
            return
        self._rcpt_with_care(line)

    def _rcpt_with_care(self, line: bytes) -> None:
        parts = grammar.split_path(line[8:]) if line[5:8].upper() == b"TO:" else None
        if parts is None:
            self._refuse(Refusal.SYNTAX, line, replies.BAD_SYNTAX)
            return
        path, text = parts
        address = self._forward_path(path)
        if not isinstance(address, AddressFault) and address.utf8 and not self._smtputf8:
            address = NEEDS_SMTPUTF8
        if isinstance(address, AddressFault):
            self._refuse_address(Refusal.RECIPIENT, address)
            return
        notify = orcpt = None
        if text:
            params = recipient_params(text, smtputf8=self._smtputf8)
            if isinstance(params, Reply):
                self._refuse(Refusal.PARAMETER, line, params)
                return
            notify, orcpt = params.notify, params.orcpt
        self._events.append(RcptTo(Recipient(address=address, notify=notify, orcpt=orcpt)))
        self._question = EnvelopeServer._rcpt_answered

    def _forward_path(self, path: bytes) -> Address | AddressFault:
        address = parse_forward_path(path)
        if isinstance(address, AddressFault) and self._settings.accept_bare_addresses:
            return parse_bare(path) or address
        return address

    def _rcpt_answered(self, reply: Reply | None) -> None:
        if reply is not None and not reply.positive:
            self._refused_recipients += 1
            self._declined(reply, counted=False)  # has its own limit, above
            return
        self._recipients += 1
        self._out.append(replies.RECIPIENT_OK if reply is None else reply.wire())
        self._move(_RECIPIENT)
