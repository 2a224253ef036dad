# SPDX-License-Identifier: Apache-2.0
"""The walk through the tables, for clients that do not exist."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.explain_inbound import InboundInput, InboundView
from gatehouse.faces.actions.explain_inbound_work import explain
from gatehouse.faces.actions.house import House
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen
from gatehouse.service.trust import keyring

CONFIGURATION = """\
format = 1
[interfaces.Net]
address = "192.0.2.1"
hostname = "mx.example.com"
[listeners.In]
type = "public"
interface = "Net"
port = 25
recipient_access = [
    { recipient = "example.com", access = "accept" },
    { recipient = "old@", access = "reject", code = 551, text = "Gone" },
]
sender_groups = [
    { name = "SHUT", members = ["198.51.100.66"], policy = "SHUT" },
    { name = "CUT", members = ["198.51.100.67"], policy = "CUT" },
    { name = "PARTNERS", members = ["203.0.113.0/24", ".partner.example"], policy = "PARTNER" },
    { name = "PROVED", members = ["198.51.100.8"], policy = "PROVED" },
    { name = "LISTED", members = ["dnslist[bl.example]"], policy = "SHUT" },
    { name = "LATE", members = ["203.0.113.7"], policy = "OPEN" },
    { name = "ALL", members = ["ALL"], policy = "OPEN" },
]
[listeners.Late]
type = "public"
interface = "Net"
port = 26
delayed_reject = true
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "SHUT" }]
[listeners.Inside]
type = "private"
interface = "Net"
port = 587
sender_groups = [
    { name = "RELAYLIST", members = ["10.0.0.0/8"], policy = "RELAY" },
    { name = "ALL", members = ["ALL"], policy = "SHUT" },
]
[listeners.Implicit]
type = "private"
interface = "Net"
port = 465
tls_mode = "implicit"
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "RELAY" }]
[mail_flow_policies.default]
max_recipients_per_message = 3
[mail_flow_policies.SHUT]
behavior = "reject"
reject_text = "No mail from $RemoteIP"
[mail_flow_policies.CUT]
behavior = "tcprefuse"
[mail_flow_policies.OPEN]
behavior = "accept"
tls = "preferred"
tls_mandatory_list = ["bank.example"]
[mail_flow_policies.PARTNER]
behavior = "accept"
tls = "required"
[mail_flow_policies.PROVED]
behavior = "accept"
tls = "required"
# verify
[mail_flow_policies.RELAY]
behavior = "relay"
"""
VERIFYING = CONFIGURATION.replace("# verify", "verify_client_certificate = true").encode()
ANN = "ann@sender.example"
BOB = "bob@example.com"


def ask(house: House, address: str, **given: Any) -> InboundView:
    wanted: dict[str, Any] = {"file": CONFIGURATION.encode(), "no_dns": True} | given
    return asyncio.run(explain(house, InboundInput(address=address, **wanted)))


def codes(view: InboundView) -> list[tuple[str, int | None]]:
    return [(one.command.split(" ")[0].split(":")[0], one.code) for one in view.dialogue]


def unmet(view: InboundView) -> list[str]:
    return [one.demand for one in view.demands if not one.met]


def test_a_stranger_is_served_and_every_group_says_why_it_was_passed_over(house: House) -> None:
    view = ask(house, "198.51.100.1", sender=ANN, recipient=(BOB,))
    assert [one.outcome for one in view.groups] == ["passed"] * 6 + ["won"]
    assert view.groups[2].why == (
        "203.0.113.0/24: 198.51.100.1 is in none of them",
        ".partner.example: no confirmed name is known",
    )
    assert codes(view) == [
        ("", 220),
        ("EHLO", 250),
        ("STARTTLS", 220),
        ("EHLO", 250),
        ("MAIL", 250),
        ("RCPT", 250),
    ]
    assert view.accepted == (BOB,)
    assert view.verdict == "Mail is taken for the recipient."
    assert view.advice == ()


def test_a_listener_that_is_suspended_now_is_said_to_be(house: House) -> None:
    house.store.suspensions.suspend_listener("Late", 1.0, "ann")
    said = {
        name: any("suspended now" in one for one in ask(house, "10.1.2.3", listener=name).notes)
        for name in ("In", "Late")
    }
    assert said == {"In": False, "Late": True}


def test_the_policy_says_where_each_value_comes_from(house: House) -> None:
    view = ask(house, "198.51.100.1")
    origins = {one.name: (one.value, one.origin) for one in view.policy.fields}
    assert origins["tls"] == ("preferred", "own")
    assert origins["max_recipients_per_message"] == ("3", "default")
    assert origins["reject_code"] == ("554", "factory")
    assert origins["auth_needs_tls"] == ("true", "factory")


def test_a_partner_without_tls_hears_530_and_the_log_says_so(house: House) -> None:
    view = ask(house, "203.0.113.9", no_tls=True, sender=ANN, recipient=(BOB,))
    assert codes(view)[-2:] == [("MAIL", 530), ("RCPT", 530)]
    assert unmet(view) == ["TLS"]
    assert view.refused == (BOB,)
    assert "ICID 0 TLS was required but remote host did not initiate it" in view.log
    assert view.verdict == "Refused at MAIL with 530."
    assert "Policy PARTNER requires TLS" in view.advice[0]


def test_the_same_partner_with_tls_is_served(house: House) -> None:
    view = ask(house, "203.0.113.9", sender=ANN, recipient=(BOB,), tls_protocol="TLSv1.2")
    assert view.accepted == (BOB,)
    assert any("TLS success protocol TLSv1.2 cipher ECDHE" in line for line in view.log)


def test_a_reverse_name_that_is_confirmed_counts(house: House) -> None:
    assert ask(house, "198.51.100.1", reverse_name="MX.Partner.Example").groups[2].outcome == "won"
    lied = ask(
        house,
        "198.51.100.1",
        reverse_name="mx.partner.example",
        reverse_state="not.double.verified",
    )
    assert lied.groups[2].outcome == "passed"
    assert "not confirmed by its own addresses" in lied.groups[2].why[1]


def test_a_dns_list_can_be_supposed(house: House) -> None:
    view = ask(house, "198.51.100.1", listed=("BL.example.",))
    assert view.groups[4].outcome == "won"
    assert view.verdict == "Turned away at the greeting with 554."
    free = ask(house, "198.51.100.1")
    assert any("DNS list bl.example was not asked" in note for note in free.notes)


def test_a_rejected_client_hears_it_at_the_greeting(house: House) -> None:
    view = ask(house, "198.51.100.66", sender=ANN, recipient=(BOB,))
    assert view.dialogue[0].reply == ("554 5.7.1 No mail from 198.51.100.66",)
    assert len(view.dialogue) == 1
    assert "ICID 0 REJECT SG SHUT match 198.51.100.66 SBRS None" in view.log
    assert "name 198.51.100.66 in a sender group above it" in view.advice[0]


def test_or_at_the_recipient_where_the_listener_waits(house: House) -> None:
    view = ask(house, "198.51.100.1", listener="Late", sender=ANN, recipient=(BOB,))
    assert codes(view) == [("", 220), ("EHLO", 250), ("MAIL", 250), ("RCPT", 554)]
    assert any("Delayed HAT REJECT Message recipient" in line for line in view.log)


def test_a_refused_connection_is_cut_without_a_word(house: House) -> None:
    view = ask(house, "198.51.100.67")
    assert view.dialogue == ()
    assert view.log == ("ICID 0 TCPREFUSE SG CUT match 198.51.100.67 SBRS None",)
    assert view.verdict == "The connection is cut without a word."


def test_strangers_do_not_relay_and_hear_the_entry_that_refused(house: House) -> None:
    elsewhere = "x@elsewhere.example"
    view = ask(house, "198.51.100.1", sender=ANN, recipient=(elsewhere, "old@else.example", BOB))
    assert [code for _, code in codes(view)[-3:]] == [550, 551, 250]
    assert (view.accepted, len(view.refused)) == ((BOB,), 2)
    assert view.verdict == "Mail is taken for 1 of 3 recipients."
    assert 'behavior = "relay"' in view.advice[0]


def test_the_inside_relays(house: House) -> None:
    view = ask(house, "10.1.2.3", listener="Inside", sender=ANN, recipient=("x@else.example",))
    assert view.accepted == ("x@else.example",)
    assert ask(house, "192.0.2.9", listener="Inside").verdict.startswith("Turned away")


def test_a_listed_sender_must_use_tls_though_it_is_preferred(house: House) -> None:
    sender = "boss@bank.example"
    view = ask(house, "198.51.100.1", no_tls=True, sender=sender, recipient=(BOB,))
    assert codes(view)[-2] == ("MAIL", 530)
    assert unmet(view) == ["TLS for this sender"]
    assert "tls_mandatory_list" in view.advice[0]
    assert ask(house, "198.51.100.1", sender=sender, recipient=(BOB,)).accepted == (BOB,)


@pytest.mark.parametrize(
    ("certificate", "taken", "reason"),
    [("valid", True, ""), ("invalid", False, "unknown issuer"), ("none", False, "no certificate")],
)
def test_a_certificate_that_is_required_decides(
    house: House, certificate: str, taken: bool, reason: str
) -> None:
    given = {"file": VERIFYING, "sender": ANN, "recipient": (BOB,)}
    view = ask(house, "198.51.100.8", certificate=certificate, **given)
    assert bool(view.accepted) is taken
    if not taken:
        assert ("EHLO", 554) in codes(view)
        assert f"ICID 0 TLS failed: verify error: {reason}" in view.log
        assert view.advice


def test_a_certificate_that_nobody_asks_for_is_not_looked_at(house: House) -> None:
    view = ask(house, "198.51.100.1", certificate="invalid", sender=ANN, recipient=(BOB,))
    assert view.accepted == (BOB,)
    assert view.client.certificate == "none"
    assert any("asks no client for a certificate" in note for note in view.notes)


def test_a_real_certificate_is_judged_by_the_trust_list(house: House) -> None:
    demo = keyring.get(house.store, keyring.DEMO).chain_pem[0]
    view = ask(house, "198.51.100.8", file=VERIFYING, certificate_file=demo)
    assert view.client.certificate == "invalid"
    assert view.client.certificate_reason


def test_starttls_that_is_not_offered_is_refused_and_said(house: House) -> None:
    view = ask(house, "10.1.2.3", listener="Inside", tls=True)
    assert codes(view)[-1] == ("STARTTLS", 502)
    assert view.advice == (
        "The client asked for TLS and policy RELAY has it off: set tls in "
        '[mail_flow_policies.RELAY] to "preferred".',
    )


def test_implicit_tls_begins_with_the_handshake(house: House) -> None:
    view = ask(house, "10.1.2.3", listener="Implicit", sender=ANN, recipient=(BOB,))
    assert codes(view) == [("", 220), ("EHLO", 250), ("MAIL", 250), ("RCPT", 250)]
    assert view.client.tls


def test_a_group_further_down_that_names_the_client_is_pointed_out(house: House) -> None:
    view = ask(house, "203.0.113.7")
    assert view.groups[5].outcome == "behind"
    assert view.advice == (
        "Group LATE names this client too (203.0.113.7), but PARTNERS stands above it and the "
        "first match wins: move LATE up.",
    )


def test_too_many_recipients_are_refused_one_by_one(house: House) -> None:
    four = tuple(f"b{n}@example.com" for n in range(4))
    view = ask(house, "198.51.100.1", sender="<>", recipient=four)
    assert (view.accepted, view.refused) == (four[:3], four[3:])
    assert unmet(view) == ["recipients of this message"]
    assert view.dialogue[-1].code == 452
    assert "max_recipients_per_message" in view.advice[0]


def test_what_is_no_address_is_refused_by_the_engine_as_for_a_real_client(house: House) -> None:
    view = ask(house, "198.51.100.1", sender="@@", recipient=(BOB,))
    assert ("MAIL", 501) in codes(view) or ("MAIL", 553) in codes(view)
    assert any("Invalid" in line or "invalid" in line for line in view.log)


def test_the_candidate_is_asked_before_it_runs(house: House) -> None:
    Candidate(house).write(CONFIGURATION.encode())
    view = ask(house, "203.0.113.9", file=None, candidate=True)
    assert (view.source, view.policy.name) == ("candidate", "PARTNER")
    assert ask(house, "203.0.113.9", file=None).source == "revision 1"


@pytest.mark.parametrize(
    "given",
    [
        {"address": "mx.example.com"},
        {"address": "192.0.2.7", "tls": True, "no_tls": True},
        {"address": "192.0.2.7", "no_tls": True, "certificate": "valid"},
        {"address": "192.0.2.7", "candidate": True},
        {"address": "192.0.2.7", "recipient": (BOB,)},
        {"address": "192.0.2.7", "helo": "a b"},
        {"address": "192.0.2.7", "sender": "a@b\r\nRCPT TO:<x@y>"},
        {"address": "192.0.2.7", "listener": "Nowhere"},
        {"address": "192.0.2.7", "reverse_name": "-"},
        {"address": "192.0.2.7", "reverse_name": "a.example", "reverse_state": "nx.domain"},
        {"address": "192.0.2.7", "reverse_state": "verified"},
        {"address": "192.0.2.7", "certificate_file": b"-----", "listener": "In"},
    ],
)
def test_words_that_cannot_be_meant_are_refused(house: House, given: dict[str, Any]) -> None:
    if "certificate_file" in given:
        given = given | {"address": "198.51.100.8", "file": VERIFYING}
    with pytest.raises(OperatorError):
        ask(house, **given)


def test_a_configuration_that_cannot_run_is_no_ground_for_an_answer(house: House) -> None:
    wrong = CONFIGURATION.replace('policy = "PARTNER"', 'policy = "PARTNERS"')
    with pytest.raises(OperatorError) as refused:
        ask(house, "192.0.2.7", file=wrong.encode())
    assert refused.value.fault.findings


def test_an_unknown_user_is_not_let_in(house: House) -> None:
    text = CONFIGURATION.replace('tls = "preferred"', 'tls = "preferred"\nsmtp_auth = "required"')
    view = ask(house, "198.51.100.1", file=text.encode(), auth="carol", sender=ANN)
    assert ("AUTH", 535) in codes(view)
    assert codes(view)[-1] == ("MAIL", 530)
    assert any("no user carol" in note for note in view.notes)
    assert "requires authentication" in view.advice[0]


def test_without_a_data_directory_a_file_is_enough(house: House) -> None:
    view = ask(replace(house, opened=None), "203.0.113.9")
    assert (view.source, view.policy.name) == ("file", "PARTNER")


def test_a_person_sees_the_walk_from_the_client_to_the_advice(house: House) -> None:
    shown = render(ask(house, "203.0.113.9", no_tls=True, sender=ANN, recipient=(BOB,)), Screen())
    order = ["203.0.113.9", "WINS", "Mail flow policy PARTNER", "NOT MET", "S: 530", "TLS was"]
    places = [shown.index(text) for text in [*order, "Refused at MAIL", "requires TLS: the client"]]
    assert places == sorted(places)


def test_a_handshake_is_one_that_the_listeners_profile_allows(house: House) -> None:
    modern = CONFIGURATION + '[ssl]\ninbound_profile = "p"\n[tls_profiles.p]\nmin_version = "1.3"\n'
    file = modern.encode()
    view = ask(house, "203.0.113.9", sender=ANN, recipient=(BOB,), file=file)
    assert any("TLS success protocol TLSv1.3" in line for line in view.log)
    with pytest.raises(OperatorError) as caught:
        ask(house, "203.0.113.9", file=file, tls_protocol="TLSv1.2")
    assert caught.value.fault.reference == "no-common-protocol"
    older = modern.replace("min_version", "max_version").replace("1.3", "1.2").encode()
    view = ask(house, "203.0.113.9", sender=ANN, recipient=(BOB,), file=older)
    assert any("TLS success protocol TLSv1.2" in line for line in view.log)
