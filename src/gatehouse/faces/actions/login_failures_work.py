# SPDX-License-Identifier: Apache-2.0
"""The work: failed logins of one account, with the waits that follow from them."""

from collections.abc import Iterable

from gatehouse.faces.actions.login_failures import FailureLine
from gatehouse.faces.actions.moments import moment
from gatehouse.policy import auth_throttle
from gatehouse.store.auth_values import FailureLine as Kept
from gatehouse.store.auth_values import UsualLine


def failure_lines(
    failures: Iterable[Kept], usual: Iterable[UsualLine], now: float
) -> tuple[FailureLine, ...]:
    """The throttle's own answer for each network, and for the account as a whole."""
    noted = {one.network: one.last_at for one in usual}
    lines = []
    for one in failures:
        count = auth_throttle.Failures(one.count, one.last_at)
        history = (
            auth_throttle.History(both=count, usual_at=noted.get(one.network))
            if one.network
            else auth_throttle.History(account=count)
        )
        seconds = auth_throttle.seconds_to_wait(history, now)
        lines.append(
            FailureLine(
                network=one.network,
                failures=one.count,
                last_at=moment(one.last_at),
                waits_until=moment(now + seconds) if seconds else None,
            )
        )
    return tuple(lines)
