# SPDX-License-Identifier: Apache-2.0
"""The gateway among real mail software: who speaks to it, to whom it speaks, in clear and with TLS.

Clients: swaks, the standard library's smtplib, smtp-source, Postfix and OpenSMTPD as sending MTAs.
Servers: Postfix and OpenSMTPD. Where octets are compared, one side is a server that keeps what came
over the wire; Postfix shows its own copy with postcat, with line feeds as line ends.
"""

import smtplib
from collections.abc import Callable, Iterator

import pytest

from gatehouse.journal import facts
from tests.live.clients import deliver, encryption
from tests.live.conftest import PeerIdentity
from tests.live.gateway import until
from tests.live.meeting import (
    LETTER,
    MEGABYTE,
    PLAIN,
    SENDER,
    Meeting,
    body_of,
    header_of,
    line_feeds,
    open_meeting,
    to,
)
from tests.live.peers.opensmtpd import OpenSmtpd
from tests.live.peers.packages import PeersMissing
from tests.live.peers.postfix import Postfix
from tests.live.peers.tools import SmtpSource, Swaks

pytestmark = [pytest.mark.peers, pytest.mark.slow]


@pytest.fixture(scope="module")
def meeting(peer_daemons: None) -> Iterator[Meeting]:
    """The gateway with its keeper; the peers come when a test asks for them."""
    with open_meeting() as opened:
        yield opened


@pytest.fixture(scope="module")
def postfix_server(meeting: Meeting, peer_identity: PeerIdentity) -> Iterator[Postfix]:
    """Postfix behind the gateway: STARTTLS, one recipient it refuses, 24 MB at most."""
    refused = "{refused.later@postfix.example = 550 5.1.1 nobody of that name}"
    peer = Postfix(
        meeting.folder / "postfix-server",
        port=meeting.postfix,
        certificate=peer_identity.certificate,
        key=peer_identity.key,
        settings={
            "smtpd_tls_received_header": "yes",
            "smtpd_recipient_restrictions": f"check_recipient_access inline:{{{refused}}}",
            "message_size_limit": str(24 * MEGABYTE),
        },
    )
    with peer:
        yield peer


@pytest.fixture(scope="module")
def postfix_client(meeting: Meeting) -> Iterator[Postfix]:
    """Postfix in front of the gateway: relays everything to it, with TLS or not at all."""
    peer = Postfix(
        meeting.folder / "postfix-client",
        relay_to=meeting.port,
        settings={"smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1"},
    )
    with peer:
        yield peer


@pytest.fixture(scope="module")
def opensmtpd_server(meeting: Meeting, peer_identity: PeerIdentity) -> Iterator[OpenSmtpd]:
    """OpenSMTPD behind the gateway, with STARTTLS."""
    try:
        peer = OpenSmtpd(
            meeting.folder / "opensmtpd-server",
            port=meeting.opensmtpd,
            certificate=peer_identity.certificate,
            key=peer_identity.key,
        ).start()
    except PeersMissing as missing:
        pytest.skip(f"peers: {missing}")
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def opensmtpd_client(meeting: Meeting) -> Iterator[Callable[[str], OpenSmtpd]]:
    """Makes OpenSMTPD instances in front of the gateway; the scheme says whether with TLS."""
    started: list[OpenSmtpd] = []

    def make(scheme: str) -> OpenSmtpd:
        folder = meeting.folder / f"opensmtpd-client{len(started)}"
        peer = OpenSmtpd(folder, relay_to=meeting.port, relay_scheme=scheme)
        started.append(peer)
        return peer.start()

    yield make
    for peer in started:
        peer.stop()


# --- clients: swaks, smtplib, smtp-source -------------------------------------------------------


def swaks(meeting: Meeting, recipient: str, *options: str) -> Swaks:
    """swaks with our letter."""
    letter = meeting.folder / "letter"
    # swaks ends every message with a line end of its own.
    letter.write_bytes(line_feeds(PLAIN).removesuffix(b"\n"))
    return Swaks(
        port=meeting.port, recipients=(recipient,), options=(*options, "--data", f"@{letter}")
    )


def test_swaks_delivers_in_clear(meeting: Meeting) -> None:
    said = swaks(meeting, "swaks.clear@kept.example").run()
    assert said.returncode == 0, said.stdout + said.stderr
    mid, icid = meeting.received("swaks.clear@kept.example")
    assert f"ok: Message {mid} accepted" in said.stdout
    message = meeting.kept("swaks.clear@kept.example")
    assert message.without_received == PLAIN
    assert b"with ESMTP id" in message.content or b"with ESMTP\r\n" in message.content
    assert meeting.came_in_clear(icid)
    assert not meeting.done(mid).tls


def test_swaks_delivers_with_starttls(meeting: Meeting) -> None:
    said = swaks(meeting, "swaks.tls@kept.example", "--tls").run()
    assert said.returncode == 0, said.stdout + said.stderr
    mid, icid = meeting.received("swaks.tls@kept.example")
    tls = meeting.came_with_tls(icid)
    assert f"=== TLS started with cipher {tls.protocol}:{tls.cipher}" in said.stdout
    assert (tls.protocol, tls.resumed) == ("TLSv1.3", False)
    assert tls.group
    message = meeting.kept("swaks.tls@kept.example")
    assert message.without_received == PLAIN
    assert b"ESMTPS" in header_of(message.content)
    meeting.done(mid)


def test_swaks_hears_why_a_recipient_is_refused(meeting: Meeting) -> None:
    said = swaks(meeting, "refused@kept.example", "--tls").run()
    assert said.returncode == 24  # swaks(1): no RCPT was accepted
    assert "<** 550 5.1" in said.stdout or "<~* 550 5.1" in said.stdout, said.stdout
    fact = meeting.gateway.events.wait(facts.RecipientRefused, address="refused@kept.example")
    line = f"MID {fact.mid} ICID {fact.icid} To: <refused@kept.example> Rejected by RAT"
    meeting.gateway.wait_line(line, mid=fact.mid)
    meeting.came_with_tls(fact.icid)
    assert not meeting.gateway.events.of(facts.MessageQueued, mid=fact.mid)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "starttls"])
def test_smtplib_delivers(meeting: Meeting, tls: bool) -> None:
    recipient = f"smtplib.{tls}@kept.example".lower()
    mid = meeting.send(recipient, LETTER, tls=tls, mail_options=("SMTPUTF8", "BODY=8BITMIME"))
    assert meeting.kept(recipient).without_received == LETTER
    assert "SMTPUTF8" in meeting.kept(recipient).parameters
    _, icid = meeting.received(recipient)
    if tls:
        assert meeting.came_with_tls(icid).protocol == "TLSv1.3"
    else:
        assert meeting.came_in_clear(icid)
    meeting.done(mid)


def test_smtp_source_delivers_over_many_connections_and_many_times_over_one(
    meeting: Meeting,
) -> None:
    connections = []
    for keep_open in (False, True):
        recipient = f"source.{keep_open}@kept.example".lower()
        SmtpSource(
            port=meeting.port,
            messages=60,
            sessions=10,
            size=5000,
            sender="source@back.example",
            recipient=recipient,
            keep_open=keep_open,
        ).run()
        meeting.gateway.events.wait(facts.RecipientAccepted, count=60, address=recipient)
        accepted = meeting.gateway.events.of(facts.RecipientAccepted, address=recipient)
        assert len({fact.mid for fact in accepted}) == 60
        connections.append(len({fact.icid for fact in accepted}))
        for fact in accepted:
            meeting.gateway.events.wait(facts.MessageFinished, mid=fact.mid, outcome="done")
        got = [one for one in meeting.keeper.messages if recipient in one.recipients]
        assert len(got) == 60
        assert all(len(body_of(one.content)) >= 5000 for one in got)
    assert sorted(connections) == [10, 60]


# --- Postfix as the sending MTA -----------------------------------------------------------------


def hand_to(peer_port: int, recipient: str, content: bytes, **options: list[str]) -> None:
    """Give a message to a peer's own listener, for it to relay."""
    with smtplib.SMTP("127.0.0.1", peer_port, local_hostname="client.example") as client:
        client.sendmail(
            SENDER,
            [recipient],
            content,
            mail_options=options.get("mail", []),
            rcpt_options=options.get("rcpt", []),
        )


def test_postfix_relays_through_the_gateway_with_tls(
    meeting: Meeting, postfix_client: Postfix
) -> None:
    hand_to(postfix_client.port, "relayed@kept.example", PLAIN, mail=["BODY=8BITMIME"])
    message = meeting.kept("relayed@kept.example")
    assert message.without_received.endswith(PLAIN)  # behind Postfix's own Received field
    assert message.without_received.startswith(b"Received: from client.example")
    assert "BODY=8BITMIME" in message.parameters
    mid, icid = meeting.received("relayed@kept.example")
    tls = meeting.came_with_tls(icid)
    meeting.done(mid)
    log = postfix_client.log.read_text()
    assert f"{tls.protocol} with cipher {tls.cipher}" in log
    assert f"ok: Message {mid} accepted" in log
    # Postfix pipelines MAIL, RCPT and DATA, and nothing of it was refused for that.
    assert meeting.gateway.events.of(facts.ProtocolViolated, icid=icid) == []
    assert meeting.gateway.events.of(facts.CommandRefused, icid=icid) == []


def test_postfix_asks_for_what_the_gateway_offers(
    meeting: Meeting, postfix_client: Postfix
) -> None:
    recipient = "bücher@kept.example"
    hand_to(
        postfix_client.port,
        recipient,
        LETTER,
        mail=["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=QQ314159"],
        rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;buecher@kept.example"],
    )
    message = meeting.kept(recipient)
    assert message.without_received.endswith(LETTER)
    for wanted in ("SMTPUTF8", "RET=HDRS", "ENVID=QQ314159"):
        assert wanted in message.parameters
    (parameters,) = message.recipient_parameters
    assert "NOTIFY=SUCCESS,FAILURE" in parameters
    assert "ORCPT=rfc822;buecher@kept.example" in parameters


def test_postfix_hears_a_refusal_and_bounces_by_itself(
    meeting: Meeting, postfix_client: Postfix
) -> None:
    hand_to(postfix_client.port, "refused@elsewhere.example", PLAIN)
    fact = meeting.gateway.events.wait(facts.RecipientRefused, address="refused@elsewhere.example")
    until(
        lambda: (
            "to=<refused@elsewhere.example>" in postfix_client.log.read_text()
            and "status=bounced" in postfix_client.log.read_text()
        ),
        "Postfix gives the message up",
    )
    meeting.came_with_tls(fact.icid)
    # Its bounce comes back through us, with the null sender.
    bounce = meeting.kept(SENDER)
    assert bounce.sender == ""
    assert b"multipart/report" in bounce.content


def test_a_burst_from_postfix_arrives_each_message_as_it_was(
    meeting: Meeting, postfix_client: Postfix
) -> None:
    recipients = [f"burst{number}@kept.example" for number in range(12)]
    for recipient in recipients:
        hand_to(postfix_client.port, recipient, to("burst.example"))
    for recipient in recipients:
        mid, icid = meeting.received(recipient)
        assert meeting.kept(recipient).without_received.endswith(to("burst.example"))
        meeting.came_with_tls(icid)
        meeting.done(mid)


# --- OpenSMTPD as the sending MTA ---------------------------------------------------------------


def test_opensmtpd_relays_through_the_gateway_with_tls(
    meeting: Meeting, opensmtpd_client: Callable[[str], OpenSmtpd]
) -> None:
    peer = opensmtpd_client("smtp")  # TLS where it is offered; smtp+tls also wants a known CA
    hand_to(peer.port, "open.tls@kept.example", PLAIN)
    message = meeting.kept("open.tls@kept.example")
    assert message.without_received.endswith(PLAIN)
    mid, icid = meeting.received("open.tls@kept.example")
    assert meeting.came_with_tls(icid).protocol == "TLSv1.3"
    meeting.done(mid)
    until(lambda: 'result="Ok"' in peer.log.read_text(), "OpenSMTPD says it went well")


def test_opensmtpd_relays_through_the_gateway_in_clear(
    meeting: Meeting, opensmtpd_client: Callable[[str], OpenSmtpd]
) -> None:
    peer = opensmtpd_client("smtp+notls")
    hand_to(peer.port, "open.clear@kept.example", PLAIN)
    assert meeting.kept("open.clear@kept.example").without_received.endswith(PLAIN)
    mid, icid = meeting.received("open.clear@kept.example")
    assert not meeting.gateway.events.of(facts.TlsReceived, icid=icid)
    meeting.done(mid)


# --- delivering into Postfix --------------------------------------------------------------------


def held(peer: Postfix, mid: int) -> bytes:
    """What Postfix holds of our message, found by the queue id in our Received field."""

    def there() -> list[bytes]:
        return [
            one for one in peer.messages() if f"id {mid}\n".encode() in one.replace(b";", b"\n")
        ]

    return until(there, f"MID {mid} in Postfix's queue")[0]


@pytest.mark.parametrize(
    ("domain", "tls"), [("postfix.example", True), ("clear.postfix.example", False)]
)
def test_the_gateway_delivers_into_postfix(
    meeting: Meeting, postfix_server: Postfix, domain: str, tls: bool
) -> None:
    content = to(domain)
    mid = meeting.send(f"bob@{domain}", content, tls=tls, mail_options=("BODY=8BITMIME",))
    fact = meeting.done(mid)
    assert fact.tls is tls
    assert "queued as" in fact.response
    message = held(postfix_server, mid)
    assert message.endswith(line_feeds(content))
    assert message.count(b"\nReceived: ") + 1 == 2  # Postfix's and ours, nothing else on top
    if tls:
        shook = meeting.left_with_tls(fact.dcid)
        assert (shook.level, shook.protocol, shook.domain) == ("required", "TLSv1.3", domain)
        assert f"using TLSv1.3 with cipher {shook.cipher}".encode() in message
    else:
        assert meeting.gateway.events.of(facts.TlsDelivered, dcid=fact.dcid) == []
        assert b"using TLS" not in message.partition(b"Received: from client")[0]


def test_smtputf8_reaches_postfix(meeting: Meeting, postfix_server: Postfix) -> None:
    mid = meeting.send("jürgen@postfix.example", LETTER, mail_options=("SMTPUTF8", "BODY=8BITMIME"))
    assert meeting.done(mid).tls
    assert held(postfix_server, mid).endswith(line_feeds(LETTER))


def test_a_recipient_that_postfix_refuses_comes_back_as_a_dsn(
    meeting: Meeting, postfix_server: Postfix
) -> None:
    sender, recipient = "carol@back.example", "refused.later@postfix.example"
    endpoint = ("127.0.0.1", meeting.port)
    mid = deliver(endpoint, sender, [recipient], PLAIN, tls=True, mail_options=("BODY=8BITMIME",))
    bounced = meeting.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert (bounced.recipient, bounced.code) == (recipient, "550")
    assert "nobody of that name" in " ".join(bounced.lines)
    report = meeting.kept(sender)
    assert report.sender == ""
    content = report.content
    assert b"multipart/report; report-type=delivery-status" in content.replace(b"\r\n\t", b" ")
    assert b"Final-Recipient: rfc822; refused.later@postfix.example\r\n" in content
    assert b"Action: failed\r\n" in content
    assert b"Status: 5.1." in content
    assert b"Diagnostic-Code: smtp; 550 5.1.1 " in content
    assert b"nobody of that name" in content
    assert b"Message-ID: <letter@back.example>\r\n" in content
    generated = meeting.gateway.events.wait(facts.BounceGenerated, parent=mid)
    meeting.gateway.wait_line(
        f"MID {generated.mid} was generated for bounce of MID {mid}", mid=generated.mid
    )


# --- delivering into OpenSMTPD ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "tls"), [("opensmtpd.example", True), ("clear.opensmtpd.example", False)]
)
def test_the_gateway_delivers_into_opensmtpd(
    meeting: Meeting, opensmtpd_server: OpenSmtpd, domain: str, tls: bool
) -> None:
    content = to(domain)
    mid = meeting.send(f"bob@{domain}", content, tls=tls, mail_options=("BODY=8BITMIME",))
    fact = meeting.done(mid)
    assert fact.tls is tls
    assert [one for one in opensmtpd_server.messages() if one.endswith(line_feeds(content))]
    if tls:
        shook = meeting.left_with_tls(fact.dcid)
        assert (shook.level, shook.protocol) == ("required", "TLSv1.3")
        assert f"ciphers=TLSv1.3:{shook.cipher}" in opensmtpd_server.log.read_text()
    else:
        assert meeting.gateway.events.of(facts.TlsDelivered, dcid=fact.dcid) == []


# --- large messages -----------------------------------------------------------------------------


def large(megabytes: int) -> bytes:
    """Lines that begin with dots, each different from its neighbours."""
    lines = b"".join(b"." * (n % 3) + b"%068d\r\n" % n for n in range(14_700))
    return (PLAIN + lines * (megabytes * MEGABYTE // len(lines) + 1))[
        : megabytes * MEGABYTE
    ] + b"\r\n"


def test_twenty_megabytes_pass_with_tls_on_both_sides(
    meeting: Meeting, postfix_server: Postfix
) -> None:
    content = large(20)
    mid = meeting.send(
        "large@postfix.example", content, mail_options=("BODY=8BITMIME", f"SIZE={len(content)}")
    )
    assert meeting.done(mid).tls
    assert held(postfix_server, mid).endswith(line_feeds(content))
    meeting.gateway.wait_line(f"MID {mid} queued for delivery", mid=mid)


def test_what_is_larger_than_postfix_takes_comes_back_and_is_never_sent(
    meeting: Meeting, postfix_server: Postfix
) -> None:
    sender = "dora@back.example"
    endpoint = ("127.0.0.1", meeting.port)
    mid = deliver(
        endpoint,
        sender,
        ["toolarge@postfix.example"],
        large(26),
        tls=True,
        mail_options=("BODY=8BITMIME",),
    )
    bounced = meeting.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert bounced.code == "552"
    report = meeting.kept(sender).content
    assert b"Status: 5.3." in report
    assert b"Diagnostic-Code: smtp; 552 5.3.4 " in report
    assert len(report) < 128 * 1024  # a bounce does not carry the message that was too large
    assert f"MID {mid}".encode() not in b"".join(postfix_server.messages())


def test_what_is_larger_than_the_gateway_takes_is_refused_at_mail(meeting: Meeting) -> None:
    with smtplib.SMTP("127.0.0.1", meeting.port) as client:
        client.starttls(context=encryption())
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 28 * MEGABYTE
        code, said = client.mail(SENDER, (f"SIZE={29 * MEGABYTE}",))
        assert (code, said[:5]) == (552, b"5.3.4")
