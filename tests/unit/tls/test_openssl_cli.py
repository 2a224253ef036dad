# SPDX-License-Identifier: Apache-2.0
"""Our engine against the `openssl` program over loopback: another build, its own habits.

The driver here is a blocking socket and a loop; it does nothing that a test would want to judge.
"""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from gatehouse.tls import engine, failures, profiles
from gatehouse.tls.certificates import CertifiedKey, KeyKind
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.unit.tls.pairing import V12, V13, certified, client, server

OPENSSL = shutil.which("openssl") or ""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OPENSSL, reason="the openssl program is not installed"),
]

VERSIONS = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])


def drive(session: engine.TlsSession, wire: socket.socket) -> None:
    """Handshake over a socket; what OpenSSL wants to say goes out also when it failed."""
    try:
        while not session.handshake():
            wire.sendall(session.output())
            data = wire.recv(65536)
            if data:
                session.receive(data)
            else:
                session.receive_eof()
    finally:
        with contextlib.suppress(OSError):
            wire.sendall(session.output())


def read_some(session: engine.TlsSession, wire: socket.socket, wanted: bytes) -> bytes:
    text = session.read()  # may have come in one segment with the end of the handshake
    while wanted not in text and not session.eof:
        data = wire.recv(65536)
        if not data:
            session.receive_eof()
        session.receive(data)
        text += session.read()
    return text


StartServer = Callable[..., int]


@pytest.fixture
def s_server(tmp_path: pathlib.Path) -> Iterator[StartServer]:
    """Start `openssl s_server` with some options; gives the port."""
    stack = contextlib.ExitStack()

    def start(*options: str, key: CertifiedKey | None = None) -> int:
        made = key or certified()
        (tmp_path / "server.pem").write_bytes(made.key_pem + b"".join(made.chain_pem))
        port = free_port()
        process = subprocess.Popen(
            [OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "server.pem", *options],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        stack.callback(close, process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"ACCEPT"):
                # -www and -rev write nothing more that could fill the pipe
                return port
        raise AssertionError("openssl s_server did not start")

    with stack:
        yield start


def close(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@contextlib.contextmanager
def connect(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as wire:
        yield wire


class Listener:
    """Our server on a loopback port: one connection after the other, each answered with a line."""

    def __init__(self, context: engine.ServerContext) -> None:
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.port: int = self._socket.getsockname()[1]
        self.reports: list[engine.HandshakeReport] = []
        self.failures: list[failures.TlsFailure] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                wire, _ = self._socket.accept()
            except OSError:
                return
            with wire:
                wire.settimeout(PATIENCE)
                self._serve(wire)

    def _serve(self, wire: socket.socket) -> None:
        session = self._context.session()
        try:
            drive(session, wire)
        except failures.TlsFailure as failure:
            self.failures.append(failure)
            return
        finally:
            self.reports.append(session.report())
        session.write(b"220 mx.example.com ESMTP\r\n")
        with contextlib.suppress(OSError):
            wire.sendall(session.output())
            read_some(session, wire, b"QUIT")
            session.write(b"221 bye\r\n")
            session.shutdown()
            wire.sendall(session.output())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE)


@contextlib.contextmanager
def listening(context: engine.ServerContext) -> Iterator[Listener]:
    listener = Listener(context)
    try:
        yield listener
    finally:
        listener.close()


def s_client(port: int, *options: str) -> str:
    done = subprocess.run(
        [OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *options],
        input=b"QUIT\r\n",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


@VERSIONS
def test_we_connect_to_s_server_and_read_its_page(
    version: profiles.TlsVersion, s_server: StartServer
) -> None:
    port = s_server("-www", f"-tls{version.value[4:].replace('.', '_')}")
    session = client().session("mx.example.com")
    with connect(port) as wire:
        drive(session, wire)
        session.write(b"GET / HTTP/1.0\r\n\r\n")
        wire.sendall(session.output())
        page = read_some(session, wire, b"</pre>")
    assert b"HTTP/1.0 200 ok" in page
    assert version.value.encode() in page
    assert session.report().protocol == version.value
    assert len(session.report().peer_chain) == 1


@VERSIONS
def test_we_resume_with_s_server(version: profiles.TlsVersion, s_server: StartServer) -> None:
    port = s_server("-rev", f"-tls{version.value[4:].replace('.', '_')}")
    ours, saved, resumed = client(), None, []
    for _ in range(3):
        session = ours.session("mx.example.com", saved)
        with connect(port) as wire:
            drive(session, wire)
            session.write(b"abc\n")
            wire.sendall(session.output())
            assert read_some(session, wire, b"cba") == b"cba\n"
            resumed.append(session.report().resumed)
            saved = session.saved_session()
            session.shutdown()
            wire.sendall(session.output())
    assert resumed == [False, True, True]


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_a_weak_dh_group_is_refused_by_name_and_its_size_is_told(
    bits: int, s_server: StartServer, tmp_path: pathlib.Path
) -> None:
    rsa = certified(kind=KeyKind.RSA_2048)
    (tmp_path / "dh.pem").write_bytes(DH[bits])
    port = s_server("-dhparam", "dh.pem", "-cipher", "DHE@SECLEVEL=0", "-tls1_2", key=rsa)
    session = client().session("mx.example.com")
    with connect(port) as wire:
        if bits >= 2048:
            drive(session, wire)
        else:
            with pytest.raises(failures.TlsFailure) as caught:
                drive(session, wire)
            assert caught.value.number == 167772554
            assert caught.value.text == "error:0A00018A:SSL routines::dh key too small"
    report = session.report()
    assert report.dh_bits == bits
    assert report.complete is (bits >= 2048)
    assert report.protocol == "TLSv1.2"
    assert len(report.peer_chain) == 1
    assert report.cipher == ("DHE-RSA-AES128-GCM-SHA256" if report.complete else "0x009E")


def test_without_dhe_the_same_peer_picks_ecdhe(
    s_server: StartServer, tmp_path: pathlib.Path
) -> None:
    rsa = certified(kind=KeyKind.RSA_2048)
    (tmp_path / "dh.pem").write_bytes(DH[1024])
    options = ("-dhparam", "dh.pem", "-cipher", "ALL@SECLEVEL=0", "-serverpref", "-tls1_2")
    port = s_server(*options, key=rsa)
    session = client(ciphers=profiles.CLIENT_CIPHERS + profiles.WITHOUT_DHE).session(None)
    with connect(port) as wire:
        drive(session, wire)
    assert session.report().cipher.startswith("ECDHE-")
    assert session.report().dh_bits is None


def test_a_server_without_forward_secrecy_shows_no_group(s_server: StartServer) -> None:
    port = s_server("-cipher", "AES256-GCM-SHA384", "-tls1_2", key=certified(kind=KeyKind.RSA_2048))
    session = client(ciphers="AES256-GCM-SHA384").session(None)
    with connect(port) as wire:
        drive(session, wire)
    assert session.report().cipher == "AES256-GCM-SHA384"
    assert session.report().group is None
    assert session.report().dh_bits is None


def test_s_server_demands_and_sees_our_certificate(s_server: StartServer) -> None:
    port = s_server("-Verify", "1", "-www")
    session = client(certificate=certified("client.example.org")).session(None)
    with connect(port) as wire:
        drive(session, wire)
        session.write(b"GET / HTTP/1.0\r\n\r\n")
        wire.sendall(session.output())
        assert b"client.example.org" in read_some(session, wire, b"</pre>")


def test_s_server_refuses_us_without_one(s_server: StartServer) -> None:
    port = s_server("-Verify", "1", "-tls1_2")
    session = client().session(None)
    with connect(port) as wire, pytest.raises(failures.TlsFailure, match="alert handshake failure"):
        drive(session, wire)


@VERSIONS
def test_s_client_connects_to_us(version: profiles.TlsVersion) -> None:
    option = f"-tls{version.value[4:].replace('.', '_')}"
    with listening(server()) as ours:
        said = s_client(ours.port, option, "-servername", "mx.example.com")
    assert "220 mx.example.com ESMTP" in said
    assert "221 bye" in said
    assert "Compression: NONE" in said
    assert [(r.protocol, r.sni, r.complete) for r in ours.reports] == [
        (version.value, "mx.example.com", True)
    ]


@VERSIONS
def test_s_client_resumes_with_us(version: profiles.TlsVersion, tmp_path: pathlib.Path) -> None:
    option = f"-tls{version.value[4:].replace('.', '_')}"
    kept = str(tmp_path / "session")
    with listening(server()) as ours:
        s_client(ours.port, option, "-sess_out", kept)
        said = s_client(ours.port, option, "-sess_in", kept)
    assert "Reused, TLSv1" in said
    assert [r.resumed for r in ours.reports] == [False, True]


def test_s_client_gets_the_certificate_of_the_name_it_asks_for() -> None:
    theirs = server(certified(), certified("mx.example.net"), certified("*.example.org"))
    with listening(theirs) as ours:
        for name, subject in (
            ("mx.example.net", "CN = mx.example.net"),
            ("any.example.org", "CN = *.example.org"),
            ("elsewhere.example", "CN = mx.example.com"),
        ):
            said = s_client(ours.port, "-servername", name).replace("CN=", "CN = ")
            assert f"subject={subject}" in said


def test_s_client_shows_its_certificate_to_us(tmp_path: pathlib.Path) -> None:
    mine = certified("client.example.org")
    pem = tmp_path / "client.pem"
    pem.write_bytes(mine.key_pem + mine.chain_pem[0])
    with listening(server(request_client_certificate=True)) as ours:
        s_client(ours.port, "-cert", str(pem), "-key", str(pem))
        s_client(ours.port)
    assert [len(r.peer_chain) for r in ours.reports] == [1, 0]
    assert [e.number for e in ours.reports[0].verify_errors] == [18]


def test_s_client_with_an_old_version_is_refused() -> None:
    with listening(server()) as ours:
        s_client(ours.port, "-tls1_1", "-cipher", "ALL@SECLEVEL=0")
    assert [f.text for f in ours.failures] == ["error:0A000102:SSL routines::unsupported protocol"]


# 1024: a prime made for this test (the program itself refuses less); the others are of RFC 7919.
DH: dict[int, bytes] = {
    1024: b"""-----BEGIN DH PARAMETERS-----
MIGHAoGBAPBmtbL1216mVa/09MO0MIp3Sqi+Ub9iZzki5hlfcLQOlTq2DQigcAk5
LmGw8QFi3DKH2qHZVgcjnWM3t7pWUywIJuq6t3N6Z3cRHZ5Aqp031W0GxlZrqn1j
yTNVV9HDCd7dBss8KjtVc94FRP9kGcFojDYS75ZY4jLLbrqsztcXAgEC
-----END DH PARAMETERS-----
""",
    2048: b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
""",
    3072: b"""-----BEGIN DH PARAMETERS-----
MIIBiAKCAYEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEfz9zeNVs7ZRkDW7w09N75nAI4YbRvydbmyQd62R0mkff3
7lmMsPrBhtkcrv4TCYUTknC0EwyTvEN5RPT9RFLi103TZPLiHnH1S/9croKrnJ32
nuhtK8UiNjoNq8Uhl5sN6todv5pC1cRITgq80Gv6U93vPBsg7j/VnXwl5B0rZsYu
N///////////AgEC
-----END DH PARAMETERS-----
""",
}
