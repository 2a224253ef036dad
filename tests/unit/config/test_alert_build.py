# SPDX-License-Identifier: Apache-2.0
"""[alerts]: from text to who gets which alarms, and by which way."""

from gatehouse.policy.alarms import AlarmClass, AlarmSeverity, Pacing
from tests.unit.config.test_checks import BASE
from tests.unit.config.test_tls_reporting import running


def test_nobody_is_subscribed_by_default_and_the_pacing_is_the_appliances() -> None:
    made = running(BASE)
    assert made.alerts.subscribers == ()
    assert made.alerts.pacing == Pacing(300.0, 3600.0)
    assert made.alerts.from_address.text == f"alert@{made.hostname}"
    assert made.alerts.smart_host is None


def test_a_subscription_without_more_is_one_to_everything() -> None:
    (one,) = running(BASE + '[alerts.recipients."ops@us.example"]\n').alerts.subscribers
    assert one.address.text == "ops@us.example"
    assert one.severities == frozenset(AlarmSeverity)
    assert one.classes == frozenset(AlarmClass)


def test_severities_and_classes_are_words_in_any_case() -> None:
    text = '[alerts.recipients."ops@us.example"]\nseverities = ["CRITICAL"]\nclasses = ["system"]\n'
    (one,) = running(BASE + text).alerts.subscribers
    assert one.wants("Critical", "System")
    assert not one.wants("Warning", "System")
    assert not one.wants("Critical", AlarmClass.HARVEST)


def test_an_address_is_spelt_as_every_server_takes_it_where_that_is_possible() -> None:
    text = '[alerts.recipients."ops@bücher.example"]\n[alerts.recipients."öps@us.example"]\n'
    first, second = running(BASE + text).alerts.subscribers
    assert (first.address.text, first.address.utf8) == ("ops@xn--bcher-kva.example", False)
    assert (second.address.text, second.address.utf8) == ("öps@us.example", True)


def test_mail_for_a_smart_host_goes_by_the_rule_of_that_host() -> None:
    text = (
        '[smart_hosts."ses.eu"]\nhost = "email.ses.example"\n[alerts]\nsmart_host = "ses.eu"\n'
        '[destination_controls.".ses.example"]\nmax_connections = 3\n'
        '[destination_controls.".eu"]\nmax_connections = 4\n'
    )
    made = running(BASE + text)
    assert made.alerts.smart_host == "ses.eu"
    table = made.destinations
    assert table.lookup("smarthost:ses.eu").max_connections == 3
    assert table.lookup("ses.eu").max_connections == 4
