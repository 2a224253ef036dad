# SPDX-License-Identifier: Apache-2.0
"""Users of SMTP AUTH and failed logins: what every store must do."""

from pathlib import Path

import pytest

from gatehouse.store.auth_values import FailedLogin, FailureCount, ScramSecret, SmtpUser
from gatehouse.store.errors import StoreRefused
from gatehouse.store.interface import Store
from tests.store.conftest import OpenStore

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$canary-of-the-hash"
SCRAM = ScramSecret(
    salt=b"salt" * 4, iterations=15_000, stored_key=b"stored-key-canary" * 2, server_key=b"v" * 32
)


def user(name: str = "scanner1", **changed: object) -> SmtpUser:
    values: dict[str, object] = {
        "name": name,
        "password_hash": HASH,
        "scram": SCRAM,
        "created_at": 1.0,
        "changed_at": 1.0,
    }
    return SmtpUser(**(values | changed))  # type: ignore[arg-type]


def failed(account: str, network: str, at: float, *, usual: bool = False) -> FailedLogin:
    return FailedLogin(
        account=account, network=network, at=at, forget_before=at - 100.0, most=1000, usual=usual
    )


def test_a_user_is_kept_and_found_again(store: Store, open_again: OpenStore) -> None:
    assert store.smtp_users.add(user(certificate="sha256:ab", enabled=False))
    assert open_again().smtp_users.get("scanner1") == user(certificate="sha256:ab", enabled=False)
    assert store.smtp_users.get("scanner2") is None
    (entry,) = store.smtp_users.list()
    assert (entry.name, entry.has_password, entry.enabled) == ("scanner1", True, False)


def test_a_user_may_have_a_certificate_and_no_password(store: Store) -> None:
    plain = user(password_hash=None, scram=None, certificate="dns:scanner.example")
    assert store.smtp_users.add(plain)
    assert store.smtp_users.get("scanner1") == plain
    assert not store.smtp_users.list()[0].has_password


def test_a_name_and_a_certificate_belong_to_one_user(store: Store) -> None:
    users = store.smtp_users
    assert users.add(user("a", certificate="sha256:1"))
    assert not users.add(user("a"))
    assert not users.add(user("b", certificate="sha256:1"))
    assert users.add(user("b"))
    with pytest.raises(StoreRefused):
        users.replace(user("b", certificate="sha256:1"))
    assert users.by_certificate(("dns:x", "sha256:1")) == ("a",)
    assert users.by_certificate(()) == ()


def test_a_user_changes_and_goes(store: Store) -> None:
    users = store.smtp_users
    assert not users.replace(user())
    assert users.add(user())
    assert users.replace(user(enabled=False, changed_at=2.0))
    changed = users.get("scanner1")
    assert changed is not None
    assert (changed.enabled, changed.created_at, changed.changed_at) == (False, 1.0, 2.0)
    users.note_failures([failed("scanner1", "192.0.2.1", 5.0)])
    users.note_success("scanner1", "192.0.2.2", 5.0, 100)
    assert users.delete("scanner1")
    assert not users.delete("scanner1")
    assert (users.failures_of("scanner1"), users.usual_of("scanner1")) == ((), ())


def test_what_a_password_leaves_behind_is_sealed(store: Store, tmp_path: Path) -> None:
    store.smtp_users.add(user())
    store.close()
    kept = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"scanner1" in kept
    assert b"canary" not in kept
    assert "canary" not in repr(user())


def test_failures_are_counted_by_network_by_account_and_by_both(store: Store) -> None:
    users = store.smtp_users
    for number in range(3):
        users.note_failures([failed("a", "192.0.2.1", 10.0 + number)])
    users.note_failures([failed("b", "192.0.2.1", 20.0)])
    users.note_failures([failed("a", "192.0.2.2", 30.0)])
    history = users.history("a", "192.0.2.1")
    assert history.network == FailureCount(4, 20.0)
    assert history.account == FailureCount(4, 30.0)
    assert history.both == FailureCount(3, 12.0)
    assert history.usual_at is None
    assert users.history("c", "192.0.2.9").both == FailureCount()


def test_at_a_usual_network_only_the_pair_is_counted(store: Store) -> None:
    users = store.smtp_users
    users.note_success("a", "192.0.2.1", 5.0, 100)
    users.note_failures([failed("a", "192.0.2.1", 10.0, usual=True)])
    history = users.history("a", "192.0.2.1")
    assert history.usual_at == 5.0
    assert (history.network, history.account) == (FailureCount(), FailureCount())
    assert history.both == FailureCount(1, 10.0)


def test_a_count_begins_anew_after_a_long_time_and_old_ones_go(store: Store) -> None:
    users = store.smtp_users
    users.note_failures([failed("a", "192.0.2.1", 10.0)])
    users.note_failures([failed("b", "192.0.2.2", 11.0)])
    users.note_failures([failed("a", "192.0.2.1", 500.0)])
    assert users.history("a", "192.0.2.1").both == FailureCount(1, 500.0)
    assert users.failures_of("b") == ()


def test_there_are_never_more_counts_than_wanted(store: Store) -> None:
    users = store.smtp_users
    for number in range(20):
        one = FailedLogin(
            account=f"name{number}",
            network="192.0.2.1",
            at=10.0 + number,
            forget_before=0.0,
            most=9,
            usual=False,
        )
        users.note_failures([one])
    assert [len(users.failures_of(f"name{n}")) for n in (0, 10, 19)] == [0, 0, 2]
    assert users.history("x", "192.0.2.1").network.count == 20
    for number in range(5):
        users.note_success("a", f"192.0.2.{number}", 10.0 + number, 3)
    assert [line.network for line in users.usual_of("a")] == [
        "192.0.2.4",
        "192.0.2.3",
        "192.0.2.2",
    ]


def test_success_ends_the_failures_of_the_pair_and_unlock_those_of_the_account(
    store: Store,
) -> None:
    users = store.smtp_users
    users.note_failures([failed("a", "192.0.2.1", 10.0)])
    users.note_success("a", "192.0.2.1", 11.0, 100)
    history = users.history("a", "192.0.2.1")
    assert (history.both.count, history.account.count, history.network.count) == (0, 1, 1)
    assert [line.network for line in users.failures_of("a")] == [""]
    assert users.unlock("a") == 1
    assert users.unlock("a") == 0


def test_counts_survive_a_restart_and_are_shared_by_processes(
    store: Store, open_again: OpenStore
) -> None:
    other = open_again()
    store.smtp_users.note_failures([failed("a", "192.0.2.1", 10.0)])
    other.smtp_users.note_failures([failed("a", "192.0.2.1", 11.0)])
    assert store.smtp_users.history("a", "192.0.2.1").both == FailureCount(2, 11.0)


def test_the_secret_for_unknown_names_is_made_once(store: Store, open_again: OpenStore) -> None:
    first = store.smtp_users.naming_secret(b"a" * 32, 1.0)
    assert first == b"a" * 32
    assert open_again().smtp_users.naming_secret(b"b" * 32, 2.0) == first
