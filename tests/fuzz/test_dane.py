# SPDX-License-Identifier: Apache-2.0
"""Invariant: whatever a server sends and DNS says, there is a verdict; damage is never verified.

The chains are good ones with octets changed, cut or put in; the records are good ones and junk.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.tls import dane
from gatehouse.tls.dane import TlsaRecord
from tests.unit.tls.authority import NOW, ROOT
from tests.unit.tls.test_dane import CHAIN, HOST, record

# A serial number that is not positive is loaded with this warning.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
SENT = tuple(each.der for each in CHAIN)
NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 255])
RECORDS = st.one_of(
    st.builds(TlsaRecord, NUMBERS, NUMBERS, NUMBERS, st.binary(max_size=80)),
    st.sampled_from([record(2, s, m, made) for s in (0, 1) for m in (0, 1, 2) for made in CHAIN]),
    st.sampled_from([record(3, s, m, made) for s in (0, 1) for m in (0, 1, 2) for made in CHAIN]),
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    start = draw(st.integers(0, len(whole) - 1))
    end = draw(st.integers(start, min(start + 4, len(whole))))
    return whole[:start] + draw(st.binary(max_size=4)) + whole[end:]


@st.composite
def chains(draw: st.DrawFn) -> tuple[bytes, ...]:
    pieces = [
        draw(st.one_of(st.just(each), damaged(each), st.binary(max_size=40))) for each in SENT
    ]
    return tuple(draw(st.permutations(pieces))[: draw(st.integers(0, 3))])


@given(st.lists(RECORDS, max_size=5), chains())
def test_there_is_a_verdict_with_a_reason(
    records: list[TlsaRecord], presented: tuple[bytes, ...]
) -> None:
    verdict = dane.verify(tuple(records), presented, (HOST,), NOW)
    if verdict.verified:
        assert verdict.record in dane.usable(tuple(records))
        assert (verdict.word, verdict.report_word, verdict.text) == (None, None, "")
    else:
        assert verdict.word is not None
        assert verdict.report_word is not None
        assert verdict.text


@given(damaged(SENT[0]))
def test_a_damaged_leaf_is_not_verified(leaf: bytes) -> None:
    for wanted in (record(3, 0, 1, CHAIN[0]), record(2, 0, 1, ROOT), record(2, 1, 0, ROOT)):
        verdict = dane.verify((wanted,), (leaf, *SENT[1:]), (HOST,), NOW)
        assert verdict.verified == (leaf == SENT[0])


@given(st.binary(max_size=200))
def test_any_octets_are_a_record_or_none(rdata: bytes) -> None:
    found = dane.parse_tlsa(rdata)
    assert (found is None) == (len(rdata) <= 3)
