# SPDX-License-Identifier: Apache-2.0
"""The ini form of destination controls: out and in again says the same, and faults have a line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.config import destination_text, document, format, schema
from gatehouse.config.destination_text import Controls
from gatehouse.policy.outbound_tls import OutboundTlsLevel

PIN = "sha256:" + "ab" * 32
DEFAULT = """\
[DEFAULT]
ip_sort_pref = PREFER_V6
max_host_concurrency = 500
max_messages_per_connection = 50
limit_type = host
limit_apply = system
bounce_validation = off
table_tls = on
send_tls_req_alert = 1
certificate = Demo
"""


def read(values: dict[str, Any]) -> schema.Document:
    found = document.read({"format": 1, "bounce_profiles": {"slow": {}}, **values})
    assert isinstance(found, schema.Document), found
    return found


def parse(text: str) -> Controls:
    found = destination_text.parse(text.encode())
    assert isinstance(found, Controls), [str(one) for one in found]
    return found


def faults(text: str) -> list[str]:
    found = destination_text.parse(text.encode())
    assert not isinstance(found, Controls)
    return [str(one) for one in found]


def assert_round_trip(values: dict[str, Any]) -> None:
    before = read(values)
    text = destination_text.format_controls(before)
    found = parse(text)
    plain = format.plain(before)
    kept = {
        name: value
        for name, value in plain.get("delivery", {}).items()
        if name in destination_text.OF_DELIVERY.values()
    }
    assert (found.controls, found.delivery) == (plain.get("destination_controls", {}), kept)
    assert found.remarks == ()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"destination_controls": {"default": {}}},
        {"destination_controls": {"a.example": {}, ".b.example": {"tls": "none"}}},
        {"destination_controls": {"default": {"tls": "required", "bounce_profile": "slow"}}},
        {"delivery": {"certificate": "my # odd ", "alert_on_required_tls_failure": False}},
        {"delivery": {"certificate": "Demo"}},
        {
            "destination_controls": {
                "default": {"max_connections": 20, "recipient_limit": 0},
                "[192.0.2.1]": {"limit_type": "mx-ip", "bounce_profile": "slow"},
                "a.example": {
                    "recipient_limit": 9,
                    "dane": "mandatory",
                    "pinned_fingerprints": [PIN, PIN.replace("ab", "cd")],
                    "ca_certificates": ['-----BEGIN CERTIFICATE-----\nMII"\\\n-----END'],
                    "alert_on_required_tls_failure": False,
                    "trust": [],
                },
            }
        },
    ],
)
def test_what_is_written_is_read_back_exactly(values: dict[str, Any]) -> None:
    assert_round_trip(values)


CONTROLS = st.fixed_dictionaries(
    {},
    optional={
        "tls": st.sampled_from([one.value for one in OutboundTlsLevel]),
        "max_connections": st.integers(1, 10_000),
        "max_messages_per_connection": st.integers(1, 1000),
        "recipient_limit": st.integers(0, 1000),
        "recipient_minutes": st.integers(1, 60),
        "limit_type": st.sampled_from(["host", "mx-ip"]),
        "ip_preference": st.sampled_from(["prefer-v6", "require-v4"]),
        "bounce_profile": st.just("slow"),
        "mta_sts": st.booleans(),
        "ca_certificates": st.lists(st.text(min_size=1, max_size=20), max_size=3),
    },
)
DOMAINS = st.sampled_from(
    ["default", "a.example", ".b.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]
)


@given(st.dictionaries(DOMAINS, CONTROLS))
def test_any_controls_are_read_back_exactly(controls: dict[str, Any]) -> None:
    assert_round_trip({"destination_controls": controls})


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    destination_text.parse(data)


def test_the_appliance_would_read_it() -> None:
    text = destination_text.format_controls(
        read({"destination_controls": {"bank.example": {"tls": "required-verify-hosted"}}})
    )
    assert "[bank.example]\ntable_tls = require_verify_hosted\n" in text
    for key in ("limit_apply = system", "bounce_validation = off", "send_tls_req_alert = 1"):
        assert key in text


def test_words_and_numbers_of_the_appliance_are_the_same() -> None:
    text = DEFAULT + "[a.example]\nTABLE_TLS: 4 ; as before\n\n[b.example]\ntable_tls = On_Verify\n"
    found = parse(text + '[c.example]\nlimit_type = 1\n# gatehouse: dane = "none"\n')
    assert found.controls["a.example"] == {"tls": "required-verify"}
    assert found.controls["b.example"] == {"tls": "preferred-verify"}
    assert found.controls["c.example"] == {"limit_type": "mx-ip", "dane": "none"}
    assert found.delivery == {"alert_on_required_tls_failure": True, "certificate": "Demo"}


def test_what_is_not_here_is_left_out_with_a_remark() -> None:
    text = DEFAULT.replace("bounce_validation = off", "bounce_validation = on")
    found = parse(text.replace("limit_apply = system", "limit_apply = VG"))
    assert [one.line for one in found.remarks] == [6, 7]
    assert "bounce verification" in found.remarks[1].what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no [DEFAULT]"),
        ("table_tls = on\n", "line 1: is no entry"),
        (DEFAULT.replace("table_tls = on\n", ""), "line 1: table_tls is missing in [DEFAULT]"),
        (DEFAULT + "bounce_profile = slow\n", "line 11: bounce_profile may not stand in"),
        (DEFAULT + "[a.example]\ncertificate = x\n", "line 12: certificate may stand in [DEFAULT]"),
        (
            DEFAULT + "[a.example]\nmax_host_concurrency = 9\n",
            "line 12: max_host_concurrency needs",
        ),
        (DEFAULT + "[a.example]\n[a.example]\n", "line 12: there is such a section already"),
        (DEFAULT + "table_tls = off\n", "line 11: table_tls stands in this section already"),
        (DEFAULT + "[a.example]\ntable_tls = 9\n", "line 12: table_tls cannot be this"),
        (DEFAULT + "[a.example]\nnonsense = 9\n", "line 12: is no key"),
        (
            DEFAULT + "[a.example]\nrecipient_minutes = 61\n",
            "line 12: 'a.example'.recipient_minutes",
        ),
        (DEFAULT + "[a.example]\nrecipient_minutes = x\n", "line 12: recipient_minutes cannot be"),
        (DEFAULT + "[a.example]\n# gatehouse: format = 1\n", "line 12: is no field"),
        (DEFAULT + "[a.example]\n# gatehouse: dane = \n", "line 12: dane cannot be read"),
        (
            DEFAULT + '[a.example]\n# gatehouse: dane = "none"\n# gatehouse: dane = "none"\n',
            "line 13: dane stands in this section already",
        ),
        (DEFAULT + '[a.example]\n# gatehouse: dane = "x"\n', "line 12: 'a.example'.dane"),
        ("# gatehouse: dane = 1\n", "line 1: stands in no section"),
    ],
)
def test_every_fault_is_told_with_its_line(text: str, said: str) -> None:
    assert any(said in one for one in faults(text)), faults(text)


def test_all_faults_are_told_at_once_and_huge_or_odd_texts_are_refused() -> None:
    text = DEFAULT + "[a.example]\nx = 1\ntable_tls = 9\n"
    assert len(faults(text)) == 2
    assert not isinstance(destination_text.parse(b"a" * (5 * 1024 * 1024)), Controls)
    assert not isinstance(destination_text.parse(b"\xff"), Controls)
