# SPDX-License-Identifier: Apache-2.0
"""One database file: how it is opened, and how a transaction runs and fails.

Laws: WAL with synchronous=FULL, since NORMAL loses every recent commit at power loss; and no
SQLite with the WAL-reset race, which loses committed transactions when there is more than one
connection (sqlite.org/wal.html, "the WAL-reset bug"). After an I/O error in a commit the
connection stays open: SQLite has forgotten the frames in the WAL, and the next commit overwrites
them. Opening anew would read them back as if they had been committed.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from gatehouse.store.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    from_os_error,
)
from gatehouse.store.sqlite.turn import WriterTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSettings:
    """What may be tuned; the defaults were measured (docs/adr/0004)."""

    patience: float = 10.0  # seconds to wait for our turn; a client waits minutes for its 250
    checkpoint_pages: int = 4000  # 16 MiB of WAL between checkpoints
    writer_cache_kib: int = 16384
    reader_cache_kib: int = 8192
    reserve_octets: int = 16 * 1024 * 1024  # what a WAL can grow by between checkpoints
    vfs: str | None = None  # tests put a faulty one here


class Database:
    """A writing and a reading connection. In WAL mode the reader never waits for the writer."""

    def __init__(self, path: Path, settings: SqliteSettings | None = None) -> None:
        refuse_unsafe_sqlite(apsw.sqlite_lib_version())
        self._path = path
        self._settings = settings or SqliteSettings()
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._turn = WriterTurn(path.with_name(path.name + ".turn"))
        self._reserve = path.with_name(path.name + ".reserve")
        self._writer: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """Write in one transaction, durable when the block has ended without an exception."""
        if not self._write_lock.acquire(timeout=self._settings.patience):
            raise StoreBusy("Another thread has kept the database for too long")
        try:
            self._turn.take(self._settings.patience)
            try:
                with self._transaction() as connection:
                    yield connection
            finally:
                self._turn.give_back()
        finally:
            self._write_lock.release()

    def make_room(self) -> None:
        """On a full disk: give up the reserve and start the WAL anew: marks must be written."""
        with self._write_lock:
            self._turn.take(self._settings.patience)
            try:
                self._reserve.unlink(missing_ok=True)
                self._connected().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
            except apsw.Error as error:
                raise translated(error) from error
            except OSError as error:
                raise from_os_error(error, "give up the reserve") from error
            finally:
                self._turn.give_back()

    def keep_reserve(self) -> bool:
        """Set space aside for the marks of deliveries; False when there is none to spare."""
        wanted = self._settings.reserve_octets
        try:
            if self._reserve.exists() and self._reserve.stat().st_size >= wanted:
                return True
            found = os.statvfs(self._path.parent)
            if found.f_bavail * found.f_frsize < 2 * wanted:
                return False
            fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, wanted)
            finally:
                os.close(fd)
        except OSError:
            return False  # it is a precaution; mail goes on without it
        return True

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Read what is committed."""
        with self._read_lock:
            try:
                if self._reader is None:
                    self._reader = self._open(self._settings.reader_cache_kib)
                yield self._reader
            except apsw.Error as error:
                raise translated(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """Read several times from one and the same state; also cheaper than reading one by one."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections; the last process out folds the WAL into the database."""
        with self._write_lock, self._read_lock:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None
            self._turn.close()

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        try:
            connection = self._connected()
            self._roll_back(connection)  # what an earlier fault may have left open
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
        except apsw.Error as error:
            raise translated(error) from error

    def _connected(self) -> apsw.Connection:
        if self._writer is None:
            self._writer = self._open(self._settings.writer_cache_kib)
        return self._writer

    def _roll_back(self, connection: apsw.Connection) -> None:
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                return  # tried again before the next transaction

    def _open(self, cache_kib: int) -> apsw.Connection:
        # For its owner alone from the first instant; SQLite gives -wal and -shm the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        connection = apsw.Connection(str(self._path), flags=flags, vfs=self._settings.vfs)
        # The turn keeps our processes apart; this is for an administrator's own sqlite3 shell.
        connection.set_busy_timeout(int(self._settings.patience * 1000))
        mode = connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", True)
        connection.pragma("trusted_schema", False)
        connection.pragma("cache_size", -cache_kib)
        connection.pragma("temp_store", "memory")
        connection.pragma("wal_autocheckpoint", self._settings.checkpoint_pages)
        level = connection.pragma("synchronous")
        if mode != "wal" or level != 2:  # 2 = FULL
            raise StoreUnavailable(
                f"The database runs with journal_mode={mode}, synchronous={level}; "
                "accepted mail would not survive a power failure"
            )
        return connection


def refuse_unsafe_sqlite(version: str) -> None:
    """Raise for a SQLite that has the WAL-reset race: fixed in 3.51.3, 3.50.7 and 3.44.6."""
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    fixed_in = {44: 6, 50: 7, 51: 3}.get(minor)
    safe = major > 3 or minor >= 52 or (fixed_in is not None and patch >= fixed_in)
    # 3.52.0 was withdrawn before the fix went in; 3.53.0 has it.
    if not safe or (major, minor) == (3, 52):
        raise StoreUnavailable(
            f"SQLite {version} can lose committed mail (WAL-reset race). "
            "Install apsw 3.51.3 or later, whose wheel brings a safe SQLite."
        )


def translated(error: apsw.Error) -> StoreError:
    """The store's word for what SQLite reports."""
    text = f"The database: {error}"
    match error:
        case apsw.FullError():
            return StoreFull(text)
        case apsw.BusyError() | apsw.LockedError():
            return StoreBusy(text)
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreCorrupt(text)
        case apsw.ConstraintError():
            return StoreRefused(text)
        case _:
            return StoreUnavailable(text)
