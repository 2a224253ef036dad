# SPDX-License-Identifier: Apache-2.0
"""People who come with a configuration: in its transaction or not at all."""

import hashlib
from dataclasses import replace

import pytest

from gatehouse.store.auth_values import ScramSecret, SmtpUser
from gatehouse.store.errors import StoreRefused
from gatehouse.store.interface import Store
from gatehouse.store.people_values import Account, ApiToken, SshKey
from gatehouse.store.revision_values import Arriving, NewRevision

KEEP = "administrator"
ANN = Account(
    name="ann",
    role=KEEP,
    password_hash="$argon2id$ann",
    totp_secret="JBSWY3DPEHPK3PXP",
    created_at=1.0,
    changed_at=5.0,
    credentials_at=5.0,
)
PRINTER = SmtpUser(
    name="printer",
    password_hash="$argon2id$printer",
    scram=ScramSecret(salt=b"s", iterations=9, stored_key=b"k", server_key=b"v"),
    certificate="dns:printer.example",
    created_at=1.0,
    changed_at=5.0,
)


def commit(store: Store, *people: Account | SmtpUser) -> int:
    accounts = [one for one in people if isinstance(one, Account)]
    users = [one for one in people if isinstance(one, SmtpUser)]
    return store.commit_revision(
        NewRevision(
            text="format = 1\n",
            operator="eve",
            comment="restored",
            committed_at=5.0,
            secrets={"smart-host/ses": b"x"},
            arriving=Arriving(accounts=accounts, smtp_users=users, keep_role=KEEP),
        )
    )


def test_new_people_are_there_after_the_commit(store: Store) -> None:
    commit(store, ANN, PRINTER)
    assert store.people.get("ann") == ANN
    assert store.smtp_users.get("printer") == PRINTER


def test_who_is_there_gets_what_arrives_and_nobody_goes(store: Store) -> None:
    assert store.people.add(replace(ANN, role="guest", password_hash="$old", totp_secret=None))
    assert store.people.add(replace(ANN, name="bob"))
    assert store.smtp_users.add(replace(PRINTER, password_hash="$old", certificate=None))
    assert store.smtp_users.add(replace(PRINTER, name="scanner", certificate=None))
    commit(store, replace(ANN, created_at=3.0), PRINTER)
    kept = store.people.get("ann")
    assert kept == replace(ANN, version=2), "it is as old as it was"
    assert store.smtp_users.get("printer") == PRINTER
    assert store.people.get("bob") is not None
    assert store.smtp_users.get("scanner") is not None


def test_recovery_codes_of_who_had_the_name_open_nothing_any_more(store: Store) -> None:
    store.people.add(ANN)
    code = hashlib.sha256(b"code").digest()
    store.people.replace(ANN, KEEP, (code,))
    assert store.people.recovery_codes_left("ann") == 1
    commit(store, ANN)
    assert not store.people.use_recovery_code("ann", code)


def test_keys_and_tokens_of_who_had_the_name_do_not_open_the_new_account(store: Store) -> None:
    """What a guest has here would open an administrator who comes under the same name."""
    for name in ("ann", "bob"):
        store.people.add(replace(ANN, name=name, role="guest"))
        store.people.add_ssh_key(
            SshKey(
                account=name,
                fingerprint="SHA256:x",
                algorithm="a",
                key=b"k",
                comment="",
                added_at=1.0,
            )
        )
        store.people.add_token(
            ApiToken(
                id=f"of {name}",
                account=name,
                role="guest",
                label="",
                created_at=1.0,
                expires_at=9e9,
            ),
            hashlib.sha256(name.encode()).digest(),
            0.0,
        )
    commit(store, ANN)
    assert [len(store.people.ssh_keys(name)) for name in ("ann", "bob")] == [0, 1]
    assert [one.id for one in store.people.tokens()] == ["of bob"]


def test_a_commit_that_would_leave_no_administrator_is_refused_as_a_whole(store: Store) -> None:
    store.people.add(ANN)
    with pytest.raises(StoreRefused, match="administrator"):
        commit(store, replace(ANN, role="guest"), PRINTER)
    assert store.revisions.current() is None
    assert store.secrets.get("smart-host/ses") is None
    assert store.people.get("ann") == ANN
    assert store.smtp_users.get("printer") is None


def test_a_certificate_that_is_another_users_refuses_the_commit_as_a_whole(store: Store) -> None:
    store.smtp_users.add(replace(PRINTER, name="scanner"))
    with pytest.raises(StoreRefused, match="printer"):
        commit(store, ANN, PRINTER)
    assert store.revisions.current() is None
    assert store.people.get("ann") is None
