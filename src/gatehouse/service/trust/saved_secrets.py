# SPDX-License-Identifier: Apache-2.0
"""Which secrets travel in a saved file, and whether those that arrive may be kept.

Passwords at other servers travel with each sealed file; certificates with their keys and the custom
trust list, and the people, only when they are asked for. The Demo certificate stays: it proves
nothing, and its key belongs to one machine. Who opened the seal knew the passphrase, and that makes
the content nobody's friend: each piece is judged as if it were typed, and a hash that would cost
minutes at each login is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import argon2
import msgspec

from gatehouse.config.saved_fields import LARGEST_MEMORY_KIB, LARGEST_WORK_KIB, MOST_LANES
from gatehouse.policy.people import Role, operator_name
from gatehouse.policy.smart_hosts import secret_name
from gatehouse.service.trust import keyring, pending, people_waiting
from gatehouse.service.trust.people_waiting import SavedAccount, SavedUser
from gatehouse.smtp import saslprep
from gatehouse.store.interface import Store
from gatehouse.tls import certificates as tls
from gatehouse.tls import identities

PASSWORDS = (secret_name(""),)  # how the names of passwords at other servers begin
CERTIFICATES, TRUST = "certificate/", "trust/"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # as a section of the configuration
# RFC 4648 §6: so many characters of the last eight make whole octets. Without padding, as ours.
_BASE32 = re.compile(r"(?:[A-Z2-7]{8}){2,16}(?:|[A-Z2-7]{2}|[A-Z2-7]{4,5}|[A-Z2-7]{7})")
_MAX_PASSWORD = 4096  # octets, as `smart-host password`
_MAX_SCRAM_ITERATIONS = 1_000_000  # our own; ours have 15,000
_MAX_FULL_NAME = 200
_SHA256_OCTETS = 32
_MAX_HASH = 1024  # characters; ours have 97
_LATEST = 253_402_300_799.0  # the last second of the year 9999: no date is written beyond


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sealed. `stored`: by the names that they have in the vault, in its forms."""

    stored: dict[str, bytes] = {}
    accounts: tuple[SavedAccount, ...] = ()
    smtp_users: tuple[SavedUser, ...] = ()

    def __repr__(self) -> str:
        return f"Secrets({len(self.stored)}, {len(self.accounts)}, {len(self.smtp_users)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall travel. `hosts` and `names` None: all of them."""

    certificates: bool = False
    people: bool = False
    hosts: frozenset[str] | None = None  # smart hosts
    names: frozenset[str] | None = None  # certificates
    trust: bool = True  # the custom list, with the certificates


def collect(store: Store, wanted: Wanted, operator: str | None = None) -> Secrets:
    """The secrets in force; with an operator, as they will be after his commit."""
    to_be = {} if operator is None else pending.staged(store, operator)
    names = {one.name for one in store.secrets.names()} | to_be.keys()
    stored: dict[str, bytes] = {}
    for name in sorted(names):
        if not _travels(name, wanted):
            continue
        content = to_be[name] if name in to_be else store.secrets.get(name)
        if content is not None:
            stored[name] = content
    if not wanted.people:
        return Secrets(stored=stored)
    return Secrets(
        stored=stored,
        accounts=people_waiting.accounts_of(store),
        smtp_users=people_waiting.users_of(store),
    )


def masked(store: Store, wanted: Wanted, operator: str | None = None) -> tuple[str, ...]:
    """The names of the passwords that a file without secrets lacks."""
    return tuple(collect(store, wanted, operator).stored)


def kinds(secrets: Secrets) -> tuple[str, ...]:
    """What a file says about its sealed part before it is opened: kinds, and no names."""
    found = {
        "passwords": any(name.startswith(PASSWORDS) for name in secrets.stored),
        "certificates": any(name.startswith(CERTIFICATES) for name in secrets.stored),
        "trust list": any(name.startswith(TRUST) for name in secrets.stored),
        "operators": bool(secrets.accounts),
        "SMTP users": bool(secrets.smtp_users),
    }
    return tuple(kind for kind, there in found.items() if there)


def encode(secrets: Secrets) -> bytes:
    """As it is sealed."""
    return msgspec.msgpack.encode(secrets)


def decode(content: bytes) -> Secrets | tuple[str, ...]:
    """What was sealed, or everything that is wrong with it."""
    try:
        secrets = msgspec.msgpack.decode(content, type=Secrets)
    except msgspec.MsgspecError:
        return (
            "what is sealed has an unknown form: if a newer Gatehouse wrote it, load it with that",
        )
    faults = tuple(_faults(secrets))
    return faults or secrets


def limited(secrets: Secrets, wanted: Wanted) -> Secrets:
    """Those of the secrets that are wanted."""
    stored = {name: one for name, one in secrets.stored.items() if _travels(name, wanted)}
    if wanted.people:
        return msgspec.structs.replace(secrets, stored=stored)
    return Secrets(stored=stored)


def certificate_names(stored: Mapping[str, bytes]) -> frozenset[str]:
    """The certificates among them, by the names that a configuration uses."""
    return frozenset(
        name.removeprefix(CERTIFICATES) for name in stored if name.startswith(CERTIFICATES)
    )


def _travels(name: str, wanted: Wanted) -> bool:
    for prefix in PASSWORDS:
        if name.startswith(prefix):
            return wanted.hosts is None or name.removeprefix(prefix) in wanted.hosts
    if not wanted.certificates:
        return False
    if name.startswith(CERTIFICATES):
        short = name.removeprefix(CERTIFICATES)
        return short != keyring.DEMO and (wanted.names is None or short in wanted.names)
    return wanted.trust and name.startswith(TRUST)


# --- judging what arrives -------------------------------------------------------------------------


def _faults(secrets: Secrets) -> Iterator[str]:
    for name, content in secrets.stored.items():
        why = _why_not(name, content)
        if why is not None:
            yield f"{name[:100]}: {why}"
    for account in secrets.accounts:
        if why := _account_fault(account):
            yield f"operator {account.name[:80]}: {why}"
    for user in secrets.smtp_users:
        if why := _user_fault(user):
            yield f"SMTP user {user.name[:80]}: {why}"


def _why_not(name: str, content: bytes) -> str | None:
    prefix, _, short = name.partition("/")
    if _NAME.fullmatch(short) is None:
        return "the name is none"
    match f"{prefix}/":
        case one if one in PASSWORDS:
            return _password_fault(content)
        case "certificate/":
            return _certificate_fault(short, content)
        case "trust/":
            chain = tls.read_certificates(content)
            if isinstance(chain, tls.CertificateFault):
                return chain.text
            return None if len(chain) == 1 else "an entry is one certificate"
    return "nothing of this kind travels in a file"


def _password_fault(content: bytes) -> str | None:
    if not 1 <= len(content) <= _MAX_PASSWORD or b"\0" in content:
        return f"a password has 1 to {_MAX_PASSWORD} octets, none of them NUL"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "a password is UTF-8 text"
    return None


def _certificate_fault(name: str, content: bytes) -> str | None:
    if name == keyring.DEMO:
        return "the Demo certificate keeps its name for itself"
    try:
        certified = keyring.decode(name, content)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return "it has an unknown form"
    # The test of the primes of a key was made where the key came from; see `tls.read_key`.
    opened = tls.open_key(certified)
    return opened.text if isinstance(opened, tls.CertificateFault) else None


def _account_fault(account: SavedAccount) -> str | None:
    if operator_name(account.name) != account.name:
        return "the name is none"
    if account.role not in {role.value for role in Role}:
        return "there is no such role"
    if len(account.full_name) > _MAX_FULL_NAME or not account.full_name.isprintable():
        return "the full name is none"
    if account.totp_secret is not None and not _BASE32.fullmatch(account.totp_secret):
        return "the secret of the second factor is none"
    if not 0 <= account.created_at <= _LATEST:
        return "the time when it was made is none"
    return _hash_fault(account.password_hash)


def _user_fault(user: SavedUser) -> str | None:
    if saslprep.prepare_name(user.name, stored=True) != user.name:
        return "the name is none"
    if user.certificate is not None and identities.parse_identity(user.certificate) is None:
        return "the name in a certificate is none"
    keys = user.scram
    if keys is not None and not (
        1 <= len(keys.salt) <= 2 * _SHA256_OCTETS
        and 1 <= keys.iterations <= _MAX_SCRAM_ITERATIONS
        and len(keys.stored_key) == len(keys.server_key) == _SHA256_OCTETS
    ):
        return "the keys of SCRAM are none"
    if not 0 <= user.created_at <= _LATEST:
        return "the time when it was made is none"
    return _hash_fault(user.password_hash)


def _hash_fault(encoded: str | None) -> str | None:
    """A hash says itself what each check of it costs."""
    if encoded is None:
        return None
    if not encoded.isascii() or len(encoded) > _MAX_HASH:
        return "the hash of the password is none"  # it would break each login, not only fail it
    try:
        price = argon2.extract_parameters(encoded)
    except (argon2.exceptions.InvalidHashError, ValueError):
        return "the hash of the password is none"
    dear = (
        price.type is not argon2.Type.ID
        or not 8 <= price.memory_cost <= LARGEST_MEMORY_KIB
        or price.memory_cost * price.time_cost > LARGEST_WORK_KIB
        or not 1 <= price.parallelism <= MOST_LANES
    )
    return "the hash of the password costs too much to check" if dear else None
