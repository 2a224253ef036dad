# SPDX-License-Identifier: Apache-2.0
"""Whose certificates deliveries believe: the lists of the house, or what a destination pins.

The lists are read once for a revision; revocation lists change while it runs and are read again
when their state in the store has changed. `generation` grows with every change, so that nothing
that was judged before is taken for a judgement of now.
"""

import asyncio
from collections.abc import Callable, Iterable

from cryptography import x509

from gatehouse.config.running import CrlSettings, TrustSettings
from gatehouse.policy.destinations import DestinationTable, TlsDemands, TrustList
from gatehouse.policy.outbound_tls import LevelClass, level_class
from gatehouse.policy.sender_overrides import SenderOverrides
from gatehouse.policy.server_identity import Trust
from gatehouse.service.deliver.tls_sessions import ClientTls
from gatehouse.service.trust import anchors, crl_store
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import Store
from gatehouse.tls.certificates import CertificateFault, read_certificates
from gatehouse.tls.paths import TrustStore, trust_store

PEM_BEGIN = "-----BEGIN"
# How often the state of the revocation lists is looked at; the supervisor fetches them.
LOOK_SECONDS = 60.0

Key = tuple[tuple[TrustList, ...], tuple[str, ...]]


class TrustUnusable(Exception):
    """A destination demands verification, and there is nothing to verify by; the text says why."""


def check_demands(
    table: DestinationTable, overrides: SenderOverrides, book: "TrustBook", tls: ClientTls
) -> None:
    """Raise TrustUnusable where a rule demands what could never be had.

    It would not weaken anything: mail would wait, and the operator who commits had better know.
    """
    looked: set[tuple[TlsDemands, bool]] = set()
    for control in table:
        demands = control.demands
        levels = (control.tls, *(one.tls for one in overrides))
        verified = any(level_class(one) is LevelClass.MANDATORY_VERIFY for one in levels)
        if (demands, verified) in looked:
            continue
        looked.add((demands, verified))
        fault = tls.fault(demands)
        if not fault and (demands.ca_certificates or verified) and not demands.pinned_fingerprints:
            fault = book.fault(demands)
        if fault:
            raise TrustUnusable(f"destination {control.domain}: {fault}")


class TrustBook:
    """The trust stores of one revision."""

    def __init__(
        self,
        store: Store,
        trust: TrustSettings,
        crl: CrlSettings,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._trust = trust
        self._crl = crl
        self._monotonic = monotonic
        self._stores: dict[Key, TrustStore] = {}
        self._trusts: dict[Key, Trust] = {}
        self._lists: tuple[x509.CertificateRevocationList, ...] | None = None
        self._states: tuple[str, ...] = ()
        self._looked = float("-inf")
        self.generation = 0

    def trust_for(self, demands: TlsDemands) -> Trust:
        """What a destination's servers are judged by; an unusable list is an empty one."""
        key = (demands.trust, demands.ca_certificates)
        found = self._trusts.get(key)
        if found is None:
            try:
                anchored = self._stores[key] = self._stores.get(key) or self._read(demands)
            except (TrustUnusable, anchors.SystemListUnusable, StoreError):
                anchored = trust_store()  # nothing verifies, so nothing that demands it is sent
            found = self._trusts[key] = Trust(
                store=anchored, lists=self._lists, fail_open=self._crl.fail_open
            )
        return found

    def fault(self, demands: TlsDemands) -> str:
        """Why nothing can be verified by what a destination goes by; "" when it can."""
        key = (demands.trust, demands.ca_certificates)
        try:
            if key not in self._stores:
                self._stores[key] = self._read(demands)
        except (TrustUnusable, anchors.SystemListUnusable, StoreError) as error:
            return str(error)
        return "" if self._stores[key].anchors else "the trust lists hold no certificate"

    async def refresh(self) -> None:
        """See whether there are other revocation lists now; quick when it was done a moment ago."""
        if not self._crl.check_servers or self._monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._monotonic()
        try:
            states = await asyncio.to_thread(self._list_states)
            if states == self._states and self._lists is not None:
                return
            lists = await asyncio.to_thread(crl_store.held, self._store, self._crl)
        except StoreError:
            # The lists that were read before go on; where there are none, on_unavailable decides.
            lists, states = self._lists or (), self._states
        self._lists, self._states = lists, states
        self._trusts.clear()
        self.generation += 1

    def _list_states(self) -> tuple[str, ...]:
        known = crl_store.states(self._store, self._crl)
        return tuple("" if state is None else state.digest for state in known)

    def _read(self, demands: TlsDemands) -> TrustStore:
        helpers = anchors.intermediates(self._store)
        if demands.ca_certificates:
            return trust_store(custom=self._pinned(demands.ca_certificates), intermediates=helpers)
        wanted = demands.trust
        return trust_store(
            custom=anchors.custom(self._store).values() if TrustList.CUSTOM in wanted else (),
            system=anchors.system(self._trust) if TrustList.SYSTEM in wanted else (),
            intermediates=helpers,
        )

    def _pinned(self, wanted: Iterable[str]) -> list[x509.Certificate]:
        """Certificates by their names in the custom list, or as PEM."""
        known = anchors.custom(self._store)
        found: list[x509.Certificate] = []
        for one in wanted:
            if one.lstrip().startswith(PEM_BEGIN):
                read = read_certificates(one.encode("utf-8", "replace"))
                if isinstance(read, CertificateFault):
                    raise TrustUnusable(f"a certificate in ca_certificates: {read.text}")
                found += read
            elif one in known:
                found.append(known[one])
            else:
                raise TrustUnusable(f"the custom list has no certificate {one!r}")
        return found
