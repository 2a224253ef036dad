# SPDX-License-Identifier: Apache-2.0
"""A process that commits a configuration with a certificate and dies on the way.

Arguments: data directory; "run" or "fail" (whether the new revision can run); JSON of the fields of
the disk's `Fault`, or null. It prints each step that is done.
"""

import asyncio
import json
import os
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.running import Running
from gatehouse.faces.actions import configuration_commit_work as work
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import CommitInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.commit.conductor import ApplyFailed
from gatehouse.service.trust import keyring
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.connection import SqliteSettings
from gatehouse.store.sqlite.store import open_store
from gatehouse.tls.certificates import CertifiedKey
from tests.store.faulty_vfs import Fault, faulty_disk

OLD, NEW = DEFAULT_TEXT, DEFAULT_TEXT.replace("gatehouse.example.com", "gw7.example.com")


def pair(word: str) -> CertifiedKey:
    """A certificate whose word tells which one it is."""
    return CertifiedKey(word.encode(), (word.encode(),))


def say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


class _Gateway:
    """What an action sees of a gateway; it does nothing, or refuses."""

    running: Running | None = None
    revision = 1

    def __init__(self, fails: bool) -> None:
        self._fails = fails

    def standing_by(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def apply(
        self, revision: int, operator: str, comment: str, running: Running | None = None
    ) -> None:
        say("applied")
        if self._fails:
            raise ApplyFailed("it cannot run")

    async def ask(self, what: str) -> list[object]:
        return []

    def totals(self) -> dict[str, int | str]:
        return {}

    async def listeners_changed(self, within: float) -> None:
        pass

    def queue_changed(self) -> None:
        pass


def main(data: str, outcome: str, fault: dict[str, object] | None) -> None:
    directory = DataDirectory(Path(data))
    with faulty_disk() as disk:
        store = open_store(directory, SqliteSettings(vfs="faulty", checkpoint_pages=8))
        house = House(directory=directory, version="1", operator="ann", opened=store)
        store.revisions.append(text=OLD, operator="ann", comment="old", committed_at=1.0)
        keyring.ensure_demo(store, 1.0)
        keyring.put(store, "mx", pair("old"), 1.0)
        keyring.stage(store, "ann", "mx", pair("new"), 2.0)
        Candidate(house).write(NEW.encode())
        say("READY")
        if fault is not None:
            disk.arm(Fault(**fault))  # type: ignore[arg-type]
        house = replace(house, gateway=_Gateway(outcome == "fail"))  # type: ignore[arg-type]
        try:
            asyncio.run(work.commit(house, CommitInput(comment="new")))
        except OperatorError as error:
            say(error.fault.reference)
        say("END")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
