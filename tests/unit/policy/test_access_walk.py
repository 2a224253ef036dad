# SPDX-License-Identifier: Apache-2.0
"""The walk says why a group was passed over, and stays short where a group is long."""

from gatehouse.policy.access import HostAccessTable, NameState, SenderGroup
from gatehouse.policy.access_walk import EXAMPLES, Kind, Outcome
from gatehouse.policy.mail_flow import Behavior, MailFlowPolicy

ACCEPTED = MailFlowPolicy(name="ACCEPTED")
LAST = SenderGroup(name=None, members=("ALL",), policy=ACCEPTED)


def group(name: str, *members: str, behavior: Behavior = Behavior.ACCEPT) -> SenderGroup:
    return SenderGroup(
        name=name, members=members, policy=MailFlowPolicy(name=name, behavior=behavior)
    )


def test_every_group_says_what_became_of_it() -> None:
    hat = HostAccessTable(
        [
            group("A", "10/8", "mx.bank.example"),
            group("B", "192.0.2.0/24", behavior=Behavior.CONTINUE),
            group("C", "nx.domain", "192.0.2.7"),
            group("D", "192.0.2.7"),
            group("EMPTY"),
            LAST,
        ]
    )
    verdicts = hat.walk("192.0.2.7", state=NameState.NX_DOMAIN)
    assert [(one.group, one.outcome, one.member) for one in verdicts] == [
        ("A", Outcome.PASSED, None),
        ("B", Outcome.SKIPPED, "192.0.2.0/24"),
        ("C", Outcome.WON, "nx.domain"),
        ("D", Outcome.BEHIND, "192.0.2.7"),
        ("EMPTY", Outcome.BEHIND, None),
        (None, Outcome.BEHIND, "ALL"),
    ]
    assert [(one.kind, one.why_not) for one in verdicts[0].compared] == [
        (Kind.ADDRESS, "192.0.2.7 is in none of them"),
        (Kind.HOST, "the client has no reverse name"),
    ]


def test_a_group_of_thousands_is_counted_not_listed() -> None:
    many = group("MANY", *(f"10.0.{n // 256}.{n % 256}" for n in range(3000)), "SBRS[none]")
    passed = HostAccessTable([many, LAST]).walk("192.0.2.7")[0]
    assert [(one.kind, one.count, len(one.examples)) for one in passed.compared] == [
        (Kind.ADDRESS, 3000, EXAMPLES),
        (Kind.SOURCED, 1, 1),
    ]


def test_a_name_that_does_not_count_is_named_as_such() -> None:
    hat = HostAccessTable([group("A", ".bank.example"), LAST])
    liar = hat.walk("192.0.2.7", "mx.bank.example", state=NameState.NOT_DOUBLE_VERIFIED)[0]
    assert liar.outcome is Outcome.PASSED
    assert liar.compared[0].why_not == "the reverse name is not confirmed by its own addresses"
