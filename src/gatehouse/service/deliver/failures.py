# SPDX-License-Identifier: Apache-2.0
"""Why a destination could not be reached, as values that every step of connecting shares."""

from dataclasses import dataclass

from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConnected:
    """Why no host took us. `reply` is the server's own, where one gave it."""

    classification: bounce.Classification
    detail: str
    reply: Reply | None = None
    host: str = ""
    dcid: int = 0
    tls: bool = False  # required TLS was the reason
    cause: str = ""  # of that, in a phrase that is the same for the same trouble
    final: bool = False  # no other host may be tried


class HostFailed(Exception):
    """This host will not do; the value says why."""

    def __init__(self, failure: NotConnected) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class ReconnectClear(Exception):
    """STARTTLS was never answered: once more to the same host, in clear."""


class RetryWithoutDh(Exception):
    """The server's DH group is too small: once more to the same host, without finite-field DH."""


def worse(last: NotConnected | None, new: NotConnected) -> NotConnected:
    """Which of two failures to report: one that may pass keeps the mail, so it wins."""
    if last is None:
        return new
    if last.classification.permanent and not new.classification.permanent:
        return new
    if not last.classification.permanent and new.classification.permanent:
        return last
    return last if last.tls and not new.tls else new
