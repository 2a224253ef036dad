# SPDX-License-Identifier: Apache-2.0
"""What became of each recipient is said, written and reported, once; a refused mark is owed."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec
import pytest

from gatehouse.journal import facts
from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Notify, Recipient
from gatehouse.policy.retry import BounceProfile
from gatehouse.service.deliver import settle as module
from gatehouse.service.deliver.reports import Reporter
from gatehouse.service.deliver.settle import Attempt, Failed, Fate, Settler, Taken
from gatehouse.store import values
from gatehouse.store.errors import StoreCorrupt, StoreError, StoreFull
from tests.patience import PATIENCE

NOW = 1_800_000_000.0
ANN = Address("ann@sender.example", "ann", "sender.example", False)
ORIGINAL = b"Received: x\r\nSubject: the original\r\n\r\nits body\r\n"


class Ids:
    def __init__(self) -> None:
        self.last = 100

    def next(self, kind: str) -> int:
        self.last += 1
        return self.last


class Spool:
    """Writes and reads bodies in memory."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.readable = True
        self.full = 0  # so many bodies more are refused

    def begin(self) -> "Spool":
        if self.full:
            self.full -= 1
            raise StoreFull("full")
        self.bodies.append(b"")
        return self

    def write(self, chunk: bytes) -> None:
        self.bodies[-1] += chunk

    def finish(self) -> values.BodyRef:
        return values.BodyRef(1, len(self.bodies) - 1, len(self.bodies[-1]))

    def read(self, ref: values.BodyRef, chunk_size: int = 65536) -> Iterator[bytes]:
        if not self.readable:
            raise StoreCorrupt("damaged")
        yield ORIGINAL


class Writer:
    """A group writer that answers at once, as it is told."""

    def __init__(self) -> None:
        self.written: list[values.Settle] = []
        self.errors: list[StoreError] = []

    def submit(self, operation: values.Operation, done: Callable[[Any], None]) -> None:
        assert isinstance(operation, values.Settle)
        if self.errors:
            done(self.errors.pop(0))
            return
        self.written.append(operation)
        deferred = any(isinstance(one, values.Deferred) for one in operation.outcomes)
        done(values.Settled(operation.mid, not deferred))


class Scene:
    def __init__(self) -> None:
        self.facts: list[facts.HappenedAt] = []
        self.writer, self.spool, self.now = Writer(), Spool(), NOW
        reporter = Reporter(Ids(), self.spool, self.spool, self.facts.append)  # type: ignore[arg-type]
        reporter.hostname = "mx.house.example"
        self.settler = Settler(
            lambda: self.now,
            self.facts.append,
            self.writer,  # type: ignore[arg-type]
            reporter,
            lambda: 0.0,
        )

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if type(fact) is kind]

    async def settle(self, message: values.QueuedMessage, **fates: Fate) -> values.Settle:
        waiting = list(message.recipients)
        by_rid = {int(name[1:]): fate for name, fate in fates.items()}
        await self.settler.settle(Attempt(message, waiting, by_rid, dcid=7))
        return self.writer.written[-1]


def message(
    *names: str,
    sender: Address | None = ANN,
    notify: frozenset[Notify] | None = None,
    received_at: float = NOW - 10,
    tries: int = 0,
    delay_notified: int = 0,
) -> values.QueuedMessage:
    recipients = tuple(
        values.QueuedRecipient(
            rid=rid,
            recipient=Recipient(
                address=Address(f"{name}@d.example", name, "d.example", False), notify=notify
            ),
            state=values.RecipientState.WAITING,
            tries=tries,
            next_at=None,
            last_reply="",
            last_enhanced="",
            last_tried_at=None,
            delay_notified=delay_notified,
        )
        for rid, name in enumerate(names)
    )
    return values.QueuedMessage(
        mid=1, seq=1, icid=1, listener="L", kind=values.MessageKind.ORDINARY, parent=None,
        held=False, received_at=received_at, expires_at=NOW + 9999, sender=sender,
        body_type=BodyType.SEVEN_BIT, smtputf8=False, ret=None, envid=None, requiretls=False,
        size=len(ORIGINAL), body=values.BodyRef(1, 0, len(ORIGINAL)), message_id="", subject="",
        client_ip="", helo="", tls_in="", recipients=recipients,
    )  # fmt: skip


TAKEN = Taken("2.0.0 ok", "mx.d.example")
NEVER = Failed(
    enhanced="5.1.0", text="Unknown address error", code="550", lines=("5.1.1 nobody",), host="mx"
)
LATER = Failed(enhanced="4.4.0", text="Other network problem", code="000", lines=("timeout",))


def play(body: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await body(Scene())

    asyncio.run(run())


def test_what_was_taken_is_marked_and_the_message_is_finished() -> None:
    async def body(scene: Scene) -> None:
        written = await scene.settle(message("a", "b"), r0=TAKEN, r1=TAKEN)
        assert written.outcomes == (
            values.Delivered(0, "2.0.0 ok"),
            values.Delivered(1, "2.0.0 ok"),
        )
        (said,) = scene.of(facts.RecipientsDelivered)
        assert said.rids == (0, 1)
        assert scene.of(facts.MessageFinished)

    play(body)


def test_three_fates_in_one_transaction() -> None:
    async def body(scene: Scene) -> None:
        written = await scene.settle(message("a", "b", "c"), r0=TAKEN, r1=NEVER, r2=LATER)
        kinds = sorted(type(one).__name__ for one in written.outcomes)
        assert kinds == ["Bounced", "Deferred", "Delivered"]
        (report,) = written.generated
        assert report.envelope.sender is None
        assert [r.address for r in report.envelope.recipients] == [ANN]
        assert report.parent == 1
        assert scene.of(facts.MessageFinished) == []

    play(body)


def test_a_deferred_recipient_waits_longer_each_time() -> None:
    async def body(scene: Scene) -> None:
        first = await scene.settle(message("a"), r0=LATER)
        (outcome,) = first.outcomes
        assert isinstance(outcome, values.Deferred)
        assert (outcome.tries, outcome.next_at) == (1, NOW + 60)
        second = await scene.settle(message("a", tries=1), r0=LATER)
        (outcome,) = second.outcomes
        assert isinstance(outcome, values.Deferred)
        assert (outcome.tries, outcome.next_at) == (2, NOW + 120)
        assert [fact.until for fact in scene.of(facts.RetryScheduled)] == [NOW + 60, NOW + 120]

    play(body)


def test_what_waited_too_long_bounces_as_expired() -> None:
    async def body(scene: Scene) -> None:
        written = await scene.settle(message("a", received_at=NOW - 300_000), r0=LATER)
        (outcome,) = written.outcomes
        assert isinstance(outcome, values.Bounced)
        assert outcome.enhanced == "5.4.7"
        assert len(written.generated) == 1

    play(body)


def test_the_null_sender_gets_no_report() -> None:
    async def body(scene: Scene) -> None:
        written = await scene.settle(message("a", sender=None), r0=NEVER)
        assert written.generated == ()
        assert scene.of(facts.DoubleBounce)
        assert scene.of(facts.RecipientBounced) == []

    play(body)


@pytest.mark.parametrize(
    ("notify", "reports"),
    [
        (None, 1),
        (frozenset({Notify.FAILURE}), 1),
        (frozenset({Notify.NEVER}), 0),
        (frozenset({Notify.SUCCESS, Notify.DELAY}), 0),
    ],
)
def test_who_wants_to_hear_of_failures(notify: frozenset[Notify] | None, reports: int) -> None:
    async def body(scene: Scene) -> None:
        written = await scene.settle(message("a", notify=notify), r0=NEVER)
        assert len(written.generated) == reports

    play(body)


def test_a_profile_without_bounces_tells_nobody() -> None:
    async def body(scene: Scene) -> None:
        scene.settler.profile_of = lambda *_: BounceProfile(send_bounces=False)
        written = await scene.settle(message("a"), r0=NEVER)
        assert isinstance(written.outcomes[0], values.Bounced)
        assert written.generated == ()
        assert scene.of(facts.RecipientBounced)

    play(body)


def test_the_profile_is_asked_for_by_destination_and_listener() -> None:
    async def body(scene: Scene) -> None:
        asked: list[tuple[str, str]] = []

        def profile_of(domain: str, listener: str) -> BounceProfile:
            asked.append((domain, listener))
            return BounceProfile(max_retries=0)

        scene.settler.profile_of = profile_of
        one = message("a")
        written = await scene.settle(one, r0=LATER)
        assert isinstance(written.outcomes[0], values.Bounced)  # by that profile: no second try
        assert set(asked) == {("d.example", one.listener)}

    play(body)


def test_the_profile_says_how_large_an_original_goes_back() -> None:
    async def body(scene: Scene) -> None:
        asked: list[int] = []
        write = scene.settler.reporter.reports

        def noted(*given: Any) -> list[values.NewMessage]:
            asked.append(given[4])
            return write(*given)

        scene.settler.reporter.reports = noted  # type: ignore[method-assign, assignment]
        await scene.settle(message("a"), r0=NEVER)
        scene.settler.profile_of = lambda *_: BounceProfile(max_bounce_copy=77)
        await scene.settle(message("a"), r0=NEVER)
        assert asked == [10 * 1024, 77]

    play(body)


def test_success_is_told_only_where_the_next_server_will_not() -> None:
    async def body(scene: Scene) -> None:
        wants = frozenset({Notify.SUCCESS})
        relayed = Taken("ok", "mx", relayed=True)
        assert len((await scene.settle(message("a", notify=wants), r0=relayed)).generated) == 1
        assert (await scene.settle(message("a", notify=wants), r0=TAKEN)).generated == ()
        assert (await scene.settle(message("a"), r0=relayed)).generated == ()

    play(body)


def test_a_late_message_is_warned_of_once_if_the_profile_says_so() -> None:
    async def body(scene: Scene) -> None:
        assert (await scene.settle(message("a", tries=1), r0=LATER)).generated == ()
        scene.settler.profile_of = lambda *_: BounceProfile(delay_warnings=True)
        written = await scene.settle(message("a", tries=1), r0=LATER)
        assert len(written.generated) == 1
        (outcome,) = written.outcomes
        assert isinstance(outcome, values.Deferred)
        assert outcome.delay_notified
        again = await scene.settle(message("a", tries=2, delay_notified=1), r0=LATER)
        assert again.generated == ()

    play(body)


@pytest.mark.parametrize(
    ("late", "warned", "due"),
    [(3599, 1, False), (3600, 1, True), (7199, 2, False), (7200, 2, True), (99_999, 3, False)],
)
def test_further_warnings_follow_at_their_interval_up_to_their_number(
    late: int, warned: int, due: bool
) -> None:
    async def body(scene: Scene) -> None:
        scene.settler.profile_of = lambda *_: BounceProfile(
            delay_warnings=True, delay_warning_interval=3600.0, max_delay_warnings=3
        )
        old = message("a", tries=5, delay_notified=warned)
        old = msgspec.structs.replace(old, received_at=scene.settler.wall() - late)
        written = await scene.settle(old, r0=LATER)
        assert len(written.generated) == due
        (outcome,) = written.outcomes
        assert isinstance(outcome, values.Deferred)
        assert outcome.delay_notified == warned + due

    play(body)


def test_a_mark_that_the_disk_refused_is_owed_and_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OWING_SECONDS", 0.0)

    async def body(scene: Scene) -> None:
        scene.writer.errors = [StoreFull("full"), StoreFull("full")]
        done = scene.settler.settle(
            Attempt(one := message("a"), list(one.recipients), {0: NEVER}, dcid=7)
        )
        assert scene.settler.owing == 1
        assert scene.of(facts.BounceGenerated) == []
        await asyncio.wait_for(done, PATIENCE)
        assert scene.settler.owing == 0
        assert len(scene.of(facts.ResourcesLow)) == 1
        assert len(scene.of(facts.BounceGenerated)) == 1
        # The report's body was lost with the commit: it is written once more for each try.
        assert len(scene.spool.bodies) == 3
        assert len(set(scene.spool.bodies)) == 1
        (written,) = scene.writer.written
        assert written.generated[0].body.offset == 2

    play(body)


def test_a_report_that_the_disk_refuses_again_keeps_the_mark_owed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OWING_SECONDS", 0.0)

    async def body(scene: Scene) -> None:
        scene.writer.errors = [StoreFull("full")]
        done = scene.settler.settle(
            Attempt(one := message("a"), list(one.recipients), {0: NEVER}, dcid=7)
        )
        scene.spool.full = 3
        await asyncio.wait_for(done, PATIENCE)
        assert scene.spool.full == 0
        assert scene.settler.owing == 0
        assert len(scene.writer.written) == 1

    play(body)


def test_a_report_is_made_although_the_original_cannot_be_read() -> None:
    async def body(scene: Scene) -> None:
        scene.spool.readable = False
        written = await scene.settle(message("a"), r0=NEVER)
        assert len(written.generated) == 1
        assert b"5.1.1 nobody" in scene.spool.bodies[0]

    play(body)


def test_a_report_says_who_what_and_why() -> None:
    async def body(scene: Scene) -> None:
        await scene.settle(message("a"), r0=NEVER)
        text = scene.spool.bodies[0]
        assert b"Final-Recipient: rfc822; a@d.example" in text.replace(b";a", b"; a")
        assert b"Action: failed" in text
        assert b"nobody" in text
        assert b"Subject: the original" in text
        kinds = [type(fact) for fact in scene.facts]
        assert kinds.index(facts.RecipientBounced) < kinds.index(facts.BounceGenerated)
        assert kinds[-2:] == [facts.MessageQueued, facts.MessageFinished]

    play(body)


def test_a_long_reply_is_cut_for_the_queue() -> None:
    long = Failed(enhanced="4.3.0", text="t", code="451", lines=("x" * 5000,))
    assert len(long.reply) == module.MAX_REPLY
    assert long.reply.startswith("451 x")
    assert not long.permanent
