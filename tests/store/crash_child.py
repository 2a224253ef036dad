# SPDX-License-Identifier: Apache-2.0
"""A process that queues and settles mail and dies on the way; it prints what it promised.

Arguments: data directory; JSON of {"files": plan of FaultyFiles} or {"disk": fields of Fault}, and
"late" if messages are taken on and entered later. The faults are armed after the first batch.
"""

import json
import os
import sys
from pathlib import Path

from gatehouse.store.directory import DataDirectory
from gatehouse.store.spool_writer import SpoolWriter
from gatehouse.store.sqlite.connection import SqliteSettings
from gatehouse.store.sqlite.store import SqliteStore, open_store
from gatehouse.store.values import Added, AddMessage, Operation
from tests.store.building import FaultyFiles, delivered, new_message, write_body
from tests.store.faulty_vfs import Fault, faulty_disk

SIZES = (0, 10, 4096, 300_000)  # the last one has a file of its own


def content(mid: int) -> bytes:
    """What the body of this message must be."""
    size = SIZES[mid % len(SIZES)]
    return (b"%d\r\n" % mid * (size // 3 + 1))[:size]


def say(word: str, mid: int) -> None:
    os.write(1, f"{word} {mid}\n".encode())


def take_on(store: SqliteStore, writer: SpoolWriter, settle: list[int]) -> list[int]:
    """The way of a receiver: safe, acknowledged, entered; and a deliverer's marks."""
    mids = []
    for half in (SIZES[:2], SIZES[2:]):
        messages = []
        for _ in half:
            mid = store.ids.next("mid")
            say("OFFER", mid)
            messages.append(AddMessage(new_message(mid, write_body(writer, content(mid)))))
        for result in store.take_on(writer, messages):
            if isinstance(result, Added):
                say("ACK", result.mid)
                mids.append(result.mid)
    assert store.enter(writer) == ()
    for mid in settle:
        say("TRY", mid)
    store.commit_batch(writer, [delivered(mid) for mid in settle])
    for mid in settle:
        say("DONE", mid)
    return mids


def batch(store: SqliteStore, writer: SpoolWriter, settle: list[int]) -> list[int]:
    operations: list[Operation] = []
    for _ in SIZES:
        mid = store.ids.next("mid")
        say("OFFER", mid)
        operations.append(AddMessage(new_message(mid, write_body(writer, content(mid)))))
    for mid in settle:
        say("TRY", mid)
        operations.append(delivered(mid))
    results = store.commit_batch(writer, operations)
    mids = [result.mid for result in results if isinstance(result, Added)]
    for mid in mids:
        say("ACK", mid)
    for mid in settle:
        say("DONE", mid)
    return mids


def main(data: str, plan: dict[str, dict[str, object]]) -> None:
    files = FaultyFiles()
    with faulty_disk() as disk:
        settings = SqliteSettings(vfs="faulty", checkpoint_pages=8)
        store = open_store(DataDirectory(Path(data)), settings, files)
        writer = store.body_writer()
        way = take_on if "late" in plan else batch
        first = way(store, writer, [])
        files.plan = plan.get("files", {})  # type: ignore[assignment]
        if "disk" in plan:
            disk.arm(Fault(**plan["disk"]))  # type: ignore[arg-type]
        second = way(store, writer, first[:2])
        way(store, writer, second[2:])
        say("END", 0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
