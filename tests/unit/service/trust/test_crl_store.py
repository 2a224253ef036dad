# SPDX-License-Identifier: Apache-2.0
"""Lists are kept until a better one comes, and their absence is told and acted on as configured."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config.running import CrlSettings, CrlSource
from gatehouse.policy.alarms import AlarmSeverity
from gatehouse.service.trust import crl_reading, crl_store
from gatehouse.service.trust.crl_store import Updated
from gatehouse.service.trust.web_fetch import FetchFailed
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.tls.crl import Status
from tests.unit.tls.authority import DAY, NOW, Made, issue

AT = NOW.timestamp()
ROOT = issue("CRL Root", ca=True)
GOOD = issue("good.example.com", ROOT)
BAD = issue("bad.example.com", ROOT)
SOURCE = CrlSource(url="http://crl.example.com/ca.crl", interval=6 * 3600, internal=False)
OPEN = CrlSettings(sources=(SOURCE,), check_clients=True, check_servers=True, fail_open=True)
CLOSED = replace(OPEN, fail_open=False)


def crl_of(
    *revoked: Made,
    issuer: Made = ROOT,
    signer: Made | None = None,
    start: datetime = NOW - DAY,
    end: datetime = NOW + 7 * DAY,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(end)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder(one.certificate.serial_number, start)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign((signer or issuer).key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(DataDirectory(tmp_path / "data"))
    yield opened
    opened.close()


def give(
    store: SqliteStore,
    content: bytes | str,
    *,
    at: float = AT,
    settings: CrlSettings = OPEN,
    issuers: tuple[x509.Certificate, ...] = (),
) -> Updated:
    """One try; a text is a failure."""

    def fetch(source: CrlSource) -> bytes:
        assert source == SOURCE
        if isinstance(content, str):
            raise FetchFailed(content)
        return content

    return crl_store.update(store, SOURCE, settings, at, fetch, issuers)


def verdict(store: SqliteStore, leaf: Made, settings: CrlSettings) -> Status | None:
    path = (leaf.certificate, ROOT.certificate)
    lists = crl_store.held(store, settings)
    found = crl_store.refusal(path, lists, fail_open=settings.fail_open, at=NOW)
    return None if found is None else found.status


def test_a_fetched_list_is_kept_and_used(store: SqliteStore) -> None:
    updated = give(store, crl_of(BAD))
    assert updated.alarm is None
    assert (updated.state.entries, updated.state.word(AT)) == (1, "good")
    assert verdict(store, GOOD, CLOSED) is None
    assert verdict(store, BAD, OPEN) is Status.REVOKED


def test_without_a_list_the_setting_decides(store: SqliteStore) -> None:
    assert verdict(store, GOOD, OPEN) is None
    assert verdict(store, GOOD, CLOSED) is Status.UNKNOWN


def test_an_overdue_list_is_as_good_as_none_and_alarms(store: SqliteStore) -> None:
    updated = give(store, crl_of(start=NOW - 9 * DAY, end=NOW - 2 * DAY), settings=CLOSED)
    assert updated.state.word(AT) == "overdue"
    assert updated.alarm is not None
    assert updated.alarm.severity is AlarmSeverity.CRITICAL
    assert "refused" in updated.alarm.text
    assert verdict(store, GOOD, OPEN) is None
    assert verdict(store, GOOD, CLOSED) is Status.UNKNOWN


def test_a_source_that_fails_leaves_the_list_in_place_and_alarms(store: SqliteStore) -> None:
    give(store, crl_of(BAD))
    updated = give(store, "the connection fails", at=AT + 60)
    assert updated.alarm is not None
    assert updated.alarm.severity is AlarmSeverity.WARNING
    assert "the connection fails. The list that is held serves until 2026-11-29" in (
        updated.alarm.text
    )
    assert verdict(store, BAD, OPEN) is Status.REVOKED


def test_a_source_that_never_answered_alarms_with_what_it_means(store: SqliteStore) -> None:
    closed = give(store, "no", settings=CLOSED)
    assert closed.alarm is not None
    assert closed.alarm.severity is AlarmSeverity.CRITICAL
    opened = give(store, "no", settings=OPEN)
    assert opened.alarm is not None
    assert opened.alarm.severity is AlarmSeverity.WARNING
    assert "accepted without this check" in opened.alarm.text


OTHER = issue("Other Root", ca=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (crl_of(start=NOW - 3 * DAY), "older than the one"),
        (crl_of(issuer=OTHER), "another issuer"),
        (crl_of(signer=OTHER), "not signed by its issuer"),
        (b"<html>", "no revocation list"),
        (b"", "no revocation list"),
    ],
    ids=["rollback", "other issuer", "forged", "html", "empty"],
)
def test_a_worse_list_does_not_replace_a_good_one(
    store: SqliteStore, content: bytes, words: str
) -> None:
    give(store, crl_of(BAD))
    updated = give(store, content, at=AT + 60, issuers=(ROOT.certificate, OTHER.certificate))
    assert words in updated.state.error
    assert updated.state.word(AT + 60) == "good, not renewed"
    assert verdict(store, BAD, OPEN) is Status.REVOKED


def test_another_issuer_may_follow_an_overdue_list(store: SqliteStore) -> None:
    give(store, crl_of(start=NOW - 9 * DAY, end=NOW - 2 * DAY))
    assert give(store, crl_of(issuer=OTHER), at=AT + 60).state.error == ""


def test_sources_come_when_their_time_has_come(store: SqliteStore) -> None:
    def due(hours: float) -> bool:
        return bool(crl_store.due(store, OPEN, AT + hours * 3600))

    assert due(0)
    give(store, crl_of())
    assert not due(5.9)
    assert due(6)
    give(store, "no", at=AT + 6 * 3600)
    assert not due(6.2)
    assert due(6.25)


def test_a_list_that_ends_sooner_is_renewed_then_but_not_hammered(store: SqliteStore) -> None:
    give(store, crl_of(end=NOW + timedelta(hours=1)))
    assert not crl_store.due(store, OPEN, AT + 3599)
    assert crl_store.due(store, OPEN, AT + 3600)
    give(store, crl_of(end=NOW + timedelta(seconds=10)), at=AT)
    assert not crl_store.due(store, OPEN, AT + 11)


def test_what_is_configured_no_more_is_forgotten(store: SqliteStore) -> None:
    give(store, crl_of(BAD))
    assert crl_store.prune(store, OPEN) == 0
    assert crl_store.prune(store, replace(OPEN, sources=())) == 2
    assert crl_store.held(store, OPEN) == ()


def test_a_large_list_is_read_in_a_process_of_its_own_with_the_same_result(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (ROOT.certificate,)
    here = crl_reading.describe(crl_of(BAD), known, AT)
    monkeypatch.setattr(crl_reading, "LARGEST_HERE", 10)
    apart = crl_reading.describe(crl_of(BAD), known, AT)
    assert (apart.entries, apart.issuer, apart.disowned) == (1, "CN=CRL Root", False)
    assert apart == here
    assert crl_reading.describe(crl_of(signer=OTHER), known, AT).disowned
    assert crl_reading.describe(b"no list at all", known, AT).fault


def test_a_reading_that_takes_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crl_reading, "LARGEST_HERE", 10)
    monkeypatch.setattr(crl_reading, "PROCESS_SECONDS", 0.001)
    assert "within bounds" in crl_reading.describe(crl_of(BAD), (), AT).fault
