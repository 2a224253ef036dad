# SPDX-License-Identifier: Apache-2.0
"""The work: the second factor of people who operate the gateway, and their API tokens."""

import asyncio
import io
from dataclasses import replace

import segno

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.people import AccountChanged, AccountInput
from gatehouse.faces.actions.people_access import (
    RecoveryCodes,
    RevokeInput,
    TokenInput,
    TokenLine,
    TokenList,
    TokenMade,
    TotpInput,
    TotpStarted,
)
from gatehouse.faces.actions.people_work import changed, keep, known
from gatehouse.policy.people import MOST_TOKENS, Role, within
from gatehouse.service.base import api_tokens, second_factor
from gatehouse.service.base.revision import RevisionUnusable, load_running
from gatehouse.service.trust import keyring
from gatehouse.store.people_values import ApiToken

_DAY = 86_400.0
_EXPIRED_STAY = 30 * _DAY  # ours: that it ended can be seen in the list for a month
_LONGEST_LABEL = 100  # characters; ours


async def enable_totp(house: House, given: TotpInput) -> TotpStarted:
    """A secret, which does not count yet; with a code from it, it counts."""
    account = await known(house, given.name)
    if given.code is None:
        secret = second_factor.new_secret()
        await keep(house, account, replace(account, totp_pending=secret), "")
        uri = second_factor.provisioning_uri(secret, account.name, _issuer(house))
        return TotpStarted(name=account.name, counts=False, uri=uri, qr=_qr(uri))
    if account.totp_pending is None:
        raise OperatorError(
            "no-secret",
            "There is no secret that waits for a code.",
            account.name,
            "Without --code one is made and shown.",
        )
    step = second_factor.matching_step(account.totp_pending, given.code, house.clock.wall())
    if step is None:
        raise OperatorError(
            "wrong-code",
            "The code does not fit the secret that was shown.",
            account.name,
            "See that the clocks of the gateway and of the authenticator are right.",
        )
    codes = second_factor.new_recovery_codes()
    after = replace(account, totp_secret=account.totp_pending, totp_pending=None)
    await keep(house, account, after, "", _digests(codes))
    # Whoever saw this code over a shoulder does not log in with it.
    await asyncio.to_thread(house.store.people.use_totp_step, account.name, step)
    return TotpStarted(name=account.name, counts=True, recovery_codes=codes)


async def disable_totp(house: House, given: AccountInput) -> AccountChanged:
    """The password is enough."""
    account = await known(house, given.name)
    after = replace(account, totp_secret=None, totp_pending=None)
    return await keep(house, account, after, "second factor off", ())


async def new_recovery_codes(house: House, given: AccountInput) -> RecoveryCodes:
    """Ten others."""
    account = await known(house, given.name)
    if account.totp_secret is None:
        raise OperatorError(
            "no-second-factor",
            "The account has no second factor.",
            account.name,
            "Recovery codes come with `gatehouse user totp enable`.",
        )
    codes = second_factor.new_recovery_codes()
    await keep(house, account, account, "", _digests(codes))
    return RecoveryCodes(name=account.name, recovery_codes=codes)


async def create_token(house: House, given: TokenInput) -> TokenMade:
    """A token, shown this once."""
    account = await known(house, given.name)
    people, now = house.store.people, house.clock.wall()
    role = _token_role(account.role, given.role)
    if not within(role, house.acting.role):
        raise OperatorError("role-too-high", "The token would do more than you may.", role.value)
    if len(given.label) > _LONGEST_LABEL or not given.label.isprintable():
        raise OperatorError(
            "bad-label", "This cannot be a label.", hint=f"At most {_LONGEST_LABEL} characters."
        )
    present = await asyncio.to_thread(people.tokens, account.name)
    if sum(one.expires_at > now for one in present) >= MOST_TOKENS:
        raise OperatorError(
            "too-many-tokens",
            f"The account has {MOST_TOKENS} tokens already.",
            account.name,
            "Revoke those that nobody uses.",
        )
    fresh = api_tokens.new_token()
    kept = ApiToken(
        id=fresh.id,
        account=account.name,
        role=role.value,
        label=given.label,
        created_at=now,
        expires_at=now + given.days * _DAY,
    )
    await asyncio.to_thread(people.add_token, kept, fresh.digest, now - _EXPIRED_STAY)
    return TokenMade(token=fresh.text, made=_line(kept, now))


async def list_tokens(house: House, given: AccountInput) -> TokenList:
    """The tokens of an account."""
    account = await known(house, given.name)
    now = house.clock.wall()
    found = await asyncio.to_thread(house.store.people.tokens, account.name)
    return TokenList(tokens=tuple(_line(one, now) for one in found))


async def revoke_token(house: House, given: RevokeInput) -> AccountChanged:
    """It no longer counts."""
    account = await known(house, given.name)
    if not await asyncio.to_thread(house.store.people.revoke_token, account.name, given.token):
        raise OperatorError(
            "no-such-token",
            "The account has no such token.",
            given.token[:40],
            f"`gatehouse user token list {account.name}` shows all.",
        )
    return changed(account, "token revoked")


def _token_role(owner: str, wanted: str | None) -> Role:
    try:
        role = Role(owner if wanted is None else wanted)
    except ValueError:
        raise OperatorError("bad-role", "There is no such role.", str(wanted)[:40]) from None
    if not within(role, Role(owner)):
        raise OperatorError(
            "role-too-high", "A token cannot do more than its owner.", f"{role.value} above {owner}"
        )
    return role


def _line(token: ApiToken, now: float) -> TokenLine:
    return TokenLine(
        id=token.id,
        name=token.account,
        role=token.role,
        label=token.label,
        created_at=moment(token.created_at),
        expires_at=moment(token.expires_at),
        expired=token.expires_at <= now,
        last_used_at=moment(token.last_used_at),
    )


def _digests(codes: tuple[str, ...]) -> tuple[bytes, ...]:
    digests = map(second_factor.recovery_digest, codes)
    return tuple(one for one in digests if one is not None)


def _issuer(house: House) -> str:
    """What an authenticator shows beside the name: which gateway this is."""
    if house.gateway is not None and house.gateway.running is not None:
        return f"Gatehouse {house.gateway.running.hostname}"
    current = house.store.revisions.current()
    if current is None:
        return "Gatehouse"
    try:
        known = keyring.names(house.store)
        running = load_running(house.store, current.number, known, house.machine)
    except RevisionUnusable:
        return "Gatehouse"
    return f"Gatehouse {running.hostname}"


def _qr(uri: str) -> str:
    """For a terminal with light letters on a dark ground, two modules in one character."""
    drawn = io.StringIO()
    segno.make(uri, error="l", micro=False).terminal(drawn, compact=True, border=2)
    return drawn.getvalue().rstrip("\n")
