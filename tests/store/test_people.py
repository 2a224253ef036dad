# SPDX-License-Identifier: Apache-2.0
"""People who operate the gateway, and the audit log: what every store must do."""

import hashlib
import threading
from pathlib import Path

import apsw
import pytest

from gatehouse.store.interface import Store
from gatehouse.store.people_values import (
    Account,
    AccountChange,
    ApiToken,
    AuditEntry,
    AuditFilter,
    SshKey,
)
from tests.store.conftest import OpenStore

KEEP = "administrator"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$canary-of-the-hash"


def account(name: str = "ann", **changed: object) -> Account:
    values: dict[str, object] = {
        "name": name,
        "role": KEEP,
        "password_hash": HASH,
        "created_at": 1.0,
        "changed_at": 1.0,
        "credentials_at": 1.0,
    }
    return Account(**(values | changed))  # type: ignore[arg-type]


def token(number: int = 1, owner: str = "ann", expires_at: float = 100.0) -> ApiToken:
    return ApiToken(
        id=f"id{number}",
        account=owner,
        role="guest",
        label="backup",
        created_at=float(number),
        expires_at=expires_at,
    )


def entry(action: str = "queue hold", operator: str = "ann", at: float = 1.0) -> AuditEntry:
    return AuditEntry(
        at=at,
        operator=operator,
        role="operator",
        way="socket",
        address="",
        action=action,
        arguments="{}",
        outcome="done",
    )


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_an_account_is_kept_and_found_again(store: Store, open_again: OpenStore) -> None:
    ann = account(full_name="Ann Other", totp_secret="CANARYSECRET", totp_pending="CANARYNEXT")
    assert store.people.add(ann)
    assert not store.people.add(account())
    assert open_again().people.get("ann") == ann
    assert store.people.get("bob") is None
    (line,) = store.people.list()
    assert (line.name, line.full_name, line.totp, line.enabled) == ("ann", "Ann Other", True, True)
    assert line.last_login_at is None
    store.people.note_login("ann", 9.0)
    assert store.people.list()[0].last_login_at == 9.0


def test_what_was_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    people = store.people
    people.add(account())
    people.add(account("bob"))
    first = people.get("ann")
    assert first is not None
    assert people.replace(account(enabled=False), KEEP) is AccountChange.DONE
    assert people.replace(first, KEEP) is AccountChange.OUTDATED
    assert people.replace(account("eve"), KEEP) is AccountChange.MISSING
    changed = people.get("ann")
    assert changed is not None
    assert (changed.enabled, changed.version) == (False, 2)


def test_the_last_one_of_the_role_stays(store: Store) -> None:
    people = store.people
    people.add(account())
    people.add(account("bob", enabled=False))
    people.add(account("eve", role="guest"))
    for worse in (account(enabled=False), account(role="operator")):
        assert people.replace(worse, KEEP) is AccountChange.LAST
    assert people.delete("ann", KEEP) is AccountChange.LAST
    assert people.get("ann") == account()
    assert people.delete("eve", KEEP) is AccountChange.DONE
    assert people.delete("eve", KEEP) is AccountChange.MISSING
    assert people.replace(account("bob"), KEEP) is AccountChange.DONE
    assert people.delete("ann", KEEP) is AccountChange.DONE


def test_two_who_go_at_once_do_not_both_go(store: Store, open_again: OpenStore) -> None:
    store.people.add(account("ann"))
    store.people.add(account("bob"))
    outcomes = []
    ready = threading.Barrier(2)

    def leave(name: str, one: Store) -> None:
        ready.wait()
        outcomes.append(one.people.delete(name, KEEP))

    threads = [
        threading.Thread(target=leave, args=("ann", store)),
        threading.Thread(target=leave, args=("bob", open_again())),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.value for one in outcomes) == ["done", "last"]


def test_secrets_lie_sealed_and_show_in_no_text(store: Store, tmp_path: Path) -> None:
    ann = account(totp_secret="CANARYSECRET", totp_pending="CANARYNEXT")
    store.people.add(ann)
    store.people.add_token(token(), digest("ghk_canary"), 0.0)
    store.close()
    kept = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"ann" in kept
    assert b"canary" not in kept.lower()
    assert "canary" not in repr(ann).lower()


def test_a_one_time_password_counts_once_and_no_older_one_after_it(
    store: Store, open_again: OpenStore
) -> None:
    store.people.add(account())
    assert store.people.use_totp_step("ann", 100)
    assert not open_again().people.use_totp_step("ann", 100)
    assert not store.people.use_totp_step("ann", 99)
    assert store.people.use_totp_step("ann", 101)
    assert not store.people.use_totp_step("nobody", 200)


def test_a_recovery_code_counts_once(store: Store) -> None:
    people = store.people
    people.add(account())
    codes = [digest("one"), digest("two")]
    assert people.replace(account(), KEEP, codes) is AccountChange.DONE
    assert people.recovery_codes_left("ann") == 2
    assert people.use_recovery_code("ann", digest("one"))
    assert not people.use_recovery_code("ann", digest("one"))
    assert not people.use_recovery_code("bob", digest("two"))
    assert people.recovery_codes_left("ann") == 1
    assert people.replace(account(version=2), KEEP) is AccountChange.DONE
    assert people.recovery_codes_left("ann") == 1
    assert people.replace(account(version=3), KEEP, ()) is AccountChange.DONE
    assert people.recovery_codes_left("ann") == 0


def test_a_token_is_found_by_its_hash_and_revoked_by_its_owner(store: Store) -> None:
    people = store.people
    people.add_token(token(1), digest("a"), 0.0)
    people.add_token(token(2, "bob"), digest("b"), 0.0)
    assert people.find_token(digest("a")) == token(1)
    assert people.find_token(digest("c")) is None
    assert people.tokens("bob") == (token(2, "bob"),)
    assert len(people.tokens()) == 2
    people.note_token_used("id1", 7.0)
    assert people.tokens("ann")[0].last_used_at == 7.0
    assert not people.revoke_token("ann", "id2")
    assert people.revoke_token("bob", "id2")
    assert people.find_token(digest("b")) is None


def test_tokens_go_with_their_account_and_long_after_their_time(store: Store) -> None:
    people = store.people
    people.add(account())
    people.add(account("bob"))
    people.add_token(token(1), digest("a"), 0.0)
    people.add_token(token(2, "bob", expires_at=10.0), digest("b"), 0.0)
    people.add_token(token(3, "bob"), digest("c"), 50.0)
    assert people.find_token(digest("b")) is None
    assert people.delete("ann", KEEP) is AccountChange.DONE
    assert people.find_token(digest("a")) is None
    assert people.find_token(digest("c")) is not None


def test_the_audit_log_is_read_backwards_and_sifted(store: Store) -> None:
    for number in range(5):
        store.audit.append(entry(at=float(number)))
    store.audit.append(entry("user totp enable", "bob", 9.0))
    everything = store.audit.list(AuditFilter(), 100)
    assert [one.at for one in everything] == [9.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert [one.at for one in store.audit.list(AuditFilter(), 2)] == [9.0, 4.0]
    assert len(store.audit.list(AuditFilter(operator="ann"), 100)) == 5
    assert len(store.audit.list(AuditFilter(action="user totp"), 100)) == 1
    assert len(store.audit.list(AuditFilter(action="user t"), 100)) == 0
    assert len(store.audit.list(AuditFilter(action="queue hold", since=3.0), 100)) == 2
    older = store.audit.list(AuditFilter(before_id=everything[1].id), 100)
    assert [one.at for one in older] == [3.0, 2.0, 1.0, 0.0]


def test_the_audit_log_cannot_be_changed(store: Store, tmp_path: Path) -> None:
    store.audit.append(entry())
    connection = apsw.Connection(str(tmp_path / "data" / "queue.db"))
    for statement in (
        "UPDATE audit SET outcome = 'nothing'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
    ):
        with pytest.raises(apsw.ConstraintError):
            connection.execute(statement)
    connection.close()
    assert [one.outcome for one in store.audit.list(AuditFilter(), 9)] == ["done"]


def ssh_key(number: int = 1, owner: str = "ann") -> SshKey:
    return SshKey(
        account=owner,
        fingerprint=f"SHA256:{number}",
        algorithm="ssh-ed25519",
        key=b"\x00\xff" + bytes([number]),
        comment="ann@desk",
        added_at=float(number),
    )


def test_public_keys_are_kept_for_an_account_and_go_with_it(
    store: Store, open_again: OpenStore
) -> None:
    people = store.people
    people.add(account())
    assert people.add_ssh_key(ssh_key(2)) and people.add_ssh_key(ssh_key(1))
    assert not people.add_ssh_key(ssh_key(1))
    assert people.add_ssh_key(ssh_key(1, "bob"))
    assert open_again().people.ssh_keys("ann") == (ssh_key(1), ssh_key(2))
    people.note_ssh_key_used("ann", "SHA256:1", 9.0)
    assert [one.last_used_at for one in people.ssh_keys("ann")] == [9.0, None]
    assert people.ssh_keys("bob")[0].last_used_at is None
    people.delete("ann", "none")
    assert people.ssh_keys("ann") == ()
    assert people.ssh_keys("bob") == (ssh_key(1, "bob"),)


def test_a_public_key_that_is_removed_ends_the_sessions_from_before(store: Store) -> None:
    people = store.people
    people.add(account())
    people.add_ssh_key(ssh_key())
    assert not people.remove_ssh_key("ann", "SHA256:2", 5.0)
    assert not people.remove_ssh_key("bob", "SHA256:1", 5.0)
    kept = people.get("ann")
    assert kept is not None and (kept.credentials_at, kept.version) == (1.0, 1)
    assert people.remove_ssh_key("ann", "SHA256:1", 5.0)
    kept = people.get("ann")
    assert kept is not None and (kept.credentials_at, kept.version) == (5.0, 2)
    assert people.ssh_keys("ann") == ()
