# SPDX-License-Identifier: Apache-2.0
"""People who operate the gateway: what each role may do, and which passwords are good enough.

One literal table says what a role may look at and what it may change; there is no other place where
rights are decided. Names and passwords are compared in the one form that the whole house uses
(RFC 8265 by way of `smtp.saslprep`). How long a guesser waits is in `policy.auth_throttle`.
"""

import enum
from dataclasses import dataclass

from gatehouse.smtp import saslprep

MAX_NAME = 64  # octets of an operator's name; ours: it stands in every line of the audit log
SHORTEST_PASSWORD = 12  # characters; ours: above the 8 of NIST SP 800-63B §5.1.1.1, for consoles
FEWEST_DIFFERENT = 5  # characters of a password that differ; ours: "aaaaaaaaaaaa" is no secret
_REST_BESIDE_NAME = 6  # characters that must be left when the user's own name is taken out; ours
_SHORTEST_NAME_LOOKED_FOR = 3  # shorter names occur in good passwords by chance

SESSION_IDLE = 1800.0
SESSION_LONGEST = 43_200.0
"""Seconds of a session of a face: 30 minutes without a sign, 12 hours in all; NIST SP 800-63B
§4.2.3."""

TOKEN_DAYS = 90  # of an API token where nobody says otherwise; ours
TOKEN_MOST_DAYS = 366  # ours: what nobody renews for a year is not missed
MOST_TOKENS = 50  # of one account; ours: a program that makes one for each run is told
MOST_SSH_KEYS = 20  # of one account; ours: a person has a few machines
TOTP_DRIFT = 1  # steps that a clock may be off to either side; RFC 6238 §5.2: at most one
RECOVERY_CODES = 10  # at a time; ours

# Whoever acts without being a person: factory settings, renewals.
RESERVED_NAMES = frozenset({"system", "nobody"})


class Role(enum.Enum):
    """Who may do it; the roles of the modelled appliance."""

    ADMINISTRATOR = "administrator"  # everything
    OPERATOR = "operator"  # runs the gateway, without people and system settings
    HELP_DESK = "help-desk"  # looks for messages and frees them
    READ_ONLY = "read-only"  # sees everything, changes nothing
    GUEST = "guest"  # sees status and reports


class Way(enum.Enum):
    """By which door somebody came in."""

    CLI = "cli"  # a command that works on the data directory itself
    SOCKET = "socket"  # a command that asks the running gateway
    SSH = "ssh"
    API = "api"
    WEB = "web"
    CLOCK = "clock"  # nobody: the gateway itself, because it is time


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Which actions are open, by the role that the action names."""

    looks: frozenset[Role]  # of the actions that change nothing
    changes: frozenset[Role]


GRANTS = {
    Role.ADMINISTRATOR: Grant(
        looks=frozenset(Role),
        changes=frozenset(Role),
    ),
    Role.OPERATOR: Grant(
        looks=frozenset({Role.OPERATOR, Role.HELP_DESK, Role.READ_ONLY, Role.GUEST}),
        changes=frozenset({Role.OPERATOR, Role.HELP_DESK}),
    ),
    Role.HELP_DESK: Grant(
        looks=frozenset({Role.HELP_DESK, Role.GUEST}),
        changes=frozenset({Role.HELP_DESK}),
    ),
    Role.READ_ONLY: Grant(
        looks=frozenset({Role.HELP_DESK, Role.READ_ONLY, Role.GUEST}),
        changes=frozenset(),
    ),
    Role.GUEST: Grant(
        looks=frozenset({Role.GUEST}),
        changes=frozenset(),
    ),
}


def may(role: Role, needed: Role, *, changes: bool) -> bool:
    """Whether somebody in `role` may do an action that names `needed`."""
    grant = GRANTS[role]
    return needed in (grant.changes if changes else grant.looks)


def within(lower: Role, upper: Role) -> bool:
    """Whatever `lower` may do, `upper` may do too."""
    low, high = GRANTS[lower], GRANTS[upper]
    return low.looks <= high.looks and low.changes <= high.changes


class PasswordFault(enum.Enum):
    """Why a password is not taken."""

    UNUSABLE = "unusable"  # too long, control characters, nothing left
    SHORT = "short"
    NAMED = "named"  # little but the user's name
    COMMON = "common"  # among the first that a guesser tries


# What guessers try first, as far as it has the length; letters folded, nothing but letters and
# digits. From the shape of published lists: the product, the role, the keyboard, the word itself.
_COMMON = frozenset(
    {
        "123456789012", "1234567890123", "12345678901234", "123456789abc", "1q2w3e4r5t6y",
        "1qaz2wsx3edc", "abcdefghijkl", "abcdefghijklm", "abc123456789", "adminadmin12",
        "adminadmin123", "administrator", "administrator1", "administrator123", "changeme1234",
        "changemechangeme", "changemenow1", "changethispassword", "correcthorsebatterystaple",
        "defaultpassword", "gatehouse123", "gatehouse1234", "gatehouseadmin", "gatehousegatehouse",
        "iloveyou1234", "letmeinletmein", "letmeinplease", "mailgateway1", "mailgatehouse",
        "mypassword12", "mypassword123", "p4ssw0rd1234", "passw0rd1234", "password1234",
        "password12345", "password123456", "passwordpassword", "qazwsxedcrfv", "qwerty123456",
        "qwertyqwerty", "qwertyuiop12", "qwertyuiop123", "qwertyuiopas", "qwertzuiop12",
        "secretsecret", "supersecret1", "testpassword", "thisisapassword", "welcome12345",
        "welcome123456", "zaq12wsxcde3",
    }
)  # fmt: skip


def operator_name(text: str) -> str | None:
    """The name of a new account in the form in which it is kept, or None when it can be none."""
    name = saslprep.prepare_name(text, stored=True)
    if name is None or len(name.encode()) > MAX_NAME or name in RESERVED_NAMES:
        return None
    return None if name.startswith("-") else name  # else a flag on every command line


def new_password(text: str, name: str) -> str | PasswordFault:
    """The password as it is hashed, or why it is not good enough for the account `name`."""
    password = saslprep.prepare_password(text, stored=True)
    if password is None:
        return PasswordFault.UNUSABLE
    if len(password) < SHORTEST_PASSWORD:
        return PasswordFault.SHORT
    folded = password.casefold()
    if len(name) >= _SHORTEST_NAME_LOOKED_FOR:
        rest = folded.replace(name.casefold(), "")
        if rest != folded and len(rest) < _REST_BESIDE_NAME:
            return PasswordFault.NAMED
    plain = "".join(char for char in folded if char.isalnum())
    if plain in _COMMON or len(set(folded)) < FEWEST_DIFFERENT:
        return PasswordFault.COMMON
    return password
