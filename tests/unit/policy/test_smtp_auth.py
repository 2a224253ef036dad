# SPDX-License-Identifier: Apache-2.0
"""Which mechanisms are offered where, and who may send as whom."""

import pytest

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.policy.mail_flow import AuthDemand, Behavior, MailFlowPolicy
from gatehouse.policy.smtp_auth import AuthProfile, may_send_as, offered, sender_list
from gatehouse.smtp import sasl

ON = MailFlowPolicy(name="P", smtp_auth=AuthDemand.PREFERRED)
LOCAL = AuthProfile()
EVERYTHING = AuthProfile(name="devices", mechanisms=sasl.MECHANISMS)


def address(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def profile(**senders: list[str]) -> AuthProfile:
    named = {name.replace("everybody", "*"): sender_list(one) for name, one in senders.items()}
    return AuthProfile(senders=named)


@pytest.mark.parametrize(
    ("tls", "certificate", "expected"),
    [
        (False, False, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (False, True, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (True, False, ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (True, True, sasl.MECHANISMS),
    ],
)
def test_a_mechanism_is_offered_only_where_it_is_secure(
    tls: bool, certificate: bool, expected: tuple[str, ...]
) -> None:
    assert offered(ON, EVERYTHING, tls=tls, certificate=certificate) == expected


def test_external_has_to_be_named() -> None:
    assert "EXTERNAL" not in offered(ON, LOCAL, tls=True, certificate=True)
    assert not LOCAL.asks_for_certificate
    assert EVERYTHING.asks_for_certificate


@pytest.mark.parametrize(
    "policy",
    [
        MailFlowPolicy(name="off"),
        MailFlowPolicy(name="no", behavior=Behavior.REJECT, smtp_auth=AuthDemand.REQUIRED),
    ],
)
def test_nothing_is_offered_where_nobody_needs_it(policy: MailFlowPolicy) -> None:
    assert offered(policy, EVERYTHING, tls=True, certificate=True) == ()


@pytest.mark.parametrize(
    ("senders", "user", "sender", "allowed", "why"),
    [
        ({}, "ann", "any@where.example", True, "no table: everybody may"),
        ({"ann": ["a@x.example"]}, "ann", "A@X.example", True, "her address"),
        ({"ann": ["a@x.example"]}, "ann", "b@x.example", False, "not her address"),
        ({"ann": ["x.example"]}, "ann", "b@x.example", True, "her domain"),
        ({"ann": ["x.example"]}, "ann", "b@y.x.example", False, "below it is another"),
        ({"ann": [".x.example"]}, "ann", "b@y.x.example", True, "below it"),
        ({"ann": ["ann@"]}, "ann", "ann@any.example", True, "her local part"),
        ({"ann": ["*"]}, "ann", "any@where.example", True, "anybody"),
        ({"ann": []}, "ann", "a@x.example", False, "nobody"),
        ({"ann": ["a@x.example"]}, "bob", "a@x.example", False, "not named"),
        ({"ann": ["a@x.example"]}, "bob@x.example", "bob@x.example", True, "his own name"),
        ({"ann": ["a@x.example"]}, "bob@x.example", "BOB@X.example", True, "his own name"),
        ({"ann": ["a@x.example"]}, "bob@x.example", "ann@x.example", False, "not his name"),
        ({"everybody": ["x.example"]}, "bob", "b@x.example", True, "all who are not named"),
        ({"everybody": ["*"], "ann": ["a@x.example"]}, "ann", "b@x.example", False, "named"),
    ],
)
def test_who_may_send_as_whom(
    senders: dict[str, list[str]], user: str, sender: str, allowed: bool, why: str
) -> None:
    assert may_send_as(profile(**senders), user, address(sender)) is allowed, why


def test_the_null_sender_claims_to_be_nobody() -> None:
    assert may_send_as(profile(ann=["a@x.example"]), "ann", None)
    assert may_send_as(profile(ann=["a@x.example"]), "bob", None)


@pytest.mark.parametrize("text", ["", "a b@x.example", "@", "a@" * 2, "**"])
def test_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        sender_list([text])
