# SPDX-License-Identifier: Apache-2.0
"""Numbers of the store become moments in UTC."""

from datetime import UTC, datetime

from gatehouse.faces.actions.moments import moment


def test_seconds_become_a_moment_in_utc() -> None:
    assert moment(86_400.5) == datetime(1970, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC)


def test_the_beginning_of_the_count_is_a_moment_too() -> None:
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_what_never_happened_stays_none() -> None:
    assert moment(None) is None
