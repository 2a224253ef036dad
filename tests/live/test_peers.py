# SPDX-License-Identifier: Apache-2.0
"""The peers themselves work: what other tests prove with them stands on this."""

import smtplib
import ssl

import pytest

from tests.live.peers.tools import SmtpSink, SmtpSource, Swaks
from tests.patience import PATIENCE

pytestmark = [pytest.mark.peers, pytest.mark.slow]

MESSAGE = b"Subject: to the peers\r\nFrom: a@sender.example\r\n\r\nOne line.\r\n.dot\r\n"


def send(port, context=None):
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        if context is not None:
            client.starttls(context=context)
        client.sendmail("a@sender.example", ["b@example.com"], MESSAGE)


def trusting(identity):
    context = ssl.create_default_context(cafile=identity.authority)
    context.check_hostname = False  # smtplib dials an address; the name is another test's business
    return context


def test_postfix_takes_a_message_and_holds_it(postfix, eventually):
    peer = postfix()
    send(peer.port)
    eventually(lambda: peer.held() == 1)
    [message] = peer.messages()
    assert b"Subject: to the peers" in message and b"\n.dot\n" in message
    assert "status=" not in peer.log.read_text()


def test_postfix_offers_tls_with_the_certificate_it_was_given(postfix, peer_identity, eventually):
    peer = postfix(
        certificate=peer_identity.certificate,
        key=peer_identity.key,
        settings={"smtpd_tls_received_header": "yes"},
    )
    send(peer.port, trusting(peer_identity))
    eventually(lambda: peer.held() == 1)
    [message] = peer.messages()
    assert b"using TLSv1.3 with cipher" in message


def test_postfix_relays_to_a_sink(postfix, peer_folder, eventually):
    with SmtpSink(peer_folder / "sink") as sink:
        peer = postfix(relay_to=sink.port)
        send(peer.port)
        eventually(lambda: len(sink.messages()) == 1)
        assert b"\n.dot" in sink.messages()[0]
    assert "status=sent" in peer.log.read_text()


def test_smtp_source_delivers_many_messages_to_postfix(postfix, eventually):
    peer = postfix()
    SmtpSource(port=peer.port, messages=60, sessions=5).run()
    eventually(lambda: peer.held() == 60)


def test_smtp_source_says_when_the_server_refuses(postfix):
    peer = postfix(settings={"smtpd_recipient_restrictions": "reject"})
    with pytest.raises(RuntimeError, match=r"Recipient address rejected|Access denied"):
        SmtpSource(port=peer.port).run()


def test_opensmtpd_takes_a_message_and_keeps_it(opensmtpd, eventually):
    peer = opensmtpd()
    send(peer.port)
    eventually(lambda: peer.queued() == 1)
    [message] = peer.messages()
    assert b"Subject: to the peers" in message and b"\n.dot\n" in message


def test_opensmtpd_offers_tls_with_the_certificate_it_was_given(
    opensmtpd, peer_identity, eventually
):
    peer = opensmtpd(certificate=peer_identity.certificate, key=peer_identity.key)
    send(peer.port, trusting(peer_identity))
    eventually(lambda: peer.queued() == 1)
    assert "smtp tls ciphers=TLSv1.3" in peer.log.read_text()


def test_opensmtpd_relays_to_a_sink(opensmtpd, peer_folder, eventually):
    with SmtpSink(peer_folder / "sink") as sink:
        peer = opensmtpd(relay_to=sink.port)
        send(peer.port)
        eventually(lambda: len(sink.messages()) == 1)


def test_smtp_source_delivers_many_messages_to_opensmtpd(opensmtpd, eventually):
    peer = opensmtpd()
    SmtpSource(port=peer.port, messages=60, sessions=5).run()
    eventually(lambda: peer.queued() == 60)


def test_swaks_delivers_over_tls_and_shows_the_transcript(postfix, peer_identity, eventually):
    peer = postfix(certificate=peer_identity.certificate, key=peer_identity.key)
    said = Swaks(port=peer.port, options=("--tls",)).run()
    assert said.returncode == 0, said.stdout + said.stderr
    assert "=== TLS started with cipher TLSv1.3" in said.stdout
    eventually(lambda: peer.held() == 1)


def test_swaks_fails_when_tls_is_demanded_and_not_offered(postfix):
    assert Swaks(port=postfix().port, options=("--tls",)).run().returncode != 0
