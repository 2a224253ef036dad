# SPDX-License-Identifier: Apache-2.0
"""The work: the people who operate the gateway, with their roles and passwords.

What takes something away, or gives another secret, moves `credentials_at`: sessions that began
before it are over. No change leaves the gateway without an administrator who can log in.
"""

import asyncio
from dataclasses import replace

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.login_failures_work import failure_lines
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.people import (
    AccountChanged,
    AccountInput,
    AccountLine,
    AccountList,
    AccountShown,
    AddInput,
    PasswordInput,
    RoleInput,
)
from gatehouse.policy.people import (
    MAX_NAME,
    SHORTEST_PASSWORD,
    PasswordFault,
    Role,
    new_password,
    operator_name,
)
from gatehouse.service.base import passwords
from gatehouse.service.base.people import failures_of
from gatehouse.smtp import saslprep
from gatehouse.store.people_values import Account, AccountChange, AccountEntry

KEEP = Role.ADMINISTRATOR.value
_LONGEST_FULL_NAME = 200  # characters; ours

_PASSWORD_FAULTS = {
    PasswordFault.UNUSABLE: (
        "bad-password",
        "This cannot be a password.",
        f"No control characters, at most {saslprep.MAX_PASSWORD} octets.",
    ),
    PasswordFault.SHORT: (
        "short-password",
        f"The password has fewer than {SHORTEST_PASSWORD} characters.",
        "A few words that do not belong together are easy to remember.",
    ),
    PasswordFault.NAMED: (
        "weak-password",
        "The password is little more than the name of the account.",
        "Guessers try the name first.",
    ),
    PasswordFault.COMMON: (
        "weak-password",
        "The password is among the first that guessers try.",
        "A few words that do not belong together are easy to remember.",
    ),
}


async def add(house: House, given: AddInput) -> AccountChanged:
    """Make an account."""
    name = operator_name(given.name)
    if name is None:
        raise OperatorError(
            "bad-account-name",
            "This cannot be the name of an account.",
            given.name[:80],
            f"No spaces, control characters or leading hyphen, at most {MAX_NAME} octets.",
        )
    full_name = given.full_name.strip()
    if len(full_name) > _LONGEST_FULL_NAME or not (full_name.isprintable()):
        raise OperatorError(
            "bad-full-name",
            "This cannot be a full name.",
            name,
            f"Printable, at most {_LONGEST_FULL_NAME} characters.",
        )
    now = house.clock.wall()
    account = Account(
        name=name,
        role=given.role,
        full_name=full_name,
        password_hash=await hashed(given.password, name),
        created_at=now,
        changed_at=now,
        credentials_at=now,
    )
    _role(given.role)
    if not await asyncio.to_thread(house.store.people.add, account):
        raise OperatorError("account-exists", "There is an account of this name already.", name)
    return changed(account, "added")


async def list_accounts(house: House, given: Nothing) -> AccountList:
    """All accounts."""
    found = await asyncio.to_thread(house.store.people.list)
    return AccountList(accounts=tuple(map(_line, found)))


async def show(house: House, given: AccountInput) -> AccountShown:
    """One account with its failed logins."""
    account = await known(house, given.name)
    store, now = house.store, house.clock.wall()
    people, kept = store.people, store.smtp_users
    failures = await asyncio.to_thread(kept.failures_of, failures_of(account.name))
    usual = await asyncio.to_thread(kept.usual_of, failures_of(account.name))
    return AccountShown(
        account=_line(_entry(account)),
        recovery_codes=await asyncio.to_thread(people.recovery_codes_left, account.name),
        tokens=len(await asyncio.to_thread(people.tokens, account.name)),
        failures=failure_lines(failures, usual, now),
    )


async def set_role(house: House, given: RoleInput) -> AccountChanged:
    """Another role."""
    account = await known(house, given.name)
    return await keep(house, account, replace(account, role=_role(given.role)), "role changed")


async def set_password(house: House, given: PasswordInput) -> AccountChanged:
    """A new password."""
    account = await known(house, given.name)
    fresh = await hashed(given.password, account.name)
    after = replace(account, password_hash=fresh)
    return await keep(house, account, after, "password changed")


async def enable(house: House, given: AccountInput) -> AccountChanged:
    """He may log in again."""
    account = await known(house, given.name)
    return await keep(house, account, replace(account, enabled=True), "enabled")


async def disable(house: House, given: AccountInput) -> AccountChanged:
    """He may not log in."""
    account = await known(house, given.name)
    return await keep(house, account, replace(account, enabled=False), "disabled")


async def delete(house: House, given: AccountInput) -> AccountChanged:
    """Forget the account, and the failed logins with it."""
    account = await known(house, given.name)
    done = await asyncio.to_thread(house.store.people.delete, account.name, KEEP)
    _demand(done, account.name)
    # Failed logins and usual addresses lie with those of the users of SMTP AUTH.
    await asyncio.to_thread(house.store.smtp_users.delete, failures_of(account.name))
    return changed(account, "deleted")


async def unlock(house: House, given: AccountInput) -> AccountChanged:
    """Forget his failures."""
    account = await known(house, given.name)
    await asyncio.to_thread(house.store.smtp_users.unlock, failures_of(account.name))
    return changed(account, "unlocked")


# --- for this module and people_access_work ---------------------------------------------------


async def known(house: House, text: str) -> Account:
    """The account that somebody names."""
    name = saslprep.prepare_name(text)
    account = None if name is None else await asyncio.to_thread(house.store.people.get, name)
    if account is None:
        raise OperatorError(
            "no-such-account",
            "There is no such account.",
            text[:80],
            "`gatehouse user list` shows all.",
        )
    return account


async def keep(
    house: House,
    before: Account,
    after: Account,
    done: str,
    recovery: tuple[bytes, ...] | None = None,
) -> AccountChanged:
    """Change an account; where it proves or may something else now, sessions that are open end."""
    now = house.clock.wall()
    same = _proof(before) == _proof(after)
    moved = before.credentials_at if same else now
    after = replace(after, changed_at=now, credentials_at=moved)
    outcome = await asyncio.to_thread(house.store.people.replace, after, KEEP, recovery)
    _demand(outcome, after.name)
    return changed(after, done)


def changed(account: Account, done: str) -> AccountChanged:
    """What was done to whom."""
    return AccountChanged(name=account.name, done=done, role=account.role)


async def hashed(text: str | None, name: str) -> str:
    """The hash of a password that is good enough."""
    if text is None:
        raise OperatorError(
            PASSWORD_NEEDED,
            "The account needs a password.",
            name,
            "Name a file with --password-file.",
        )
    password = new_password(text, name)
    if isinstance(password, PasswordFault):
        reference, message, hint = _PASSWORD_FAULTS[password]
        raise OperatorError(reference, message, name, hint)
    return await asyncio.to_thread(passwords.hash_password, password)


def _proof(account: Account) -> tuple[str | bool | None, ...]:
    return account.role, account.password_hash, account.totp_secret, account.enabled


def _role(text: str) -> str:
    try:
        return Role(text).value
    except ValueError:
        raise OperatorError(
            "bad-role",
            "There is no such role.",
            text[:40],
            f"One of {', '.join(role.value for role in Role)}.",
        ) from None


def _demand(outcome: AccountChange, name: str) -> None:
    match outcome:
        case AccountChange.DONE:
            return
        case AccountChange.MISSING:
            raise OperatorError("no-such-account", "The account has just been deleted.", name)
        case AccountChange.OUTDATED:
            raise OperatorError(
                "changed-meanwhile", "Somebody else has just changed the account.", name
            )
        case AccountChange.LAST:
            raise OperatorError(
                "last-administrator",
                "Nobody who can log in would be an administrator any more.",
                name,
                "Make or enable another administrator first.",
            )


def _entry(account: Account) -> AccountEntry:
    return AccountEntry(
        name=account.name,
        role=account.role,
        full_name=account.full_name,
        totp=account.totp_secret is not None,
        enabled=account.enabled,
        created_at=account.created_at,
        changed_at=account.changed_at,
        last_login_at=account.last_login_at,
    )


def _line(entry: AccountEntry) -> AccountLine:
    return AccountLine(
        name=entry.name,
        role=entry.role,
        full_name=entry.full_name,
        enabled=entry.enabled,
        totp=entry.totp,
        created_at=moment(entry.created_at),
        changed_at=moment(entry.changed_at),
        last_login_at=moment(entry.last_login_at),
    )
