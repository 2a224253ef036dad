# SPDX-License-Identifier: Apache-2.0
"""The Received field that we put on top of every message (RFC 5321 §4.4).

The rule: what the peer told us (its name, its reverse name) is reduced to characters that cannot
end the comment or the line it stands in, so ``HELO a) by evil (`` forges no trace. A greeting that
is no plain name stands quoted in the comment, and the address that we saw takes its place.
"""

import re
from functools import lru_cache
from typing import Protocol

from gatehouse.mail.address import Address

MAX_SHOWN = 255  # RFC 5321 §4.5.3.1.2: a longer greeting or reverse name is no domain


class TlsSummary(Protocol):
    """What the field says about TLS; a handshake report has it."""

    @property
    def protocol(self) -> str:
        """Like ``TLSv1.3``."""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher."""

    @property
    def group(self) -> str | None:
        """The key exchange group, if there was one and its name is known."""


# The field is its eleven parts. A value object around them would be built once per message and cost
# more time than the field itself.
def received_header(  # noqa: PLR0913
    *,
    helo: str,
    client_host: str | None,
    client_ip: str,
    hostname: str,
    smtputf8: bool,
    extended: bool,
    tls: TlsSummary | None,
    authenticated: bool = False,
    mid: int,
    recipient: Address | None,
    date: bytes,
) -> bytes:
    """The whole field with its CRLF.

    `client_host`: the verified reverse name. `recipient`: only if the message has exactly one, else
    the field tells each recipient about the others. `date`: RFC 5322 §3.3, as bytes.
    """
    summary = None if tls is None else (tls.protocol, tls.cipher, tls.group)
    before = _before_id(helo, client_host, client_ip, hostname)
    word = _protocol_word(smtputf8, extended, tls is not None, authenticated)
    comment = b"" if summary is None else _tls_comment(summary)
    target = b"" if recipient is None else _for_clause(recipient, smtputf8)
    return b"%b%b id %d%b%b; %b\r\n" % (before, word, mid, comment, target, date)


@lru_cache(maxsize=256)  # the same for all messages of a session and, mostly, of a peer
def _before_id(helo: str, client_host: str | None, client_ip: str, hostname: str) -> bytes:
    literal = f"[IPv6:{client_ip}]" if ":" in client_ip else f"[{client_ip}]"
    host = "unknown" if client_host is None else _safe(client_host)
    seen = f"{host} {literal}"
    if not _NAME.fullmatch(helo) and helo.lower() != literal.lower():
        helo, seen = literal, f'HELO "{_safe(helo)}" {seen}'
    text = f"Received: from {helo} ({seen})\r\n\tby {_safe(hostname)} (Gatehouse) with "
    return text.encode("ascii")


_NAME = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:\[\]-]")


def _safe(text: str) -> str:
    """Foreign text without anything that means something in a header."""
    return _UNSAFE.sub("?", text[:MAX_SHOWN])


def _protocol_word(smtputf8: bool, extended: bool, tls: bool, authenticated: bool) -> bytes:
    if not extended and not smtputf8:
        return b"SMTP"
    word = b"UTF8SMTP" if smtputf8 else b"ESMTP"  # RFC 6531 §4.3
    # RFC 3848: S for TLS, A for AUTH, in this order. Who it was is nobody else's business.
    return word + (b"S" if tls else b"") + (b"A" if authenticated else b"")


@lru_cache(maxsize=64)
def _tls_comment(summary: tuple[str, str, str | None]) -> bytes:
    protocol, cipher, group = summary
    text = f"version={_safe(protocol)} cipher={_safe(cipher)}"
    if group is not None:
        text += f" group={_safe(group)}"
    return f"\r\n\t({text})".encode("ascii")


def _for_clause(recipient: Address, smtputf8: bool) -> bytes:
    """Left out for what needs quotes (they hide anything) or what the header may not hold."""
    if recipient.local.startswith('"') or (recipient.utf8 and not smtputf8):
        return b""
    return b"\r\n\tfor <%b>" % recipient.text.encode()
