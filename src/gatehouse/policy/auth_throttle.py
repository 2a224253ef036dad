# SPDX-License-Identifier: Apache-2.0
"""How long somebody has to wait after failed logins: by address, by account, by both together.

Rule: who guesses waits longer and longer, from one address over many names as well as from many
addresses at one name; and whoever it is that guesses, the real user is not shut out. Therefore an
address from which an account has logged in before is *usual* for it: there only the failures of
this account from this address count, and they never mean a long wait. Names that nobody has are
counted like the others, or the waiting would tell which exist.
The waits follow NIST SP 800-63B §5.2.2: from 30 seconds up to an hour.
"""

import ipaddress
from dataclasses import dataclass

FREE_AT_ADDRESS = 10  # failures of an address before it waits; ours: an office behind one address
FREE_AT_ACCOUNT = 10  # failures of a name from unusual addresses before they wait; ours
FREE_AT_BOTH = 5  # failures of a name from one address before that pair waits; ours
FIRST_WAIT = 30.0  # seconds; SP 800-63B §5.2.2
LONGEST_WAIT = 3600.0  # the same
LONGEST_USUAL_WAIT = 300.0  # ours: what a user can bear whose neighbour at the same address guesses
FORGET_AFTER = 86_400.0  # seconds without a failure before a count begins anew; ours: a day
USUAL_FOR = 30 * 86_400.0  # an address is usual this long after the last login from it; ours
RENEW_USUAL = 86_400.0  # a login is noted again only after this: not a write for each message
MAX_KEPT = 100_000  # counts and usual addresses that are kept at most; the oldest go first; ours

_V6_NETWORK = 64  # RFC 4291 §2.5.4: whoever has an IPv6 network has at least so many addresses


@dataclass(frozen=True, slots=True)
class Failures:
    """How many there were in a row, and when the last one was."""

    count: int = 0
    last_at: float = 0.0


NO_FAILURES = Failures()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known about an account and an address before a login is looked at."""

    address: Failures = NO_FAILURES
    account: Failures = NO_FAILURES
    both: Failures = NO_FAILURES
    usual_at: float | None = None  # the last noted login of this account from this address


def is_usual(history: History, now: float) -> bool:
    """The account has logged in from this address not long ago."""
    return history.usual_at is not None and now - history.usual_at < USUAL_FOR


def seconds_to_wait(history: History, now: float) -> float:
    """0: a login may be looked at now."""
    if is_usual(history, now):
        return _wait(history.both, FREE_AT_BOTH, LONGEST_USUAL_WAIT, now)
    return max(
        _wait(history.both, FREE_AT_BOTH, LONGEST_WAIT, now),
        _wait(history.address, FREE_AT_ADDRESS, LONGEST_WAIT, now),
        _wait(history.account, FREE_AT_ACCOUNT, LONGEST_WAIT, now),
    )


def worth_noting(history: History, now: float) -> bool:
    """A login that succeeded changes what is known: failures end, or the address becomes usual."""
    noted = history.usual_at
    return history.both.count > 0 or noted is None or now - noted > RENEW_USUAL


def network(ip: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _V6_NETWORK), strict=False))


def _wait(failures: Failures, free: int, longest: float, now: float) -> float:
    if failures.count < free or now - failures.last_at >= FORGET_AFTER:
        return 0.0
    doublings = min(failures.count - free, 20)  # far beyond the longest wait already
    wait = min(FIRST_WAIT * 2.0**doublings, longest)
    # A clock that was set back must not lock anybody out for longer than the wait itself.
    return min(wait, max(0.0, failures.last_at + wait - now))
