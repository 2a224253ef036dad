# SPDX-License-Identifier: Apache-2.0
"""A real OpenSMTPD in a folder of its own.

Its places are compiled in (/var/spool/smtpd, /var/run, /var/lib/opensmtpd/empty), so its chamber
has private folders there. The queue is its own default: one file per envelope and message. Offering
TLS takes a small library in front of it (opensmtpd_openssl3.c says why); as a client it needs none.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.peers import packages
from tests.live.peers.chamber import USERS, Chamber, await_banner
from tests.ports import free_port


@dataclass
class OpenSmtpd:
    """One instance: listens on `port`, and keeps or passes on what it takes."""

    folder: Path
    port: int = field(default_factory=free_port)
    relay_to: int | None = None  # a port on loopback; None: deliveries are paused
    certificate: Path | None = None  # PEM; with the key, STARTTLS is offered
    key: Path | None = None
    relay_scheme: str = "smtp"  # smtp: TLS where offered; smtp+notls: never; smtp+tls: always

    def __post_init__(self) -> None:
        self._chamber = Chamber(self.folder)

    @property
    def log(self) -> Path:
        """What it says; in the foreground that goes to standard error."""
        return self.folder / "smtpd.out"

    @property
    def spool(self) -> Path:
        """The queue directory."""
        return self.folder / "var-spool" / "smtpd"

    def start(self) -> "OpenSmtpd":
        """Make a fresh spool and start; returns when the banner comes."""
        self._chamber.furnish()
        if self.certificate is not None:
            self._chamber.more_environment["LD_PRELOAD"] = str(_key_fix())
        spool = self._chamber.room("/var/spool") / "smtpd"
        empty = self._chamber.room("/var/lib") / "opensmtpd" / "empty"
        self._chamber.room("/run")
        spool.mkdir(mode=0o711)
        empty.mkdir(parents=True)
        queue_user, group = USERS["opensmtpq"], USERS["opensmtpq"]
        for name, owner, mode in (
            ("queue", queue_user, 0o700),
            ("corrupt", queue_user, 0o700),
            ("incoming", queue_user, 0o700),
            ("purge", queue_user, 0o700),
            ("temporary", queue_user, 0o700),
        ):
            (spool / name).mkdir(mode=mode)
            shutil.chown(spool / name, owner, 0)
        (spool / "offline").mkdir()
        shutil.chown(spool / "offline", 0, group)
        (spool / "offline").chmod(0o770)
        (self.folder / "smtpd.conf").write_text(self._configuration())
        self._chamber.start(
            packages.tree() / "usr/sbin/smtpd",
            "-d",
            "-f",
            self.folder / "smtpd.conf",
            output=self.log,
        )
        await_banner(self.port, self._alive, self.log)
        if self.relay_to is None:
            self.control("pause", "mta")
        return self

    def stop(self) -> None:
        """Stop it; the spool stays for inspection."""
        self._chamber.stop()

    def __enter__(self) -> "OpenSmtpd":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def control(self, *argv: str) -> str:
        """Ask the running instance something, with its own smtpctl."""
        # Installed it is setgid; a set-id program would not be given the unpacked libraries, so the
        # group comes first.
        group = ["setpriv", "--regid", str(USERS["opensmtpq"]), "--clear-groups"]
        return self._chamber.run(*group, packages.tree() / "usr/sbin/smtpctl", *argv)

    def queued(self) -> int:
        """How many messages are in the queue."""
        return sum(1 for _ in self.messages())

    def messages(self) -> Iterator[bytes]:
        """The queued messages as they lie on disk: headers and body, line ends as LF."""
        for place in sorted((self.spool / "queue").glob("*/*/message")):
            yield place.read_bytes()

    def _alive(self) -> bool:
        process = self._chamber.process
        return process is not None and process.poll() is None

    def _configuration(self) -> str:
        lines = []
        listen = f"listen on 127.0.0.1 port {self.port} hostname opensmtpd.example"
        if self.certificate is not None:
            lines.append(f'pki opensmtpd.example cert "{self.certificate}"')
            lines.append(f'pki opensmtpd.example key "{self.key}"')
            listen += " tls pki opensmtpd.example"
        lines.append(listen)
        target = self.relay_to if self.relay_to is not None else 9
        lines.append(f'action "out" relay host {self.relay_scheme}://127.0.0.1:{target}')
        lines.append('match from any for any action "out"')
        return "\n".join(lines) + "\n"


def _key_fix() -> Path:
    """The library without which Debian 12's OpenSMTPD cannot offer TLS; compiled once."""
    source = Path(__file__).with_name("opensmtpd_openssl3.c")
    built = packages.tree().parent / "opensmtpd_openssl3.so"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        fresh = built.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run(
                ["gcc", "-O2", "-shared", "-fPIC", "-o", fresh, source, "-lcrypto", "-ldl"],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as broken:
            raise packages.PeersMissing(
                f"TLS in OpenSMTPD needs gcc and libssl-dev to mend a key function: {broken}"
            ) from broken
        fresh.replace(built)
    return built
