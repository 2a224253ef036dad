# SPDX-License-Identifier: Apache-2.0
"""The work: the relays that SMTP routes use, and their passwords."""

import asyncio

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.smart_hosts import (
    ForgetInput,
    PasswordDone,
    PasswordInput,
    SmartHostList,
    SmartHostView,
)
from gatehouse.faces.actions.status_work import running_now
from gatehouse.policy.smart_hosts import SmartHost, secret_name

# RFC 4616 §2: a server takes a password of 255 octets; longer ones are tokens of a few thousand.
MAX_PASSWORD = 4096
_PREFIX = secret_name("")


async def list_smart_hosts(house: House, given: Nothing) -> SmartHostList:
    """Those of the running configuration."""
    running = running_now(house)
    known = {} if running is None else running.smart_hosts
    kept = await asyncio.to_thread(_kept, house)
    used: dict[str, tuple[str, ...]] = {}
    if running is not None:
        for domain, name in running.routes.smart_routes():
            used[name] = (*used.get(name, ()), domain)
    return SmartHostList(
        smart_hosts=tuple(
            _view(one, set_=name in kept, routes=used.get(name, ())) for name, one in known.items()
        ),
        orphans=tuple(sorted(kept - set(known))),
    )


async def set_password(house: House, given: PasswordInput) -> PasswordDone:
    """Seal it; the next connection uses it."""
    password = given.password.encode()
    if not 1 <= len(password) <= MAX_PASSWORD or b"\0" in password:
        raise OperatorError(
            "bad-password", f"A password has 1 to {MAX_PASSWORD} octets, none of them NUL."
        )
    known = _known(house, given.name)
    secrets = house.store.secrets
    await asyncio.to_thread(secrets.put, secret_name(given.name), password, house.clock.wall())
    return PasswordDone(name=given.name, set=True, known=known)


async def forget_password(house: House, given: ForgetInput) -> PasswordDone:
    """Remove it."""
    if not await asyncio.to_thread(house.store.secrets.delete, secret_name(given.name)):
        raise OperatorError(
            "no-password",
            "There is no password for this smart host.",
            given.name[:200],
            "`gatehouse smart-host list` shows which have one.",
        )
    return PasswordDone(name=given.name, set=False, known=_known(house, given.name))


def _known(house: House, name: str) -> bool:
    running = running_now(house)
    return running is not None and name in running.smart_hosts


def _kept(house: House) -> set[str]:
    """The smart hosts that have a password."""
    names = (one.name for one in house.store.secrets.names())
    return {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}


def _view(one: SmartHost, *, set_: bool, routes: tuple[str, ...]) -> SmartHostView:
    return SmartHostView(
        name=one.name,
        host=one.host,
        port=one.port,
        tls_mode=one.tls_mode.value,
        tls=one.level.value,
        username=one.username,
        password_over=one.password_over.value,
        password_set=set_,
        routes=routes,
    )
