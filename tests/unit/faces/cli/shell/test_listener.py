# SPDX-License-Identifier: Apache-2.0
"""listenerconfig: answers in, changes of the candidate out."""

from gatehouse.policy.mail_flow import TlsDemand
from tests.unit.faces.cli.shell.conftest import Desk

DEFAULT = "listenerconfig > edit > hostaccess > default"


def test_a_public_listener_is_made(desk: Desk) -> None:
    new = ["NEW", "Public", "EdgeIn", "1", "1", "2526", "example.com, .example.org", "N"]
    made = desk.play("listenerconfig", *new, "")
    assert (made.listeners["EdgeIn"].port, made.listeners["EdgeIn"].type) == (2526, "public")
    recipients = [one.recipient for one in made.listeners["EdgeIn"].recipient_access]
    assert recipients == ["example.com", ".example.org"]
    assert "# a remark of the operator" in desk.text()
    assert "Name: EdgeIn" in desk.said


def test_a_private_listener_relays_for_the_hosts_that_were_named(desk: Desk) -> None:
    made = desk.play("listenerconfig", "NEW", "1", "Out", "1", "2", "", "10.0.0.0/8", "N", "")
    listener = made.listeners["Out"]
    assert (listener.tls_mode, listener.port) == ("implicit", 465)
    assert [(one.name, one.members, one.policy) for one in listener.sender_groups] == [
        ("RELAYLIST", ["10.0.0.0/8"], "RELAYED"),
        ("ALL", ["ALL"], "BLOCKED"),
    ]


def test_the_third_choice_demands_tls_and_leads_to_certconfig(desk: Desk) -> None:
    made = desk.interview(DEFAULT, {"Do you want to allow": "3"})
    policy = made.mail_flow_policies["default"]
    assert policy.tls is TlsDemand.REQUIRED
    assert policy.model_fields_set == {"tls"}  # what was not changed goes on being inherited
    assert any("certconfig" in line for line in desk.said)
    assert desk.said.count("TLS: No") == 1
    assert "TLS: Required" in desk.said


def test_preferred_tls_takes_senders_that_must_use_it(desk: Desk) -> None:
    made = desk.interview(
        DEFAULT,
        {
            "Do you want to allow": "2",
            "Senders that must": "bank.example, .x.example",
            "Verify the certificates": "Y",
            "SMTP authentication": "2",
            "Offer it under TLS": "N",
        },
    )
    policy = made.mail_flow_policies["default"]
    assert policy.tls is TlsDemand.PREFERRED
    assert policy.tls_mandatory_list == ["bank.example", ".x.example"]
    assert (policy.verify_client_certificate, policy.auth_needs_tls) == (True, False)


def test_sizes_and_numbers_of_a_policy(desk: Desk) -> None:
    way = ["listenerconfig", "EDIT", "1", "HOSTACCESS", "DEFAULT", "20m", "5", "6", "7"]
    banner = ["Y", "221", "go on", "2", "mx.example.net"]
    refusal = ["Y", "421", "not now"]
    rates = ["8", "9", "Y", "451", "slowly"]
    made = desk.play(*way, *banner, *refusal, *rates, "10", "N", "1", "1", "Y", "", "", "")
    policy = made.mail_flow_policies["default"]
    assert policy.max_message_size == 20 * 2**20
    assert (policy.max_connections_per_client, policy.max_messages_per_connection) == (5, 6)
    assert (policy.max_recipients_per_message, policy.max_recipients_per_hour) == (7, 8)
    assert (policy.banner_code, policy.banner_text, policy.banner_host) == (
        221,
        "go on",
        "mx.example.net",
    )
    assert (policy.reject_code, policy.reject_text) == (421, "not now")
    assert policy.max_sender_recipients_per_hour == 9
    assert (policy.rate_code, policy.rate_text) == (451, "slowly")
    assert (policy.dhap_limit, policy.dhap_drop_connection) == (10, False)
    assert policy.check_sender_domain is True


def test_texts_that_no_client_could_be_sent_are_asked_for_again_at_once(desk: Desk) -> None:
    way = ["listenerconfig", "EDIT", "1", "HOSTACCESS", "DEFAULT", *[""] * 4]
    banner = ["Y", "", "grüß Gott", "good day", "2", "a b", "mx.example.net", "N"]
    tls = ["2", "a..b", "bank.example", *[""] * 3]
    made = desk.play(*way, *banner, *[""] * 4, *tls, "", "", "")
    policy = made.mail_flow_policies["default"]
    assert (policy.banner_text, policy.banner_host) == ("good day", "mx.example.net")
    assert policy.tls_mandatory_list == ["bank.example"]
    assert "What is needed: printable ASCII text in one line." in desk.said
    assert "What is needed: a host name." in desk.said
    assert any(line.startswith("a..b: ") for line in desk.said)


def test_the_greeting_goes_without_a_name_and_back_to_that_of_the_interface(desk: Desk) -> None:
    change = {"Change code, text and host": "Y", "Text (none": "hello"}
    made = desk.interview(DEFAULT, change | {"Host name": "3"})
    policy = made.mail_flow_policies["default"]
    assert (policy.banner_host, policy.banner_text) == ("", "hello")
    made = desk.interview(DEFAULT, change | {"Host name": "1", "Text (none": "none"})
    assert made.mail_flow_policies["default"].model_fields_set == set()


def test_name_interface_limits_and_setup(desk: Desk) -> None:
    made = desk.play(
        *["listenerconfig", "EDIT", "InboundMail", "LIMITS", "50", "NAME", "Edge"],
        *["INTERFACE", "1", "2", "2600", "SETUP", "example.org", "Y", "60", "", "192.0.2.0/24"],
        *["x", "", "", ""],
    )
    assert set(made.listeners) == {"Edge"}
    edge = made.listeners["Edge"]
    assert (edge.max_concurrency, edge.port, edge.default_domain) == (50, 2600, "example.org")
    assert (edge.delayed_reject, edge.idle_timeout) == (True, 60)
    assert "connection_timeout" not in edge.model_fields_set
    assert (edge.tls_mode, edge.proxy_protocol_from) == ("implicit", ["192.0.2.0/24"])
    assert "This cannot be one of them: x" in desk.said
    made = desk.play("listenerconfig", "EDIT", "1", "SETUP", *[""] * 4, "none", "", "", "")
    assert made.listeners["Edge"].proxy_protocol_from == []


def test_what_is_set_up_for_all_is_set_on_each_of_them(desk: Desk) -> None:
    two = ["NEW", "", "Two", "", "", "2526", "example.com", "N"]
    made = desk.play("listenerconfig", *two, "SETUP", "", "120", "", "Y", "50", "1G", "2", "")
    assert [one.idle_timeout for one in made.listeners.values()] == [120, 120]
    assert all(one.delayed_reject for one in made.listeners.values())
    assert (made.queue.max_received_hops, made.queue.disk_reserve) == (50, 2**30)
    assert made.processes.receivers == 2
    assert all(
        not {"max_concurrency", "connection_timeout"} & one.model_fields_set
        for one in made.listeners.values()
    )


def test_a_bounce_profile_is_chosen_where_there_are_any(desk: Desk) -> None:
    desk.play("listenerconfig", "EDIT", "1", "BOUNCECONFIG", "", "")
    assert any("make one with `bounceconfig`" in line for line in desk.said)
    profile = ["bounceconfig", "NEW", "slow", "", "5d", "", "", "", "N", "", "", ""]
    made = desk.play(*profile, "listenerconfig", "EDIT", "1", "BOUNCECONFIG", "slow", "", "")
    assert made.listeners["InboundMail"].bounce_profile == "slow"
    made = desk.play("listenerconfig", "EDIT", "1", "BOUNCECONFIG", "1", "", "")
    assert made.listeners["InboundMail"].bounce_profile is None


def test_more_certificates_are_asked_for_where_there_are_more(desk: Desk) -> None:
    new = ["certconfig", "NEW", "mx", "mx.example.com", *[""] * 6, "90", "1", ""]
    more = ["certconfig", "NEW", "mx2", "mx.example.net", *[""] * 6, "90", "1", ""]
    made = desk.play(*new, *more, "listenerconfig", "EDIT", "1", "CERTIFICATE", "2", "mx2", "", "")
    listener = made.listeners["InboundMail"]
    assert (listener.certificate, listener.certificates) == ("mx", ["mx2"])


def test_a_tls_profile_is_chosen_where_there_are_any(desk: Desk) -> None:
    desk.play("listenerconfig", "EDIT", "1", "TLSPROFILE", "", "")
    assert any("make one with sslconfig" in line for line in desk.said)
    profile = ["sslconfig", "PROFILES", "NEW", "strict", "TLS v1.3", "", "", "", "", "", ""]
    made = desk.play(*profile, "listenerconfig", "EDIT", "1", "TLSPROFILE", "strict", "", "")
    assert made.listeners["InboundMail"].tls_profile == "strict"
    made = desk.play("listenerconfig", "EDIT", "1", "TLSPROFILE", "1", "", "")
    assert made.listeners["InboundMail"].tls_profile is None


def test_what_is_no_domain_and_no_host_is_asked_for_again_at_once(desk: Desk) -> None:
    new = ["NEW", "Public", "EdgeIn", "1", "1", "2526", "a..b", "example.com", "N"]
    made = desk.play("listenerconfig", *new, "EDIT", "2", "SETUP", "a b", *[""] * 5, "", "", "")
    assert [one.recipient for one in made.listeners["EdgeIn"].recipient_access] == ["example.com"]
    assert any(line.startswith("a..b: ") for line in desk.said)
    assert "What is needed: a host name." in desk.said
    private = ["NEW", "1", "Out", "1", "1", "2527", "192.0.2.0/99", "192.0.2.0/24", "N"]
    made = desk.play("listenerconfig", *private, "")
    assert made.listeners["Out"].sender_groups[0].members == ["192.0.2.0/24"]


def test_names_that_differ_in_case_only_are_two_names(desk: Desk) -> None:
    two = ["NEW", "", "inboundmail", "PublicNet", "", "2526", "example.com", "N"]
    made = desk.play("listenerconfig", *two, "DELETE", "inboundmail", "Y", "")
    assert set(made.listeners) == {"InboundMail"}
    desk.play("listenerconfig", *two, "DELETE", "INBOUNDMAIL", "InboundMail", "N", "")
    assert "Answer with a number from 1 to 2." in desk.said
    assert "Remove InboundMail? [N]> N" in desk.said


def test_a_suspended_listener_keeps_its_name(desk: Desk) -> None:
    made = desk.play("suspendlistener", "", "", "listenerconfig", "EDIT", "1", "NAME", "", "")
    assert set(made.listeners) == {"InboundMail"}
    assert any("use resumelistener first" in line for line in desk.said)
    desk.play("resumelistener", "")


def test_a_certificate_is_assigned_from_the_list(desk: Desk) -> None:
    made = desk.play(
        *["certconfig", "NEW", "mx", "mx.example.com", *[""] * 6, "90", "1", ""],
        *["listenerconfig", "EDIT", "1", "CERTIFICATE", "2", "LIMITS", "7", "", ""],
    )
    assert made.listeners["InboundMail"].certificate == "mx"
    assert made.listeners["InboundMail"].max_concurrency == 7


def test_a_listener_is_removed_only_when_that_is_confirmed(desk: Desk) -> None:
    two = ["NEW", "", "Two", "", "", "2526", "example.com", "N"]
    assert "Two" in desk.play("listenerconfig", *two, "DELETE", "2", "N", "").listeners
    assert "Two" not in desk.play("listenerconfig", "DELETE", "2", "Y", "").listeners


def test_what_the_check_refuses_is_said_and_not_kept(desk: Desk) -> None:
    same = ["NEW", "", "Two", "", "", "2525", "example.com"]
    assert "Two" not in desk.play("listenerconfig", *same, "").listeners
    assert "Nothing was changed." in desk.said


def test_help_leads_to_the_operations_below(desk: Desk) -> None:
    before = desk.text()
    desk.play(
        "help listenerconfig", "help listenerconfig edit 1", "help listenerconfig edit 1 host"
    )
    assert "- SETUP - Change what holds for all listeners." in desk.said
    assert "- BOUNCECONFIG - Choose the bounce profile." in desk.said
    assert any(line.startswith("- MOVE - ") for line in desk.said)
    assert desk.text() == before
