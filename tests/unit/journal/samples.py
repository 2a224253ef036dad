# SPDX-License-Identifier: Apache-2.0
"""Facts to test with: one of every kind, and the life of one message."""

import time
import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from gatehouse.journal import facts
from gatehouse.journal.facts import Fact
from gatehouse.journal.stamp import format_stamp

# hostile-input 6.16: line forging, terminal escapes, NUL, C1, bidi, line separators, DEL.
HOSTILE = (
    "x\ny\rSep  1 00:00:00 host postfix: fake status=sent\x1b]0;\x00%0a\x85\x9b\u202egnp.exe"
    "\u2028z\u2066\x7f\ufeff" + "q" * 512
)
AT = 1740981601.25  # Mon Mar  3 06:00:01 2025 UTC


def utc_stamp(at: float) -> str:
    return format_stamp(time.gmtime(at))


def all_types() -> tuple[type[msgspec.Struct], ...]:
    return get_args(Fact)


def specimen(kind: type[msgspec.Struct], text: str) -> Any:
    """A fact of this kind in which every free text is `text`."""
    hints = get_type_hints(kind)
    return kind(
        **{name: AT if name == "at" else _value(hint, text) for name, hint in hints.items()}
    )


def _value(hint: Any, text: str) -> object:
    if isinstance(hint, types.UnionType):  # X | None
        hint = next(part for part in get_args(hint) if part is not type(None))
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[0]
    if origin is tuple:
        return (_value(get_args(hint)[0], text),) * 2
    if origin is dict:
        return {"CPULd": 7, "LogAvail": text}
    simple: dict[Any, object] = {str: text, int: 7, float: 2.5, bool: True}
    return simple[hint]


def message_life() -> tuple[Fact, ...]:
    """What one message, received and delivered under TLS, leaves behind: 20 lines."""
    return (
        facts.ConnectionOpened(
            at=AT,
            icid=1,
            listener="InboundMail",
            interface="PublicNet",
            interface_ip="192.0.2.1",
            client_ip="203.0.113.25",
            client_port=40000,
            host="mx1.bank.example",
            host_verified=True,
        ),
        facts.SenderGroupMatched(
            at=AT, icid=1, behavior="ACCEPT", group="PARTNERS", match=".bank.example", policy="P"
        ),
        facts.TlsReceived(at=AT, icid=1, protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
        facts.MessageStarted(at=AT, mid=2, icid=1, sender="ann@bank.example"),
        facts.RecipientAccepted(at=AT, mid=2, icid=1, rid=0, address="bob@shop.example"),
        facts.MessageReady(
            at=AT,
            mid=2,
            icid=1,
            message_id="<77@bank.example>",
            subject="Rates for May",
            size=4312,
            sender="ann@bank.example",
            direction="inbound",
        ),
        facts.MessageQueued(at=AT, mid=2),
        facts.ConnectionClosed(at=AT, icid=1),
        facts.DeliveryConnectionOpened(
            at=AT, dcid=3, interface_ip="192.0.2.1", ip="10.1.1.5", port=25, domain="shop.example"
        ),
        facts.TlsDelivered(
            at=AT,
            dcid=3,
            domain="shop.example",
            level="required",
            protocol="TLSv1.3",
            cipher="TLS_AES_256_GCM_SHA384",
        ),
        facts.DeliveryStarted(at=AT, dcid=3, mid=2, rids=(0,)),
        facts.RecipientsDelivered(
            at=AT, dcid=3, mid=2, rids=(0,), response="2.0.0 Ok: queued as 9C01", tls=True
        ),
        facts.MessageFinished(at=AT, mid=2, outcome="done"),
        facts.DeliveryConnectionClosed(at=AT, dcid=3),
    )
