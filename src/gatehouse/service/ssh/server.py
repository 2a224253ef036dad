# SPDX-License-Identifier: Apache-2.0
"""The process that serves SSH (RFC 4251): connections, who is in, and when each of them ends.

It listens on a socket that the supervisor opened. A commit that changes its settings starts another
one on the same or on a new socket; this one is then told to retire: it takes nobody new and ends
with its last session. When the gateway stops, sessions at a prompt end at once.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial

import asyncssh

from gatehouse.config.running import Running, SshSettings
from gatehouse.journal import facts
from gatehouse.policy import auth_throttle
from gatehouse.policy.people import MAX_NAME, Role, Way
from gatehouse.service.base import channel as line
from gatehouse.service.base import open_sessions, ssh_keys
from gatehouse.service.base.people import People, Person
from gatehouse.service.base.worker import Worker
from gatehouse.service.ssh import limits
from gatehouse.service.ssh.login import Client, Connection, LoginTools
from gatehouse.service.ssh.session import Program, SessionTools, ShellSession
from gatehouse.store.errors import StoreError

_LOOK_SECONDS = 0.05
# What the library found out about a client that does not keep the protocol is no fault of ours;
# ValueError: packets and keys that do not decode.
_EXPECTED = (asyncssh.Error, OSError, ValueError)


class SshServer:
    """The role `ssh`."""

    def __init__(
        self,
        worker: Worker,
        running: Running,
        sockets: Mapping[str, socket.socket],
        program: Program,
    ) -> None:
        assert running.ssh is not None, "the supervisor starts it where it is switched on"
        self._worker = worker
        self._settings: SshSettings = running.ssh
        self._sockets = sockets
        self._people = People(worker.store, worker.clock.wall, worker.recorder.record)
        self.program = program
        self._servers: list[asyncio.Server] = []
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._fingerprint = ""
        self.strangers: dict[Client, None] = {}  # in the order in which they came
        self._inside: dict[Client, tuple[float, float]] = {}  # since when, by both clocks
        self._reasons: dict[Client, str] = {}  # why somebody's visit ended, where it is known
        self.sessions: dict[ShellSession, Client] = {}
        self._retiring = False
        self._stopped = False

    # --- the role -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Serve."""
        # What clients say would stand in its lines; what matters is told as facts.
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL + 1)
        self._show_host_key()
        loop = asyncio.get_running_loop()
        for sock in self._sockets.values():
            self._servers.append(await loop.create_server(self._connection, sock=sock))
        self._worker.tasks.start(self._sweep(), "ssh sweep", vital=True)
        self._worker.tasks.start(self._look_at_accounts(), "ssh accounts", vital=True)

    def message(self, message: line.Message) -> None:
        """Another process has taken over."""
        if isinstance(message, line.Retire):
            self._close()
            self._retiring = True

    def gauges(self) -> dict[str, int]:
        """Nothing that the Status line has."""
        return {}

    def tell(self, what: str) -> line.Value:
        """Who is here; or by which key this process is known, read anew."""
        if what == open_sessions.QUESTION:
            return open_sessions.told(self._told(one) for one in self.sessions)
        if what == "host key":
            self._show_host_key()
            return {"fingerprint": self._fingerprint}
        return {"connections": len(self._inside), "listening": len(self._servers)}

    async def stop(self, within: float) -> None:
        """No new clients; who waits at a prompt goes now, others have so many seconds."""
        self._close()
        self._stopped = True
        for session, client in list(self.sessions.items()):
            self._reasons.setdefault(client, "stopped")
            session.hang_up("The gateway stops; this session ends.")
        ends = self._worker.clock.monotonic() + max(0.0, within - 1.0)
        while self.sessions and self._worker.clock.monotonic() < ends:
            await asyncio.sleep(_LOOK_SECONDS)
        for client in (*self.strangers, *self._inside):
            self._reasons.setdefault(client, "stopped")
            if client.connection is not None:
                client.connection.abort()
        await asyncio.sleep(0)
        self._people.close()

    # --- connections --------------------------------------------------------------------------

    def _connection(self) -> Connection:
        assert self._options is not None
        return Connection(asyncio.get_running_loop(), self._options)

    def _show_host_key(self) -> None:
        private = ssh_keys.host_key(self._worker.store)
        self._fingerprint = ssh_keys.host_public_key(private).fingerprint
        tools = LoginTools(
            people=self._people,
            chance=private,
            password_login=self._settings.password_login,
            banner=self._settings.banner,
            begin=self._begin,
            entered=self._entered,
            gone=self._gone,
            session=self._session,
            report=self._worker.report,
            keep=self._keep,
        )
        self._options = _options(private, tools)

    def _keep(self, work: Awaitable[object], name: str) -> "asyncio.Future[object]":
        async def carried() -> object:
            return await work

        return self._worker.tasks.start(carried(), name)

    def _begin(self, client: Client) -> bool:
        networks = Counter(auth_throttle.network(one.address) for one in self.strangers)
        from_there = networks[auth_throttle.network(client.address)]
        if from_there >= limits.MAX_STRANGERS_EACH:
            return False
        if len(self.strangers) >= limits.MAX_STRANGERS:
            worst, most = networks.most_common(1)[0]
            if most <= from_there + 1:
                return False
            self._drop_one_of(worst)
        self.strangers[client] = None
        return True

    def _drop_one_of(self, network: str) -> None:
        """A few who hold many places do not keep out everybody else."""
        there = (one for one in self.strangers if auth_throttle.network(one.address) == network)
        oldest = next(there)
        del self.strangers[oldest]
        if oldest.connection is not None:
            oldest.connection.abort()

    def _entered(self, client: Client) -> None:
        self.strangers.pop(client, None)
        clock = self._worker.clock
        self._make_room_for(client)
        self._inside[client] = clock.monotonic(), clock.wall()
        self._tell_who_is_inside()
        self._expect_session(client)

    def _make_room_for(self, client: Client) -> None:
        """Whoever logs in over and over loses what he does not use, and nobody else does."""
        used = set(self.sessions.values())
        unused = [one for one in self._inside if one.is_of(client.person) and one not in used]
        for one in unused[: max(0, len(unused) + 1 - limits.MAX_UNUSED)]:
            assert one.connection is not None
            one.connection.close()

    def _expect_session(self, client: Client) -> None:
        """A connection without a session is of no use to anybody."""
        loop = asyncio.get_running_loop()
        loop.call_later(limits.LOGIN_SECONDS, self._close_unused, client)

    def _close_unused(self, client: Client) -> None:
        if client in self._inside and client not in self.sessions.values():
            assert client.connection is not None
            client.connection.close()

    def _gone(self, client: Client, error: Exception | None) -> None:
        self.strangers.pop(client, None)
        since = self._inside.pop(client, None)
        reason = self._reasons.pop(client, "left" if error is None else "lost")
        if error is not None and not isinstance(error, _EXPECTED):
            self._worker.report("ssh", error)
        if client.person is None or since is None:
            self._tell_of_keys(client)
            return
        self._worker.recorder.record(
            facts.OperatorLogout(
                at=self._worker.clock.wall(),
                name=client.person.name,
                way=Way.SSH.value,
                address=client.address,
                seconds=round(self._worker.clock.monotonic() - since[0], 3),
                reason=reason,
            )
        )
        self._tell_who_is_inside()

    def _tell_of_keys(self, client: Client) -> None:
        """Somebody had keys, none of them was right, and he tried nothing else; told once."""
        if client.wrong_key_for is None or client.judged:
            return
        self._worker.recorder.record(
            facts.OperatorLogin(
                at=self._worker.clock.wall(),
                name=client.wrong_key_for[:MAX_NAME],
                way=Way.SSH.value,
                address=client.address,
                outcome="failed",
                proof="key",
            )
        )

    def _tell_who_is_inside(self) -> None:
        """The supervisor hears it behind the facts about it, and keeps it in case we die."""
        self._worker.send(
            line.Inside(
                tuple(
                    open_sessions.Presence(
                        name=client.person.name,
                        way=Way.SSH.value,
                        address=client.address,
                        since=wall,
                    )
                    for client, (_, wall) in self._inside.items()
                    if client.person is not None
                )
            )
        )

    # --- sessions -----------------------------------------------------------------------------

    def _session(self, client: Client) -> ShellSession:
        if client.person is None or self._is_full_for(client.person) or self._stopped:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "There are too many sessions"
            )
        tools = SessionTools(
            wall=self._worker.clock.wall,
            monotonic=self._worker.clock.monotonic,
            report=self._worker.report,
            ended=self._ended,
        )
        session = ShellSession(client.person, client.address, self.program, tools)
        self.sessions[session] = client
        return session

    def _is_full_for(self, person: Person) -> bool:
        """Nobody keeps the administrators out by taking all the sessions that there are."""
        kept = 1 if person.role is Role.ADMINISTRATOR else 0
        return len(self.sessions) >= self._settings.max_sessions + kept

    def _ended(self, session: ShellSession) -> None:
        client = self.sessions.pop(session, None)
        if client is not None and client in self._inside:
            self._expect_session(client)

    def _told(self, session: ShellSession) -> open_sessions.OpenSession:
        return open_sessions.OpenSession(
            name=session.person.name,
            way=Way.SSH.value,
            address=session.address,
            since=session.since,
            idle=0.0 if session.line is None else round(session.line.idle(), 1),
        )

    async def _sweep(self) -> None:
        """End sessions in which nothing happens, and this process when it is not needed."""
        while True:
            await asyncio.sleep(limits.SWEEP_SECONDS)
            for session, client in list(self.sessions.items()):
                self._look_at(session, client)
            if self._retiring and not self.sessions and not self._inside:
                self._worker.leave()

    async def _look_at_accounts(self) -> None:
        """End sessions whose login does not count any more; they may do nothing as it is."""
        while True:
            await asyncio.sleep(limits.ACCOUNT_SECONDS)
            for session, client in list(self.sessions.items()):
                with suppress(StoreError):  # a store that is busy is asked again
                    if not await asyncio.to_thread(session.counts):
                        self._reasons.setdefault(client, "changed")
                        session.send_away("Your account was changed; this session ends.")

    def _look_at(self, session: ShellSession, client: Client) -> None:
        if session.line is None:
            return
        if not session.begun and session.line.idle() > limits.LOGIN_SECONDS:
            session.cut()  # a channel on which nothing was asked for
            return
        over = session.line.waited() - self._settings.idle_timeout
        if over > limits.LOGIN_SECONDS:
            session.cut()  # it was told, and does not even take that
        elif over > 0:
            self._reasons.setdefault(client, "idle")
            session.hang_up("Nothing was typed for too long; this session ends.")

    def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        # Whoever keeps a listening socket open has the kernel take clients that nobody serves.
        for sock in self._sockets.values():
            sock.close()


def _options(private: bytes, tools: LoginTools) -> asyncssh.SSHServerConnectionOptions:
    """Everything that a client can ask for and does not get is said no to here."""
    return asyncssh.SSHServerConnectionOptions(
        server_factory=partial(Client, tools),
        server_version=limits.SERVER_VERSION,
        server_host_keys=[asyncssh.import_private_key(private)],
        config=None,
        kex_algs=limits.KEY_EXCHANGES,
        encryption_algs=limits.CIPHERS,
        mac_algs=limits.MACS,
        compression_algs=None,
        signature_algs=limits.SIGNATURES,
        authorized_client_keys=None,
        public_key_auth=True,
        password_auth=True,  # `Client` says where it is not
        kbdint_auth=True,
        host_based_auth=False,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        login_timeout=limits.LOGIN_SECONDS,
        keepalive_interval=limits.KEEPALIVE_SECONDS,
        keepalive_count_max=limits.KEEPALIVES,
        x11_forwarding=False,
        agent_forwarding=False,
        allow_scp=False,
        sftp_factory=None,
        rdns_lookup=False,
        line_editor=False,
        encoding=None,
        window=limits.WINDOW,
        max_pktsize=limits.MAX_PACKET,
    )
