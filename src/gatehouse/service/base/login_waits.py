# SPDX-License-Identifier: Apache-2.0
"""Failed logins between the store, which keeps them, and `policy.auth_throttle`, which judges them.

One memory for everybody who logs in: users of SMTP AUTH under their names, operators under names
that no user of SMTP AUTH can have. An address that guesses at one door waits at the other too.
Blocking, since it asks the store: call it in a thread.
"""

from collections.abc import Callable

from gatehouse.policy import auth_throttle as throttle
from gatehouse.store.auth_values import FailedLogin, FailureCount
from gatehouse.store.interface import SmtpUsers


class LoginWaits:
    """How long somebody waits, and what a login means for the next one. Raises `StoreError`."""

    def __init__(self, kept: SmtpUsers, wall: Callable[[], float]) -> None:
        self._kept = kept
        self._wall = wall

    def seconds(self, account: str, network: str) -> float:
        """0: a login may be looked at now."""
        return throttle.seconds_to_wait(self._history(account, network), self._wall())

    def note(self, account: str, network: str, *, right: bool) -> None:
        """A login was looked at: it ends the failures there, or is one more of them."""
        history, now = self._history(account, network), self._wall()
        if right:
            if throttle.worth_noting(history, now):
                self._kept.note_success(account, network, now, throttle.MAX_KEPT)
            return
        self._kept.note_failure(
            FailedLogin(
                account=account,
                network=network,
                at=now,
                forget_before=now - throttle.FORGET_AFTER,
                most=throttle.MAX_KEPT,
                usual=throttle.is_usual(history, now),
            )
        )

    def _history(self, account: str, network: str) -> throttle.History:
        kept = self._kept.history(account, network)
        return throttle.History(
            address=_failures(kept.network),
            account=_failures(kept.account),
            both=_failures(kept.both),
            usual_at=kept.usual_at,
        )


def _failures(kept: FailureCount) -> throttle.Failures:
    return throttle.Failures(kept.count, kept.last_at)
