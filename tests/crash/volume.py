# SPDX-License-Identifier: Apache-2.0
"""A small ext4 file system in a file, that can be filled up and that can lose its power.

`EXT4_IOC_SHUTDOWN` without a flush of the journal leaves on the device exactly what had been
flushed before: what a machine finds after its plug was pulled. It needs root and a loop device.
"""

import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

# <linux/fs.h>: _IOR('X', 125, __u32), as xfs's GOINGDOWN, which ext4 has taken over.
_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH
_UNMOUNT_SECONDS = 10.0


class Unavailable(Exception):
    """This machine does not let us make one; the text says why."""


class Volume:
    """Mounted while the object is in use as a context."""

    def __init__(self, home: Path, mebibytes: int, *, inodes: int | None = None) -> None:
        self._image = home / "volume.img"
        self.path = home / "volume"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(mebibytes << 20)
        count = [] if inodes is None else ["-N", str(inodes)]
        _do("mkfs.ext4", "-q", "-m", "0", *count, str(self._image))

    def __enter__(self) -> "Volume":
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        self.unmount()

    def mount(self) -> None:
        """Make it available; replays the journal, if need be."""
        _do("mount", "-t", "ext4", "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Take it away; the last users may need a moment to let go."""
        ends = time.monotonic() + _UNMOUNT_SECONDS
        while True:
            try:
                _do("umount", str(self.path))
                return
            except Unavailable:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.05)

    def cut_power(self) -> None:
        """From now on nothing reaches the device, and nothing that waited ever will."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        except OSError as error:
            raise Unavailable(f"this kernel does not shut a file system down: {error}") from error
        finally:
            os.close(fd)

    def power_on(self) -> None:
        """Mount what has survived."""
        self.unmount()
        self.mount()


def _do(*command: str) -> None:
    if os.geteuid() != 0:
        raise Unavailable("only root may mount a file system on a loop device")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not installed") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[:2])}: {done.stderr.strip()}")
