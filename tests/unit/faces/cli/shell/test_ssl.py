# SPDX-License-Identifier: Apache-2.0
"""sslconfig: answers in, TLS profiles out."""

from gatehouse.policy.tls_profiles import TlsVersionName
from tests.unit.faces.cli.shell.conftest import Desk


def test_what_holds_is_shown_first(desk: Desk) -> None:
    desk.play("sslconfig", "")
    screen = "\n".join(desk.said)
    for said in ("Inbound SMTP method", "TLS v1.2 to v1.3", "Outbound SMTP ciphers", "our own"):
        assert said in screen


def test_inbound_makes_a_profile_for_all_listeners(desk: Desk) -> None:
    made = desk.play("sslconfig", "INBOUND", "4", "", "", "")
    assert made.ssl.inbound_profile == "inbound"
    assert made.tls_profiles["inbound"].min_version is TlsVersionName.TLS_1_3
    assert made.tls_profiles["inbound"].model_fields_set == {"min_version"}
    assert "TLS v1.3 to v1.3 (profile inbound)" in "\n".join(desk.said)
    made = desk.play("sslconfig", "INBOUND", "3", "", "ECDHE+AESGCM", "")
    assert made.tls_profiles["inbound"].model_fields_set == {"ciphers"}


def test_outbound_is_the_profile_of_the_default_destination(desk: Desk) -> None:
    made = desk.play("sslconfig", "OUTBOUND", "", "3", "", "")
    assert made.destination_controls["default"].tls_profile == "outbound"
    assert made.tls_profiles["outbound"].max_version is TlsVersionName.TLS_1_2


def test_a_name_that_is_taken_is_not_taken_over(desk: Desk) -> None:
    desk.play("set tls_profiles.inbound.min_version 1.3")
    assert desk.play("sslconfig", "INBOUND", "", "", "", "").ssl.inbound_profile == "inbound-2"


def test_a_string_that_stands_for_nothing_changes_nothing(desk: Desk) -> None:
    made = desk.play("sslconfig", "INBOUND", "", "", "NOTHING", "")
    assert made.ssl.inbound_profile is None and not made.tls_profiles
    assert "No cipher is left" in "\n".join(desk.said)


def test_what_is_no_cipher_string_is_asked_for_again_at_once(desk: Desk) -> None:
    made = desk.play("sslconfig", "INBOUND", "", "", "AES;DROP", "ECDHE+AESGCM", "")
    assert made.tls_profiles["inbound"].ciphers == "ECDHE+AESGCM"
    assert "What is needed: a cipher string of OpenSSL." in desk.said


def test_profiles_are_made_changed_and_removed_by_their_names(desk: Desk) -> None:
    new = ["NEW", "strict", "4", "", "", "X25519, b;d", "X25519", "6", "3"]
    made = desk.play("sslconfig", "PROFILES", *new, "", "")
    assert made.tls_profiles["strict"].model_dump(mode="json", exclude_unset=True) == {
        "min_version": "1.3",
        "groups": ["X25519"],
        "security_level": 3,
    }
    assert any("groups X25519; security level 3" in line for line in desk.said)
    made = desk.play("sslconfig", "PROFILES", "EDIT", "1", "", "", "", "none", "2", "", "")
    assert made.tls_profiles["strict"].groups == []
    desk.play("set listeners.InboundMail.tls_profile strict")
    remove = ["DELETE", "strict", "N", "DELETE", "strict", "Y"]
    assert "strict" in desk.play("sslconfig", "PROFILES", *remove, "", "").tls_profiles
    assert "Nothing was changed." in desk.said  # a listener names it
    desk.play("unset listeners.InboundMail.tls_profile")
    assert desk.play("sslconfig", "PROFILES", "DELETE", "1", "Y", "", "").tls_profiles == {}


def test_an_outdated_version_asks_for_its_price(desk: Desk) -> None:
    made = desk.play("sslconfig", "INBOUND", "1", "", "N", "")
    assert not made.tls_profiles
    made = desk.play("sslconfig", "INBOUND", "1", "", "Y", "", "")
    assert made.tls_profiles["inbound"].security_level == 0
    made = desk.play("sslconfig", "INBOUND", "3", "", "", "")
    assert made.tls_profiles["inbound"].security_level == 2, "nothing needs it any more"


def test_verify_shows_the_suites(desk: Desk) -> None:
    desk.play("sslconfig", "VERIFY", "ECDHE+AESGCM:!aRSA", "")
    screen = "\n".join(desk.said)
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in screen and "ECDHE-RSA" not in screen


def test_listeners_with_a_profile_of_their_own_are_said(desk: Desk) -> None:
    desk.play(
        "set tls_profiles.modern.min_version 1.3",
        "set listeners.InboundMail.tls_profile modern",
        "sslconfig",
        "",
    )
    assert "its own profile, modern" in "\n".join(desk.said)
