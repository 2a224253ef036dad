# SPDX-License-Identifier: Apache-2.0
"""Where a password may be said."""

import pytest

from gatehouse.policy.outbound_tls import Achieved, OutboundTlsLevel
from gatehouse.policy.smart_hosts import PasswordOver, SmartHost, may_log_in

CLEAR = {Achieved.CLEAR_NOT_ASKED, Achieved.CLEAR_NOT_AVAILABLE}
VERIFIED = {Achieved.VERIFIED, Achieved.VERIFIED_HOSTED}


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (PasswordOver.VERIFIED_TLS, VERIFIED),
        (PasswordOver.UNVERIFIED_TLS, VERIFIED | {Achieved.ENCRYPTED}),
        (PasswordOver.CLEAR_TEXT, set(Achieved)),
    ],
)
def test_a_password_goes_only_where_the_operator_meant_it_to_go(
    rule: PasswordOver, allowed: set[Achieved]
) -> None:
    assert {achieved for achieved in Achieved if may_log_in(rule, achieved)} == allowed


def test_every_rule_says_something_about_everything_that_can_be_reached() -> None:
    assert set(Achieved) == CLEAR | VERIFIED | {Achieved.ENCRYPTED}
    for rule in PasswordOver:
        for achieved in Achieved:
            may_log_in(rule, achieved)


def test_the_defaults_insist_on_verified_tls() -> None:
    smart = SmartHost(name="ses", host="relay.example", port=587)
    assert smart.level is OutboundTlsLevel.REQUIRED_VERIFY_HOSTED
    assert smart.password_over is PasswordOver.VERIFIED_TLS
    assert smart.secret_name == "smart-host/ses"
