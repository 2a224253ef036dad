# SPDX-License-Identifier: Apache-2.0
"""The wiring of the supervisor: with `roles.py` the only place that knows everybody.

Nothing is decided here; values and callables are put together and handed over.
"""

import asyncio
import os
import resource
import secrets
import signal
import socket
import sys
from importlib import metadata
from pathlib import Path

import uvloop

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.running import Running
from gatehouse.faces.actions import perform
from gatehouse.faces.actions.house import House
from gatehouse.journal import facts
from gatehouse.journal.log_frame import SERIAL_DICE, serial_number
from gatehouse.policy.alarms import Alarm, AlarmClass, AlarmSeverity, Pacing
from gatehouse.service.base import channel as line
from gatehouse.service.base import machine as identity
from gatehouse.service.base import ssh_keys
from gatehouse.service.base.children import Launch, program
from gatehouse.service.base.clock import SYSTEM_CLOCK
from gatehouse.service.base.control import ControlServer, Request
from gatehouse.service.base.fact_alarms import FactAlarms
from gatehouse.service.base.first_start import NAME as FIRST_ADMINISTRATOR
from gatehouse.service.base.first_start import ensure_administrator
from gatehouse.service.base.loaded import settle
from gatehouse.service.base.log_files import LogWriter, default_settings
from gatehouse.service.base.recorder import Recorder
from gatehouse.service.base.supervisor import TaskSupervisor, describe
from gatehouse.service.commit.conductor import ApplyFailed, Conductor, ConductorTools
from gatehouse.service.commit.trials import LOOK_SECONDS, Renewals, Trials, TrialTools
from gatehouse.service.commit.visits import Visits
from gatehouse.service.trust import keyring
from gatehouse.service.watch.alarms import MAIL_SECONDS, AlarmDesk
from gatehouse.service.watch.alert_mail import AlertPost, AlertTools
from gatehouse.service.watch.rounds import Rounds, RoundsTools
from gatehouse.service.watch.schedule import Job, Schedule
from gatehouse.service.watch.tls_reports import ReportRounds, standard_tools
from gatehouse.store.directory import DataDirectory, DirectoryLock
from gatehouse.store.errors import StoreError
from gatehouse.store.sqlite.store import SqliteStore

ROLE_COMMAND = "_role"  # how a process of ours is started; not for people
_SERIAL = "system/serial"


def version() -> str:
    """The version of the installed distribution."""
    return metadata.version("mailgatehouse")


def open_house(data: Path) -> tuple[DataDirectory, SqliteStore]:
    """The data directory and its store, made complete where they are new."""
    directory = DataDirectory(data)
    directory.prepare()
    store = SqliteStore(directory)
    now = SYSTEM_CLOCK.wall()
    keyring.ensure_demo(store, now)
    ssh_keys.ensure_host_key(store, now)
    if store.revisions.current() is None:
        store.revisions.append(
            text=DEFAULT_TEXT, operator="system", comment="factory settings", committed_at=now
        )
    if store.secrets.get(_SERIAL) is None:
        store.secrets.put(
            _SERIAL, serial_number(secrets.token_bytes(SERIAL_DICE)).encode("ascii"), now
        )
    return directory, store


def serial(store: SqliteStore) -> str:
    """The serial number of this installation."""
    kept = store.secrets.get(_SERIAL)
    assert kept is not None
    return kept.decode("ascii")


# --- the supervisor ---------------------------------------------------------------------------


def run_gateway(data: Path, machine: str | None = None) -> int:
    """Run a gateway on a data directory until SIGTERM or SIGINT; the exit status.

    `machine`: which one of a cluster this is; else what the data directory says.
    """
    try:
        directory, store = open_house(data)
        lock = directory.lock()
    except StoreError as error:
        print(f"gatehouse: {error}", file=sys.stderr)
        return 1
    _raise_open_files()
    try:
        return uvloop.run(_Gateway(directory, store, machine).run(lock))
    finally:
        store.close()
        lock.close()


def _first_administrator(store: SqliteStore) -> None:
    """Show the password of a new administrator, this once; never to what keeps what it is told.

    Done when the gateway serves: a start that fails makes nobody whose password was not seen.
    """
    try:
        password = ensure_administrator(store, SYSTEM_CLOCK.wall())
    except StoreError as error:
        # Mail moves without one, and the next start tries again.
        print(f"gatehouse: no administrator could be made: {error}", file=sys.stderr, flush=True)
        return
    if password is None:
        return
    if _goes_to_the_journal(sys.stdout.fileno()):
        print(
            f"Administrator {FIRST_ADMINISTRATOR} was made: give it a password with "
            f"`gatehouse user password {FIRST_ADMINISTRATOR}`",
            flush=True,
        )
    else:
        print(
            f"Administrator {FIRST_ADMINISTRATOR}, password {password} (it is not shown again)",
            flush=True,
        )


def _goes_to_the_journal(number: int) -> bool:
    """systemd keeps what is written there (systemd.exec(5), JOURNAL_STREAM)."""
    status = os.fstat(number)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _raise_open_files() -> None:
    """The usual 1,024 descriptors are fewer than a listener's connections: take what we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Gateway:
    """The supervisor process."""

    def __init__(
        self, directory: DataDirectory, store: SqliteStore, machine: str | None = None
    ) -> None:
        self._directory = directory
        self._named = machine
        self._store = store
        settings = default_settings(directory.path, version(), serial(store))
        self._log = LogWriter(settings, on_trouble=self._log_trouble)
        self._recorder = Recorder(self._log.append)
        self._tasks = TaskSupervisor(self._report)
        self._committing = asyncio.Lock()  # one new revision at a time, a person's or a renewal's
        self._conductor: Conductor | None = None
        self._post = AlertPost(
            AlertTools(
                store=store,
                clock=SYSTEM_CLOCK,
                running=self._running,
                record=self._recorder.record,
                wake=self._queue_changed,
                serial=serial(store),
            )
        )
        record, post = self._recorder.record, self._post.post
        self._alarms = AlarmDesk(store, record, SYSTEM_CLOCK, self._hostname, self._pacing, post)
        self._recorder.subscribe(FactAlarms(SYSTEM_CLOCK, self._alarmed).note)

    def _running(self) -> Running | None:
        return None if self._conductor is None else self._conductor.running

    def _hostname(self) -> str:
        running = self._running()
        return "" if running is None else running.hostname

    def _pacing(self) -> Pacing:
        running = self._running()
        return Pacing() if running is None else running.alerts.pacing

    def _queue_changed(self) -> None:
        if self._conductor is not None:
            self._conductor.queue_changed()

    def _alarmed(self, told: line.Alarmed) -> None:
        """A process has found something that people must know."""
        severity = AlarmSeverity(told.severity)
        alarm = Alarm(
            name=told.name,
            severity=severity,
            text=told.text,
            key=told.key,
            alarm_class=AlarmClass(told.alarm_class),
            stuck=told.stuck,
            mailed=told.mailed,
        )
        self._tasks.start(self._alarms.tell(alarm), "alarm")

    def _log_trouble(self, trouble: OSError | None) -> None:
        """The log disk refuses, or takes again: said at the terminal, and in the log afterwards."""
        at = SYSTEM_CLOCK.wall()
        if trouble is None:
            self._recorder.record(facts.ResourcesRecovered(at=at, resource="log"))
        else:
            print(f"gatehouse: the log cannot be written: {trouble}", file=sys.stderr, flush=True)
            self._recorder.record(facts.ResourcesLow(at=at, resource="log", detail=str(trouble)))

    def _report(self, where: str, error: BaseException) -> None:
        self._recorder.record(
            facts.InternalFault(at=SYSTEM_CLOCK.wall(), where=where, what=describe(error))
        )

    def _command(self, launch: Launch) -> list[str]:
        numbers = (launch.line, launch.counts, launch.tally)
        return program(ROLE_COMMAND, launch.role, str(self._directory.path), *map(str, numbers))

    def _control(self, conductor: Conductor) -> ControlServer:
        """The socket that people's commands come through."""
        house = House(
            directory=self._directory,
            opened=self._store,
            version=version(),
            operator="system",
            gateway=conductor,
            started_at=SYSTEM_CLOCK.wall(),
            serial=serial(self._store),
            named=self._named,
            record=self._recorder.record,
            committing=self._committing,
        )

        async def handle(request: Request) -> bytes:
            return await perform.answer(house, request, self._report)

        return ControlServer(self._directory.control_socket, handle, self._tasks)

    def _schedule(self, conductor: Conductor) -> Schedule:
        """What is done by the clock."""
        tools = RoundsTools(
            store=self._store,
            clock=SYSTEM_CLOCK,
            alarms=self._alarms,
            running=lambda: conductor.running,
            installer=Renewals(self._store, SYSTEM_CLOCK, conductor.apply),
            committing=self._committing,
        )
        reports = ReportRounds(
            standard_tools(
                self._store, SYSTEM_CLOCK, self._recorder.record, conductor.queue_changed
            ),
            lambda: conductor.running,
        )
        return Schedule((*Rounds(tools).jobs(), reports.job()), SYSTEM_CLOCK, self._report)

    async def run(self, lock: DirectoryLock) -> int:
        """Start, wait for a signal, stop."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        visits = Visits(self._directory.visits, SYSTEM_CLOCK.wall, self._recorder.record)
        conductor = Conductor(
            ConductorTools(
                store=self._store,
                clock=SYSTEM_CLOCK,
                recorder=self._recorder,
                log=self._log,
                tasks=self._tasks,
                command=self._command,
                alarmed=self._alarmed,
                visits=visits,
                lock=lock,
                machine=lambda: self._named or identity.kept(self._directory.path),
            )
        )
        self._conductor = conductor
        control = self._control(conductor)
        trials = Trials(
            TrialTools(
                store=self._store,
                clock=SYSTEM_CLOCK,
                committing=self._committing,
                start=conductor.start,
                apply=conductor.apply,
                tell=self._alarms.tell,
            )
        )
        self._recorder.record(
            facts.GatewayStarted(
                at=SYSTEM_CLOCK.wall(), version=version(), serial=serial(self._store)
            )
        )
        visits.recover()
        try:
            await trials.start()
            await control.listen(lock)
        except (ApplyFailed, OSError) as error:
            print(f"gatehouse: {error}", file=sys.stderr)
            await conductor.stop()
            return 1
        self._announce(conductor)
        await asyncio.to_thread(_first_administrator, self._store)
        print(f"Mail log: {self._log.mail.path}", flush=True)
        self._tasks.start(self._schedule(conductor).run(), "schedule")
        confirmation = Schedule((trials.job(),), SYSTEM_CLOCK, self._report, LOOK_SECONDS)
        self._tasks.start(confirmation.run(), "confirmation")
        # Nor may an order at a slow authority hold up what somebody has to hear of.
        letters = Job("alert mail", MAIL_SECONDS, self._alarms.send_waiting)
        self._tasks.start(Schedule((letters,), SYSTEM_CLOCK, self._report).run(), "alert mail")
        _notify("READY=1")
        settle()
        await stop.wait()
        _notify("STOPPING=1")
        await control.close()
        await conductor.stop()
        await self._alarms.close()
        await self._tasks.stop(1.0)
        self._recorder.flush()
        self._log.close()
        return 0

    def _announce(self, conductor: Conductor) -> None:
        """Tell a person at a terminal where the gateway listens."""
        running = conductor.running
        assert running is not None
        for one in running.listeners:
            print(
                f"{one.name}: {one.type.value} listener on {one.interface.address} port {one.port}",
                flush=True,
            )
        if running.ssh is not None:
            print(f"ssh: the shell on {running.ssh.address} port {running.ssh.port}", flush=True)


def _notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens where nobody asked."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(state.encode("ascii"), address)
        except OSError:
            pass  # an init system that does not listen is no reason to stop
