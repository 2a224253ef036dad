# SPDX-License-Identifier: Apache-2.0
"""Mail addresses: strict parsing of what stands between ``<`` and ``>``, and canonical domains.

The rule: an address is taken exactly as RFC 5321 §4.1.2 and §4.1.3 (with RFC 6531 §3.3 for UTF-8)
describe it, or it is refused with a reason. Nothing is repaired or guessed, since two readers who
disagree about an address are an attack (CVE-2023-27043). The text is kept as the peer wrote it;
policy compares `Address.domain`, which is the same for every spelling of a domain.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

MAX_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1, octets
MAX_DOMAIN = 253  # RFC 1035 §2.3.4: 255 octets in DNS form are 253 characters in text form
MAX_LABEL = 63  # RFC 1035 §2.3.4
MAX_MAILBOX = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets with its < and > (erratum 1690)
MAX_SHOWN = 60  # how much of a refused text an operator gets to see


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox that passed the grammar. The null sender is None, never an empty Address."""

    text: str  # as the peer wrote it, without < >
    local: str  # the local part as written, quotes kept
    domain: str  # canonical A-labels, "[192.0.2.1]" or "[IPv6:...]"; "" only for bare Postmaster
    utf8: bool  # True when the text needs SMTPUTF8

    def __str__(self) -> str:
        return self.text

    @property
    def canonical(self) -> str:
        """One spelling for one mailbox: quotes only where needed, NFC, canonical domain."""
        local = unquoted_local(self.local)
        if not _DOT_STRING.fullmatch(local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        local = unicodedata.normalize("NFC", local)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def ascii_text(self) -> str | None:
        """The spelling for a server without SMTPUTF8, or None when there is none (RFC 6531)."""
        if not self.utf8:
            return self.text
        return f"{self.local}@{self.domain}" if self.local.isascii() else None


@dataclass(frozen=True, slots=True)
class AddressFault:
    """Why a text is no address; `reason` is bounded and escaped, safe in a log and a reply."""

    reason: str
    enhanced: str  # RFC 3463: "5.1.3" recipient syntax, "5.1.7" sender syntax, "5.6.7" needs UTF-8


NEEDS_SMTPUTF8 = AddressFault("Non-ASCII address without SMTPUTF8", "5.6.7")  # RFC 6531 §3.5

# RFC 5321 §4.1.2: Dot-string = Atom *("." Atom), sub-domain = Let-dig [Ldh-str]. A last label that
# is a number is no name but a disguised IPv4 address (2130706433, 0x7f000001).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LDH = re.compile(_LABEL)
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
# The plain case in one pass: possessive, so linear on any input. What may be a number or an A-label
# goes the slow way.
_PLAIN_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}+(?<!-)"
_PLAIN = re.compile(
    rf"({_ATOM}+(?:\.{_ATOM}+)*+)@(?:{_PLAIN_LABEL}\.)*+(?![0-9]){_PLAIN_LABEL}".encode()
)
_PLAIN_DOMAIN = re.compile(rf"(?:{_PLAIN_LABEL}\.)*+(?![0-9]){_PLAIN_LABEL}")
_ATOM_UTF8 = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_STRING = re.compile(rf"{_ATOM_UTF8}(?:\.{_ATOM_UTF8})*")
_NO_ATOM_CHARACTER = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff.-]")
_NO_DOMAIN_CHARACTER = re.compile(r"[^A-Za-z0-9.\x80-\U0010ffff-]")
# qtextSMTP and quoted-pairSMTP, with UTF-8 as qtext (RFC 6531 §3.3).
_QUOTED_STRING = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"')
_QUOTED_PAIR = re.compile(r"\\(.)")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Characters that nobody sees or that turn the text around: soft hyphen, bidi marks, embeddings,
# overrides and isolates, zero width space, line and paragraph separators, invisible operators,
# BOM, interlinear marks, tags, other blanks, noncharacters.
_DECEPTIVE = re.compile(
    "[\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200b\u200e\u200f"
    "\u2028-\u202f\u205f-\u206f\u3000\u3164\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Only in a domain: IDNA mapping would drop variation selectors and turn other dots into dots.
_DECEPTIVE_IN_DOMAIN = re.compile("[\u3002\ufe00-\ufe0f\uff0e\uff61]")

_RECIPIENT_SYNTAX = "5.1.3"
_SENDER_SYNTAX = "5.1.7"


def parse_mailbox(raw: bytes) -> Address | AddressFault:
    """Parse a Mailbox: what stands between ``<`` and ``>``, without source route."""
    if len(raw) > MAX_MAILBOX:  # in front of the cache, which must stay small
        return AddressFault(f"Address too long: {len(raw)} octets", _RECIPIENT_SYNTAX)
    return _parse_plain(raw) or _parse_strictly(raw)


def parse_forward_path(raw: bytes) -> Address | AddressFault:
    """Parse the path of RCPT: a mailbox, or bare Postmaster (RFC 5321 §4.1.1.3)."""
    if len(raw) == 10 and raw.lower() == b"postmaster":
        text = raw.decode("ascii")
        return Address(text, text, "", False)
    return parse_mailbox(raw)


def parse_reverse_path(raw: bytes) -> Address | AddressFault | None:
    """Parse the path of MAIL: a mailbox, or None for the null sender ``<>``."""
    if not raw:
        return None
    parsed = parse_mailbox(raw)
    if isinstance(parsed, AddressFault):
        return AddressFault(parsed.reason, _SENDER_SYNTAX)
    return parsed


def parse_bare(raw: bytes) -> Address | None:
    """A local part alone, as programs on the inside write it; None for anything else.

    It is no mailbox (RFC 5321 §4.1.2): only a listener with a default domain makes it one.
    """
    parsed = parse_mailbox(raw + b"@bare.invalid")
    if isinstance(parsed, AddressFault):
        return None
    return Address(parsed.local, parsed.local, "", not parsed.local.isascii())


def parse_domain(text: str) -> str | None:
    """Canonical form of a domain or address literal; None when it is neither.

    One trailing dot is allowed here (operators and DNS write absolute names), not in a mailbox.
    """
    name = text[:-1] if text.endswith(".") else text
    if not name or len(name) > MAX_DOMAIN or text.endswith("]."):
        return None
    folded = name.lower()
    if _PLAIN_DOMAIN.fullmatch(name) and "xn--" not in folded:
        return folded  # nearly all of a long table
    try:
        return _canonical_domain(name)
    except _Refused:
        return None


def routing_characters(address: Address) -> bool:
    """True when the local part could make a next hop route the mail on (RFC 5321 §3.6.1, §3.7).

    Percent hack, bang path and an ``@`` inside quotes are valid syntax, but a relay that delivers
    them lets strangers use the server behind it as an open relay.
    """
    local = address.local
    return "%" in local or "!" in local or "@" in local


def unquoted_local(local: str) -> str:
    """The local part's meaning: quotes and quoted pairs removed (RFC 5321 §4.1.2)."""
    if not local.startswith('"'):
        return local
    return _QUOTED_PAIR.sub(r"\1", local[1:-1])


def shown(text: str) -> str:
    """Foreign text for an operator: quoted, escaped to printable ASCII and bounded."""
    cut = text[:MAX_SHOWN]
    escaped = "".join(
        char if char.isascii() and char.isprintable() else _escape(char)
        for char in cut.replace("\\", "\\\\").replace("'", "\\'")
    )
    return f"'{escaped}'" + ("..." if len(text) > MAX_SHOWN else "")


class _Refused(Exception):
    """Leaves the parser from any depth; never leaves this module."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


@lru_cache(maxsize=2048)  # mail repeats its addresses; at 254 octets a key, under 2 MB when full
def _parse_plain(raw: bytes) -> Address | None:
    """The path of nearly every message: an ASCII Dot-string at plain labels; else None."""
    plain = _PLAIN.fullmatch(raw)
    if plain is None:
        return None
    text = raw.decode("ascii")
    at = plain.end(1)
    domain = text[at + 1 :].lower()
    if at > MAX_LOCAL_PART or "xn--" in domain:
        return None
    return Address(text, text[:at], domain, False)


def _parse_strictly(raw: bytes) -> Address | AddressFault:
    """Everything but the plain case: quoted strings, literals, UTF-8, and all refusals."""
    try:
        return _parse_slowly(raw)
    except _Refused as refused:
        return AddressFault(refused.reason, _RECIPIENT_SYNTAX)


def _parse_slowly(raw: bytes) -> Address:
    if not raw:
        raise _Refused("Empty address")
    text = _decode(raw)
    local, rest = _split_local_part(text)
    if len(local.encode()) > MAX_LOCAL_PART:
        raise _Refused(f"Local part too long: {len(local.encode())} octets")
    if not rest.startswith("@"):
        if rest:
            raise _Refused(f"Invalid character in address: {shown(rest[0])}")
        raise _Refused(f"Missing domain in address: {shown(text)}")
    return Address(text, local, _canonical_domain(rest[1:]), not text.isascii())


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8", "strict")  # refuses surrogates and overlong forms (RFC 3629)
    except UnicodeDecodeError as error:
        bad = raw[error.start : error.start + 1].decode("latin-1")
        raise _Refused(f"Invalid UTF-8 in address: {shown(bad)}") from None
    deceptive = _CONTROL.search(text) or _DECEPTIVE.search(text)
    if deceptive:
        raise _Refused(f"Invalid character in address: {shown(deceptive[0])}")
    return text


def _split_local_part(text: str) -> tuple[str, str]:
    """Local part and the rest, which begins with ``@`` in a good address."""
    if text.startswith('"'):
        quoted = _QUOTED_STRING.match(text)
        if quoted is None:
            raise _Refused(f"Unterminated quoted string in address: {shown(text)}")
        return quoted[0], text[quoted.end() :]
    if text.startswith("@"):
        # RFC 5321 §4.1.1.3 lets us refuse source routes; honouring one is relaying (appendix C).
        what = "Source route not accepted" if ":" in text else "Empty local part in address"
        raise _Refused(f"{what}: {shown(text)}")
    local, at, domain = text.partition("@")
    odd = _NO_ATOM_CHARACTER.search(local)
    if odd:
        raise _Refused(f"Invalid character in address: {shown(odd[0])}")
    if not _DOT_STRING.fullmatch(local):
        raise _Refused(f"Misplaced dot in address: {shown(local)}")
    return local, at + domain


def _canonical_domain(domain: str) -> str:
    if domain.startswith("["):
        return _canonical_literal(domain)
    odd = (
        _NO_DOMAIN_CHARACTER.search(domain)
        or _CONTROL.search(domain)
        or _DECEPTIVE.search(domain)
        or _DECEPTIVE_IN_DOMAIN.search(domain)
    )
    if odd:
        raise _Refused(f"Invalid character in address: {shown(odd[0])}")
    labels = [_canonical_label(label, domain) for label in domain.split(".")]
    if _NUMERIC.fullmatch(labels[-1]):
        raise _Refused(f"Numeric domain: {shown(domain)}")
    canonical = ".".join(labels)
    if len(canonical) > MAX_DOMAIN:
        raise _Refused(f"Domain too long: {len(canonical)} octets")
    return canonical


def _canonical_label(label: str, domain: str) -> str:
    if label.isascii():
        if len(label) > MAX_LABEL:
            raise _Refused(f"Label too long in domain: {len(label)} octets")
        if not _LDH.fullmatch(label):
            raise _Refused(f"Invalid domain: {shown(domain)}")
        label = label.lower()
        if not label.startswith("xn--"):
            return label
    try:
        # IDNA 2008 with the mapping of UTS 46, non-transitional: "ß" stays apart from "ss".
        canonical = idna.encode(label, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _Refused(f"Invalid international domain: {shown(domain)}") from None
    if not _LDH.fullmatch(canonical):
        raise _Refused(f"Invalid international domain: {shown(domain)}")
    return canonical


def _canonical_literal(domain: str) -> str:
    """RFC 5321 §4.1.3, only IPv4 and IPv6; no other tag is registered."""
    inner = domain[1:-1]
    try:
        if domain.endswith("]") and "%" not in inner:  # a zone index is for one host only
            if inner[:5].lower() == "ipv6:":
                return f"[IPv6:{ipaddress.IPv6Address(inner[5:]).compressed}]"
            return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        pass
    raise _Refused(f"Unsupported domain literal: {shown(domain)}")


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
