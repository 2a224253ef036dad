# SPDX-License-Identifier: Apache-2.0
"""What must become of a message, for every behaviour of a server under every rule, by hand.

Nothing here is measured or computed by the gateway. The outcomes are the outcome table of the
six levels (a failure before the 220 to STARTTLS, after it, a certificate that fails, one that
passes), the decision table of RFC 7672 §2.2 and that of RFC 8461 §5; the log lines are the grammar
of docs/mail-log.md; the result types are those of RFC 8460 §4.3.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = (
    "none",
    "preferred",
    "required",
    "preferred-verify",
    "required-verify",
    "required-verify-hosted",
)
REQUIRED = ("required", "required-verify", "required-verify-hosted")


class Outcome(enum.Enum):
    """How the first attempt ends."""

    CLEAR = "clear"  # delivered, and anybody on the way could read it
    ENCRYPTED = "encrypted"  # delivered over TLS to somebody who has not proven who he is
    VERIFIED = "verified"  # delivered over TLS to the one it is for
    DEFERRED = "deferred"  # nothing of the message was sent; it waits


C, E, V, D = Outcome


@dataclass(frozen=True, slots=True)
class Rule:
    """What the destination control says."""

    level: str
    dane: str = "none"
    sts: bool = False

    @property
    def label(self) -> str:
        """One label of a domain name."""
        extra = "" if self.dane == "none" else f"-{self.dane}"
        return self.level + extra + ("-sts" if self.sts else "")


@dataclass(frozen=True, slots=True)
class Cell:
    """What must happen. `report`: "" is a success, None is not counted at all."""

    outcome: Outcome
    log: str  # a shape of LOGS
    report: str | None = None
    word: str = ""  # what stands at WORD in the shape

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that must be there, in order."""
        details = "timeout" if self.word == TIMED_OUT else self.word
        return tuple(
            line.replace("WORD", self.word).replace("DETAILS", details) for line in LOGS[self.log]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One behaviour of a server (or of a domain's DNS and policy) and all its cells."""

    key: str  # label of a domain name
    title: str
    cells: Mapping[Rule, Cell]
    after_220: bool = False  # nothing may be said in clear on a connection that heard the 220


# --- the lines ------------------------------------------------------------------------------------

NEW = "New SMTP DCID 1 interface 127.0.0.1 address SERVER port 2600"
AGAIN = NEW.replace("DCID 1", "DCID 2")
START = "Delivery start DCID 1 MID 1 to RID [0]"
DONE = "Message done DCID 1 MID 1 to RID [0]"
TLS = "DCID 1 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
REFUSED = "DCID 1 TLS failed: STARTTLS unexpected response"
LIBRARY = "DCID 1 TLS failed: (NUMBER, 'error:CODE:SSL routines::WORD')"
TIMED_OUT = "[Errno 110] Connection timed out"
UNAVAILABLE = "DCID 1 IP SERVER TLS was required but could not be successfully negotiated"


def _delayed(dcid: int, named: str, text: str) -> str:
    return (
        f"Delayed: DCID {dcid} MID 1 From: <SENDER> To: <RECIPIENT> RID 0 - {named} ('000', {text})"
    )


_NETWORK, _SECURITY = "4.4.0 - Other network problem", "4.7.0 - Other or undefined security status"
_CRYPTO, _DNS = "4.7.5 - Cryptographic failure", "4.4.3 - Directory server failure"
WAITS = _delayed(1, _NETWORK, "['TLS required but not available']")


def _error(reason: str) -> str:
    return (
        "Connection Error: DCID 1 domain: DOMAIN IP: SERVER port: 2600 details: WORD "
        f"interface: 127.0.0.1 reason: {reason}"
    )


def _second(line: str) -> str:
    return line.replace("DCID 1", "DCID 2")


# Lines of all connections of the first attempt, without those that only say `close`.
LOGS: Mapping[str, tuple[str, ...]] = {
    "clear": (NEW, START, DONE),
    "TLS": (NEW, TLS, START, DONE),
    "refused, then clear": (NEW, REFUSED, START, DONE),
    "no answer, then clear": (NEW, AGAIN, _second(START), _second(DONE)),
    "not offered": (NEW, UNAVAILABLE, WAITS),
    "refused": (NEW, _error("unexpected SMTP response"), REFUSED, UNAVAILABLE, WAITS),
    "no answer": (NEW, _error("network error"), UNAVAILABLE, WAITS),
    "no reply": (NEW, _error("unexpected SMTP response"), UNAVAILABLE, WAITS),
    "handshake": (
        NEW,
        LIBRARY,
        _delayed(1, _SECURITY, "['TLS handshake failed: error:CODE:SSL routines::WORD']"),
    ),
    "handshake, required": (NEW, LIBRARY, UNAVAILABLE, WAITS),
    "handshake cut": (
        NEW,
        "DCID 1 TLS failed: WORD",
        _delayed(1, _SECURITY, "['TLS handshake failed: DETAILS']"),
    ),
    "handshake cut, required": (NEW, "DCID 1 TLS failed: WORD", UNAVAILABLE, WAITS),
    "weak DH": (
        NEW,
        LIBRARY.replace("WORD", "dh key too small"),
        AGAIN,
        _second(LIBRARY),
        _delayed(2, _SECURITY, "['TLS handshake failed: error:CODE:SSL routines::WORD']"),
    ),
    "weak DH, required": (
        NEW,
        LIBRARY.replace("WORD", "dh key too small"),
        AGAIN,
        _second(LIBRARY),
        _second(UNAVAILABLE),
        _second(WAITS),
    ),
    "weak DH, then TLS": (
        NEW,
        LIBRARY.replace("WORD", "dh key too small"),
        AGAIN,
        "DCID 2 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES128-GCM-SHA256",
        _second(START),
        _second(DONE),
    ),
    "not verified": (
        NEW,
        "DCID 1 TLS failed: verify error: WORD",
        UNAVAILABLE,
        _delayed(1, _CRYPTO, "['TLS required but the certificate was not verified: WORD']"),
    ),
    "host refused": (_delayed(0, _SECURITY, "['HOST: WORD']"),),
    "host unknown": (
        "DNS Temporary Failure _2600._tcp.HOST TLSA - the TLSA look-up failed: WHY",
        _delayed(0, _DNS, "['HOST: the TLSA look-up failed: WHY']"),
    ),
}

# --- the six levels -------------------------------------------------------------------------------

#                        none  preferred  required  preferred-verify  required-verify  hosted
_BEFORE_220 = dict(zip(LEVELS, (C, C, D, C, D, D), strict=True))
_AFTER_220 = dict(zip(LEVELS, (C, D, D, D, D, D), strict=True))
_NOT_VERIFIED = dict(zip(LEVELS, (C, E, E, E, D, D), strict=True))
_VERIFIED = dict(zip(LEVELS, (C, V, V, V, V, V), strict=True))

NO_STARTTLS = "starttls-not-supported"
NO_PROOF = "validation-failure"


def _row(
    key: str,
    title: str,
    outcomes: Mapping[str, Outcome],
    logs: Mapping[Outcome, str],
    *,
    report: str = "",
    word: str = "",
    required: str = "",
) -> Row:
    """A row whose cells follow from the outcome; `required`: the log of a required level."""
    cells: dict[Rule, Cell] = {}
    for level, outcome in outcomes.items():
        if level == "none":  # it never asks, so it learns nothing and reports nothing
            cells[Rule(level)] = Cell(C, "clear")
            continue
        log = required if required and level in REQUIRED else logs[outcome]
        cells[Rule(level)] = Cell(outcome, log, report, word)
    return Row(key=key, title=title, cells=cells, after_220=outcomes is _AFTER_220)


def _certificate(key: str, title: str, word: str, **different: Outcome) -> Row:
    """TLS comes up; without a policy of the domain that is a success for its TLS report."""
    outcomes = dict(_NOT_VERIFIED if word else _VERIFIED)
    outcomes |= {level.replace("_", "-"): outcome for level, outcome in different.items()}
    return _row(key, title, outcomes, {E: "TLS", V: "TLS", D: "not verified"}, word=word)


def _answer(key: str, title: str, details: str) -> Row:
    logs = {C: "refused, then clear", D: "refused"}
    return _row(key, title, _BEFORE_220, logs, report=NO_STARTTLS, word=details)


def _no_answer(key: str, title: str, details: str, required: str = "no answer") -> Row:
    logs = {C: "no answer, then clear", D: required}
    return _row(key, title, _BEFORE_220, logs, report=NO_STARTTLS, word=details)


def _handshake(key: str, title: str, log: str = "handshake", word: str = "REASON") -> Row:
    logs, required = {D: log}, f"{log}, required"
    return _row(key, title, _AFTER_220, logs, report=NO_PROOF, word=word, required=required)


CERTIFICATES = (
    _certificate("verified", "verified: the domain's name, a chain to a trusted root", ""),
    _certificate("self-signed", "self-signed", "self-signed"),
    _certificate("expired", "expired", "expired"),
    _certificate("wrong-name", "the name of another host", "name mismatch"),
    _certificate("cn-only", "the domain's name as common name, no alternative names", ""),
    _certificate(  # the common name counts at Verify, also beside alternative names
        "cn-beside",
        "the domain's name as common name, an alternative name of another host",
        "name mismatch",
        preferred_verify=V,
        required_verify=V,
    ),
    _certificate(  # the MX host's name counts at Hosted; what is only recorded is recorded by it
        "mx-name",
        "the MX host's name, not the domain's",
        "name mismatch",
        preferred=V,
        required=V,
        required_verify_hosted=V,
    ),
    _certificate("no-intermediate", "the intermediate certificate missing", "incomplete chain"),
    _certificate("unknown-root", "a chain to an unknown root", "unknown issuer"),
)
_PLAIN_LOGS = {C: "clear", D: "not offered"}
MALFORMED = r"not a reply line: \x80\xffwhatever\x0d\x0a"
BEFORE = (
    _row("no-ehlo", "EHLO refused", _BEFORE_220, _PLAIN_LOGS, report=NO_STARTTLS),
    _row("no-starttls", "STARTTLS not offered", _BEFORE_220, _PLAIN_LOGS, report=NO_STARTTLS),
    _answer("a454", "STARTTLS answered 454", "454-'4.7.0 not now'"),
    _answer("a502", "STARTTLS answered 502", "502-'5.5.1 what?'"),
    _answer("a354", "STARTTLS answered 354", "354-'do something else'"),
    _no_answer("garbage", "STARTTLS answered with garbage", MALFORMED, "no reply"),
    _no_answer("silence", "STARTTLS answered with silence", "timeout"),
    _no_answer("reset", "STARTTLS answered with RST", "[Errno 104] Connection reset by peer"),
    _no_answer("closed", "STARTTLS answered with a close", "EOF"),
)
AFTER = (
    _handshake("alert", "TLS alert after the 220"),
    _handshake("no-tls", "octets after the 220 that are no TLS"),
    _handshake("mute", "silence after the 220", "handshake cut", TIMED_OUT),
    _handshake("cut", "RST after the 220", "handshake cut", "[Errno 104] Connection reset by peer"),
    _handshake("tls10", "TLS 1.0 only"),
    _handshake("dh1024", "DH with 1024 bits only", "weak DH"),
    _row(
        "dh-or-curve",
        "DH with 1024 bits first, elliptic curves when asked",
        _VERIFIED,
        {V: "weak DH, then TLS"},
    ),
)
PLAIN_ROWS = (*CERTIFICATES, *BEFORE, *AFTER)
