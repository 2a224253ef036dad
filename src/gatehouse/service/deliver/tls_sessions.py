# SPDX-License-Identifier: Apache-2.0
"""The client side of TLS for one configuration: contexts, and sessions that may be resumed.

There is one context for each way in which TLS is spoken (profile, client certificate, with and
without finite-field DH). A saved session is found again only for the same host, address, port and
the same demands of a plan: what one policy proved is never used under another (RFC 8446 §8,
hostile-input principle 17). A new configuration makes a new one of these, and so empties it.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from gatehouse.config.tls_settings import VERSIONS
from gatehouse.policy.destinations import DestinationControl, TlsDemands
from gatehouse.policy.outbound_values import HostPlan
from gatehouse.policy.tls_profiles import TlsProfile, TlsVersionName
from gatehouse.service.deliver.link import Link
from gatehouse.service.trust.keyring import NoSuchCertificate
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.contexts import ClientTlsSettings, TlsSetupError
from gatehouse.tls.engine import ClientContext, SavedSession
from gatehouse.tls.profiles import CLIENT_CIPHERS

# A session is a few kilobytes with its ticket; the least recently used go.
MAX_SESSIONS = 2_000


@dataclass(frozen=True, slots=True)
class Manner:
    """One way in which TLS is spoken."""

    certificate: str
    profile: TlsProfile
    min_version: TlsVersionName
    without_dh: bool = False


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Where a session belongs: the peer, how TLS is spoken, and all that it has to prove."""

    host: str
    ip: str
    port: int
    manner: Manner
    policy: Hashable


class ClientTls:
    """Opens TLS towards destinations; `certificate_of` raises for a name that is not there."""

    def __init__(self, certificate_of: Callable[[str], CertifiedKey], default: str) -> None:
        self._certificate_of = certificate_of
        self._default = default
        self._contexts: dict[Manner, ClientContext] = {}
        self._without_dh: set[tuple[TlsProfile, TlsVersionName]] = set()  # seen to be possible
        self._sessions: OrderedDict[SessionKey, SavedSession] = OrderedDict()

    def manner(self, demands: TlsDemands, *, without_dh: bool = False) -> Manner:
        """How a destination is spoken to."""
        lowest = demands.tls_profile.min_version
        if demands.min_tls is not None and demands.min_tls.rank > lowest.rank:
            lowest = demands.min_tls
        certificate = demands.client_certificate or self._default
        return Manner(certificate, demands.tls_profile, lowest, without_dh)

    def context(self, manner: Manner) -> ClientContext:
        """The context for it; raises TlsSetupError or NoSuchCertificate where it is first made."""
        found = self._contexts.get(manner)
        if found is None:
            profile = manner.profile
            settings = ClientTlsSettings(
                certificate=self._certificate_of(manner.certificate),
                min_version=VERSIONS[manner.min_version],
                max_version=VERSIONS[profile.max_version],
                ciphers=profile.ciphers or CLIENT_CIPHERS,
                groups=profile.groups,
                security_level=profile.security_level,
                without_dhe=manner.without_dh,
            )
            found = self._contexts[manner] = ClientContext(settings)
        return found

    def resume(self, key: SessionKey) -> SavedSession | None:
        """A session to resume, for any number of connections until a newer one is kept.

        RFC 8446 §C.4 asks for one use of a ticket, so that people cannot be followed by it. Who we
        are is no secret to a mail server, and one use would cost parallel connections a handshake.
        """
        found = self._sessions.get(key)
        if found is not None:
            self._sessions.move_to_end(key)
        return found

    def keep(self, key: SessionKey, link: Link) -> None:
        """Remember the session of a connection that ends."""
        saved = link.saved_session()
        if saved is not None:
            self._sessions[key] = saved
            self._sessions.move_to_end(key)
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)

    def fault(self, demands: TlsDemands) -> str:
        """Why a destination cannot be spoken to with its settings; "" when it can.

        Leaving finite-field DH out is a matter of ciphers, so that it is tried with one certificate
        for each profile and not with hundreds: a commit waits for this.
        """
        manner = self.manner(demands)
        ciphers = (manner.profile, manner.min_version)
        try:
            self.context(manner)
            if ciphers not in self._without_dh:
                self.context(self.manner(demands, without_dh=True))
                self._without_dh.add(ciphers)
        except (TlsSetupError, NoSuchCertificate) as error:
            return str(error)
        return ""


def policy_of(plan: HostPlan, control: DestinationControl) -> Hashable:
    """All that decides about a connection's identity.

    Where the identity is not acted on, any domain may resume what another began with the same host
    (the certificate is judged again); where it is, the references with the domain are part of it.
    """
    if not plan.acts:
        return plan.level
    demands = control.demands
    return (
        plan.level,
        plan.proofs,
        plan.references,
        plan.sni,
        plan.needs_requiretls,
        demands.trust,
        demands.ca_certificates,
        demands.weak_basis,
    )
