# SPDX-License-Identifier: Apache-2.0
"""[alerts]: what is refused, and what is only said."""

import pytest

from tests.unit.config.test_checks import BASE, found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[alerts]\nsmart_host = "ses"\n', "there is no such smart host"),
        ('[alerts]\nfrom_address = "alert"\n', "a mail address"),
        ('[alerts]\nfrom_address = "alärt@us.example"\n', "is not ASCII"),
        ("[alerts]\ninitial_interval = 60\nmaximum_interval = 30\n", "is below initial_interval"),
        ('[alerts.recipients."nobody"]\n', "is no mail address"),
        ('[alerts.recipients."a@us.example\\r\\nBcc: b@us.example"]\n', "is no mail address"),
        ('[alerts.recipients."a@us.example"]\nseverities = []\n', "allowed: not empty"),
        ('[alerts.recipients."a@us.example"]\nseverities = ["urgent"]\n', "critical, warning"),
        ('[alerts.recipients."a@us.example"]\nclasses = ["Anti-Virus"]\n', "all, System"),
    ],
)
def test_what_cannot_be_is_refused(lines: str, said: str) -> None:
    assert any(
        one.startswith("error") and said in one for one in found(BASE + lines).splitlines()
    ), lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            '[alerts.recipients."a@us.example"]\nseverities = ["warning"]\n',
            "nobody gets critical alarms",
        ),
        (
            '[alerts.recipients."a@us.example"]\n[alerts.recipients."a@US.example"]\n',
            "gets alerts twice",
        ),
    ],
)
def test_what_is_odd_is_said(lines: str, said: str) -> None:
    assert any(
        one.startswith("warning") and said in one for one in found(BASE + lines).splitlines()
    ), lines


def test_a_gateway_that_mails_nobody_and_one_that_mails_somebody_are_both_fine() -> None:
    for lines in ("", '[alerts.recipients."a@us.example"]\n'):
        assert "alert" not in found(BASE + lines)
