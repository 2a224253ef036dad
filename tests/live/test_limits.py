# SPDX-License-Identifier: Apache-2.0
"""Limits hold over all receiver processes together, and a crowd that trickles keeps nobody waiting.

Which process serves a client is the kernel's choice; so that it is ours here, all receivers but one
are stopped while a client connects. A limit that each process kept for itself would let three times
as much through.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.tricklers import STAGES, Tricklers
from gatehouse.journal import facts
from tests.live.clients import RawClient, deliver
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until

RECEIVERS = 3
CONNECTIONS, RECIPIENTS, SENDER_RECIPIENTS, HARVEST = 6, 10, 7, 4
CROWD = 90
CLIENTS = ("many", "hourly", "mortal", "bysender", "guessing", "crowd")
TEXT = """\
format = 1
[interfaces.Net]
address = "{own}"
hostname = "mx.shop.example"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
recipient_access = [
    {{ recipient = "shop.example", access = "accept" }},
    {{ recipient = "footprint.example", access = "accept" }},
]
sender_groups = [
    {{ name = "MANY", members = ["{many}"], policy = "MANY" }},
    {{ name = "HOURLY", members = ["{hourly}", "{mortal}"], policy = "HOURLY" }},
    {{ name = "BYSENDER", members = ["{bysender}"], policy = "BYSENDER" }},
    {{ name = "GUESSING", members = ["{guessing}"], policy = "GUESSING" }},
    {{ name = "CROWD", members = ["{crowd}"], policy = "CROWD" }},
    {{ name = "ALL", members = ["ALL"], policy = "OPEN" }},
]
[mail_flow_policies.default]
behavior = "accept"
tls = "preferred"
max_connections_per_client = 1000
max_recipients_per_message = 100
[mail_flow_policies.OPEN]
[mail_flow_policies.MANY]
max_connections_per_client = 6
[mail_flow_policies.HOURLY]
max_recipients_per_hour = 10
rate_text = "Enough from $RemoteIP"
[mail_flow_policies.BYSENDER]
max_sender_recipients_per_hour = 7
[mail_flow_policies.GUESSING]
dhap_limit = 4
[mail_flow_policies.CROWD]
max_connections_per_client = 90
[delivery]
suspended = true
dns_servers = ["{dns}"]
dns_timeout = 12
[processes]
receivers = 3
"""


class Scene(NamedTuple):
    """The gateway and the addresses of its clients."""

    gateway: Gateway
    own: str
    clients: dict[str, str]

    def connect(self, who: str) -> RawClient:
        """A client that is connected, and has not read its greeting yet."""
        return RawClient(self.own, 2525, source=self.clients[who])

    def greeted(self, who: str) -> RawClient:
        """The same, after EHLO."""
        client = self.connect(who)
        client.greeted()
        client.expect("EHLO client.example", 250)
        return client

    def receivers(self) -> list[int]:
        """Their process ids, when all are there."""

        def there() -> list[int] | None:
            found = self.gateway.processes("receiver")
            return found if len(found) == RECEIVERS else None

        return until(there, "three receivers")

    @contextmanager
    def only(self, chosen: int) -> Iterator[None]:
        """Whoever connects within is served by this process."""
        others = [pid for pid in self.receivers() if pid != chosen]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("limits")
    own, dns = address(), DnsServer(address())
    clients = {
        name: address() for name in ("many", "hourly", "mortal", "bysender", "guessing", "crowd")
    }
    gateway = Gateway(folder, TEXT.format(own=own, dns=dns.endpoint, **clients))
    with gateway:
        yield Scene(gateway, own, clients | {"anybody": address()})
        gateway.assert_sound()
    dns.close()


def codes(client: RawClient, sender: str, *recipients: str) -> list[int | None]:
    """The replies to the recipients of one message."""
    client.expect(f"MAIL FROM:<{sender}>", 250)
    said = [client.say(f"RCPT TO:<{one}>") for one in recipients]
    return [None if one is None else one.code for one in said]


def test_connections_of_one_client(scene: Scene) -> None:
    codes_heard = []
    with ExitStack() as stack:
        for pid in scene.receivers():
            with scene.only(pid):
                for _ in range(4):
                    said = stack.enter_context(scene.connect("many")).reply()
                    assert said is not None
                    codes_heard.append(said.code)
        assert codes_heard == [220] * CONNECTIONS + [421] * (4 * RECEIVERS - CONNECTIONS)
        other = stack.enter_context(scene.connect("anybody"))
        other.greeted()

    def again() -> bool:
        with scene.connect("many") as client:
            said = client.reply()
            return said is not None and said.code == 220

    until(again, "a place is free again")


def test_recipients_of_one_client_in_an_hour(scene: Scene) -> None:
    heard: list[int | None] = []
    for pid in scene.receivers():
        with scene.only(pid), scene.greeted("hourly") as client:
            heard += codes(client, "a@x.example", *(f"b{n}@shop.example" for n in range(5)))
    assert heard == [250] * RECIPIENTS + [452] * (5 * RECEIVERS - RECIPIENTS)
    ip = scene.clients["hourly"]
    with scene.greeted("hourly") as client:
        client.expect("MAIL FROM:<a@x.example>", 250)
        assert client.expect("RCPT TO:<b@shop.example>", 452).text == f"4.7.1 Enough from {ip}"
    with scene.greeted("anybody") as client:
        assert codes(client, "a@x.example", "b@shop.example") == [250]


def test_recipients_of_one_sender_in_an_hour_whatever_its_case(scene: Scene) -> None:
    heard: list[int | None] = []
    senders = ("boss@bank.example", "boss@BANK.example", "Boss@bank.example")
    for pid, sender in zip(scene.receivers(), senders, strict=True):
        with scene.only(pid), scene.greeted("bysender") as client:
            heard += codes(client, sender, *(f"b{n}@shop.example" for n in range(4)))
    allowed = SENDER_RECIPIENTS
    assert heard == [250] * allowed + [452] * (4 * RECEIVERS - allowed)
    with scene.greeted("bysender") as client:
        assert codes(client, "other@bank.example", "b@shop.example") == [250]


def test_whoever_guesses_recipients_is_stopped(scene: Scene) -> None:
    first, second, third = scene.receivers()
    for pid in (first, second):
        with scene.only(pid), scene.greeted("guessing") as client:
            guesses = ("x1@else.example", "x2@else.example")
            assert codes(client, "a@x.example", *guesses) == [550, 550]
    with scene.only(third), scene.greeted("guessing") as client:
        assert codes(client, "a@x.example", "bob@shop.example") == [421]
        assert client.closed()
    stopped = scene.gateway.events.wait(facts.HarvestStopped)
    assert stopped.client_ip == scene.clients["guessing"]
    assert stopped.dropped


def test_a_crowd_that_trickles_keeps_no_honest_client_waiting(scene: Scene) -> None:
    endpoint = (scene.own, 2525)
    with Tricklers(endpoint, CROWD, 1.0, (scene.clients["crowd"],)) as crowd:
        assert {one.stage for one in crowd.all} == set(STAGES)
        for number in range(5):
            content = b"Subject: %d\r\n\r\nbody\r\n" % number
            tls = bool(number % 2)
            assert deliver(endpoint, "a@x.example", ["bob@shop.example"], content, tls=tls)
        with scene.connect("crowd") as one_more:
            said = one_more.reply()
            assert said is not None and said.code == 421
        assert crowd.alive == CROWD
    scene.gateway.events.wait(facts.ReceivingFailed, reason="Connection limit exceeded")


def test_what_was_counted_stays_when_a_receiver_dies(scene: Scene) -> None:
    """The last one here, since nobody has to wait for the one that takes its place."""
    first = scene.receivers()[0]
    with scene.only(first), scene.greeted("mortal") as client:
        assert codes(client, "a@x.example", *["b@shop.example"] * 7) == [250] * 7
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in scene.gateway.processes("receiver"), "it is gone")
    with scene.greeted("mortal") as client:
        recipients = ["b@shop.example"] * 5
        assert codes(client, "a@x.example", *recipients) == [250] * 3 + [452] * 2
