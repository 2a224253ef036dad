# SPDX-License-Identifier: Apache-2.0
"""The command and a real gateway: configure, start, ask, change, stop."""

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.patience import PATIENCE
from tests.ports import free_port

pytestmark = pytest.mark.slow

TEXT = """\
format = 1

[system]
hostname = "gw1.example.com"

[interfaces.Loopback]
address = "127.0.0.1"
hostname = "mx.example.com"

[listeners.InboundMail]
type = "public"
interface = "Loopback"
port = {port}
recipient_access = [{{ recipient = "example.com", access = "accept" }}]

[smtp_routes]
"example.com" = ["127.0.0.1:{closed}"]

[destination_controls.default]
tls = "preferred"

[processes]
receivers = 1
"""


class Site:
    """A data directory and the command that works on it."""

    def __init__(self, path: Path) -> None:
        self.data = path / "data"
        self.file = path / "gatehouse.toml"
        self.port, self.closed = free_port(), free_port()
        self._process: subprocess.Popen[str] | None = None
        self.write()

    def write(self, **changes: str) -> None:
        text = TEXT.format(port=self.port, closed=self.closed)
        for old, new in changes.items():
            text = text.replace(old, new)
        self.file.write_text(text)

    def line(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gatehouse", "--data", str(self.data), *words]

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command, in a fork that has everything loaded."""
        done = warm.run("gatehouse", "--data", str(self.data), *words)
        said = (done.stdout.decode(), done.stderr.decode())
        return subprocess.CompletedProcess(done.args, done.returncode, *said)

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command as people start it, with an interpreter of its own."""
        return subprocess.run(
            self.line(*words),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )

    def json(self, *words: str) -> Any:
        done = self.do(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self) -> int:
        """The gateway, to its first line of output; its process id."""
        process = subprocess.Popen(
            self.line("run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._process = process
        assert process.stdout is not None
        first = process.stdout.readline()
        if first.startswith("Administrator admin, password "):  # once in a data directory's life
            first = process.stdout.readline()
        assert f"port {self.port}" in first, first
        return process.pid

    def stop(self) -> None:
        """To a clean end."""
        process = self._process
        assert process is not None and process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, process.stdout.read()
        process.stdout.close()

    @contextmanager
    def running(self) -> Iterator[int]:
        """The gateway, from its start to its end; its process id."""
        try:
            yield self.start()
            self.stop()
        finally:
            self.clear_away()

    def clear_away(self) -> None:
        """Whatever is left of the gateway."""
        process = self._process
        if process is not None and process.stdout is not None:
            process.kill()
            process.wait()
            process.stdout.close()

    def send(self, recipient: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            client.sendmail("alice@example.net", [recipient], "Subject: Hi\r\n\r\nThere.\r\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose gateway runs, for tests that do not disturb each other."""
    made = Site(tmp_path_factory.mktemp("commands"))
    assert made.do("config", "load", str(made.file), "--commit", "first").returncode == 0
    with made.running():
        yield made


def test_from_a_file_to_a_gateway_that_answers(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done = site.type("config", "load", str(site.file), "--commit", "first")
    assert done.returncode == 0, done.stderr
    with site.running() as pid:
        status = json.loads(site.type("status", "--json").stdout)
        assert status["running"]
        assert status["revision"] == 2
        assert {one["role"] for one in status["processes"]} == {"receiver", "deliverer"}
        assert [one["port"] for one in status["listeners"]] == [site.port]
        second = site.type("run")
        assert second.returncode == 1
        assert f"process {pid}" in second.stderr
    assert not json.loads(site.type("status", "--json").stdout)["running"]
    assert not (site.data / "control.sock").exists()


def test_a_message_is_held_released_retried_and_deleted_while_the_gateway_runs(site: Site) -> None:
    assert site.do("queue", "delete", "--all", "--yes").returncode == 0  # what others have sent
    site.send("bob@example.com")
    (line,) = site.json("queue", "list")["messages"]
    assert (line["sender"], line["destinations"]) == ("alice@example.net", ["example.com"])
    mid = str(line["mid"])
    assert site.json("queue", "hold", mid)["mids"] == [line["mid"]]
    assert site.json("queue", "show", mid)["held"]
    assert site.json("queue", "release", "--destination", "example.com")["count"] == 1
    assert site.json("queue", "retry", "--all")["count"] == 1
    assert site.do("queue", "show", "999999").returncode == 1
    assert site.json("queue", "delete", mid, "--yes")["count"] == 1
    assert site.json("queue", "list")["total"] == 0
    lines = site.json("log", "tail", "-n", "1000")["lines"]
    assert any(f"Message finished MID {mid} aborted" in one for one in lines)


def test_what_cannot_run_leaves_the_gateway_as_it_is(site: Site) -> None:
    before = site.json("config", "history")["revisions"][0]
    with socket.socket() as taken:
        site.write(**{f"port = {site.port}": "port = 99999"})
        broken = site.do("config", "load", str(site.file), "--commit", "broken")
        assert broken.returncode == 1
        assert "listeners.InboundMail.port" in broken.stderr

        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.write(**{f"port = {site.port}": f"port = {taken.getsockname()[1]}"})
        refused = site.do("config", "load", str(site.file), "--commit", "taken port")
        assert refused.returncode == 1
        assert "cannot listen" in refused.stderr
        assert site.json("status")["revision"] == before["revision"]
        # Nothing was committed: the port is tried before.
        assert site.json("config", "history")["revisions"][0] == before
        assert f"port = {site.port}" in site.do("config", "show").stdout
        site.send("bob@example.com")

    site.stop()
    site.start()
    assert site.json("status")["revision"] == before["revision"]


def test_a_new_revision_runs_without_a_restart(site: Site) -> None:
    before = site.json("status")["revision"]
    site.write(**{'"mx.example.com"': '"mx2.example.com"'})
    assert site.json("config", "load", str(site.file))["changed"]
    changed = '~ hostname: "mx.example.com" -> "mx2.example.com"'
    assert changed in site.do("config", "diff").stdout
    assert site.json("config", "commit", "another name") == {
        "revision": before + 1,
        "running": True,
        "merged": False,
        "confirm_by": None,
        "warnings": [],
        "secrets": [],
        "served": [],
    }
    with smtplib.SMTP("127.0.0.1", site.port, timeout=PATIENCE) as client:
        assert client.ehlo()[1].startswith(b"mx2.example.com")


def test_a_log_is_followed(site: Site) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    follow = subprocess.Popen(
        site.line("log", "tail", "-n", "1000", "--follow"),
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert follow.stdout is not None
    try:
        site.send("bob@example.com")
        followed = iter(follow.stdout.readline, "")
        assert any("From: <alice@example.net>" in line for line in followed)
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()
