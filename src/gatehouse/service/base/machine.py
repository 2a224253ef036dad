# SPDX-License-Identifier: Apache-2.0
"""Which machine of a cluster this is.

Said at the start of the gateway, or else kept in a file of the data directory, that is written when
the machine joins. The configuration cannot say it: its text is the same for all machines.
"""

import os
from pathlib import Path

from gatehouse.config.places import is_name
from gatehouse.store.errors import StoreUnavailable, from_os_error

VARIABLE = "GATEHOUSE_MACHINE"
FILE = "machine"
_MOST = 200  # octets: a name has 63


def kept(data: Path) -> str | None:
    """The name in the data directory, None: this machine has none. Raises StoreError."""
    try:
        with (data / FILE).open("rb") as file:
            content = file.read(_MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, "read the name of this machine") from error
    name = content.decode("ascii", "replace").strip()
    if not is_name(name):
        raise StoreUnavailable(f"The file {data / FILE} does not hold the name of a machine")
    return name


def keep(data: Path, name: str) -> None:
    """From now on this machine has this name; raises StoreError."""
    path, new = data / FILE, data / f"{FILE}.new"
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, f"{name}\n".encode("ascii"))
            os.fsync(fd)
        finally:
            os.close(fd)
        new.replace(path)
        directory = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise from_os_error(error, "write the name of this machine") from error
