# SPDX-License-Identifier: Apache-2.0
"""The log files: whole lines, stamps that never go back, files that readers accept."""

import errno
import os
import time
from pathlib import Path

import pytest

from gatehouse.journal.mail_log import SubjectQuotes, Switches
from gatehouse.journal.stamp import format_stamp
from gatehouse.service.base.channel import LogBlock
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.log_files import LogFile, LogFileSettings, LogWriter, default_settings

SECOND = 1740981600  # Mon Mar  3 06:00:00 2025 UTC
HEADER = (
    "Mon Mar  3 06:00:00 2025 Info: Begin Logfile\n"
    "Mon Mar  3 06:00:00 2025 Info: Version: 1.0.0-001 SN: 0A1B2C3D4E5F-7G8H9J0\n"
    "Mon Mar  3 06:00:00 2025 Info: Time offset from UTC: 0 seconds\n"
)


EVENTS_HEADER = (
    '{"time":"2025-03-03T06:00:00.000Z","fact":"log_file_started","at":1740981600.0,'
    '"grammar":"mail-log/1","version":"1.0.0-001","serial":"0A1B2C3D4E5F-7G8H9J0",'
    '"utc_offset":0,"tls_for_domain":false,"hat_country":false,"subject_quotes":"single"}\n'
)


class PretendClock:
    def __init__(self) -> None:
        self.now = SECOND
        self.offset = 0

    def local_time(self, at: float) -> time.struct_time:
        shifted = time.gmtime(at + self.offset)
        return time.struct_time(tuple(shifted), {"tm_gmtoff": self.offset, "tm_zone": "X"})


@pytest.fixture
def clock() -> PretendClock:
    return PretendClock()


def writer(
    data: Path, clock: PretendClock, troubles: list[OSError | None] | None = None
) -> LogWriter:
    return LogWriter(
        default_settings(data, "1.0.0-001", "0A1B2C3D4E5F-7G8H9J0"),
        on_trouble=None if troubles is None else troubles.append,
        clock=Clock(wall=lambda: clock.now),
        local_time=clock.local_time,
    )


def block(clock: PretendClock, second: int, *texts: str) -> LogBlock:
    stamp = format_stamp(clock.local_time(second))
    return LogBlock(
        second=second,
        text="".join(f"{stamp} Info: {text}\n" for text in texts).encode(),
        events="".join(f'{{"text":"{text}"}}\n' for text in texts).encode(),
    )


def rolled(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if "@" in path.name)


def mail(data: Path) -> Path:
    return data / "logs/mail_logs/mail.current"


def events(data: Path) -> Path:
    return data / "logs/event_logs/events.current.jsonl"


def test_a_new_file_begins_with_the_header_and_the_events_lie_beside_it(
    tmp_path: Path, clock: PretendClock
) -> None:
    log = writer(tmp_path, clock)
    assert log.append(block(clock, SECOND + 1, "ICID 1 close"))
    log.close()
    header = HEADER.replace("06:00:00", "06:00:01")
    assert mail(tmp_path).read_text() == f"{header}Mon Mar  3 06:00:01 2025 Info: ICID 1 close\n"
    started, event = events(tmp_path).read_text().splitlines()
    assert '"fact":"log_file_started"' in started
    assert event == '{"text":"ICID 1 close"}'


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path, clock: PretendClock) -> None:
    for text in ("one", "two"):
        log = writer(tmp_path, clock)
        log.append(block(clock, SECOND, text))
        log.close()
        os.utime(mail(tmp_path), (SECOND, SECOND))
    stamp = "Mon Mar  3 06:00:00 2025 Info:"
    assert mail(tmp_path).read_text() == f"{HEADER}{stamp} one\n{stamp} two\n"


def test_stamps_never_go_back_not_even_over_a_restart(tmp_path: Path, clock: PretendClock) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND + 5, "a"))
    log.append(block(clock, SECOND + 4, "late 1", "late 2 till Mon Mar  3 06:00:04 2025"))
    log.append(block(clock, SECOND + 6, "b"))
    log.close()
    os.utime(mail(tmp_path), (SECOND + 6, SECOND + 6))
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND + 3, "late 3"))
    log.close()
    lines = mail(tmp_path).read_text().splitlines()
    assert [line[17:19] for line in lines] == ["05"] * 6 + ["06"] * 2
    assert lines[5] == "Mon Mar  3 06:00:05 2025 Info: late 2 till Mon Mar  3 06:00:04 2025"
    assert lines[7] == "Mon Mar  3 06:00:06 2025 Info: late 3"


def test_rollover_ends_the_file_names_it_by_local_time_and_begins_a_new_one(
    tmp_path: Path, clock: PretendClock
) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "a"))
    log.rollover()
    log.append(block(clock, SECOND, "b"))
    log.close()
    assert rolled(tmp_path / "logs/mail_logs") == ["mail.@20250303T060000.s"]
    assert rolled(tmp_path / "logs/event_logs") == ["events.@20250303T060000.s.jsonl"]
    old = (tmp_path / "logs/mail_logs/mail.@20250303T060000.s").read_text()
    assert old.startswith(HEADER)
    assert old.endswith("Info: a\nMon Mar  3 06:00:00 2025 Info: End Logfile\n")
    assert mail(tmp_path).read_text() == f"{HEADER}Mon Mar  3 06:00:00 2025 Info: b\n"
    assert events(tmp_path).read_text() == f'{EVENTS_HEADER}{{"text":"b"}}\n'


def test_the_event_log_says_first_which_variants_the_mail_log_is_written_in(
    tmp_path: Path, clock: PretendClock
) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "a"))
    log.switches = Switches(tls_for_domain=True, subject_quotes=SubjectQuotes.NONE)
    log.rollover()
    log.close()
    text = events(tmp_path).read_text()
    assert '"tls_for_domain":true,"hat_country":false,"subject_quotes":"none"' in text
    assert "tls_for_domain" not in mail(tmp_path).read_text()


def test_two_rollovers_in_one_second_have_two_names(tmp_path: Path, clock: PretendClock) -> None:
    log = writer(tmp_path, clock)
    for _ in range(3):
        log.rollover()
    log.close()
    assert rolled(tmp_path / "logs/mail_logs") == [
        "mail.@20250303T060000.s",
        "mail.@20250303T060001.s",
        "mail.@20250303T060002.s",
    ]


def test_when_local_time_jumps_a_new_file_with_the_new_offset_begins(
    tmp_path: Path, clock: PretendClock
) -> None:
    clock.offset = 7200
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "summer"))
    clock.offset = 3600
    log.append(block(clock, SECOND + 1, "winter"))
    log.close()
    assert rolled(tmp_path / "logs/mail_logs") == ["mail.@20250303T070001.s"]
    text = mail(tmp_path).read_text()
    assert "Time offset from UTC: 3600 seconds\n" in text
    assert text.endswith("Mon Mar  3 07:00:01 2025 Info: winter\n")
    assert "summer" not in text


def test_when_the_clock_is_set_back_a_new_file_begins(tmp_path: Path, clock: PretendClock) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "before"))
    clock.now -= 86400
    log.append(block(clock, SECOND - 86400, "after"))
    log.close()
    assert len(rolled(tmp_path / "logs/mail_logs")) == 1
    assert {line[:10] for line in mail(tmp_path).read_text().splitlines()} == {"Sun Mar  2"}


def test_a_line_that_a_crash_cut_off_is_ended_in_text_and_removed_in_json(
    tmp_path: Path, clock: PretendClock
) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "a"))
    log.close()
    with mail(tmp_path).open("ab") as file:
        file.write(b"Mon Mar  3 06:00:00 2025 Info: MID 1 que")
    with events(tmp_path).open("ab") as file:
        file.write(b'{"text":"MID 1 que')
    os.utime(mail(tmp_path), (SECOND, SECOND))
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "b"))
    log.close()
    assert mail(tmp_path).read_text().splitlines()[4:] == [
        "Mon Mar  3 06:00:00 2025 Info: MID 1 que",
        "Mon Mar  3 06:00:00 2025 Info: b",
    ]
    assert events(tmp_path).read_text() == f'{EVENTS_HEADER}{{"text":"a"}}\n{{"text":"b"}}\n'


def settings(directory: Path, max_bytes: int = 100, keep: int = 2) -> LogFileSettings:
    return LogFileSettings(directory=directory, name="x", max_bytes=max_bytes, keep=keep)


NOW = time.gmtime(SECOND)


def test_a_file_rolls_over_before_it_grows_too_large_and_old_ones_go(tmp_path: Path) -> None:
    other = tmp_path / "x.@notes.s"
    other.write_text("not ours")
    log = LogFile(settings(tmp_path), foot=lambda: b"end\n")
    for number in range(5):
        log.append(b"%d" % number * 59 + b"\n", time.gmtime(SECOND + number))
    log.close()
    other.unlink()
    assert rolled(tmp_path) == ["x.@20250303T060003.s", "x.@20250303T060004.s"]
    assert (tmp_path / "x.@20250303T060003.s").read_bytes() == b"2" * 59 + b"\nend\n"
    assert (tmp_path / "x.current").read_bytes() == b"4" * 59 + b"\n"


def test_a_block_larger_than_a_file_is_written_whole(tmp_path: Path) -> None:
    log = LogFile(settings(tmp_path))
    log.append(b"x" * 1000 + b"\n", NOW)
    log.close()
    assert rolled(tmp_path) == []
    assert (tmp_path / "x.current").stat().st_size == 1001


def test_a_file_that_somebody_moved_or_emptied_begins_anew_with_a_header(tmp_path: Path) -> None:
    log = LogFile(settings(tmp_path, max_bytes=1000), head=lambda: b"head\n")
    current = tmp_path / "x.current"
    log.append(b"a\n", NOW)
    current.rename(tmp_path / "taken")
    log.append(b"b\n", NOW)
    assert (tmp_path / "taken").read_bytes() == b"head\na\n"
    assert current.read_bytes() == b"head\nb\n"
    current.rename(tmp_path / "taken too")
    current.touch()
    log.append(b"b\n", NOW)
    assert current.read_bytes() == b"head\nb\n"
    current.write_bytes(b"")
    log.append(b"c\n", NOW)
    assert current.read_bytes() == b"head\nc\n"
    log.close()


def test_a_full_disk_loses_whole_blocks_is_told_once_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[OSError | None] = []
    log = LogFile(settings(tmp_path, max_bytes=1000), on_trouble=troubles.append)
    log.append(b"a\n", NOW)
    really_write = os.write

    def write_a_little_then_fail(fd: int, data: bytes) -> int:
        if len(data) > 3:
            return really_write(fd, data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write_a_little_then_fail)
    log.append(b"bbb\nb\n", NOW)
    log.append(b"cccc\n", NOW)
    monkeypatch.setattr(os, "write", really_write)
    log.append(b"d\n", NOW)
    log.append(b"e\n", NOW)
    log.close()
    assert (tmp_path / "x.current").read_bytes() == b"a\nd\ne\n"
    assert log.lost_lines == 3
    assert [None if t is None else t.errno for t in troubles] == [errno.ENOSPC, None]


def test_a_rollover_that_fails_keeps_the_old_file_and_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[OSError | None] = []
    log = LogFile(settings(tmp_path), foot=lambda: b"end\n", on_trouble=troubles.append)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse)
        log.append(b"a" * 90 + b"\n", NOW)
        log.append(b"b" * 90 + b"\n", NOW)
        log.append(b"c" * 90 + b"\n", NOW)
        assert (tmp_path / "x.current").read_bytes().count(b"\n") == 3
        assert len(troubles) == 1
        log.rollover(NOW)
        assert len(troubles) == 1
    log.append(b"d\n", NOW)
    log.close()
    assert (tmp_path / "x.current").read_bytes() == b"d\n"
    assert troubles[1:] == [None]
    assert log.lost_lines == 0


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_regular_file_is_not_written_to(tmp_path: Path, kind: str) -> None:
    current = tmp_path / "logs" / "x.current"
    current.parent.mkdir()
    victim = tmp_path / "victim"
    if kind == "link":
        current.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(current)
    else:
        current.mkdir()
    troubles: list[OSError | None] = []
    log = LogFile(settings(tmp_path / "logs"), on_trouble=troubles.append)
    log.append(b"a\n", NOW)
    assert not victim.exists()
    assert log.lost_lines == 1
    assert troubles[0] is not None


def test_logs_are_not_for_everybody(tmp_path: Path, clock: PretendClock) -> None:
    log = writer(tmp_path, clock)
    log.append(block(clock, SECOND, "a"))
    log.close()
    for path in (mail(tmp_path), events(tmp_path)):
        assert path.stat().st_mode & 0o007 == 0
        assert path.parent.stat().st_mode & 0o007 == 0


def test_trouble_in_one_log_does_not_stop_the_other(tmp_path: Path, clock: PretendClock) -> None:
    events(tmp_path).mkdir(parents=True)
    troubles: list[OSError | None] = []
    log = writer(tmp_path, clock, troubles)
    log.append(block(clock, SECOND, "a", "b"))
    log.close()
    assert mail(tmp_path).read_text().endswith("Info: b\n")
    assert log.lost_lines == 2
    assert len(troubles) == 1
