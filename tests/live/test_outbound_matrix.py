# SPDX-License-Identifier: Apache-2.0
"""The outbound matrix: every behaviour of a server under every level, DANE and MTA-STS included.

All messages go through one gateway at once; then each row is compared with what was written by hand
(`outbound_cells`, `outbound_policies`). What goes over the wire in clear is judged at the other end
of it, octet by octet. The measured table is printed, and must be that of docs/outbound-tls.md.
"""

import re

import pytest

from tests.live.outbound_cells import PLAIN_ROWS, C, D, Row, Rule
from tests.live.outbound_matrix import HOSTNAME, ROWS, SECRET, Bed, measure, table
from tests.live.outbound_table import TABLE_FILE, Found, cut
from tests.live.signed_zone import SignedZones

pytestmark = pytest.mark.peers

# Everything that may be said in clear on a connection that takes no mail in clear: a greeting, the
# wish for TLS, a farewell before it, and behind it records of a handshake or an alert (RFC 8446
# §5.1: types 22 and 21, version 3.x).
HELLO = rb"(EHLO %b\r\n)?" % HOSTNAME.encode()
ONLY_TLS = re.compile(HELLO + rb"(QUIT\r\n|STARTTLS\r\n([\x15\x16]\x03[\x00-\x04].*)?)?", re.DOTALL)


@pytest.fixture(scope="module")
def run(zones: SignedZones, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bed, Found]:
    bed, found = measure(tmp_path_factory.mktemp("matrix"), zones)
    print(table(found))
    return bed, found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_what_happens_is_what_must_happen(run: tuple[Bed, Found], row: Row) -> None:
    _, found = run
    for rule, expected in row.cells.items():
        seen = found[row.key, rule]
        assert seen.outcome == expected.outcome, rule
        assert seen.lines == expected.lines, rule
        assert seen.report == expected.report, rule


def test_nothing_is_said_in_clear_where_the_rule_or_the_220_forbids_it(
    run: tuple[Bed, Found],
) -> None:
    bed, _ = run
    for place in bed.places:
        if place.row.cells[place.rule].outcome is C:
            continue
        for octets in place.server.clear.values():
            assert ONLY_TLS.fullmatch(octets), (place.domain, octets)
        assert not place.server.spoke_in_clear, place.domain


def test_what_was_delivered_is_there_once_and_what_waits_is_not_there(
    run: tuple[Bed, Found],
) -> None:
    bed, _ = run
    for place in bed.places:
        outcome = place.row.cells[place.rule].outcome
        server = place.server
        if outcome is D:
            assert server.messages == [], place.domain
            assert server.heard("MAIL") == [], place.domain
            continue
        (message,) = server.messages
        assert SECRET.encode() in message.content
        assert message.tls is (outcome is not C), place.domain


def test_level_none_never_asks_for_tls(run: tuple[Bed, Found]) -> None:
    bed, _ = run
    asked = [place for place in bed.places if place.rule == Rule("none")]
    assert len(asked) == len(PLAIN_ROWS)
    assert [one.domain for one in asked if one.server.heard("STARTTLS")] == []


def test_the_page_shows_what_was_measured(run: tuple[Bed, Found]) -> None:
    _, found = run
    _, written, _ = cut(TABLE_FILE.read_text())
    assert written == table(found), "python -m tests.live.outbound_matrix --write"
