# SPDX-License-Identifier: Apache-2.0
"""One message while it comes in: its envelope, its body on the way to the spool, its header's head.

The body goes to the spool chunk by chunk and never lies whole in memory; only the header block is
looked at, and only its first `MAX_HEAD` octets. A write that fails marks the transaction: what
still arrives is thrown away, and the client hears it at the end of data (RFC 5321 §4.2.5: no reply
comes earlier).
"""

from gatehouse.mail import headers
from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Envelope, Recipient
from gatehouse.smtp.server_events import MailParams
from gatehouse.store.errors import StoreError
from gatehouse.store.interface import OpenBody
from gatehouse.store.values import BodyRef

# What of a header block is looked at. The scanner has the same bound; more is relayed unread.
MAX_HEAD = 256 * 1024


class Transaction:
    """From MAIL to the end of data."""

    __slots__ = (
        "_body",
        "_head",
        "_head_done",
        "committing",
        "eight_bit",
        "facts",
        "failed",
        "mid",
        "params",
        "recipients",
        "sender",
        "size",
        "started_at",
    )

    def __init__(
        self, mid: int, sender: Address | None, params: MailParams, started_at: float
    ) -> None:
        self.mid = mid
        self.sender = sender
        self.params = params
        self.started_at = started_at
        self.recipients: list[Recipient] = []
        self.size = 0
        self.failed: StoreError | None = None
        self.committing = False
        self.eight_bit = False
        self.facts: headers.HeaderFacts | None = None
        self._body: OpenBody | None = None
        self._head: list[bytes] = []
        self._head_done = False

    def add(self, recipient: Recipient) -> int:
        """Take a recipient; its RID."""
        self.recipients.append(recipient)
        return len(self.recipients) - 1

    def open(self, body: OpenBody, received: bytes) -> None:
        """Content begins; our Received field stands on top of it (RFC 5321 §4.4)."""
        self._body = body
        try:
            body.write(received)
        except StoreError as error:
            self.failed = error

    def write(self, chunk: bytes) -> None:
        """The next octets of the content."""
        if not self._head_done:
            self._look(chunk)
        if not chunk.isascii():
            self.eight_bit = True
        try:
            assert self._body is not None
            self._body.write(chunk)
        except StoreError as error:
            self.failed = error

    def _look(self, chunk: bytes) -> None:
        self._head.append(chunk)
        if len(self._head) > 1:
            joined = b"".join(self._head)
            self._head = [joined]
        if headers.header_end(self._head[0]) >= 0 or len(self._head[0]) >= MAX_HEAD:
            self._head_done = True

    def scan(self) -> headers.HeaderFacts:
        """What the header block says; call at the end of data."""
        if self.facts is None:
            block = self._head[0] if self._head else b""
            end = headers.header_end(block)
            self.facts = headers.scan(block[:end] if end >= 0 else block[:MAX_HEAD])
            self._head = []
        return self.facts

    def envelope(self) -> Envelope:
        """The envelope as the queue keeps it."""
        params = self.params
        return Envelope(
            sender=self.sender,
            recipients=tuple(self.recipients),
            # What the content is decides, not what was announced: an ASCII message that came as
            # 8BITMIME can go to any server, an 8-bit one that came unannounced cannot.
            body=BodyType.EIGHT_BIT if self.eight_bit else BodyType.SEVEN_BIT,
            smtputf8=params.smtputf8,
            ret=params.ret,
            envid=params.envid,
            requiretls=params.requiretls,
        )

    def finish(self) -> BodyRef:
        """The body is complete: where it lies (durable only after the commit)."""
        assert self._body is not None
        body, self._body = self._body, None
        return body.finish()

    def abort(self) -> None:
        """Forget what has been spooled."""
        body, self._body = self._body, None
        if body is not None:
            body.abort()
