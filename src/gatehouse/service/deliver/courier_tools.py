# SPDX-License-Identifier: Apache-2.0
"""What a courier works with: of its process, and of the configuration by which it carries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gatehouse.journal import facts
from gatehouse.policy.destinations import DestinationControl
from gatehouse.policy.sender_overrides import SenderOverrides
from gatehouse.service.deliver.failures import NotConnected
from gatehouse.service.deliver.limits import Limits
from gatehouse.service.deliver.ready import Destination, ReadyLists
from gatehouse.service.deliver.settle import Settler
from gatehouse.store.interface import BodyReader, Queue


class TlsUnavailable(Protocol):
    """Raises the alarm that required TLS failed; `alerts_only`: for nothing but alert mail."""

    def __call__(
        self,
        control: DestinationControl,
        domain: str,
        failure: NotConnected,
        *,
        alerts_only: bool,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierTools:
    """What a courier needs of its process."""

    queue: Queue
    bodies: BodyReader
    wall: Callable[[], float]
    record: Callable[[facts.Fact], None]
    settler: Settler
    lists: ReadyLists
    damaged: Callable[[int, Exception], None]  # a body is not what was stored
    limits: Limits
    pause: Callable[[Destination, float], None]  # nothing for a destination for so many seconds
    tls_unavailable: TlsUnavailable


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a connection waits for more mail, and that one message may take in all."""

    idle: float
    transaction: float


@dataclass(frozen=True, slots=True)
class CourierRules:
    """By what a courier carries, from the configuration with which it began."""

    control: DestinationControl
    overrides: SenderOverrides
    patience: Patience
