# SPDX-License-Identifier: Apache-2.0
"""Opening what somebody brings (PKCS#12, PEM with keys) in a process of its own, with a bound.

How much work a password costs is written in the file, so the file's maker decides it. The bounds of
`tls.pkcs12` refuse what is openly hostile; whatever else takes too much work or memory, or ends its
process, ends only that process. The gateway's loop never waits for it. What is counted is time of
the processor: on a machine that is busy with mail an honest file takes long, and is opened.
"""

import asyncio
import sys
from collections.abc import Sequence

import msgspec

from gatehouse.tls.certificates import CertificateFault, CertifiedKey

CPU_SECONDS = 5  # an honest file takes 0.3 s, most of it for starting the process
WALL_SECONDS = 60.0  # for a process that gets no processor: whoever waits is told at last
MOST_OUTPUT = 4 * 1024 * 1024  # four times the largest input


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is given: one PKCS#12 file, or PEM in one or several parts."""

    pkcs12: bool
    parts: tuple[bytes, ...]
    password: str | None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What it gives back: a fault, or the key with its chain."""

    fault: str = ""
    key: bytes = b""
    chain: tuple[bytes, ...] = ()


async def open_material(
    parts: Sequence[bytes],
    password: str | None,
    *,
    pkcs12: bool,
    seconds: float = WALL_SECONDS,
) -> CertifiedKey | CertificateFault:
    """The key and its chain, matched; or why not."""
    order = msgspec.msgpack.encode(Order(pkcs12=pkcs12, parts=tuple(parts), password=password))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gatehouse.service.trust.opening_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(order)
    except TimeoutError:
        return CertificateFault(f"The file took more than {seconds:g} s to open; it was given up")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or len(said) > MOST_OUTPUT:
        return CertificateFault("The file could not be opened: it takes too much memory or time")
    opened = msgspec.msgpack.decode(said, type=Opened)
    return (
        CertificateFault(opened.fault) if opened.fault else CertifiedKey(opened.key, opened.chain)
    )
