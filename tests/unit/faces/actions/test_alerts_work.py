# SPDX-License-Identifier: Apache-2.0
"""Subscriptions change the candidate, and a test alert says what became of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gatehouse.config.checks import Loaded, load
from gatehouse.faces.actions import alerts
from gatehouse.faces.actions.alerts_work import (
    add_recipient,
    list_recipients,
    remove_recipient,
    send_test,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.journal.facts import Fact
from gatehouse.service.base.channel import Value
from gatehouse.store.values import MessageKind, QueueFilter
from tests.unit.faces.conftest import PretendGateway

OPS = "ops@us.example"


def candidate(house: House) -> alerts.AlertRecipients:
    return asyncio.run(list_recipients(house, alerts.RecipientsInput(candidate=True)))


def add(house: House, address: str = OPS, **more: tuple[str, ...]) -> alerts.RecipientChanged:
    return asyncio.run(add_recipient(house, alerts.AddInput(address=address, **more)))  # type: ignore[arg-type]


def test_nobody_is_subscribed_at_first(house: House) -> None:
    shown = asyncio.run(list_recipients(house, alerts.RecipientsInput()))
    assert shown.recipients == ()
    assert shown.from_address.startswith("alert@")
    assert (shown.initial_interval, shown.maximum_interval) == (300, 3600)


def test_an_address_is_added_changed_and_removed_in_the_candidate(house: House) -> None:
    assert (add(house).change, candidate(house).recipients[0].classes) == ("added", ("all",))
    changed = add(house, severity=("critical", "warning", "critical"), alarm_class=("System",) * 2)
    assert (changed.change, changed.recipients) == ("changed", 1)
    (one,) = candidate(house).recipients
    assert one == alerts.RecipientView(
        address=OPS, severities=("Critical", "Warning"), classes=("System",)
    )
    assert add(house).change == "changed"
    assert candidate(house).recipients[0].classes == ("all",), "without words it is everything"
    gone = asyncio.run(remove_recipient(house, alerts.RemoveInput(address=OPS)))
    assert (gone.change, gone.recipients, candidate(house).recipients) == ("removed", 0, ())


def test_what_runs_is_not_changed_by_that(house: House) -> None:
    add(house)
    assert asyncio.run(list_recipients(house, alerts.RecipientsInput())).recipients == ()


@pytest.mark.parametrize("address", ["nobody", "a b@us.example", "x@us.example\r\nBcc: y@z.de", ""])
def test_what_is_no_address_is_refused(house: House, address: str) -> None:
    with pytest.raises(OperatorError) as caught:
        add(house, address)
    assert caught.value.fault.reference == "bad-address"


def test_a_class_that_there_is_none_of_is_refused(house: House) -> None:
    with pytest.raises(OperatorError) as caught:
        add(house, alarm_class=("Anti-Virus",))
    assert caught.value.fault.reference == "bad-subscription"


def test_an_address_that_is_not_there_cannot_be_removed(house: House) -> None:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(remove_recipient(house, alerts.RemoveInput(address=OPS)))
    assert caught.value.fault.reference == "no-such-recipient"


# --- a test -----------------------------------------------------------------------------------


class Deliverer(PretendGateway):
    """Knows the fate of an alert when it is asked for the third time."""

    def __init__(self, fate: str | None) -> None:
        super().__init__()
        loaded = load(b'format = 1\n[system]\nhostname = "gw.us.example"\n')
        assert isinstance(loaded, Loaded)
        self.running = loaded.running
        self.fate = fate
        self.asked: list[str] = []

    async def ask(self, what: str) -> Sequence[tuple[str, int, Value]]:  # type: ignore[override]
        self.asked.append(what)
        fate = self.fate if len(self.asked) > 2 else None
        return [("receiver", 1, {"fate": "x"}), ("deliverer", 2, {"fate": fate, "reply": "250 ok"})]


def sent(house: House, gateway: Deliverer, wait: int) -> alerts.AlertSent:
    record: list[Fact] = []
    running = replace(house, gateway=gateway, record=record.append, serial="S-1")
    return asyncio.run(send_test(running, alerts.TrialInput(address=OPS, wait=wait)))


def test_a_test_is_queued_like_every_alert_and_its_fate_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.faces.actions.alerts_work._PAUSE", 0)
    gateway = Deliverer("delivered")
    told = sent(house, gateway, 60)
    assert (told.outcome, told.reply) == ("delivered", "250 ok")
    (entry,) = house.store.queue.list(QueueFilter(), 10)
    assert (entry.mid, entry.kind, entry.sender) == (told.mid, MessageKind.ALERT, "")
    assert gateway.asked == [f"alert {told.mid}"] * 3
    assert gateway.looked == 1


def test_one_that_nobody_took_in_time_waits(house: House) -> None:
    assert sent(house, Deliverer(None), 0).outcome == "waiting"


def test_without_a_gateway_nothing_is_sent(house: House) -> None:
    with pytest.raises(OperatorError):
        asyncio.run(send_test(house, alerts.TrialInput(address=OPS, wait=0)))
