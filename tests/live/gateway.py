# SPDX-License-Identifier: Apache-2.0
"""A real gateway for tests: its own processes, data directory and loopback address.

Addresses instead of ports: every gateway, DNS server and fake mail server gets an address of its
own out of 127.0.0.0/8, so nobody has to guess a free port. Nothing sleeps for a fixed time; what is
waited for is a condition with a deadline, and a deadline that passes says what was there instead.
"""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from gatehouse.app import open_house
from gatehouse.config.checks import Refused, load
from gatehouse.journal import facts, json_lines, mail_log, reader
from gatehouse.journal.stamp import format_stamp
from gatehouse.service.base.log_files import default_settings
from tests import warm
from tests.patience import PATIENCE

SOURCE = Path(__file__).parents[2] / "src"
IDS = ("mid", "icid", "dcid")  # what facts and lines are found by
F = TypeVar("F", bound=facts.HappenedAt)
T = TypeVar("T")

_hosts = itertools.count(1)


def address() -> str:
    """A loopback address that no other test of this or another run uses now."""
    net, number = os.getpid() % 60_000, next(_hosts)
    assert number < 65_000
    return f"127.{16 + net // 256}.{net % 256}.{number}" if number < 255 else _more(number)


def _more(number: int) -> str:
    """Beyond 254 addresses: the last octet wraps into a neighbouring net that pids cannot have."""
    return f"127.{1 + number // 255 % 14}.{os.getpid() % 255}.{number % 255 + 1}"


def until(happened: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Poll until `happened` gives something true; the failure names `what`."""
    ends = time.monotonic() + seconds
    while True:
        found = happened()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)


class Growing:
    """A file that others write at its end: its complete lines, each of them read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def more(self) -> list[bytes]:
        """The lines that have come since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        return data[:end].splitlines()


class Events:
    """The JSON event log as it grows."""

    def __init__(self, path: Path) -> None:
        self._file = Growing(path)
        self._facts: list[facts.HappenedAt] = []
        self._found: dict[object, list[facts.HappenedAt]] = {}  # by kind, and by id

    def all(self) -> list[facts.HappenedAt]:
        """All facts written so far, in order."""
        for line in self._file.more():
            fact = json_lines.decode(line)
            self._facts.append(fact)
            keys = [(name, getattr(fact, name)) for name in IDS if hasattr(fact, name)]
            for key in (type(fact), *keys, *((type(fact), *key) for key in keys)):
                self._found.setdefault(key, []).append(fact)
        return self._facts

    def of(self, kind: type[F], **fields: object) -> list[F]:
        """The facts of a kind whose fields have these values."""
        self.all()
        ids = [(kind, name, fields[name]) for name in IDS if name in fields]
        found: list[F] = self._found.get(ids[0] if ids else kind, [])  # type: ignore[assignment]
        return [fact for fact in found if all(getattr(fact, k) == v for k, v in fields.items())]

    def wait(self, kind: type[F], count: int = 1, seconds: float = PATIENCE, **fields: object) -> F:
        """Wait until there are `count` such facts; the last of them."""
        wanted = f"{kind.__name__} {fields}"
        found = until(
            lambda: got if len(got := self.of(kind, **fields)) >= count else None, wanted, seconds
        )
        return found[-1]

    def opened(self, port: int, since: float) -> facts.ConnectionOpened:
        """The connection that came from a port not before `since`: ports are used again."""
        return until(
            lambda: next(
                (
                    fact
                    for fact in self.of(facts.ConnectionOpened, client_port=port)
                    if fact.at >= since
                ),
                None,
            ),
            f"a connection from port {port}",
        )

    def about(self, **ids: int) -> list[facts.HappenedAt]:
        """All facts that carry these ids, in order."""
        self.all()
        found = self._found.get(next(iter(ids.items())), [])
        return [
            fact
            for fact in found
            if all(getattr(fact, name, None) == value for name, value in ids.items())
        ]


class Gateway:
    """One gateway, from its configuration text to its exit status."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.output = folder / "output"
        self.mail_log = self.data / "logs" / "mail_logs" / "mail.current"
        self._log = Growing(self.mail_log)
        self._read: list[reader.LogLine] = []
        self._read_about: dict[tuple[str, int | None], list[reader.LogLine]] = {}  # by id
        self._process: warm.Process | None = None
        directory, store = open_house(self.data)
        loaded = load(text.encode())
        assert not isinstance(loaded, Refused), [str(one) for one in loaded.findings]
        store.revisions.append(text=text, operator="t", comment="test", committed_at=time.time())
        store.close()
        self.events = Events(_events_file(directory.logs))

    # --- life -------------------------------------------------------------------------------

    def start(self) -> "Gateway":
        """Run it; returns when it says that it listens."""
        with self.output.open("ab") as out, Path(os.devnull).open("rb") as nothing:
            before = self.output.stat().st_size
            self._process = process = warm.start(
                "gatehouse",
                ["run", "--data", str(self.data)],
                environment=self._environment(),
                streams=(nothing.fileno(), out.fileno(), out.fileno()),
                session=True,
            )

        def announced() -> bool:
            said = self.output.read_bytes()[before:]
            assert process.poll() is None, said.decode()
            return b"Mail log: " in said

        try:
            until(announced, "the gateway says where it listens")
        except BaseException:
            self.kill()  # nobody will stop what never was there
            raise
        return self

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(SOURCE), "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": ""}

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    def processes(self, role: str) -> list[int]:
        """Process ids of the living children in a role."""
        started = [fact.pid for fact in self.events.of(facts.ProcessStarted, role=role)]
        return [pid for pid in started if _alive(pid)]

    def stop(self, seconds: float = PATIENCE) -> int:
        """SIGTERM; the exit status."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        finally:
            self._process = None
            _kill_group(process)

    def kill(self) -> None:
        """SIGKILL to all its processes, as a crash would."""
        assert self._process is not None
        _kill_group(self._process)
        self._process.wait(PATIENCE)
        self._process = None

    def __enter__(self) -> "Gateway":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *arguments: str, status: int = 0) -> bytes:
        """Run `gatehouse` on this data directory; its standard output."""
        done = self.run(*arguments)
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """The same, whatever its exit status."""
        words = ["--data", str(self.data), *arguments]
        return warm.run("gatehouse", *words, environment=self._environment())

    # --- the mail log -------------------------------------------------------------------------

    def lines(self, **ids: int) -> list[str]:
        """Texts of the mail log lines whose first ids are these."""
        found = self.log_lines()
        if ids:
            found = self._read_about.get(next(iter(ids.items())), [])
        return [
            line.text
            for line in found
            if all(getattr(line, name) == value for name, value in ids.items())
        ]

    def log_lines(self) -> list[reader.LogLine]:
        """The mail log so far."""
        for line in map(reader.read_line, self._log.more()):
            self._read.append(line)
            for name in IDS:
                self._read_about.setdefault((name, getattr(line, name)), []).append(line)
        return self._read

    def wait_line(self, text: str, **ids: int) -> list[str]:
        """Wait until a line with these ids says exactly `text`; all lines with these ids.

        Its fact stands in the event log then too, which is written a moment after the mail log.
        """

        def there() -> list[str] | None:
            lines = self.lines(**ids)
            return lines if text in lines else None

        def told() -> bool:
            known = self.events.about(**ids) if ids else []
            return any(_says(fact, text) for fact in (*known, *reversed(self.events.all())))

        try:
            lines = until(there, f"the line {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {self.lines(**ids)}") from None
        until(told, f"the fact of the line {text!r}")
        return lines

    def assert_sound(self) -> None:
        """Nothing of its own went wrong: no reported fault, no traceback on its terminal."""
        assert self.events.of(facts.InternalFault) == []
        said = self.output.read_text()
        assert "Traceback" not in said, said
        assert "Exception" not in said, said


def _says(fact: facts.HappenedAt, text: str) -> bool:
    known: facts.Fact = fact  # type: ignore[assignment]
    lines = mail_log.render(known, mail_log.DEFAULT_SWITCHES, _stamp)
    return any(line.rstrip() == text for _, line in lines)


def _stamp(at: float) -> str:
    return format_stamp(tuple(time.gmtime(at)))  # type: ignore[arg-type]  # TZ is UTC there


def _events_file(logs: Path) -> Path:
    settings = default_settings(logs.parent, "0", "0")
    return settings.events.directory / f"events.current{settings.events.suffix}"


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _kill_group(process: warm.Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def toml_list(values: Iterable[str]) -> str:
    """Texts as a TOML array."""
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
