# SPDX-License-Identifier: Apache-2.0
"""A fork of the helper is like the process it stands for: streams, environment, status, an end."""

import functools
import os
import select
import signal
import subprocess

import pytest

from tests import warm
from tests.patience import PATIENCE


def test_what_is_given_is_read_and_what_is_said_comes_back():
    done = warm.run("json.tool", "--compact", given=b'{ "a":\n1 }')
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"a":1}\n', b"")


def test_a_failure_has_its_status_and_its_words():
    done = warm.run("json.tool", given=b"{")
    assert done.returncode == 1
    assert b"Expecting property name" in done.stderr


def test_an_exception_is_status_1_and_a_traceback():
    done = warm.run("no_such_module_at_all")
    assert done.returncode == 1
    assert b"Traceback" in done.stderr and b"no_such_module_at_all" in done.stderr


def test_the_environment_is_the_one_that_is_given_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OF_THE_TESTS", "x")
    say = "import os, sys; sys.stderr.write(repr(dict(os.environ))) or sys.stderr.write(' ')"
    words = ("-n", "1", "-r", "1", say)
    done = warm.run("timeit", *words, environment={"GIVEN": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().strip() == repr({"GIVEN": "1"})


def test_one_fork_knows_nothing_of_another():
    mark = "import json; assert not hasattr(json, 'marked'); json.marked = True"
    for _ in range(2):
        assert warm.run("timeit", "-n", "1", "-r", "1", mark).returncode == 0
    twice = warm.run("timeit", "-n", "1", "-r", "2", mark)
    assert twice.returncode == 1 and b"AssertionError" in twice.stderr


def test_a_signal_ends_it_and_is_its_status():
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"), open(os.devnull, "w") as nothing:
        streams = (reading, nothing.fileno(), nothing.fileno())
        process = warm.start("json.tool", [], environment={}, streams=streams, session=True)
        assert process.poll() is None
        assert os.getsid(process.pid) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == -signal.SIGTERM


def test_it_is_waited_for_no_longer_than_is_said():
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run("timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)", timeout=0.2)


def test_what_still_runs_ends_with_the_helper(monkeypatch):
    monkeypatch.setattr(warm, "_helper", functools.cache(warm.begin))  # the other one has gateways
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"), open(os.devnull, "w") as nothing:
        streams = (reading, nothing.fileno(), nothing.fileno())
        process = warm.start("json.tool", [], environment={}, streams=streams, session=True)
        ended = os.pidfd_open(process.pid)
        warm.stop()
        assert select.select([ended], [], [], PATIENCE)[0]
        os.close(ended)
        process.wait(PATIENCE)
