# SPDX-License-Identifier: Apache-2.0
"""A process that queues, settles and sweeps beside others; prints the MIDs that must be left.

Arguments: data directory, number of messages.
"""

import sys
from pathlib import Path

from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import open_store
from tests.store.building import delivered, queue_one


def main(data: str, count: int) -> None:
    store = open_store(DataDirectory(Path(data)))
    writer = store.body_writer()
    left = []
    for number in range(count):
        mid = queue_one(store, writer, content=b"%d" % number * 100)
        if number % 3:
            left.append(mid)
        else:
            store.queue.write([delivered(mid)])
        if number % 10 == 0:
            store.reclaim()
    writer.close()
    store.close()
    sys.stdout.write(" ".join(map(str, left)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
