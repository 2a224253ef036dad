# SPDX-License-Identifier: Apache-2.0
"""The second factor of operators: one-time passwords (RFC 6238, RFC 4226) and recovery codes.

Rule: what proves something counts once. A code belongs to a step of 30 seconds, and the caller
notes which step was used; a recovery code is removed when it is used. Both are typed by people, so
blanks, hyphens and case do not count.
"""

import hashlib
import hmac
import secrets

import pyotp
from pyotp.totp import TOTP

from gatehouse.policy.people import RECOVERY_CODES, TOTP_DRIFT

STEP_SECONDS = 30
"""RFC 6238 §4.1: the default of X."""

_DIGITS = 6  # RFC 4226 §5.3: at least
_SECRET_CHARACTERS = 32  # of base32: the 160 bits that RFC 4226 §4 (R6) recommends
_LONGEST = 64  # of what somebody types as a code; ours

# Without what is misread: 0 and o, 1, i and l. 31 letters and digits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_LETTERS = 16  # 79 bits: nothing that can be guessed from its hash
_GROUP = 4


def new_secret() -> str:
    """The secret of an account, in base32."""
    return pyotp.random_base32(_SECRET_CHARACTERS)


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """The `otpauth:` URI that authenticators take."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The step to which a code belongs, at most one away from now; None: to none of them."""
    typed = _plain(code)
    if len(typed) != _DIGITS or not typed.isascii() or not typed.isdigit():
        return None
    totp = TOTP(secret)
    current = int(now) // STEP_SECONDS
    found = None
    for step in range(current - TOTP_DRIFT, current + TOTP_DRIFT + 1):
        right = totp.generate_otp(max(step, 0))
        if hmac.compare_digest(right, typed):
            found = step
    return found


def new_recovery_codes() -> tuple[str, ...]:
    """Codes for when the authenticator is lost, as they are shown once."""
    return tuple(random_groups(_RECOVERY_LETTERS, _GROUP) for _ in range(RECOVERY_CODES))


def recovery_digest(code: str) -> bytes | None:
    """What is kept of a recovery code; None for what cannot be one."""
    typed = _plain(code)
    if len(typed) != _RECOVERY_LETTERS or not set(typed) <= set(ALPHABET):
        return None
    return hashlib.sha256(typed.encode("ascii")).digest()


def random_groups(letters: int, group: int) -> str:
    """Chance in groups that a person can type, parted by hyphens."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(letters))
    return "-".join(drawn[at : at + group] for at in range(0, letters, group))


def _plain(code: str) -> str:
    return code[:_LONGEST].replace(" ", "").replace("-", "").lower()
