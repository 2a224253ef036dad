# SPDX-License-Identifier: Apache-2.0
"""A gateway among real mail software: what it is told, and what can be asked about a message.

The ports of the peers stand in its routes before they run, so each comes when a test wants it. A
server of ours keeps all that is sent to kept.example and back.example, octet for octet.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gatehouse.journal import facts
from tests.live.clients import deliver
from tests.live.gateway import Gateway, address, until
from tests.live.servers import PORT, Behaviour, FakeServer, Message
from tests.ports import free_port

SENDER = "ann@back.example"
MEGABYTE = 1024 * 1024
TEXT = """\
format = 1
[system]
hostname = "gw.interop.example"
[interfaces.Net]
address = "127.0.0.1"
hostname = "mx.interop.example"
[listeners.In]
type = "public"
interface = "Net"
port = {gateway}
recipient_access = [
    {{ recipient = "refused@", access = "reject" }},
    {{ recipient = ".example", access = "accept" }},
]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "ALL" }}]
[mail_flow_policies.ALL]
behavior = "accept"
tls = "preferred"
max_message_size = "28M"
max_messages_per_connection = 1000
max_connections_per_client = 1000
[smtp_routes]
"kept.example" = ["{keeper}"]
"back.example" = ["{keeper}"]
"postfix.example" = ["127.0.0.1:{postfix}"]
"clear.postfix.example" = ["127.0.0.1:{postfix}"]
"opensmtpd.example" = ["127.0.0.1:{opensmtpd}"]
"clear.opensmtpd.example" = ["127.0.0.1:{opensmtpd}"]
[delivery]
connect_timeout = 5
idle_timeout = 1
dns_servers = ["127.0.0.1:9"]
[destination_controls.default]
tls = "none"
[destination_controls."postfix.example"]
tls = "required"
[destination_controls."opensmtpd.example"]
tls = "required"
[queue]
disk_reserve = "1M"
[processes]
receivers = 1
"""

# Dots where dots hurt, blanks at line ends, eight bits, an empty last line, no header after it.
LETTER = (
    "From: Ann <ann@back.example>\r\nTo: bob@kept.example\r\nSubject: grüße\r\n"
    "Date: Sun, 22 Nov 2026 07:00:00 +0000\r\nMessage-ID: <letter@back.example>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n"
    "\r\n.\r\n..\r\n.two words \r\n\tschön – ✓\r\n\r\nFrom here on\r\n\r\n"
).encode()
PLAIN = LETTER.replace("grüße".encode(), b"greetings")  # the header needs no SMTPUTF8


def body_of(message: bytes) -> bytes:
    """Everything behind the header."""
    return message.partition(b"\r\n\r\n")[2]


def header_of(message: bytes) -> bytes:
    """The header with the blank line."""
    return message[: len(message) - len(body_of(message))]


def line_feeds(message: bytes) -> bytes:
    """As programs of Unix keep it."""
    return message.replace(b"\r\n", b"\n")


def to(domain: str, letter: bytes = PLAIN) -> bytes:
    """The letter, addressed to bob at a domain."""
    return letter.replace(b"bob@kept.example", b"bob@" + domain.encode())


# --- the gateway and everybody around it --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meeting:
    """The gateway, the server that keeps everything, and where the peers listen."""

    gateway: Gateway
    keeper: FakeServer
    port: int
    postfix: int
    opensmtpd: int
    folder: Path

    def kept(self, recipient: str) -> Message:
        """The one message that the keeper got for a recipient."""

        def there() -> list[Message]:
            return [one for one in self.keeper.messages if recipient in one.recipients]

        found = until(there, f"a message for {recipient}")
        assert len(found) == 1
        return found[0]

    def received(self, recipient: str) -> tuple[int, int]:
        """MID and ICID under which the gateway took the message for a recipient."""
        fact = self.gateway.events.wait(facts.RecipientAccepted, address=recipient)
        return fact.mid, fact.icid

    def send(self, recipient: str, content: bytes, *, tls: bool = True, **how: object) -> int:
        """Hand a message to the gateway with smtplib; its MID."""
        endpoint = ("127.0.0.1", self.port)
        return deliver(endpoint, SENDER, [recipient], content, tls=tls, **how)  # type: ignore[arg-type]

    def done(self, mid: int) -> facts.RecipientsDelivered:
        """Wait until a message is delivered; how it was."""
        self.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
        (fact,) = self.gateway.events.of(facts.RecipientsDelivered, mid=mid)
        return fact

    def came_with_tls(self, icid: int) -> facts.TlsReceived:
        """The handshake of an inbound connection; the mail log tells the same."""
        tls = self.gateway.events.wait(facts.TlsReceived, icid=icid)
        said = f"ICID {icid} TLS success protocol {tls.protocol} cipher {tls.cipher}"
        self.gateway.wait_line(said, icid=icid)
        return tls

    def came_in_clear(self, icid: int) -> bool:
        """No handshake was tried on an inbound connection that is over."""
        lines = self.gateway.wait_line(f"ICID {icid} close", icid=icid)
        return not any("TLS" in line for line in lines)

    def left_with_tls(self, dcid: int) -> facts.TlsDelivered:
        """The handshake of a delivery connection; the mail log tells the same."""
        tls = self.gateway.events.wait(facts.TlsDelivered, dcid=dcid)
        said = f"DCID {dcid} TLS success protocol {tls.protocol} cipher {tls.cipher}"
        lines = self.gateway.lines(dcid=dcid)
        assert any(line.startswith(said) for line in lines), lines
        return tls


@contextlib.contextmanager
def open_meeting() -> Iterator[Meeting]:
    """The gateway with its keeper; at the end it must have no fault of its own."""
    gateway, postfix, opensmtpd = (free_port() for _ in range(3))
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-interop-") as made,
        FakeServer(address(), Behaviour()) as keeper,
    ):
        folder = Path(made)
        folder.chmod(0o755)
        text = TEXT.format(
            gateway=gateway,
            keeper=f"{keeper.address}:{PORT}",
            postfix=postfix,
            opensmtpd=opensmtpd,
        )
        with Gateway(folder, text) as running:
            yield Meeting(running, keeper, gateway, postfix, opensmtpd, folder)
            running.assert_sound()
