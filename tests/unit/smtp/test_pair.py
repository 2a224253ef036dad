# SPDX-License-Identifier: Apache-2.0
"""Both engines over a pretend wire: what arrives is what was sent.

Every test here exercises the two at once; the wire cuts the bytes where it likes.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail.envelope import BodyType, Envelope, Notify, Recipient, Ret
from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_events, server_events
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_settings import ServerSettings
from tests.unit.smtp.client_wire import envelope, mailbox

SETTINGS = ServerSettings(
    hostname="mx.example", max_message_size=10_000_000, offer_starttls=True, require_tls=False
)
NO = Reply(550, "5.1.1", ("No such user",))


@dataclass
class Arrived:
    """What the server's driver got to see."""

    sender: server_events.MailFrom | None = None
    recipients: list[Recipient] = field(default_factory=list)
    body: bytes = b""
    whole: list[bytes] = field(default_factory=list)


class Pair:
    def __init__(self, *, cut: int = 1 << 20, refuse: tuple[str, ...] = ()) -> None:
        self.client = ClientEngine(ClientSettings(hostname="gw.example"))
        self.server = ServerEngine(SETTINGS)
        self.cut = cut
        self.refuse = refuse
        self.arrived = Arrived()
        self.events: list[client_events.Event] = []
        self.violations: list[server_events.Event] = []
        self.server.greet()
        self.run()

    def run(self) -> list[client_events.Event]:
        """Carry bytes to and fro until both are silent; the client's events of this time."""
        self.events = []
        while True:
            out = self.client.take_output()
            for piece in self.pieces(out):
                self.server.receive(piece)
                self.serve()
            back = self.server.take_output()
            for piece in self.pieces(back):
                self.client.receive(piece)
            while (event := self.client.next_event()) is not None:
                self.events.append(event)
            if not out and not back:
                return self.events

    def pieces(self, data: bytes) -> list[bytes]:
        return [data[i : i + self.cut] for i in range(0, len(data), self.cut)]

    def serve(self) -> None:
        while (event := self.server.next_event()) is not None:
            self.on(event)

    def on(self, event: server_events.Event) -> None:
        match event:
            case server_events.MailFrom():
                self.arrived = Arrived(sender=event, whole=self.arrived.whole)
                self.server.answer()
            case server_events.RcptTo(recipient):
                if recipient.address.text in self.refuse:
                    self.server.answer(NO)
                else:
                    self.arrived.recipients.append(recipient)
                    self.server.answer()
            case server_events.BodyChunk(data):
                self.arrived.body += data
            case server_events.MessageEnd(size):
                assert size == len(self.arrived.body)
                self.arrived.whole.append(self.arrived.body)
                self.server.answer()
            case server_events.Hello() | server_events.DataStart() | server_events.StartTls():
                self.server.answer()
            case server_events.Reset() | server_events.Quit():
                pass
            case _:
                self.violations.append(event)

    def send(
        self, envelope: Envelope, *chunks: bytes, eight_bit: bool = False
    ) -> list[client_events.Event]:
        begun = self.client.begin(envelope, sum(map(len, chunks)), eight_bit=eight_bit)
        assert isinstance(begun, client_events.Begun), begun
        seen = list(self.run())
        if isinstance(seen[-1], client_events.SendBody):
            for chunk in chunks:
                self.client.body(chunk)
            self.client.end_body()
            seen += self.run()
        return seen


def test_they_greet_and_the_client_knows_what_the_server_offers() -> None:
    pair = Pair()
    offers = pair.client.capabilities
    assert offers.pipelining
    assert offers.eightbitmime
    assert offers.starttls
    assert offers.size == SETTINGS.max_message_size


TEXT = st.lists(
    st.sampled_from([b"\r\n", b"\r\n.", b".", b"..", b"x", b"\r\n.\r\n", b"\xe9", b"text " * 30]),
    max_size=20,
).map(lambda parts: b"".join(parts) + b"\r\n")


@settings(max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=3), st.integers(1, 50), st.integers(0, 200))
def test_what_arrives_is_what_was_sent(bodies: list[bytes], cut: int, border: int) -> None:
    pair = Pair(cut=cut)
    for body in bodies:
        *_, result = pair.send(envelope(), body[:border], body[border:], eight_bit=True)
        assert isinstance(result, client_events.MessageResult)
        assert result.reply.code == 250
        assert pair.arrived.sender is not None
        assert pair.arrived.sender.params.body is BodyType.EIGHT_BIT
    assert pair.arrived.whole == bodies
    assert pair.violations == []


def test_the_smuggled_end_of_data_stays_content() -> None:
    body = b"Subject: t\r\n\r\nAAA\r\n.\r\nMAIL FROM:<smuggled@example.net>\r\n"
    pair = Pair(cut=1)
    pair.send(envelope(), body)
    assert pair.arrived.whole == [body]
    assert pair.violations == []


def test_a_large_body_arrives() -> None:
    body = (b"." * 70 + b"\r\n") * 5000
    pair = Pair(cut=4096)
    pair.send(envelope(), *[body[i : i + 1000] for i in range(0, len(body), 1000)])
    assert pair.arrived.whole == [body]


def test_the_envelope_arrives_as_it_was() -> None:
    recipients = (
        Recipient(address=mailbox("a+b@b.example"), notify=frozenset([Notify.NEVER])),
        Recipient(
            address=mailbox("jörg@bücher.example"),
            notify=frozenset([Notify.SUCCESS, Notify.DELAY]),
            orcpt="rfc822;old+name=x@b.example",
        ),
    )
    sent = replace(envelope(), recipients=recipients, smtputf8=True, ret=Ret.HDRS, envid="id +=1 x")
    pair = Pair()
    pair.send(sent, b"x\r\n")
    first, second = pair.arrived.recipients
    assert second == recipients[1]
    assert first == replace(recipients[0], orcpt="rfc822;a+b@b.example")
    assert pair.arrived.sender is not None
    assert pair.arrived.sender.sender == sent.sender
    params = pair.arrived.sender.params
    assert (params.size, params.ret, params.envid, params.smtputf8) == (
        3,
        Ret.HDRS,
        "id +=1 x",
        True,
    )


def test_refused_recipients_do_not_stop_the_others() -> None:
    pair = Pair(refuse=("no@b.example",))
    seen = pair.send(envelope("yes@b.example", "no@b.example"), b"x\r\n")
    assert isinstance(seen[-1], client_events.MessageResult)
    assert seen[-1].accepted == (0,)
    assert [r.address.text for r in pair.arrived.recipients] == ["yes@b.example"]


def test_after_a_message_that_nobody_wanted_the_next_one_goes() -> None:
    pair = Pair(refuse=("no@b.example",))
    *_, last = pair.send(envelope("no@b.example"), b"lost\r\n")
    assert last == client_events.NoRecipients()
    *_, last = pair.send(envelope("yes@b.example"), b"kept\r\n")
    assert isinstance(last, client_events.MessageResult)
    assert pair.arrived.whole[-1] == b"kept\r\n"
    assert b"lost\r\n" not in pair.arrived.whole


def test_a_thousand_recipients_arrive() -> None:
    names = [f"user{number}@b.example" for number in range(1000)]
    pair = Pair()
    pair.send(envelope(*names), b"x\r\n")
    assert [r.address.text for r in pair.arrived.recipients] == names
    assert pair.violations == []


def test_starttls_pauses_both_and_both_begin_anew() -> None:
    pair = Pair()
    pair.client.start_tls()
    assert pair.run() == [client_events.TlsGo()]
    pair.server.tls_started()
    pair.client.tls_started()
    (ready,) = pair.run()
    assert isinstance(ready, client_events.Ready)
    assert not ready.capabilities.starttls
    pair.send(envelope(), b"x\r\n")
    assert pair.arrived.whole == [b"x\r\n"]


def test_leaving_is_polite() -> None:
    pair = Pair()
    pair.client.quit()
    assert pair.run() == [client_events.Closed()]
    assert pair.server.closing


@pytest.mark.parametrize("size", [SETTINGS.max_message_size + 1])
def test_a_message_above_the_servers_limit_is_not_even_begun(size: int) -> None:
    refused = Pair().client.begin(envelope(), size, eight_bit=False)
    assert isinstance(refused, client_events.Refused)
    assert refused.reply.enhanced == "5.3.4"
