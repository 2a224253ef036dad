# SPDX-License-Identifier: Apache-2.0
"""How the gateway is."""

import asyncio
from dataclasses import replace

from gatehouse.faces.actions import certificates_work, status_work
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status import Status, StatusInput
from gatehouse.service.base.revision import load_running
from tests.store.building import queue_one
from tests.unit.faces.conftest import NOW, PretendGateway


def status(house: House, destinations: int = 10) -> Status:
    return asyncio.run(status_work.status(house, StatusInput(destinations=destinations)))


def test_without_a_gateway_the_queue_is_shown(house: House) -> None:
    writer = house.store.body_writer()
    queue_one(house.store, writer, "bob@example.com", received_at=NOW - 500)
    queue_one(house.store, writer, "eve@example.com", "bob@example.org")
    writer.close()
    found = status(house)
    assert (found.running, found.uptime_seconds, found.processes) == (False, None, ())
    assert (found.queue.messages, found.queue.recipients, found.revision) == (2, 3, 1)
    assert found.queue.oldest_at is not None
    assert found.queue.oldest_at.timestamp() == NOW - 500
    assert [one.domain for one in found.destinations] == ["example.com", "example.org"]
    assert [one.domain for one in status(house, 1).destinations] == ["example.com"]
    assert found.counters == {}
    assert [one.name for one in found.listeners] == ["InboundMail"]


def test_with_a_gateway_its_processes_are_asked(
    running_house: House, gateway: PretendGateway
) -> None:
    gateway.running = load_running(running_house.store, 1, frozenset({"Demo"}))
    gateway.revision = 1
    found = status(running_house)
    assert found.running
    assert found.uptime_seconds == 60
    assert [(one.role, one.pid) for one in found.processes] == [
        ("deliverer", 11),
        ("receiver", 12),
    ]
    assert found.counters == {"InjMsg": 5}
    (listener,) = found.listeners
    assert (listener.address, listener.port, listener.tls_mode) == ("127.0.0.1", 2525, "starttls")


def test_the_demo_certificate_is_never_shown_without_its_warning(house: House) -> None:
    (use,) = status(house).certificates
    assert (use.name, use.used_by) == ("Demo", ("InboundMail", "delivery"))
    assert "nobody can verify" in use.note


def test_a_revision_that_cannot_be_built_does_not_hide_the_queue(house: House) -> None:
    house.store.revisions.append(text="junk", operator="x", comment="", committed_at=NOW)
    found = status(house)
    assert (found.revision, found.listeners, found.hostname) == (2, (), "")


def test_certificates_are_listed_without_keys(house: House) -> None:
    found = asyncio.run(certificates_work.list_certificates(house, Nothing()))
    (one,) = found.certificates
    assert (one.name, one.chain, one.used_by) == ("Demo", 1, ("InboundMail", "delivery"))
    assert one.not_before < one.not_after
    assert len(one.fingerprint.split(":")) == 32
    assert "nobody can verify" in one.note
    assert "KEY" not in repr(found)


def test_the_uptime_never_runs_backwards(running_house: House) -> None:
    assert status(replace(running_house, started_at=NOW + 9_000)).uptime_seconds == 0


def test_what_is_not_delivered_is_said(house: House) -> None:
    assert (status(house).suspended, status(house).delivery_suspended) == ((), False)
    house.store.suspensions.suspend("partner.example", NOW, "ann")
    held = "\n[delivery]\nsuspended = true\n"
    house.store.revisions.append(
        text=f"format = 1\n{held}", operator="x", comment="", committed_at=NOW
    )
    found = status(house)
    assert (found.suspended, found.delivery_suspended) == (("partner.example",), True)
