# SPDX-License-Identifier: Apache-2.0
"""A disk under SQLite that fails, or kills the process, at a chosen write or flush of the WAL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw


@dataclass
class Fault:
    """At the `at`-th call (from 1, after arming) of `operation`, do `how`.

    how: "die" before it, "die after" it, "tear" (half of the octets, then die), "fail", "full".
    `lasting`: every later call of any kind fails in the same way.
    """

    operation: str
    at: int
    how: str
    lasting: bool = False
    seen: int = 0


class FaultyDisk:
    """Faults for all databases opened through it; none until `arm`."""

    def __init__(self) -> None:
        self.fault: Fault | None = None

    def arm(self, fault: Fault | None) -> None:
        self.fault = fault

    def before(self, operation: str, file: "_File", data: bytes = b"", offset: int = 0) -> bool:
        """Whether the process has to die after the operation."""
        fault = self.fault
        if fault is None or not (fault.operation == operation or fault.lasting):
            return False
        fault.seen += 1
        if fault.seen < fault.at or (fault.seen > fault.at and not fault.lasting):
            return False
        match fault.how:
            case "die":
                os._exit(9)
            case "tear":
                file.plain_write(data[: len(data) // 2], offset)
                os._exit(9)
            case "fail":
                raise apsw.IOError("injected")
            case "full":
                raise apsw.FullError("injected")
        return True


_Name = apsw.URIFilename | str | None


class _File(apsw.VFSFile):
    disk: FaultyDisk

    def __init__(self, name: _Name, flags: list[int], disk: FaultyDisk) -> None:
        self.disk = disk
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.counts = bool(text and text.endswith("-wal"))
        super().__init__("", name, flags)

    def plain_write(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        last = self.counts and self.disk.before("sync", self)
        super().xSync(flags)
        if last:
            os._exit(9)

    def xWrite(self, data: bytes, offset: int) -> None:
        last = self.counts and self.disk.before("write", self, bytes(data), offset)
        super().xWrite(data, offset)
        if last:
            os._exit(9)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: FaultyDisk) -> None:
        self.disk = disk
        super().__init__(name, "")

    def xOpen(self, name: _Name, flags: list[int]) -> _File:
        return _File(name, flags, self.disk)


@contextmanager
def faulty_disk(name: str = "faulty") -> Iterator[FaultyDisk]:
    """Registers the disk as the VFS `name` while the block runs."""
    disk = FaultyDisk()
    vfs = _Vfs(name, disk)
    try:
        yield disk
    finally:
        disk.arm(None)
        vfs.unregister()
