# SPDX-License-Identifier: Apache-2.0
"""What stands around the lines of a log file: its first lines, its last, and who wrote it.

Readers exist that refuse a mail log without the header, so every new file has one. What else a
reader may want to know, such as the variants that are switched on, stands in the event log only.
"""

from gatehouse.journal.facts import LogFileStarted
from gatehouse.journal.mail_log import GRAMMAR, Level, Line, Switches

# A letter or digit for each five bits, without I, L, O and U (Crockford's base 32): people read
# serial numbers to each other over the telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

SERIAL_DICE = 13  # octets of chance that a serial number is made of

END_OF_FILE: Line = (Level.INFO, "End Logfile")


def header_lines(version: str, serial: str, utc_offset: int) -> tuple[Line, ...]:
    """The first lines of a file; `utc_offset` is that of its local time, in seconds."""
    return (
        (Level.INFO, "Begin Logfile"),
        (Level.INFO, f"Version: {version} SN: {serial}"),
        (Level.INFO, f"Time offset from UTC: {utc_offset} seconds"),
    )


def first_event(
    at: float, version: str, serial: str, *, utc_offset: int, switches: Switches
) -> LogFileStarted:
    """The first fact of every new event log."""
    return LogFileStarted(
        at=at,
        grammar=GRAMMAR,
        version=version,
        serial=serial,
        utc_offset=utc_offset,
        tls_for_domain=switches.tls_for_domain,
        hat_country=switches.hat_country,
        subject_quotes=switches.subject_quotes.value,
    )


def serial_number(dice: bytes) -> str:
    """An installation's serial number, `<12 hex>-<7 letters or digits>`, from 13 random octets."""
    if len(dice) != SERIAL_DICE:
        raise ValueError(f"a serial number needs {SERIAL_DICE} random octets, not {len(dice)}")
    return f"{dice[:6].hex().upper()}-{''.join(_ALPHABET[octet & 31] for octet in dice[6:])}"
