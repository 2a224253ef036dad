# SPDX-License-Identifier: Apache-2.0
"""Four kinds of answer, and never a definite no where nobody could say."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.policy.access import NameState
from gatehouse.service.base.resolver import (
    MAX_RECORDS,
    Found,
    NoData,
    NoName,
    Resolver,
    ReverseName,
    Temporary,
    read_hosts,
)
from tests.live.dns import PORT, DnsServer, Trouble
from tests.live.gateway import address
from tests.patience import PATIENCE

SHORT = 0.6  # where the wait itself is the answer


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    running = DnsServer(address())
    yield running
    running.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(
    server: DnsServer,
    question: Callable[[Resolver], Coroutine[Any, Any, Any]],
    clock: Clock | None = None,
    seconds: float = PATIENCE,
) -> Any:
    async def body() -> Any:
        return await question(resolver(server, clock, seconds))

    return asyncio.run(body())


def resolver(server: DnsServer, clock: Clock | None = None, seconds: float = PATIENCE) -> Resolver:
    return Resolver(((server.address, PORT),), clock or Clock(), seconds, hosts_file=None)


def test_mx_records(server: DnsServer) -> None:
    server.add("a.test", {"MX": ["10 MX1.a.test.", "5 mx2.a.test."]})
    found = ask(server, lambda r: r.mx("a.test"))
    assert sorted(found.records) == [(5, "mx2.a.test"), (10, "mx1.a.test")]


def test_a_null_mx_has_no_host(server: DnsServer) -> None:
    server.add("null.test", {"MX": ["0 ."]})
    assert ask(server, lambda r: r.mx("null.test")) == Found(((0, ""),))


def test_no_such_name_and_nothing_of_the_type_are_two_things(server: DnsServer) -> None:
    server.add("bare.test", {"A": ["192.0.2.1"]})
    assert ask(server, lambda r: r.mx("gone.test")) == NoName()
    assert ask(server, lambda r: r.mx("bare.test")) == NoData()


@pytest.mark.parametrize(
    "trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.SILENCE, Trouble.NONSENSE]
)
def test_where_nobody_can_say_it_is_temporary(server: DnsServer, trouble: Trouble) -> None:
    server.add(f"{trouble.name}.test", trouble)
    answer = ask(server, lambda r: r.mx(f"{trouble.name}.test"), seconds=SHORT)
    assert isinstance(answer, Temporary)


def test_a_large_answer_comes_over_tcp_and_is_cut(server: DnsServer) -> None:
    server.add("many.test", {"MX": [f"{n} host-number-{n}.many.test." for n in range(200)]})
    assert len(ask(server, lambda r: r.mx("many.test")).records) == MAX_RECORDS


def test_a_host_name_that_no_host_can_have_is_left_out(server: DnsServer) -> None:
    server.add("odd.test", {"MX": ["10 a\\032b.odd.test.", "20 good.odd.test."]})
    assert ask(server, lambda r: r.mx("odd.test")) == Found(((20, "good.odd.test"),))


def test_addresses_of_both_families(server: DnsServer) -> None:
    server.add("both.test", {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]})
    found = ask(server, lambda r: r.addresses("both.test"))
    assert found == Found(((4, "192.0.2.1"), (6, "2001:db8::1")))


def test_a_family_that_fails_does_not_hide_the_other(server: DnsServer) -> None:
    server.add("half.test", {"A": ["192.0.2.1"], "AAAA": Trouble.SERVFAIL})
    assert ask(server, lambda r: r.addresses("half.test")) == Found(((4, "192.0.2.1"),))


def test_a_family_that_fails_beside_an_empty_one_is_temporary(server: DnsServer) -> None:
    server.add("doubt.test", {"AAAA": Trouble.SERVFAIL, "TXT": ['"x"']})
    assert isinstance(ask(server, lambda r: r.addresses("doubt.test")), Temporary)


def test_a_host_without_any_address(server: DnsServer) -> None:
    server.add("text.test", {"TXT": ['"x"']})
    assert ask(server, lambda r: r.addresses("text.test")) == NoData()
    assert ask(server, lambda r: r.addresses("gone.test")) == NoName()


def test_an_answer_is_remembered_for_its_time(server: DnsServer) -> None:
    server.add("ttl.test", {"MX": ["10 mx.ttl.test."]})
    clock = Clock()

    async def body() -> None:
        asking = resolver(server, clock)
        await asking.mx("ttl.test")
        await asking.mx("ttl.test")
        assert (asking.requests, asking.cache_hits) == (1, 1)
        clock.now += 1.5  # the server's TTL is one second
        await asking.mx("ttl.test")
        assert asking.requests == 2

    asyncio.run(body())


def test_a_failure_is_not_remembered(server: DnsServer) -> None:
    server.add("back.test", Trouble.SERVFAIL)

    async def body() -> None:
        asking = resolver(server)
        assert isinstance(await asking.mx("back.test"), Temporary)
        server.add("back.test", {"MX": ["10 mx.back.test."]})
        assert await asking.mx("back.test") == Found(((10, "mx.back.test"),))

    asyncio.run(body())


def test_many_who_ask_the_same_ask_once(server: DnsServer) -> None:
    server.add("once.test", {"MX": ["10 mx.once.test."]})

    async def body() -> None:
        asking = resolver(server)
        answers = await asyncio.gather(*[asking.mx("once.test") for _ in range(20)])
        assert set(answers) == {Found(((10, "mx.once.test"),))}
        assert asking.requests == 1

    asyncio.run(body())


def test_who_gives_up_waiting_takes_nobody_with_him(server: DnsServer) -> None:
    server.add("slow.test", Trouble.SILENCE)

    async def body() -> None:
        asking = resolver(server, seconds=SHORT)
        first = asyncio.ensure_future(asking.mx("slow.test"))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(asking.mx("slow.test"))
        await asyncio.sleep(0.05)
        second.cancel()
        assert isinstance(await first, Temporary)

    asyncio.run(body())


def test_a_reverse_name_is_verified_forwards(server: DnsServer) -> None:
    server.add("7.2.0.192.in-addr.arpa", {"PTR": ["mail.ptr.test."]})
    server.host("mail.ptr.test", "192.0.2.7")
    server.add("8.2.0.192.in-addr.arpa", {"PTR": ["mail.ptr.test."]})
    good = ask(server, lambda r: r.reverse("192.0.2.7"))
    assert (good.host, good.verified) == ("mail.ptr.test", True)
    liar = ask(server, lambda r: r.reverse("192.0.2.8"))
    assert (liar.host, liar.verified) == ("mail.ptr.test", False)
    nobody = ask(server, lambda r: r.reverse("192.0.2.9"))
    assert (nobody.host, nobody.verified) == (None, False)


def test_a_known_reverse_name_needs_no_question(server: DnsServer) -> None:
    server.add("6.2.0.192.in-addr.arpa", {"PTR": ["mail6.ptr.test."]})
    clock = Clock()

    async def body() -> None:
        asking = resolver(server, clock)
        assert asking.known_reverse("192.0.2.6") is None
        await asking.reverse("192.0.2.6")
        known = asking.known_reverse("192.0.2.6")
        assert known is not None and known.host == "mail6.ptr.test"
        clock.now += 10_000
        assert asking.known_reverse("192.0.2.6") is None

    asyncio.run(body())


def test_the_hosts_file_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.9 box.test box # comment\nnonsense\n::1 six.test\nx y z\n")

    async def body() -> None:
        asking = Resolver((("127.0.0.1", 1),), Clock(), seconds=0.1, hosts_file=file)
        assert await asking.addresses("box") == Found(((4, "127.0.0.9"),))
        assert await asking.addresses("six.test") == Found(((6, "::1"),))
        assert asking.known_reverse("127.0.0.9") == ReverseName("box.test", True)
        assert asking.requests == 0

    asyncio.run(body())


def test_a_hosts_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    async def body() -> None:
        asking = Resolver((("127.0.0.1", 1),), Clock(), 0.1, hosts_file=tmp_path / "none")
        assert asking.known_reverse("127.0.0.1") is None

    asyncio.run(body())


def test_hosts_lines() -> None:
    forward, backward = read_hosts("192.0.2.1 A.test. alias\n192.0.2.2 a.test\n# 192.0.2.3 no\n")
    assert forward == {"a.test": ["192.0.2.1", "192.0.2.2"], "alias": ["192.0.2.1"]}
    assert backward == {"192.0.2.1": "a.test", "192.0.2.2": "a.test"}


def test_a_dns_list_says_yes_no_or_nothing(server: DnsServer) -> None:
    server.add("7.2.0.192.bl.test", {"A": ["127.0.0.2"]})
    server.add("9.2.0.192.bl.test", Trouble.SERVFAIL)
    assert isinstance(ask(server, lambda r: r.listed("192.0.2.7", "bl.test")), Found)
    assert isinstance(ask(server, lambda r: r.listed("192.0.2.8", "bl.test")), NoName)
    assert isinstance(ask(server, lambda r: r.listed("192.0.2.9", "bl.test")), Temporary)
    ask(server, lambda r: r.listed("2001:db8::1", "bl.test"))
    nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    assert (f"{nibbles}.bl.test", "A") in server.asked


@pytest.mark.parametrize(
    ("name", "state"),
    [
        (ReverseName("mx.test", True), NameState.VERIFIED),
        (ReverseName("mx.test", False), NameState.NOT_DOUBLE_VERIFIED),
        (ReverseName(None, False), NameState.NX_DOMAIN),
        (ReverseName(None, False, failed=True), NameState.SERV_FAIL),
        (ReverseName("mx.test", False, failed=True), NameState.SERV_FAIL),
    ],
)
def test_a_reverse_name_has_a_state_in_the_words_of_the_table(
    name: ReverseName, state: NameState
) -> None:
    assert name.state is state


def test_a_name_that_cannot_be_confirmed_now_is_a_failed_look_up(server: DnsServer) -> None:
    server.add("77.2.0.192.in-addr.arpa", {"PTR": ["slow.test."]})
    server.add("slow.test", Trouble.SERVFAIL)
    name = ask(server, lambda r: r.reverse("192.0.2.77"))
    assert (name.host, name.verified, name.failed) == ("slow.test", False, True)
