# SPDX-License-Identifier: Apache-2.0
"""What the certificate of a client is worth: its chain, judged by our own list and the CRLs held.

Rule: the chain as presented is judged by `tls.chain`, like that of a server, but for the purpose:
public CAs stop issuing certificates for clients, and a mail server shows its server certificate.
A list of anchors that cannot be read proves nobody, it never makes everybody good. Verdicts are
remembered for a minute, for a partner's server comes again and again with the same chain.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from gatehouse.config.running import CrlSettings, Running
from gatehouse.policy.inbound_values import (
    NO_CERTIFICATE,
    CertificateState,
    ClientCertificate,
)
from gatehouse.service.trust import anchors, crl_store
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store
from gatehouse.tls import chain, paths
from gatehouse.tls.certificates import describe

REMEMBERED_SECONDS = 60.0
MAX_REMEMBERED = 512
# How soon a new revocation list counts here; the lists themselves are fetched once in hours.
REFRESH_SECONDS = 60.0
_OPTIONS = chain.VerifyOptions(purpose=chain.Purpose.CLIENT, accept_server_auth_for_clients=True)


class ClientCertificates:
    """The judge of a receiver process."""

    def __init__(self, trust: paths.TrustStore, settings: CrlSettings) -> None:
        self._trust = trust
        self._settings = settings
        self._lists: tuple[x509.CertificateRevocationList, ...] = ()
        self._known: dict[bytes, tuple[float, ClientCertificate]] = {}
        self._digests: tuple[str, ...] = ()

    def judge(self, presented: tuple[bytes, ...], at: float) -> ClientCertificate:
        """The verdict about a chain in DER, leaf first, at a unix time."""
        if not presented:
            return NO_CERTIFICATE
        key = hashlib.sha256(b"".join(presented)).digest()
        known = self._known.get(key)
        if known is not None and known[0] > at:
            return known[1]
        verdict = self._verdict(presented, datetime.fromtimestamp(at, UTC))
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = (at + REMEMBERED_SECONDS, verdict)
        return verdict

    def _verdict(self, presented: tuple[bytes, ...], at: datetime) -> ClientCertificate:
        loaded = chain.load_presented(presented)
        if isinstance(loaded, chain.ChainProblem):
            return _invalid(None, loaded.word.value)
        subject = describe(loaded[0])
        found = chain.verify(loaded, self._trust, at=at, options=_OPTIONS)
        if found.word is not None:
            return _invalid(subject, found.word.value)
        if self._settings.check_clients:
            refusal = crl_store.refusal(
                found.path, self._lists, fail_open=self._settings.fail_open, at=at
            )
            if refusal is not None and refusal.word is not None:
                return _invalid(subject, refusal.word.value)
        return ClientCertificate(state=CertificateState.VALID, subject=subject)

    def take_lists(
        self, digests: tuple[str, ...], lists: tuple[x509.CertificateRevocationList, ...]
    ) -> None:
        """Judge by these revocation lists from now on."""
        self._digests, self._lists = digests, lists
        self._known.clear()

    def read_lists(self, store: Store) -> None:
        """Read the lists from the store, if they are others than those at hand; blocks."""
        states = crl_store.states(store, self._settings)
        digests = tuple("" if one is None else one.digest for one in states)
        if digests != self._digests:
            self.take_lists(digests, crl_store.held(store, self._settings))

    async def keep_lists(self, store: Store, report: Callable[[str, BaseException], None]) -> None:
        """Look for new lists again and again."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.read_lists, store)
            except StoreError as error:
                report("revocation lists", error)


def for_clients(
    store: Store, running: Running, report: Callable[[str, BaseException], None]
) -> ClientCertificates:
    """The judge under a configuration, with what the store has."""
    try:
        trust = anchors.trust_store(store, running.trust)
    except anchors.SystemListUnusable as error:
        report("trust list for clients", error)
        trust = paths.trust_store(
            custom=anchors.custom(store).values(),
            system=(),
            intermediates=anchors.intermediates(store),
        )
    judge = ClientCertificates(trust, running.crl)
    if running.crl.check_clients:
        judge.read_lists(store)
    return judge


NOBODY = ClientCertificates(
    paths.trust_store(custom=(), system=(), intermediates=()),
    CrlSettings(sources=(), check_clients=False, check_servers=False, fail_open=True),
)
"""Of a process in which no policy asks for certificates: no certificate is good."""


def _invalid(subject: str | None, reason: str) -> ClientCertificate:
    return ClientCertificate(state=CertificateState.INVALID, subject=subject, reason=reason)
