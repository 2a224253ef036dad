# SPDX-License-Identifier: Apache-2.0
"""Certificates from an ACME server: ordered once, renewed by the clock, tried as a commit is.

What was ordered is kept as a standing order, sealed like the account's key. Renewal is due when the
server says so (ARI), else when a third of the lifetime is left. A failed renewal is tried again
after an hour, then ever more seldom, up to once a day; the certificate in force stays. With
`keep_key` the renewed certificate has the key of the old one, so that published TLSA records of the
key (`3 1 1`) go on to fit.

The library is synchronous and optional: it is loaded when an order is made, and every step of an
order is one short call in a thread.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.service.base.clock import Clock
from gatehouse.service.trust import keyring
from gatehouse.service.trust.acme_challenges import ChallengeFailed, Means, answering
from gatehouse.store.interface import Store
from gatehouse.tls import certificates as tls
from gatehouse.tls import facets

if TYPE_CHECKING:
    from gatehouse.service.trust.acme_client import Conversation

VALIDATION_SECONDS = 120.0  # DNS takes its time, and so do CAs that look from several places
ISSUE_SECONDS = 90.0
POLL_SECONDS = 0.5
STEP_SECONDS = 3.0
FIRST_RETRY = 3600.0
LONGEST_RETRY = 86_400.0
ARI_SECONDS = 6 * 3600.0  # RFC 9773 §4.3.2: about that often when the server names no time
LONGEST_ERROR = 300
_ORDER = "acme/order/"
_ACCOUNT = "acme/account/"


class AcmeTrouble(Exception):
    """The certificate could not be had; the text says why, and nothing was changed."""


class CannotInstall(Exception):
    """What came cannot be put in force; the text says why, and what was there is there again."""


class Installer(Protocol):
    """Puts secrets in force under a new revision, which is tried before it is kept."""

    def postponed(self) -> str:
        """Why nothing can be put in force now; "" when it can."""

    async def install(self, secrets: Mapping[str, bytes | None], certificate: str) -> None:
        """The commit; who calls holds the lock of commits. Raises CannotInstall."""


class StandingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered for a certificate, and how its renewal stands."""

    name: str
    domains: tuple[str, ...]
    directory: str
    contact: str
    challenge: str
    hook: str = ""
    keep_key: bool = False
    key_type: str = tls.KeyKind.P256.value
    ca: str = ""  # PEM of the root behind the server's own certificate; "": the system's list
    issued: str = ""  # fingerprint of what came; what somebody put in its place is left alone
    suggested_at: float | None = None  # by the server (ARI)
    ask_again_at: float = 0.0
    failures: int = 0
    tried_at: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeTools:
    """What ordering needs."""

    store: Store
    clock: Clock
    means: Means
    in_use: frozenset[str]
    installer: Installer | None  # None: no gateway runs, the next start serves what is stored
    committing: asyncio.Lock


# --- what is remembered ------------------------------------------------------------------------


def standing(store: Store) -> tuple[StandingOrder, ...]:
    """All standing orders; raises StoreError."""
    names = [one.name for one in store.secrets.names() if one.name.startswith(_ORDER)]
    found = (store.secrets.get(name) for name in names)
    return tuple(msgspec.json.decode(one, type=StandingOrder) for one in found if one is not None)


def order_of(store: Store, name: str) -> StandingOrder | None:
    """The standing order of a certificate."""
    content = store.secrets.get(_ORDER + name)
    return None if content is None else msgspec.json.decode(content, type=StandingOrder)


def keep_order(store: Store, order: StandingOrder, now: float) -> None:
    """Remember or replace a standing order."""
    store.secrets.put(_ORDER + order.name, msgspec.json.encode(order), now)


def due_at(order: StandingOrder, leaf: x509.Certificate) -> float:
    """When renewal is to be tried next."""
    before, after = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    third = after - max(after - before, timedelta(0)) / 3
    when = third.timestamp() if order.suggested_at is None else order.suggested_at
    if not order.failures:
        return when
    wait = min(FIRST_RETRY * 2.0 ** min(order.failures - 1, 10), LONGEST_RETRY)
    return max(when, order.tried_at + wait)


def held_leaf(store: Store, order: StandingOrder) -> x509.Certificate | None:
    """The certificate in force, if it is the one that the order brought."""
    if order.name not in keyring.names(store):
        return None
    leaf = _leaf(keyring.get(store, order.name))
    return leaf if leaf is not None and facets.digest(leaf).hex() == order.issued else None


def is_due(store: Store, order: StandingOrder, now: float) -> bool:
    """Whether a renewal is to be tried now."""
    leaf = held_leaf(store, order)
    return leaf is not None and now >= due_at(order, leaf)


# --- ordering ----------------------------------------------------------------------------------


async def obtain(tools: AcmeTools, order: StandingOrder) -> tls.CertifiedKey:
    """Order a certificate and put it in force; raises AcmeTrouble, and then nothing changed."""
    now = tools.clock.wall()
    if tools.installer is not None and order.name in tools.in_use and tools.installer.postponed():
        raise AcmeTrouble(tools.installer.postponed())  # before a server issues what is not used
    try:
        certified = await _ordered(tools, order)
        await install(tools, order.name, certified)
    except AcmeTrouble as trouble:
        known = order_of(tools.store, order.name)
        if known is not None:
            failed = msgspec.structs.replace(
                known,
                failures=known.failures + 1,
                tried_at=now,
                error=tls.bounded(str(trouble), LONGEST_ERROR),
            )
            await asyncio.to_thread(keep_order, tools.store, failed, now)
        raise
    leaf = _leaf(certified)
    assert leaf is not None, "it was read when it came"
    done = msgspec.structs.replace(
        order,
        issued=facets.digest(leaf).hex(),
        suggested_at=None,
        ask_again_at=0.0,
        failures=0,
        tried_at=now,
        error="",
    )
    await asyncio.to_thread(keep_order, tools.store, done, now)
    return certified


async def install(tools: AcmeTools, name: str, certified: tls.CertifiedKey) -> None:
    """Keep key and chain in one step, and have a running gateway serve them from now on."""
    now, store = tools.clock.wall(), tools.store
    async with tools.committing:
        if keyring.waits(store, name):
            # A later commit would put that in the place of what came now.
            raise AcmeTrouble("a change of this certificate waits for its commit")
        if tools.installer is None or name not in tools.in_use:
            await asyncio.to_thread(keyring.put, store, name, certified, now)
            return
        try:
            await tools.installer.install(keyring.change(name, certified), name)
        except CannotInstall as error:
            raise AcmeTrouble(f"the new certificate cannot be served: {error}") from error


async def refresh_suggestion(tools: AcmeTools, order: StandingOrder) -> StandingOrder:
    """Ask the server when it wants the certificate renewed, where it is time to ask."""
    now = tools.clock.wall()
    leaf = held_leaf(tools.store, order)
    if leaf is None or now < order.ask_again_at:
        return order
    client = _client()
    pem, key = leaf.public_bytes(Encoding.PEM), await _account_key(tools, order)

    def ask() -> tuple[float | None, float]:
        with client.conversation(order.directory, key, order.ca.encode() or None) as talk:
            found: tuple[float | None, float] = talk.renewal(pem)
            return found

    try:
        suggested, again = await asyncio.to_thread(ask)
    except client.AcmeFailed:
        suggested, again = order.suggested_at, now + ARI_SECONDS
    asked = msgspec.structs.replace(
        order, suggested_at=_settled(order, suggested, leaf), ask_again_at=max(again, now + 60)
    )
    await asyncio.to_thread(keep_order, tools.store, asked, now)
    return asked


def _settled(order: StandingOrder, suggested: float | None, leaf: x509.Certificate) -> float | None:
    """The library rolls dice in the server's window each time; the first roll that is sooner wins.

    A time after the end would be no renewal: then the third of the lifetime decides.
    """
    if suggested is None or suggested >= leaf.not_valid_after_utc.timestamp():
        return None
    return suggested if order.suggested_at is None else min(suggested, order.suggested_at)


async def _ordered(tools: AcmeTools, order: StandingOrder) -> tls.CertifiedKey:
    client = _client()
    account = await _account_key(tools, order)
    key_pem = await asyncio.to_thread(_certificate_key, tools.store, order)
    request = _request(key_pem, order.domains)
    async with AsyncExitStack() as stack:
        try:
            entered = client.conversation(order.directory, account, order.ca.encode() or None)
            talk = await asyncio.to_thread(entered.__enter__)
            stack.callback(entered.__exit__, None, None, None)
            await asyncio.to_thread(talk.sign_in, order.contact)
            answers = await asyncio.to_thread(talk.order, request, order.challenge)
            async with answering(order.challenge, answers, tools.means, order.hook):
                await asyncio.to_thread(talk.ready)
                await _proven(talk)
                pem = await _collected(talk, tools.clock)
        except (client.AcmeFailed, ChallengeFailed) as failed:
            raise AcmeTrouble(str(failed)) from None
    found = tls.load(key_pem, pem)
    if isinstance(found, tls.CertificateFault):
        raise AcmeTrouble(f"the server sends something unusable: {found.text}")
    missing = _uncovered(found, order.domains)
    if missing:
        raise AcmeTrouble(f"the server's certificate does not cover {', '.join(missing)}")
    return found


async def _proven(talk: "Conversation") -> None:
    try:
        async with asyncio.timeout(VALIDATION_SECONDS):
            while not await asyncio.to_thread(talk.proven):
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AcmeTrouble("the server does not look for the answer in time") from None


async def _collected(talk: "Conversation", clock: Clock) -> bytes:
    await asyncio.to_thread(talk.finalize)
    ends = clock.monotonic() + ISSUE_SECONDS
    while clock.monotonic() < ends:
        # Short steps: a thread cannot be ended, and the gateway waits for it when it stops.
        pem = await asyncio.to_thread(talk.collect, clock.wall() + STEP_SECONDS)
        if pem is not None:
            return pem
    raise AcmeTrouble("the server does not issue the certificate in time")


async def _account_key(tools: AcmeTools, order: StandingOrder) -> bytes:
    """The key of our account at this server, made at the first order."""
    place = _ACCOUNT + hashlib.sha256(f"{order.directory}\n{order.contact}".encode()).hexdigest()

    def key() -> bytes:
        known = tools.store.secrets.get(place)
        if known is None:
            known = tls.pem_of_key(tls.create_key(tls.KeyKind.P256))
            tools.store.secrets.put(place, known, tools.clock.wall())
        return known

    return await asyncio.to_thread(key)


def _certificate_key(store: Store, order: StandingOrder) -> bytes:
    if order.keep_key and order.name in keyring.names(store):
        return keyring.get(store, order.name).key_pem
    return tls.pem_of_key(tls.create_key(tls.KeyKind(order.key_type)))


def _request(key_pem: bytes, domains: tuple[str, ...]) -> bytes:
    key = tls.read_key(key_pem)
    if isinstance(key, tls.CertificateFault):
        raise AcmeTrouble(key.text)
    names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    # An empty subject: CAs take the names from here (RFC 8555 §7.4), and a CN has 64 octets only.
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


def _uncovered(certified: tls.CertifiedKey, domains: tuple[str, ...]) -> list[str]:
    leaf = _leaf(certified)
    covered = frozenset[str]() if leaf is None else tls.names_of(leaf)
    return [domain for domain in domains if domain.lower() not in covered]


def _leaf(certified: tls.CertifiedKey) -> x509.Certificate | None:
    chain = tls.read_certificates(certified.chain_pem[0])
    return None if isinstance(chain, tls.CertificateFault) else chain[0]


def _client() -> ModuleType:
    """The module that needs the library; raises AcmeTrouble where it is not installed."""
    try:
        from gatehouse.service.trust import acme_client
    except ImportError:
        raise AcmeTrouble(
            "the acme library is not installed: pip install 'mailgatehouse[acme]'"
        ) from None
    return acme_client
