# SPDX-License-Identifier: Apache-2.0
"""What an operator has suspended stays so, also over a restart: deliveries and listeners."""

import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from gatehouse.journal import facts
from tests.live.clients import RawClient
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until
from tests.live.house import House
from tests.live.servers import PORT
from tests.patience import PATIENCE

TEXT = """\
format = 1
[system]
hostname = "gw.wait.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[mail_flow_policies.RELAYED]
tls = "preferred"
[delivery]
dns_servers = ["{dns}"]
smtp_port = {smtp_port}
dns_timeout = 4
idle_timeout = 0
[processes]
receivers = 1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    own, dns = address(), DnsServer(address())
    text = TEXT.format(address=own, dns=dns.endpoint, smtp_port=PORT)
    house = House(Gateway(tmp_path_factory.mktemp("wait"), text), dns, own, "", "", "")
    try:
        with house.gateway:
            yield house
            house.gateway.assert_sound()
    finally:
        for server in house.servers:
            server.close()
        dns.close()


def status(site: House, domain: str) -> dict[str, object]:
    found = json.loads(site.gateway.command("host", "status", domain, "--json"))
    assert isinstance(found, dict)
    return found


def test_suspended_mail_waits_over_a_restart_and_goes_when_it_is_resumed(site: House) -> None:
    (waits, held), (goes, free) = site.destination(), site.destination()
    gateway, events = site.gateway, site.gateway.events
    gateway.command("delivery", "suspend", waits)
    first = [site.send(f"bob@{waits}", port=2525) for _ in range(2)]
    site.send(f"bob@{goes}", port=2525)
    free.wait()
    events.wait(facts.DeliveriesSuspended, domain=waits)
    gateway.wait_line(f"Deliveries are currently suspended [{waits}]")
    gateway.stop()
    gateway.start()
    site.send(f"bob@{goes}", port=2525)
    free.wait(2)
    assert held.connections == 0
    assert status(site, waits)["state"] == "suspended"
    gateway.command("delivery", "resume", waits)
    held.wait(2)
    for mid in first:
        events.wait(facts.RecipientsDelivered, mid=mid)
    told = events.of(facts.DeliveriesSuspended, domain=waits)
    assert len(told) == 2  # once for each life of the deliverer


def test_everything_can_be_suspended(site: House) -> None:
    domain, server = site.destination()
    site.gateway.command("delivery", "suspend", "--all")
    site.send(f"bob@{domain}", port=2525)
    site.gateway.events.wait(facts.DeliveriesSuspended, domain=domain)
    assert server.connections == 0
    site.gateway.command("delivery", "resume", "--all")
    server.wait()


def test_a_host_is_up_or_down_as_it_was_found_last(site: House) -> None:
    domain, server = site.destination()
    assert status(site, domain)["state"] == "unknown"
    mid = site.send(f"bob@{domain}", port=2525)
    site.gateway.events.wait(facts.RecipientsDelivered, mid=mid)
    up = until(lambda: found if (found := status(site, domain))["delivered"] else None, "counted")
    assert (up["state"], up["delivered"], up["bounced"], up["last_status"]) == (
        "up",
        1,
        0,
        "connected",
    )
    server.close()
    mid = site.send(f"bob@{domain}", port=2525)
    site.gateway.events.wait(facts.RecipientDelayed, mid=mid)
    down = status(site, domain)
    assert (down["state"], down["failed_tries"], down["deferred"]) == ("down", 1, 1)
    assert "[Errno " in str(down["last_status"])


def refuses(site: House) -> bool:
    try:
        socket.create_connection((site.address, 2525), PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_suspended_listener_refuses_over_commit_and_restart_until_it_is_resumed(
    site: House,
) -> None:
    gateway, events = site.gateway, site.gateway.events
    inside = RawClient(site.address, 2525)
    assert inside.reply() is not None
    connected = json.loads(gateway.command("host", "incoming", "--json"))
    assert connected["connections"] == sum(one["connections"] for one in connected["clients"]) == 1
    gateway.command("listener", "suspend", "Inside", "--within", "1")
    assert refuses(site)
    said = inside.reply()  # who is inside may finish, and is sent away then
    assert said is not None and said.code == 421
    inside.sock.close()
    gateway.command("config", "set", "logs.keep", "11", "--commit", "more logs")
    assert refuses(site)
    dead = gateway.processes("receiver")
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    until(lambda: set(gateway.processes("receiver")) - set(dead), "another receiver")
    assert refuses(site)
    gateway.stop()
    gateway.start()
    assert refuses(site)
    listed = json.loads(gateway.command("listener", "list", "--json"))
    assert listed["listeners"][0]["suspended_since"] is not None
    gateway.command("listener", "resume", "--all")
    assert not refuses(site)
    events.wait(facts.ListenerSuspended, listener="Inside")
    events.wait(facts.ListenerResumed, listener="Inside")
