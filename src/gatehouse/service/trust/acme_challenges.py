# SPDX-License-Identifier: Apache-2.0
"""Answers to the challenges of an ACME server: http-01 by a listener of its own, dns-01 by a hook.

The listener is open only while an order runs and knows nothing but the tokens of that order
(RFC 8555 §8.3); everybody on the Internet may connect to it, so it is bounded in octets, seconds
and connections. The hook is the operator's program, called with arguments and never through a
shell: the names come from the configuration, the digest from the protocol (RFC 8555 §8.4).
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gatehouse.tls.certificates import bounded

HTTP_01 = "http-01"
DNS_01 = "dns-01"

MAX_REQUEST = 4096
REQUEST_SECONDS = 5.0
MAX_CONNECTIONS = 50
MAX_OUTPUT = 2000  # of a hook; the rest is read and dropped
_PATH = b"/.well-known/acme-challenge/"
_REQUEST = re.compile(rb"GET (?P<path>/[!-~]{1,1000}) HTTP/1\.[01]\r\n")
# Token and key authorization are base64url (RFC 8555 §8.1); nothing else goes to a program.
_PLAIN = re.compile(r"[A-Za-z0-9_.=-]{1,512}")


class ChallengeFailed(Exception):
    """A challenge cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the CA will look for: under the token (http-01), or as TXT record (dns-01)."""

    domain: str
    token: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How challenges can be answered here."""

    http_address: str
    http_port: int
    hook_timeout: float


@asynccontextmanager
async def answering(
    kind: str, answers: Sequence[Answer], means: Means, hook: str
) -> AsyncIterator[None]:
    """The answers can be found while the block runs; raises ChallengeFailed."""
    if not all(_PLAIN.fullmatch(one.token) and _PLAIN.fullmatch(one.value) for one in answers):
        raise ChallengeFailed("the server sends a token of forbidden form")
    if kind == HTTP_01:
        async with _http(answers, means):
            yield
    else:
        async with _hooks(answers, means, hook):
            yield


# --- http-01 -----------------------------------------------------------------------------------


@asynccontextmanager
async def _http(answers: Sequence[Answer], means: Means) -> AsyncIterator[None]:
    known = {_PATH + one.token.encode(): one.value.encode() for one in answers}
    visits = _Visits(known)
    try:
        server = await asyncio.start_server(
            visits.serve, means.http_address, means.http_port, limit=MAX_REQUEST
        )
    except OSError as error:
        raise ChallengeFailed(
            f"{means.http_address} port {means.http_port} cannot be listened on:"
            f" {error.strerror or error}"
        ) from None
    try:
        yield
    finally:
        server.close()


class _Visits:
    """Serves the tokens, and 404 for everything else."""

    def __init__(self, known: Mapping[bytes, bytes]) -> None:
        self._known = known
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MAX_CONNECTIONS:
            writer.close()
            return
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was, it was not the CA
        finally:
            self._open -= 1
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        found = _REQUEST.match(head)
        value = self._known.get(found["path"]) if found else None
        status, body = (b"200 OK", value) if value is not None else (b"404 Not Found", b"")
        return (
            b"HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%s" % (status, len(body), body)
        )


# --- dns-01 ------------------------------------------------------------------------------------


@asynccontextmanager
async def _hooks(answers: Sequence[Answer], means: Means, hook: str) -> AsyncIterator[None]:
    placed: list[Answer] = []
    try:
        for one in answers:
            placed.append(one)
            await run_hook(hook, "present", one, means.hook_timeout)
        yield
    finally:
        for one in placed:
            try:
                await run_hook(hook, "cleanup", one, means.hook_timeout)
            except ChallengeFailed:
                pass  # a record that stays is untidy; a certificate that was got is not thrown away


async def run_hook(hook: str, verb: str, answer: Answer, seconds: float) -> None:
    """HOOK present|cleanup DOMAIN RECORD VALUE; raises ChallengeFailed unless it exits with 0."""
    record = f"_acme-challenge.{answer.domain.removeprefix('*.')}"
    try:
        process = await asyncio.create_subprocess_exec(
            hook, verb, answer.domain, record, answer.value,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            start_new_session=True,  # so that its children end with it
        )  # fmt: skip
    except OSError as error:
        raise ChallengeFailed(f"the hook cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            said = await _output(process)
            status = await process.wait()
    except TimeoutError:
        raise ChallengeFailed(f"the hook takes more than {seconds:.0f} seconds") from None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await process.wait()
    if status != 0:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        words = bounded(last) or "no output"
        raise ChallengeFailed(f"the hook fails with status {status}: {words}")


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """The end of what it says; all is read, so that it never waits for us."""
    assert process.stdout is not None
    kept = b""
    while part := await process.stdout.read(65536):
        kept = (kept + part)[-MAX_OUTPUT:]
    return kept
