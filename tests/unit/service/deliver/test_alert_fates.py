# SPDX-License-Identifier: Apache-2.0
"""What became of alerts is known for a while; a lost one is an alarm that is not mailed."""

import pytest

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Recipient
from gatehouse.service.base.channel import Alarmed
from gatehouse.service.deliver.alert_fates import MOST, AlertFates
from gatehouse.store.values import (
    BodyRef,
    Bounced,
    Deferred,
    Delivered,
    MessageKind,
    QueuedMessage,
    QueuedRecipient,
    RecipientState,
)


def message(mid: int = 7) -> QueuedMessage:
    address = Address("ops@us.example", "ops", "smarthost:ses", False)
    recipient = QueuedRecipient(
        rid=0,
        recipient=Recipient(address=address),
        state=RecipientState.WAITING,
        tries=0,
        next_at=None,
        last_reply="",
        last_enhanced="",
        last_tried_at=None,
        delay_notified=0,
    )
    return QueuedMessage(
        mid=mid,
        seq=1,
        icid=0,
        listener="",
        kind=MessageKind.ALERT,
        parent=None,
        held=False,
        received_at=0.0,
        expires_at=1.0,
        sender=None,
        body_type=BodyType.SEVEN_BIT,
        smtputf8=False,
        ret=None,
        envid=None,
        requiretls=False,
        size=1,
        body=BodyRef(1, 0, 1),
        message_id="<a@us.example>",
        subject="",
        client_ip="",
        helo="",
        tls_in="",
        recipients=(recipient,),
    )


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [
        (Delivered(0, "250 ok"), "delivered"),
        (Deferred(rid=0, next_at=9.0, tries=1, reply="450 later"), "deferred"),
        (Bounced(0, "550 no"), "bounced"),
    ],
)
def test_the_last_fate_is_told(outcome: Delivered | Deferred | Bounced, fate: str) -> None:
    fates = AlertFates(lambda _: None)
    fates.note(message(), (outcome,))
    assert fates.tell("7") == {"fate": fate, "reply": outcome.reply}
    for unknown in ("8", "", "x", "-7"):
        assert fates.tell(unknown) == {"fate": None}


def test_an_alert_that_was_given_up_is_an_alarm_that_nobody_gets_by_mail() -> None:
    sent: list[Alarmed] = []
    fates = AlertFates(sent.append)
    fates.note(message(), (Deferred(rid=0, next_at=9.0, tries=1, reply="450"),))
    assert sent == []
    fates.note(message(), (Bounced(0, "550 5.1.1 no such user"),))
    (one,) = sent
    assert not one.mailed
    assert one.text == (
        "alert mail to ops@us.example could not be delivered: 550 5.1.1 no such user (MID 7)"
    )


def test_what_a_server_said_is_cut_in_the_alarm() -> None:
    sent: list[Alarmed] = []
    AlertFates(sent.append).note(message(), (Bounced(0, "550 " + "x" * 100_000),))
    assert len(sent[0].text) < 500


def test_the_memory_is_bounded() -> None:
    fates = AlertFates(lambda _: None)
    for mid in range(MOST + 5):
        fates.note(message(mid), (Delivered(0, "250"),))
    assert fates.tell("0") == {"fate": None}
    assert fates.tell(str(MOST + 4))["fate"] == "delivered"
