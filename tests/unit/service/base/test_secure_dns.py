# SPDX-License-Identifier: Apache-2.0
"""From what a trusted resolver says to records, an absence, or a failure that defers.

The server here sets the AD bit by hand; a real validating resolver is asked in tests/live.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rdatatype
import pytest

from gatehouse.service.base import secure_dns
from gatehouse.service.base.resolver import Found, NoData, NoName, Resolver, Temporary
from gatehouse.service.base.secure_dns import (
    Absence,
    DoesNotValidate,
    NoTlsa,
    SecureTlsa,
    TlsaAnswer,
    TlsaFailure,
    Unknown,
    Validates,
)
from gatehouse.tls.dane import TlsaRecord, usable
from tests.live.dns import PORT, DnsServer, Trouble
from tests.live.gateway import address
from tests.patience import PATIENCE

ONE = "3 1 1 " + "ab" * 32
RECORD = TlsaRecord(3, 1, 1, b"\xab" * 32)


class Signed(DnsServer):
    """A server that vouches for the names it is told to, as a validating resolver would."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.proven: set[str] = set()
        self.unproven: set[tuple[str, str]] = set()  # exceptions from that, by name and type
        self.always = False  # a server that sets the bit without being asked
        self.errors: dict[str, dns.edns.EDECode] = {}  # extended errors by name
        self.questions: list[dns.message.Message] = []

    def answer(self, data: bytes, *, tcp: bool) -> bytes | None:
        question = dns.message.from_wire(data)
        self.questions.append(question)
        wire = super().answer(data, tcp=tcp)
        if wire is None:
            return None
        reply = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(question.question[0].rdtype)
        asked = bool(question.ednsflags & dns.flags.DO) and (name, rdtype) not in self.unproven
        if (asked and name in self.proven) or self.always:
            reply.flags |= dns.flags.AD
        if name in self.errors:
            reply.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(self.errors[name], "<b>text")])
        return reply.to_wire()

    def host(self, name: str, *addresses: str, proven: bool = True) -> str:
        if proven:
            self.proven.add(name)
        return super().host(name, *addresses or ("192.0.2.1",))

    def tlsa(self, name: str, *records: str, proven: bool = True) -> None:
        where = f"_25._tcp.{name}"
        self.add(where, {"TLSA": records})
        if proven:
            self.proven.add(where)


@pytest.fixture(scope="module")
def server() -> Iterator[Signed]:
    running = Signed(address())
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
    *,
    trusted: bool | None = None,
    clock: Clock | None = None,
    seconds: float = PATIENCE,
) -> Any:
    async def body() -> Any:
        servers = ((server.address, PORT),)
        resolver = Resolver(servers, clock or Clock(), seconds, None, trusted=trusted)
        return await question(resolver)

    return asyncio.run(body())


def tlsa(
    server: DnsServer, host: str, *, trusted: bool | None = None, seconds: float = PATIENCE
) -> TlsaAnswer:
    answer: TlsaAnswer = ask(
        server, lambda r: secure_dns.tlsa(r, host, 25), trusted=trusted, seconds=seconds
    )
    return answer


def test_records_of_a_host_that_is_proven(server: Signed) -> None:
    server.tlsa(server.host("a.test"), ONE, "2 0 1 " + "cd" * 32)
    answer = tlsa(server, "a.test")
    assert isinstance(answer, SecureTlsa)
    assert set(answer.records) == {RECORD, TlsaRecord(2, 0, 1, b"\xcd" * 32)}
    assert (answer.base, answer.expires) == ("a.test", 1001.0)


def test_the_port_is_part_of_the_question(server: Signed) -> None:
    server.host("ports.test")
    server.add("_465._tcp.ports.test", {"TLSA": [ONE]})
    server.proven |= {"_465._tcp.ports.test", "_25._tcp.ports.test"}
    assert tlsa(server, "ports.test") == NoTlsa(Absence.DENIED)
    other = ask(server, lambda r: secure_dns.tlsa(r, "ports.test", 465))
    assert isinstance(other, SecureTlsa)


def test_a_resolver_that_is_not_trusted_is_not_believed(server: Signed) -> None:
    server.tlsa(server.host("b.test"), ONE)
    server.asked.clear()
    assert tlsa(server, "b.test", trusted=False) == NoTlsa(Absence.NOT_TRUSTED)
    assert server.asked == []
    assert isinstance(tlsa(server, "b.test", trusted=True), SecureTlsa)


def test_where_the_addresses_prove_nothing_nobody_asks_for_records(server: Signed) -> None:
    server.host("c.test", proven=False)
    server.add("_25._tcp.c.test", Trouble.SERVFAIL)
    server.asked.clear()
    assert tlsa(server, "c.test") == NoTlsa(Absence.INSECURE)
    assert {rdtype for _, rdtype in server.asked} == {"A", "AAAA"}


@pytest.mark.parametrize("proven", [True, False])
def test_a_host_without_addresses_has_no_records(server: Signed, proven: bool) -> None:
    server.proven |= {"gone.test", "empty.test"} if proven else set()
    server.proven -= set() if proven else {"gone.test", "empty.test"}
    server.add("empty.test", Trouble.EMPTY)
    why = Absence.DENIED if proven else Absence.INSECURE
    assert tlsa(server, "gone.test") == NoTlsa(why)
    assert tlsa(server, "empty.test") == NoTlsa(why)


@pytest.mark.parametrize(
    "trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.SILENCE, Trouble.NONSENSE]
)
def test_a_look_up_that_fails_is_no_absence(server: Signed, trouble: Trouble) -> None:
    name = f"f-{trouble.name.lower()}.test"
    server.host(name)
    server.add(f"_25._tcp.{name}", trouble)
    assert isinstance(tlsa(server, name, seconds=0.2), TlsaFailure)
    server.add(name, trouble)
    assert isinstance(tlsa(server, name, seconds=0.2), TlsaFailure)


@pytest.mark.parametrize("trouble", [Trouble.NXDOMAIN, Trouble.EMPTY])
@pytest.mark.parametrize("proven", [True, False])
def test_an_absence_is_proven_or_not(server: Signed, trouble: Trouble, proven: bool) -> None:
    name = server.host(f"n-{trouble.name.lower()}-{proven}.test".lower())
    server.add(f"_25._tcp.{name}", trouble)
    server.proven |= {f"_25._tcp.{name}"} if proven else set()
    assert tlsa(server, name) == NoTlsa(Absence.DENIED if proven else Absence.INSECURE)


def test_records_that_are_not_proven_are_none(server: Signed) -> None:
    server.tlsa(server.host("d.test"), ONE, proven=False)
    assert tlsa(server, "d.test") == NoTlsa(Absence.INSECURE)


def test_the_resolver_says_why_an_answer_cannot_be_believed(server: Signed) -> None:
    server.host("e.test")
    server.add("_25._tcp.e.test", Trouble.SERVFAIL)
    server.errors["_25._tcp.e.test"] = dns.edns.EDECode.SIGNATURE_EXPIRED
    assert tlsa(server, "e.test") == TlsaFailure("signature expired", bogus=True)
    server.errors["_25._tcp.e.test"] = dns.edns.EDECode.NO_REACHABLE_AUTHORITY
    assert tlsa(server, "e.test") == TlsaFailure("ServFail")


def alias(server: Signed, name: str, target: str, *, proven: bool) -> None:
    """An alias; the answers to address questions for it are as proven as `proven` says."""
    server.add(name, {"CNAME": [f"{target}."]})
    server.proven |= {name} if proven else set()


def test_an_alias_leads_to_its_target_first_and_then_to_itself(server: Signed) -> None:
    server.tlsa(server.host("target.test"), ONE)
    alias(server, "alias.test", "target.test", proven=True)
    server.tlsa("alias.test", "3 1 1 " + "ff" * 32)
    answer = tlsa(server, "alias.test")
    assert isinstance(answer, SecureTlsa)
    assert (answer.base, answer.records) == ("target.test", (RECORD,))
    server.add("_25._tcp.target.test", Trouble.NXDOMAIN)
    second = tlsa(server, "alias.test")
    assert isinstance(second, SecureTlsa)
    assert second.base == "alias.test"


def test_a_failure_at_the_target_is_not_made_good_by_the_alias(server: Signed) -> None:
    server.host("target2.test")
    server.add("_25._tcp.target2.test", Trouble.SERVFAIL)
    alias(server, "alias2.test", "target2.test", proven=True)
    server.tlsa("alias2.test", ONE)
    assert isinstance(tlsa(server, "alias2.test"), TlsaFailure)


def test_an_alias_that_is_not_proven_has_no_records_of_its_own(server: Signed) -> None:
    server.host("target4.test", proven=False)
    alias(server, "alias4.test", "target4.test", proven=False)
    server.tlsa("alias4.test", ONE)
    assert tlsa(server, "alias4.test") == NoTlsa(Absence.INSECURE)


def test_an_alias_that_nobody_can_look_up_is_a_failure(server: Signed) -> None:
    server.host("target3.test", proven=False)
    alias(server, "alias3.test", "target3.test", proven=False)

    async def question(resolver: Resolver) -> TlsaAnswer:
        await resolver.addresses("alias3.test")
        server.add("alias3.test", Trouble.SERVFAIL)
        return await secure_dns.tlsa(resolver, "alias3.test", 25)

    assert isinstance(ask(server, question), TlsaFailure)


def test_a_name_too_long_for_the_question_has_no_records(server: Signed) -> None:
    name = ".".join(["a" * 60] * 4) + ".test"
    assert len(name) == 248
    server.host(name)
    assert tlsa(server, name) == NoTlsa(Absence.DENIED)


def test_a_record_of_wrong_length_does_not_spoil_the_others(server: Signed) -> None:
    server.tlsa(server.host("g.test"), "3 1 1 abcd", ONE, "3 0 0 " + "ab" * 20_000)
    answer = tlsa(server, "g.test")
    assert isinstance(answer, SecureTlsa)
    assert set(answer.records) == {RECORD, TlsaRecord(3, 1, 1, b"\xab\xcd")}
    assert usable(answer.records) == (RECORD,)


def test_what_is_no_record_leaves_none_that_is_usable(server: Signed) -> None:
    server.tlsa(server.host("i.test"), "3 1 1 " + "ab" * 20_000)
    assert tlsa(server, "i.test") == SecureTlsa("i.test", (), 1001.0)


def test_answers_are_kept_as_long_as_they_live(server: Signed) -> None:
    server.tlsa(server.host("h.test"), ONE)
    clock = Clock()

    async def question(resolver: Resolver) -> list[int]:
        counts = []
        for seconds in (0.0, 0.5, 2.0):
            clock.now += seconds
            answer = await secure_dns.tlsa(resolver, "h.test", 25)
            assert isinstance(answer, SecureTlsa)
            counts.append(resolver.requests)
        return counts

    # A has a second to live, and that there is no AAAA is known for longer.
    assert ask(server, question, clock=clock) == [3, 3, 5]


# --- does the resolver validate -------------------------------------------------------------------


def test_a_resolver_that_proves_the_probe_validates(server: Signed) -> None:
    server.add("probe.test", {"SOA": ["ns.test. root.test. 1 3600 600 86400 60"]})
    server.proven.add("probe.test")
    assert ask(server, lambda r: secure_dns.validates(r, "probe.test")) == Validates()


def test_one_that_answers_and_proves_nothing_does_not(server: Signed) -> None:
    server.add("plain.test", {"SOA": ["ns.test. root.test. 1 3600 600 86400 60"]})
    found = ask(server, lambda r: secure_dns.validates(r, "plain.test"))
    assert isinstance(found, DoesNotValidate)
    assert "AD bit" in found.reason
    assert isinstance(ask(server, secure_dns.validates), DoesNotValidate), "the root is unsigned"


def test_one_that_is_not_trusted_does_not_whatever_it_says(server: Signed) -> None:
    found = ask(server, secure_dns.validates, trusted=False)
    assert isinstance(found, DoesNotValidate)
    assert "dns_trusted" in found.reason


def test_every_server_must_validate(server: Signed) -> None:
    other = Signed(address())
    try:
        for each in (server, other):
            each.add("both.test", {"SOA": ["ns.test. root.test. 1 3600 600 86400 60"]})
        server.proven.add("both.test")
        servers = ((server.address, PORT), (other.address, PORT))

        async def body() -> secure_dns.Validation:
            resolver = Resolver(servers, Clock(), 5.0, None, trusted=None)
            return await secure_dns.validates(resolver, "both.test")

        found = asyncio.run(body())
        assert isinstance(found, DoesNotValidate)
        assert other.address in found.reason
        other.proven.add("both.test")
        assert asyncio.run(body()) == Validates()
        other.add("both.test", Trouble.SERVFAIL)
        assert asyncio.run(body()) == Validates(), (
            "a dead one refuses nothing and hands out nothing"
        )
    finally:
        other.close()


def test_no_server_at_all_is_not_known() -> None:
    async def body() -> secure_dns.Validation:
        resolver = Resolver((("127.0.0.1", 1),), Clock(), 0.1, None, trusted=None)
        resolver._resolver = None
        return await secure_dns.validates(resolver)

    assert isinstance(asyncio.run(body()), Unknown)


def test_one_that_does_not_answer_is_not_known(server: Signed) -> None:
    server.add("dead.test", Trouble.SERVFAIL)
    found = ask(server, lambda r: secure_dns.validates(r, "dead.test"))
    assert found == Unknown("ServFail")


# --- what the resolver makes of the bit -----------------------------------------------------------


def test_answers_say_whether_they_are_proven(server: Signed) -> None:
    server.add("s.test", {"MX": ["10 mx.s.test."], "A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]})
    server.proven |= {"s.test", "none.test"}
    hosts = ((10, "mx.s.test"),)
    assert ask(server, lambda r: r.mx("s.test")) == Found(hosts, secure=True)
    assert ask(server, lambda r: r.mx("s.test"), trusted=False) == Found(hosts)
    assert ask(server, lambda r: r.addresses("s.test")).secure
    assert ask(server, lambda r: r.mx("none.test")) == NoName(secure=True)
    server.add("none.test", Trouble.EMPTY)
    assert ask(server, lambda r: r.mx("none.test")) == NoData(secure=True)
    assert ask(server, lambda r: r.addresses("none.test")) == NoData(secure=True)


def test_addresses_are_proven_only_when_both_families_are(server: Signed) -> None:
    server.add("w.test", {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]})
    server.proven.add("w.test")
    for family in ("A", "AAAA"):
        server.unproven = {("w.test", family)}
        found = ask(server, lambda r: r.addresses("w.test"))
        assert len(found.records) == 2
        assert not found.secure
    server.unproven = set()
    assert ask(server, lambda r: r.addresses("w.test")).secure


def test_the_name_behind_an_alias_is_told(server: Signed) -> None:
    server.add("behind.test", {"MX": ["10 mx.test."], "A": ["192.0.2.7"]})
    alias(server, "front.test", "behind.test", proven=True)
    assert ask(server, lambda r: r.mx("front.test")).canonical == "behind.test"
    assert ask(server, lambda r: r.addresses("front.test")).canonical == "behind.test"


def test_a_trusted_resolver_is_asked_for_signatures_and_nobody_is_shown_the_bit(
    server: Signed,
) -> None:
    for trusted in (True, False):
        server.questions.clear()
        ask(server, lambda r: r.mx("q.test"), trusted=trusted)
        (question,) = server.questions
        assert bool(question.ednsflags & dns.flags.DO) == trusted
        assert not question.flags & dns.flags.AD
        assert not question.flags & dns.flags.CD


def test_the_bit_of_a_stranger_counts_for_nothing(server: Signed) -> None:
    server.always = True
    try:
        server.add("t.test", {"MX": ["10 mx.t.test."]})
        assert ask(server, lambda r: r.mx("t.test"), trusted=False) == Found(((10, "mx.t.test"),))
    finally:
        server.always = False


@pytest.mark.parametrize(
    ("servers", "trusted"),
    [
        (("127.0.0.1",), True),
        (("127.8.8.8", "::1"), True),
        (("127.0.0.1", "192.0.2.1"), False),
        (("127.0.0.11",), False),  # of a Docker network: it only forwards
        (("192.0.2.1",), False),
        (("2001:db8::1",), False),
    ],
)
def test_by_itself_only_loopback_is_trusted(servers: tuple[str, ...], trusted: bool) -> None:
    async def body() -> bool:
        pairs = tuple((each, 53) for each in servers)
        assert Resolver(pairs, Clock(), trusted=True).trusted
        assert not Resolver(pairs, Clock(), trusted=False).trusted
        return Resolver(pairs, Clock(), trusted=None).trusted

    assert asyncio.run(body()) == trusted


def test_a_hosts_file_proves_nothing(server: Signed) -> None:
    async def question(resolver: Resolver) -> Any:
        resolver._forward["local.test"] = ["192.0.2.9"]
        return await secure_dns.tlsa(resolver, "local.test", 25)

    assert ask(server, question) == NoTlsa(Absence.INSECURE)


def test_temporary_answers_are_equal_by_what_they_say() -> None:
    assert Temporary("ServFail") != Temporary("ServFail", "signature expired")
