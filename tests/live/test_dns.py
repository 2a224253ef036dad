# SPDX-License-Identifier: Apache-2.0
"""Where DNS sends the mail, and what happens when it does not say: never a bounce on a guess."""

import pytest

from gatehouse.journal import facts
from tests.live.dns import Trouble
from tests.live.gateway import address, until
from tests.live.house import SENDER, House
from tests.live.servers import Act, Behaviour


def bounced(house: House, mid: int) -> facts.RecipientBounced:
    return house.gateway.events.wait(facts.RecipientBounced, mid=mid)


def delayed(house: House, mid: int) -> facts.RecipientDelayed:
    return house.gateway.events.wait(facts.RecipientDelayed, mid=mid)


def test_a_domain_without_mx_is_its_own_host(house: House) -> None:
    domain, server = house.domain(), house.serve()
    house.dns.host(domain, server.address)
    house.send(f"bob@{domain}")
    assert server.wait()


def test_the_best_preference_is_tried_first(house: House) -> None:
    domain, best, other = house.domain(), house.serve(), house.serve()
    house.zone(domain, (20, other), (10, best))
    for count in range(1, 4):
        house.send(f"bob@{domain}")
        best.wait(count)
    assert other.connections == 0


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(greeting=b"421 4.3.2 busy\r\n"),
        Behaviour(greeting=b"450 4.3.2 busy\r\n"),
        Behaviour(greeting=b"554 5.3.2 no mail here\r\n"),
        Behaviour(greeting=Act.CLOSE),
        Behaviour(greeting=Act.RESET),
        Behaviour(greeting=b"hello\r\n"),
        Behaviour(ehlo=b"421 4.3.2 busy\r\n"),
        Behaviour(ehlo=Act.CLOSE),
        Behaviour(ehlo=b"550 5.7.1 no\r\n", helo=b"550 5.7.1 no\r\n"),
    ],
    ids=lambda b: str(b.greeting if b.ehlo is None else b.ehlo),
)
def test_a_host_that_will_not_makes_room_for_the_next(house: House, behaviour: Behaviour) -> None:
    domain, bad, good = house.domain(), house.serve(behaviour), house.serve()
    house.zone(domain, (10, bad), (20, good))
    mid = house.send(f"bob@{domain}")
    assert good.wait()
    assert bad.connections >= 1
    assert bad.messages == []
    assert house.gateway.events.of(facts.RecipientDelayed, mid=mid) == []


def test_a_host_where_nobody_listens_makes_room_for_the_next(house: House) -> None:
    domain, good, nobody = house.domain(), house.serve(), address()
    house.zone(domain, (10, nobody), (20, good))
    mid = house.send(f"bob@{domain}")
    assert good.wait()
    failed = house.gateway.events.wait(facts.DeliveryConnectionFailed, domain=domain)
    assert failed.details == "[Errno 111] Connection refused"
    line = (
        f"Connection Error: DCID {failed.dcid} domain: {domain} IP: {nobody} port: 2600 details: "
        "[Errno 111] Connection refused interface: 127.0.0.1 reason: network error"
    )
    assert line in house.gateway.lines(dcid=failed.dcid)
    assert house.gateway.events.of(facts.RecipientDelayed, mid=mid) == []


def test_all_addresses_of_a_host_are_tried(house: House) -> None:
    domain, good = house.domain(), house.serve()
    house.dns.host(f"mx.{domain}", address(), good.address)
    house.dns.add(domain, {"MX": [f"10 mx.{domain}."]})
    house.send(f"bob@{domain}")
    assert good.wait()


def test_equals_are_chosen_at_random(house: House) -> None:
    """Three connections are made as a rule; with 64 one host stays unused once in 2^63 runs."""
    domain, servers = house.domain(), [house.serve(), house.serve()]
    house.zone(domain, (10, servers[0]), (10, servers[1]))
    used = set()
    for count in range(64):
        # A domain of its own each time: a connection that is open would be used again.
        other = f"r{count}.{domain}"
        house.dns.add(other, {"MX": [f"10 mx0.{domain}.", f"10 mx1.{domain}."]})
        house.send(f"bob@{other}")
        total = count + 1
        servers[0].wait_for(
            lambda total=total: sum(len(s.messages) for s in servers) >= total,  # type: ignore[misc]
            "the message arrives",
        )
        used = {number for number, server in enumerate(servers) if server.messages}
        if len(used) == 2:
            break
    assert used == {0, 1}


def test_many_mx_records_over_tcp(house: House) -> None:
    """The answer does not fit into a datagram; the last of the best twenty works."""
    domain, good = house.domain(), house.serve()
    hosts = [f"a-rather-long-name-of-a-host-{n:02}.{domain}" for n in range(40)]
    for host in hosts:
        house.dns.host(host, good.address)
    house.dns.add(domain, {"MX": [f"{n} {host}." for n, host in enumerate(hosts)]})
    house.send(f"bob@{domain}")
    assert good.wait()


def test_an_alias_as_mail_domain_is_followed(house: House) -> None:
    domain, real, server = house.domain(), house.domain(), house.serve()
    house.zone(real, (10, server))
    house.dns.add(domain, {"CNAME": [f"{real}."]})
    house.send(f"bob@{domain}")
    (message,) = server.wait()
    assert message.recipients == [f"bob@{domain}"]


def test_an_alias_as_mx_host_is_followed(house: House) -> None:
    domain, server = house.domain(), house.serve()
    house.dns.host(f"real.{domain}", server.address)
    house.dns.add(f"alias.{domain}", {"CNAME": [f"real.{domain}."]})
    house.dns.add(domain, {"MX": [f"10 alias.{domain}."]})
    house.send(f"bob@{domain}")
    assert server.wait()


def test_aliases_in_a_circle_defer_or_bounce_but_never_hang(house: House) -> None:
    domain, other = house.domain(), house.domain()
    house.dns.add(domain, {"CNAME": [f"{other}."]})
    house.dns.add(other, {"CNAME": [f"{domain}."]})
    mid = house.send(f"bob@{domain}")
    events = house.gateway.events
    until(
        lambda: [
            *events.of(facts.RecipientDelayed, mid=mid),
            *events.of(facts.RecipientBounced, mid=mid),
        ],
        "an end",
    )


def test_a_null_mx_bounces(house: House) -> None:
    domain = house.name(house.domain(), {"MX": ["0 ."]})
    mid = house.send(f"bob@{domain}")
    assert bounced(house, mid).enhanced == "5.1.10"
    assert house.gateway.events.of(facts.DeliveryConnectionOpened, domain=domain) == []


def test_a_null_mx_beside_a_real_one_is_ignored(house: House) -> None:
    domain, server = house.domain(), house.serve()
    house.dns.host(f"mx.{domain}", server.address)
    house.dns.add(domain, {"MX": ["0 .", f"10 mx.{domain}."]})
    house.send(f"bob@{domain}")
    assert server.wait()


def test_a_domain_that_does_not_exist_bounces(house: House) -> None:
    domain = house.domain()
    mid = house.send(f"bob@{domain}")
    assert bounced(house, mid).enhanced == "5.1.2"
    house.gateway.wait_line(
        f"Bounced: DCID 0 MID {mid} From: <{SENDER}> To: <bob@{domain}> RID 0 - 5.1.2 - "
        f"Bad destination host ('000', ['DNS Hard Error looking up {domain} (MX):  NXDomain'])",
        mid=mid,
    )


def test_mx_hosts_without_any_address_bounce(house: House) -> None:
    domain = house.domain()
    house.dns.add(domain, {"MX": [f"10 mx.{domain}."]})
    house.dns.add(f"mx.{domain}", {"TXT": ['"nothing here"']})
    mid = house.send(f"bob@{domain}")
    assert bounced(house, mid).enhanced == "5.4.4"


@pytest.mark.parametrize(
    "trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.SILENCE, Trouble.NONSENSE]
)
def test_an_mx_look_up_without_an_answer_defers(house: House, trouble: Trouble) -> None:
    domain = house.name(house.domain(), trouble)
    mid = house.send(f"bob@{domain}")
    assert delayed(house, mid).enhanced == "4.4.3"
    assert house.gateway.events.of(facts.RecipientBounced, mid=mid) == []
    (fact, *_) = house.gateway.events.of(facts.DnsTemporaryFailure, name=domain)
    assert fact.rdtype == "MX"


def test_a_servfail_is_logged_as_the_grammar_says(house: House) -> None:
    domain = house.name(house.domain(), Trouble.SERVFAIL)
    mid = house.send(f"bob@{domain}")
    delayed(house, mid)
    assert f"DNS Temporary Failure {domain} MX - ServFail" in house.gateway.lines()


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.SILENCE])
def test_an_address_look_up_without_an_answer_defers(house: House, trouble: Trouble) -> None:
    domain = house.domain()
    house.dns.add(domain, {"MX": [f"10 mx.{domain}."]})
    house.dns.add(f"mx.{domain}", trouble)
    mid = house.send(f"bob@{domain}")
    assert delayed(house, mid).enhanced == "4.4.3"


def test_a_host_that_dns_cannot_name_makes_room_for_the_next(house: House) -> None:
    domain, good = house.domain(), house.serve()
    house.zone(domain, (10, "127.0.0.2"), (20, good))
    house.dns.add(f"mx0.{domain}", Trouble.SERVFAIL)
    house.send(f"bob@{domain}")
    assert good.wait()


def test_a_host_that_is_gone_and_one_that_cannot_be_named_defer(house: House) -> None:
    """One of the two may come back, so the mail is not bounced because the other is gone."""
    domain = house.domain()
    house.dns.add(domain, {"MX": [f"10 gone.{domain}.", f"20 silent.{domain}."]})
    house.dns.add(f"silent.{domain}", Trouble.SERVFAIL)
    mid = house.send(f"bob@{domain}")
    assert delayed(house, mid).enhanced == "4.4.3"


def test_one_family_without_an_answer_does_not_hide_the_other(house: House) -> None:
    domain, good = house.domain(), house.serve()
    house.dns.add(domain, {"MX": [f"10 mx.{domain}."]})
    house.dns.add(f"mx.{domain}", {"A": [good.address], "AAAA": Trouble.SERVFAIL})
    house.send(f"bob@{domain}")
    assert good.wait()


def test_an_mx_that_names_this_gateway_is_a_loop(house: House) -> None:
    domain = house.name(house.domain(), {"MX": ["10 mx.house.example."]})
    mid = house.send(f"bob@{domain}")
    assert bounced(house, mid).enhanced == "5.4.6"


def test_hosts_worse_than_ourselves_are_not_tried(house: House) -> None:
    domain, worse = house.domain(), house.serve()
    better = house.serve(Behaviour(greeting=Act.CLOSE))
    house.zone(domain, (30, worse), (10, better))
    house.dns.add(
        domain, {"MX": [f"30 mx0.{domain}.", f"10 mx1.{domain}.", "20 mx.house.example."]}
    )
    mid = house.send(f"bob@{domain}")
    delayed(house, mid)
    assert better.connections == 1
    assert worse.connections == 0


def test_the_unspecified_address_is_ourselves(house: House) -> None:
    domain = house.domain()
    house.zone(domain, (10, "0.0.0.0"))
    mid = house.send(f"bob@{domain}")
    assert bounced(house, mid).enhanced == "5.4.6"


def test_a_route_to_our_own_listener_is_a_loop(house: House) -> None:
    """DNS cannot name a port, so only a route can point at a listener on another than SMTP's."""
    mid = house.send("bob@back.example")
    assert bounced(house, mid).enhanced == "5.4.6"


def test_an_address_literal_goes_to_that_address(house: House) -> None:
    server = house.serve()
    house.send(f"bob@[{server.address}]", port=2587)
    (message,) = server.wait()
    assert message.recipients == [f"bob@[{server.address}]"]


def test_a_dead_destination_does_not_slow_the_others(house: House) -> None:
    dead = house.name(house.domain(), Trouble.SILENCE)
    for _ in range(20):
        last = house.send(f"bob@{dead}")
    domain, server = house.destination()
    alive = house.send(f"bob@{domain}")
    server.wait()
    delivered = house.gateway.events.wait(facts.RecipientsDelivered, mid=alive)
    # It did not stand behind them: they were still waiting for the resolver.
    assert delivered.at < house.gateway.events.wait(facts.RecipientDelayed, mid=last).at
