# SPDX-License-Identifier: Apache-2.0
"""Clients and sinks that Debian brings: smtp-source, smtp-sink and swaks."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.peers import packages
from tests.live.peers.chamber import await_banner
from tests.patience import PATIENCE
from tests.ports import free_port


@dataclass
class SmtpSink:
    """smtp-sink, keeping every message as a file in `folder`."""

    folder: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()

    def start(self) -> "SmtpSink":
        """Start it; returns when it greets."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # As root it would drop to a user of its own and lose the folder; -u keeps ours. %M:
        # minutes, for the file name.
        command = [packages.program("smtp-sink"), "-u", "root", "-d", "message.%M."]
        command += [*self.options, f"127.0.0.1:{self.port}", "100"]
        self._process = subprocess.Popen(
            list(map(str, command)),
            cwd=self.folder,
            env=packages.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        await_banner(self.port, lambda: self._process.poll() is None, self.folder / "nothing")
        return self

    def stop(self) -> None:
        """End it; the messages stay."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "SmtpSink":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def messages(self) -> list[bytes]:
        """What came, each with the X- lines that smtp-sink writes in front."""
        found = (place.read_bytes() for place in sorted(self.folder.glob("message.*")))
        return [message for message in found if b"\nX-Rcpt-Args:" in b"\n" + message]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSource:
    """smtp-source: `messages` messages of `size` octets over `sessions` connections."""

    port: int
    messages: int = 1
    sessions: int = 1
    size: int = 1000
    sender: str = "source@sender.example"
    recipient: str = "someone@example.com"
    keep_open: bool = False  # many messages on one connection

    def run(self, seconds: float = PATIENCE) -> None:
        """Send them; raises when smtp-source is not content with an answer."""
        command = [packages.program("smtp-source"), "-m", self.messages, "-s", self.sessions]
        command += [
            "-l",
            self.size,
            "-f",
            self.sender,
            "-t",
            self.recipient,
            "-M",
            "source.example",
        ]
        if not self.keep_open:
            command.append("-d")
        command.append(f"127.0.0.1:{self.port}")
        done = subprocess.run(
            list(map(str, command)),
            env=packages.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        # smtp-source warns and goes on; a warning is a failure here.
        if done.returncode != 0 or "warning" in done.stderr or "fatal" in done.stderr:
            raise RuntimeError(f"smtp-source: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaks:
    """swaks, the Swiss army knife for SMTP: one message, and the transcript."""

    port: int
    server: str = "127.0.0.1"
    sender: str = "swaks@sender.example"
    recipients: tuple[str, ...] = ("someone@example.com",)
    options: tuple[str, ...] = ()  # such as --tls

    def run(self, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Send it; the result's stdout is the transcript, the status swaks's own (0: delivered)."""
        command = ["perl", str(packages.program("swaks")), "--server", self.server]
        command += ["--port", str(self.port), "--ehlo", "swaks.example", "--from", self.sender]
        command += ["--to", ",".join(self.recipients), *self.options]
        return subprocess.run(
            command,
            env=packages.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
