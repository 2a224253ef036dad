# SPDX-License-Identifier: Apache-2.0
"""Both ends of our own engine against each other, and hostile bytes against each end."""

import contextlib
import gc
import pathlib
import ssl
import weakref

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.tls import certificates, engine, failures
from gatehouse.tls.profiles import TlsVersion
from tests.unit.tls.pairing import NOW, V12, V13, certified, client, connected, server, shake, talk

VERSIONS = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
RSA = certificates.KeyKind.RSA_2048


def leaf_der(key: certificates.CertifiedKey) -> bytes:
    return ssl.PEM_cert_to_DER_cert(key.chain_pem[0].decode())


def failure_of(session: engine.TlsSession) -> failures.TlsFailure:
    with pytest.raises(failures.TlsFailure) as caught:
        session.handshake()
    return caught.value


@VERSIONS
def test_both_ends_report_the_same_connection(version: TlsVersion) -> None:
    client_end, server_end = connected(server(max_version=version))
    for report in (client_end.report(), server_end.report()):
        assert report.complete
        assert report.protocol == version.value
        assert report.sni == "mx.example.com"
        assert not report.resumed
        assert report.dh_bits is None
    assert client_end.report().cipher == server_end.report().cipher
    assert client_end.report().peer_chain == (leaf_der(certified()),)
    assert server_end.report().peer_chain == ()


def test_the_post_quantum_group_is_named() -> None:
    client_end, server_end = connected()
    assert client_end.report().group == "X25519MLKEM768"
    assert server_end.report().group == "X25519MLKEM768"


@pytest.mark.parametrize(
    ("group", "version", "name", "bits"),
    [
        ("X25519", V13, "x25519", None),
        ("P-256", V13, "secp256r1", None),
        ("P-384", V12, "secp384r1", None),
        ("ffdhe3072", V13, "ffdhe3072", 3072),
    ],
)
def test_groups_can_be_chosen_and_are_named(
    group: str, version: TlsVersion, name: str | None, bits: int | None
) -> None:
    client_end, server_end = connected(server(max_version=version, groups=(group,)))
    assert client_end.report().group == server_end.report().group == name
    assert client_end.report().dh_bits == server_end.report().dh_bits == bits


@VERSIONS
def test_text_goes_both_ways(version: TlsVersion) -> None:
    client_end, server_end = connected(server(max_version=version))
    assert talk(server_end, client_end, b"220 mx.example.com\r\n") == b"220 mx.example.com\r\n"
    assert talk(client_end, server_end, b"EHLO x\r\n") == b"EHLO x\r\n"


@VERSIONS
@pytest.mark.parametrize("piece", [1000, 16384, 1 << 20])
def test_a_megabyte_arrives_whole_however_it_is_written(version: TlsVersion, piece: int) -> None:
    client_end, server_end = connected(server(max_version=version))
    data = bytes(range(256)) * 4096
    for at in range(0, len(data), piece):
        client_end.write(data[at : at + piece])
    server_end.receive(client_end.output())
    assert server_end.read() == data
    assert server_end.read() == b""
    assert not server_end.eof


@VERSIONS
def test_everything_arrives_byte_by_byte(version: TlsVersion) -> None:
    server_end = server(max_version=version).session()
    client_end = client().session("mx.example.com")
    for _ in range(6):
        client_end.handshake()
        for byte in client_end.output():
            server_end.receive(bytes([byte]))
            server_end.handshake()
        for byte in server_end.output():
            client_end.receive(bytes([byte]))
            client_end.handshake()
    client_end.write(b"hello")
    heard = b""
    for byte in client_end.output():
        server_end.receive(bytes([byte]))
        heard += server_end.read()
    assert heard == b"hello"


@VERSIONS
def test_text_in_the_same_segment_as_the_end_of_the_handshake_is_kept(version: TlsVersion) -> None:
    server_end = server(max_version=version).session()
    client_end = client().session(None)
    while not client_end.handshake():
        server_end.receive(client_end.output())
        server_end.handshake()
        client_end.receive(server_end.output())
    client_end.write(b"EHLO early\r\n")
    server_end.receive(client_end.output())
    assert server_end.handshake()
    assert server_end.read() == b"EHLO early\r\n"


@VERSIONS
def test_a_second_session_resumes_and_keeps_the_complaints(version: TlsVersion) -> None:
    ours, theirs = client(policy_key="p"), server(max_version=version)
    first, server_end = connected(theirs, ours)
    talk(server_end, first, b"220\r\n")
    saved = first.saved_session()
    assert saved is not None
    second, server_end = connected(theirs, ours, resume=saved)
    assert second.report().resumed
    assert server_end.report().resumed
    assert server_end.report().sni == "mx.example.com"
    assert second.report().verify_errors == first.report().verify_errors != ()
    assert second.report().peer_chain == first.report().peer_chain
    assert talk(server_end, second, b"220\r\n") == b"220\r\n"


def test_tls_1_3_gives_no_session_before_a_ticket_can_have_come() -> None:
    first, server_end = connected()
    assert first.saved_session() is None
    talk(server_end, first, b"220\r\n")
    assert first.saved_session() is not None
    assert server_end.saved_session() is None


def test_a_session_is_not_resumed_for_another_name_policy_or_context() -> None:
    theirs, ours = server(), client(policy_key="required")
    first, server_end = connected(theirs, ours)
    talk(server_end, first, b"220\r\n")
    saved = first.saved_session()
    assert saved is not None
    other_context = client(policy_key="required")
    other_policy = engine.SavedSession(
        saved.context, "none", saved.server_name, saved.session, saved.verify_errors
    )
    for context, name, resume in (
        (ours, "mx2.example.com", saved),
        (other_context, "mx.example.com", saved),
        (ours, "mx.example.com", other_policy),
    ):
        client_end, _ = connected(theirs, context, name, resume)
        assert not client_end.report().resumed


def test_the_certificate_is_chosen_by_name() -> None:
    default, exact = certified("gw.example.com"), certified("mx.example.net")
    wild = certified("*.example.net")
    theirs = server(default, exact, wild)
    for asked, wanted in (
        ("mx.example.net", exact),
        ("MX.Example.NET", exact),
        ("other.example.net", wild),
        ("a.b.example.net", default),
        ("example.net", default),
        ("nobody.example.org", default),
        (None, default),
    ):
        client_end, server_end = connected(theirs, name=asked)
        assert client_end.report().peer_chain == (leaf_der(wanted),), asked
        assert server_end.report().sni == (asked.lower() if asked else None)


def test_sessions_resume_also_for_a_certificate_that_was_chosen_by_name() -> None:
    theirs, ours = server(certified("gw.example.com"), certified("mx.example.net")), client()
    first, server_end = connected(theirs, ours, "mx.example.net")
    talk(server_end, first, b"220\r\n")
    second, _ = connected(theirs, ours, "mx.example.net", first.saved_session())
    assert second.report().resumed


def test_rsa_stands_beside_ec_for_clients_that_need_it() -> None:
    theirs = server(certified(), certified(kind=RSA))
    modern, _ = connected(theirs)
    assert modern.report().peer_chain == (leaf_der(certified()),)
    old, _ = connected(theirs, client(ciphers="ECDHE-RSA-AES256-GCM-SHA384", max_version=V12))
    assert old.report().peer_chain == (leaf_der(certified(kind=RSA)),)


def test_an_exchanged_context_leaves_running_sessions_alone() -> None:
    old = server()
    started = old.session()
    client_end = client().session("mx.example.com")
    client_end.handshake()
    started.receive(client_end.output())
    del old
    gc.collect()
    shake(client_end, started)
    assert talk(client_end, started, b"still here") == b"still here"


def test_sessions_are_freed_without_the_garbage_collector() -> None:
    client_end, server_end = connected()
    connections = [weakref.ref(each._connection) for each in (client_end, server_end)]
    gc.disable()
    try:
        del client_end, server_end
        assert [each() for each in connections] == [None, None]
    finally:
        gc.enable()


def test_a_certificate_in_the_trust_store_has_no_complaints() -> None:
    client_end, _ = connected(client_context=client(trust=certified().chain_pem))
    assert client_end.report().verify_errors == ()


@pytest.mark.parametrize(
    ("key", "trusted", "word"),
    [
        (certified(), False, failures.VerifyWord.SELF_SIGNED),
        (certified(days=1), True, failures.VerifyWord.EXPIRED),
        (
            certified(now=NOW.replace(year=2090)),
            True,
            failures.VerifyWord.NOT_YET_VALID,
        ),
    ],
)
def test_a_bad_certificate_is_recorded_and_does_not_end_the_handshake(
    key: certificates.CertifiedKey, trusted: bool, word: failures.VerifyWord
) -> None:
    ours = client(trust=key.chain_pem if trusted else ())
    client_end, server_end = connected(server(key), ours)
    words = [failures.word_of_verify_error(e.number) for e in client_end.report().verify_errors]
    assert word in words
    assert talk(client_end, server_end, b"go on") == b"go on"


@VERSIONS
def test_a_client_certificate_is_asked_for_seen_and_never_demanded(version: TlsVersion) -> None:
    theirs = server(request_client_certificate=True, max_version=version)
    mine = certified("client.example.org")
    client_end, server_end = connected(theirs, client(certificate=mine))
    report = server_end.report()
    assert report.peer_chain == (leaf_der(mine),)
    assert [e.number for e in report.verify_errors] == [18]
    assert talk(client_end, server_end, b"x") == b"x"
    _, server_end = connected(theirs)
    assert server_end.report().peer_chain == ()
    trusting = server(request_client_certificate=True, max_version=version, trust=mine.chain_pem)
    _, server_end = connected(trusting, client(certificate=mine))
    assert server_end.report().verify_errors == ()


@VERSIONS
def test_who_is_asked_for_a_certificate_shows_it_each_time(version: TlsVersion) -> None:
    theirs = server(request_client_certificate=True, max_version=version)
    ours = client(certificate=certified("client.example.org"))
    first, server_end = connected(theirs, ours)
    talk(server_end, first, b"220\r\n")
    second, server_end = connected(theirs, ours, resume=first.saved_session())
    assert not second.report().resumed
    assert server_end.report().peer_chain
    assert talk(server_end, second, b"220\r\n") == b"220\r\n"


def test_the_server_prefers_its_order_and_chacha_only_where_the_client_puts_it_first() -> None:
    suites = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
    client_end, _ = connected(server(max_version=V12), client(ciphers=suites))
    assert client_end.report().cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"
    chacha = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"
    client_end, _ = connected(server(), client(ciphers=chacha, max_version=V12))
    assert client_end.report().cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"


def test_old_versions_are_refused_unless_named() -> None:
    old = client(min_version=TlsVersion.TLS_1_0, max_version=TlsVersion.TLS_1_1)
    with pytest.raises(failures.TlsFailure, match="unsupported protocol"):
        connected(server(), old)
    client_end, _ = connected(server(min_version=TlsVersion.TLS_1_0), old)
    assert client_end.report().protocol == "TLSv1.1"


def test_no_shared_cipher_has_the_number_and_text_of_the_mail_log() -> None:
    server_end = server(max_version=V12, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256").session()
    client_end = client(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384", max_version=V12).session(None)
    client_end.handshake()
    server_end.receive(client_end.output())
    failure = failure_of(server_end)
    assert failure.number == 167772353
    assert failure.text == "error:0A0000C1:SSL routines::no shared cipher"
    assert failure.reason == "no shared cipher"
    assert failure_of(server_end) is failure, "it stays failed"
    client_end.receive(server_end.output())
    assert "alert handshake failure" in failure_of(client_end).text
    assert not server_end.report().complete


SSL2_HELLO = bytes.fromhex("802e0100020015000000100700c0050080030080010080080080060040") + bytes(19)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http request"),
        (b"EHLO I.did.not.read.your.220\r\n", "wrong version number"),
        (SSL2_HELLO, "wrong version number"),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff" * 3, ""),
        (b"\x00" * 400, ""),
        (b"\x16\x03\x01\xff\xff" + b"\x01" * 70000, ""),
    ],
)
def test_what_is_not_tls_fails_with_a_reason(said: bytes, reason: str) -> None:
    server_end = server().session()
    server_end.receive(said)
    assert reason in failure_of(server_end).reason
    assert failure_of(server_end).number >> 23 == 20
    with pytest.raises(failures.TlsFailure):
        server_end.read()
    assert server_end.report().peer_chain == ()


def test_a_failed_handshake_does_not_harm_the_next_session() -> None:
    theirs = server()
    for said in (b"GET / HTTP/1.0\r\n\r\n", bytes(100), SSL2_HELLO):
        bad = theirs.session()
        bad.receive(said)
        failure_of(bad)
        waiting = theirs.session()
        assert waiting.handshake() is False
        connected(theirs)


def test_an_alert_behind_the_hello_is_told() -> None:
    server_end = server().session()
    client_end = client().session(None)
    client_end.handshake()
    server_end.receive(client_end.output())
    server_end.handshake()
    server_end.receive(b"\x15\x03\x03\x00\x02\x02\x30")  # unknown_ca, RFC 8446 §6.2
    failure = failure_of(server_end)
    assert "alert unknown ca" in failure.reason
    assert failure.report_word is failures.ReportWord.CERTIFICATE_NOT_TRUSTED


def test_a_wire_that_ends_within_the_handshake_is_a_failure() -> None:
    server_end = server().session()
    client_end = client().session(None)
    client_end.handshake()
    server_end.receive(client_end.output()[:100])
    assert server_end.handshake() is False
    server_end.receive_eof()
    failure = failure_of(server_end)
    assert failure.text == "error:0A000126:SSL routines::unexpected eof while reading"


def test_a_hello_in_tiny_records_is_read_and_one_without_end_is_refused() -> None:
    server_end = server().session()
    client_end = client().session(None)
    client_end.handshake()
    hello = client_end.output()
    server_end.receive(b"".join(b"\x16\x03\x01\x00\x01" + hello[5 + i : 6 + i] for i in range(60)))
    assert server_end.handshake() is False
    without_end = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(16380)
    flooded = server().session()
    flooded.receive(without_end * (2 + engine.HANDSHAKE_LIMIT // len(without_end)))
    assert failure_of(flooded).reason == "excessive message size"


def test_the_limit_is_ours_where_the_library_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HANDSHAKE_LIMIT", 500)
    server_end = server().session()
    client_end = client().session(None)
    client_end.handshake()
    server_end.receive(client_end.output()[:-1])
    failure = failure_of(server_end)
    assert failure.reason == "excessive message size"
    assert failure.number == 0x0A000098


@VERSIONS
def test_close_notify_is_an_end_and_its_absence_is_told(version: TlsVersion) -> None:
    client_end, server_end = connected(server(max_version=version))
    client_end.write(b"QUIT\r\n")
    client_end.shutdown()
    server_end.receive(client_end.output())
    assert server_end.read() == b"QUIT\r\n"
    assert server_end.eof
    assert not server_end.truncated
    server_end.shutdown()
    client_end.receive(server_end.output())
    assert client_end.read() == b""
    assert client_end.eof

    client_end, server_end = connected(server(max_version=version))
    client_end.write(b"DATA")
    server_end.receive(client_end.output())
    server_end.receive_eof()
    assert server_end.read() == b"DATA"
    assert server_end.eof
    assert server_end.truncated


def test_a_damaged_record_gives_what_was_good_and_then_fails() -> None:
    client_end, server_end = connected()
    client_end.write(b"good")
    good = client_end.output()
    client_end.write(b"bad")
    bad = bytearray(client_end.output())
    bad[-1] ^= 1
    server_end.receive(good + bytes(bad))
    assert server_end.read() == b"good"
    with pytest.raises(failures.TlsFailure, match="decryption failed or bad record mac"):
        server_end.read()
    with pytest.raises(failures.TlsFailure):
        server_end.write(b"x")
    server_end.shutdown()


def test_clear_text_inside_the_session_is_refused() -> None:
    client_end, server_end = connected()
    server_end.receive(b"MAIL FROM:<>\r\n")
    with pytest.raises(failures.TlsFailure):
        server_end.read()
    assert client_end.done


def test_data_before_the_handshake_is_a_bug_of_the_caller() -> None:
    session = server().session()
    with pytest.raises(RuntimeError):
        session.write(b"x")
    with pytest.raises(RuntimeError):
        session.read()
    session.shutdown()
    assert session.output() == b""
    assert session.saved_session() is None


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"mx.example.com", "mx.example.com"),
        (b"MX.Example.COM", "mx.example.com"),
        (b"_25._tcp.example.com", "_25._tcp.example.com"),
        (None, None),
        (b"", None),
        (b"mx.example.com.", None),
        (b"a..b", None),
        (b"a\r\nInfo: ICID 1 forged", None),
        (b"a" * 64, None),
        (b".".join([b"a" * 49] * 6), None),
        ("münchen.example".encode(), None),
        (b"../../etc/passwd", None),
        (b"mx.example.com\n", None),
    ],
)
def test_a_server_name_is_a_host_name_or_nothing(raw: bytes | None, name: str | None) -> None:
    assert engine.host_name(raw) == name


@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "bad name", "a\nb", "ü.example"])
def test_no_server_name_is_sent_for_an_address_or_nonsense(name: str | None) -> None:
    client_end, server_end = connected(name=name)
    assert server_end.report().sni is None
    assert client_end.report().sni is None


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 300), st.booleans())
def test_no_bytes_do_more_than_fail_a_handshake(noise: bytes, keep: int, as_client: bool) -> None:
    """Invariant: handshake() returns a bool or raises TlsFailure, and report() never raises."""
    if as_client:
        session = SHARED_CLIENT.session("mx.example.com")
        session.handshake()
        peer = SHARED_SERVER.session()
        peer.receive(session.output())
        peer.handshake()
        real = peer.output()
    else:
        session = SHARED_SERVER.session()
        peer = SHARED_CLIENT.session(None)
        peer.handshake()
        real = peer.output()
    session.receive(real[:keep] + noise)
    with contextlib.suppress(failures.TlsFailure):
        session.handshake()
        session.receive_eof()
        session.handshake()
    session.report()
    session.output()


SHARED_SERVER, SHARED_CLIENT = server(), client()


def test_the_trust_and_the_chain_use_only_memory() -> None:
    """Keys and certificates never need a file (hostile-input: keys absent from temporary files)."""
    source = pathlib.Path(engine.__file__).with_name("contexts.py").read_text()
    assert "_file(" not in source
    assert x509.load_der_x509_certificate(leaf_der(certified())).serial_number == 4711
