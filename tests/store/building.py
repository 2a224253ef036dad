# SPDX-License-Identifier: Apache-2.0
"""Messages and operations for the tests of the store, and faults for its files."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Envelope, Recipient
from gatehouse.store.errors import StoreError, from_os_error
from gatehouse.store.files import Files
from gatehouse.store.interface import BodyWriter, Store
from gatehouse.store.values import AddMessage, BodyRef, Delivered, NewMessage, Settle

NOW = 1_800_000_000.0


def address(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    return Address(text, local if at else text, domain if at else "", not text.isascii())


def new_message(mid: int, body: BodyRef, *recipients: str, **more: object) -> NewMessage:
    """A message from alice to `recipients`; `more` replaces fields."""
    to = recipients or ("bob@example.com",)
    fields: dict[str, object] = {
        "mid": mid,
        "icid": 7,
        "listener": "InboundMail",
        "envelope": Envelope(
            sender=address("alice@example.net"),
            recipients=tuple(Recipient(address=address(text)) for text in to),
        ),
        "size": body.length,
        "body": body,
        "received_at": NOW,
        "expires_at": NOW + 259200,
    }
    return NewMessage(**{**fields, **more})  # type: ignore[arg-type]


def write_body(writer: BodyWriter, content: bytes, chunk: int = 65536) -> BodyRef:
    body = writer.begin()
    for start in range(0, len(content), chunk):
        body.write(content[start : start + chunk])
    return body.finish()


def queue_one(
    store: Store, writer: BodyWriter, *recipients: str, content: bytes = b"Hi\r\n", **more: object
) -> int:
    """Commit one message; its MID."""
    mid = store.ids.next("mid")
    message = new_message(mid, write_body(writer, content), *recipients, **more)
    (result,) = store.commit_batch(writer, [AddMessage(message)])
    assert type(result).__name__ == "Added", result
    return mid


def delivered(mid: int, *rids: int) -> Settle:
    return Settle(mid, tuple(Delivered(rid, "250 ok") for rid in rids or (0,)))


@dataclass
class FaultyFiles(Files):
    """Fails, or kills the process, at the chosen operation.

    `plan` maps an operation to what happens at its next calls: an errno, "die" before it is done,
    "die after", or None for success. When the list is used up, everything works.
    """

    plan: dict[str, list[int | str | None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def create(self, path: Path) -> int:
        self._before("create")
        fd = super().create(path)
        self._after("create")
        return fd

    def write(self, fd: int, buffers: list[bytes], offset: int) -> int:
        self._before("write")
        count = super().write(fd, buffers, offset)
        self._after("write")
        return count

    def flush(self, fd: int) -> None:
        self._before("flush")
        super().flush(fd)
        self._after("flush")

    def flush_directory(self, directory: Path) -> None:
        self._before("flush_directory")
        super().flush_directory(directory)
        self._after("flush_directory")

    def _before(self, what: str) -> None:
        self.calls.append(what)
        planned = self.plan.get(what) or [None]
        match planned[0]:
            case int(number):
                planned.pop(0)
                raise self.error(number, what)
            case "die":
                os._exit(9)
            case _:
                pass

    def _after(self, what: str) -> None:
        planned = self.plan.get(what)
        if planned and planned.pop(0) == "die after":
            os._exit(9)

    @staticmethod
    def error(number: int, what: str) -> StoreError:
        return from_os_error(OSError(number, os.strerror(number)), what)
