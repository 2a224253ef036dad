# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from gatehouse.journal.stamp import STAMP_LENGTH, format_stamp


@pytest.mark.parametrize(
    ("at", "stamp"),
    [
        (1740981600, "Mon Mar  3 06:00:00 2025"),
        (1755000000, "Tue Aug 12 12:00:00 2025"),
        (0, "Thu Jan  1 00:00:00 1970"),
        (1767225599, "Wed Dec 31 23:59:59 2025"),
    ],
)
def test_the_day_is_padded_with_a_blank_and_names_are_english(at: int, stamp: str) -> None:
    assert format_stamp(time.gmtime(at)) == stamp
    assert len(stamp) == STAMP_LENGTH


def test_every_day_and_month_agrees_with_the_c_locale() -> None:
    for day in range(400):
        moment = time.gmtime(1740981600 + day * 86400)
        assert format_stamp(moment) == time.asctime(moment)
