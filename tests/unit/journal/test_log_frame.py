# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from gatehouse.journal.log_frame import END_OF_FILE, first_event, header_lines, serial_number
from gatehouse.journal.mail_log import Level, SubjectQuotes, Switches


def test_the_header_is_what_readers_insist_on() -> None:
    assert header_lines("1.0.0-001", "0A1B2C3D4E5F-7G8H9J0", 3600) == (
        (Level.INFO, "Begin Logfile"),
        (Level.INFO, "Version: 1.0.0-001 SN: 0A1B2C3D4E5F-7G8H9J0"),
        (Level.INFO, "Time offset from UTC: 3600 seconds"),
    )
    assert END_OF_FILE == (Level.INFO, "End Logfile")


def test_a_serial_number_has_the_physical_form_and_follows_the_dice() -> None:
    assert serial_number(bytes.fromhex("0a1b2c3d4e5f") + bytes(7)) == "0A1B2C3D4E5F-0000000"
    assert serial_number(bytes(range(243, 256))).endswith("-STVWXYZ")
    for octet in range(256):
        form = serial_number(bytes([octet]) * 13)
        assert re.fullmatch(r"[0-9A-F]{12}-[0-9A-Z]{7}", form)


def test_too_few_dice_are_refused() -> None:
    with pytest.raises(ValueError, match="13 random octets, not 12"):
        serial_number(bytes(12))


def test_the_first_event_names_grammar_and_switches() -> None:
    started = first_event(
        1.5, "1.0", "SN", utc_offset=3600, switches=Switches(subject_quotes=SubjectQuotes.DOUBLE)
    )
    assert (started.grammar, started.utc_offset) == ("mail-log/1", 3600)
    assert (started.subject_quotes, started.hat_country) == ("double", False)
