# SPDX-License-Identifier: Apache-2.0
"""Where a domain wants its TLS reports: the TXT record at `_smtp._tls.DOMAIN` (RFC 8460 §3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gatehouse.mail import address

RECORD_LABEL = "_smtp._tls"
MAX_TARGETS = 5  # our own: one report is not multiplied without end by a stranger's record
_MAX_RECORD_CHARACTERS = 4096
_OURS = re.compile(r"v=TLSRPTv1[ \t]*(;|$)")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x20-\x3a\x3c-\x7e]+")


@dataclass(frozen=True, slots=True)
class MailTarget:
    """Reports go to a mailbox."""

    address: address.Address


@dataclass(frozen=True, slots=True)
class HttpsTarget:
    """Reports are posted to a URL; whoever posts judges it (`policy.fetch_targets`)."""

    url: str


Target = MailTarget | HttpsTarget


def parse_record(texts: Sequence[str]) -> tuple[Target, ...]:
    """The targets of the one valid record among the texts; none where there is not one.

    A target that cannot be used is passed over: the others may be good (§3: they all get it).
    """
    ours = [text for text in texts if _OURS.match(text)]
    if len(ours) != 1 or len(ours[0]) > _MAX_RECORD_CHARACTERS:
        return ()
    fields = [field.strip(" \t") for field in ours[0].split(";")]
    if fields[-1] == "":
        del fields[-1]
    if not all(_FIELD.fullmatch(field) for field in fields):
        return ()
    rua = next((field[4:] for field in fields[1:] if field.startswith("rua=")), "")
    found = [_target(uri.strip(" \t")) for uri in rua.split(",")]
    unique = dict.fromkeys(one for one in found if one is not None)
    return tuple(unique)[:MAX_TARGETS]


def _target(uri: str) -> Target | None:
    scheme, _, rest = uri.partition(":")
    match scheme.lower():
        case "mailto":
            # A query could set header fields (RFC 6068 §2); none of it is a report's business.
            mailbox = address.parse_mailbox(_unquoted(rest.partition("?")[0]))
            if isinstance(mailbox, address.AddressFault) or mailbox.utf8:
                return None
            return MailTarget(mailbox)
        case "https":
            return HttpsTarget(uri)
        case _:
            return None


def _unquoted(text: str) -> bytes:
    """Percent encoding taken away (RFC 3986 §2.1)."""
    return _PERCENT.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("ascii"))
