# SPDX-License-Identifier: Apache-2.0
"""Warnings before certificates end: each once, also over restarts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gatehouse.policy.alarms import AlarmSeverity
from gatehouse.service.trust import expiry_watch, keyring
from gatehouse.service.trust.expiry_watch import Expiring, Kind, Watched
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.tls.certificates import CertifiedKey, pem_of_key
from tests.unit.tls.authority import DAY, NOW, Made, issue


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(DataDirectory(tmp_path / "data"))
    yield opened
    opened.close()


def keep(store: SqliteStore, name: str, leaf: Made, *chain: Made) -> None:
    pems = (leaf.pem, *(one.pem for one in chain))
    keyring.put(store, name, CertifiedKey(pem_of_key(leaf.key), pems), NOW.timestamp())


def ending_in(days: float, name: str = "mx.example.com", lifetime: float = 365) -> Made:
    end = NOW + days * DAY
    return issue(name, start=end - lifetime * DAY, end=end)


def turn(store: SqliteStore, at: datetime, **custom: Made) -> list[Expiring]:
    """One round as the gateway makes it."""
    own = [(name, made.certificate) for name, made in custom.items()]
    watched = expiry_watch.watched(store, frozenset(), own)
    due = expiry_watch.look(store, watched, at.timestamp())
    expiry_watch.remember(store, due, watched, at.timestamp())
    return list(due)


def test_every_threshold_fires_once_over_a_whole_life(store: SqliteStore) -> None:
    keep(store, "mx", ending_in(100))
    fired = []
    for hour in range(0, 24 * 103, 6):
        fired += [one.alarm.key.rsplit("/")[-1] for one in turn(store, NOW + timedelta(hours=hour))]
    days = [f"{n}d" for n in (90, 60, 30, 15, 5, 4, 3, 2, 1)]
    assert fired == [*days, "last-day", "expired"]


def test_a_short_lived_certificate_is_warned_of_at_a_third(store: SqliteStore) -> None:
    keep(store, "mx", ending_in(47, lifetime=47))
    assert turn(store, NOW + 31 * DAY) == []
    (one,) = turn(store, NOW + 31.5 * DAY)
    assert one.alarm.severity is AlarmSeverity.WARNING
    assert one.alarm.key.endswith("/third")


def test_a_renewed_certificate_begins_with_a_clean_sheet(store: SqliteStore) -> None:
    keep(store, "mx", ending_in(20))
    assert len(turn(store, NOW)) == 1
    keep(store, "mx", ending_in(29))
    assert len(turn(store, NOW)) == 1
    assert turn(store, NOW) == []


def test_an_intermediate_is_watched_once_however_many_send_it(store: SqliteStore) -> None:
    middle = issue("Issuing CA", issue("Root", ca=True), ca=True, end=NOW + 10 * DAY)
    for name in ("a", "b"):
        keep(store, name, issue(f"{name}.example.com", middle), middle)
    (one,) = turn(store, NOW)
    assert one.alarm.text.startswith("Intermediate certificate of a (")
    assert "expires in 10 days, on 2026-12-02 12:00 UTC." in one.alarm.text


def test_a_custom_ca_is_watched_under_its_friendly_name(store: SqliteStore) -> None:
    (one,) = turn(store, NOW, partner=issue("Partner Root", ca=True, end=NOW + 3 * DAY))
    assert one.alarm.text.startswith("Custom CA certificate partner (")
    assert one.alarm.severity is AlarmSeverity.CRITICAL


def test_the_demo_certificate_is_watched_only_where_it_is_used(store: SqliteStore) -> None:
    keep(store, keyring.DEMO, ending_in(20))
    assert expiry_watch.watched(store, frozenset()) == ()
    (one,) = expiry_watch.watched(store, frozenset({keyring.DEMO}))
    assert (one.kind, one.name) == (Kind.OWN, keyring.DEMO)


@pytest.mark.parametrize(
    ("days", "severity", "words"),
    [
        (80, AlarmSeverity.INFORMATION, "expires in 80 days"),
        (25, AlarmSeverity.WARNING, "expires in 25 days"),
        (4.5, AlarmSeverity.CRITICAL, "expires in 4 days"),
        (1.0, AlarmSeverity.CRITICAL, "expires in 1 day,"),
        (0.5, AlarmSeverity.CRITICAL, "expires in less than a day"),
        (-2, AlarmSeverity.CRITICAL, "has expired"),
    ],
)
def test_the_nearer_the_end_the_louder(
    store: SqliteStore, days: float, severity: AlarmSeverity, words: str
) -> None:
    certificate = ending_in(days).certificate
    (one,) = expiry_watch.look(store, [Watched(Kind.OWN, "mx", certificate)], NOW.timestamp())
    assert one.alarm.severity is severity
    assert words in one.alarm.text


def test_what_is_gone_is_forgotten(store: SqliteStore) -> None:
    keep(store, "mx", ending_in(20))
    turn(store, NOW)
    store.secrets.delete("certificate/mx")
    turn(store, NOW)
    keep(store, "mx", ending_in(20))
    assert len(turn(store, NOW)) == 1
