# SPDX-License-Identifier: Apache-2.0
"""Failed logins of one account, as SMTP users and operators have them."""

from datetime import datetime

import msgspec


class FailureLine(msgspec.Struct, frozen=True, kw_only=True):
    """Failed logins in a row, and until when the next one has to wait."""

    network: str  # "": over all addresses from which the account does not usually come
    failures: int
    last_at: datetime
    waits_until: datetime | None
