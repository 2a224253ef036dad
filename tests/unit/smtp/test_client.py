# SPDX-License-Identifier: Apache-2.0
"""The client engine against a scripted server, kind and hostile."""

from dataclasses import replace

import pytest

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Recipient
from gatehouse.mail.reply import Reply
from gatehouse.smtp.capabilities import Capabilities
from gatehouse.smtp.client import ClientEngine, ClientSettings
from gatehouse.smtp.client_commands import ImpureCommand
from gatehouse.smtp.client_events import (
    AuthChallenge,
    Begun,
    Broken,
    Closed,
    DataRefused,
    Event,
    Greeting,
    HelloRefused,
    LoggedIn,
    LoginRefused,
    Lost,
    MessageResult,
    NoRecipients,
    Ready,
    RecipientResult,
    Refused,
    ResetDone,
    SendBody,
    SenderRefused,
    ServerClosing,
    TlsGo,
    TlsRefused,
)
from gatehouse.smtp.client_states import WrongStep
from gatehouse.smtp.stuffing import ImpureBody
from tests.unit.smtp.client_wire import EHLO_ALL, EHLO_PLAIN, Wire, envelope


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def codes(events: list[Event]) -> list[tuple[int, int]]:
    return [(e.index, e.reply.code) for e in events if isinstance(e, RecipientResult)]


# The way of a message.


def test_a_message_goes_out_in_one_group_with_pipelining() -> None:
    wire = Wire()
    assert kinds(wire.say(b"220 mx\r\n")) == [Greeting]
    assert wire.sent == b"EHLO gw.example\r\n"
    (ready,) = wire.say(EHLO_ALL)
    assert isinstance(ready, Ready)
    assert ready.capabilities is wire.engine.capabilities
    assert ready.capabilities.pipelining
    assert wire.begin("a@b.example", size=7) == (
        b"MAIL FROM:<from@example.com> SIZE=7\r\n"
        b"RCPT TO:<a@b.example> ORCPT=rfc822;a@b.example\r\nDATA\r\n"
    )
    events = wire.say(b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
    assert kinds(events) == [RecipientResult, SendBody]
    assert wire.send_body(b".dot\r\nend") == b"..dot\r\nend\r\n.\r\n"
    (result,) = wire.say(b"250 2.0.0 queued\r\n")
    assert isinstance(result, MessageResult)
    assert (result.reply.code, result.accepted, result.final) == (250, (0,), True)
    assert wire.engine.idle


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    wire = Wire().hello(EHLO_PLAIN)
    assert wire.begin("a@b.example", "c@d.example") == b"MAIL FROM:<from@example.com>\r\n"
    wire.sent = b""
    assert wire.say(b"250 ok\r\n") == []
    assert wire.sent == b"RCPT TO:<a@b.example>\r\n"
    assert codes(wire.say(b"250 ok\r\n")) == [(0, 250)]
    assert codes(wire.say(b"550 no\r\n")) == [(1, 550)]
    assert wire.sent.endswith(b"DATA\r\n")
    assert kinds(wire.say(b"354 go\r\n")) == [SendBody]
    wire.send_body()
    (result,) = wire.say(b"250 ok\r\n")
    assert isinstance(result, MessageResult)
    assert result.accepted == (0,)


def test_the_next_message_uses_the_same_connection() -> None:
    wire = Wire().hello()
    for _ in range(3):
        assert wire.begin().startswith(b"MAIL")
        wire.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        wire.send_body()
        assert kinds(wire.say(b"250 ok\r\n")) == [MessageResult]


def test_each_recipient_has_its_own_fate() -> None:
    """Of three RCPT one 550, one 452: the accepted one gets the message and is never sent again."""
    wire = Wire().hello()
    wire.begin("a@b.example", "c@b.example", "d@b.example")
    events = wire.say(b"250 ok\r\n550 5.1.1 no\r\n452 4.2.2 full\r\n250 ok\r\n354 go\r\n")
    assert codes(events) == [(0, 550), (1, 452), (2, 250)]
    wire.send_body()
    (result,) = wire.say(b"250 ok\r\n")
    assert isinstance(result, MessageResult)
    assert result.accepted == (2,)


def test_552_to_rcpt_is_only_for_now() -> None:
    """RFC 5321 §4.5.3.1.10."""
    wire = Wire().hello()
    wire.begin("a@b.example", "c@b.example")
    first, second, *_ = wire.say(b"250 ok\r\n552 5.5.3 too many\r\n552 x\r\n")
    assert isinstance(first, RecipientResult)
    assert (first.reply.code, first.reply.enhanced, first.reply.lines) == (
        452,
        "4.5.3",
        ("too many",),
    )
    assert isinstance(second, RecipientResult)
    assert (second.reply.code, second.reply.enhanced) == (452, None)


def test_a_refused_message_is_a_result_and_the_session_lives() -> None:
    wire = Wire().hello()
    wire.begin()
    wire.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
    wire.send_body()
    (result,) = wire.say(b"550 2.0.0 spam\r\n")
    assert isinstance(result, MessageResult)
    assert (result.reply.code, result.reply.enhanced) == (550, None)
    assert wire.begin().startswith(b"MAIL")


def test_many_recipients_go_in_groups_and_data_comes_last() -> None:
    wire = Wire().hello()
    names = [f"user{number}@some.longer.domain.example" for number in range(1000)]
    wire.begin(*names)
    answered = 0
    done = False
    rounds = 0
    while not done:
        group, wire.sent = wire.sent, b""
        rounds += 1
        assert len(group) <= 16_384
        count = group.count(b"\r\n")
        done = group.endswith(b"DATA\r\n")
        replies = b"250 ok\r\n" * (count - done) + b"354 go\r\n" * done
        events = wire.say(replies)
        answered += len(codes(events))
    assert answered == 1000
    assert rounds > 3
    assert isinstance(events[-1], SendBody)


def test_if_the_sender_is_refused_the_later_groups_are_not_sent() -> None:
    wire = Wire().hello()
    wire.begin(*[f"user{number}@some.longer.domain.example" for number in range(1000)])
    count = wire.sent.count(b"\r\n")
    wire.sent = b""
    events = wire.say(b"550 no\r\n" + b"503 no\r\n" * (count - 1))
    assert kinds(events) == [SenderRefused]
    assert wire.sent == b""


# Failures before the data.


@pytest.mark.parametrize("data", [b"503 no\r\n", b"554 no\r\n", b"354 go\r\n"])
def test_a_refused_sender_is_one_event_and_rset_comes_first_next_time(data: bytes) -> None:
    wire = Wire().hello()
    wire.begin()
    events = wire.say(b"550 5.7.1 no\r\n503 no\r\n" + data)
    if data.startswith(b"354"):
        assert events == []
        assert wire.sent.endswith(b"DATA\r\n.\r\n")
        events = wire.say(b"250 whatever\r\n")
        expected = b"MAIL"
    else:
        expected = b"RSET\r\nMAIL"
    (refused,) = events
    assert isinstance(refused, SenderRefused)
    assert refused.reply.code == 550
    assert wire.begin().startswith(expected)


def test_354_for_nobody_is_ended_with_a_lone_dot_whose_answer_is_nobodys() -> None:
    """RFC 2920 §3.1."""
    wire = Wire().hello()
    wire.begin("a@b.example", "c@b.example")
    wire.sent = b""
    assert codes(wire.say(b"250 ok\r\n550 no\r\n551 no\r\n354 go\r\n")) == [(0, 550), (1, 551)]
    assert wire.sent == b".\r\n"
    assert not wire.engine.idle
    assert not wire.engine.in_doubt
    assert wire.say(b"250 delivered to nobody\r\n") == [NoRecipients()]
    assert wire.engine.idle


def test_without_pipelining_data_is_not_said_for_nobody() -> None:
    wire = Wire().hello(EHLO_PLAIN)
    wire.begin()
    wire.say(b"250 ok\r\n")
    assert kinds(wire.say(b"550 no\r\n")) == [RecipientResult, NoRecipients]
    assert b"DATA" not in wire.sent
    assert wire.begin() == b"RSET\r\n"
    assert wire.say(b"250 ok\r\n") == []
    assert wire.sent.endswith(b"MAIL FROM:<from@example.com>\r\n")


def test_a_refused_data_is_for_all_who_were_accepted() -> None:
    wire = Wire().hello()
    wire.begin("a@b.example", "c@b.example")
    *_, refused = wire.say(b"250 ok\r\n250 ok\r\n550 no\r\n451 later\r\n")
    assert isinstance(refused, DataRefused)
    assert (refused.reply.code, refused.accepted) == (451, (0,))
    assert wire.begin("e@b.example").startswith(b"RSET\r\nMAIL")
    assert kinds(wire.say(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")) == [
        RecipientResult,
        SendBody,
    ]


def test_rset_on_demand() -> None:
    wire = Wire().hello()
    wire.engine.rset()
    wire.flush()
    assert wire.say(b"250 ok\r\n") == [ResetDone()]
    assert wire.begin().startswith(b"MAIL")


@pytest.mark.parametrize(
    ("answer", "event"), [(b"250 ok\r\n", NoRecipients), (b"550 no\r\n", SenderRefused)]
)
def test_mail_alone_asks_about_the_sender_and_nothing_follows(answer: bytes, event: type) -> None:
    wire = Wire().hello()
    nobody = replace(envelope(), sender=None, recipients=())
    assert isinstance(wire.engine.begin(nobody, 1, eight_bit=False), Begun)
    assert wire.flush() == b"MAIL FROM:<> SIZE=1\r\n"
    assert kinds(wire.say(answer)) == [event]
    wire.engine.rset()
    assert wire.flush() == b"RSET\r\n"
    assert wire.say(b"250 ok\r\n") == [ResetDone()]


def test_a_message_that_cannot_go_leaves_the_session_as_it_was() -> None:
    wire = Wire().hello(EHLO_PLAIN)
    refused = wire.engine.begin(envelope(), 10, eight_bit=True)
    assert isinstance(refused, Refused)
    assert refused.reply.enhanced == "5.6.3"
    assert wire.flush() == b""
    assert wire.engine.begin(envelope(), 10, eight_bit=False) == Begun(dsn_passed_on=False)


def test_a_recipient_that_cannot_be_named_is_answered_by_us() -> None:
    wire = Wire().hello(EHLO_PLAIN)
    local = Recipient(address=Address("ü@b.example", "ü", "b.example", True))
    mixed = replace(envelope(), recipients=(local, *envelope().recipients), smtputf8=True)
    begun = wire.engine.begin(mixed, 10, eight_bit=False, utf8_headers=False)
    assert isinstance(begun, Begun)
    assert codes(wire.events()) == [(0, 553)]


def test_the_caller_learns_whether_dsn_was_passed_on() -> None:
    assert Wire().hello().engine.begin(envelope(), 1, eight_bit=False) == Begun(dsn_passed_on=True)


# LMTP, RFC 2033.


def test_lmtp_says_lhlo_and_has_an_answer_per_accepted_recipient() -> None:
    wire = Wire(lmtp=True)
    wire.say(b"220 lmtp\r\n")
    assert wire.sent == b"LHLO gw.example\r\n"
    wire.say(EHLO_ALL)
    wire.begin("a@b.example", "c@b.example", "d@b.example")
    wire.say(b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n")
    wire.send_body()
    events = wire.say(b"250 ok\r\n")
    assert [
        (e.accepted, e.reply.code, e.final) for e in events if isinstance(e, MessageResult)
    ] == [((0,), 250, False)]
    assert wire.engine.in_doubt
    events = wire.say(b"452 full\r\n")
    assert [
        (e.accepted, e.reply.code, e.final) for e in events if isinstance(e, MessageResult)
    ] == [((2,), 452, True)]
    assert wire.engine.idle


def test_lmtp_has_no_fallback_and_no_data_for_nobody() -> None:
    wire = Wire(lmtp=True)
    wire.say(b"220 lmtp\r\n")
    (refused,) = wire.say(b"500 what\r\n")
    assert isinstance(refused, HelloRefused)
    assert not refused.fallback
    with pytest.raises(WrongStep):
        wire.engine.hello_fallback()
    wire = Wire(lmtp=True).hello()
    wire.begin()
    assert wire.say(b"250 ok\r\n550 no\r\n354 go\r\n")[-1] == Broken(
        "354 without recipients", False
    )


# Hello and TLS.


@pytest.mark.parametrize("code", [b"500", b"502", b"550", b"454"])
def test_after_a_refused_ehlo_the_driver_decides_on_helo(code: bytes) -> None:
    wire = Wire()
    wire.say(b"220 mx\r\n")
    (refused,) = wire.say(code + b" no\r\n")
    assert isinstance(refused, HelloRefused)
    assert refused.fallback
    wire.sent = b""
    wire.engine.hello_fallback()
    wire.flush()
    assert wire.sent == b"HELO gw.example\r\n"
    # Whatever a HELO reply lists, it is no offer.
    assert wire.say(b"250-mx\r\n250 STARTTLS\r\n") == [Ready(Capabilities())]


def test_after_a_refused_helo_only_quit_is_left() -> None:
    wire = Wire()
    wire.say(b"220 mx\r\n")
    wire.say(b"500 no\r\n")
    wire.engine.hello_fallback()
    wire.flush()
    (refused,) = wire.say(b"550 no\r\n")
    assert isinstance(refused, HelloRefused)
    assert not refused.fallback
    wire.engine.quit()
    assert wire.flush() == b"QUIT\r\n"


@pytest.mark.parametrize("code", [450, 550, 554])
def test_a_refusing_greeting_is_shown_and_nothing_is_said(code: int) -> None:
    wire = Wire()
    (greeting,) = wire.say(b"%d no\r\n" % code)
    assert isinstance(greeting, Greeting)
    assert greeting.reply.code == code
    assert wire.sent == b""
    with pytest.raises(WrongStep):
        wire.engine.begin(envelope(), 1, eight_bit=False)


def starttls() -> Wire:
    wire = Wire().hello()
    wire.engine.start_tls()
    assert wire.flush() == b"STARTTLS\r\n"
    return wire


def test_nothing_learnt_in_clear_survives_the_handshake() -> None:
    wire = starttls()
    assert wire.say(b"220 go\r\n") == [TlsGo()]
    wire.sent = b""
    wire.engine.tls_started()
    assert wire.engine.capabilities == Capabilities()
    wire.flush()
    assert wire.sent == b"EHLO gw.example\r\n"
    wire.say(b"250-mx\r\n250 SIZE 5\r\n")
    assert wire.engine.capabilities == Capabilities(size_offered=True, size=5)
    with pytest.raises(WrongStep):
        wire.engine.start_tls()


def test_auth_with_an_initial_response_is_one_command_and_one_answer() -> None:
    wire = Wire(tls_active=True).hello(b"250-mx\r\n250 AUTH PLAIN LOGIN\r\n")
    wire.engine.authenticate("PLAIN", b"\0ann\0secret")
    assert wire.flush() == b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n"
    assert wire.say(b"235 2.7.0 ok\r\n") == [LoggedIn(Reply(235, "2.7.0", ("ok",)))]
    assert wire.begin("bob@shop.example").startswith(b"MAIL FROM:")


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    wire = Wire(tls_active=True).hello(EHLO_PLAIN)
    wire.engine.authenticate("EXTERNAL", b"")
    assert wire.flush() == b"AUTH EXTERNAL =\r\n"


def test_challenges_come_decoded_and_answers_go_out_encoded() -> None:
    wire = Wire(tls_active=True).hello(b"250-mx\r\n250 AUTH LOGIN\r\n")
    wire.engine.authenticate("LOGIN")
    assert wire.flush() == b"AUTH LOGIN\r\n"
    assert wire.say(b"334 VXNlcm5hbWU6\r\n") == [AuthChallenge(b"Username:")]
    wire.engine.respond(b"ann")
    assert wire.flush() == b"YW5u\r\n"
    assert wire.say(b"334 \r\n") == [AuthChallenge(b"")]
    wire.engine.respond(b"secret")
    wire.flush()
    refusal = Reply(535, "5.7.8", ("no",))
    assert wire.say(b"535 5.7.8 no\r\n") == [LoginRefused(refusal)]
    assert wire.engine.idle


def test_a_challenge_that_is_no_base64_is_told_as_such_and_can_be_cancelled() -> None:
    wire = Wire(tls_active=True).hello(EHLO_PLAIN)
    wire.engine.authenticate("LOGIN")
    wire.flush()
    assert wire.say(b"334 what is your name?\r\n") == [AuthChallenge(None)]
    wire.engine.respond(None)
    assert wire.flush() == b"*\r\n"
    assert wire.say(b"501 5.5.4 cancelled\r\n") == [
        LoginRefused(Reply(501, "5.5.4", ("cancelled",)))
    ]


@pytest.mark.parametrize("code", ["220", "221", "250", "251", "252", "354"])
def test_any_other_yes_to_auth_is_a_breach(code: str) -> None:
    wire = Wire(tls_active=True).hello(EHLO_PLAIN)
    wire.engine.authenticate("PLAIN", b"\0u\0p")
    wire.flush()
    assert wire.say(f"{code} ok\r\n".encode()) == [Broken(f"{code} in reply to AUTH", False)]


@pytest.mark.parametrize("behind", [b"2", b"\r\n", b"250 ok\r\n", b"250-STARTTLS\r\n", b"\x16\x03"])
def test_a_byte_behind_the_220_ends_the_session_however_it_comes(behind: bytes) -> None:
    wire = starttls()
    broken = Broken("data behind STARTTLS reply", False)
    assert wire.say(b"220 go\r\n" + behind) == [broken]
    wire = starttls()
    assert wire.say(b"220 go\r\n") == [TlsGo()]
    assert wire.say(behind) == [broken]
    with pytest.raises(WrongStep):
        wire.engine.tls_started()


@pytest.mark.parametrize(
    "reply",
    [b"454 later", b"501 x", b"502 x", b"500 x", b"354 do something else", b"250 ok", b"221 x"],
)
def test_any_other_answer_to_starttls_refuses_it_and_the_policy_decides(reply: bytes) -> None:
    wire = starttls()
    assert kinds(wire.say(reply + b"\r\n")) == [TlsRefused]
    assert wire.begin().startswith(b"MAIL")


def test_starttls_can_be_asked_for_without_an_offer() -> None:
    wire = Wire().hello(EHLO_PLAIN)
    wire.engine.start_tls()
    wire.flush()
    assert kinds(wire.say(b"502 no\r\n")) == [TlsRefused]


def test_with_implicit_tls_there_is_no_starttls() -> None:
    wire = Wire(tls_active=True).hello()
    with pytest.raises(WrongStep):
        wire.engine.start_tls()


# Every reply at every step (hostile servers).

REPLIES = [
    b"220",
    b"221",
    b"250",
    b"250 ok",
    b"354 go",
    b"421 bye",
    b"454 x",
    b"500 x",
    b"501 x",
    b"502 x",
    b"504 x",
    b"530 x",
    b"550 x",
]


def at_step(step: str) -> Wire:
    wire = Wire()
    if step == "greeting":
        return wire
    if step == "EHLO":
        wire.say(b"220 mx\r\n")
        return wire
    wire.hello(EHLO_PLAIN)
    if step == "STARTTLS":
        wire.engine.start_tls()
        wire.flush()
        return wire
    if step == "RSET":
        wire.engine.rset()
        wire.flush()
        return wire
    if step == "QUIT":
        wire.engine.quit()
        wire.flush()
        return wire
    wire.begin()
    for _ in range(["MAIL", "RCPT", "DATA", "body", "end"].index(step)):
        if step in ("body", "end") and wire.sent.endswith(b"DATA\r\n"):
            break
        wire.say(b"250 ok\r\n")
    if step in ("body", "end"):
        wire.say(b"354 go\r\n")
    if step == "end":
        wire.send_body()
    return wire


GOOD: dict[str, dict[str, type | None]] = {
    "greeting": {"220": Greeting}, "EHLO": {"250": Ready}, "STARTTLS": {"220": TlsGo},
    "MAIL": {"250": None}, "RCPT": {"250": RecipientResult}, "DATA": {"354": SendBody},
    "body": {}, "end": {"250": MessageResult}, "RSET": {"250": ResetDone},
}  # fmt: skip
REFUSED = {
    "greeting": Greeting, "EHLO": HelloRefused, "STARTTLS": TlsRefused, "MAIL": SenderRefused,
    "RCPT": NoRecipients, "DATA": DataRefused, "end": MessageResult,
}  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("step", GOOD)
def test_every_reply_at_every_step_has_one_meaning(step: str, reply: bytes) -> None:
    wire = at_step(step)
    events = wire.say(reply + b"\r\n")
    code = reply[:3].decode()
    last = type(events[-1]) if events else None
    if code == "421":
        assert last is ServerClosing
    elif code in GOOD[step]:
        assert last is GOOD[step][code]
    elif step == "STARTTLS" or (step in REFUSED and code[0] in "45"):
        assert last is REFUSED[step]
    else:
        assert last is Broken
    assert wire.engine.closing == (last in (ServerClosing, Broken))


@pytest.mark.parametrize("reply", [*REPLIES, b"25O", b"\0\0"])
def test_after_quit_every_answer_is_the_end(reply: bytes) -> None:
    wire = at_step("QUIT")
    assert wire.say(reply + b"\r\n") == [Closed()]


def test_closing_during_quit_is_success_and_before_it_is_not() -> None:
    wire = at_step("QUIT")
    wire.engine.receive_eof()
    assert wire.events() == [Closed()]
    wire.engine.receive_eof()
    assert wire.events() == []
    wire = at_step("RCPT")
    wire.engine.receive_eof()
    assert wire.events() == [Lost(in_doubt=False)]


WRONG = [
    b"25O ok\r\n", b"2500 ok\r\n", b"99 x\r\n", b" 250 x\r\n", b"250x\r\n", b"\r\n", b"\0\r\n",
    b"\x80\r\n", b"250 ok\n", b"250-ok\r\n550 no\r\n", b"250-x\r\n" * 200, b"2" * 3000,
    b"250 " + b"x" * 10_000_000,
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong[:16]))
@pytest.mark.parametrize("step", GOOD)
def test_what_is_no_reply_ends_the_session_at_every_step(step: str, wrong: bytes) -> None:
    wire = at_step(step)
    *_, last = wire.say(wrong)
    assert isinstance(last, Broken)
    assert last.in_doubt == (step == "end")
    assert len(last.what) < 200
    # Nothing after it is believed.
    assert wire.say(b"250 ok\r\n354 go\r\n250 ok\r\n") == []
    assert wire.engine.closing


# Counting.


def test_more_replies_than_commands_end_the_session() -> None:
    wire = Wire().hello()
    assert wire.say(b"250 ok\r\n") == [Broken("unsolicited reply 250", False)]


def test_a_reply_before_its_command_was_taken_is_early() -> None:
    wire = Wire()
    wire.engine.receive(b"220 mx\r\n250 mx\r\n")
    assert wire.events()[-1] == Broken("unsolicited reply 250", False)
    assert wire.flush() == b""


def test_half_a_reply_before_its_command_is_early_too() -> None:
    wire = Wire()
    wire.engine.receive(b"220 mx\r\n25")
    assert wire.flush() == b""
    assert wire.events()[-1] == Broken("reply before its command", False)


@pytest.mark.parametrize("early", [b"250 2.0.0 queued\r\n", b"25", b"550 no\r\n"])
def test_an_answer_before_the_end_of_the_data_decides_nothing(early: bytes) -> None:
    """Sent with the 354, or while the body flows, or with the end made but not yet taken."""
    for moment in range(3):
        wire = at_step("DATA")
        wire.engine.receive(b"354 go\r\n" + (early if moment == 0 else b""))
        assert isinstance(wire.engine.next_event(), SendBody)
        wire.engine.body(b"x\r\n")
        wire.flush()
        if moment == 1:
            wire.engine.receive(early)
        wire.engine.end_body()
        if moment == 2:
            wire.engine.receive(early)
        assert b".\r\n" not in wire.flush()
        (broken,) = wire.events()
        assert isinstance(broken, Broken)
        assert not broken.in_doubt


def test_a_pipelined_group_with_an_answer_too_many_sends_no_body() -> None:
    wire = Wire().hello()
    wire.begin()
    events = wire.say(b"250 ok\r\n250 ok\r\n354 go\r\n250 early\r\n")
    assert isinstance(events[-1], Broken)
    wire.engine.body(b"x\r\n")
    wire.engine.end_body()
    assert wire.flush() == b""


def test_rcpt_cannot_be_accepted_without_a_sender() -> None:
    wire = Wire().hello()
    wire.begin()
    events = wire.say(b"550 no\r\n250 ok\r\n354 go\r\n")
    assert kinds(events) == [SenderRefused, Broken]


def test_421_puts_off_what_has_no_answer_and_keeps_what_has() -> None:
    wire = Wire().hello()
    wire.begin("a@b.example", "c@b.example")
    events = wire.say(b"250 ok\r\n550 no\r\n421 4.3.2 bye\r\n250 ok\r\n354 go\r\n")
    assert kinds(events) == [RecipientResult, ServerClosing]
    assert wire.engine.closing


def test_421_may_come_unasked() -> None:
    assert kinds(Wire().hello().say(b"421 idle\r\n")) == [ServerClosing]
    assert kinds(at_step("body").say(b"421 bye\r\n")) == [ServerClosing]


def test_421_to_the_end_of_data_is_an_answer_and_leaves_no_doubt() -> None:
    wire = at_step("end")
    assert wire.engine.in_doubt
    assert kinds(wire.say(b"421 no room\r\n")) == [ServerClosing]
    assert not wire.engine.in_doubt


def test_a_connection_lost_after_the_end_of_data_is_in_doubt() -> None:
    wire = at_step("end")
    wire.engine.receive_eof()
    assert wire.events() == [Lost(in_doubt=True)]
    wire = at_step("end")
    assert wire.say(b"354 again?\r\n") == [Broken("354 in reply to end of data", True)]


# Waiting.


def test_the_wait_is_that_of_the_step() -> None:
    assert {step: at_step(step).engine.timeout for step in (*GOOD, "QUIT")} == {
        "greeting": 300, "EHLO": 300, "STARTTLS": 300, "MAIL": 300, "RCPT": 300, "DATA": 120,
        "body": 180, "end": 600, "RSET": 20, "QUIT": 10,
    }  # fmt: skip
    assert Wire().hello().engine.timeout == 300


# Broken contracts of ours.


def test_an_impure_body_ends_the_session_before_the_message_can_end() -> None:
    wire = at_step("body")
    wire.engine.body(b"good\r\n")
    with pytest.raises(ImpureBody):
        wire.engine.body(b"bare\nline")
    wire.engine.end_body()
    assert wire.flush() == b""
    assert wire.events() == [Lost(in_doubt=False)]


def test_an_impure_name_of_our_own_is_never_sent() -> None:
    engine = ClientEngine(ClientSettings(hostname="gw\r\nRSET"))
    with pytest.raises(ImpureCommand):
        engine.receive(b"220 mx\r\n")
    assert engine.take_output() == b""
