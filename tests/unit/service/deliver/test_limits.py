# SPDX-License-Identifier: Apache-2.0
"""Limits of a destination: recipients in a window, connections to one address."""

from dataclasses import dataclass

from gatehouse.policy.destinations import DestinationControl, LimitType
from gatehouse.service.deliver.limits import LOOK_AGAIN_SECONDS, Limits

BY_HOST = DestinationControl(domain="default", recipient_limit=3, recipient_minutes=2)
BY_IP = DestinationControl(
    domain="default",
    recipient_limit=3,
    recipient_minutes=2,
    max_connections=1,
    limit_type=LimitType.MX_IP,
)


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class FakeLink:
    alive: bool = True


def test_no_limit_is_none() -> None:
    assert Limits(Time()).take(DestinationControl(domain="default"), "a", "1", 10_000) == 10_000


def test_a_window_begins_with_its_first_recipient() -> None:
    time = Time()
    limits = Limits(time)
    assert [limits.take(BY_HOST, "a", "1", 2) for _ in range(3)] == [2, 1, 0]
    assert limits.take(BY_HOST, "b", "1", 2) == 2, "another domain has a window of its own"
    time.now += 119
    assert limits.wait(BY_HOST, "a", "1") == 1
    assert limits.take(BY_HOST, "a", "1", 1) == 0
    time.now += 1
    assert limits.take(BY_HOST, "a", "1", 5) == 3


def test_what_was_not_offered_comes_back() -> None:
    limits = Limits(Time())
    assert limits.take(BY_HOST, "a", "1", 3) == 3
    limits.give_back(BY_HOST, "a", "1", 2)
    assert limits.take(BY_HOST, "a", "1", 3) == 2


def test_by_address_all_domains_of_a_host_share() -> None:
    time = Time()
    limits = Limits(time)
    assert limits.take(BY_IP, "a", "192.0.2.1", 2) == 2
    assert limits.busy_for("192.0.2.1", BY_IP) == 0
    assert limits.take(BY_IP, "b", "192.0.2.1", 2) == 1
    assert limits.busy_for("192.0.2.1", BY_IP) == 120
    assert limits.busy_for("192.0.2.2", BY_IP) == 0
    time.now += 120
    assert limits.busy_for("192.0.2.1", BY_IP) == 0


def test_connections_to_an_address_count_while_they_are_made_and_while_they_live() -> None:
    limits, link = Limits(Time()), FakeLink()
    with limits.dialling("192.0.2.1") as stands:
        assert limits.busy_for("192.0.2.1", BY_IP) == LOOK_AGAIN_SECONDS
        stands(link)  # type: ignore[arg-type]
    assert limits.busy_for("192.0.2.1", BY_IP) == LOOK_AGAIN_SECONDS
    link.alive = False
    assert limits.busy_for("192.0.2.1", BY_IP) == 0
    assert limits._links == {}


def test_a_connection_that_fails_leaves_nothing_behind() -> None:
    limits = Limits(Time())
    try:
        with limits.dialling("192.0.2.1"):
            raise OSError
    except OSError:
        pass
    assert limits.busy_for("192.0.2.1", BY_IP) == 0
    assert limits._dialling == {}
    assert limits._links == {}
