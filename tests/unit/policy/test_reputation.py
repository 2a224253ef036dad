# SPDX-License-Identifier: Apache-2.0
"""A local source speaks through its smallest block, and members become ranges of addresses."""

import ipaddress
import itertools

import pytest

from gatehouse.policy.access import HostAccessTable, SenderGroup
from gatehouse.policy.mail_flow import MailFlowPolicy
from gatehouse.policy.members import Country, NoScore, Owner, ScoreRange, parse_member
from gatehouse.policy.reputation import NO_SOURCE, Blocks, LocalSource
from gatehouse.policy.spans import number_of

SOURCE = LocalSource(
    scores={"10/8": -5.0, "10.1.0.0/16": 4.0, "10.1.2.3": -10.0, "2001:db8::/32": 0.0},
    countries={"203.0.113.0/24": "KR"},
)


def test_the_smallest_block_speaks() -> None:
    said = [SOURCE.scores.value(*number_of(ip)) for ip in ("10.9.9.9", "10.1.9.9", "10.1.2.3")]
    assert said == [-5.0, 4.0, -10.0]
    assert SOURCE.scores.value(*number_of("11.0.0.1")) is None
    assert SOURCE.scores.value(*number_of("::ffff:10.9.9.9")) == -5.0


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no address"):
        Blocks({"mx.example": 1.0})


@pytest.mark.parametrize(
    ("member", "fitting"),
    [
        (ScoreRange(-10.0, -5.0), {"10.9.9.9", "10.1.2.3"}),
        (ScoreRange(-1.0, 10.0), {"10.1.9.9", "2001:db8::1"}),
        (NoScore(), {"203.0.113.1", "2002::1"}),
        (Country("KR"), {"203.0.113.1"}),
        (Country("DE"), set()),
        (Owner(5), set()),
    ],
)
def test_a_member_fits_whom_the_source_says(
    member: ScoreRange | NoScore | Country | Owner, fitting: set[str]
) -> None:
    clients = ("10.9.9.9", "10.1.9.9", "10.1.2.3", "2001:db8::1", "203.0.113.1", "2002::1")
    assert {ip for ip in clients if SOURCE.fits(member, *number_of(ip))} == fitting
    ranges = list(SOURCE.ranges(member))
    for ip in clients:
        bits, number = number_of(ip)
        within = any(one.bits == bits and one.low <= number <= one.high for one in ranges)
        assert within == (ip in fitting)
    assert not list(NO_SOURCE.ranges(member))
    assert not NO_SOURCE.answers(member)


def test_the_table_and_the_walk_ask_the_same_source() -> None:
    policy = MailFlowPolicy(name="P")
    texts = ("SBRS[-10.0:-5.0]", "country[KR]", "SBRS[none]", "SBO:7", "10.1/16", "ALL")
    groups = [SenderGroup(name=text, members=(text,), policy=policy) for text in texts]
    hat = HostAccessTable(groups, SOURCE)
    expected = {"10.1.2.3": texts[0], "203.0.113.9": texts[1], "9.9.9.9": texts[2]}
    expected |= {"10.1.2.4": texts[4], "2001:db8::7": texts[5]}
    for ip, text in expected.items():
        assert hat.match(ip).match == text
        assert [one.member for one in hat.walk(ip) if one.won] == [text]
    assert (hat.match("10.1.2.3").score, hat.match("9.9.9.9").score) == (-10.0, None)
    assert hat.hidden_members() == frozenset(), "an owner may be known tomorrow"
    passed = hat.walk("10.1.2.4")[0].compared[0]
    assert passed.why_not == (
        "its score is 4.0, no country is known, no source of owner is configured"
    )


def test_all_addresses_are_cut_without_a_gap() -> None:
    for bits in (32, 128):
        ranges = [span for span, _ in SOURCE.scores.ranges() if span.bits == bits]
        assert ranges[0].low == 0
        assert ranges[-1].high == (1 << bits) - 1
        for one, after in itertools.pairwise(ranges):
            assert one.high + 1 == after.low
    assert isinstance(parse_member("SBRS[none]"), NoScore)
    assert ipaddress.ip_address(ranges[1].low) == ipaddress.ip_address("2001:db8::")
