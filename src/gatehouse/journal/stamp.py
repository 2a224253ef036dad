# SPDX-License-Identifier: Apache-2.0
"""The time stamp of the mail log: `Mon Mar  3 06:00:00 2025`, 24 characters, local time.

English names whatever the locale, which is why `strftime` is not used; the day is padded with a
blank. Which moment is which local time is the caller's knowledge.
"""

# What `time.localtime` gives: year, month, day, hour, minute, second, weekday (Monday is 0), day
# of the year, summer time.
LocalTime = tuple[int, int, int, int, int, int, int, int, int]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STAMP_LENGTH = 24


def format_stamp(local: LocalTime) -> str:
    """The stamp of a local time."""
    year, month, day, hour, minute, second, weekday, _, _ = local
    return (
        f"{DAYS[weekday]} {MONTHS[month - 1]} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}"
    )
