# SPDX-License-Identifier: Apache-2.0
"""The cells of DANE and MTA-STS: what a domain publishes, under every use that a rule makes of it.

Written by hand from the decision table of RFC 7672 §2.2 (a look-up that failed is never "no DANE")
and RFC 8461 §5 (`enforce` demands a listed host that proves its name, `testing` never holds mail
back, a policy holds until its max_age ends, and without one mail goes by the other rules).
"""

from tests.live.outbound_cells import NO_PROOF, NO_STARTTLS, C, Cell, D, E, Row, Rule, V

USES = ("opportunistic", "mandatory")
DANE_LEVELS = ("none", "preferred", "required-verify-hosted")
STS_LEVELS = ("none", "preferred", "required-verify", "required-verify-hosted")

_PROVEN = Cell(V, "TLS", "")


def _dane(key: str, title: str, *cells: Cell) -> Row:
    """Cells of opportunistic at the three levels, then of mandatory (one cell: at all three)."""
    opportunistic, mandatory = cells[:3], cells[3:]
    table: dict[Rule, Cell] = {}
    for number, level in enumerate(DANE_LEVELS):
        table[Rule(level, "opportunistic")] = opportunistic[number]
        table[Rule(level, "mandatory")] = mandatory[0]
    return Row(key=key, title=title, cells=table)


def _refused(word: str, report: str) -> Cell:
    return Cell(D, "host refused", report, word)


_MISMATCH = Cell(D, "not verified", NO_PROOF, "dane mismatch")
_UNKNOWN = Cell(D, "host unknown", "dnssec-invalid")
_NO_TLS = Cell(D, "not offered", NO_STARTTLS)
# The level alone, towards a host that shows a self-signed certificate.
_BY_LEVEL = (Cell(C, "clear"), Cell(E, "TLS", ""), Cell(D, "not verified", "", "self-signed"))


def _none(why: str) -> Cell:
    return _refused(f"DANE is mandatory, and there are no TLSA records ({why})", "dane-required")


DANE_ROWS = (
    _dane("match", "TLSA records match", *[_PROVEN] * 4),
    _dane("mismatch", "TLSA records do not match", *[_MISMATCH] * 4),
    _dane(
        "unusable",
        "TLSA records, none usable",
        Cell(E, "TLS", "tlsa-invalid"),
        Cell(E, "TLS", "tlsa-invalid"),
        Cell(D, "not verified", "tlsa-invalid", "self-signed"),
        _refused("DANE is mandatory, and none of the TLSA records is usable", "tlsa-invalid"),
    ),
    _dane("denied", "proven: no TLSA records", *_BY_LEVEL, _none("secure denial")),
    _dane("unsigned", "zone not signed", *_BY_LEVEL, _none("insecure")),
    _dane("bogus", "TLSA answer bogus", *[_UNKNOWN] * 4),
    _dane("servfail", "TLSA answer SERVFAIL", *[_UNKNOWN] * 4),
    _dane("stripped", "TLSA records, STARTTLS not offered", *[_NO_TLS] * 4),
)


def _sts(key: str, title: str, *cells: Cell) -> Row:
    """Cells of the four levels; one alone stands for all."""
    every = cells if len(cells) > 1 else cells * len(STS_LEVELS)
    rules = [Rule(level, sts=True) for level in STS_LEVELS]
    return Row(key=key, title=title, cells=dict(zip(rules, every, strict=True)))


def _unknown_root(report: str) -> tuple[Cell, ...]:
    """The level alone, towards a host with a certificate of an unknown root."""
    not_verified = Cell(D, "not verified", report, "unknown issuer")
    clear = Cell(C, "clear")  # level none asks nobody, and counts nothing
    return clear, Cell(E, "TLS", report, "unknown issuer"), not_verified, not_verified


_FETCH = "sts-policy-fetch-error"
_NOT_TRUSTED = "certificate-not-trusted"
_STOPPED = Cell(D, "not verified", _NOT_TRUSTED, "unknown issuer")
STS_ROWS = (
    _sts("good", "enforce, MX of the policy, verified", _PROVEN),
    _sts("untrusted", "enforce, MX of the policy, unknown root", _STOPPED),
    _sts("plain", "enforce, MX of the policy, STARTTLS not offered", _NO_TLS),
    _sts(
        "foreign",
        "enforce, MX not of the policy",
        _refused("the MTA-STS policy of DOMAIN does not list the host HOST", NO_PROOF),
    ),
    _sts("kept", "enforce, kept, policy host unreachable; unknown root", _STOPPED),
    _sts("over", "expired, policy host unreachable; unknown root", *_unknown_root(_FETCH)),
    _sts("nothing", "none kept, policy host unreachable; unknown root", *_unknown_root(_FETCH)),
    _sts("testing", "testing; unknown root", *_unknown_root(_NOT_TRUSTED)),
)
