# SPDX-License-Identifier: Apache-2.0
"""The gateway stays small: many idle clients and large messages cost what they may, and no more.

Time is not judged here, a busy machine would decide; `python -m bench.footprint` measures it.
"""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import footprint
from bench.harness import Identity, make_identity

# One descriptor for each client on either side, and some for everything else.
DESCRIPTORS = footprint.CONNECTIONS + 200

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A P-256 certificate, for the gateway and for the server behind it."""
    return make_identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough open files for all clients, here and in what is started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"needs {DESCRIPTORS} open files, and the hard limit (ulimit -Hn) is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_idle_tls_connections_add_at_most_60_megabytes(
    tmp_path: Path, identity: Identity, descriptors: None
) -> None:
    with footprint.running(tmp_path, identity) as subject:
        idle = footprint.idle_connections(subject)
    assert idle.added_pss <= footprint.MOST_FOR_CONNECTIONS, idle
    # Nothing a session needs fits into less than this: it would mean that nobody was connected.
    assert idle.added_pss >= footprint.CONNECTIONS * 4096, idle
    assert idle.before.keys() == idle.after.keys(), "a process was replaced"


def test_a_message_of_50_megabytes_raises_no_process_by_more_than_16(
    tmp_path: Path, identity: Identity
) -> None:
    counter = footprint.Counter(identity)
    try:
        with footprint.running(tmp_path, identity, counter.port) as subject:
            rises = footprint.large_message(subject, counter)
    finally:
        counter.close()
    assert len(rises) == 4, rises  # supervisor, deliverer, two receivers
    assert max(rises.values()) <= footprint.MOST_FOR_MESSAGE, rises


def test_the_peak_of_a_process_that_holds_a_message_is_seen() -> None:
    own = footprint.Member(os.getpid(), "test")
    own.reset_peak()
    before = own.memory().rss
    held = bytearray(os.urandom(footprint.MOST_FOR_MESSAGE * 2))
    del held
    assert own.memory().peak - before > footprint.MOST_FOR_MESSAGE
