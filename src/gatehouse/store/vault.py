# SPDX-License-Identifier: Apache-2.0
"""Private keys and passwords are sealed at rest with a master key in a file beside the data.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce per sealing; the secret's name is
associated data, so a sealed value that is copied under another name does not open. The key file is
0600 from its first instant, whatever the umask, and a wider mode or a foreign owner stops the
start instead of being repaired: somebody may have read it already.
"""

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatehouse.store.errors import StoreCorrupt, StoreUnavailable, from_os_error

_KEY_OCTETS = 32  # AES-256
_NONCE_OCTETS = 12  # SP 800-38D §5.2.1.1
_FORMAT = b"\x01"  # AES-256-GCM: format, nonce, ciphertext with tag


class Vault:
    """Seals and unseals. Its own text shows nothing of the key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_OCTETS:
            raise StoreCorrupt(f"The master key has {len(key)} octets instead of {_KEY_OCTETS}")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Vault(<master key>)"

    def seal(self, name: str, content: bytes) -> bytes:
        """The content, readable only with our key and under this name."""
        nonce = os.urandom(_NONCE_OCTETS)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, content, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """The content again, or `StoreCorrupt`."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_OCTETS], sealed[1 + _NONCE_OCTETS :]
        if sealed[:1] != _FORMAT or len(nonce) != _NONCE_OCTETS:
            raise StoreCorrupt(f"The secret {name!r} has an unknown form")
        try:
            return self._cipher.decrypt(nonce, ciphertext, name.encode())
        except InvalidTag:
            raise StoreCorrupt(
                f"The secret {name!r} does not open with this master key. "
                "Was master.key replaced, or restored from another gateway?"
            ) from None


def open_vault(key_file: Path) -> Vault:
    """The vault of a data directory; its key is made at the first start."""
    try:
        return Vault(_read_key(key_file))
    except FileNotFoundError:
        pass
    try:
        _create_key(key_file)
    except FileExistsError:
        pass  # another process of ours was first
    except OSError as error:
        raise from_os_error(error, f"create {key_file.name}") from error
    return Vault(_read_key(key_file))


def _create_key(key_file: Path) -> None:
    """Write the key under another name and link it: it is whole or not there at all."""
    draft = key_file.with_name(f".{key_file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # a strict umask could have taken our own right to read
        os.write(fd, os.urandom(_KEY_OCTETS))
        os.fsync(fd)
        os.link(draft, key_file)  # unlike rename, never replaces a key
    finally:
        os.close(fd)
        draft.unlink(missing_ok=True)
    directory = os.open(key_file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_key(key_file: Path) -> bytes:
    try:
        fd = os.open(key_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise from_os_error(error, f"open {key_file.name}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise StoreUnavailable(f"{key_file.name} is not a regular file")
        if status.st_uid != os.geteuid():
            raise StoreUnavailable(
                f"{key_file.name} belongs to uid {status.st_uid}, but the gateway runs as "
                f"{os.geteuid()}"
            )
        if mode := stat.S_IMODE(status.st_mode) & 0o077:
            raise StoreUnavailable(
                f"{key_file.name} is open to others (mode {mode | 0o600:04o}). If nobody can have "
                f"read it: chmod 600 {key_file.name}. Otherwise replace all keys and passwords."
            )
        return os.read(fd, _KEY_OCTETS + 1)
    finally:
        os.close(fd)
