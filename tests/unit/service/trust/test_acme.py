# SPDX-License-Identifier: Apache-2.0
"""Standing orders: when they are due, what a failure leaves, and how a result gets in force."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.app import open_house
from gatehouse.policy.alarms import Alarm
from gatehouse.service.base.clock import Clock
from gatehouse.service.commit import trials
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.service.trust import acme, keyring
from gatehouse.service.trust.acme import AcmeTools, AcmeTrouble, StandingOrder
from gatehouse.service.trust.acme_challenges import Means
from gatehouse.store.people_values import AuditFilter
from gatehouse.store.revision_values import NewRevision, RevisionKind
from gatehouse.store.sqlite.store import SqliteStore
from gatehouse.tls import facets
from gatehouse.tls.certificates import CertifiedKey, pem_of_key
from tests.unit.tls.authority import DAY, NOW, Made, issue

HOUR = 3600.0
LEAF = issue("mx.example.com", dns=["mx.example.com"], start=NOW, end=NOW + 90 * DAY)
NEW = issue("mx.example.com", dns=["mx.example.com"], start=NOW, end=NOW + 90 * DAY)
ORDER = StandingOrder(
    name="mx",
    domains=("mx.example.com",),
    directory="https://ca.example/dir",
    contact="me@example.com",
    challenge="http-01",
    issued=facets.digest(LEAF.certificate).hex(),
)
DAY_60 = NOW.timestamp() + 60 * 86_400


def certified(made: Made) -> CertifiedKey:
    return CertifiedKey(pem_of_key(made.key), (made.certificate.public_bytes(Encoding.PEM),))


class Site:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = DAY_60
        self.applied: list[int] = []
        self.refuses = False

    async def apply(self, revision: int, operator: str, comment: str) -> None:
        if self.refuses:
            raise ApplyFailed("the receivers do not start.")
        assert keyring.get(self.store, "mx") == certified(NEW)
        assert trials.awaiting(self.store) is None
        trial = self.store.trials.current()
        assert trial is not None and trial.revision == revision
        self.applied.append(revision)

    def installer(self, operator: str = "system") -> trials.Renewals:
        clock = Clock(wall=lambda: self.now, monotonic=lambda: self.now)
        return trials.Renewals(self.store, clock, self.apply, operator)

    def audited(self) -> list[tuple[str, str, int | None]]:
        """Operator, action and revision, the oldest first."""
        found = self.store.audit.list(AuditFilter(), 10)
        return [(one.operator, one.action, one.revision) for one in reversed(found)]

    def tools(self) -> AcmeTools:
        return AcmeTools(
            store=self.store,
            clock=Clock(wall=lambda: self.now, monotonic=lambda: self.now),
            means=Means(http_address="127.0.0.1", http_port=0, hook_timeout=1),
            in_use=frozenset({"mx"}),
            installer=self.installer(),
            committing=asyncio.Lock(),
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    _, store = open_house(tmp_path / "data")
    keyring.put(store, "mx", certified(LEAF), NOW.timestamp())
    yield Site(store)
    store.close()


# --- when --------------------------------------------------------------------------------------


def test_renewal_is_due_when_a_third_of_the_lifetime_is_left() -> None:
    assert acme.due_at(ORDER, LEAF.certificate) == DAY_60


def test_the_server_may_want_it_sooner_or_later() -> None:
    for days in (10, 80):
        when = NOW.timestamp() + days * 86_400
        order = msgspec.structs.replace(ORDER, suggested_at=when)
        assert acme.due_at(order, LEAF.certificate) == when


def test_after_failures_it_is_tried_ever_more_seldom() -> None:
    waits = []
    for failures in (1, 2, 3, 6, 50):
        order = msgspec.structs.replace(ORDER, failures=failures, tried_at=DAY_60)
        waits.append((acme.due_at(order, LEAF.certificate) - DAY_60) / HOUR)
    assert waits == [1, 2, 4, 24, 24]


def test_what_somebody_put_in_its_place_is_left_alone(site: Site) -> None:
    assert acme.is_due(site.store, ORDER, DAY_60)
    assert not acme.is_due(site.store, ORDER, DAY_60 - 1)
    keyring.put(site.store, "mx", certified(NEW), DAY_60)
    assert not acme.is_due(site.store, ORDER, DAY_60)
    site.store.secrets.delete("certificate/mx")
    assert not acme.is_due(site.store, ORDER, DAY_60)


def test_a_suggestion_after_the_end_counts_for_nothing_and_dice_only_bring_forward() -> None:
    end = LEAF.certificate.not_valid_after_utc.timestamp()
    settled = acme._settled
    assert settled(ORDER, end + 1, LEAF.certificate) is None
    assert settled(ORDER, DAY_60, LEAF.certificate) == DAY_60
    known = msgspec.structs.replace(ORDER, suggested_at=DAY_60)
    assert settled(known, DAY_60 + 99, LEAF.certificate) == DAY_60
    assert settled(known, DAY_60 - 99, LEAF.certificate) == DAY_60 - 99


# --- putting in force --------------------------------------------------------------------------


def test_a_renewed_certificate_runs_as_a_new_revision_with_the_same_text(site: Site) -> None:
    before = site.store.revisions.current()
    asyncio.run(acme.install(site.tools(), "mx", certified(NEW)))
    after = site.store.revisions.current()
    assert before is not None and after is not None
    assert site.applied == [after.number] == [before.number + 1]
    assert after.text == before.text
    assert after.comment == "certificate mx renewed by ACME"
    assert after.kind is RevisionKind.RENEWAL
    assert site.store.trials.current() is None
    assert site.store.secrets.get(trials.UNDO) is None
    assert site.audited() == [("system", "certificate renew", after.number)]


def test_what_an_operator_renews_is_in_the_audit_log_under_his_name_already(site: Site) -> None:
    tools = replace(site.tools(), installer=site.installer("ann"))
    asyncio.run(acme.install(tools, "mx", certified(NEW)))
    current = site.store.revisions.current()
    assert current is not None
    assert current.operator == "ann"
    assert site.audited() == []


def test_one_that_nobody_uses_is_only_kept(site: Site) -> None:
    tools = replace(site.tools(), in_use=frozenset())
    asyncio.run(acme.install(tools, "mx", certified(NEW)))
    assert site.applied == []
    assert keyring.get(site.store, "mx") == certified(NEW)


def test_when_it_cannot_be_served_the_old_one_comes_back(site: Site) -> None:
    site.refuses = True
    before = site.store.revisions.current()
    with pytest.raises(AcmeTrouble, match="the receivers do not start"):
        asyncio.run(acme.install(site.tools(), "mx", certified(NEW)))
    assert keyring.get(site.store, "mx") == certified(LEAF)
    after = site.store.revisions.current()
    assert before is not None and after is not None
    assert (after.text, after.kind) == (before.text, RevisionKind.RESTORED)
    assert site.store.trials.current() is None
    assert site.store.candidates.get("system") is None
    assert site.audited() == [
        ("system", "certificate renew", after.number - 1),
        ("system", "config restore", after.number),
    ]


def test_a_gateway_that_dies_before_the_renewal_was_seen_running_goes_back(site: Site) -> None:
    async def dies(revision: int, operator: str, comment: str) -> None:
        raise SystemExit

    async def start(revision: int, tried: bool) -> None:
        if tried:
            raise ApplyFailed("it cannot.")

    async def tell(alarm: Alarm) -> None:
        pass

    clock = Clock(wall=lambda: site.now, monotonic=lambda: site.now)
    tools = replace(site.tools(), installer=trials.Renewals(site.store, clock, dies))
    with pytest.raises(SystemExit):
        asyncio.run(acme.install(tools, "mx", certified(NEW)))
    assert keyring.get(site.store, "mx") == certified(NEW)
    again = trials.TrialTools(
        store=site.store,
        clock=clock,
        committing=asyncio.Lock(),
        start=start,
        apply=site.apply,
        tell=tell,
    )
    asyncio.run(trials.Trials(again).start())
    assert keyring.get(site.store, "mx") == certified(LEAF)
    assert [what for _, what, _ in site.audited()] == ["certificate renew", "config restore"]


def test_nothing_is_ordered_while_a_configuration_waits_for_its_confirmation(site: Site) -> None:
    current = site.store.revisions.current()
    assert current is not None
    new = NewRevision(text="new", operator="ann", comment="", committed_at=site.now)
    number = trials.begin(site.store, new, current, None)
    trials.ran(site.store, site.now, 600)
    with pytest.raises(AcmeTrouble, match=f"revision {number} waits for its confirmation"):
        asyncio.run(acme.obtain(site.tools(), ORDER))
    with pytest.raises(AcmeTrouble, match="waits for its confirmation"):
        asyncio.run(acme.install(site.tools(), "mx", certified(NEW)))
    assert keyring.get(site.store, "mx") == certified(LEAF)
    assert acme.order_of(site.store, "mx") is None  # and it is not counted as a failure


def test_a_change_that_waits_for_its_commit_is_not_run_over(site: Site) -> None:
    keyring.stage(site.store, "ann", "mx", certified(NEW), DAY_60)
    with pytest.raises(AcmeTrouble, match="waits for its commit"):
        asyncio.run(acme.install(site.tools(), "mx", certified(NEW)))
    assert keyring.get(site.store, "mx") == certified(LEAF)


# --- obtaining ---------------------------------------------------------------------------------


def test_a_failure_is_remembered_and_a_success_wipes_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome: list[CertifiedKey | AcmeTrouble] = [AcmeTrouble("no"), certified(NEW)]

    async def ordered(tools: AcmeTools, order: StandingOrder) -> CertifiedKey:
        result = outcome.pop(0)
        if isinstance(result, AcmeTrouble):
            raise result
        return result

    monkeypatch.setattr(acme, "_ordered", ordered)
    acme.keep_order(site.store, ORDER, DAY_60)
    with pytest.raises(AcmeTrouble):
        asyncio.run(acme.obtain(site.tools(), ORDER))
    (failed,) = acme.standing(site.store)
    assert (failed.failures, failed.error, failed.tried_at) == (1, "no", DAY_60)
    asyncio.run(acme.obtain(site.tools(), failed))
    (done,) = acme.standing(site.store)
    assert (done.failures, done.error) == (0, "")
    assert done.issued == facets.digest(NEW.certificate).hex()


def test_a_first_order_that_fails_leaves_no_standing_order(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ordered(tools: AcmeTools, order: StandingOrder) -> CertifiedKey:
        raise AcmeTrouble("no")

    monkeypatch.setattr(acme, "_ordered", ordered)
    with pytest.raises(AcmeTrouble):
        asyncio.run(acme.obtain(site.tools(), ORDER))
    assert acme.standing(site.store) == ()


def test_account_keys_are_made_once_for_each_server_and_contact(site: Site) -> None:
    async def keys() -> list[bytes]:
        other = msgspec.structs.replace(ORDER, directory="https://other.example/dir")
        return [await acme._account_key(site.tools(), one) for one in (ORDER, ORDER, other)]

    first, again, other = asyncio.run(keys())
    assert first == again != other


def test_the_key_is_kept_only_when_that_was_asked_for(site: Site) -> None:
    held = certified(LEAF).key_pem
    keeping = msgspec.structs.replace(ORDER, keep_key=True)
    assert acme._certificate_key(site.store, keeping) == held
    assert acme._certificate_key(site.store, ORDER) != held


@pytest.mark.parametrize("directory", ["http://ca.example/dir", "file:///x", "nonsense"])
def test_a_directory_that_is_not_https_is_refused(site: Site, directory: str) -> None:
    order = msgspec.structs.replace(ORDER, directory=directory)
    with pytest.raises(AcmeTrouble, match="must be https"):
        asyncio.run(acme.obtain(site.tools(), order))
