# SPDX-License-Identifier: Apache-2.0
"""Our engine against another one, Python's `ssl` with its own OpenSSL, in both roles."""

import pathlib
import ssl
from collections.abc import Callable

import pytest
from OpenSSL import SSL

from gatehouse.tls import engine, failures
from gatehouse.tls.certificates import CertifiedKey
from gatehouse.tls.profiles import TlsVersion
from tests.unit.tls.pairing import V12, V13, certified, client, server

VERSIONS = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])


class Stranger:
    """One end on `ssl`, in the shape of ours."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=name, session=session
        )

    def receive(self, data: bytes) -> None:
        self._in.write(data)

    def handshake(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def output(self) -> bytes:
        return self._out.read()

    def read(self) -> bytes:
        try:
            return self.tls.read(1 << 20)
        except ssl.SSLWantReadError:
            return b""

    def write(self, data: bytes) -> None:
        self.tls.write(data)


def shake(opener: Stranger | engine.TlsSession, accepter: Stranger | engine.TlsSession) -> None:
    for _ in range(10):
        opened = opener.handshake()
        accepter.receive(opener.output())
        accepted = accepter.handshake()
        opener.receive(accepter.output())
        if opened and accepted:
            return
    raise AssertionError("no end of the handshake after ten flights")


def stranger_client(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    return context


StrangerServer = Callable[..., ssl.SSLContext]


@pytest.fixture
def stranger_server(tmp_path: pathlib.Path) -> StrangerServer:
    def make(key: CertifiedKey | None = None) -> ssl.SSLContext:
        made = key or certified()
        (tmp_path / "key.pem").write_bytes(made.key_pem + b"".join(made.chain_pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "key.pem")
        return context

    return make


@VERSIONS
def test_a_stranger_connects_to_us(version: TlsVersion) -> None:
    opener = Stranger(stranger_client(), server_side=False, name="mx.example.com")
    accepter = server(max_version=version).session()
    shake(opener, accepter)
    assert opener.tls.version() == accepter.report().protocol == version.value
    cipher = opener.tls.cipher()
    assert cipher is not None
    assert cipher[0] == accepter.report().cipher
    assert opener.tls.compression() is None
    opener.write(b"EHLO stranger\r\n")
    accepter.receive(opener.output())
    assert accepter.read() == b"EHLO stranger\r\n"
    assert accepter.report().sni == "mx.example.com"


@VERSIONS
def test_a_stranger_resumes_with_us(version: TlsVersion) -> None:
    context, ours = stranger_client(), server(max_version=version)
    first, accepter = Stranger(context, server_side=False), ours.session()
    shake(first, accepter)
    accepter.write(b"220\r\n")
    first.receive(accepter.output())
    first.read()
    second = Stranger(context, server_side=False, session=first.tls.session)
    accepter = ours.session()
    shake(second, accepter)
    assert second.tls.session_reused
    assert accepter.report().resumed


@VERSIONS
def test_we_connect_to_a_stranger(version: TlsVersion, stranger_server: StrangerServer) -> None:
    context = stranger_server()
    context.maximum_version = getattr(ssl.TLSVersion, version.name.replace("TLS_", "TLSv"))
    opener = client(trust=certified().chain_pem).session("mx.example.com")
    accepter = Stranger(context, server_side=True)
    shake(opener, accepter)
    report = opener.report()
    assert report.protocol == version.value
    assert report.group == "x25519"
    assert report.verify_errors == ()
    opener.write(b"x" * 100_000)
    accepter.receive(opener.output())
    assert accepter.read()[:10] == b"x" * 10


@VERSIONS
def test_we_resume_with_a_stranger(version: TlsVersion, stranger_server: StrangerServer) -> None:
    context, ours = stranger_server(), client()
    context.maximum_version = getattr(ssl.TLSVersion, version.name.replace("TLS_", "TLSv"))
    first, accepter = ours.session("mx.example.com"), Stranger(context, server_side=True)
    shake(first, accepter)
    accepter.write(b"220\r\n")
    first.receive(accepter.output())
    assert first.read() == b"220\r\n"
    saved = first.saved_session()
    del first
    for _ in range(3):  # also a ticket of TLS 1.3 is good for several parallel connections
        again, accepter = ours.session("mx.example.com", saved), Stranger(context, server_side=True)
        shake(again, accepter)
        assert again.report().resumed
        assert accepter.tls.session_reused
        del again


def test_we_show_a_certificate_when_a_stranger_demands_one(
    stranger_server: StrangerServer, tmp_path: pathlib.Path
) -> None:
    mine = certified("client.example.org")
    (tmp_path / "ca.pem").write_bytes(mine.chain_pem[0])
    context = stranger_server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "ca.pem")
    accepter = Stranger(context, server_side=True)
    shake(client(certificate=mine).session(None), accepter)
    shown = accepter.tls.getpeercert()
    assert shown is not None
    assert shown["subject"] == ((("commonName", "client.example.org"),),)


def test_a_stranger_who_distrusts_us_says_so() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
    opener = Stranger(context, server_side=False, name="mx.example.com")
    accepter = server().session()
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(opener, accepter)
    accepter.receive(opener.output())
    with pytest.raises(failures.TlsFailure) as caught:
        accepter.handshake()
    assert caught.value.report_word is failures.ReportWord.CERTIFICATE_NOT_TRUSTED


def test_a_stranger_who_renegotiates_is_refused() -> None:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    stranger = SSL.Connection(context)
    stranger.set_connect_state()
    accepter = server().session()

    def carry() -> None:
        try:
            accepter.receive(stranger.bio_read(65536))
        except SSL.WantReadError:
            pass

    for _ in range(4):
        try:
            stranger.do_handshake()
        except SSL.WantReadError:
            carry()
            accepter.handshake()
            if data := accepter.output():
                stranger.bio_write(data)
    assert accepter.done
    assert stranger.renegotiate()
    with pytest.raises(SSL.WantReadError):
        stranger.do_handshake()
    carry()
    assert accepter.read() == b""
    stranger.bio_write(accepter.output())
    with pytest.raises(SSL.Error) as caught:
        stranger.do_handshake()
    assert caught.value.args[0][0][2] == "no renegotiation"
