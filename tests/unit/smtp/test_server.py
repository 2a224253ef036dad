# SPDX-License-Identifier: Apache-2.0
"""Invariants: events do not depend on segments; nothing raises; no message out of order."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail.reply import Reply
from gatehouse.smtp import limits
from gatehouse.smtp import server_events as events
from gatehouse.smtp.server import ServerEngine
from gatehouse.smtp.server_states import State
from tests.unit.smtp import server_wire
from tests.unit.smtp.server_wire import OPEN, Server, octets

PIECES = [
    b"EHLO x\r\n",
    b"HELO x\r\n",
    b"MAIL FROM:<a@example.org>\r\n",
    b"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n",
    b"MAIL FROM:<a@example.org> SMTPUTF8 RET=FULL ENVID=x\r\n",
    b"MAIL FROM:<@@>\r\n",
    b"RCPT TO:<b@example.com>\r\n",
    b"RCPT TO:<b@example.com> NOTIFY=NEVER\r\n",
    b"RCPT TO:<>\r\n",
    b"DATA\r\n",
    b"DATA\r\nhello\r\n..\r\n.\r\n",
    b"hello\r\n.\r\n",
    b"\r\n.\r\n",
    b".",
    b"\r",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b"BDAT 5\r\nabc\r\n",
    b"BDAT 5 LAST\r\nabc\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 300 LAST\r\n" + b"x" * 300,
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY x\r\n",
    b"HELP\r\n",
    b"XYZ\r\n",
    b"NOOP " + b"y" * 600 + b"\r\n",
    b"NOOP " + b"z" * 3000 + b"\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"STARTTLS x\r\n",
    b"QUIT\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01",
]
STREAMS = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.sampled_from([OPEN, OPEN + b"DATA\r\n", OPEN + b"BDAT 2\r\n\r\n"]),
        st.binary(max_size=5),
    ),
    max_size=14,
)
SMALL = {
    "max_message_size": 200,
    "max_recipients": 3,
    "max_errors": 8,
    "max_junk_commands": 10,
    "auth_mechanisms": ("PLAIN",),
    "auth_needs_tls": False,
}


def summary(server: Server) -> list[Any]:
    """Events with the chunks of each message joined; those of a refused message do not count."""
    found: list[Any] = []
    body = b""
    for event in server.events:
        match event:
            case events.BodyChunk(data):
                body += data
            case events.MessageRejected():
                body = b""
                found.append(event)
            case events.Reset() | events.Quit() | events.ProtocolViolation():
                body = b""  # what had come of an unfinished message
                found.append(event)
            case events.MessageEnd():
                found += [body, event]
                body = b""
            case _:
                found.append(event)
    return found


def no_to_some(event: events.Event) -> Reply | None:
    """A driver that refuses now and then, by what it is asked and not by chance."""
    match event:
        case events.MailFrom(None, _):
            return Reply(451, "4.3.0", ("not now",))
        case events.AuthBegin(_, None):
            return Reply(334, None, ("",))
        case events.MessageEnd(size) if size % 2:
            return Reply(554, "5.6.0", ("odd",))
        case _:
            return None


@settings(max_examples=250, deadline=None)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 1500), max_size=8))
def test_events_and_replies_do_not_depend_on_segments(stream: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(stream)
    marks = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    pieces = [wire[a:b] for a, b in itertools.pairwise(marks) if a < b]
    whole = Server(no_to_some, **SMALL).send(wire)
    for way in (pieces, octets(wire)):
        other = Server(no_to_some, **SMALL).send(*way)
        assert summary(other) == summary(whole)
        assert other.wire == whole.wire
        assert other.engine.closing == whole.engine.closing


@settings(max_examples=250, deadline=None)
@given(stream=STREAMS)
def test_no_message_without_hello_sender_and_recipient(stream: list[bytes]) -> None:
    server = Server(no_to_some, **SMALL).send(*stream)
    hello = False
    recipients: int | None = None  # None: no transaction
    for event in server.events:
        match event:
            case events.Hello():
                hello, recipients = True, None
            case events.Reset() | events.MessageRejected():
                recipients = None
            case events.MailFrom(sender, _):
                assert hello
                assert recipients is None
                recipients = None if sender is None else 0
            case events.RcptTo():
                assert recipients is not None
                recipients += 1
            case events.DataStart():
                assert recipients
            case events.MessageEnd():
                assert recipients
                recipients = None
            case _:
                pass


@settings(max_examples=100, deadline=None)
@given(stream=STREAMS)
def test_each_command_gets_one_reply(stream: list[bytes]) -> None:
    server = Server(no_to_some, **SMALL).send(*stream)
    for line in server.wire.split(b"\r\n")[:-1]:
        assert len(line) <= 510
        assert line[:3].isdigit()
        assert line.isascii()
    assert server.wire == b"" or server.wire.endswith(b"\r\n")


def test_a_whole_pipeline_in_one_segment() -> None:
    server = Server().send(OPEN + b"DATA\r\nx\r\n.\r\n" + OPEN[8:] + b"BDAT 1 LAST\r\nxQUIT\r\n")
    assert server.bodies() == [b"x\r\n", b"x"]
    assert server.codes() == [b"250"] * 3 + [b"354"] + [b"250"] * 4 + [b"221"]


def test_parameters_reach_the_driver() -> None:
    server = Server().send(
        b"EHLO x\r\n"
        b"MAIL FROM:<a@example.org> SIZE=7 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8\r\n"
        b"RCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+3Dy@example.com\r\n"
    )
    params = server.named(events.MailFrom)[0].params
    assert (params.size, params.body.value, params.ret.value) == (7, "8BITMIME", "HDRS")
    assert (params.envid, params.smtputf8) == ("a+b", True)
    recipient = server.named(events.RcptTo)[0].recipient
    assert {word.value for word in recipient.notify} == {"SUCCESS", "DELAY"}
    assert recipient.orcpt == "rfc822;x=y@example.com"


def test_what_was_not_said_is_none() -> None:
    server = Server().send(OPEN)
    assert server.named(events.MailFrom)[0].params == events.MailParams()
    assert server.named(events.RcptTo)[0].recipient.notify is None


def test_the_message_is_accepted_by_the_answer_and_not_before() -> None:
    engine = Server().send(OPEN + b"DATA\r\n").engine
    engine.receive(b"x\r\n.\r\nNOOP\r\n")
    assert isinstance(engine.next_event(), events.BodyChunk)
    assert isinstance(engine.next_event(), events.MessageEnd)
    assert engine.next_event() is None
    assert engine.take_output() == b""
    engine.answer(Reply(250, "2.0.0", ("queued",)))
    assert engine.next_event() is None
    assert engine.take_output() == b"250 2.0.0 queued\r\n250 2.0.0 ok\r\n"


def test_a_421_of_the_driver_closes() -> None:
    server = Server(lambda event: Reply(421, "4.7.0", ("bye",)))
    server.send(b"EHLO x\r\nNOOP\r\n")
    assert server.wire == b"421 4.7.0 bye\r\n"
    assert server.engine.closing
    assert server.engine.state is State.CLOSED


def test_answering_nothing_is_a_bug_of_the_driver() -> None:
    with pytest.raises(RuntimeError):
        Server().engine.answer()


def test_an_answer_after_the_end_is_too_late_and_harmless() -> None:
    engine = Server().send(OPEN + b"DATA\r\n").engine
    engine.receive(b".\r\n")
    assert isinstance(engine.next_event(), events.MessageEnd)
    engine.dismiss(Reply(421, "4.3.2", ("shutting down",)))
    engine.answer()
    assert engine.take_output() == b"421 4.3.2 shutting down\r\n"


class TestGreeting:
    def test_a_client_turned_away_may_only_quit(self) -> None:
        engine = ServerEngine(Server().engine.settings)
        engine.greet(Reply(554, None, ("no service",)))
        engine.receive(b"EHLO x\r\nBDAT 6\r\nQUIT\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n")
        while engine.next_event() is not None:
            pass
        codes = [line[:3] for line in engine.take_output().splitlines()]
        assert codes == [b"554", b"503", b"503", b"503", b"221"]
        assert engine.closing

    def test_a_421_banner_closes_at_once(self) -> None:
        engine = ServerEngine(Server().engine.settings)
        engine.greet(Reply(421, None, ("too many",)))
        assert engine.closing

    def test_an_early_talker_gets_554_and_no_banner(self) -> None:
        engine = ServerEngine(Server().engine.settings)
        engine.receive(b"EHLO x\r\n")
        assert engine.next_event() == events.ProtocolViolation("data before the greeting")
        engine.greet()
        assert engine.take_output().startswith(b"554 5.5.1 ")
        assert engine.closing


class TestStartTls:
    def test_bytes_in_the_same_segment_are_refused(self) -> None:
        server = Server().send(b"EHLO x\r\n", b"STARTTLS\r\nRSET\r\n")
        assert server.wire.endswith(b"554 5.5.1 Data behind STARTTLS\r\n")
        assert b"220" not in server.wire
        assert server.events[-1] == events.ProtocolViolation("data behind STARTTLS")
        assert not server.named(events.StartTls)
        assert server.engine.closing

    @pytest.mark.parametrize("reply", [None, Reply(454, "4.7.0", ("no",))])
    def test_bytes_while_the_driver_thinks_are_refused(self, reply: Reply | None) -> None:
        engine = Server().engine
        engine.receive(b"STARTTLS\r\n")
        assert engine.next_event() == events.StartTls()
        engine.receive(b"R")
        engine.answer(reply)
        assert engine.next_event() == events.ProtocolViolation("data behind STARTTLS")
        assert engine.take_output() == b"554 5.5.1 Data behind STARTTLS\r\n"

    def test_bytes_before_our_220_has_left_take_it_back(self) -> None:
        engine = Server().engine
        engine.receive(b"STARTTLS\r\n")
        engine.next_event()
        engine.answer()
        engine.receive(b"RSET\r\n")
        assert engine.take_output() == b"554 5.5.1 Data behind STARTTLS\r\n"
        assert engine.closing

    def test_bytes_after_our_220_close_without_a_word_in_clear(self) -> None:
        server = Server().send(b"STARTTLS\r\n", b"RSET\r\n")
        assert server.wire == b"220 2.0.0 Ready to start TLS\r\n"
        assert server.engine.closing
        server.engine.tls_started()
        assert server.engine.state is State.CLOSED

    def test_no_certificate_is_454_and_life_goes_on(self) -> None:
        server = Server(
            lambda event: (
                Reply(454, "4.7.0", ("TLS not available due to temporary reason",))
                if isinstance(event, events.StartTls)
                else None
            )
        )
        server.send(b"STARTTLS\r\n", b"EHLO x\r\n")
        assert server.codes() == [b"454", b"250"]

    def test_everything_is_forgotten(self) -> None:
        server = Server(auth_mechanisms=("PLAIN",), auth_needs_tls=False)
        server.send(b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", b"STARTTLS\r\n")
        before = server.engine.authenticated
        server.engine.tls_started()
        assert (before, server.engine.authenticated) == (True, False)
        assert server.engine.state is State.GREETED
        server.wire = b""
        server.send(b"MAIL FROM:<a@example.org>\r\n", b"EHLO x\r\n", OPEN)
        assert b"STARTTLS" not in server.wire
        assert server.codes()[:2] == [b"503", b"250"]

    def test_within_tls_the_first_octets_of_a_record_are_just_nonsense(self) -> None:
        server = Server(tls_active=True).send(b"\x16\x03\x01\r\n")
        assert server.codes() == [b"500"]
        assert not server.engine.closing


class TestAuth:
    def offer(self, *answers: Reply | None) -> Server:
        queue = list(answers)

        def answer(event: events.Event) -> Reply | None:
            auth = isinstance(event, events.AuthBegin | events.AuthResponse)
            return queue.pop(0) if auth and queue else None

        return Server(answer, tls_active=True, auth_mechanisms=("PLAIN", "LOGIN"))

    def test_a_challenge_and_its_answer(self) -> None:
        server = self.offer(Reply(334, None, ("VXNlcm5hbWU6",)), Reply(334, None, ("",)), None)
        server.send(b"EHLO x\r\n", b"AUTH login\r\n", b"YQ==\r\n", b"Yg==\r\n")
        assert server.codes() == [b"250", b"334", b"334", b"235"]
        assert server.named(events.AuthBegin) == [events.AuthBegin("LOGIN", None)]
        assert server.named(events.AuthResponse) == [
            events.AuthResponse(b"a"),
            events.AuthResponse(b"b"),
        ]

    @pytest.mark.parametrize("line", [b"*", b"====", b"a", b"a b", b"YQ==\x00", b"Y\nQ=="])
    def test_a_bad_answer_ends_it(self, line: bytes) -> None:
        server = self.offer(Reply(334, None, ("",)))
        server.send(b"EHLO x\r\n", b"AUTH PLAIN\r\n", line + b"\r\n", b"NOOP\r\n")
        assert server.codes() == [b"250", b"334", b"501", b"250"]

    def test_a_line_of_12288_octets_is_the_longest(self) -> None:
        for length, code in ((12288, b"235"), (12289, b"500")):
            server = self.offer(None)
            head = b"AUTH PLAIN "
            server.send(b"EHLO x\r\n", head + b"A" * (length - 2 - len(head)) + b"\r\n")
            expected = code if (length - 2 - len(head)) % 4 == 0 or code == b"500" else b"501"
            assert server.codes()[-1] == expected

    def test_an_empty_initial_response(self) -> None:
        server = self.offer(None).send(b"EHLO x\r\n", b"AUTH PLAIN =\r\n")
        assert server.named(events.AuthBegin) == [events.AuthBegin("PLAIN", b"")]

    def test_no_secret_in_an_event(self) -> None:
        server = self.offer(Reply(334, None, ("",)))
        server.send(b"AUTH PLAIN czNjcjN0\r\n", b"EHLO x\r\nMAIL FROM:<a@example.org>\r\n")
        server.send(b"AUTH PLAIN czNjcjN0\r\n", b"RSET\r\n", b"AUTH PLAIN !czNjcjN0\r\n")
        assert "czNjcjN0" not in repr(server.named(events.CommandRefused))


class TestBounds:
    def test_a_line_without_end_is_not_kept(self) -> None:
        server = Server()
        for _ in range(200):
            server.send(b"x" * 65536)
            assert server.engine.pending <= limits.AUTH_LINE
        assert server.wire == b""
        server.send(b"x" * 65536 * 60)
        assert server.wire == b"500 5.5.2 Line too long\r\n"
        assert server.engine.closing

    @pytest.mark.parametrize("size", [10**4, 10**6, 10**7])
    def test_an_overlong_line_is_one_command(self, size: int) -> None:
        line = b"NOOP " + b"x" * size + b"\r\nNOOP\r\n"
        server = Server().send(*[line[i : i + 65536] for i in range(0, len(line), 65536)])
        assert server.codes() == [b"500", b"250"]

    @pytest.mark.parametrize(("length", "code"), [(512, b"250"), (513, b"500")])
    def test_noop(self, length: int, code: bytes) -> None:
        assert Server().send(b"NOOP " + b"x" * (length - 7) + b"\r\n").codes() == [code]

    def test_mail_and_rcpt_may_be_longer(self) -> None:
        mail = b"MAIL FROM:<a@example.org> ENVID=" + b"x" * 100 + b" AUTH=" + b"y" * 494
        rcpt = b"RCPT TO:<b@example.com> ORCPT=rfc822;" + b"x" * 493
        server = Server(auth_mechanisms=("PLAIN",))
        server.send(b"EHLO x\r\n" + mail + b"\r\n" + rcpt + b"\r\n")
        assert server.codes() == [b"250"] * 3
        server.send(b"RCPT TO:<" + b"x" * limits.RCPT_LINE + b">\r\n")
        assert server.codes()[-1] == b"500"

    def test_fifty_thousand_recipients(self) -> None:
        server = Server(max_recipients=100).send(OPEN)
        server.send(b"RCPT TO:<b@example.com>\r\n" * 50_000)
        assert server.codes().count(b"452") == 50_001 - 100
        server.send(b"DATA\r\n.\r\n")
        assert server.codes()[-2:] == [b"354", b"250"]

    def test_refused_recipients_are_bounded_too(self) -> None:
        no = Reply(550, "5.1.1", ("no",))
        server = Server(lambda e: no if isinstance(e, events.RcptTo) else None, max_recipients=5)
        server.send(OPEN, b"RCPT TO:<b@example.com>\r\n" * 10)
        assert server.codes()[2:] == [b"550"] * 5 + [b"452"] * 6
        assert len(server.named(events.RcptTo)) == 5

    def test_errors_end_the_session_with_421(self) -> None:
        server = Server(max_errors=3).send(b"A\r\n" * 10)
        assert server.codes() == [b"500", b"500", b"421"]
        assert server.events[-1] == events.ProtocolViolation("too many errors")

    def test_refusals_of_the_driver_count_as_well(self) -> None:
        no = Reply(550, "5.7.1", ("no",))
        server = Server(lambda e: no if isinstance(e, events.MailFrom) else None, max_errors=3)
        server.send(b"EHLO x\r\n", b"MAIL FROM:<a@example.org>\r\n" * 10)
        assert server.codes() == [b"250", b"550", b"550", b"550", b"421"]
        assert server.engine.closing

    def test_a_message_forgives_errors(self) -> None:
        server = Server(max_errors=3)
        for _ in range(5):
            server.send(b"A\r\nA\r\n", OPEN, b"DATA\r\n.\r\n")
        assert not server.engine.closing
        assert len(server.bodies()) == 5

    def test_a_chunk_of_absurd_size_closes(self) -> None:
        for size in (b"-1", b"99999999999999999999", b"5 LASTX", b"", b"5  LAST", b"+5", b"0x5"):
            server = Server().send(OPEN, b"BDAT " + size + b"\r\nQUIT\r\n")
            assert server.codes()[-1] == b"501"
            assert server.engine.closing

    def test_a_refused_chunk_is_not_kept(self) -> None:
        server = Server().send(b"EHLO x\r\nBDAT 6553600\r\n")
        for _ in range(100):
            assert server.codes() == [b"250"]
            server.send(b"QUIT\r\n" * 10922 + b"NOOP")
            assert server.engine.pending == 0
        assert server.codes() == [b"250", b"503"]


def test_text_for_operators_is_printable_and_bounded() -> None:
    server = Server().send(b"\x1b]0;\xff\\ \x00" + b"a" * 5000 + b"\r\n", b"BAD\nMAIL\r\n")
    first, second = server.named(events.CommandRefused)
    assert first.text.startswith("\\x1b]0;\\xff\\x5c \\x00aaa")
    assert first.text.isprintable()
    assert len(first.text) <= 4 * limits.LOGGED_TEXT
    assert second.text == "BAD\\x0aMAIL"


def test_settings_may_change_after_the_client_is_known() -> None:
    server = Server()
    server.engine.settings = Server(require_tls=True, max_message_size=77).engine.settings
    server.send(b"EHLO x\r\n", b"MAIL FROM:<a@example.org>\r\n")
    assert b"SIZE 77" in server.wire
    assert server.codes()[-1] == b"530"


def test_a_refused_last_chunk_drops_the_transaction() -> None:
    full = Reply(452, "4.3.1", ("disk full",))
    server = Server(lambda e: full if isinstance(e, events.DataStart) else None)
    server.send(OPEN, b"BDAT 6 LAST\r\nQUIT\r\n")
    assert server.codes()[-1] == b"452"
    assert server.events[-1] == events.Reset()
    assert server.engine.state is State.READY


def test_chunks_behind_a_refused_one_are_not_held_against_the_client() -> None:
    server = Server(max_errors=3, max_message_size=5)
    server.send(OPEN, b"BDAT 6\r\nQUIT\r\n" * 10 + b"RSET\r\n")
    assert server.codes()[3:] == [b"552"] + [b"503"] * 9 + [b"250"]
    assert not server.engine.closing
    full = Reply(452, "4.3.1", ("disk full",))
    server = Server(lambda e: full if isinstance(e, events.DataStart) else None, max_errors=3)
    server.send(OPEN, b"BDAT 6\r\nQUIT\r\n" * 10 + b"RSET\r\n")
    assert server.codes()[3:] == [b"452"] + [b"503"] * 9 + [b"250"]
    assert server.events[-1] == events.Reset()


@pytest.mark.parametrize("line", [b"EHLO y", b"HELO y", b"RSET"])
def test_what_drops_a_transaction_says_so(line: bytes) -> None:
    assert Server().send(b"EHLO x\r\n", line + b"\r\n").named(events.Reset) == []
    for way in (OPEN, OPEN + b"BDAT 1\r\nx", b"EHLO x\r\nMAIL FROM:<>\r\n"):
        assert Server().send(way, line + b"\r\n").events[-1] == events.Reset()


def test_dismissed_between_220_and_the_handshake_nothing_is_said_in_clear() -> None:
    server = Server().send(b"STARTTLS\r\n")
    server.engine.dismiss(Reply(421, "4.4.2", ("timeout",)))
    assert server.engine.take_output() == b""
    assert server.engine.closing


def test_a_refused_data_keeps_the_transaction() -> None:
    full = Reply(452, "4.3.1", ("disk full",))
    server = Server(lambda e: full if isinstance(e, events.DataStart) else None)
    server.send(OPEN, b"DATA\r\n")
    assert server.engine.state is State.RECIPIENTS


def test_a_client_turned_away_after_the_handshake_hears_it_once_and_is_gone() -> None:
    no = Reply(554, "5.7.1", ("not with this certificate",))
    for command in (b"EHLO x\r\n", b"NOOP\r\n", b"MAIL FROM:<a@example.org>\r\n"):
        server = Server().send(b"STARTTLS\r\n")
        server.engine.tls_started()
        server.engine.turn_away(no)
        server.wire = b""
        assert server.send(command).wire == b"554 5.7.1 not with this certificate\r\n"
        assert server.engine.closing
    server = Server().send(b"STARTTLS\r\n")
    server.engine.tls_started()
    server.engine.turn_away(no)
    server.wire = b""
    assert server.send(b"QUIT\r\n").wire.startswith(b"221 ")


def test_a_greeting_that_nobody_has_heard_becomes_the_refusal() -> None:
    engine = ServerEngine(server_wire.settings(), tls_active=True)
    engine.greet()
    engine.turn_away(Reply(554, "5.7.1", ("no",)))
    assert engine.take_output() == b"554 5.7.1 no\r\n"
    engine.receive(b"EHLO x\r\n")
    engine.next_event()
    assert engine.take_output().startswith(b"503 ")


def test_bare_addresses_are_let_through_only_for_a_default_domain() -> None:
    plain = Server().send(b"EHLO x\r\nMAIL FROM:<cron>\r\n")
    assert plain.wire.splitlines()[-1].startswith(b"501 5.1.7 Missing domain")
    whole = Server(accept_bare_addresses=True)
    whole.send(b"EHLO x\r\nMAIL FROM:<cron>\r\nRCPT TO:<bob> NOTIFY=NEVER\r\nRCPT TO:<a b>\r\n")
    senders = [one.sender for one in whole.events if isinstance(one, events.MailFrom)]
    assert [one and (one.text, one.domain) for one in senders] == [("cron", "")]
    named = [one.recipient.address for one in whole.events if isinstance(one, events.RcptTo)]
    assert [(one.text, one.domain) for one in named] == [("bob", "")]
    assert whole.wire.splitlines()[-1].startswith(b"501")


def test_the_proxy_protocol_is_no_mail() -> None:
    server = Server().send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n")
    assert server.wire.startswith(b"521 ")
    assert server.engine.closing
