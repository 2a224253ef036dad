# SPDX-License-Identifier: Apache-2.0
"""The candidate: what one operator has prepared, that does not run yet.

It lies in the store and remembers the revision that it was made from, so that what others commit
meanwhile is merged and never overwritten. Earlier versions had one for all in a file; whoever asks
for a candidate first takes that over.
"""

from collections.abc import Mapping

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import pending
from gatehouse.store import revision_values as values
from gatehouse.store.errors import from_os_error

_SHARED = "candidate.toml"


class Candidate:
    """The candidate of the operator who asks; raises StoreError."""

    def __init__(self, house: House) -> None:
        self._house = house

    def kept(self) -> values.Candidate | None:
        """The candidate with the revision that it was made from."""
        if self._house.opened is None:
            return None
        found = self._house.store.candidates.get(self._house.operator)
        return found or self._taken_over()

    def read(self) -> bytes | None:
        """The text, None when there is no candidate."""
        kept = self.kept()
        return None if kept is None else kept.text.encode()

    def write(
        self,
        text: bytes,
        base: int | None = None,
        secrets: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """Replace it; it stays made from the revision that it was, unless another is named.

        `secrets`: what waits with it, as `pending.staging` says, in the same transaction.
        """
        if base is None:
            kept = self.kept()
            base = self._last() if kept is None else kept.base
        self._house.store.keep_candidate(self._new(text.decode("utf-8"), base), secrets)

    def clear(self) -> bool:
        """Forget it; False when there was none."""
        self.kept()
        return self._house.store.candidates.remove(self._house.operator)

    def _new(self, text: str, base: int) -> values.Candidate:
        now = self._house.clock.wall()
        return values.Candidate(operator=self._house.operator, base=base, text=text, changed_at=now)

    def _last(self) -> int:
        current = self._house.store.revisions.current()
        if current is None:
            raise OperatorError(
                "no-revision",
                "There is no configuration yet.",
                hint="`gatehouse run` makes the first.",
            )
        return current.number

    def _taken_over(self) -> values.Candidate | None:
        """What lies in the old file, with the certificates and trust entries that waited for it."""
        path = self._house.directory.path / _SHARED
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, "read the candidate") from error
        store, operator = self._house.store, self._house.operator
        found = self._new(text, self._last())
        store.keep_candidate(found, pending.taken_over(store, operator))
        try:
            path.unlink()
        except OSError as error:
            raise from_os_error(error, "remove the old candidate") from error
        return found
