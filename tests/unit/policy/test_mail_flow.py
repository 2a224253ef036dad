# SPDX-License-Identifier: Apache-2.0
"""Mail flow policies and the variables of banner texts."""

from gatehouse.policy.mail_flow import BannerFacts, Behavior, MailFlowPolicy, expand_banner

FACTS = BannerFacts(remote_ip="192.0.2.7", group=None, hat_entry="ALL", hostname="$Group.example")


def test_variables_are_expanded_once_and_in_any_case() -> None:
    text = expand_banner("$HOSTNAME [$RemoteIP] $group $HATEntry $Groups $other", FACTS)
    assert text == "$Group.example [192.0.2.7] None ALL $Groups $other"


def test_a_name_that_is_not_known_says_why() -> None:
    nobody = BannerFacts(
        remote_ip="192.0.2.7", group="X", hat_entry="ALL", hostname=None, lookup_failed=True
    )
    assert expand_banner("$Hostname $OrgID", nobody) == "Unknown None"


def test_policies_that_take_no_mail() -> None:
    refusing = {one for one in Behavior if MailFlowPolicy(name="x", behavior=one).refuses}
    assert refusing == {Behavior.REJECT, Behavior.TCPREFUSE}
