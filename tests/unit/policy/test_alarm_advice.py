# SPDX-License-Identifier: Apache-2.0
"""Every alarm that is raised anywhere has words for the person who gets it."""

import re
from pathlib import Path

import gatehouse
from gatehouse.policy.alarm_advice import ADVICE, advice
from gatehouse.service.base import fact_alarms
from gatehouse.service.commit import trials
from gatehouse.service.deliver import alert_fates, login_alarm, tls_alarm
from gatehouse.service.trust import crl_store, expiry_watch
from gatehouse.service.watch import alert_mail, rounds

NAMES = {
    fact_alarms.HARVEST,
    fact_alarms.RESOURCES,
    fact_alarms.PROCESS,
    trials.ALARM,
    alert_fates.NAME,
    login_alarm.NAME,
    tls_alarm.NAME,
    crl_store.ALARM_NAME,
    expiry_watch.ALARM_NAME,
    alert_mail.TEST_ALARM,
    rounds.RENEWAL_ALARM,
    rounds.DANE_ALARM,
    rounds.DNS_ALARM,
}


def test_every_alarm_has_its_words_and_no_words_are_about_none() -> None:
    assert set(ADVICE) == NAMES


def test_no_alarm_is_raised_that_this_test_does_not_know() -> None:
    raised = re.compile(r"\b(?:Alarm|Alarmed|KeptAlarm)\(\s*(?:at=\w+,\s*)?name=(\S+?),")
    found = {
        match
        for place in Path(gatehouse.__path__[0]).rglob("*.py")
        for match in raised.findall(place.read_text())
    }
    # told.name, alarm.name: what hands an alarm on.
    assert found - {"told.name", "alarm.name"} == {
        *("HARVEST", "RESOURCES", "PROCESS", "ALARM", "NAME", "ALARM_NAME", "TEST_ALARM"),
        *("RENEWAL_ALARM", "DANE_ALARM", "DNS_ALARM"),
    }


def test_an_alarm_without_words_points_to_the_log() -> None:
    assert "events" in advice("nobody knows").to_do
