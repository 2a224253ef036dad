# SPDX-License-Identifier: Apache-2.0
"""Fetches one revocation list, from a web server (`web_fetch`) or from a file of this machine."""

import os
import stat

from gatehouse.config.running import CrlSource
from gatehouse.policy.fetch_targets import FileTarget, TargetFault, WebTarget, parse_target
from gatehouse.service.trust.web_fetch import (
    DEFAULT_SETTINGS,
    FetchFailed,
    FetchSettings,
    exchange,
    too_large,
)


def fetch(url: str, *, internal: bool = False, settings: FetchSettings = DEFAULT_SETTINGS) -> bytes:
    """The content behind a URL; blocks, so call it in a thread. Raises FetchFailed."""
    target = parse_target(url)
    match target:
        case TargetFault(reason):
            raise FetchFailed(reason)
        case FileTarget(path):
            return _read_file(path, settings.max_bytes)
        case WebTarget():
            return exchange(target, internal=internal, settings=settings).content


def fetch_source(source: CrlSource) -> bytes:
    """The same for a source of the configuration."""
    return fetch(source.url, internal=source.internal)


def _read_file(path: str, limit: int) -> bytes:
    try:
        # A FIFO in its place must not make us wait.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FetchFailed(f"the file cannot be read: {error.strerror}") from None
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FetchFailed("it is no plain file")
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise FetchFailed(too_large(limit))
    return content
