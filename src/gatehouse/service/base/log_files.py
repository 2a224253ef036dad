# SPDX-License-Identifier: Apache-2.0
"""The log files: written by one process, rolled over by size, in the shape that readers expect.

    DIR/logs/mail_logs/mail.current          text, grammar mail-log/1
    DIR/logs/mail_logs/mail.@20250303T060000.s
    DIR/logs/event_logs/events.current.jsonl JSON lines, one fact each, all facts
    DIR/logs/event_logs/events.@20250303T060000.s.jsonl

A rolled file carries the local time of its end. Promises: whole lines only (a line that a crash
cut off is ended or taken away at the next start); in a text file stamps never go back, so a new
file begins when local time itself jumps (summer time, a clock set back); trouble such as a full
disk loses lines, never the process, is told once and passes by itself.

Nothing here waits for the disk: the log describes what is safe, it is not what makes it safe.
"""

import calendar
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gatehouse.journal.json_lines import encode
from gatehouse.journal.log_frame import END_OF_FILE, first_event, header_lines
from gatehouse.journal.mail_log import DEFAULT_SWITCHES, Line, Switches
from gatehouse.journal.stamp import STAMP_LENGTH, format_stamp
from gatehouse.service.base.channel import LogBlock
from gatehouse.service.base.clock import SYSTEM_CLOCK, Clock
from gatehouse.service.base.recorder import CLOCK_SET_BACK, LocalTimeOf

MAIL_LOGS = "logs/mail_logs"
EVENT_LOGS = "logs/event_logs"

# Logs hold addresses and subjects: for the owner and the group that reads logs.
_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750

# How far back the end of the last line is looked for; no line of ours is longer.
_LONGEST_TAIL = 1024 * 1024

# Told with the error when writing starts to fail, with None when it works again.
OnTrouble = Callable[[OSError | None], None]


def _nothing() -> bytes:
    return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFileSettings:
    """Where a log lies and how much of it is kept."""

    directory: Path
    name: str  # the part before ".current"
    suffix: str = ""
    max_bytes: int = 100 * 1024 * 1024  # of one file; a block is never cut
    keep: int = 10  # rolled files
    half_lines_tell: bool = True  # a line that was cut off is ended (text) or removed (JSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Both logs, and what the header of the mail log says about who writes it."""

    mail: LogFileSettings
    events: LogFileSettings
    version: str
    serial: str


def default_settings(data: Path, version: str, serial: str) -> LogSettings:
    """The logs of a data directory, in the places that are documented."""
    return LogSettings(
        mail=LogFileSettings(directory=data / MAIL_LOGS, name="mail"),
        events=LogFileSettings(
            directory=data / EVENT_LOGS, name="events", suffix=".jsonl", half_lines_tell=False
        ),
        version=version,
        serial=serial,
    )


class LogFile:
    """One growing file and its rolled predecessors; takes whole lines, never raises OSError."""

    def __init__(
        self,
        settings: LogFileSettings,
        *,
        head: Callable[[], bytes] = _nothing,
        foot: Callable[[], bytes] = _nothing,
        on_trouble: OnTrouble | None = None,
    ) -> None:
        self.path = settings.directory / f"{settings.name}.current{settings.suffix}"
        self.lost_lines = 0
        self._settings = settings
        self._head = head  # gives the first lines of a new file
        self._foot = foot
        self._on_trouble = on_trouble
        self._failing = False
        self._fd = -1
        self._identity = (0, 0)
        self._size = 0

    def append(self, lines: bytes, now: time.struct_time) -> None:
        """Write whole lines; `now` names a file that is rolled over by this."""
        trouble: OSError | None = None
        try:
            self._be_open()
            if self._size and self._size + len(lines) > self._settings.max_bytes:
                trouble = self._try_rollover(now)
            self._write(lines)
        except OSError as error:
            trouble = error
            self.lost_lines += lines.count(b"\n")
            self._abandon()
        self._tell(trouble)

    def limit(self, max_bytes: int, keep: int) -> None:
        """Other limits from now on."""
        self._settings = replace(self._settings, max_bytes=max_bytes, keep=keep)

    def rollover(self, now: time.struct_time) -> None:
        """Close the current file under its final name and begin a new one."""
        try:
            self._be_open()
            trouble = self._try_rollover(now)
        except OSError as error:
            trouble = error
            self._abandon()
        self._tell(trouble)

    def close(self) -> None:
        """Let go of the file; the next append opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _be_open(self) -> None:
        if self._fd >= 0:
            try:
                found = os.stat(self.path, follow_symlinks=False)
            except FileNotFoundError:
                self.close()
            else:
                if (found.st_dev, found.st_ino) == self._identity:
                    self._size = found.st_size  # smaller when somebody emptied it
                    if not self._size:
                        self._write(self._head())
                    return
                self.close()  # moved away by somebody; what comes now belongs into a new file
        self._open()

    def _open(self) -> None:
        self._settings.directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        # O_NOFOLLOW: a link planted here must not turn the log into a way to write elsewhere.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._fd = os.open(self.path, flags, _FILE_MODE)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise OSError(f"{self.path} is not a regular file")
        self._identity = (found.st_dev, found.st_ino)
        self._size = found.st_size
        if self._size:
            self._mend_last_line()
        if not self._size:
            self._write(self._head())

    def _mend_last_line(self) -> None:
        """A crash or a full disk may have cut the last line off."""
        if os.pread(self._fd, 1, self._size - 1) == b"\n":
            return
        if self._settings.half_lines_tell:
            self._write(b"\n")
            return
        start = max(0, self._size - _LONGEST_TAIL)
        tail = os.pread(self._fd, self._size - start, start)
        self._size = start + tail.rfind(b"\n") + 1
        os.ftruncate(self._fd, self._size)

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._fd, left) :]
        self._size += len(lines)

    def _abandon(self) -> None:
        """After a failure: take a half-written block back; the next append starts afresh."""
        if self._fd >= 0:
            with suppress(OSError):
                if os.fstat(self._fd).st_size > self._size:
                    os.ftruncate(self._fd, self._size)
            with suppress(OSError):
                self.close()
            self._fd = -1

    def _try_rollover(self, now: time.struct_time) -> OSError | None:
        """Rename first: if that fails, nothing has happened and the old file goes on."""
        try:
            os.rename(self.path, self._final_name(now))
        except OSError as error:
            return error
        with suppress(OSError):  # a full disk: the new file matters more than the old one's end
            self._write(self._foot())
        self.close()
        self._open()
        self._remove_oldest()
        return None

    def _final_name(self, now: time.struct_time) -> Path:
        """The name is unique: the second of two in one second takes the next one."""
        settings = self._settings
        digits = calendar.timegm(now)  # arithmetic on the digits; no time zone is meant
        while True:
            word = time.strftime("%Y%m%dT%H%M%S", now)  # digits only, so no locale in it
            path = settings.directory / f"{settings.name}.@{word}.s{settings.suffix}"
            if not path.exists():
                return path
            digits += 1
            now = time.gmtime(digits)

    def _remove_oldest(self) -> None:
        settings = self._settings
        rolled = re.compile(
            rf"{re.escape(settings.name)}\.@\d{{8}}T\d{{6}}\.s{re.escape(settings.suffix)}"
        )
        with suppress(OSError):  # keeping too much is no trouble of the log's
            names = sorted(n for n in os.listdir(settings.directory) if rolled.fullmatch(n))
            for name in names[: max(0, len(names) - settings.keep)]:
                (settings.directory / name).unlink(missing_ok=True)

    def _tell(self, trouble: OSError | None) -> None:
        failing = trouble is not None
        if failing != self._failing:
            self._failing = failing
            if self._on_trouble is not None:
                self._on_trouble(trouble)


class LogWriter:
    """Writes the blocks of all processes: text to the mail log, events beside it."""

    def __init__(
        self,
        settings: LogSettings,
        *,
        switches: Switches = DEFAULT_SWITCHES,
        on_trouble: OnTrouble | None = None,
        clock: Clock = SYSTEM_CLOCK,
        local_time: LocalTimeOf = time.localtime,
    ) -> None:
        self.switches = switches  # for the record only; lines arrive rendered
        self._settings = settings
        self._clock = clock
        self._local_time = local_time
        self.mail = LogFile(settings.mail, head=self._head, foot=self._foot, on_trouble=on_trouble)
        self.events = LogFile(settings.events, head=self._events_head, on_trouble=on_trouble)
        self._turn_to(self._last_written())

    @property
    def lost_lines(self) -> int:
        """Lines that could not be written since the start, text and JSON together."""
        return self.mail.lost_lines + self.events.lost_lines

    def append(self, block: LogBlock) -> bool:
        """Write a block. True always: what the disk does not take is counted, not sent again."""
        text = block.text
        if self._clock.wall() < self._second - CLOCK_SET_BACK:
            self._turn_to(int(self._clock.wall()))
            self.rollover()
        if block.second > self._second:
            offset = self._now.tm_gmtoff
            self._turn_to(block.second)
            if self._now.tm_gmtoff != offset:  # summer time: local time jumped, the header is stale
                self.rollover()
        elif block.second < self._second:
            text = _restamp(text, self._stamp)
        if text:
            self.mail.append(text, self._now)
        self.events.append(block.events, self._now)
        return True

    def limit(self, max_bytes: int, keep: int) -> None:
        """How large a file of either log becomes, and how many rolled ones are kept."""
        self.mail.limit(max_bytes, keep)
        self.events.limit(max_bytes, keep)

    def rollover(self) -> None:
        """Begin new files now."""
        self.mail.rollover(self._now)
        self.events.rollover(self._now)

    def close(self) -> None:
        """Let go of the files."""
        self.mail.close()
        self.events.close()

    def _turn_to(self, second: int) -> None:
        self._second = second
        self._now = self._local_time(second)
        self._stamp = format_stamp(self._now).encode()

    def _last_written(self) -> int:
        """The second at which a file that is already there ends."""
        try:
            return int(self.mail.path.stat().st_mtime)
        except OSError:
            return int(self._clock.wall())

    def _head(self) -> bytes:
        lines = header_lines(self._settings.version, self._settings.serial, self._now.tm_gmtoff)
        return b"".join(self._line(line) for line in lines)

    def _events_head(self) -> bytes:
        started = first_event(
            float(self._second),
            self._settings.version,
            self._settings.serial,
            utc_offset=self._now.tm_gmtoff,
            switches=self.switches,
        )
        return encode(started) + b"\n"

    def _foot(self) -> bytes:
        return self._line(END_OF_FILE)

    def _line(self, line: Line) -> bytes:
        level, text = line
        return b"%s %s: %s\n" % (self._stamp, level.value.encode(), text.encode())


def _restamp(text: bytes, stamp: bytes) -> bytes:
    """Lines that come late get the stamp of their neighbours: stamps never go back in a file."""
    return b"".join([stamp + line[STAMP_LENGTH:] + b"\n" for line in text.split(b"\n")[:-1]])
