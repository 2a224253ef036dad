# SPDX-License-Identifier: Apache-2.0
"""Declarations: the second factor of people who operate the gateway, and their API tokens."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.people import ROLES, AccountChanged, AccountInput, Name
from gatehouse.policy.people import TOKEN_DAYS, TOKEN_MOST_DAYS

_ONCE = "It is shown this once."


class TotpInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose second factor; with a code it begins to count."""

    name: Name
    code: Annotated[
        str | None,
        Arg(help="the code that the authenticator shows now", metavar="CODE", unlogged=True),
    ] = None


class TokenInput(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token, and what it may do."""

    name: Name
    role: Annotated[
        str | None, Arg(help="what the token may do; else what its owner may", choices=ROLES)
    ] = None
    label: Annotated[str, Arg(help="what it is for", metavar="TEXT")] = ""
    days: Annotated[
        int,
        Arg(help="how long it counts", metavar="N", least=1, most=TOKEN_MOST_DAYS),
    ] = TOKEN_DAYS


class RevokeInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which token of whom."""

    name: Name
    token: Annotated[
        str, Arg(help="id of the token, as the list shows it", positional=True, metavar="ID")
    ]


class TotpStarted(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator needs (`uri`), or that it counts now, with the recovery codes."""

    name: str
    counts: bool
    uri: str = ""
    qr: str = ""  # the URI as a QR code in text
    recovery_codes: tuple[str, ...] = ()


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """New recovery codes; the old ones no longer count."""

    name: str
    recovery_codes: tuple[str, ...]


class TokenLine(msgspec.Struct, frozen=True, kw_only=True):
    """One token, without the token."""

    id: str
    name: str  # of the account
    role: str
    label: str
    created_at: datetime
    expires_at: datetime
    expired: bool
    last_used_at: datetime | None


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of an account."""

    tokens: tuple[TokenLine, ...]


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """The token itself, this once."""

    token: str
    made: TokenLine


TOTP_ENABLE = Action(
    name="user totp enable",
    summary="Ask somebody for a one-time password at each login.",
    help=f"""Make a secret for an authenticator (RFC 6238) and show it as an otpauth: address and as
a QR code. {_ONCE} It counts when a code from the authenticator has come: at a terminal it is asked
for, else do the same again with --code.

Ten recovery codes are shown then. Each replaces one code, once.""",
    example="gatehouse user totp enable bob",
    role=Role.ADMINISTRATOR,
    input=TotpInput,
    output=TotpStarted,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:enable_totp",
    own=True,
)

TOTP_DISABLE = Action(
    name="user totp disable",
    summary="No longer ask somebody for a one-time password.",
    help="""Forget the secret of the authenticator and the recovery codes: the password is enough
from the next login on.""",
    example="gatehouse user totp disable bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:disable_totp",
    own=True,
)

TOTP_RECOVERY = Action(
    name="user totp recovery",
    summary="Make new recovery codes.",
    help=f"Make ten new recovery codes; the old ones no longer count. {_ONCE}",
    example="gatehouse user totp recovery bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=RecoveryCodes,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:new_recovery_codes",
    own=True,
)

TOKEN_CREATE = Action(
    name="user token create",
    summary="Make an API token.",
    help=f"""Make a token with which a program acts for an account. {_ONCE}

It may do what its role allows, and never more than its owner may at that moment. It ends by itself
(--days), with `user token revoke`, and with the account.""",
    example="gatehouse user token create bob --role read-only --label monitoring --days 30",
    role=Role.ADMINISTRATOR,
    input=TokenInput,
    output=TokenMade,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:create_token",
    own=True,
)

TOKEN_LIST = Action(
    name="user token list",
    summary="List the API tokens of an account.",
    help="List the API tokens of an account: what they may do, until when, and their last use.",
    example="gatehouse user token list bob",
    role=Role.ADMINISTRATOR,
    input=AccountInput,
    output=TokenList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:list_tokens",
    own=True,
)

TOKEN_REVOKE = Action(
    name="user token revoke",
    summary="Take an API token back.",
    help="Forget an API token: it no longer counts from the next request on.",
    example="gatehouse user token revoke bob 9f86d081884c",
    role=Role.ADMINISTRATOR,
    input=RevokeInput,
    output=AccountChanged,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.people_access_work:revoke_token",
    own=True,
)
