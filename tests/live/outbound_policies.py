# SPDX-License-Identifier: Apache-2.0
"""The cells of DANE and MTA-STS: what a domain publishes, under every use that a rule makes of it.

Written by hand from the decision table of RFC 7672 §2.2 (a look-up that failed is never "no DANE")
and RFC 8461 §5 (`enforce` demands a listed host that proves its name, `testing` never holds mail
back, a policy holds until its max_age ends, and without one mail goes by the other rules).
"""

from collections.abc import Sequence

from tests.live.outbound_cells import LEVELS, NO_PROOF, NO_STARTTLS, C, Cell, D, E, Row, Rule, V

_PROVEN = Cell(V, "TLS", "")


def _dane(key: str, title: str, opportunistic: Sequence[Cell], mandatory: Cell) -> Row:
    """Opportunistic at the six levels; mandatory is the same at all of them."""
    table: dict[Rule, Cell] = {}
    for level, cell in zip(LEVELS, opportunistic, strict=True):
        table[Rule(level, "opportunistic")] = cell
        table[Rule(level, "mandatory")] = mandatory
    return Row(key=key, title=title, cells=table)


def _everywhere(cell: Cell) -> tuple[Cell, ...]:
    return (cell,) * len(LEVELS)


def _levels(clear: Cell, encrypted: Cell, deferred: Cell) -> tuple[Cell, ...]:
    """As the levels alone: none; preferred, required and preferred-verify; the other two."""
    return clear, encrypted, encrypted, encrypted, deferred, deferred


def _refused(word: str, report: str) -> Cell:
    return Cell(D, "host refused", report, word)


_MISMATCH = Cell(D, "not verified", NO_PROOF, "dane mismatch")
_UNKNOWN = Cell(D, "host unknown", "dnssec-invalid")
_NO_TLS = Cell(D, "not offered", NO_STARTTLS)
# The level alone, towards a host that shows a self-signed certificate.
_BY_LEVEL = _levels(
    Cell(C, "clear"), Cell(E, "TLS", ""), Cell(D, "not verified", "", "self-signed")
)


def _none(why: str) -> Cell:
    return _refused(f"DANE is mandatory, and there are no TLSA records ({why})", "dane-required")


DANE_ROWS = (
    _dane("match", "TLSA records match", _everywhere(_PROVEN), _PROVEN),
    _dane("mismatch", "TLSA records do not match", _everywhere(_MISMATCH), _MISMATCH),
    _dane(
        "unusable",
        "TLSA records, none usable",
        _levels(
            Cell(E, "TLS", "tlsa-invalid"),
            Cell(E, "TLS", "tlsa-invalid"),
            Cell(D, "not verified", "tlsa-invalid", "self-signed"),
        ),
        _refused("DANE is mandatory, and none of the TLSA records is usable", "tlsa-invalid"),
    ),
    _dane("denied", "proven: no TLSA records", _BY_LEVEL, _none("secure denial")),
    _dane("unsigned", "zone not signed", _BY_LEVEL, _none("insecure")),
    _dane("bogus", "TLSA answer bogus", _everywhere(_UNKNOWN), _UNKNOWN),
    _dane("servfail", "TLSA answer SERVFAIL", _everywhere(_UNKNOWN), _UNKNOWN),
    _dane("stripped", "TLSA records, STARTTLS not offered", _everywhere(_NO_TLS), _NO_TLS),
)


def _sts(key: str, title: str, *cells: Cell) -> Row:
    """Cells of the six levels; one alone stands for all."""
    every = cells if len(cells) > 1 else _everywhere(cells[0])
    rules = [Rule(level, sts=True) for level in LEVELS]
    return Row(key=key, title=title, cells=dict(zip(rules, every, strict=True)))


def _unknown_root(report: str) -> tuple[Cell, ...]:
    """The level alone, towards a host with a certificate of an unknown root."""
    return _levels(
        Cell(C, "clear"),  # level none asks nobody, and counts nothing
        Cell(E, "TLS", report, "unknown issuer"),
        Cell(D, "not verified", report, "unknown issuer"),
    )


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
