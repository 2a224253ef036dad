# SPDX-License-Identifier: Apache-2.0
"""What the settings announce, before TLS and inside it."""

from tests.unit.smtp.server_wire import settings


def test_starttls_is_announced_in_clear_only() -> None:
    assert b"STARTTLS" in settings().ehlo_clear
    assert b"STARTTLS" not in settings().ehlo_tls
    assert b"STARTTLS" not in settings(offer_starttls=False).ehlo_clear


def test_auth_is_announced_inside_tls_only_unless_the_operator_says_so() -> None:
    given = {"auth_mechanisms": ("PLAIN",)}
    assert b"AUTH" not in settings(**given).ehlo_clear
    assert b"AUTH PLAIN\r\n" in settings(**given).ehlo_tls
    assert b"AUTH PLAIN\r\n" in settings(**given, auth_needs_tls=False).ehlo_clear


def test_the_banner_names_the_host() -> None:
    assert settings().banner == b"220 mx.example.com ESMTP\r\n"
    assert settings(greeting_text="").banner == b"220 mx.example.com\r\n"


def test_equal_settings_are_equal() -> None:
    assert settings() == settings()
    assert settings() != settings(max_message_size=1)


def test_requiretls_is_announced_inside_tls_only() -> None:
    assert b"REQUIRETLS" not in settings().ehlo_clear
    assert b"REQUIRETLS\r\n" in settings().ehlo_tls


def test_the_banner_has_the_policy_s_code() -> None:
    assert settings(greeting_code=221).banner == b"221 mx.example.com ESMTP\r\n"
