# SPDX-License-Identifier: Apache-2.0
"""Access tables are shown, go out and come in; nothing is half changed."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import pytest

from gatehouse.faces.actions import access, access_change, access_work
from gatehouse.faces.actions import configuration_work as configuration
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import LoadInput, ShowInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen

T = TypeVar("T")

TEXT = b"""\
format = 1
# keep this comment
[interfaces.Net]
address = "127.0.0.1"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{ recipient = "example.com", access = "accept" }]  # ours

[[listeners.In.sender_groups]]
name = "PARTNERS"
members = ["192.0.2.0/24", ".bank.example"]  # since May
policy = "PARTNER"
comment = "contract 14"

[[listeners.In.sender_groups]]
name = "LATE"
members = ["192.0.2.7"]
policy = "BLOCKED"

[listeners.Out]
type = "private"
interface = "Net"
port = 2526

[mail_flow_policies.default]
dhap_limit = 9
[mail_flow_policies.PARTNER]
tls = "required"
"""


def do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def fault(work: Coroutine[Any, Any, object]) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(work)
    return caught.value


@pytest.fixture
def configured(house: House) -> House:
    do(configuration.load(house, LoadInput(file=TEXT, commit="for the test")))
    return house


def candidate(house: House) -> str:
    return (Candidate(house).read() or b"").decode()


def shown(output: msgspec.Struct) -> str:
    return render(output, Screen())


def test_the_table_is_shown_in_its_order_with_what_never_decides(configured: House) -> None:
    table = do(access_work.show_hat(configured, access.TableInput(listener="In")))
    assert [(one.place, one.name, one.policy, one.behavior, one.tls) for one in table.groups] == [
        (1, "PARTNERS", "PARTNER", "ACCEPT", "required"),
        (2, "LATE", "BLOCKED", "REJECT", "off"),
        (3, "ALL", "ACCEPTED", "ACCEPT", "off"),
    ]
    assert [one.implied for one in table.groups] == [False, False, True]
    assert table.groups[1].hidden == ("192.0.2.7",)
    assert "LATE: 192.0.2.7 never decides" in shown(table)
    assert "contract 14" in shown(table)
    private = do(access_work.show_hat(configured, access.TableInput(listener="Out")))
    assert [one.implied for one in private.groups] == [True, True]


def test_the_table_goes_out_and_comes_in_again(configured: House) -> None:
    given = access.TableInput(listener="In")
    text = do(access_work.export_hat(configured, given)).text
    assert "    .bank.example\n        $PARTNER (contract 14)\n" in text
    done = do(
        access_change.import_hat(
            configured, access.ImportInput(listener="In", file=text.encode(), commit="again")
        )
    )
    assert (done.policies, done.kept) == ((), ("default", "PARTNER", "BLOCKED", "ACCEPTED"))
    assert done.commit is not None
    assert do(access_work.export_hat(configured, given)).text == text
    assert shown(do(access_work.export_hat(configured, given))) + "\n" == text
    assert "# keep this comment" in do(configuration.show(configured, ShowInput())).text


def test_an_import_changes_the_candidate_only(configured: House) -> None:
    text = b"WHITELIST:\n10/8\n$TRUSTED\n"
    text += b"11.1.1.1\nREJECT {\nsmtp_reject_code = 421\n}\nALL\n$PARTNER\n"
    done = do(access_change.import_hat(configured, access.ImportInput(listener="In", file=text)))
    assert (done.entries, done.policies, done.commit) == (3, ("REJECT",), None)
    assert len(done.remarks) == 2
    assert "ALLOWED_LIST" in candidate(configured)
    assert "# keep this comment" in candidate(configured)
    assert "PARTNERS" not in candidate(configured)
    now = do(access_work.show_hat(configured, access.TableInput(listener="In")))
    assert now.groups[0].name == "PARTNERS", "what is in force was not touched"
    wanted = access.TableInput(listener="In", candidate=True)
    assert do(access_work.show_hat(configured, wanted)).groups[0].name == "ALLOWED_LIST"
    assert "New or changed policies: REJECT." in shown(done)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (b"10.0.0.999\n$TRUSTED\nALL\n$ACCEPTED\n", "error: line 1: is no member"),
        (b"ALL\n$NOBODY\n", "error: line 1: there is no such mail flow policy"),
    ],
)
def test_a_text_with_a_fault_changes_nothing(configured: House, text: bytes, finding: str) -> None:
    caught = fault(
        access_change.import_hat(configured, access.ImportInput(listener="In", file=text))
    )
    assert caught.fault.reference == "text-refused"
    assert caught.fault.findings[0].text.startswith(finding)
    assert candidate(configured) == ""


def test_what_cannot_run_is_not_imported(configured: House) -> None:
    text = b"ALL\nCONTINUE\n"
    caught = fault(
        access_change.import_hat(configured, access.ImportInput(listener="In", file=text))
    )
    assert caught.fault.reference == "configuration-refused"
    assert candidate(configured) == ""


def test_recipients_are_shown_go_out_and_come_in(configured: House) -> None:
    given = access.TableInput(listener="In")
    table = do(access_work.show_rat(configured, given))
    assert [(one.recipient, one.access, one.reply, one.implied) for one in table.entries] == [
        ("example.com", "accept", "", False),
        ("ALL", "reject", "550 5.1.0 Address rejected", True),
    ]
    assert "(implied)" in shown(table)
    text = b'example.com ACCEPT\nspam@example.com REJECT 553 "5.1.3 No" (trap)\nALL REJECT\n'
    done = do(access_change.import_rat(configured, access.ImportInput(listener="In", file=text)))
    assert done.entries == 3
    assert 'comment = "trap"' in candidate(configured)
    assert "# since May" in candidate(configured)
    again = access.TableInput(listener="In", candidate=True)
    assert do(access_work.export_rat(configured, again)).text.encode() == text


def test_a_recipient_table_with_a_fault_or_in_the_wrong_place_is_refused(configured: House) -> None:
    bad = access.ImportInput(listener="In", file=b"example.com MAYBE\n")
    assert fault(access_change.import_rat(configured, bad)).fault.reference == "text-refused"
    private = access.ImportInput(listener="Out", file=b"example.com ACCEPT\n")
    assert fault(access_change.import_rat(configured, private)).fault.context == "Out"
    none = access.TableInput(listener="Nowhere")
    assert fault(access_work.show_rat(configured, none)).fault.reference == "no-such-listener"


def test_policies_are_listed_with_their_users(configured: House) -> None:
    listed = do(access_work.list_policies(configured, access.PoliciesInput()))
    uses = {one.name: one.used_by for one in listed.policies}
    assert uses["PARTNER"] == ("In/PARTNERS",)
    assert uses["BLOCKED"] == ("In/LATE", "Out/ALL")
    assert {"TRUSTED", "THROTTLED", "default"} <= set(uses)
    assert "built-in" in shown(listed)


def test_a_policy_shows_each_value_and_where_it_comes_from(configured: House) -> None:
    view = do(access_work.show_policy(configured, access.PolicyInput(name="$PARTNER")))
    fields = {one.field: (one.value, one.origin) for one in view.fields}
    assert fields["tls"] == ("required", "own")
    assert fields["dhap_limit"] == (9, "default")
    assert fields["reject_code"] == (554, "factory")
    lines = shown(view).split("\n")
    assert any("dhap_limit" in one and "inherited from default" in one for one in lines)
    caught = fault(access_work.show_policy(configured, access.PolicyInput(name="NOBODY")))
    assert caught.fault.reference == "no-such-mail-flow-policy"


def test_a_member_comes_and_goes(configured: House) -> None:
    given = access.MemberInput(listener="In", group="PARTNERS", member="MX.shop.example")
    done = do(access_change.add_member(configured, given))
    assert (done.members, done.change) == (3, "added")
    text = candidate(configured)
    assert 'members = ["192.0.2.0/24", ".bank.example", "MX.shop.example"]' in text
    assert text.replace(', "MX.shop.example"]', "]  # since May") == TEXT.decode()
    assert fault(access_change.add_member(configured, given)).fault.reference == "member-there"
    back = do(access_change.remove_member(configured, given))
    assert back.members == 2
    assert fault(access_change.remove_member(configured, given)).fault.reference == "no-such-member"


def test_a_member_of_an_implied_group_writes_the_groups(configured: House) -> None:
    given = access.MemberInput(listener="Out", group="RELAYLIST", member="10.0.0.5", commit="mfp")
    assert do(access_change.add_member(configured, given)).commit is not None
    groups = do(access_work.show_hat(configured, access.TableInput(listener="Out"))).groups
    assert [(one.name, one.members, one.implied) for one in groups] == [
        ("RELAYLIST", ("10.0.0.5",), False),
        ("ALL", ("ALL",), False),
    ]


@pytest.mark.parametrize(
    ("group", "member", "reference"),
    [
        ("NOBODY", "10.0.0.1", "no-such-sender-group"),
        ("PARTNERS", "not a member", "bad-member"),
        ("ALL", "10.0.0.1", "configuration-refused"),
    ],
)
def test_what_cannot_be_added(configured: House, group: str, member: str, reference: str) -> None:
    given = access.MemberInput(listener="In", group=group, member=member)
    assert fault(access_change.add_member(configured, given)).fault.reference == reference
    assert candidate(configured) == ""


def test_a_broken_candidate_is_told_and_kept(configured: House) -> None:
    Candidate(configured).write(b"format = 2\n")
    given = access.MemberInput(listener="In", group="PARTNERS", member="10.0.0.1")
    caught = fault(access_change.add_member(configured, given))
    assert caught.fault.reference == "configuration-unreadable"
    assert candidate(configured) == "format = 2\n"
