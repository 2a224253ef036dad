# SPDX-License-Identifier: Apache-2.0
"""Who is logged in, as the supervisor knows it: so that everybody who came in is seen to leave.

The process that serves somebody says who is inside at each change, and tells itself when he leaves.
When it dies it tells nothing any more, and the supervisor does; for the case that the whole gateway
dies the list lies in a file, and the next start tells of those who stand in it. What the file
cannot take is not told after such a death: a login does not fail for it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gatehouse.journal import facts
from gatehouse.service.base.children import Child
from gatehouse.service.base.open_sessions import Presence

DIED = "died"
_MOST = 1024 * 1024  # octets of the file; ours: each of some fifty people takes two hundred

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Presence, ...]).decode


class Visits:
    """Everybody who is inside, by the process that serves him."""

    def __init__(
        self, path: Path, wall: Callable[[], float], record: Callable[[facts.Fact], None]
    ) -> None:
        self._path, self._wall, self._record = path, wall, record
        self._inside: dict[Child, tuple[Presence, ...]] = {}

    def inside(self, child: Child, people: tuple[Presence, ...]) -> None:
        """A process says who is inside."""
        self._inside[child] = people
        self._keep()

    def ended(self, child: Child) -> None:
        """A process is gone, and with it whoever was still inside."""
        left = self._inside.pop(child, None)
        if left is not None:
            self._tell(left)
            self._keep()

    def recover(self) -> None:
        """Tell of those who were inside when the gateway before this one died."""
        try:
            with self._path.open("rb") as file:
                left = _decode(file.read(_MOST))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            left = ()  # none, or a file that a failing machine left half written
        self._tell(left)
        self._keep()

    def _tell(self, left: tuple[Presence, ...]) -> None:
        now = self._wall()
        for one in left:
            self._record(
                facts.OperatorLogout(
                    at=now,
                    name=one.name,
                    way=one.way,
                    address=one.address,
                    seconds=round(max(0.0, now - one.since), 3),
                    reason=DIED,
                )
            )

    def _keep(self) -> None:
        people = [one for those in self._inside.values() for one in those]
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            if people:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
                    file.write(_encode(people))
                draft.replace(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError:
            # An old list would tell of people who have left long ago.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
