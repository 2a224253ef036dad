# SPDX-License-Identifier: Apache-2.0
"""Whose certificates are believed: the operator's custom list in the store, the system's in a file.

Rule (`tls.paths`): every entry of the custom list is an anchor, whatever it is, because somebody
put it there on purpose; of the system's list only self-signed CAs are. Intermediates that lie here
for any reason help to complete chains.
"""

import os
import re
import threading
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config.running import TrustSettings
from gatehouse.service.trust import keyring, pending
from gatehouse.store.errors import StoreCorrupt
from gatehouse.store.interface import Store
from gatehouse.tls import facets, paths
from gatehouse.tls.certificates import CertificateFault, read_certificates

_PREFIX = "trust/"
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_READING = threading.Lock()  # filters of warnings are the whole process's
_LARGEST_FILE = 1024 * 1024  # as certificates.LARGEST_PEM; Mozilla's list is 220 KB


class SystemListUnusable(Exception):
    """The system's list cannot be read; the text says why."""


def custom(store: Store) -> dict[str, x509.Certificate]:
    """The custom list in force, by friendly name."""
    return {
        secret.name.removeprefix(_PREFIX): _read(secret.name, store.secrets.get(secret.name))
        for secret in store.secrets.names()
        if secret.name.startswith(_PREFIX)
    }


def custom_to_be(store: Store, operator: str) -> dict[str, x509.Certificate]:
    """The custom list as it will be after an operator's commit."""
    found = custom(store)
    for name, content in pending.staged(store, operator, _PREFIX).items():
        if content is None:
            found.pop(name.removeprefix(_PREFIX), None)
        else:
            found[name.removeprefix(_PREFIX)] = _read(name, content)
    return found


def stage(store: Store, operator: str, entries: dict[str, x509.Certificate], now: float) -> None:
    """Add entries with the next commit, all or none."""
    contents = {_PREFIX + name: one.public_bytes(Encoding.PEM) for name, one in entries.items()}
    pending.stage(store, operator, contents, now)


def stage_removal(store: Store, operator: str, name: str, now: float) -> None:
    """Take an entry away with the next commit."""
    pending.stage(store, operator, {_PREFIX + name: None}, now)


def system(settings: TrustSettings) -> tuple[x509.Certificate, ...]:
    """The system's list, empty where it is switched off; raises SystemListUnusable."""
    if not settings.system:
        return ()
    path = Path(settings.system_file)
    try:
        status = path.stat()
        return _system(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise SystemListUnusable(f"{settings.system_file}: {reason}") from None


def trust_store(store: Store, settings: TrustSettings) -> paths.TrustStore:
    """All that verification goes by; raises SystemListUnusable."""
    return paths.trust_store(
        custom=custom(store).values(),
        system=system(settings),
        intermediates=intermediates(store),
    )


def intermediates(store: Store, operator: str | None = None) -> tuple[x509.Certificate, ...]:
    """CA certificates that lie here and are no roots: from chains that are kept, and the list.

    With an operator those that wait for his commit are among them.
    """
    if operator is None:
        pool = list(custom(store).values())
        chains = [keyring.get(store, name) for name in keyring.names(store)]
    else:
        pool = list(custom_to_be(store, operator).values())
        held = keyring.names_to_be(store, operator)
        chains = [keyring.to_be(store, operator, name) for name in held]
    for one in chains:
        chain = read_certificates(b"\n".join(one.chain_pem))
        if not isinstance(chain, CertificateFault):
            pool.extend(chain[1:])
    unique = {facets.digest(one): one for one in pool}
    return tuple(e for e in unique.values() if facets.is_ca(e) and not facets.self_signed(e))


@lru_cache(maxsize=2)
def _system(path: Path, _changed: int, _size: int) -> tuple[x509.Certificate, ...]:
    """Read once for each state of the file. One that cannot be read does not hide the others."""
    with path.open("rb") as stream:
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise SystemListUnusable(f"{path}: the file is too large")
    found: list[x509.Certificate] = []
    with _READING, warnings.catch_warnings():
        # Roots of the nineties may have the serial number 0, which RFC 5280 ruled out later.
        warnings.simplefilter("ignore")
        for block in _BLOCK.findall(content):
            with suppress(*facets.BROKEN):
                found.append(x509.load_pem_x509_certificate(block))
    if not found:
        raise SystemListUnusable(f"{path}: there is no certificate in it")
    return tuple(found)


def _read(name: str, content: bytes | None) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content or b"")
    except ValueError:
        raise StoreCorrupt(f"The entry {name!r} of the trust list cannot be read") from None
