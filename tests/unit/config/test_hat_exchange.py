# SPDX-License-Identifier: Apache-2.0
"""A table that goes out as text and comes back decides as before, here and elsewhere."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.config import build, hat_exchange, hat_keys, hat_text, schema
from gatehouse.policy import mail_flow
from gatehouse.policy.access import NameState

LISTENER = "In"


def document(**listener: Any) -> schema.Document:
    policies = listener.pop("policies", {})
    return schema.Document.model_validate(
        {
            "format": 1,
            "interfaces": {"Net": {"address": "127.0.0.1"}},
            "listeners": {LISTENER: {"type": "public", "interface": "Net", **listener}},
            "mail_flow_policies": policies,
        }
    )


def adopt(before: schema.Document, text: str) -> tuple[schema.Document, hat_exchange.Adopted]:
    parsed = hat_text.parse(text.encode())
    assert isinstance(parsed, hat_text.HatText), [str(one) for one in parsed]
    adopted = hat_exchange.adopt(before, parsed)
    assert isinstance(adopted, hat_exchange.Adopted), [str(one) for one in adopted]
    return hat_exchange.put(before, LISTENER, adopted), adopted


def decisions(one: schema.Document) -> list[tuple[str | None, str, dict[str, Any]]]:
    table = build.access_table(one, one.listeners[LISTENER])
    found = [
        table.match(ip, host, state=state, listed=listed)
        for ip in ("10.1.1.1", "192.0.2.9", "2001:db8::1")
        for host in (None, "mx.bank.example")
        for state in (NameState.VERIFIED, NameState.NX_DOMAIN)
        for listed in ((), ("bl.example.net",))
    ]
    fields = [name for name in mail_flow.MailFlowPolicy.__slots__ if name != "name"]
    return [
        (match.group, match.match, {name: getattr(match.policy, name) for name in fields})
        for match in found
    ]


MEMBERS = ("10/8", "192.0.2.0-9", "2001:db8::/32", "mx.bank.example", ".bank.example", "nx.domain",
           "dnslist[bl.example.net]", "SBRS[-10.0:-3.0]", "country[KR]", "relay")  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    st.sampled_from(['say "a\\b"', "\\", '"', "ends in \\", "} (x) $P ALL"]),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "behavior": st.sampled_from(["accept", "relay", "reject", "tcprefuse"]),
        "tls": st.sampled_from(["off", "preferred", "required"]),
        "tls_mandatory_list": st.lists(
            st.sampled_from(["a.example", ".b.example", "c@", '"d,e"@f.example']), max_size=3
        ),
        "smtp_auth": st.sampled_from(["off", "preferred", "required"]),
        "auth_needs_tls": st.booleans(),
        "max_recipients_per_hour": st.integers(0, 99),
        "max_sender_recipients_per_hour": st.integers(0, 99),
        "dhap_limit": st.integers(0, 99),
        "check_sender_domain": st.booleans(),
        "max_message_size": st.integers(1024, 10**9),
        "banner_text": TEXTS,
        "banner_host": st.sampled_from(["", "mx.example.com"]),
        "reject_code": st.integers(400, 599),
        "reject_text": TEXTS,
    },
).flatmap(
    lambda fields: st.booleans().map(
        lambda verify: (
            {**fields, "verify_client_certificate": verify}
            if fields.get("tls", "off") != "off"
            else fields
        )
    )
)
POLICIES = st.dictionaries(
    st.sampled_from(["default", "TRUSTED", "BLOCKED", "OWN", "Second.Policy"]), FIELDS
)
COMMENTS = st.one_of(st.none(), st.text(max_size=30))


@st.composite
def documents(draw: st.DrawFn) -> schema.Document:
    policies = draw(POLICIES)
    known = st.sampled_from([*policies, "ACCEPTED", "THROTTLED", "RELAYED"])
    groups = [
        {
            "name": draw(st.sampled_from([None, f"G{number}"])),
            "members": draw(st.lists(st.sampled_from(MEMBERS), max_size=4, unique=True)),
            "policy": draw(known),
            "comment": draw(COMMENTS),
        }
        for number in range(draw(st.integers(0, 4)))
    ]
    groups = [
        {key: one for key, one in group.items() if one is not None}
        for group in groups
        if group["name"] or group["members"]
    ]
    if draw(st.booleans()):
        groups.append({"name": "ALL", "policy": draw(known)})
    return document(
        type=draw(st.sampled_from(["public", "private"])), sender_groups=groups, policies=policies
    )


@settings(max_examples=40, deadline=None)
@given(documents())
def test_out_and_in_again_changes_nothing(before: schema.Document) -> None:
    text = hat_exchange.export(before, LISTENER)
    after, adopted = adopt(before, text)
    assert hat_exchange.export(after, LISTENER) == text
    assert decisions(after) == decisions(before)
    assert not adopted.policies, "the text says nothing new"
    # Where nobody knows the policies it decides the same.
    elsewhere, _ = adopt(document(type=before.listeners[LISTENER].type), text)
    assert decisions(elsewhere) == decisions(before)
    assert hat_exchange.export(elsewhere, LISTENER) == text


def test_every_field_of_a_policy_has_its_key() -> None:
    written = {one.field for one in hat_keys.KEYS} | {"behavior", hat_keys.VERIFY}
    assert written == set(schema.MailFlowPolicy.model_fields)
    assert len(hat_keys.BY_KEY) == len(hat_keys.KEYS)


def test_what_a_policy_inherits_stays_inherited() -> None:
    before = document(
        policies={"default": {"dhap_limit": 7}, "OWN": {"tls": "required"}},
        sender_groups=[{"name": "G", "members": ["10/8"], "policy": "OWN"}],
    )
    text = hat_exchange.export(before, LISTENER)
    assert text.startswith("$default\n    ACCEPT {\n        dhap_limit = 7\n    }\n$OWN\n")
    assert text.count("dhap_limit") == 1


def test_verification_is_a_part_of_the_word_for_tls() -> None:
    text = '$P\nACCEPT {\ntls = "preferred_verify"\n}\nALL\n$P\n'
    after, _ = adopt(document(), text)
    policy = build.policy(after, "P")
    assert (policy.tls, policy.verify_client_certificate) == (mail_flow.TlsDemand.PREFERRED, True)
    assert 'tls = "preferred_verify"' in hat_exchange.export(after, LISTENER)


def test_a_behaviour_without_a_name_finds_or_becomes_a_policy() -> None:
    text = "10/8\nREJECT\nGUESTS:\n11/8\nACCEPT {\ndhap_limit = 3\n}\nALL\nTCPREFUSE\n"
    after, adopted = adopt(document(policies={"GUESTS": {"tls": "required"}}), text)
    groups = after.listeners[LISTENER].sender_groups
    assert [one.policy for one in groups] == ["BLOCKED", "GUESTS_2", "TCPREFUSE"]
    assert set(adopted.policies) == {"GUESTS_2", "TCPREFUSE"}
    assert len(adopted.remarks) == 2
    again, once_more = adopt(after, text)
    assert again == after
    assert not once_more.policies


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("10/8\n$NOBODY\nALL\n$ACCEPTED\n", "error: line 1: there is no such mail flow policy"),
        ("G:\n$ACCEPTED\nG:\n$ACCEPTED\nALL\n$ACCEPTED\n", "error: line 3: the name of the group"),
        (
            "WHITELIST:\n$TRUSTED\nALLOWED_LIST:\n$TRUSTED\nALL\n$ACCEPTED\n",
            "error: line 3: the name of the group",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(text: str, fault: str) -> None:
    parsed = hat_text.parse(text.encode())
    assert isinstance(parsed, hat_text.HatText)
    found = hat_exchange.adopt(document(), parsed)
    assert isinstance(found, tuple)
    assert str(found[0]).startswith(fault)


def test_a_policy_that_could_be_none_by_its_name_is_refused_as_any_other() -> None:
    parsed = hat_text.parse(b"A:\n$b@d\nALL\n$ACCEPTED\n")
    assert isinstance(parsed, hat_text.HatText)
    found = hat_exchange.adopt(document(), parsed)
    assert isinstance(found, tuple)
    assert [one.line for one in found] == [1]
    assert "there is no such mail flow policy (found '$b@d')" in str(found[0])


def test_behaviours_that_say_the_same_share_a_policy_and_others_are_numbered() -> None:
    text = "a.example\nREJECT\nb.example\nREJECT\n"
    text += "".join(f'{n}.example\nREJECT {{\nsmtp_reject_text = "{n}"\n}}\n' for n in (1, 2, 2, 3))
    after, adopted = adopt(document(), text + "ALL\n$ACCEPTED\n")
    named = [one.policy for one in after.listeners[LISTENER].sender_groups]
    assert named[0] == named[1] == "BLOCKED", "there is one that says just that"
    assert named[2:-1] == ["REJECT", "REJECT_2", "REJECT_2", "REJECT_3"]
    assert list(adopted.policies) == ["REJECT", "REJECT_2", "REJECT_3"]


def test_of_policies_that_say_the_same_the_first_one_is_taken() -> None:
    same = 'REJECT {\nsmtp_reject_text = "x"\n}\n'
    text = f"$ONE\n{same}$TWO\n{same}a.example\n{same}ALL\n$ACCEPTED\n"
    after, _ = adopt(document(), text)
    assert after.listeners[LISTENER].sender_groups[0].policy == "ONE"
    there = {name: {"behavior": "reject", "reject_text": "x"} for name in ("THREE", "FOUR")}
    after, _ = adopt(document(policies=there), text)
    assert after.listeners[LISTENER].sender_groups[0].policy == "ONE", "those of the text first"
    after, _ = adopt(document(policies=there), f"a.example\n{same}ALL\n$ACCEPTED\n")
    assert after.listeners[LISTENER].sender_groups[0].policy == "THREE"
