# SPDX-License-Identifier: Apache-2.0
"""The clients: several connections at once, clear and STARTTLS, each message in the ledger.

OFFER is safe before the first octet goes out, ACK when the whole 250 has come. What is offered and
not acknowledged is never sent again under the same number: a second copy would be the client's
doing, and here every copy must be explained.
"""

import asyncio
import random
import ssl
import time
from collections import Counter, deque
from itertools import count

from tests.crash import messages
from tests.crash.ledger import Ledger

REPLY_SECONDS = 30.0
# So many pairs may be on their way: the storm is about crashes, not about a growing queue.
MAX_UNSETTLED = 400
# What has not arrived after this long waits for something else, or is lost: it brakes nobody.
PATIENCE_SECONDS = 5.0


class Refused(Exception):
    """The gateway said no: reply code and text."""


class Load:
    """Sends until told to stop."""

    def __init__(self, ledger: Ledger, dice: random.Random, port: int) -> None:
        self._ledger = ledger
        self._dice = dice
        self._port = port
        self._numbers = count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE  # the Demo certificate: not what is tested here
        self.phases: Counter[str] = Counter()
        self.acked: set[str] = set()  # pairs
        self._recent: deque[tuple[float, str]] = deque()
        self.settled: set[str] = set()  # the sink's, to know how much is on its way
        self.messages = 0
        self.refused: Counter[str] = Counter()

    def start(self, clients: int) -> None:
        """So many connections at a time."""
        self._tasks = [
            asyncio.get_running_loop().create_task(self._client(random.Random(self._dice.random())))
            for _ in range(clients)
        ]

    async def stop(self) -> None:
        """No more mail."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for result in results:
            if isinstance(result, Exception):
                raise result

    @property
    def unsettled(self) -> int:
        """Pairs that were acknowledged and have not arrived."""
        return len(self.acked - self.settled)

    @property
    def _too_fast(self) -> bool:
        recent, ago = self._recent, time.monotonic() - PATIENCE_SECONDS
        while recent and (recent[0][0] < ago or recent[0][1] in self.settled):
            recent.popleft()
        return len(recent) > MAX_UNSETTLED

    async def _client(self, dice: random.Random) -> None:
        while True:
            if self._too_fast:
                await asyncio.sleep(0.02)
                continue
            try:
                async with asyncio.timeout(REPLY_SECONDS * 2):
                    await self._connection(dice)
            except (OSError, EOFError, TimeoutError):
                await asyncio.sleep(0.01)
            except Refused as refusal:
                self.refused[str(refusal)[:3]] += 1
                await asyncio.sleep(0.02)

    async def _connection(self, dice: random.Random) -> None:
        client = Client(self._port, self.phases)
        try:
            await client.connect(self._context if dice.random() < 0.5 else None)
            for _ in range(dice.randint(1, 8)):
                await self.send(client, messages.make(next(self._numbers), dice), dice.random())
                if self._too_fast:
                    break
            await client.command(b"QUIT", "221")
        finally:
            client.close()

    async def send(self, client: "Client", message: messages.Message, mood: float = 1.0) -> str:
        """One message; `mood`: a few clients leave in the middle, or before the reply."""
        digest, size = message.digest, len(message.content)
        await self._ledger.say("OFFER", *((pair, digest, size) for pair in message.recipients))
        await client.envelope(message)
        wire = message.content.replace(b"\r\n.", b"\r\n..")
        if mood < 0.02:
            await self._ledger.say("CUT", *((pair,) for pair in message.recipients))
            await client.content(wire[: len(wire) // 2], end=b"")
            raise EOFError
        await client.content(wire, end=b".\r\n")
        if mood < 0.04:
            raise EOFError
        reply = await client.reply("250")
        await self._ledger.say("ACK", *((pair, reply.split()[-2]) for pair in message.recipients))
        client.enter("receive: idle")
        self.acked.update(message.recipients)
        now = time.monotonic()
        self._recent.extend((now, pair) for pair in message.recipients)
        self.messages += 1
        return reply


class Client:
    """One SMTP connection that says what it is doing."""

    def __init__(self, port: int, phases: Counter[str]) -> None:
        self._port = port
        self._phases = phases
        self.phase = ""
        self._writer: asyncio.StreamWriter | None = None

    def enter(self, phase: str) -> None:
        """Count the connection in its phase, for the record of a kill."""
        if self.phase:
            self._phases[self.phase] -= 1
        if phase:
            self._phases[phase] += 1
        self.phase = phase

    async def connect(self, context: ssl.SSLContext | None) -> None:
        """Banner, EHLO, and TLS if wanted."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.enter("receive: greeting")
        await self.reply("220")
        await self.command(b"EHLO client.crash.example", "250")
        if context is not None:
            await self.command(b"STARTTLS", "220")
            await self._writer.start_tls(context, ssl_handshake_timeout=REPLY_SECONDS)
            await self.command(b"EHLO client.crash.example", "250")

    async def envelope(self, message: messages.Message) -> None:
        """MAIL, all RCPT and DATA; pipelined (RFC 2920)."""
        self.enter("receive: envelope")
        lines = [f"MAIL FROM:<{message.sender}>"]
        lines += [f"RCPT TO:<{recipient}>" for recipient in message.recipients]
        self._write("\r\n".join([*lines, "DATA", ""]).encode("ascii"))
        refusal: Refused | None = None
        for expected in ["250"] * len(lines) + ["354"]:
            try:
                await self.reply(expected)
            except Refused as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    async def content(self, wire: bytes, end: bytes) -> None:
        """The content in pieces, so that a kill finds it half sent."""
        self.enter("receive: content")
        assert self._writer is not None
        for start in range(0, len(wire), 16_384):
            self._write(wire[start : start + 16_384])
            await self._writer.drain()
        if end:
            self._write(end)
            self.enter("receive: commit")

    async def command(self, line: bytes, expected: str) -> str:
        """A command and its reply."""
        self._write(line + b"\r\n")
        return await self.reply(expected)

    async def reply(self, expected: str) -> str:
        """The next reply, whole; Refused when it is another one."""
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode("ascii").rstrip()
            if line[3:4] != "-":
                break
        if not line.startswith(expected):
            raise Refused(line)
        return line

    def _write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def close(self) -> None:
        """Gone, at once."""
        self.enter("")
        if self._writer is not None:
            self._writer.transport.abort()
