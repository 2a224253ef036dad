# SPDX-License-Identifier: Apache-2.0
"""A real Postfix in a folder of its own.

Settings are Debian's as they ship (its main.cf and master.cf are copied and added to). What
differs, and why: the folders and the port, since it is not installed; no chroot, which Debian's
installer would have to furnish; the log goes to a file through Postfix's own postlogd, since a test
machine may have no syslog.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.peers import packages
from tests.live.peers.chamber import USERS, Chamber, await_banner
from tests.ports import free_port

# The spool folders that Debian's package would have made (its /etc/postfix/postfix-files).
_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()


@dataclass
class Postfix:
    """One instance: listens on `port`, and holds or passes on what it takes."""

    folder: Path
    port: int = field(default_factory=free_port)
    relay_to: int | None = None  # a port on loopback; None: everything is held in the queue
    certificate: Path | None = None  # PEM; with the key, STARTTLS is offered
    key: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)  # more lines of main.cf

    def __post_init__(self) -> None:
        self._chamber = Chamber(self.folder)

    @property
    def log(self) -> Path:
        """The mail log."""
        return self.folder / "mail.log"

    @property
    def spool(self) -> Path:
        """The queue directory."""
        return self.folder / "spool"

    def start(self) -> "Postfix":
        """Make a fresh spool and start; returns when the banner comes."""
        self._chamber.furnish()
        self._write_configuration()
        self._make_spool()
        master = packages.program("master")
        self._chamber.start(
            master, "-c", self.folder / "conf", "-d", output=self.folder / "master.out"
        )
        await_banner(self.port, self._alive, self.log, self.folder / "master.out")
        return self

    def stop(self) -> None:
        """Stop it; the spool stays for inspection."""
        self._chamber.stop()

    def __enter__(self) -> "Postfix":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def held(self) -> int:
        """How many messages are held."""
        return sum(1 for _ in _files(self.spool / "hold"))

    def queued(self) -> int:
        """How many messages are in any queue."""
        names = ("maildrop", "hold", "incoming", "active", "deferred")
        return sum(1 for name in names for _ in _files(self.spool / name))

    def messages(self) -> Iterator[bytes]:
        """The held messages as Postfix itself shows them: headers and body."""
        for place in sorted(_files(self.spool / "hold")):
            shown = self.run("postcat", "-bh", str(place))
            yield shown.encode()

    def run(self, name: str, *argv: str) -> str:
        """Run one of Postfix's own programs on this instance."""
        return self._chamber.run(packages.program(name), "-c", str(self.folder / "conf"), *argv)

    def _alive(self) -> bool:
        process = self._chamber.process
        return process is not None and process.poll() is None

    def _write_configuration(self) -> None:
        root, conf = packages.tree(), self.folder / "conf"
        conf.mkdir()
        shipped = (root / "usr/share/postfix/main.cf.debian").read_text()
        lines = "\n".join(f"{name} = {value}" for name, value in self._main().items())
        (conf / "main.cf").write_text(f"{shipped}\n{lines}\n")
        services = []
        for line in (root / "usr/share/postfix/master.cf.dist").read_text().splitlines():
            words = line.split()
            if words[:2] == ["smtp", "inet"]:
                words[0] = f"127.0.0.1:{self.port}"
            if len(words) >= 8 and words[1] in ("inet", "unix", "fifo") and words[4] == "y":
                words[4] = "n"
            services.append(" ".join(words) if not line.startswith((" ", "#")) else line)
        (conf / "master.cf").write_text("\n".join(services) + "\n")
        for name in ("dynamicmaps.cf", "postfix-files"):
            for place in (root / "usr/share/postfix" / name, root / "etc/postfix" / name):
                if place.exists() and not (conf / name).exists():
                    shutil.copy(place, conf / name)

    def _main(self) -> dict[str, str]:
        root = packages.tree()
        search = packages.environment()["LD_LIBRARY_PATH"]
        main = {
            "queue_directory": str(self.spool),
            "data_directory": str(self.folder / "data"),
            "daemon_directory": str(root / "usr/lib/postfix/sbin"),
            "command_directory": str(root / "usr/sbin"),
            "shlib_directory": str(root / "usr/lib/postfix"),
            "meta_directory": str(self.folder / "conf"),
            "sendmail_path": str(root / "usr/sbin/sendmail"),
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            # Debian's installer writes these from its questions.
            "myhostname": "postfix.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "smtpd_relay_restrictions": "permit_mynetworks defer_unauth_destination",
            "smtp_tls_security_level": "may",
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.folder),
            # The daemons are started by master with a clean environment, and their libraries are
            # not installed.
            "import_environment": f"MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH={search}",
            "notify_classes": "",
        }
        if self.relay_to is None:
            main["smtpd_client_restrictions"] = "static:HOLD"
        else:
            main["relayhost"] = f"[127.0.0.1]:{self.relay_to}"
        if self.certificate is not None:
            main["smtpd_tls_cert_file"] = str(self.certificate)
            main["smtpd_tls_key_file"] = str(self.key)
            main["smtpd_tls_security_level"] = "may"
        return main | self.settings

    def _make_spool(self) -> None:
        owner, submit = USERS["postfix"], USERS["postdrop"]
        self.spool.mkdir(mode=0o755)
        (self.spool / "pid").mkdir(mode=0o755)
        (self.folder / "data").mkdir(mode=0o700)
        _own(self.folder / "data", owner, 0, 0o700)
        for name in _QUEUES:
            (self.spool / name).mkdir()
            _own(self.spool / name, owner, 0, 0o700)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (self.spool / name).mkdir()
            _own(self.spool / name, owner, submit, mode)


def _own(place: Path, user: int, group: int, mode: int) -> None:
    shutil.chown(place, user, group)
    place.chmod(mode)


def _files(folder: Path) -> Iterator[Path]:
    return (place for place in folder.rglob("*") if place.is_file())
