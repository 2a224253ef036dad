# SPDX-License-Identifier: Apache-2.0
"""Suspended destinations and listeners: what every store must do."""

from gatehouse.store.interface import Store
from gatehouse.store.values import ListenerSuspension, Suspension
from tests.store.conftest import OpenStore


def test_a_suspension_outlives_the_process_and_ends_once(
    store: Store, open_again: OpenStore
) -> None:
    assert store.suspensions.suspend("shop.example", 5.0, "ann")
    assert store.suspensions.suspend("", 6.0, "bob")
    kept = (Suspension("", 6.0, "bob"), Suspension("shop.example", 5.0, "ann"))
    assert open_again().suspensions.all() == kept
    assert store.suspensions.resume("")
    assert not store.suspensions.resume("")
    assert store.suspensions.all() == kept[1:]


def test_the_first_who_suspends_is_remembered(store: Store) -> None:
    assert store.suspensions.suspend("shop.example", 5.0, "ann")
    assert not store.suspensions.suspend("shop.example", 9.0, "bob")
    assert store.suspensions.all() == (Suspension("shop.example", 5.0, "ann"),)


def test_a_listener_is_suspended_once_and_over_a_restart(
    store: Store, open_again: OpenStore
) -> None:
    assert store.suspensions.suspend_listener("InboundMail", 5.0, "ann")
    assert not store.suspensions.suspend_listener("InboundMail", 9.0, "bob")
    kept = (ListenerSuspension("InboundMail", 5.0, "ann"),)
    assert open_again().suspensions.listeners() == kept
    assert store.suspensions.all() == ()
    assert store.suspensions.resume_listener("InboundMail")
    assert not store.suspensions.resume_listener("InboundMail")
    assert store.suspensions.listeners() == ()
