# SPDX-License-Identifier: Apache-2.0
"""The work: read the logs.

The files are read where they lie, so this works whether a gateway runs or not. They grow and are
renamed while they are read: a reader keeps the file it has open, reads it to its end, and then
goes on with the one that has taken its name.
"""

import os
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.logs import BEGINNING, LogLines, TailInput
from gatehouse.journal.escape import clean
from gatehouse.service.base.log_files import LogFileSettings, default_settings

_BLOCK = 64 * 1024
_MOST = 4 * 1024 * 1024  # octets of one answer to `after`; ours: a second of a very busy gateway
_PLACE = re.compile(r"(\d{1,20}):(\d{1,18})")  # inode and offset
_LOGS = "logs"  # made with the data directory
POLL_SECONDS = 0.2  # files tell nobody that they grow; a person does not notice this


async def tail(house: House, given: TailInput) -> LogLines:
    """The last lines, from the file before too when the current one is short."""
    log = _log(house.directory.path, given.events)
    path = _current(log)
    if not (house.directory.path / _LOGS).is_dir():
        raise no_log(path)
    if given.after is not None:
        return _behind(log, given.after)
    lines: list[bytes] = []
    position = ""
    for each in (path, *_rolled(log)):
        if len(lines) >= given.lines and position:
            break
        stream = _open(each)
        if stream is not None:  # else it was the oldest, and was removed just now
            with stream:
                lines = _last_lines(stream, given.lines - len(lines)) + lines
                position = position or _position(stream)
    return LogLines(path=str(path), lines=tuple(map(_text, lines)), position=position or BEGINNING)


def _behind(log: LogFileSettings, place: str) -> LogLines:
    """What was written since, in the file that was current then and in the ones after it."""
    path = _current(log)
    read = _PLACE.fullmatch(place)
    if read is None:
        raise OperatorError("bad-position", "This is no position of a log.", clean(place[:60]))
    inode, offset = int(read[1]), int(read[2])
    lines: list[bytes] = []
    files = [path, *_rolled(log)]  # the newest first
    wanted = next((n for n, one in enumerate(files) if _inode(one) == inode), None)
    # A file that is gone: what it still held is lost, and the oldest that is there goes on.
    first = len(files) - 1 if wanted is None else wanted
    position, size, more = place, 0, False
    for number in range(first, -1, -1):
        stream = _open(files[number])
        if stream is None:
            continue
        with stream:
            start = offset if number == wanted else 0
            stream.seek(min(start, os.fstat(stream.fileno()).st_size))
            *whole, unfinished = stream.read(_MOST - size).split(b"\n")
            stream.seek(-len(unfinished), os.SEEK_CUR)
            lines += whole
            size += sum(map(len, whole))
            position = _position(stream)
        if size >= _MOST // 2:
            more = True
            break  # the rest with the next question
    return LogLines(path=str(path), lines=tuple(map(_text, lines)), position=position, more=more)


def _position(stream: BinaryIO) -> str:
    return f"{os.fstat(stream.fileno()).st_ino}:{stream.tell()}"


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def follow(data: Path, given: TailInput, wait: Callable[[], None]) -> Generator[str, None, None]:
    """The last lines, then those written from now on, without end.

    `wait` is called when there is nothing new.
    """
    path = _current(_log(data.absolute(), given.events))
    if not (data / _LOGS).is_dir():
        raise no_log(path)
    stream = _open(path)
    while stream is None:  # the gateway has only just begun
        wait()
        stream = _open(path)
    try:
        yield from map(_text, _last_lines(stream, given.lines))
        rest = b""
        while True:
            lines, rest = _new_lines(stream, rest)
            yield from map(_text, lines)
            if lines:
                continue
            newer = None if _is_at(stream, path) else _open(path)
            if newer is None:
                wait()
                continue
            lines, _ = _new_lines(stream, rest)  # written between the last look and the rename
            stream.close()
            stream, rest = newer, b""
            yield from map(_text, lines)
    finally:
        stream.close()


def no_log(path: Path) -> OperatorError:
    """Nothing was ever logged here."""
    return OperatorError(
        "no-log",
        "There is no log here.",
        str(path),
        "Name the data directory with --data, or start the gateway with `gatehouse run`.",
    )


def _log(data: Path, events: bool) -> LogFileSettings:
    settings = default_settings(data, "", "")
    return settings.events if events else settings.mail


def _current(log: LogFileSettings) -> Path:
    return log.directory / f"{log.name}.current{log.suffix}"


def _rolled(log: LogFileSettings) -> list[Path]:
    """The files before the current one, the newest first; their names sort by time."""
    return sorted(log.directory.glob(f"{log.name}.@*.s{log.suffix}"), reverse=True)


def _last_lines(stream: BinaryIO, count: int) -> list[bytes]:
    """Up to `count` whole lines, read backwards from the end; the stream then stands there."""
    place = stream.seek(0, os.SEEK_END)
    end = place
    blocks: list[bytes] = []
    newlines = 0
    while place > 0 and newlines <= count:
        start = max(0, place - _BLOCK)
        stream.seek(start)
        blocks.append(stream.read(place - start))
        newlines += blocks[-1].count(b"\n")
        place = start
    *lines, unfinished = b"".join(reversed(blocks)).split(b"\n")
    stream.seek(end - len(unfinished))
    return lines[-count:] if count else []


def _new_lines(stream: BinaryIO, rest: bytes) -> tuple[list[bytes], bytes]:
    data = rest + stream.read()
    *lines, rest = data.split(b"\n")
    return lines, rest


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None  # between the rename and the new file


def _is_at(stream: BinaryIO, path: Path) -> bool:
    """Is this still the file of that name, and not cut shorter than we have read?"""
    mine = os.fstat(stream.fileno())
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    same = (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
    return same and there.st_size >= stream.tell()


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
