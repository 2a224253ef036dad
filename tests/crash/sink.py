# SPDX-License-Identifier: Apache-2.0
"""The servers behind the gateway: they write down what they took before they say so.

One server plays all destinations and behaves by the recipient's domain: takes at once, takes
slowly, takes and then drops the connection without a reply, refuses for now, refuses for good,
takes over TLS only.
"""

import asyncio
import random
import re
import ssl
from collections import Counter

from tests.crash import messages
from tests.crash.ledger import Ledger

_MAX_MESSAGE = 4 * 1024 * 1024
# How long after a reply a session counts as "the mark is being written" in the record of a kill.
MARK_SECONDS = 0.02
_PATH = re.compile(rb"(?i)(?:MAIL FROM|RCPT TO):<([^>]*)>")
_FINAL = re.compile(rb"(?im)^Final-Recipient: *rfc822; *(\S+?)\r?$")


class Closed(Exception):
    """This session ends here, without another word."""


class Sink:
    """Receives."""

    def __init__(self, ledger: Ledger, dice: random.Random, context: ssl.SSLContext) -> None:
        self._ledger = ledger
        self._dice = dice
        self._context = context
        self._servers: list[asyncio.Server] = []
        self._ports: tuple[int, int] = (0, 0)
        self._sessions: set[asyncio.Task[None]] = set()
        self.phases: Counter[str] = Counter()
        self.kind = False  # during the drain: no more drops and no more refusals for now
        self.settled: set[str] = set()  # pairs that were received or reported

    async def start(self) -> tuple[int, int]:
        """Listen (on the same ports as before, if it did before): clear and STARTTLS."""
        for index, tls in enumerate((False, True)):
            server = await asyncio.start_server(
                lambda r, w, tls=tls: self._serve(r, w, tls=tls),  # type: ignore[misc]
                "127.0.0.1",
                self._ports[index],
                limit=_MAX_MESSAGE,
                backlog=256,
            )
            self._servers.append(server)
        clear, secure = (server.sockets[0].getsockname()[1] for server in self._servers)
        self._ports = (clear, secure)
        return self._ports

    async def stop(self) -> None:
        """Refuse connections and end those that are open."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls: bool
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        session = _Session(self, reader, writer, tls=tls)
        try:
            await session.run()
        except (Closed, OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            session.enter("")
            self._sessions.discard(task)
            writer.transport.abort()

    # --- what the destinations do -----------------------------------------------------------

    def chance(self, share: float) -> bool:
        """Whether a fault happens now."""
        return not self.kind and self._dice.random() < share

    async def refuse(self, recipient: str) -> bytes | None:
        """The reply to a recipient that is not taken."""
        if messages.REFUSED in recipient:
            await self._ledger.say("REFUSE", (recipient,))
            return b"550 5.1.1 no such user"
        if recipient.endswith(messages.LATER) and self.chance(0.25):
            return b"451 4.7.1 come back later"
        return None

    async def take(self, sender: str, recipients: list[str], content: bytes) -> bytes:
        """Write down what came, then answer; a drop is written down too."""
        domain = recipients[0].partition("@")[2]
        if domain == messages.LATER and self.chance(0.1):
            return b"452 4.3.1 no room for a moment"
        if domain == messages.BOUNCES:
            pairs = [found.decode("ascii") for found in _FINAL.findall(content)]
            await self._ledger.say("DSN", *((pair,) for pair in pairs))
        else:
            pairs = recipients
            number, digest = messages.sent_by_us(content)
            await self._ledger.say("RECV", *((pair, number, digest) for pair in pairs))
        self.settled.update(pairs)
        if domain == messages.DROP and self.chance(0.1):
            await self._ledger.say("DROP", *((pair,) for pair in pairs))
            raise Closed
        if domain == messages.SLOW:
            await asyncio.sleep(self._dice.uniform(0.02, 0.15))
        for pair in pairs:
            self._ledger.note("ANSWER", pair)
        return b"250 2.0.0 written down"

    @property
    def context(self) -> ssl.SSLContext:
        """For STARTTLS."""
        return self._context


class _Session:
    """One connection of the gateway."""

    def __init__(
        self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls: bool
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._offer_tls = tls
        self._phase = ""
        self._sender = ""
        self._recipients: list[str] = []

    def enter(self, phase: str) -> None:
        """Count the session in the phase in which it is, for the record of a kill."""
        if self._phase:
            self._sink.phases[self._phase] -= 1
        if phase:
            self._sink.phases[phase] += 1
        self._phase = phase

    async def run(self) -> None:
        """Until QUIT or the end of the connection."""
        await self._say(b"220 sink.crash.example ESMTP")
        while True:
            line = await self._reader.readuntil(b"\r\n")
            verb = line[:4].upper()
            if verb == b"QUIT":
                await self._say(b"221 2.0.0 bye")
                return
            await self._command(verb, line)

    async def _command(self, verb: bytes, line: bytes) -> None:
        if verb in (b"EHLO", b"HELO"):
            tls = b"250-STARTTLS\r\n" if self._offer_tls else b""
            await self._say(
                b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                + tls
                + b"250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000"
            )
        elif verb == b"STAR":
            await self._say(b"220 2.0.0 go ahead")
            await self._writer.start_tls(self._sink.context)
            self._offer_tls = False
        elif verb == b"MAIL":
            self.enter("deliver: envelope")
            self._sender, self._recipients = self._path(line), []
            await self._say(b"250 2.1.0 ok")
        elif verb == b"RCPT":
            await self._rcpt(self._path(line))
        elif verb == b"DATA":
            await self._data()
        else:
            self._recipients = []
            await self._say(b"250 2.0.0 ok")

    @staticmethod
    def _path(line: bytes) -> str:
        found = _PATH.match(line)
        if found is None:
            raise Closed
        return found[1].decode("ascii")

    async def _rcpt(self, recipient: str) -> None:
        refusal = await self._sink.refuse(recipient)
        if refusal is None:
            self._recipients.append(recipient)
        await self._say(refusal or b"250 2.1.5 ok")

    async def _data(self) -> None:
        if not self._recipients:
            await self._say(b"503 5.5.1 no recipients")
            return
        await self._say(b"354 go ahead")
        self.enter("deliver: content")
        data = await self._reader.readuntil(b"\r\n.\r\n")
        content = b"\r\n" + data[:-3]
        content = content.replace(b"\r\n..", b"\r\n.")[2:]
        self.enter("deliver: answer")
        reply = await self._sink.take(self._sender, self._recipients, content)
        await self._say(reply)
        self.enter("deliver: mark")
        asyncio.get_running_loop().call_later(MARK_SECONDS, self._leave_mark)

    def _leave_mark(self) -> None:
        if self._phase == "deliver: mark":
            self.enter("")

    async def _say(self, reply: bytes) -> None:
        self._writer.write(reply + b"\r\n")
        await self._writer.drain()
