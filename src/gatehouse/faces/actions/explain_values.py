# SPDX-License-Identifier: Apache-2.0
"""An imagined client, and what came of it: the values between the parts of `explain inbound`."""

from dataclasses import dataclass, field

from gatehouse.config.running import Listener
from gatehouse.journal import facts
from gatehouse.policy.access import NameState
from gatehouse.policy.inbound_values import (
    NO_CERTIFICATE,
    ClientCertificate,
    ClientFacts,
    Deny,
    SenderDomain,
    Step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that is known about the client before it says a word."""

    listener: Listener
    ip: str
    host: str | None
    host_state: NameState
    listed: frozenset[str] = frozenset()
    helo: str
    tls: bool | None = None  # None: where it is offered
    protocol: str = "TLSv1.3"
    cipher: str = "TLS_AES_256_GCM_SHA384"
    certificate: ClientCertificate = NO_CERTIFICATE
    user: str | None = None  # who logs in
    user_known: bool = True
    sender: str | None = None  # None: no MAIL; "": the null sender
    recipients: tuple[str, ...] = ()
    sender_domain: SenderDomain = SenderDomain.NOT_ASKED


@dataclass(frozen=True, slots=True)
class Demanded:
    """One step of the walk and where it was made."""

    stage: str
    about: str
    step: Step


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and the lines that answer it; the greeting answers nothing."""

    command: str
    lines: tuple[str, ...]

    @property
    def code(self) -> int | None:
        """The reply code; None when nothing is said."""
        return int(self.lines[-1][:3]) if self.lines else None


@dataclass(slots=True)
class Played:
    """What came of it."""

    client: ClientFacts
    exchanges: list[Exchange] = field(default_factory=list)
    demands: list[Demanded] = field(default_factory=list)
    recorded: list[facts.Fact] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    denied: list[Deny] = field(default_factory=list)
    tls_refused: bool = False  # it wanted TLS and did not get it

    @property
    def last_code(self) -> int | None:
        """The code of the last reply."""
        return self.exchanges[-1].code if self.exchanges else None
