# SPDX-License-Identifier: Apache-2.0
"""What we announce in EHLO, and what the parameters of MAIL and RCPT mean.

Rule: a parameter is known and right, or the command fails: unknown 555, wrong or given twice 501
(RFC 5321 §4.1.1.11). Nothing is skipped, since a client that asks for what we do not do must learn
it. BINARYMIME is not announced, hence refused; REQUIRETLS is announced inside TLS only (RFC 8689
§2).
"""

from dataclasses import dataclass

from gatehouse.mail.envelope import BodyType, Notify, Ret
from gatehouse.mail.reply import Reply
from gatehouse.smtp import limits
from gatehouse.smtp.grammar import decode_xtext, split_parameters
from gatehouse.smtp.server_events import MailParams

UNKNOWN = Reply(555, "5.5.4", ("Unsupported parameter",))
MALFORMED = Reply(501, "5.5.4", ("Syntax error in parameters",))
TWICE = Reply(501, "5.5.4", ("Parameter given twice",))
BAD_SIZE = Reply(501, "5.5.4", ("Bad SIZE parameter",))
BAD_BODY = Reply(501, "5.5.4", ("Bad BODY parameter",))
BAD_SMTPUTF8 = Reply(501, "5.5.4", ("SMTPUTF8 takes no value",))
BAD_REQUIRETLS = Reply(501, "5.5.4", ("REQUIRETLS takes no value",))
BAD_RET = Reply(501, "5.5.4", ("Bad RET parameter",))
BAD_ENVID = Reply(501, "5.5.4", ("Bad ENVID parameter",))
BAD_AUTH = Reply(501, "5.5.4", ("Bad AUTH parameter",))
BAD_NOTIFY = Reply(501, "5.5.4", ("Bad NOTIFY parameter",))
BAD_ORCPT = Reply(501, "5.5.4", ("Bad ORCPT parameter",))

_BODIES = {b"7BIT": BodyType.SEVEN_BIT, b"8BITMIME": BodyType.EIGHT_BIT}
_RETS = {b"FULL": Ret.FULL, b"HDRS": Ret.HDRS}
_NOTIFIES = {b"SUCCESS": Notify.SUCCESS, b"FAILURE": Notify.FAILURE, b"DELAY": Notify.DELAY}

NO_PARAMETERS = MailParams()
"""What most clients say."""


@dataclass(frozen=True, slots=True)
class RecipientParams:
    """The parameters of RCPT (RFC 3461); None: not given."""

    notify: frozenset[Notify] | None = None
    orcpt: str | None = None


def ehlo_keywords(
    *,
    size: int,
    smtputf8: bool,
    starttls: bool,
    auth: tuple[str, ...],
    xclient: tuple[str, ...] = (),
    requiretls: bool = False,
) -> tuple[str, ...]:
    """The lines of the EHLO reply behind the host name (RFC 5321 §4.1.1.1)."""
    lines = ["PIPELINING", f"SIZE {size}", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"]
    if smtputf8:
        lines.append("SMTPUTF8")
    if starttls:
        lines.append("STARTTLS")
    if auth:
        lines.append("AUTH " + " ".join(auth))
    if xclient:
        lines.append("XCLIENT " + " ".join(xclient))
    if requiretls:
        lines.append("REQUIRETLS")
    return tuple(lines)


def mail_params(
    text: bytes, *, smtputf8: bool, auth: bool, requiretls: bool = False
) -> MailParams | Reply:
    """Parameters of MAIL. `smtputf8`, `auth`, `requiretls`: whether we have announced these."""
    given = _given(text)
    if isinstance(given, Reply):
        return given
    found: dict[str, object] = {}
    for keyword, value in given.items():
        reader = _MAIL_READERS.get(keyword)
        announced = (
            (keyword != b"SMTPUTF8" or smtputf8)
            and (keyword != b"AUTH" or auth)
            and (keyword != b"REQUIRETLS" or requiretls)
        )
        if reader is None or not announced:
            return UNKNOWN
        read = reader(value)
        if isinstance(read, Reply):
            return read
        found[keyword.decode("ascii").lower()] = read
    return MailParams(**found)  # type: ignore[arg-type]  # each reader returns its field's type


def recipient_params(text: bytes, *, smtputf8: bool) -> RecipientParams | Reply:
    """Parameters of RCPT. `smtputf8`: whether this message was announced as SMTPUTF8."""
    given = _given(text)
    if isinstance(given, Reply):
        return given
    notify: frozenset[Notify] | None = None
    orcpt: str | None = None
    for keyword, value in given.items():
        if keyword == b"NOTIFY":
            notify = _notify(value)
            if notify is None:
                return BAD_NOTIFY
        elif keyword == b"ORCPT":
            orcpt = _orcpt(value, smtputf8=smtputf8)
            if orcpt is None:
                return BAD_ORCPT
        else:
            return UNKNOWN
    return RecipientParams(notify, orcpt)


def _given(text: bytes) -> dict[bytes, bytes | None] | Reply:
    pairs = split_parameters(text)
    if pairs is None:
        return MALFORMED
    given = dict(pairs)
    return TWICE if len(given) != len(pairs) else given


def _size(value: bytes | None) -> int | Reply:
    if value is None or not value.isdigit() or len(value) > limits.MESSAGE_SIZE_DIGITS:
        return BAD_SIZE
    return int(value)


def _body(value: bytes | None) -> BodyType | Reply:
    return _BODIES.get((value or b"").upper(), BAD_BODY)


def _smtputf8(value: bytes | None) -> bool | Reply:
    return True if value is None else BAD_SMTPUTF8


def _requiretls(value: bytes | None) -> bool | Reply:
    return True if value is None else BAD_REQUIRETLS


def _ret(value: bytes | None) -> Ret | Reply:
    return _RETS.get((value or b"").upper(), BAD_RET)


def _envid(value: bytes | None) -> str | Reply:
    if value is None or len(value) > limits.ENVID:
        return BAD_ENVID
    return decode_xtext(value) or BAD_ENVID


def _auth(value: bytes | None) -> str | Reply:
    """RFC 4954 §5: a mailbox in xtext, or <>. It is passed on, nothing is decided on it."""
    return decode_xtext(value or b"") or BAD_AUTH


_MAIL_READERS = {
    b"SIZE": _size,
    b"BODY": _body,
    b"SMTPUTF8": _smtputf8,
    b"RET": _ret,
    b"ENVID": _envid,
    b"AUTH": _auth,
    b"REQUIRETLS": _requiretls,
}


def _notify(value: bytes | None) -> frozenset[Notify] | None:
    """RFC 3461 §4.1: NEVER alone, or a list without repetition."""
    words = (value or b"").upper().split(b",")
    if words == [b"NEVER"]:
        return frozenset((Notify.NEVER,))
    found = {_NOTIFIES[word] for word in words if word in _NOTIFIES}
    return frozenset(found) if len(found) == len(words) else None


def _orcpt(value: bytes | None, *, smtputf8: bool) -> str | None:
    """RFC 3461 §4.2: type and xtext. Type utf-8 may be raw UTF-8 with SMTPUTF8 (RFC 6533)."""
    if value is None or len(value) > limits.ORCPT:
        return None
    kind, semicolon, address = value.partition(b";")
    if not semicolon or not address or not kind.replace(b"-", b"").isalnum():
        return None
    name = kind.decode("ascii")
    if smtputf8 and name.lower() == "utf-8" and not address.isascii():
        return _utf8_orcpt(name, address)
    text = decode_xtext(address)
    return None if text is None else f"{name};{text}"


def _utf8_orcpt(name: str, address: bytes) -> str | None:
    try:
        text = address.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return f"{name};{text}" if text.isprintable() else None
