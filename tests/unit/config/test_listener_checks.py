# SPDX-License-Identifier: Apache-2.0
"""Groups that never decide, groups that let strangers relay, tables that let nobody in."""

from typing import Any

import pytest

from gatehouse.config import checks, findings, format, listener_checks, schema

CERTIFICATES = frozenset({"Demo", "mx"})


def said(*groups: tuple[Any, ...], address: str = "8.8.8.8", **listener: Any) -> list[str]:
    """Findings about a listener; a group is (members, policy) or (members, policy, name)."""
    document = schema.Document.model_validate(
        {
            "format": 1,
            "interfaces": {"Net": {"address": address}},
            "listeners": {
                "In": {
                    "type": "public",
                    "interface": "Net",
                    "recipient_access": [],
                    "sender_groups": [
                        {
                            "members": list(members),
                            "policy": policy,
                            **({"name": rest[0]} if rest else {"name": f"G{number}"}),
                        }
                        for number, (members, policy, *rest) in enumerate(groups)
                    ],
                    **listener,
                }
            },
            "mail_flow_policies": {
                "LOGIN": {"behavior": "relay", "tls": "required", "smtp_auth": "required"},
                "SKIP": {"behavior": "continue"},
            },
        }
    )
    return [
        f"{one.severity.value} {findings.place_text(one.path[2:])}: {one.what}"
        for one in listener_checks.check(document, CERTIFICATES)
        if one.path[0] == "listeners" and "recipient" not in str(one.path)
    ]


ALL = ((), "BLOCKED", "ALL")


@pytest.mark.parametrize(
    "hidden",
    ["10.1.0.0/16", "10.1.2.3", "10.0.0.5-9", "mx.shop.example", ".b.shop.example", "nx.domain"],
)
def test_a_member_behind_wider_ones_never_decides(hidden: str) -> None:
    wide = ("10.0/9", "10.128-255", ".shop.example", "nx.domain")
    found = said((wide, "ACCEPTED"), ((hidden, "192.0.2.7"), "BLOCKED"), ALL)
    assert found == ["warning sender_groups[2].members[1]: never decides: a wider member above it "
                     "matches first"]  # fmt: skip


def test_a_list_behind_all_addresses_never_decides() -> None:
    found = said((("0/0", "::/0"), "ACCEPTED"), (("dnslist[bl.example]",), "BLOCKED"), ALL)
    assert "group G1 is never reached" in found[0]


def test_an_entry_without_a_name_is_talked_about_too() -> None:
    found = said((("10/8",), "ACCEPTED"), (("10.1.1.1",), "BLOCKED", None), ALL)
    assert "this entry is never reached" in found[0]
    assert said(((), "BLOCKED", None), ALL) == ["error sender_groups[1]: has neither a name nor "
                                                "members"]  # fmt: skip


@pytest.mark.parametrize("member", ["SBRS[-10:-3]", "SBRS[none]", "SBO:1", "country[KR]"])
def test_a_member_that_asks_a_source_is_kept_and_named(member: str) -> None:
    found = said(((member,), "BLOCKED"), (("10/8",), "ACCEPTED"), ALL)
    assert found == ["warning sender_groups[1].members[1]: never matches: no local source for it "
                     "is configured"]  # fmt: skip


def test_with_a_source_of_its_kind_a_member_is_fine_and_blocks_are_checked() -> None:
    text = (
        b'format = 1\n[interfaces.Net]\naddress = "127.0.0.1"\n[listeners.In]\ntype = "public"\n'
        b'interface = "Net"\nrecipient_access = [{ recipient = "a.example", access = "accept" }]\n'
        b'[[listeners.In.sender_groups]]\nname = "BAD"\nmembers = ["SBRS[-10:-3]", "country[KR]"]\n'
        b'policy = "BLOCKED"\n[reputation.scores]\n"192.0.2.0/24" = -4.5\n"10/8" = 3\n'
    )
    loaded = checks.load(text)
    assert isinstance(loaded, checks.Loaded)
    (warned,) = [one for one in loaded.warnings if "never matches" in one.what]
    assert warned.path[-1] == 1
    table = loaded.running.listeners[0].access
    assert (table.match("192.0.2.9").match, table.match("10.0.0.1").match) == (
        "SBRS[-10:-3]",
        "ALL",
    )
    again = checks.load(format.format_document(loaded.document).encode())
    assert isinstance(again, checks.Loaded)
    assert again.document == loaded.document
    for bad in (b'"mx.example" = 1.0\n', b'"11/8" = 11.0\n', b'"11/8" = "x"\n'):
        assert isinstance(checks.load(text + bad), checks.Refused)
    country = checks.load(text + b'[reputation.countries]\n"10/8" = "kr"\n')
    assert isinstance(country, checks.Refused)
    assert "two capital letters" in str(country.findings[0])
    block = checks.load(text + b'"mx.example" = 1.0\n')
    assert isinstance(block, checks.Refused)
    assert "CIDR block" in str(block.findings[0])


def test_the_last_group_must_decide() -> None:
    found = said((("10/8",), "ACCEPTED"), ((), "SKIP", "ALL"))
    assert found[0].startswith("error sender_groups[2].policy: the last group must decide")


@pytest.mark.parametrize("member", ["0/0", "0.0.0.0/1", "128-255", "16/4", "::/0", "2000::/3"])
def test_relaying_for_a_large_part_of_the_world_is_an_open_relay(member: str) -> None:
    assert any("error sender_groups[1].members[1]: so many" in one for one in
               said(((member,), "RELAYED"), ALL))  # fmt: skip
    assert any(one.startswith("warning") and "so many" in one for one in
               said(((member,), "RELAYED"), ALL, address="127.0.0.1"))  # fmt: skip
    assert not any("so many" in one for one in said(((member,), "LOGIN"), ALL))


@pytest.mark.parametrize("member", ["10/8", "192.0.2.0/24", "2001:db8::/32", "mx.bank.example"])
def test_relaying_for_those_whom_one_knows_is_not_talked_about(member: str) -> None:
    assert said(((member,), "RELAYED"), ALL) == []


@pytest.mark.parametrize("member", ["nx.domain", "dnslist[wl.example]"])
def test_relaying_by_what_dns_says_is_talked_about(member: str) -> None:
    assert "lets strangers relay" in said(((member,), "RELAYED"), ALL)[0]


def test_a_private_listener_that_accepts_and_knows_nobody_takes_nothing() -> None:
    assert "every recipient is refused" in said(((), "ACCEPTED", "ALL"), type="private")[0]
    assert said(((), "LOGIN", "ALL"), type="private", certificate="mx") == []


def test_a_table_that_lets_nobody_in() -> None:
    assert "no client may send" in said((("10/8",), "BLOCKED"), ALL)[0]


@pytest.mark.parametrize("field", ["proxy_protocol_from", "xclient_from"])
def test_who_may_claim_to_be_another_client(field: str) -> None:
    def claimed(text: str) -> list[str]:
        claims: dict[str, Any] = {field: ["10.0.0.0/8", text]}
        return said((("10/8",), "ACCEPTED"), ALL, **claims)

    assert claimed("::1") == []
    assert claimed("0/0")[0].startswith(f"error {field}[2]: so many")
    assert claimed("mx.example")[0].startswith(f"error {field}[2]: is no address")


def test_names_that_lead_nowhere() -> None:
    found = said((("10/8",), "ACEPTED"), ALL, certificate="nx", certificates=["mx", "mx"])
    assert [one.split(": ", 1)[0] for one in found] == [
        "error certificate",
        "warning certificates[2]",
        "error sender_groups[1].policy",
    ]


def test_tls_with_the_demo_certificate_is_pointed_out() -> None:
    (found,) = said(((), "LOGIN", "ALL"), type="private")
    assert found.startswith("warning certificate: the Demo certificate encrypts, but nobody can")
