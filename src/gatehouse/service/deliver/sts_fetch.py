# SPDX-License-Identifier: Apache-2.0
"""Fetches MTA-STS policy files: HTTPS with WebPKI, no redirects, all of it within a minute.

RFC 8461 §3.3. A domain chooses the host that we fetch from, so its addresses are judged like any
from outside: a name that leads to an address inside is refused, unless the operator allows that.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable

from gatehouse.policy.fetch_targets import WebTarget
from gatehouse.service.trust.anchors import SystemListUnusable
from gatehouse.service.trust.web_fetch import FetchFailed, FetchSettings, NotVerified, exchange
from gatehouse.store.errors import StoreError
from gatehouse.tls.mta_sts import MAX_POLICY_OCTETS, POLICY_PATH, StsFault, StsWord

HTTPS_PORT = 443
WHOLE_SECONDS = 60.0  # RFC 8461 §3.3: "a timeout of one minute is suggested"
STEP_SECONDS = 15.0
# Hosts that drip keep a thread each for a minute; nothing else waits for these.
MOST_AT_ONCE = 32


class PolicyFetcher:
    """Called with a policy host and its addresses. `context_of` is asked once, in a thread."""

    def __init__(
        self,
        context_of: Callable[[], ssl.SSLContext],
        *,
        port: int = HTTPS_PORT,
        internal: bool = False,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        self._context_of = context_of
        self._context: ssl.SSLContext | None = None
        self._port = port
        self._internal = internal
        self._seconds = whole_seconds
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def __call__(self, host: str, addresses: tuple[str, ...]) -> bytes | StsFault:
        """The content of the policy file, or what went wrong."""
        loop = asyncio.get_running_loop()
        async with self._room:
            done: asyncio.Future[bytes | StsFault] = loop.create_future()

            def settle(result: bytes | StsFault | Exception) -> None:
                if done.done():  # nobody waits any more
                    return
                if isinstance(result, Exception):
                    done.set_exception(result)
                else:
                    done.set_result(result)

            def work() -> None:
                try:
                    result: bytes | StsFault | Exception = self._fetch(host, addresses)
                except Exception as error:  # a fault of ours, for whoever waits
                    result = error
                try:
                    loop.call_soon_threadsafe(settle, result)
                except RuntimeError:
                    pass  # the process has ended its loop meanwhile

            # A daemon: a process that stops does not wait a minute for a host that drips, as it
            # would for the threads of a pool.
            threading.Thread(target=work, name=f"sts {host}", daemon=True).start()
            return await done

    def _fetch(self, host: str, addresses: tuple[str, ...]) -> bytes | StsFault:
        try:
            if self._context is None:
                self._context = self._context_of()
            settings = FetchSettings(
                max_bytes=MAX_POLICY_OCTETS,
                whole_seconds=self._seconds,
                step_seconds=min(STEP_SECONDS, self._seconds),
                redirects=0,  # §3.3: "HTTP 3xx redirects MUST NOT be followed"
                resolve=lambda _host, _port: list(addresses),
                context=self._context,
            )
            target = WebTarget(True, host, self._port, POLICY_PATH)
            answer = exchange(target, internal=self._internal, settings=settings)
        except NotVerified as error:
            return StsFault(StsWord.WEBPKI_INVALID, str(error))
        except (FetchFailed, SystemListUnusable, StoreError) as error:
            return StsFault(StsWord.FETCH_ERROR, str(error))
        if answer.content_type != "text/plain":  # §3.2: what users may upload is rarely that
            return StsFault(StsWord.INVALID, "the policy's media type is not text/plain")
        return answer.content
