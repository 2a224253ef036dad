# SPDX-License-Identifier: Apache-2.0
"""Logging in over SSH (RFC 4252): by key, by password, with a one-time password where there is one.

Who somebody is, is decided by `service.base.people` alone; here it is only asked for, by `password`
or `keyboard-interactive` (RFC 4256), or after a key was proven. A name that nobody has meets the
same questions and the same refusals. Guesses are few on one connection, one at a time, and in
bounded time; a guess that was begun is carried through and counted, even if the client has gone.

asyncssh has no hook for a key that is right and not enough (RFC 4252 §5.1, "partial success"), so
the connection is a subclass; it uses only methods that the library names without an underscore.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncssh

from gatehouse.policy.people import Way
from gatehouse.service.base.people import KeyLogin, Login, NeedsCode, People, Person, Refused
from gatehouse.service.base.ssh_keys import ALGORITHMS, fingerprint
from gatehouse.service.ssh import limits
from gatehouse.service.ssh.session import ShellChannel, ShellSession
from gatehouse.store.errors import StoreError

T = TypeVar("T")

_Challenge = tuple[str, str, str, tuple[tuple[str, bool], ...]]
_PASSWORD: _Challenge = ("", "", "", (("Password: ", False),))
_CODE: _Challenge = ("", "", "", (("One-time password: ", False),))
_Verdict = Person | Refused | NeedsCode
_REFUSED: _Verdict = Refused()
_HEAD = 4  # RFC 4251 §5: a string begins with its length


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTools:
    """What a connection has at hand."""

    people: People
    chance: bytes  # see People.asks_for_code
    password_login: bool
    banner: str
    begin: "Callable[[Client], bool]"  # a connection has come; False: there are too many
    entered: "Callable[[Client], None]"  # somebody has logged in
    gone: "Callable[[Client, Exception | None], None]"
    session: "Callable[[Client], ShellSession]"  # raises asyncssh.ChannelOpenError
    report: Callable[[str, BaseException], None]
    keep: Callable[[Awaitable[object], str], "asyncio.Future[object]"]  # runs it to its end


class Client(asyncssh.SSHServer):
    """Whoever is at the other end of a connection, from the first octet on."""

    def __init__(self, tools: LoginTools) -> None:
        self._tools = tools
        self.connection: Connection | None = None
        self.address = ""
        self.person: Person | None = None
        self._tries = 0
        self._trying = False
        self._banner_shown = False
        self._password: str | None = None
        self._proven: tuple[str, str] | None = None  # name and key, where a code is needed besides
        self.wrong_key_for: str | None = None  # the last name for which a key was not taken
        self.judged = False  # a login was looked at, and stands in the journal

    # --- the connection ---------------------------------------------------------------------

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Somebody has connected."""
        assert isinstance(conn, Connection)
        self.connection, conn.client = conn, self
        peer = conn.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._tools.begin(self):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """He has gone."""
        self._tools.gone(self, exc)

    def session_requested(self) -> ShellSession:
        """Somebody who has logged in wants a session."""
        return self._tools.session(self)

    def auth_completed(self) -> None:
        """The library has told the client that he is in."""
        if self.person is None:  # not to be reached: nothing else lets anybody in
            assert self.connection is not None
            self.connection.abort()
            return
        self._tools.entered(self)

    # --- what may be tried ------------------------------------------------------------------

    def begin_auth(self, username: str) -> bool:
        """A name was said; everybody has to prove himself."""
        self._password = self._proven = None
        if self._tools.banner and not self._banner_shown and self.connection is not None:
            self._banner_shown = True
            self.connection.send_auth_banner(self._tools.banner.rstrip("\n") + "\n")
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys, unless one was proven and a code is missing."""
        return self._proven is None

    def password_auth_supported(self) -> bool:
        """Passwords in one piece."""
        return self._proven is None and self._tools.password_login

    def kbdint_auth_supported(self) -> bool:
        """Passwords and codes as questions."""
        return self._proven is not None or self._tools.password_login

    async def validate_password(self, username: str, password: str) -> bool:
        """A password, and no code."""
        return await self._enter(username, password, "")

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> _Challenge:
        """The first question."""
        self._password = None
        return _PASSWORD if self._proven is None else _CODE

    async def validate_kbdint_response(
        self, username: str, responses: Sequence[str]
    ) -> bool | _Challenge:
        """An answer: it lets him in, does not, or leads to the next question."""
        if len(responses) != 1:
            return False
        (answer,) = responses
        if self._proven is not None:
            return await self._enter_by_key(*self._proven, answer)
        if self._password is not None:
            password, self._password = self._password, None
            return await self._enter(username, password, answer)
        people, chance = self._tools.people, self._tools.chance
        if await self._ask(lambda: people.asks_for_code(username, chance), True):
            self._password = answer
            return _CODE
        return await self._enter(username, answer, "")

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether a key is worth proving."""
        shown = fingerprint(key.public_data)
        return await self._ask(lambda: self._tools.people.has_key(username, shown), False)

    async def proved(self, username: str, key_data: bytes) -> bool:
        """He holds the private half of a key of this account."""
        return await self._enter_by_key(username, fingerprint(key_data), None)

    # --- ours -------------------------------------------------------------------------------

    def failed(self) -> bool:
        """One try more was for nothing; False: it was the last."""
        self._tries += 1
        # One more: clients begin with "none", to hear what there is (RFC 4252 §5.2).
        return self._tries <= limits.MAX_TRIES

    async def _enter(self, name: str, password: str, code: str) -> bool:
        if not self._tools.password_login:
            return False
        login = Login(name=name, password=password, code=code, way=Way.SSH, address=self.address)
        return self._is_in(await self._judged(lambda: self._tools.people.authenticate(login)))

    async def _enter_by_key(self, name: str, shown: str, code: str | None) -> bool:
        login = KeyLogin(name=name, fingerprint=shown, code=code, way=Way.SSH, address=self.address)
        verdict = await self._judged(lambda: self._tools.people.enter_by_key(login))
        if isinstance(verdict, NeedsCode):
            self._proven = name, shown
            return False
        return self._is_in(verdict)

    def is_of(self, person: Person | None) -> bool:
        """He has logged in with the account of this person."""
        return self.person is not None and person is not None and self.person.name == person.name

    @property
    def needs_code(self) -> bool:
        """A key was proven, and a one-time password is missing."""
        return self._proven is not None and self.person is None

    async def _judged(self, question: Callable[[], Awaitable[_Verdict]]) -> _Verdict:
        self.person = None  # whoever tries again begins anew
        self.judged = True
        return await self._ask(question, _REFUSED)

    def _is_in(self, verdict: _Verdict) -> bool:
        if not isinstance(verdict, Person):
            return False
        self.person = verdict
        return True

    async def _ask(self, question: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """Put a question to `People`; one at a time, and never broken off."""
        if self._trying:
            # The library breaks a try off when the client begins the next one. Waiting for an
            # answer is what clients do; who does not wants to be many at once.
            assert self.connection is not None
            self.connection.abort()
            return otherwise
        answer = otherwise

        async def carried_through() -> None:
            nonlocal answer
            try:
                answer = await question()
            except StoreError as error:
                self._tools.report("ssh login", error)
            finally:
                self._trying = False

        self._trying = True
        await asyncio.shield(self._tools.keep(carried_through(), "ssh login"))
        return answer


class Connection(asyncssh.SSHServerConnection):
    """The library's connection, with what it leaves open."""

    client: Client | None = None
    strange_octets = 0

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Octets have come; a stranger needs few of them."""
        if self.client is None or self.client.person is None:
            self.strange_octets += len(data)
            if self.strange_octets > limits.STRANGER_OCTETS:
                self.abort()
                return
        super().data_received(data, datatype)

    async def reload_config(self) -> None:
        """There are no configuration files: nothing of this machine's sshd counts here."""

    async def validate_public_key(
        self, username: str, key_data: bytes, msg: bytes, signature: bytes
    ) -> bool:
        """A key is asked about (without signature), or proven.

        Certificates and SHA-1 are not looked at any further than their name.
        """
        client = self.client
        if client is None:
            return False
        if not await self._holds(username, key_data, msg, signature):
            client.wrong_key_for = username
            return False
        if not msg or await client.proved(username, key_data):
            return True
        if client.needs_code:
            self.send_userauth_failure(True)
        return False

    async def _holds(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        if _first_string(key_data) not in ALGORITHMS:
            return False
        if msg and _first_string(signature) not in limits.SIGNATURES:
            return False
        try:
            return await super().validate_public_key(username, key_data, msg, signature)
        except OverflowError:  # a number in the key is below zero; the library says so by accident
            return False

    def create_server_channel(
        self, encoding: str | None = "", errors: str = "", window: int = 0, max_pktsize: int = 0
    ) -> ShellChannel:
        """A channel for a session; the same for everybody."""
        return ShellChannel(self)

    def send_userauth_failure(self, partial_success: bool) -> None:
        """Say that it was not enough; after too many of them, nothing more."""
        if not partial_success and self.client is not None and not self.client.failed():
            self.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many authentication failures"
            )
            return
        super().send_userauth_failure(partial_success)


def _first_string(octets: bytes) -> str:
    """The name with which a key or a signature begins (RFC 4253 §6.6); "" for none."""
    length = int.from_bytes(octets[:_HEAD], "big")
    return octets[_HEAD : _HEAD + min(length, 64)].decode("ascii", "replace")
