# SPDX-License-Identifier: Apache-2.0
"""The first administrator: made when there is none, with a password that chance has chosen.

There is no default password. Whoever starts the gateway sees the password once; it is kept as a
hash like every other, and `gatehouse user password admin` gives another where it was not seen.
"""

from gatehouse.policy.people import Role
from gatehouse.service.base.passwords import hash_password
from gatehouse.service.base.second_factor import random_groups
from gatehouse.store.interface import Store
from gatehouse.store.people_values import Account

NAME = "admin"
_LETTERS = 20  # of 31: 99 bits
_GROUP = 5


def ensure_administrator(store: Store, now: float) -> str | None:
    """Make the account `admin` if nobody is an administrator; its password, to be shown once."""
    administrator = Role.ADMINISTRATOR.value
    if any(one.role == administrator or one.name == NAME for one in store.people.list()):
        return None
    password = random_groups(_LETTERS, _GROUP)
    account = Account(
        name=NAME,
        role=administrator,
        full_name="",
        password_hash=hash_password(password),
        created_at=now,
        changed_at=now,
        credentials_at=now,
    )
    return password if store.people.add(account) else None
