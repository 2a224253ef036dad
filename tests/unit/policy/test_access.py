# SPDX-License-Identifier: Apache-2.0
"""The host access table answers with the first match, whatever the form of its members."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.policy.access import HostAccessTable, SenderGroup
from gatehouse.policy.mail_flow import Behavior, MailFlowPolicy
from gatehouse.policy.members import AddressSpan, parse_member

ACCEPTED = MailFlowPolicy(name="ACCEPTED")
BLOCKED = MailFlowPolicy(name="BLOCKED", behavior=Behavior.REJECT)
SKIPPED = MailFlowPolicy(name="SKIPPED", behavior=Behavior.CONTINUE)
LAST = SenderGroup(name=None, members=("ALL",), policy=ACCEPTED)


def table(*groups: tuple[str, ...]) -> HostAccessTable:
    named = [
        SenderGroup(name=f"G{number}", members=members, policy=BLOCKED)
        for number, members in enumerate(groups)
    ]
    return HostAccessTable([*named, LAST])


def test_the_first_group_that_matches_wins() -> None:
    hat = table(("192.0.2.7",), ("192.0.2.0/24",))
    assert hat.match("192.0.2.7").group == "G0"
    assert hat.match("192.0.2.8").group == "G1"
    assert hat.match("192.0.3.8").match == "ALL"


def test_a_wide_group_above_hides_a_narrow_one_below() -> None:
    hat = table(("192.0.2.0/24",), ("192.0.2.7", "192.0.3.1"))
    assert hat.match("192.0.2.7").group == "G0"
    assert hat.hidden_members() == {("G1", "192.0.2.7")}


def test_the_log_gets_the_member_that_decided() -> None:
    match = table(("10.0.0.1", ".bank.example")).match("203.0.113.25", "mx1.bank.example")
    assert (match.match, match.behavior) == (".bank.example", Behavior.REJECT)


def test_a_domain_member_does_not_match_the_domain_itself() -> None:
    hat = table((".bank.example",))
    assert hat.match("203.0.113.1", "bank.example").group is None
    assert hat.match("203.0.113.1", "evilbank.example").group is None
    assert hat.match("203.0.113.1", "A.B.Bank.Example.").group == "G0"


def test_without_a_confirmed_name_no_host_member_matches() -> None:
    assert table(("mx.bank.example", ".bank.example")).match("203.0.113.1").group is None


def test_an_ipv4_client_on_an_ipv6_socket_does_not_slip_past_its_rule() -> None:
    assert table(("192.0.2.0/24",)).match("::ffff:192.0.2.9").group == "G0"


def test_the_zone_of_a_link_local_client_is_no_part_of_its_address() -> None:
    assert table(("fe80::/10",)).match("fe80::1%eth0").group == "G0"


def test_continue_groups_are_passed_over() -> None:
    skipped = SenderGroup(name="S", members=("192.0.2.7", ".x.example"), policy=SKIPPED)
    hat = HostAccessTable([skipped, LAST])
    assert hat.match("192.0.2.7").group is None
    assert not hat.needs_host


def test_a_name_is_looked_up_only_where_it_can_change_the_answer() -> None:
    hat = table(("192.0.2.7",), ("mx.bank.example",))
    assert hat.needs_host
    assert not hat.host_matters("192.0.2.7")
    assert hat.host_matters("192.0.2.8")
    assert not table(("192.0.2.7",)).needs_host


def test_an_endless_reverse_name_matches_nothing() -> None:
    assert table((".example",)).match("192.0.2.1", "a." * 5000 + "example").group is None


@pytest.mark.parametrize("members", [(), ("ALL", "192.0.2.1")])
def test_the_last_entry_must_be_all(members: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="ALL"):
        HostAccessTable([SenderGroup(name="X", members=members, policy=ACCEPTED)])


@pytest.mark.parametrize("member", ["SBRS[-10:-3]", "dnslist[bl.example]", "nonsense!", ""])
def test_a_member_that_cannot_work_is_never_skipped_silently(member: str) -> None:
    with pytest.raises(ValueError, match=r"supported|neither"):
        table((member,))


HOSTS = ["mx.bank.example", "bank.example", "a.b.bank.example", "mx.shop.example"]
MEMBERS = [
    *("10", "10.1", "10.1.", "10.1.1.1", "10.0-1", "10.1.1.0/30", "10.1.1.2-9", "10/9", "0/0"),
    *("2001:db8::/32", "2001:db8::1", "2001:db8::1-2001:db8::f", "::/0"),
    *HOSTS,
    *("." + host for host in HOSTS),
]
CLIENTS = ["10.1.1.1", "10.1.1.3", "10.1.1.9", "10.0.0.0", "10.200.0.1", "9.9.9.9"]
CLIENTS += ["2001:db8::1", "2001:db8::10", "2002::1"]


def naive(groups: list[list[str]], ip: str, host: str | None) -> tuple[str | None, str]:
    """The reference: from top to bottom, member by member."""
    client = ipaddress.ip_address(ip)
    for number, members in enumerate(groups):
        for text in members:
            member = parse_member(text)
            if isinstance(member, AddressSpan):
                fits = member.bits == client.max_prefixlen
                fits = fits and member.low <= int(client) <= member.high
            else:
                fits = host is not None and (
                    host.endswith(text) if text.startswith(".") else host == text
                )
            if fits:
                return f"G{number}", text
    return None, "ALL"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(MEMBERS), max_size=5), max_size=6),
    st.sampled_from(CLIENTS),
    st.sampled_from([None, *HOSTS]),
)
def test_the_compiled_table_is_the_naive_one(
    groups: list[list[str]], ip: str, host: str | None
) -> None:
    found = table(*map(tuple, groups)).match(ip, host)
    assert (found.group, found.match) == naive(groups, ip, host)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from(MEMBERS), max_size=5), max_size=6))
def test_a_hidden_member_never_decides(groups: list[list[str]]) -> None:
    hat = table(*map(tuple, groups))
    hidden = hat.hidden_members()
    answers = [hat.match(ip, host) for ip in CLIENTS for host in (None, *HOSTS)]
    deciding = {(found.group, found.match) for found in answers}
    first_places = {(f"G{n}", text) for n, group in enumerate(groups) for text in group}
    assert hidden <= first_places
    for entry in hidden & deciding:
        # The same text may stand twice in a group: only the second one is hidden.
        assert groups[int(str(entry[0])[1:])].count(entry[1]) > 1
