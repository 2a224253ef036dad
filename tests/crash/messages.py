# SPDX-License-Identifier: Apache-2.0
"""The messages of the storm: recognisable, hashable, of every size that takes another way.

A recipient's address names its message, so each (message, recipient) pair is one string that also
comes back in a delivery report.
"""

import base64
import hashlib
import random
from dataclasses import dataclass

DOMAIN = "crash.example"
OK, SLOW, DROP, LATER, NEVER, TLS = (
    f"{name}.{DOMAIN}" for name in ("ok", "slow", "drop", "later", "never", "tls")
)
BOUNCES = f"bounces.{DOMAIN}"  # where reports go
DESTINATIONS = (OK, SLOW, DROP, LATER, NEVER, TLS)
MARK = b"X-Crash-Id: "
REFUSED = "-no@"  # a recipient that its server refuses for good

# Below the gateway's limit for the shared segments (128 KiB) and above it, with a few at the edge.
_SIZES = ((1_024, 4_096, 12), (4_096, 32_768, 6), (120_000, 140_000, 1), (150_000, 300_000, 1))


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be sent."""

    number: int
    recipients: tuple[str, ...]
    content: bytes

    @property
    def sender(self) -> str:
        """Where a report about it goes."""
        return f"s{self.number}@{BOUNCES}"

    @property
    def digest(self) -> str:
        """What the content must be when it arrives."""
        return digest(self.content)


def digest(content: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(content).hexdigest()


def make(number: int, dice: random.Random) -> Message:
    """A message with 1 to 4 recipients in some of the destinations."""
    low, high, _ = dice.choices(_SIZES, [weight for _, _, weight in _SIZES])[0]
    size = dice.randint(low, high)
    count = dice.choices((1, 2, 3, 4), (6, 2, 1, 1))[0]
    domains = dice.choices(DESTINATIONS, k=count)
    if dice.random() < 0.5:
        domains = domains[:1] * count  # one transaction with several recipients
    recipients = tuple(_recipient(number, index, name, dice) for index, name in enumerate(domains))
    head = (
        b"%s%d\r\nFrom: <s%d@%s>\r\nSubject: storm %d\r\nMessage-ID: <%d@%s>\r\n\r\n.\r\n..dots\r\n"
        % (MARK, number, number, BOUNCES.encode(), number, number, DOMAIN.encode())
    )
    lines = base64.encodebytes(dice.randbytes(max(0, size - len(head)) * 3 // 4))
    body = lines.replace(b"\n", b"\r\n")
    return Message(number, recipients, head + body + b".end\r\n")


def _recipient(number: int, index: int, domain: str, dice: random.Random) -> str:
    refused = domain == NEVER and dice.random() < 0.5
    return f"m{number}-{index}{'-no' if refused else ''}@{domain}"


def sent_by_us(content: bytes) -> tuple[int, str]:
    """The number and digest of what arrived; number -1 when it is none of ours.

    Our content begins at the mark. What stands before it must be the one trace field that the
    gateway adds, else the digest is that of everything and fits nothing.
    """
    start = content.find(MARK)
    if start < 0:
        return -1, digest(content)
    number = content[start + len(MARK) : content.find(b"\r\n", start)]
    trace = content[:start]
    clean = trace.startswith(b"Received: ") and trace.endswith(b"\r\n")
    clean = clean and all(line[:1] in b"\t " for line in trace[:-2].split(b"\r\n")[1:])
    return int(number), digest(content[start:] if clean else content)
