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


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Site:
    """A data directory and the command that works on it."""

    def __init__(self, path: Path) -> None:
        self.data = path / "data"
        self.file = path / "gatehouse.toml"
        self.port, self.closed = free_port(), free_port()
        self.write()

    def write(self, **changes: str) -> None:
        text = TEXT.format(port=self.port, closed=self.closed)
        for old, new in changes.items():
            text = text.replace(old, new)
        self.file.write_text(text)

    def line(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gatehouse", "--data", str(self.data), *words]

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(*words), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    def json(self, *words: str) -> Any:
        done = self.do(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The gateway, from its first line of output to a clean end."""
        process = subprocess.Popen(
            self.line("run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            if first.startswith(
                "Administrator admin, password "
            ):  # once in a data directory's life
                first = process.stdout.readline()
            assert f"port {self.port}" in first, first
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, process.stdout.read()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def send(self, recipient: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.sendmail("alice@example.net", [recipient], "Subject: Hi\r\n\r\nThere.\r\n")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_from_a_file_to_a_gateway_that_answers(site: Site) -> None:
    done = site.do("config", "load", str(site.file), "--commit", "first")
    assert done.returncode == 0, done.stderr
    with site.running() as process:
        status = site.json("status")
        assert status["running"]
        assert status["revision"] == 2
        assert {one["role"] for one in status["processes"]} == {"receiver", "deliverer"}
        assert [one["port"] for one in status["listeners"]] == [site.port]
        second = site.do("run")
        assert second.returncode == 1
        assert f"process {process.pid}" in second.stderr
    assert not site.json("status")["running"]
    assert not (site.data / "control.sock").exists()


def test_a_message_is_held_released_retried_and_deleted_while_the_gateway_runs(site: Site) -> None:
    assert site.do("config", "load", str(site.file), "--commit", "first").returncode == 0
    with site.running():
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
    assert site.do("config", "load", str(site.file), "--commit", "first").returncode == 0
    with site.running(), socket.socket() as taken:
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
        assert site.json("status")["revision"] == 2
        comments = [one["comment"] for one in site.json("config", "history")["revisions"]]
        assert comments[0] == "first"  # nothing was committed: the port is tried before
        assert f"port = {site.port}" in site.do("config", "show").stdout
        site.send("bob@example.com")

    with site.running():
        assert site.json("status")["revision"] == 2


def test_a_new_revision_runs_without_a_restart(site: Site) -> None:
    assert site.do("config", "load", str(site.file), "--commit", "first").returncode == 0
    with site.running():
        site.write(**{'"mx.example.com"': '"mx2.example.com"'})
        assert site.json("config", "load", str(site.file))["changed"]
        changed = '~ hostname: "mx.example.com" -> "mx2.example.com"'
        assert changed in site.do("config", "diff").stdout
        assert site.json("config", "commit", "another name") == {
            "revision": 3,
            "running": True,
            "merged": False,
            "confirm_by": None,
            "warnings": [],
            "secrets": [],
            "served": [],
        }
        with smtplib.SMTP("127.0.0.1", site.port, timeout=30) as client:
            assert client.ehlo()[1].startswith(b"mx2.example.com")


def test_a_log_is_followed(site: Site) -> None:
    assert site.do("config", "load", str(site.file), "--commit", "first").returncode == 0
    with site.running():
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
