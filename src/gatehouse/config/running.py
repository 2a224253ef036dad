# SPDX-License-Identifier: Apache-2.0
"""The configuration as it runs: complete values, nothing to look up, nothing to inherit.

Services take what they need from here. No value holds a secret, and none refers to the schema.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from gatehouse.mail.address import Address
from gatehouse.policy.access import AddressSet, HostAccessTable
from gatehouse.policy.alarms import Pacing, Subscriber
from gatehouse.policy.destinations import DestinationTable
from gatehouse.policy.inbound_values import Entrance
from gatehouse.policy.recipients import RecipientAccessTable
from gatehouse.policy.retry import BounceProfile
from gatehouse.policy.route_table import RouteTable
from gatehouse.policy.routes import Ourselves
from gatehouse.policy.sender_overrides import SenderOverrides
from gatehouse.policy.smart_hosts import SmartHost
from gatehouse.policy.smtp_auth import AuthProfile
from gatehouse.policy.tls_profiles import TlsProfile


class ListenerType(enum.Enum):
    """Which side of the gateway a listener faces."""

    PUBLIC = "public"  # strangers; the recipient access table applies
    PRIVATE = "private"  # the inside


class TlsMode(enum.Enum):
    """When TLS begins on a listener."""

    STARTTLS = "starttls"  # in the dialogue, if the policy of the client says so
    IMPLICIT = "implicit"  # with the first byte (RFC 8314 §3.3)


class RelayEncryption(enum.Enum):
    """How the connection to the notification relay is protected."""

    STARTTLS = "starttls"  # in the dialogue; without it nothing is sent
    SMTPS = "smtps"  # with the first byte
    NONE = "none"  # in clear


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An address of this machine and the name it greets by."""

    name: str
    address: str
    hostname: str
    https_certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A place where mail comes in."""

    name: str
    type: ListenerType
    interface: Interface
    port: int
    tls_mode: TlsMode
    certificate: str
    max_concurrency: int
    access: HostAccessTable
    certificates: tuple[str, ...]  # all of them, the default first; the others are chosen by SNI
    recipients: RecipientAccessTable | None  # None: private, every recipient is fine
    default_domain: str | None
    proxies: AddressSet  # who must speak the PROXY protocol
    xclients: AddressSet  # who may use XCLIENT
    delayed_reject: bool
    idle_timeout: int
    connection_timeout: int
    auth: AuthProfile
    tls_profile: TlsProfile
    bounce_profile: str = "default"  # of mail that came in here, where its destination names none

    @property
    def entrance(self) -> Entrance:
        """What it asks of every client, for the decisions about them."""
        return Entrance(
            listener=self.name,
            interface=self.interface.name,
            interface_ip=self.interface.address,
            hostname=self.interface.hostname,
            public=self.type is ListenerType.PUBLIC,
            recipients=self.recipients,
            default_domain=self.default_domain,
            delayed_reject=self.delayed_reject,
            implicit_tls=self.tls_mode is TlsMode.IMPLICIT,
            max_connections=self.max_concurrency,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What all outgoing connections have in common."""

    certificate: str
    interface: str | None
    hostname: str  # said in EHLO
    alert_on_required_tls_failure: bool
    dns_servers: tuple[tuple[str, int], ...]  # (address, port); none: the system's resolver
    dns_trusted: bool | None  # their AD bit counts; None: when all of them are on loopback
    uses_dane: bool  # at least one destination asks for it
    smtp_port: int
    mta_sts_port: int
    mta_sts_internal: bool
    max_connections: int
    connect_timeout: int
    starttls_timeout: int
    dns_timeout: int
    idle_timeout: int
    transaction_timeout: int
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRelay:
    """The relay that notifications go through; its password is kept elsewhere."""

    server: str
    port: int
    encryption: RelayEncryption
    from_email: str
    username: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlSource:
    """Where a revocation list is fetched, and how often."""

    url: str
    interval: int
    internal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlSettings:
    """Whose certificates are looked up in which lists."""

    sources: tuple[CrlSource, ...]
    check_clients: bool
    check_servers: bool
    fail_open: bool  # without a usable list: accept, or refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings:
    """How challenges of a certificate authority are answered."""

    http_address: str
    http_port: int
    hook_timeout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """When a log file is rolled over, and how many are kept."""

    rollover_size: int
    keep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Limits of what is kept on disk."""

    disk_reserve: int
    max_received_hops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """How the work is shared out; 0 receivers stands for one per processor."""

    receivers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportSettings:
    """How TLS reports are sent; `receive_at` is where those of others come to."""

    enabled: bool
    from_address: str | None
    organization: str
    contact: str | None
    spread: int  # seconds
    internal: bool
    receive_at: str | None  # canonical text in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Who gets alarms by mail, how often equal ones are told, and by which smart host they go."""

    from_address: Address
    pacing: Pacing
    smart_host: str | None
    subscribers: tuple[Subscriber, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """Whose certificates are believed beside the custom list."""

    system: bool
    system_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSettings:
    """The shell over SSH: where it is reached, and how people may log in."""

    address: str
    port: int
    password_login: bool  # else keys only
    idle_timeout: int
    max_sessions: int
    banner: str  # shown before a login; "" for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One complete configuration."""

    hostname: str
    interfaces: Mapping[str, Interface]
    listeners: tuple[Listener, ...]
    routes: RouteTable
    destinations: DestinationTable
    sender_overrides: SenderOverrides
    bounce_profiles: Mapping[str, BounceProfile]  # "default" is always there
    smart_hosts: Mapping[str, SmartHost]
    delivery: DeliverySettings
    ourselves: Ourselves
    notification_relay: NotificationRelay | None
    crl: CrlSettings
    acme: AcmeSettings
    tls_reporting: TlsReportSettings
    alerts: AlertSettings
    logs: LogSettings
    queue: QueueSettings
    processes: ProcessSettings
    trust: TrustSettings
    ssh: SshSettings | None = None  # None: off
    ldap_certificate: str | None = None
    url_filtering_certificate: str | None = None

    def certificate_uses(self) -> dict[str, tuple[str, ...]]:
        """Which certificates are in use, and by whom."""
        found: dict[str, tuple[str, ...]] = {}
        pairs = [(name, one.name) for one in self.listeners for name in one.certificates]
        pairs.append((self.delivery.certificate, "delivery"))
        pairs += [
            (one.demands.client_certificate, f"delivery to {one.domain}")
            for one in self.destinations
            if one.demands.client_certificate
        ]
        pairs += [
            (one.https_certificate, f"HTTPS of {name}")
            for name, one in self.interfaces.items()
            if one.https_certificate is not None
        ]
        services = (
            ("LDAP", self.ldap_certificate),
            ("URL filtering", self.url_filtering_certificate),
        )
        pairs += [(name, service) for service, name in services if name is not None]
        for certificate, user in pairs:
            found[certificate] = (*found.get(certificate, ()), user)
        return found

    @property
    def certificates(self) -> frozenset[str]:
        """Names of all certificates that are in use."""
        return frozenset(self.certificate_uses())

    def profile_of(self, domain: str, listener: str) -> BounceProfile:
        """The profile of mail to a domain that came in by a listener ("": it is our own).

        What a destination names wins over the listener, and that over the default, as on the
        modelled appliance.
        """
        name = self.destinations.lookup(domain).bounce_profile
        if name == "default":
            found = (one.bounce_profile for one in self.listeners if one.name == listener)
            name = next(found, name)
        return self.bounce_profile(name)

    def bounce_profile(self, name: str) -> BounceProfile:
        """A profile by name; a name that is gone stands for the default."""
        return self.bounce_profiles.get(name) or self.bounce_profiles["default"]
