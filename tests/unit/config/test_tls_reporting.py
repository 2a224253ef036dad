# SPDX-License-Identifier: Apache-2.0
"""[tls_reporting] and the fields of MTA-STS: from text to values, and what is refused."""

import pytest

from gatehouse.config import checks
from gatehouse.config.running import Running
from tests.unit.config.test_checks import BASE, found

REPORTING = BASE + "[tls_reporting]\n"


def running(text: str) -> Running:
    outcome = checks.load(text.encode())
    assert isinstance(outcome, checks.Loaded)
    return outcome.running


def test_nothing_is_sent_and_nothing_fetched_inside_by_default() -> None:
    made = running(BASE)
    assert not made.tls_reporting.enabled and made.tls_reporting.receive_at is None
    assert made.tls_reporting.organization == made.hostname
    assert (made.delivery.mta_sts_port, made.delivery.mta_sts_internal) == (443, False)


def test_the_section_says_who_reports_and_where_reports_come_to() -> None:
    text = 'enabled = true\nfrom_address = "tls@us.example"\nreceive_at = "TlsRpt@US.example"\n'
    settings = running(REPORTING + text).tls_reporting
    assert settings.enabled
    assert settings.contact == "tls@us.example"
    assert settings.receive_at == "tlsrpt@us.example", "however it is spelt in a record"
    assert settings.spread == 4 * 3600


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("enabled = true", "is not set, and reports need a sender"),
        ('from_address = "tls"', "a mail address"),
        ('from_address = "tlß@us.example"', "is not plain ASCII"),
        ('receive_at = "us.example"', "a mail address"),
        ('organization = "Us\\r\\nBcc: x"', "printable ASCII text"),
        ('spread = "2d"', "43"),
    ],
)
def test_what_cannot_work_is_said(lines: str, said: str) -> None:
    assert said in found(REPORTING + lines + "\n")
