# SPDX-License-Identifier: Apache-2.0
"""A session on an SSH connection (RFC 4254 §6): a shell, or one command line, and nothing else.

What the session shows is a program that the roof brings; it blocks, so it runs in a thread of its
own, and how many there are is bounded. Subsystems (sftp) and variables of the environment are
refused.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import asyncssh

from gatehouse.service.base.people import Person
from gatehouse.service.ssh import limits
from gatehouse.service.ssh.line import Line

_MOST_COLUMNS = 1000  # of a window; what a client claims above is not believed
_LONGEST_TYPE = 64  # of a terminal's type; ours
_LONGEST_COMMAND = 4096  # octets of a command line; ours
_FAILED = 255  # what ssh(1) itself says when something went wrong on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody who has logged in, and what he wants."""

    line: Line
    person: Person
    address: str
    terminal: str | None  # its type; None: no terminal, but a recorded session
    command: str | None  # a command line; None: the shell
    # The program says how to find out whether the login still counts; asked in another thread.
    watch: Callable[[Callable[[], bool]], None]


# Plays a session to its end, in a thread; the exit status.
Program = Callable[[Visit], int]


class ShellChannel(asyncssh.SSHServerChannel[bytes]):
    """A channel that takes over nothing of the client's environment.

    The library would keep whatever comes, without a bound. It finds its handlers by their names; if
    another version calls this one otherwise, a test says so.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        super().__init__(
            connection,
            asyncio.get_running_loop(),
            allow_pty=True,
            line_editor=False,
            line_echo=False,
            line_history=0,
            max_line_length=0,
            encoding=None,
            errors="strict",
            window=limits.WINDOW,
            max_pktsize=limits.MAX_PACKET,
        )

    def _process_env_request(self, packet: object) -> bool:
        return False


class ShellSession(asyncssh.SSHServerSession[bytes]):
    """One session. `ended` is called when its thread has ended and the channel is gone."""

    def __init__(
        self,
        person: Person,
        address: str,
        program: Program,
        tools: "SessionTools",
    ) -> None:
        self.person, self.address, self.since = person, address, tools.wall()
        self._program, self._tools = program, tools
        self._terminal: str | None = None
        self._command: str | None = None
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._running = False
        self._open = True
        self._hung_up = self._sent_away = False
        self._counts: Callable[[], bool] | None = None
        self.line: Line | None = None

    # --- what asyncssh calls ----------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan
        self.line = Line(chan, self._loop.call_soon_threadsafe, self._tools.monotonic)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone, or the connection with it."""
        self._open = False
        if self.line is not None:
            self.line.lose()
        if not self._running:
            self._tools.ended(self)

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object
    ) -> bool:
        """There is a person at a terminal."""
        known = term_type.isprintable() and len(term_type) <= _LONGEST_TYPE
        self._terminal = term_type if known else "dumb"
        self._resize(term_size[0], term_size[1])
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Its window was pulled."""
        self._resize(width, height)

    def shell_requested(self) -> bool:
        """The shell."""
        return not self._running

    def exec_requested(self, command: str) -> bool:
        """One command line."""
        if len(command) > _LONGEST_COMMAND:
            return False
        self._command = command
        return not self._running

    def subsystem_requested(self, subsystem: str) -> bool:
        """sftp and the like: there are none."""
        return False

    def session_started(self) -> None:
        """It begins."""
        assert self.line is not None
        visit = Visit(
            line=self.line,
            person=self.person,
            address=self.address,
            terminal=self._terminal,
            command=self._command,
            watch=self._watch,
        )
        self._running = True
        # A daemon: an action that hangs does not keep the process from ending.
        threading.Thread(target=self._play, args=(visit,), name="session", daemon=True).start()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Something was typed."""
        if self.line is not None:
            self.line.feed(data)

    def eof_received(self) -> bool:
        """Nothing more will be typed; what is printed is still wanted."""
        if self.line is not None:
            self.line.end()
        return True

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        if self.line is not None:
            self.line.pause_writing()

    def resume_writing(self) -> None:
        """It takes it again."""
        if self.line is not None:
            self.line.resume_writing()

    # --- ours -------------------------------------------------------------------------------

    @property
    def environment(self) -> Mapping[str, str]:
        """What the library kept of the client's environment: nothing."""
        return {} if self._channel is None else self._channel.get_environment()

    @property
    def begun(self) -> bool:
        """Something was asked for on the channel, and a thread plays it."""
        return self._running

    def hang_up(self, why: str) -> None:
        """Say why, once, and let the session come to its end when it asks for the next line."""
        if self._channel is not None and self._open and not self._hung_up:
            self._hung_up = True
            with suppress(OSError):  # it may just be closing
                self._channel.write(f"\r\n{why}\r\n".encode())
        if self.line is not None:
            self.line.hang_up()

    def counts(self) -> bool:
        """Whether the login of this session still does; raises StoreError."""
        return self._counts is None or self._counts()

    def send_away(self, why: str) -> None:
        """Hang up; who does not even take that when it is said again is cut off."""
        if self._sent_away and self.line is not None and self.line.waiting:
            self.cut()
        self._sent_away = True
        self.hang_up(why)

    def cut(self) -> None:
        """End it without the client: it does not take what we send."""
        if self._channel is not None and self._open:
            self._channel.abort()

    def _watch(self, counts: Callable[[], bool]) -> None:
        self._counts = counts

    def _play(self, visit: Visit) -> None:
        status = _FAILED
        try:
            status = self._program(visit)
        except Exception as error:
            fault = error
            self._later(lambda: self._tools.report("ssh session", fault))
        finally:
            self._later(lambda: self._played(status))

    def _played(self, status: int) -> None:
        self._running = False
        if self._open and self._channel is not None:
            with suppress(OSError):
                self._channel.exit(status)
        else:
            self._tools.ended(self)

    def _later(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            pass  # the loop is closed: the process ends

    def _resize(self, columns: int, rows: int) -> None:
        if self.line is not None:
            # 0 means that the client does not know (RFC 4254 §6.2).
            self.line.resize(min(rows, _MOST_COLUMNS) or 24, min(columns, _MOST_COLUMNS) or 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTools:
    """What a session has at hand."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    report: Callable[[str, BaseException], None]
    ended: Callable[[ShellSession], None]
