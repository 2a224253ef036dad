# SPDX-License-Identifier: Apache-2.0
"""Debian's MTAs, unpacked into a folder of the tests' own.

As packages they exclude each other, and installing one would change the machine. So the files are
fetched with `apt-get download` and unpacked with `dpkg-deb -x`: no maintainer script runs, nothing
outside the folder changes. The folder is tests/.peers, or what GATEHOUSE_PEERS names; it is filled
once and kept.
"""

import fcntl
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(os.environ.get("GATEHOUSE_PEERS") or Path(__file__).resolve().parents[2] / ".peers")

# libnet-ssleay-perl is what swaks needs to speak TLS; Debian only recommends it.
WANTED = ("postfix", "opensmtpd", "swaks", "libnet-ssleay-perl")

DOWNLOAD_SECONDS = 180


class PeersMissing(Exception):
    """The peers cannot be had on this machine; the text says why."""


@functools.cache
def tree() -> Path:
    """The root of the unpacked files. Fetches them when they are not there yet."""
    return filled(FOLDER, WANTED)


def filled(folder: Path, wanted: Sequence[str]) -> Path:
    """The root of the unpacked files of these packages, in a folder of their own."""
    unpacked, done = folder / "root", folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not done.exists():
            _fetch(folder / "packages", wanted)
            shutil.rmtree(unpacked, ignore_errors=True)
            for package in sorted((folder / "packages").glob("*.deb")):
                _run(["dpkg-deb", "-x", str(package), str(unpacked)])
            # The daemons drop their rights and still must reach their own libraries.
            _run(["chmod", "-R", "a+rX", str(unpacked)])
            done.touch()
    _check_way_down(unpacked)
    return unpacked


def program(name: str) -> Path:
    """The path of an unpacked program."""
    for place in ("usr/sbin", "usr/bin", "usr/lib/postfix/sbin"):
        found = tree() / place / name
        if found.exists():
            return found
    raise PeersMissing(f"{name} is in none of the unpacked packages")


def environment() -> dict[str, str]:
    """The environment in which unpacked programs find their libraries and modules."""
    root = tree()
    libraries = [root / "usr/lib/postfix", *sorted((root / "usr/lib").glob("*-linux-gnu"))]
    modules = [root / "usr/share/perl5", *sorted((root / "usr/lib").glob("*-linux-gnu/perl5/*"))]
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PERL5LIB": ":".join(map(str, modules)),
    }


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process fills the folder; test workers that start beside it wait."""
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(store: Path, packages: Sequence[str]) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PeersMissing(
            "the peers are Debian packages, and this machine has no apt-get or dpkg-deb"
        )
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    wanted, had = list(packages), set(packages)
    while wanted:
        _run(["apt-get", "download", "-qq", *wanted], where=store)
        needed = {name for package in store.glob("*.deb") for name in _needs(package)}
        wanted = sorted(name for name in needed - had if not _installed(name))
        had |= needed


def _needs(package: Path) -> set[str]:
    """The shared libraries a package depends on; the rest is for an installation."""
    wishes = _run(["dpkg-deb", "-f", str(package), "Depends"])
    names = (re.match(r"[a-z0-9.+-]+", wish.strip()) for wish in wishes.split(","))
    return {name.group() for name in names if name and name.group().startswith("lib")}


def _installed(package: str) -> bool:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.returncode == 0 and asked.stdout.startswith("installed")


def _check_way_down(folder: Path) -> None:
    for step in (folder, *folder.parents):
        if not step.stat().st_mode & 0o001:
            raise PeersMissing(
                f"the peers' daemons give up root and cannot pass {step};"
                " name another folder in GATEHOUSE_PEERS"
            )


def _run(command: list[str], where: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=where,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except subprocess.CalledProcessError as broken:
        text = broken.stderr.strip().splitlines()
        raise PeersMissing(
            f"{' '.join(command[:3])} failed: {text[-1] if text else broken}"
        ) from broken
    except subprocess.TimeoutExpired as late:
        raise PeersMissing(f"{' '.join(command[:3])} took over {DOWNLOAD_SECONDS} s") from late
    return done.stdout
