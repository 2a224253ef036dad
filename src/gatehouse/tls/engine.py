# SPDX-License-Identifier: Apache-2.0
"""TLS over memory buffers, for both roles: bytes from the wire in, bytes for the wire out.

Rule: the driver owns the socket, this owns the handshake. A context is immutable and made once
per policy; new certificates mean a new context, and sessions of the old one live on. TLS 1.2 and
1.3 by default (RFC 8446, RFC 5246); no compression, no renegotiation, no 0-RTT (RFC 9325 §3).

A certificate never ends a handshake here, in neither role: what OpenSSL thinks of the chain is
recorded (`HandshakeReport.verify_errors`) and the verdict is somebody else's. Runs on pyOpenSSL;
the measurements behind that choice are in docs/adr/0002-tls-engine.md.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import NoReturn

from OpenSSL import SSL, crypto

from gatehouse.tls import binding, contexts, failures, passive
from gatehouse.tls.contexts import ClientTlsSettings, ServerTlsSettings, TlsSetupError
from gatehouse.tls.failures import TlsFailure

# The whole interface of the engine can be had from here; the rest of the room is its inside.
__all__ = (
    "ClientContext",
    "ClientTlsSettings",
    "HandshakeReport",
    "SavedSession",
    "ServerContext",
    "ServerTlsSettings",
    "TlsFailure",
    "TlsSession",
    "TlsSetupError",
    "VerifyError",
)

# Bytes of a peer before its handshake is done. OpenSSL itself allows a certificate message of
# 100 KiB; two flights of that size leave room. (hostile-input: 1 MB certificates.)
HANDSHAKE_LIMIT = 256 * 1024
# RFC 6066 §3: an ASCII host name without trailing dot. Underscores occur in the field.
_HOST_NAME = re.compile(rb"(?=[^\0]{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,126}")

_ADDRESS = re.compile(r"[0-9.]+|.*:.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VerifyError:
    """One complaint of OpenSSL about the presented chain; depth 0 is the leaf."""

    depth: int
    number: int  # X509_V_ERR_*; failures.word_of_verify_error gives the word


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeReport:
    """What a handshake proved, or, when it failed, what it showed until then."""

    complete: bool  # False: the handshake did not end; what follows is what was seen
    protocol: str  # "TLSv1.3"; "" if it was never settled
    cipher: str  # OpenSSL's name; the hexadecimal number if the handshake failed after the choice
    group: str | None  # "x25519", "secp256r1", "X25519MLKEM768", "ffdhe3072"; None without one
    dh_bits: int | None  # size of a finite-field DH group, None for everything else
    resumed: bool
    sni: str | None  # server: asked by the client; client: what we asked for
    # DER, leaf first, as presented; a resumed session repeats what its full handshake showed
    peer_chain: tuple[bytes, ...] = field(repr=False)
    verify_errors: tuple[VerifyError, ...] = ()  # empty and a chain: OpenSSL has no complaint


@dataclass(frozen=True, slots=True, eq=False)
class SavedSession:
    """A client session to resume; good for the context, policy and server that it came from."""

    context: object = field(repr=False)
    policy_key: str
    server_name: str | None
    session: SSL.Session = field(repr=False)
    verify_errors: tuple[VerifyError, ...]


class ServerContext:
    """Accepting TLS with one set of certificates; raises TlsSetupError if they do not fit."""

    def __init__(self, settings: ServerTlsSettings) -> None:
        self.settings = settings
        on_verify = _record_verify if settings.request_client_certificate else None
        # pyOpenSSL keeps the callbacks on the Python context only, so it has to live as long as any
        # session of it: TlsSession holds on to its context.
        self._table = contexts.server_table(
            settings, on_name=_choose_certificate, on_verify=on_verify
        )

    def session(self) -> "TlsSession":
        """A new session, waiting for a ClientHello."""
        connection = SSL.Connection(self._table.default)
        connection.set_accept_state()
        return TlsSession(connection, _Notes(table=self._table), owner=self)


class ClientContext:
    """Opening TLS under one policy; raises TlsSetupError if its material does not fit."""

    def __init__(self, settings: ClientTlsSettings) -> None:
        self.settings = settings
        self._context = contexts.client_context(settings, on_verify=_record_verify)

    def session(self, server_name: str | None, resume: SavedSession | None = None) -> "TlsSession":
        """A new session; its ClientHello is in `output()` after the first `handshake()`.

        A saved session of another context, policy or server is passed over: it would carry the
        trust of one policy into another.
        """
        connection = SSL.Connection(self._context)
        connection.set_connect_state()
        notes = _Notes(table=None, name=_name_to_ask_for(server_name))
        if notes.name is not None:
            connection.set_tlsext_host_name(notes.name.encode("ascii"))
        if resume is not None and self._owns(resume, notes.name):
            connection.set_session(resume.session)
            notes.errors.extend(resume.verify_errors)
        return TlsSession(connection, notes, owner=self)

    def _owns(self, resume: SavedSession, server_name: str | None) -> bool:
        return (
            resume.context is self
            and resume.policy_key == self.settings.policy_key
            and resume.server_name == server_name
        )


@dataclass(slots=True)
class _Notes:
    """What the callbacks of a handshake write down; both the connection and the session hold it."""

    table: contexts.CertificateTable | None
    name: str | None = None
    errors: list[VerifyError] = field(default_factory=list)


class TlsSession:
    """One TLS connection. Order of calls: receive, handshake until True, then read and write."""

    __slots__ = (
        "_connection",
        "_failure",
        "_heard",
        "_heard_bytes",
        "_inbox",
        "_lower_eof",
        "_notes",
        "_outbox",
        "_owner",
        "_records",
        "_report",
        "_talked",
        "done",
        "eof",
        "truncated",
    )

    def __init__(
        self, connection: SSL.Connection, notes: _Notes, *, owner: ServerContext | ClientContext
    ) -> None:
        connection.set_app_data(notes)
        self._connection = connection
        self._records = binding.Records(connection)
        self._notes = notes
        self._owner = owner
        self._inbox: deque[bytes | memoryview] = deque()
        self._outbox: list[bytes] = []
        # A client keeps what the server said in clear: only there DH parameters can be seen.
        self._heard: list[bytes | memoryview] | None = None
        if isinstance(owner, ClientContext):
            self._heard = []
        self._heard_bytes = 0
        self._failure: TlsFailure | None = None
        self._report: HandshakeReport | None = None
        self._talked = False
        self._lower_eof = False
        self.done = False  # the handshake is over and good
        self.eof = False  # nothing more will come: close_notify, or the wire ended
        self.truncated = False  # the wire ended without close_notify (RFC 8446 §6.1)

    def __del__(self) -> None:
        # OpenSSL makes the session of a connection unusable that is freed without a close_notify
        # (ssl_clear_bad_session). That guarded against truncation in SSLv2; TLS 1.1 dropped the
        # rule (RFC 4346 §7.2.1), and a peer that resets after QUIT should not cost a handshake.
        if getattr(self, "done", False) and self._failure is None:
            self._connection.set_shutdown(SSL.SENT_SHUTDOWN)

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire."""
        if len(data) <= binding.RECORD_PIECE:
            if data and not self.eof:
                self._inbox.append(data)
            return
        view = memoryview(data)
        self._inbox.extend(
            view[at : at + binding.RECORD_PIECE] for at in range(0, len(view), binding.RECORD_PIECE)
        )

    def receive_eof(self) -> None:
        """The wire has ended. `handshake` and `read` first use up what came before."""
        self._lower_eof = True

    def handshake(self) -> bool:
        """Go on with the handshake: True when done, False when it needs bytes; raises TlsFailure.

        Also after a failure there may be an alert in `output()` for the peer.
        """
        if self.done:
            return True
        if self._failure is not None:
            raise self._failure
        while True:
            fed = self._feed()
            try:
                self._connection.do_handshake()
            except SSL.WantReadError:
                if fed:
                    if self._heard_bytes > HANDSHAKE_LIMIT:
                        self._fail(failures.failure_from_reason(failures.EXCESSIVE_SIZE))
                    continue
                if self._lower_eof:
                    self._fail(failures.failure_from_reason(failures.UNEXPECTED_EOF))
                return False
            except SSL.Error as error:
                self._fail(_failure_of(error))
            self.done = True
            return True

    def read(self) -> bytes:
        """All plaintext there is; b"" is nothing now, or the end if `eof`. Raises TlsFailure."""
        if self._failure is not None:
            raise self._failure
        self._require_done()
        plain: list[bytes] = []
        try:
            while not self.eof:
                self._feed()
                if not self._records.decrypt(plain):
                    self.eof = True
                if not self._inbox:
                    break
        except SSL.Error as error:
            # What was read before is good and goes out first; the failure comes next time.
            self._failure = _failure_of(error)
            self.eof = True
            if not plain:
                raise self._failure from None
        if self._lower_eof and not self.eof:
            self.eof = self.truncated = True
        if plain:
            self._talked = True
        return plain[0] if len(plain) == 1 else b"".join(plain)

    def write(self, data: bytes) -> None:
        """Encrypt; the records are in `output()`. Writing before the handshake is done is a bug."""
        self._require_done()
        if self._failure is not None:
            raise self._failure
        if len(data) <= binding.PLAIN_PIECE:
            if data:
                self._send(data)
            return
        view = memoryview(data)
        for start in range(0, len(view), binding.PLAIN_PIECE):
            self._send(view[start : start + binding.PLAIN_PIECE])
            self._records.take(self._outbox)

    def output(self) -> bytes:
        """All bytes for the wire."""
        self._records.take(self._outbox)
        outbox = self._outbox
        if not outbox:
            return b""
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        return data

    def shutdown(self) -> None:
        """Put close_notify into `output()`; nothing before the handshake or after a failure."""
        if not self.done or self._failure is not None:
            return
        try:
            self._connection.shutdown()
        except SSL.Error:
            binding.forget_errors()  # the peer's fault at the very end changes nothing any more

    def report(self) -> HandshakeReport:
        """What the handshake proved; after a failure, what was seen of it."""
        if self._report is None:
            report = self._report_done() if self.done else self._report_unfinished()
            if not (self.done or self._failure):
                return report
            self._report = report
            self._heard = None
        return self._report

    def export(self, label: bytes, length: int) -> bytes:
        """Keying material that only the two ends have (RFC 5705, RFC 8446 §7.5); no context."""
        self._require_done()
        return self._connection.export_keying_material(label, length)

    def own_certificate(self) -> bytes | None:
        """The certificate that we showed in this handshake, in DER."""
        own = self._connection.get_certificate()
        return None if own is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, own)

    def saved_session(self) -> SavedSession | None:
        """The session to resume later; with TLS 1.3 only after a read, for tickets come late."""
        owner = self._owner
        if not self.done or self._failure is not None or not isinstance(owner, ClientContext):
            return None
        if not self._talked and self._connection.get_protocol_version() >= SSL.TLS1_3_VERSION:
            return None
        session = self._connection.get_session()
        if session is None:
            return None
        return SavedSession(
            context=owner,
            policy_key=owner.settings.policy_key,
            server_name=self._notes.name,
            session=session,
            verify_errors=tuple(self._notes.errors),
        )

    def _feed(self) -> bool:
        """Hand one piece to OpenSSL; False if there is none."""
        inbox = self._inbox
        if not inbox:
            return False
        piece = inbox.popleft()
        self._records.put(piece)
        if not self.done:
            self._heard_bytes += len(piece)
            if self._heard is not None:
                self._heard.append(piece)
        return True

    def _send(self, piece: bytes | memoryview) -> None:
        try:
            self._records.encrypt(piece)
        except SSL.Error as error:
            self._fail(_failure_of(error))

    def _fail(self, failure: TlsFailure) -> NoReturn:
        self._failure = failure
        self._inbox.clear()
        raise failure from None

    def _require_done(self) -> None:
        if not self.done:
            raise RuntimeError("TLS data before the handshake is done")

    def _report_done(self) -> HandshakeReport:
        connection = self._connection
        cipher = connection.get_cipher_name() or ""
        group = connection.get_group_name()
        return HandshakeReport(
            complete=True,
            protocol=connection.get_protocol_version_name(),
            cipher=cipher,
            group=group,
            dh_bits=self._dh_bits(cipher, group),
            resumed=binding.session_reused(connection),
            sni=self._notes.name,
            peer_chain=_presented_chain(connection, server=self._heard is None),
            verify_errors=tuple(self._notes.errors),
        )

    def _dh_bits(self, cipher: str, group: str | None) -> int | None:
        if self._heard is not None and cipher.startswith(("DHE-", "ADH-")):
            return passive.observe(b"".join(self._heard)).dh_bits
        return passive.FINITE_FIELD_BITS.get(group or "")

    def _report_unfinished(self) -> HandshakeReport:
        seen = passive.observe(b"".join(self._heard or ()))
        return HandshakeReport(
            complete=False,
            protocol=passive.VERSION_NAMES.get(seen.version or 0, ""),
            cipher="" if seen.suite is None else f"0x{seen.suite:04X}",
            group=passive.GROUP_NAMES.get(seen.group or 0),
            dh_bits=seen.dh_bits,
            resumed=False,
            sni=self._notes.name,
            peer_chain=seen.chain,
            verify_errors=tuple(self._notes.errors),
        )


def host_name(raw: bytes | None) -> str | None:
    """A server name from a ClientHello as lower-case text, or None if no host name can look so."""
    if raw is None or _HOST_NAME.fullmatch(raw) is None:
        return None
    return raw.decode("ascii").lower()


def _name_to_ask_for(server_name: str | None) -> str | None:
    """The name for SNI; addresses and what cannot be a host name are not sent (RFC 6066 §3)."""
    if server_name is None or _ADDRESS.fullmatch(server_name) is not None:
        return None
    return host_name(server_name.encode("ascii", "replace"))


def _choose_certificate(connection: SSL.Connection) -> None:
    """Server name callback. Never raises: pyOpenSSL would print a traceback and send an alert."""
    notes = connection.get_app_data()
    notes.name = host_name(connection.get_servername())
    if notes.table is not None and notes.name is not None:
        chosen = notes.table.choose(notes.name)
        if chosen is not notes.table.default:
            connection.set_context(chosen)


def _record_verify(
    connection: SSL.Connection, certificate: crypto.X509, number: int, depth: int, ok: int
) -> bool:
    """Verification callback: write the complaint down and go on, in both roles."""
    if not ok:
        connection.get_app_data().errors.append(VerifyError(depth, number))
    return True


def _presented_chain(connection: SSL.Connection, *, server: bool) -> tuple[bytes, ...]:
    """DER as presented. OpenSSL leaves the leaf out of the list on the server's side."""
    chain = connection.get_peer_cert_chain() or []
    der = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in chain)
    leaf = connection.get_peer_certificate() if server else None
    if leaf is None:
        return der
    return (crypto.dump_certificate(crypto.FILETYPE_ASN1, leaf), *der)


def _failure_of(error: SSL.Error) -> TlsFailure:
    binding.forget_errors()
    if isinstance(error, SSL.SysCallError):
        return failures.failure_from_reason(failures.UNEXPECTED_EOF)
    return failures.failure_from_errors(error.args[0] if error.args else None)
