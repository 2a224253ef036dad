# SPDX-License-Identifier: Apache-2.0
"""Dates in header fields."""

from email.utils import parsedate_to_datetime

from gatehouse.mail.dates import header_date


def test_a_date_is_english_and_utc() -> None:
    assert header_date(1740981600.9) == "Mon, 03 Mar 2025 06:00:00 +0000"


def test_other_readers_understand_it() -> None:
    for at in (0, 951782400, 1740981600, 4102444799):
        assert parsedate_to_datetime(header_date(at)).timestamp() == at
