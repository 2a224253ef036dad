# SPDX-License-Identifier: Apache-2.0
"""Logging in at a smart host, after TLS and before the first message.

The policy says whether the connection deserves the password (`policy/smart_hosts.py`), the engine
and `smtp/client_auth.py` know how it is said. A login that fails defers the mail: a wrong password
is the operator's to repair, and his users' mail waits for it (RFC 4954 §4, §6).
"""

from dataclasses import dataclass

from gatehouse.mail.reply import Reply
from gatehouse.policy.outbound_tls import Achieved
from gatehouse.policy.smart_hosts import SmartHost, may_log_in
from gatehouse.service.deliver.link import Link, LinkLost
from gatehouse.smtp import client_auth
from gatehouse.smtp import client_events as events

# Challenges of one login: SCRAM has two, LOGIN two, a PLAIN server that asks again one.
MAX_CHALLENGES = 4


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server knows us."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """Nothing may be sent on this connection; `reason` is for operators and holds no secret."""

    reason: str
    mechanism: str = ""
    reply: Reply | None = None


async def log_in(
    link: Link, smart: SmartHost, achieved: Achieved, password: str | None, nonce: str
) -> LoggedIn | NotLoggedIn:
    """Say who we are, if this connection may hear the password. Raises LinkLost.

    `nonce` is fresh, printable, without commas; `password` None: none was ever set.
    """
    user = smart.username
    assert user is not None
    if not may_log_in(smart.password_over, achieved):
        return NotLoggedIn(
            f"the password is not said here: the connection reached {achieved.name.lower()}, "
            f"password_over is {smart.password_over.value}"
        )
    if password is None:
        return NotLoggedIn(
            f"there is no password for {smart.name}; set it with "
            f"`gatehouse smart-host password {smart.name}`"
        )
    offered = link.engine.capabilities.auth
    mechanism = client_auth.choose(offered)
    if mechanism is None:
        what = ", ".join(offered) or "no AUTH at all"
        return NotLoggedIn(
            f"the server offers {what}; we speak {', '.join(client_auth.PREFERENCE)}"
        )
    exchange = client_auth.begin(mechanism, client_auth.Credentials(user, password), nonce)
    link.engine.authenticate(mechanism, exchange.initial)
    return await _converse(link, exchange)


async def _converse(link: Link, exchange: client_auth.Exchange) -> LoggedIn | NotLoggedIn:
    """Challenges and answers until the server has decided."""
    mechanism, challenges, given_up = exchange.mechanism, 0, False
    while True:
        match await link.next():
            case events.AuthChallenge(data):
                challenges += 1
                answer = None if challenges > MAX_CHALLENGES else exchange.respond(data)
                given_up = given_up or answer is None
                link.engine.respond(answer)
            case events.LoggedIn(reply):
                if exchange.complete and not given_up:
                    return LoggedIn(mechanism)
                return NotLoggedIn("the server did not prove who it is", mechanism, reply)
            case events.LoginRefused(reply):
                why = "the server's challenge makes no sense" if given_up else "refused"
                return NotLoggedIn(why, mechanism, reply)
            case events.Broken(what, _):
                raise LinkLost(what)
            case other:
                raise LinkLost(f"{type(other).__name__} during AUTH")
