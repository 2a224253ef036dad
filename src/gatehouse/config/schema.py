# SPDX-License-Identifier: Apache-2.0
"""Every section and field of the configuration, declared once: type, bounds, default, help.

The parser, the messages, the text form and the reference manual are made from these declarations.
A field that is None was not set, and inherits: a mail flow policy from the default policy, a
destination from the default entry, a bounce profile from the default profile. Unknown fields are
refused, never skipped: a misspelt `tls` must not become a default.
"""

import enum
import functools
import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from gatehouse.config import partial, places, units
from gatehouse.mail import address
from gatehouse.policy import (
    alarms,
    destinations,
    fetch_targets,
    mail_flow,
    members,
    outbound_tls,
    retry,
    smart_hosts,
    smtp_auth,
    tls_profiles,
)
from gatehouse.smtp import sasl, saslprep

FORMAT = 1
MAX_ENTRIES = 200_000  # our own: entries of one table
MAX_TEXT = 400  # RFC 5321 §4.5.3.1.5: a reply line has 512 octets, codes and line end included
MAX_BLOCKS = 20_000  # our own: blocks of one table of [reputation]
MAX_CIPHERS = 4096  # our own: OpenSSL's own list of all suites has some 3,000 characters
MAX_COMMENT = 500  # our own: a few lines for people
MAX_BANNER = 2000  # our own: what fits on a screen
MAX_MACHINES = 100  # our own: the modelled appliance reports trouble above 20
MAX_WITHOUT = 1000  # our own: paths that one level takes away
DEFAULT_CERTIFICATE = "Demo"
DEFAULT_POLICY = "default"  # [mail_flow_policies.default]
DEFAULT_DESTINATION = "default"  # [destination_controls.default]
DEFAULT_PROFILE = "default"  # [bounce_profiles.default]


def _ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("an IPv4 or IPv6 address") from None


def _host(value: str) -> str:
    name = address.parse_domain(value)
    if name is None or name.startswith("["):
        raise ValueError("a host name")
    return name


def _host_or_nothing(value: str) -> str:
    return _host(value) if value else value


def _mailbox(value: str) -> str:
    parsed = address.parse_mailbox(value.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, address.AddressFault):
        raise ValueError(f"a mail address ({parsed.reason})")
    return value


def _endpoint(value: str) -> str:
    """host:port or [address]:port of a DNS server; the port may be left out."""
    host, colon, port = value.rpartition(":")
    if value.endswith("]") or not colon:
        host, port = value, "53"
    elif ":" in host and not host.startswith("["):
        host, port = value, "53"  # a bare IPv6 address
    if not port.isdecimal() or len(port) > 5 or not 1 <= int(port) <= 65_535:
        raise ValueError("an address, or address:port with a port from 1 to 65535")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError("an address, or address:port") from None
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def _crl_url(value: str) -> str:
    target = fetch_targets.parse_target(value)
    if isinstance(target, fetch_targets.TargetFault):
        raise ValueError(target.reason)
    return value


def _country(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError('two capital letters (ISO 3166-1): "KR"')
    return value


def _block(value: str) -> str:
    if not isinstance(members.parse_member(value), members.AddressSpan):
        raise ValueError("an address, a range or a CIDR block")
    return value


def _reply_text(value: str) -> str:
    # A control character in a reply would let the text end our line and begin one of its own.
    if not (value.isascii() and value.isprintable()):
        raise ValueError("printable ASCII text in one line")
    return value


def _lines_of_text(value: str) -> str:
    # A control character would let a banner move the cursor on the screens of those who log in.
    if not all(line.isprintable() for line in value.split("\n")):
        raise ValueError("printable text; lines end with a line feed")
    return value


def _choice(kind: type[enum.Enum]) -> BeforeValidator:
    """The members of an enumeration by their words, in any case."""
    words = {str(one.value).lower(): one for one in kind}

    def read(value: object) -> object:
        if isinstance(value, kind):
            return value
        chosen = words.get(value.lower()) if isinstance(value, str) else None
        if chosen is None:
            raise ValueError(", ".join(words))
        return chosen

    return BeforeValidator(read)


def _on_off(value: object) -> object:
    return {"on": True, "off": False}.get(value.lower(), value) if isinstance(value, str) else value


_switch = BeforeValidator(_on_off)
_PIN = re.compile(r"sha256:(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})", re.IGNORECASE)
_CIPHERS = re.compile(r"[A-Za-z0-9_+!:@=, -]*")  # OpenSSL's grammar, ciphers(1)
_GROUP = re.compile(r"[A-Za-z0-9_-]+")


def _pin(value: str) -> str:
    if _PIN.fullmatch(value) is None:
        raise ValueError("sha256: and 64 hexadecimal digits, in pairs with colons or without")
    return value


def _min_tls(value: tls_profiles.TlsVersionName) -> tls_profiles.TlsVersionName:
    if value.outdated:
        raise ValueError("1.2 or 1.3; an older version needs a tls_profile that says so")
    return value


def why_no_ciphers(value: str) -> str | None:
    """Why a text cannot be a cipher string, from its form alone; None: it can."""
    fits = len(value) <= MAX_CIPHERS and _CIPHERS.fullmatch(value) is not None
    return None if fits else "a cipher string of OpenSSL"


def _ciphers(value: str) -> str:
    if (why := why_no_ciphers(value)) is not None:
        raise ValueError(why)
    return value


def _group(value: str) -> str:
    if _GROUP.fullmatch(value) is None:
        raise ValueError("the name of a key exchange group")
    return value


def _policy_name(value: str) -> str:
    """The appliance writes $ACCEPTED; here both forms name the same policy."""
    return value.removeprefix("$")


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
PolicyName = Annotated[
    str, Field(pattern=r"^\$?[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"), AfterValidator(_policy_name)
]
CertificateName = Annotated[str, Field(min_length=1, max_length=128)]
Size = Annotated[int, BeforeValidator(units.parse_size), "size"]
Duration = Annotated[int, BeforeValidator(units.parse_duration), "duration"]
Host = Annotated[str, Field(max_length=255), AfterValidator(_host)]
HostOrNothing = Annotated[str, Field(max_length=255), AfterValidator(_host_or_nothing)]
Ip = Annotated[str, Field(max_length=64), AfterValidator(_ip)]
Mailbox = Annotated[str, Field(max_length=320), AfterValidator(_mailbox)]
DnsServer = Annotated[str, Field(max_length=80), AfterValidator(_endpoint)]
CrlUrl = Annotated[str, Field(max_length=fetch_targets.MAX_URL), AfterValidator(_crl_url)]
ReplyText = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_reply_text)]
BannerText = Annotated[str, Field(max_length=MAX_BANNER), AfterValidator(_lines_of_text)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
RefusalCode = Annotated[int, Field(ge=400, le=599)]
Score = Annotated[float, Field(ge=-10.0, le=10.0)]  # members.SCORE_LIMIT
CountryCode = Annotated[str, Field(max_length=2), AfterValidator(_country)]
Block = Annotated[str, Field(max_length=members.MAX_MEMBER), AfterValidator(_block)]
OwnerNumber = Annotated[int, Field(ge=0, le=10**18)]
Behavior = Annotated[mail_flow.Behavior, _choice(mail_flow.Behavior)]
TlsDemand = Annotated[mail_flow.TlsDemand, _choice(mail_flow.TlsDemand)]
AuthDemand = Annotated[mail_flow.AuthDemand, _choice(mail_flow.AuthDemand)]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]  # 0: no limit
TlsLevel = Annotated[outbound_tls.OutboundTlsLevel, _choice(outbound_tls.OutboundTlsLevel)]
SmartTls = Annotated[smart_hosts.SmartTls, _choice(smart_hosts.SmartTls)]
PasswordOver = Annotated[smart_hosts.PasswordOver, _choice(smart_hosts.PasswordOver)]
DaneUse = Annotated[destinations.DaneUse, _choice(destinations.DaneUse)]
WeakBasis = Annotated[destinations.WeakBasis, _choice(destinations.WeakBasis)]
TrustList = Annotated[destinations.TrustList, _choice(destinations.TrustList)]
LimitType = Annotated[destinations.LimitType, _choice(destinations.LimitType)]
TlsVersionName = Annotated[tls_profiles.TlsVersionName, _choice(tls_profiles.TlsVersionName)]
MinTls = Annotated[TlsVersionName, AfterValidator(_min_tls)]
PinnedCa = Annotated[str, Field(min_length=1, max_length=20_000)]
Pin = Annotated[str, Field(max_length=120), AfterValidator(_pin)]
CipherText = Annotated[str, Field(max_length=MAX_CIPHERS), AfterValidator(_ciphers)]
GroupName = Annotated[str, Field(max_length=40), AfterValidator(_group)]
IpPreference = Annotated[destinations.IpPreference, _choice(destinations.IpPreference)]


def _mechanism(value: object) -> object:
    name = value.upper() if isinstance(value, str) else None
    if name not in sasl.MECHANISMS:
        raise ValueError(", ".join(sasl.MECHANISMS))
    return name


def _sender_entry(value: str) -> str:
    try:
        smtp_auth.sender_list([value])
    except ValueError:
        raise ValueError('user@domain, domain, .domain, user@ or "*"') from None
    return value


def _user_name(value: str) -> str:
    name = saslprep.prepare_name(value, stored=True)
    if name is None:
        raise ValueError("a user name without spaces")
    if name != value:  # two spellings of one name must not hide each other
        raise ValueError(f"the user name in its one form, {name!r}")
    return value


Mechanism = Annotated[str, BeforeValidator(_mechanism), "mechanism"]
SenderEntry = Annotated[str, Field(max_length=320), AfterValidator(_sender_entry)]
UserName = Annotated[str, Field(max_length=saslprep.MAX_NAME), AfterValidator(_user_name)]


def _alert_class(value: object) -> object:
    words = {word.lower(): word for word in (alarms.ALL_CLASSES, *alarms.AlarmClass)}
    chosen = words.get(value.lower()) if isinstance(value, str) else None
    if chosen is None:
        raise ValueError(", ".join(words.values()))
    return str(chosen)


AlarmSeverity = Annotated[alarms.AlarmSeverity, _choice(alarms.AlarmSeverity)]
AlertClass = Annotated[str, BeforeValidator(_alert_class), "alert class"]


class Section(BaseModel):
    """What all sections have in common: no guessing of types, no unknown fields, no change."""

    # Built when it is first used: a section of a document is never read by itself.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class System(Section):
    """[system]: the machine."""

    hostname: Host = Field(
        default="localhost.localdomain",
        description="Names the machine in log headers and message ids; no part of TLS identity.",
    )


class Interface(Section):
    """[interfaces.NAME]: an address of this machine, with the name it greets by."""

    address: Ip = Field(description="IPv4 or IPv6 address of this machine to listen on.")
    hostname: Host | None = Field(
        default=None,
        description="Name in greeting and EHLO; should be in the listener's certificate. "
        "Not set: system.hostname.",
    )
    https_certificate: CertificateName | None = Field(
        default=None, description="Certificate for HTTPS on this interface."
    )


class RecipientAccess(Section):
    """One entry of recipient_access; the first that fits decides."""

    recipient: str = Field(
        max_length=320, description="domain, .domain, user@, user@domain, [address] or ALL."
    )
    access: Literal["accept", "reject"] = Field(description="Take mail for it, or refuse it.")
    code: RefusalCode | None = Field(default=None, description="Reply code of the refusal: 550.")
    text: ReplyText | None = Field(default=None, description="Text of the refusal.")
    comment: str | None = Field(default=None, max_length=MAX_COMMENT, description="For people.")


class SenderGroup(Section):
    """One group of the host access table; the first that matches wins."""

    name: Name | None = Field(
        default=None,
        description="Name of the group, as the log prints it; ALL is the last. "
        "Not set: members outside any group; the log prints None.",
    )
    members: list[str] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Addresses, partial addresses, ranges, CIDR blocks, host names, .domain, "
        "nx.domain, serv.fail, not.double.verified, dnslist[ZONE], ALL; by what [reputation] "
        "says SBRS[-10.0:-3.0], SBO:NUMBER, country[KR].",
    )
    policy: PolicyName = Field(description="Name of the mail flow policy.")
    comment: str | None = Field(default=None, max_length=MAX_COMMENT, description="For people.")


class Listener(Section):
    """[listeners.NAME]: a place where mail comes in."""

    type: Literal["public", "private"] = Field(
        description="public: faces strangers, has a recipient table; private: takes from inside."
    )
    interface: Name = Field(description="Name of the interface it listens on.")
    port: Port = Field(default=25, description="TCP port.")
    tls_mode: Literal["starttls", "implicit"] = Field(
        default="starttls", description="STARTTLS in the dialogue, or TLS from the first byte."
    )
    certificate: CertificateName = Field(
        default=DEFAULT_CERTIFICATE, description="Certificate name."
    )
    certificates: list[CertificateName] = Field(
        default_factory=list,
        max_length=100,
        description="More certificates; one is served to clients that ask for a name in it (SNI).",
    )
    tls_profile: Name | None = Field(
        default=None, description="Name of the TLS profile. Not set: ssl.inbound_profile."
    )
    max_concurrency: Count = Field(default=1000, description="Connections at the same time.")
    bounce_profile: Name | None = Field(
        default=None,
        description="Bounce profile of mail that comes in here and whose destination names none.",
    )
    recipient_access: list[RecipientAccess] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="Whom mail is taken for; what no entry fits is refused. Public only.",
    )
    sender_groups: list[SenderGroup] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="The host access table. None: the usual groups of the listener's type.",
    )
    default_domain: Host | None = Field(
        default=None,
        description="Domain put behind addresses without one. Not set: such addresses are refused.",
    )
    proxy_protocol_from: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Addresses, ranges and CIDR blocks of load balancers; they must speak the "
        "PROXY protocol, v1 or v2, and only they may.",
    )
    xclient_from: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Addresses, ranges and CIDR blocks of clients that may use XCLIENT.",
    )
    smtp_auth_profile: Name = Field(
        default=smtp_auth.BUILT_IN,
        description="Name of the SMTP AUTH profile of this listener; local is built in.",
    )
    delayed_reject: bool = Field(
        default=False,
        description="Refuse REJECT clients at RCPT TO, so that sender and recipient are logged.",
    )
    idle_timeout: Duration = Field(
        default=300, ge=1, le=3600, description="Silence before a client is disconnected."
    )
    connection_timeout: Duration = Field(
        default=900, ge=30, le=86_400, description="Whole time that one connection may take."
    )


class MailFlowPolicy(Section):
    """[mail_flow_policies.NAME]: what clients of a group may do and must offer."""

    behavior: Behavior | None = Field(
        default=None,
        description="accept: mail for whom recipient_access names; relay: mail for everybody; "
        "reject: greet with a refusal; tcprefuse: close without a greeting; continue: go on with "
        "the next group.",
    )
    tls: TlsDemand | None = Field(
        default=None,
        description="STARTTLS is off: not offered; preferred: offered; required: nothing else "
        "before it.",
    )
    verify_client_certificate: bool | None = Field(
        default=None, description="Ask for a client certificate and verify it."
    )
    tls_mandatory_list: (
        Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=MAX_ENTRIES)] | None
    ) = Field(
        default=None,
        description="Senders that must use TLS although it is only preferred: domain, .domain, "
        "user@ or user@domain.",
    )
    smtp_auth: AuthDemand | None = Field(
        default=None,
        description="AUTH is off: not offered; preferred: offered; required: no mail before it.",
    )
    auth_needs_tls: bool | None = Field(
        default=None, description="Offer AUTH under TLS only: true."
    )
    max_message_size: Size | None = Field(
        default=None, ge=1024, le=2**40, description="Largest message; announced as SIZE."
    )
    max_messages_per_connection: Count | None = Field(
        default=None, description="Messages before 421."
    )
    max_recipients_per_message: Count | None = Field(
        default=None, description="Recipients before 452."
    )
    max_connections_per_client: Count | None = Field(
        default=None, description="Connections at the same time from one address."
    )
    max_recipients_per_hour: Limit | None = Field(
        default=None,
        description="Recipients in an hour from one address, counted over all listeners; 0: any.",
    )
    max_sender_recipients_per_hour: Limit | None = Field(
        default=None, description="Recipients in an hour from one envelope sender; 0: any."
    )
    rate_code: RefusalCode | None = Field(
        default=None, description="Reply code above these limits: 452."
    )
    rate_text: ReplyText | None = Field(
        default=None, description="Text above these limits; the variables of banner_text expand."
    )
    dhap_limit: Limit | None = Field(
        default=None,
        description="Refused recipients in an hour from one address before all further ones are "
        "refused (directory harvest attack prevention): 25; 0: any.",
    )
    dhap_drop_connection: bool | None = Field(
        default=None, description="Close the connection at that limit: true."
    )
    check_sender_domain: bool | None = Field(
        default=None, description="Refuse senders whose domain does not exist in DNS."
    )
    banner_code: Annotated[int, Field(ge=200, le=299)] | None = Field(
        default=None, description="Code of the greeting: 220."
    )
    banner_text: ReplyText | None = Field(
        default=None,
        description="Text behind the host name; $Group, $Hostname, $RemoteIP, $HATEntry expand.",
    )
    banner_host: HostOrNothing | None = Field(
        default=None, description="Host name in the greeting; empty: none."
    )
    reject_code: RefusalCode | None = Field(default=None, description="Code of a refusal: 554.")
    reject_text: ReplyText | None = Field(default=None, description="Text of a refusal.")


class SmtpAuthProfile(Section):
    """[smtp_auth_profiles.NAME]: what the users of a listener may use and do after AUTH."""

    mechanisms: list[Mechanism] = Field(
        default_factory=lambda: list(smtp_auth.DEFAULT_MECHANISMS),
        min_length=1,
        max_length=len(sasl.MECHANISMS),
        description="What is offered. EXTERNAL only where it is named: then the listener asks its "
        "clients for a certificate, and some mail programs ask the person in front of them.",
    )
    senders: dict[UserName, Annotated[list[SenderEntry], Field(max_length=MAX_ENTRIES)]] = Field(
        default_factory=dict,
        max_length=MAX_ENTRIES,
        description="User to the envelope senders he may use: user@domain, domain, .domain, user@ "
        'or "*". The user "*" stands for all who are not named. An empty table: every user may '
        "use any sender. A table that names anybody: who is not named may only use the address "
        "that is his own name. The null sender is always allowed.",
    )
    relay: bool = Field(
        default=True,
        description="Users may send to everywhere; the recipient table is not asked.",
    )
    max_failures: Annotated[int, Field(ge=1, le=20)] = Field(
        default=smtp_auth.DEFAULT_MAX_FAILURES,
        description="Failed logins on one connection before 421.",
    )


class Delivery(Section):
    """[delivery]: what all outgoing connections have in common."""

    certificate: CertificateName = Field(
        default=DEFAULT_CERTIFICATE, description="Client certificate for all outgoing TLS."
    )
    interface: Name | None = Field(
        default=None,
        description="Interface whose host name is said in EHLO. Not set: the first one.",
    )
    alert_on_required_tls_failure: bool = Field(
        default=True, description="Alert when a required TLS connection fails."
    )
    dns_servers: list[DnsServer] = Field(
        default_factory=list,
        max_length=16,
        description="address:port of each DNS server; none: the system's resolver.",
    )
    dns_trusted: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="Whether the DNS servers are believed when they say that an answer is proven by"
        " DNSSEC, which DANE rests on. auto: when all of them are on loopback.",
    )
    smtp_port: Port = Field(default=25, description="Port of the hosts that MX records name.")
    mta_sts_port: Port = Field(
        default=443, description="Port of the hosts that serve MTA-STS policies; for test beds."
    )
    mta_sts_internal: bool = Field(
        default=False, description="MTA-STS policies may be fetched from addresses inside."
    )
    max_connections: Count = Field(default=500, description="Connections at the same time.")
    connect_timeout: Duration = Field(
        default=30, ge=1, le=600, description="Wait for a TCP connection."
    )
    starttls_timeout: Duration = Field(
        default=300,
        ge=1,
        le=600,
        description="Wait for the answer to STARTTLS; the handshake waits as long, at most 30s.",
    )
    dns_timeout: Duration = Field(default=10, ge=1, le=120, description="Wait for a DNS answer.")
    idle_timeout: Duration = Field(
        default=5, ge=0, le=300, description="How long an open connection waits for more mail."
    )
    transaction_timeout: Duration = Field(
        default=3600, ge=60, le=86_400, description="Whole time that one message may take."
    )
    suspended: bool = Field(
        default=False, description="Keep all mail in the queue; nothing is delivered."
    )


class DestinationControl(Section):
    """[destination_controls."DOMAIN"]: what delivery must and may do towards a domain."""

    tls: TlsLevel | None = Field(
        default=None,
        description="none: in clear; preferred: TLS where it is offered; required: TLS or no "
        "delivery, whatever certificate; -verify: with a certificate that passes (preferred-verify "
        "only records what does not); required-verify-hosted: the names of hosted domains too.",
    )
    dane: DaneUse | None = Field(
        default=None,
        description="Use of TLSA records: none, opportunistic (where there are any, they decide) "
        "or mandatory (without usable ones nothing is delivered).",
    )
    mta_sts: Annotated[bool, _switch] | None = Field(
        default=None, description="Keep to MTA-STS policies: on or off."
    )
    verify_ptr: bool | None = Field(
        default=None,
        description="required-verify accepts a common name that is the reverse name of the "
        "address, if that name's addresses confirm it.",
    )
    weak_basis: WeakBasis | None = Field(
        default=None,
        description="Certificates whose name only an unsigned MX answer or a reverse name gave: "
        "accept, or refuse at the levels that verify.",
    )
    trust: Annotated[list[TrustList], Field(max_length=2)] | None = Field(
        default=None, description="Lists that chains may end in: system, custom."
    )
    ca_certificates: Annotated[list[PinnedCa], Field(max_length=50)] | None = Field(
        default=None,
        description="The only CAs for this destination, in the place of `trust`: names of the "
        "custom list, or PEM.",
    )
    pinned_fingerprints: Annotated[list[Pin], Field(max_length=50)] | None = Field(
        default=None,
        description="sha256: and 64 hexadecimal digits of the server's certificate, or of its "
        "public key (SubjectPublicKeyInfo). At the levels that verify one of them must fit, and "
        "chain and names are not asked.",
    )
    client_certificate: CertificateName | None = Field(
        default=None,
        description="Client certificate for this destination. Not set: that of [delivery].",
    )
    min_tls: MinTls | None = Field(
        default=None, description="Lowest TLS version: 1.2 or 1.3. Older ones: tls_profile."
    )
    tls_profile: Name | None = Field(default=None, description="Name of the TLS profile.")
    retry_without_dh: bool | None = Field(
        default=None,
        description="A server whose DH group is too small is tried once more without finite-field "
        "DH. The security level stays.",
    )
    recipient_limit: Limit | None = Field(
        default=None, description="Recipients in recipient_minutes; 0: any number."
    )
    recipient_minutes: Annotated[int, Field(ge=1, le=60)] | None = Field(
        default=None, description="Length of that window."
    )
    limit_type: LimitType | None = Field(
        default=None,
        description="What max_connections and recipient_limit count for: host (the domain) or "
        "mx-ip (each address of a mail exchanger, whatever domains it serves).",
    )
    max_connections: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Connections at the same time."
    )
    max_messages_per_connection: Count | None = Field(
        default=None, description="Messages before a connection is closed."
    )
    max_recipients_per_message: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Recipients in one transaction."
    )
    ip_preference: IpPreference | None = Field(
        default=None, description="prefer-v6, prefer-v4, require-v6 or require-v4."
    )
    bounce_profile: Name | None = Field(default=None, description="Name of the bounce profile.")
    alert_on_required_tls_failure: bool | None = Field(
        default=None, description="Overrides the switch of [delivery] for this domain."
    )


class SenderTlsOverride(Section):
    """[[sender_tls_overrides]]: other TLS for some senders; the first that fits decides."""

    sender: Annotated[str, Field(min_length=1, max_length=320)] = Field(
        description="user@domain, domain, .domain, <> (reports) or ALL."
    )
    destination: Annotated[str, Field(min_length=1, max_length=320)] = Field(
        default="ALL", description="domain, .domain or ALL."
    )
    tls: TlsLevel = Field(
        description="Level for this mail, where it demands more than the destination's."
    )
    may_lower: bool = Field(default=False, description="It may demand less, too.")


class TlsProfile(Section):
    """[tls_profiles.NAME]: how TLS is spoken by the listeners and destinations that name it."""

    min_version: TlsVersionName = Field(
        default=tls_profiles.TlsVersionName.TLS_1_2, description="Lowest version."
    )
    max_version: TlsVersionName = Field(
        default=tls_profiles.TlsVersionName.TLS_1_3, description="Highest version."
    )
    ciphers: CipherText = Field(
        default="", description="OpenSSL's cipher string for TLS 1.2 and older; empty: our own."
    )
    groups: list[GroupName] = Field(
        default_factory=list,
        max_length=30,
        description="Key exchange groups; none: the library's list.",
    )
    security_level: Annotated[int, Field(ge=0, le=5)] = Field(
        default=tls_profiles.DEFAULT_SECURITY_LEVEL,
        description="OpenSSL's: 2 asks for 2048 bits of RSA and DH, 1 for 1024, 0 for nothing.",
    )


class Ssl(Section):
    """[ssl]: TLS of listeners; that of deliveries is `destination_controls.default.tls_profile`."""

    inbound_profile: Name | None = Field(
        default=None, description="Name of the TLS profile of all listeners. Not set: our own rule."
    )


class BounceProfile(Section):
    """[bounce_profiles.NAME]: how long and how often delivery is tried, and who is told."""

    max_retries: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        default=None, description=f"Tries after the first: {retry.DEFAULT_MAX_RETRIES}."
    )
    max_time: Duration | None = Field(
        default=None, ge=1, le=2_592_000, description="Time in the queue before a bounce: 3d."
    )
    initial_wait: Duration | None = Field(
        default=None, ge=1, le=86_400, description="Wait after the first failure: 60s; it doubles."
    )
    max_wait: Duration | None = Field(
        default=None, ge=1, le=604_800, description="The longest wait: 1h."
    )
    send_bounces: bool | None = Field(default=None, description="Tell the sender of a bounce.")
    delay_warnings: bool | None = Field(
        default=None, description="Tell the sender that a message is late."
    )
    delay_warning_interval: Duration | None = Field(
        default=None, ge=60, le=2_592_000, description="Wait between two warnings: 4h."
    )
    max_delay_warnings: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None, description="Warnings for one recipient: 1."
    )
    max_bounce_copy: Size | None = Field(
        default=None, ge=0, le=2**20, description="Larger originals return as headers only: 10K."
    )
    max_time_tls: Duration | None = Field(
        default=None, ge=1, le=2_592_000, description="Shorter limit while required TLS fails."
    )


class SmtpConfiguration(Section):
    """[smtp_configuration]: the relay that notifications go through; its password is set apart."""

    server: Host = Field(description="Host name of the relay.")
    port: Port = Field(default=587, description="587 for STARTTLS, 465 for TLS from the start.")
    encryption: Literal["starttls", "smtps", "none"] = Field(
        default="starttls", description="How the connection is protected."
    )
    from_email: Mailbox = Field(description="Sender of the notifications.")
    username: str | None = Field(
        default=None, min_length=1, max_length=256, description="User name at the relay."
    )


class SmartHost(Section):
    """[smart_hosts.NAME]: a relay for SMTP routes; its password is set apart."""

    host: Host = Field(description="Host name of the relay; the certificate must be for it.")
    port: Port = Field(default=587, description="587 for STARTTLS, 465 for TLS from the start.")
    tls_mode: SmartTls = Field(
        default=smart_hosts.SmartTls.STARTTLS,
        description="STARTTLS in the dialogue, or TLS from the first byte (implicit).",
    )
    tls: TlsLevel = Field(
        default=outbound_tls.OutboundTlsLevel.REQUIRED_VERIFY_HOSTED,
        description="Level towards this host, whatever the destination control of the recipient's "
        "domain says.",
    )
    username: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="User name. Not set: no login. The password: `gatehouse smart-host password`.",
    )
    password_over: PasswordOver = Field(
        default=smart_hosts.PasswordOver.VERIFIED_TLS,
        description="What the password may travel over: verified-tls, unverified-tls (whoever "
        "stands between reads it) or clear-text (everybody reads it).",
    )


class Reputation(Section):
    """[reputation]: a source for SBRS, country and SBO members; the smallest block speaks."""

    scores: Annotated[dict[Block, Score], Field(max_length=MAX_BLOCKS)] = Field(
        default_factory=dict,
        description='Score of each block, -10.0 to 10.0: "192.0.2.0/24" = -4.5.',
    )
    countries: Annotated[dict[Block, CountryCode], Field(max_length=MAX_BLOCKS)] = Field(
        default_factory=dict, description='Country of each block: "192.0.2.0/24" = "KR".'
    )
    owners: Annotated[dict[Block, OwnerNumber], Field(max_length=MAX_BLOCKS)] = Field(
        default_factory=dict, description='Owner of each block: "192.0.2.0/24" = 123456.'
    )


class Trust(Section):
    """[trust]: whose certificates are believed, beside the custom list of `gatehouse trust`."""

    system: bool = Field(default=True, description="Believe the system's list of public CAs too.")
    system_file: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        default="/etc/ssl/certs/ca-certificates.crt",
        description="The system's list: a file of certificates in PEM.",
    )


class ServiceCertificate(Section):
    """[ldap] and [url_filtering]: what a service of the house shows as a client."""

    client_certificate: CertificateName | None = Field(
        default=None, description="Certificate that is shown to its servers."
    )


class CrlSource(Section):
    """[[crl.sources]]: where a revocation list is fetched."""

    url: CrlUrl = Field(description="http, https or file URL of a list in DER or PEM.")
    interval: Duration = Field(
        default=21_600, ge=300, le=604_800, description="How often it is fetched."
    )
    internal: bool = Field(
        default=False, description="Its host name may lead to an address inside."
    )


class Crl(Section):
    """[crl]: revocation lists, for certificates of clients and servers."""

    check_clients: bool = Field(default=False, description="Check certificates of clients.")
    check_servers: bool = Field(default=False, description="Check certificates of servers.")
    on_unavailable: Literal["open", "closed"] = Field(
        default="open",
        description="Without a usable list certificates are accepted (open) or refused (closed).",
    )
    sources: list[CrlSource] = Field(
        default_factory=list, max_length=100, description="The lists, as `[[crl.sources]]`."
    )


class Acme(Section):
    """[acme]: where http-01 challenges are answered while a certificate is ordered."""

    http_address: Ip = Field(default="0.0.0.0", description="Address that is listened on.")
    http_port: Port = Field(default=80, description="Port that is listened on.")
    hook_timeout: Duration = Field(
        default=60, ge=1, le=600, description="Longest run of a dns-01 hook."
    )


class TlsReporting(Section):
    """[tls_reporting]: TLS reports that are sent to others, and those that others send (RFC 8460).

    Reports that come in are taken whether `enabled` is set or not.
    """

    enabled: bool = Field(
        default=False, description="Send a report each day to the domains that ask for it."
    )
    from_address: Mailbox | None = Field(
        default=None, description="Sender of the reports; needed where they are sent."
    )
    organization: ReplyText | None = Field(
        default=None, min_length=1, description="Who reports. Not set: the host name of [system]."
    )
    contact: Mailbox | None = Field(
        default=None, description="Whom to ask about a report. Not set: from_address."
    )
    spread: Duration = Field(
        default=14_400, ge=0, le=43_200, description="A day's reports leave within this time."
    )
    internal: bool = Field(default=False, description="Reports may be posted to addresses inside.")
    receive_at: Mailbox | None = Field(
        default=None,
        description="Reports sent to this address are read and kept, and go no further.",
    )


class AlertRecipient(Section):
    """[alerts.recipients."ADDRESS"]: somebody who gets alarms by mail, and which."""

    severities: Annotated[list[AlarmSeverity], Field(min_length=1, max_length=10)] = Field(
        default_factory=lambda: list(alarms.AlarmSeverity),
        description="Of which severities: critical, warning, information. Not set: all.",
    )
    classes: Annotated[list[AlertClass], Field(min_length=1, max_length=50)] = Field(
        default_factory=lambda: [alarms.ALL_CLASSES],
        description="Of which classes. all: every one.",
    )


class Alerts(Section):
    """[alerts]: who gets alarms by mail, how often, and by which way."""

    from_address: Mailbox | None = Field(
        default=None, description="From address of the mails. Not set: alert@ and system.hostname."
    )
    initial_interval: Duration = Field(
        default=int(alarms.INITIAL_SECONDS),
        ge=0,
        le=86_400,
        description="Wait before the first duplicate of an alarm is told; then the wait grows. "
        "0: every one at once.",
    )
    maximum_interval: Duration = Field(
        default=int(alarms.MAXIMUM_SECONDS),
        ge=1,
        le=604_800,
        description="The longest wait between duplicates.",
    )
    smart_host: Name | None = Field(
        default=None,
        description="Name of a smart host by which alert mail goes, whatever the SMTP routes say.",
    )
    recipients: dict[str, AlertRecipient] = Field(
        default_factory=dict, max_length=100, description="Who gets them, by mail address."
    )


class Ssh(Section):
    """[ssh]: the shell over SSH, for the accounts of `gatehouse user`."""

    enabled: bool = Field(default=False, description="Let operators log in over SSH.")
    interface: Name | None = Field(
        default=None, description="Interface whose address is listened on. Not set: `address`."
    )
    address: Ip = Field(
        default="127.0.0.1", description="Address that is listened on; `interface` wins over it."
    )
    # 22 is the machine's own sshd's and takes root; 2222 is what most others use instead.
    port: Port = Field(default=2222, description="Port that is listened on.")
    password_login: bool = Field(
        default=True,
        description="Passwords open it, not only keys (`gatehouse user ssh-key`).",
    )
    idle_timeout: Duration = Field(
        default=1800,
        ge=60,
        le=86_400,
        description="A session in which nothing is typed for so long ends.",
    )
    max_sessions: Annotated[int, Field(ge=1, le=50)] = Field(
        default=10,
        description="Sessions that are open at the same time; an administrator gets one more.",
    )
    banner: BannerText | None = Field(
        default=None, description="Text that is shown before a login; whoever connects reads it."
    )


class Logs(Section):
    """[logs]: the mail log and the JSON lines."""

    rollover_size: Size = Field(
        default=10 * mail_flow.MEBIBYTE,
        ge=4096,
        le=10 * 2**30,
        description="Size at which a log file is closed and the next one begins.",
    )
    keep: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=10, description="How many closed files of each log are kept."
    )


class Queue(Section):
    """[queue]: limits of what is kept on disk."""

    disk_reserve: Size = Field(
        default=256 * mail_flow.MEBIBYTE,
        ge=0,
        le=2**50,
        description="Free disk space below which new mail is answered with 452.",
    )
    # RFC 5321 §6.3: the limit SHOULD be at least 100 Received fields.
    max_received_hops: Annotated[int, Field(ge=10, le=1000)] = Field(
        default=100, description="Received fields at which a message is a loop."
    )


class Processes(Section):
    """[processes]: how the work is shared out."""

    receivers: Annotated[int, Field(ge=0, le=64)] = Field(
        default=0, description="Receiver processes; 0: one for each processor."
    )


class Settings(Section):
    """What can be said at every level. Its order is the order of the canonical text."""

    system: System = Field(default_factory=System)
    interfaces: dict[Name, Interface] = Field(default_factory=dict)
    listeners: dict[Name, Listener] = Field(default_factory=dict)
    mail_flow_policies: dict[Name, MailFlowPolicy] = Field(default_factory=dict)
    smtp_auth_profiles: dict[Name, SmtpAuthProfile] = Field(default_factory=dict)
    smtp_routes: dict[str, Annotated[list[str], Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict,
        max_length=MAX_ENTRIES,
        description='Domain, ".domain" or "." (all others) to a list of host:port or '
        "smarthost:NAME.",
    )
    delivery: Delivery = Field(default_factory=Delivery)
    destination_controls: dict[str, DestinationControl] = Field(
        default_factory=dict, max_length=MAX_ENTRIES
    )
    sender_tls_overrides: list[SenderTlsOverride] = Field(
        default_factory=list,
        max_length=10_000,
        description="Other TLS for some senders, as `[[sender_tls_overrides]]`.",
    )
    tls_profiles: dict[Name, TlsProfile] = Field(default_factory=dict)
    ssl: Ssl = Field(default_factory=Ssl)
    bounce_profiles: dict[Name, BounceProfile] = Field(default_factory=dict)
    smart_hosts: dict[Name, SmartHost] = Field(default_factory=dict)
    smtp_configuration: SmtpConfiguration | None = Field(default=None)
    reputation: Reputation = Field(default_factory=Reputation)
    trust: Trust = Field(default_factory=Trust)
    ldap: ServiceCertificate = Field(default_factory=ServiceCertificate)
    url_filtering: ServiceCertificate = Field(default_factory=ServiceCertificate)
    crl: Crl = Field(default_factory=Crl)
    acme: Acme = Field(default_factory=Acme)
    tls_reporting: TlsReporting = Field(default_factory=TlsReporting)
    alerts: Alerts = Field(default_factory=Alerts)
    ssh: Ssh = Field(default_factory=Ssh)
    logs: Logs = Field(default_factory=Logs)
    queue: Queue = Field(default_factory=Queue)
    processes: Processes = Field(default_factory=Processes)


@functools.cache
def overlay() -> type[Section]:
    """All sections with every field optional; made at first use, for few installations have it."""
    derived = partial.Deriver(Section).derive(Settings)
    assert issubclass(derived, Section)
    return derived


def _overlaid(value: object) -> Section:
    # What is wrong inside keeps its path: the library takes the faults over.
    return value if isinstance(value, Section) else overlay().model_validate(value)


def _place(value: str) -> str:
    found = places.parse(value)
    if found is None or not all(isinstance(part, str) for part in found):
        raise ValueError("section and names with dots between them: listeners.InboundMail")
    if found[0] not in Settings.model_fields:
        raise ValueError("a section of the configuration, or something in one")
    return value


Overlay = Annotated[Section, PlainValidator(_overlaid)]
Place = Annotated[str, Field(max_length=places.MAX_TEXT), AfterValidator(_place)]


class Cluster(Section):
    """[cluster]: the machines that share this configuration, as a whole."""

    name: Name | None = Field(default=None, description="What people call it.")


class Group(Section):
    """[groups.NAME]: what some machines have in common; it wins over what stands at the top."""

    comment: str | None = Field(default=None, max_length=MAX_COMMENT, description="For people.")
    without: list[Place] = Field(
        default_factory=list,
        max_length=MAX_WITHOUT,
        description='What the cluster level has and these machines do not: `["listeners.Legacy"]`.',
    )
    settings: Overlay = Field(
        default_factory=Section,
        description="Sections as at the top, each field optional: "
        "`[groups.NAME.settings.delivery]`.",
    )


class Machine(Section):
    """[machines.NAME]: one machine; what it says wins over its group and over the top."""

    group: Name | None = Field(
        default=None, description=f"Name of its group. Not set: {places.MAIN_GROUP}."
    )
    member: bool = Field(
        default=True, description="It takes part. false: it has left, and what it says is kept."
    )
    comment: str | None = Field(default=None, max_length=MAX_COMMENT, description="For people.")
    without: list[Place] = Field(
        default_factory=list,
        max_length=MAX_WITHOUT,
        description="What higher levels have and this machine does not.",
    )
    settings: Overlay = Field(
        default_factory=Section,
        description="Sections as at the top, each field optional: "
        "`[machines.NAME.settings.interfaces.PublicNet]`.",
    )


class Versioned(Section):
    """What stands first in the file."""

    format: Literal[1] = Field(description="Version of this text form: 1.")


class Document(Settings, Versioned):
    """The whole file: what all machines have, then what groups and machines say otherwise."""

    cluster: Cluster = Field(default_factory=Cluster)
    groups: dict[Name, Group] = Field(default_factory=dict, max_length=MAX_MACHINES)
    machines: dict[Name, Machine] = Field(default_factory=dict, max_length=MAX_MACHINES)


Values = dict[str, Any]
