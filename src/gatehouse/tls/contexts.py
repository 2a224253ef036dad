# SPDX-License-Identifier: Apache-2.0
"""From settings to OpenSSL contexts: which certificate, which trust, which protocol.

Rule: all material comes from memory, and nothing that does not fit gets as far as a socket. A key
without its certificate, a name twice, an unknown cipher: TlsSetupError, in words for the operator.
Several certificates are told apart by the server name of the ClientHello (RFC 6066 §3): the exact
name first, then the wildcard of the left-most label, else the first certificate.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from OpenSSL import SSL, crypto

from gatehouse.tls import binding, certificates, profiles

NameCallback = Callable[[SSL.Connection], None]
VerifyCallback = Callable[[SSL.Connection, crypto.X509, int, int, int], bool]

# SSL_OP_PRIORITIZE_CHACHA, include/openssl/ssl.h: a client that puts ChaCha20 first has no AES in
# hardware, and gets it although the order is the server's.
_PRIORITIZE_CHACHA = 1 << 21
# All contexts of one listener share it, so that a ticket is good whatever name was asked for first.
_SESSION_ID_CONTEXT = b"gatehouse"
_MOST_CERTIFICATES = 100  # depth while collecting a chain; OpenSSL's default, said aloud


class TlsSetupError(ValueError):
    """The settings do not make a context; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTlsSettings:
    """How a listener speaks TLS."""

    certificates: tuple[certificates.CertifiedKey, ...]  # the first is the default
    min_version: profiles.TlsVersion = profiles.TlsVersion.TLS_1_2
    max_version: profiles.TlsVersion = profiles.TlsVersion.TLS_1_3
    ciphers: str = profiles.SERVER_CIPHERS
    groups: tuple[str, ...] = ()  # () is the library's list: X25519MLKEM768, x25519, P-256, P-384…
    security_level: int | None = None  # OpenSSL's 0 to 5; None: 2, or what an old version needs
    request_client_certificate: bool = False  # asking never ends a handshake
    trust: tuple[bytes, ...] = ()  # PEM; anchors for client certificates
    session_lifetime: int = 7200  # seconds a ticket is good for; RFC 8446 §4.6.1 allows 7 days


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTlsSettings:
    """How deliveries under one policy speak TLS."""

    policy_key: str = ""  # sessions are never resumed across different keys
    certificate: certificates.CertifiedKey | None = None  # shown if the server asks
    trust: tuple[bytes, ...] = ()  # PEM, one or many certificates in each
    min_version: profiles.TlsVersion = profiles.TlsVersion.TLS_1_2
    max_version: profiles.TlsVersion = profiles.TlsVersion.TLS_1_3
    ciphers: str = profiles.CLIENT_CIPHERS
    groups: tuple[str, ...] = ()
    security_level: int | None = None  # OpenSSL's 0 to 5; None: 2, or what an old version needs
    without_dhe: bool = False  # no finite-field DH up to TLS 1.2


@dataclass(frozen=True, slots=True)
class CertificateTable:
    """The contexts of a listener by name; `default` also where no name fits."""

    default: SSL.Context
    by_name: dict[str, SSL.Context]

    def choose(self, name: str) -> SSL.Context:
        """The context for a lower-case host name."""
        exact = self.by_name.get(name)
        if exact is not None:
            return exact
        _, _, parent = name.partition(".")
        return self.by_name.get(f"*.{parent}", self.default)


def server_table(
    settings: ServerTlsSettings, *, on_name: NameCallback, on_verify: VerifyCallback | None
) -> CertificateTable:
    """One context per certificate (or pair of RSA and EC for the same names)."""
    if not settings.certificates:
        raise TlsSetupError("A listener with TLS needs at least one certificate")
    default: SSL.Context | None = None
    by_name: dict[str, SSL.Context] = {}
    for group in _pairs([_material(each) for each in settings.certificates]):
        context = _base(SSL.TLS_SERVER_METHOD, settings)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA)
        # Tickets only: no table of sessions that clients could fill.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_session_id(_SESSION_ID_CONTEXT)
        context.set_timeout(settings.session_lifetime)
        context.set_tlsext_servername_callback(on_name)
        if on_verify is not None:
            _trust(context, settings.trust)
            context.set_verify(SSL.VERIFY_PEER, on_verify)
            # A ticket keeps the client's certificate without its chain, and remembers a verdict of
            # yesterday: who is asked for a certificate shows it each time.
            context.set_options(SSL.OP_NO_TICKET)
        _use(context, group)
        default = default or context
        for name in group[0].names:
            by_name.setdefault(name, context)
    assert default is not None
    return CertificateTable(default, by_name)


def client_context(settings: ClientTlsSettings, *, on_verify: VerifyCallback) -> SSL.Context:
    """The context of one policy."""
    context = _base(SSL.TLS_CLIENT_METHOD, settings)
    # The driver keeps the sessions, by destination and policy. With its own cache on, OpenSSL makes
    # a TLS 1.3 ticket unusable after one use (RFC 8446 appendix C.4, against tracking of people);
    # between mail servers that would cost a full handshake for every parallel connection.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    _trust(context, settings.trust)
    context.set_verify(SSL.VERIFY_PEER, on_verify)
    if settings.certificate is not None:
        _use(context, [_material(settings.certificate)])
    return context


def _base(method: int, settings: ServerTlsSettings | ClientTlsSettings) -> SSL.Context:
    if settings.max_version.number < settings.min_version.number:
        raise TlsSetupError(
            f"Highest TLS version {settings.max_version.value} is below the lowest,"
            f" {settings.min_version.value}"
        )
    context = SSL.Context(method)
    context.set_min_proto_version(settings.min_version.number)
    context.set_max_proto_version(settings.max_version.number)
    # CRIME and RFC 9325 §3.3; renegotiation: RFC 9325 §3.5, CVE-2009-3555 and its DoS.
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # measured: 24 KB less for each idle session
    context.set_verify_depth(_MOST_CERTIFICATES)
    ciphers = _ciphers(settings)
    try:
        context.set_cipher_list(ciphers.encode("ascii"))
    except (SSL.Error, UnicodeEncodeError):
        binding.forget_errors()
        raise TlsSetupError(f"No usable cipher in the cipher list {settings.ciphers!r}") from None
    if settings.groups and not binding.set_groups(context, ":".join(settings.groups)):
        raise TlsSetupError(f"Unknown key exchange group in {', '.join(settings.groups)}")
    return context


def _ciphers(settings: ServerTlsSettings | ClientTlsSettings) -> str:
    if isinstance(settings, ServerTlsSettings):
        return profiles.cipher_string(
            settings.ciphers, settings.min_version, settings.security_level
        )
    wanted = settings.ciphers + (profiles.WITHOUT_DHE if settings.without_dhe else "")
    return profiles.cipher_string(wanted, settings.min_version, settings.security_level)


@dataclass(frozen=True, slots=True)
class _Material:
    """A certificate with its key, parsed and matched."""

    key: certificates.PrivateKey
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    names: frozenset[str]


def _material(certified: certificates.CertifiedKey) -> _Material:
    opened = certificates.open_key(certified)
    if isinstance(opened, certificates.CertificateFault):
        raise TlsSetupError(opened.text)
    key, chain = opened
    return _Material(key, chain[0], chain[1:], certificates.names_of(chain[0]))


def _pairs(materials: list[_Material]) -> list[list[_Material]]:
    """Put RSA and EC for the same names together: OpenSSL then picks what the client can do."""
    groups: list[list[_Material]] = []
    for material in materials:
        for group in groups:
            same_names = bool(material.names) and group[0].names == material.names
            if same_names and all(type(each.key) is not type(material.key) for each in group):
                group.append(material)
                break
        else:
            groups.append([material])
    return groups


def _use(context: SSL.Context, group: list[_Material]) -> None:
    sent: list[x509.Certificate] = []
    for material in group:
        try:
            context.use_certificate(material.leaf)
            context.use_privatekey(material.key)
            context.check_privatekey()
        except SSL.Error as error:
            binding.forget_errors()
            subject = certificates.describe(material.leaf)
            raise TlsSetupError(
                f"The certificate for {subject} cannot be used: {_reason(error)}"
            ) from None
        # RFC 8446 §4.4.2: certificates that are not needed do not harm, so a pair may share a list.
        sent.extend(each for each in material.chain if each not in sent)
    for each in sent:
        context.add_extra_chain_cert(each)


def _trust(context: SSL.Context, bundles: tuple[bytes, ...]) -> None:
    store = context.get_cert_store()
    assert store is not None
    # An intermediate or a single server's certificate in the trust store is an anchor of its own.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for bundle in bundles:
        read = certificates.read_certificates(bundle)
        if isinstance(read, certificates.CertificateFault):
            raise TlsSetupError(f"Trust store: {read.text}")
        for anchor in read:
            try:
                store.add_cert(crypto.X509.from_cryptography(anchor))
            except crypto.Error as error:
                binding.forget_errors()
                raise TlsSetupError(
                    f"Trust store: {certificates.describe(anchor)} cannot be used: {_reason(error)}"
                ) from None


def _reason(error: Exception) -> str:
    triples = error.args[0] if error.args else None
    if isinstance(triples, list) and triples:
        return str(triples[-1][2])
    return "refused by the TLS library"
