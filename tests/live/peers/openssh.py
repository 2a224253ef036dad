# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's client as people use it: the machine's own, or Debian's unpacked beside the MTAs.

Questions of the client are answered by a helper program (SSH_ASKPASS), as a desktop would: a code
where a one-time password is asked for, else the password. Every question is written down.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.live.peers import packages
from tests.patience import PATIENCE

_HELPER = """#!/bin/sh
printf '%s\\n' "$1" >> "$ASKED"
case "$1" in
  *One-time*) printf '%s\\n' "$CODE" ;;
  *) printf '%s\\n' "$PASSWORD" ;;
esac
"""


def program() -> tuple[Path, dict[str, str]]:
    """The client and the environment that it needs."""
    found = shutil.which("ssh")
    if found is not None:
        return Path(found), {"PATH": os.environ["PATH"]}
    root = packages.filled(packages.FOLDER / "openssh", ("openssh-client",))
    libraries = sorted((root / "usr/lib").glob("*-linux-gnu"))
    return root / "usr/bin/ssh", {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


@dataclass
class OpenSsh:
    """A person's client. `folder` is his home; he believes the first host key that he sees."""

    folder: Path
    address: str
    port: int
    key: Path | None = None
    password: str = ""
    code: str = ""

    def command(self, user: str, *more: str) -> list[str]:
        """The command line; `more` may begin with options."""
        ssh, _ = program()
        settings = {
            "UserKnownHostsFile": self.folder / "known_hosts",
            "StrictHostKeyChecking": "accept-new",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "NumberOfPasswordPrompts": "1",
            "ConnectTimeout": "25",
        }
        options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        options += ["-F", "none", "-p", str(self.port), "-l", user]
        options += ["-i", str(self.key or "none")]
        at = next((n for n, one in enumerate(more) if not one.startswith("-")), len(more))
        return [str(ssh), *options, *more[:at], self.address, *more[at:]]

    def environment(self) -> dict[str, str]:
        """What it runs in."""
        helper = self.folder / "askpass"
        if not helper.exists():
            helper.write_text(_HELPER)
            helper.chmod(0o700)
        return {
            **program()[1],
            "HOME": str(self.folder),
            "SSH_ASKPASS": str(helper),
            "SSH_ASKPASS_REQUIRE": "force",
            "ASKED": str(self.folder / "asked"),
            "PASSWORD": self.password,
            "CODE": self.code,
        }

    def run(self, user: str, *more: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Log in, say something, and wait until it is over."""
        return subprocess.run(
            self.command(user, *more),
            input=said,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self.environment(),
            check=False,
        )

    def asked(self) -> list[str]:
        """What the client was asked to ask, since the last time."""
        place = self.folder / "asked"
        lines = place.read_text().splitlines() if place.exists() else []
        place.unlink(missing_ok=True)
        return lines
