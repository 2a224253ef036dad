# SPDX-License-Identifier: Apache-2.0
"""Policies that demand what cannot be, or say what nobody hears, are found by the check."""

import pytest

from gatehouse.config import findings, policy_checks, schema

USED = [{"name": "G", "members": ["10/8"], "policy": "P"}]


def said(
    policies: dict[str, dict[str, object]], *, tls_mode: str = "starttls", system: bool = True
) -> list[str]:
    document = schema.Document.model_validate(
        {
            "format": 1,
            "interfaces": {"Net": {"address": "127.0.0.1"}},
            "listeners": {
                "In": {
                    "type": "public",
                    "interface": "Net",
                    "tls_mode": tls_mode,
                    "sender_groups": USED if "P" in policies else [],
                }
            },
            "trust": {"system": system},
            "mail_flow_policies": policies,
        }
    )
    return [
        f"{one.severity.value} {findings.place_text(one.path[1:])}: {one.what}"
        for one in policy_checks.check(document)
    ]


VERIFY: dict[str, object] = {"verify_client_certificate": True}
LISTED: dict[str, object] = {"tls_mandatory_list": ["bank.example"]}


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        (VERIFY, "error P.verify_client_certificate: there is no certificate to verify"),
        (LISTED, "error P.tls_mandatory_list: these senders must use TLS, and TLS is off"),
        ({**LISTED, "tls": "required"}, "warning P.tls_mandatory_list: has no effect"),
        ({"tls_mandatory_list": ["ALL"], "tls": "preferred"}, "error P.tls_mandatory_list[1]: is"),
        ({"tls_mandatory_list": ["a b"], "tls": "preferred"}, "error P.tls_mandatory_list[1]: is"),
        ({"behavior": "reject", "dhap_limit": 3}, "warning P.dhap_limit: has no effect under beh"),
        ({"behavior": "tcprefuse", "reject_text": "x"}, "warning P.reject_text: has no effect"),
        ({"behavior": "continue", "tls": "off"}, "warning P.tls: has no effect under behavior con"),
        ({"reject_text": "x"}, "warning P.reject_text: has no effect under behavior accept"),
        ({"rate_text": "x"}, "warning P.rate_text: has no effect: there is no limit for an hour"),
    ],
)
def test_each_check_speaks(fields: dict[str, object], finding: str) -> None:
    found = said({"P": fields})
    assert len(found) == 1, found
    assert found[0].startswith(finding)


@pytest.mark.parametrize(
    "fields",
    [
        {**VERIFY, "tls": "preferred"},
        {**LISTED, "tls": "preferred"},
        {"behavior": "reject", "reject_code": 421, "tls": "required"},
        {"max_recipients_per_hour": 5, "rate_code": 451},
        {"max_sender_recipients_per_hour": 5, "rate_text": "slow down"},
    ],
)
def test_what_makes_sense_is_not_talked_about(fields: dict[str, object]) -> None:
    assert said({"P": fields}) == []


def test_under_implicit_tls_there_is_a_certificate_and_everybody_uses_tls() -> None:
    assert said({"P": VERIFY}, tls_mode="implicit") == []
    assert said({"P": LISTED}, tls_mode="implicit")[0].startswith("warning")


def test_a_demand_that_is_inherited_is_found_where_it_is_written() -> None:
    assert said({"default": VERIFY, "P": {"tls": "off"}}) == [
        "error default.verify_client_certificate: there is no certificate to verify, "
        "for TLS is off",
        "error default.verify_client_certificate: there is no certificate to verify, "
        "for TLS is off",
    ]
    assert said({"default": {"tls": "preferred"}, "P": VERIFY}) == []


def test_without_the_system_list_only_the_custom_one_proves_anything() -> None:
    (found,) = said({"P": {**VERIFY, "tls": "required"}}, system=False)
    assert found.startswith("warning P.verify_client_certificate: only certificates of the custom")


def test_a_policy_that_nobody_uses_is_named_but_not_a_built_in_one() -> None:
    found = said({"P": {}, "SPARE": {}, "THROTTLED": {"dhap_limit": 3}})
    assert found == ["warning SPARE: no sender group uses this policy"]
