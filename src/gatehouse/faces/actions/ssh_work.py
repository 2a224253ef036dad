# SPDX-License-Identifier: Apache-2.0
"""The work: public keys by which operators log in over SSH, and the key of this gateway."""

import asyncio

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.people import AccountChanged, AccountInput
from gatehouse.faces.actions.people_work import changed, known
from gatehouse.faces.actions.ssh import (
    HostKey,
    HostKeyInput,
    KeyInput,
    KeyLine,
    KeyList,
    RemoveKeyInput,
)
from gatehouse.policy.people import MOST_SSH_KEYS
from gatehouse.service.base import ssh_keys
from gatehouse.store.people_values import SshKey


async def add_key(house: House, given: KeyInput) -> KeyLine:
    """One key more."""
    account = await known(house, given.name)
    read = ssh_keys.read_public_key(given.key)
    if isinstance(read, ssh_keys.KeyFault):
        raise OperatorError("bad-ssh-key", read.why, account.name, read.hint)
    people = house.store.people
    if len(await asyncio.to_thread(people.ssh_keys, account.name)) >= MOST_SSH_KEYS:
        raise OperatorError(
            "too-many-ssh-keys",
            f"The account has {MOST_SSH_KEYS} keys already.",
            account.name,
            "Remove those that nobody uses.",
        )
    kept = SshKey(
        account=account.name,
        fingerprint=read.fingerprint,
        algorithm=read.algorithm,
        key=read.blob,
        comment=read.comment,
        added_at=house.clock.wall(),
    )
    if not await asyncio.to_thread(people.add_ssh_key, kept):
        raise OperatorError("ssh-key-exists", "The account has this key.", read.fingerprint)
    return _line(kept)


async def list_keys(house: House, given: AccountInput) -> KeyList:
    """The keys of an account."""
    account = await known(house, given.name)
    found = await asyncio.to_thread(house.store.people.ssh_keys, account.name)
    return KeyList(keys=tuple(map(_line, found)))


async def remove_key(house: House, given: RemoveKeyInput) -> AccountChanged:
    """It opens nothing any more."""
    account = await known(house, given.name)
    gone = await asyncio.to_thread(
        house.store.people.remove_ssh_key, account.name, given.fingerprint, house.clock.wall()
    )
    if not gone:
        raise OperatorError(
            "no-such-ssh-key",
            "The account has no such key.",
            given.fingerprint[:60],
            f"`gatehouse user ssh-key list {account.name}` shows all.",
        )
    return changed(account, "SSH key removed")


async def host_key(house: House, given: HostKeyInput) -> HostKey:
    """What clients are shown; with `renew`, from now on."""
    if given.renew:
        await asyncio.to_thread(ssh_keys.renew_host_key, house.store, house.clock.wall())
        if house.gateway is not None:
            await house.gateway.ask("host key")  # the process that shows it reads it again
    private = await asyncio.to_thread(ssh_keys.host_key, house.store)
    public = ssh_keys.host_public_key(private)
    return HostKey(fingerprint=public.fingerprint, line=public.line, renewed=given.renew)


def _line(key: SshKey) -> KeyLine:
    return KeyLine(
        name=key.account,
        fingerprint=key.fingerprint,
        algorithm=key.algorithm,
        comment=key.comment,
        added_at=moment(key.added_at),
        last_used_at=moment(key.last_used_at),
    )
