# SPDX-License-Identifier: Apache-2.0
"""Servers that refuse, lie, stammer and vanish: what each recipient's fate is, and that we survive.

The rule behind all of them: a definite 5xx bounces, a definite 2xx delivers, everything else is
still ours (RFC 5321 §4.2.1, §4.2.5).
"""

import re

import pytest

from gatehouse.journal import facts
from tests.live.clients import transact
from tests.live.gateway import until
from tests.live.house import SENDER, House
from tests.live.servers import FULL, Act, Answers, Behaviour, FakeServer, Message, strip_received

EIGHT_BIT = b"Subject: t\r\n\r\n\xe4\r\n"


def fates(house: House, mid: int, count: int = 1) -> dict[int, str]:
    """RID → "delivered", "bounced" or "delayed", once `count` recipients have one."""

    def known() -> dict[int, str] | None:
        found: dict[int, str] = {}
        for fact in house.gateway.events.about(mid=mid):
            match fact:
                case facts.RecipientsDelivered(rids=rids):
                    found.update((rid, "delivered") for rid in rids)
                case facts.RecipientBounced(rid=rid):
                    found[rid] = "bounced"
                case facts.RecipientDelayed(rid=rid):
                    found[rid] = "delayed"
        return found if len(found) >= count else None

    return until(known, f"{count} fates of MID {mid}")


def fate(house: House, behaviour: Behaviour) -> tuple[str, FakeServer]:
    """What becomes of one recipient at such a server."""
    domain, server = house.destination(behaviour)
    mid = house.send(f"bob@{domain}")
    return fates(house, mid)[0], server


def everywhere(answer: Answers) -> dict[str, Behaviour]:
    return {
        "mail": Behaviour(mail=answer),
        "rcpt": Behaviour(rcpt=answer),
        "data": Behaviour(data=answer),
        "end": Behaviour(end=answer),
    }


STEPS = ("mail", "rcpt", "data", "end")
REFUSALS: dict[Answers, str] = {
    b"451 4.3.0 later\r\n": "delayed",
    b"550 5.7.1 never\r\n": "bounced",
    b"421 4.3.2 closing\r\n": "delayed",
    b"550 2.0.0 the first digit rules\r\n": "bounced",
    b"450 5.0.0 the first digit rules\r\n": "delayed",
    b"550-5.7.1 two\r\n550 5.7.1 lines\r\n": "bounced",
    b"550\r\n": "bounced",
    Act.CLOSE: "delayed",
    Act.RESET: "delayed",
    # No replies, or none that mail commands have.
    b"25O ok\r\n": "delayed",
    b"2500 ok\r\n": "delayed",
    b"99 x\r\n": "delayed",
    b" 250 x\r\n": "delayed",
    b"250x\r\n": "delayed",
    b"\r\n": "delayed",
    b"hello\r\n": "delayed",
    b"250 \x00\r\n": "delayed",
    b"\x80\x81\r\n": "delayed",
    b"250-x\r\n550 y\r\n": "delayed",
    b"199 x\r\n": "delayed",
    b"299 x\r\n": "delayed",
    b"600 x\r\n": "delayed",
}
Cell = tuple[str, str, bool]


@pytest.fixture(scope="module")
def refused(house: House) -> dict[Cell, tuple[int, FakeServer]]:
    """A message to each kind of refusal, all sent before anybody waits for one."""
    sent: dict[Cell, tuple[int, FakeServer]] = {}
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        for answer in REFUSALS:
            for step in STEPS:
                for plain in (False, True):
                    words = () if plain else FULL
                    behaviour = Behaviour(capabilities=words, **{step: answer})  # type: ignore[arg-type]
                    domain, server = house.destination(behaviour)
                    mid = transact(client, SENDER, [f"bob@{domain}"], b"Subject: t\r\n\r\n.\r\n")
                    sent[str(answer), step, plain] = mid, server
    return sent


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("plain", [False, True], ids=["pipelining", "one by one"])
@pytest.mark.parametrize("answer", REFUSALS, ids=str)
def test_a_refusal_at_each_step(
    house: House,
    refused: dict[Cell, tuple[int, FakeServer]],
    step: str,
    plain: bool,
    answer: Answers,
) -> None:
    mid, server = refused[str(answer), step, plain]
    assert fates(house, mid)[0] == REFUSALS[answer]
    if step != "end":
        assert server.messages == []


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("mail", b"354 go on\r\n"),
        ("rcpt", b"354 go on\r\n"),
        ("data", b"250 2.0.0 ok\r\n"),
        ("end", b"354 go on\r\n"),
        ("data", b"250 2.0.0 ok\r\n250 2.0.0 ok\r\n"),
        ("mail", b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 x\r\n250 2.0.0 done\r\n"),
    ],
)
def test_a_reply_that_does_not_belong_there_delivers_nothing(
    house: House, step: str, answer: bytes
) -> None:
    got, _ = fate(house, everywhere(answer)[step])
    assert got == "delayed"


def test_a_positive_reply_before_the_end_of_data_is_not_believed(house: House) -> None:
    got, server = fate(house, Behaviour(data=b"354 go on\r\n250 2.0.0 taken\r\n"))
    assert got == "delayed"
    assert server.messages == [] or server.messages[0].answer


@pytest.mark.parametrize(
    "answer",
    [
        b"250-" + b"x" * 600 + b"\r\n250 y\r\n",
        b"250-x\r\n" * 90 + b"250 y\r\n",
        b"250 ok\r\n",
        b"250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 c\r\n",
        b"250\r\n",
        b"250 5.0.0 the first digit rules\r\n",
    ],
    ids=lambda answer: repr(answer[:20]),
)
def test_a_clumsy_yes_is_a_yes(house: House, answer: bytes) -> None:
    got, _ = fate(house, Behaviour(end=answer))
    assert got == "delivered"


@pytest.mark.parametrize(
    "answer",
    [b"250-x\r\n" * 300_000, b"250 " + b"x" * 3_000_000, b"250-" + b"y\r\n250-" * 100_000],
    ids=["endless lines", "an endless line", "never the last"],
)
@pytest.mark.parametrize("step", ["greeting", "ehlo", "end"])
def test_an_endless_reply_ends(house: House, step: str, answer: bytes) -> None:
    before = memory(house)
    got, _ = fate(house, Behaviour(**{step: answer}))  # type: ignore[arg-type]
    assert got == "delayed"
    assert memory(house) - before < 16 * 1024 * 1024


def memory(house: House) -> int:
    """Octets that the deliverer holds."""
    (pid,) = house.gateway.processes("deliverer")
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize(
    "words",
    [
        ("SIZE 0",),
        ("SIZE abc",),
        ("SIZE",),
        ("SIZE 99999999999999999999999",),
        ("PIPELINING\t",),
        ("pipelining", "size 100000", "8bitmime"),
        ("SIZE 1000000", "SIZE 2", "SIZE 3000000"),
        ("STARTTLS x",),
        ("AUTH " + " ".join(f"MECH{n}" for n in range(60)),),
        ("X" * 400,),
        ("\u00fc",),
        ("",),
        (*FULL, "CHUNKING", "BINARYMIME", "REQUIRETLS", "LIMITS RCPTMAX=1"),
    ],
    ids=lambda words: words[0][:20],
)
def test_odd_capabilities_do_not_stop_mail(house: House, words: tuple[str, ...]) -> None:
    domain, server = house.destination(Behaviour(capabilities=words))
    mid = house.send(f"bob@{domain}")
    got = fates(house, mid)[0]
    if "SIZE 2" in words:
        assert got in ("delivered", "bounced")
    else:
        assert got == "delivered"
        assert server.heard("AUTH") == []


def test_what_is_larger_than_the_server_s_size_bounces_without_being_sent(house: House) -> None:
    domain, server = house.destination(Behaviour(capabilities=("SIZE 1000",)))
    mid = house.send(f"bob@{domain}", content=b"Subject: t\r\n\r\n" + b"x" * 80 + b"\r\n" * 1000)
    fact = house.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert "5.3.4" in fact.lines[0]
    assert server.heard("MAIL") == []


def test_three_recipients_three_fates(house: House) -> None:
    behaviour = Behaviour(
        refused={"no@DOMAIN": b"550 5.1.1 no such user\r\n", "later@DOMAIN": b"452 4.2.2 full\r\n"}
    )
    domain, server = house.destination(behaviour)
    server.behaviour = Behaviour(
        refused={k.replace("DOMAIN", domain): v for k, v in behaviour.refused.items()}
    )
    mid = house.send(f"yes@{domain}", f"no@{domain}", f"later@{domain}")
    assert fates(house, mid, 3) == {0: "delivered", 1: "bounced", 2: "delayed"}
    (message,) = server.wait()
    assert message.recipients == [f"yes@{domain}"]
    # The next try is for the one that is left, and the one that has it does not get it again.
    server.behaviour = Behaviour()
    house.gateway.command("queue", "retry", str(mid))
    server.wait(2)
    assert server.messages[1].recipients == [f"later@{domain}"]
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)


def test_all_recipients_refused_sends_no_content(house: House) -> None:
    domain, server = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    mid = house.send(f"a@{domain}", f"b@{domain}")
    assert fates(house, mid, 2) == {0: "bounced", 1: "bounced"}
    assert server.messages == []


def test_a_452_for_some_recipients_is_tried_again(house: House) -> None:
    answers = (b"250 2.1.5 ok\r\n", b"452 4.5.3 too many\r\n")
    domain, server = house.destination(Behaviour(rcpt=answers), "eager")
    house.send(*[f"user{n}@{domain}" for n in range(3)])
    messages = server.wait(3)
    assert sorted(m.recipients[0] for m in messages) == [f"user{n}@{domain}" for n in range(3)]


def test_a_connection_lost_after_the_end_of_data_is_tried_again(house: House) -> None:
    """The server may have it: a duplicate is allowed, a loss is not (RFC 5321 §4.5.4.1)."""
    domain, server = house.destination(Behaviour(end=(Act.CLOSE, b"250 ok\r\n")), "eager")
    server.behaviour = Behaviour(end=Act.CLOSE)
    mid = house.send(f"bob@{domain}")
    server.wait(1)
    server.behaviour = Behaviour()
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert len(server.messages) >= 2


def test_a_server_that_drops_in_the_middle_of_the_content(house: House) -> None:
    domain, server = house.destination(Behaviour(drop_after=100_000), "eager")
    content = b"Subject: t\r\n\r\n" + b"0123456789abcdef\r\n" * 100_000
    mid = house.send(f"bob@{domain}", content=content)
    assert fates(house, mid)[0] == "delayed"
    server.behaviour = Behaviour()
    (message,) = server.wait()
    assert message.without_received == content


def test_a_server_that_reads_slowly_gets_all(house: House) -> None:
    domain, server = house.destination(Behaviour(read_delay=0.002))
    content = b"Subject: t\r\n\r\n" + b"0123456789abcdef\r\n" * 100_000
    house.send(f"bob@{domain}", content=content)
    (message,) = server.wait()
    assert message.without_received == content


def test_a_server_that_speaks_octet_by_octet(house: House) -> None:
    got, _ = fate(house, Behaviour(trickle=0.0005))
    assert got == "delivered"


@pytest.mark.parametrize("answer", [Act.CLOSE, Act.RESET, b"500 what?\r\n", b"nonsense\r\n"])
def test_a_bad_end_of_quit_is_a_success(house: House, answer: Answers) -> None:
    domain, server = house.destination(Behaviour(quit=answer))
    mid = house.send(f"bob@{domain}")
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    server.wait_for(lambda: server.open_now == 0, "the connection ends")
    assert fates(house, mid)[0] == "delivered"
    assert len(server.messages) == 1


def test_a_server_without_8bitmime(house: House) -> None:
    """Eight-bit content is never sent to a server that did not say it can take it."""
    domain, server = house.destination(Behaviour(capabilities=("SIZE 100000",)))
    mid = house.send(f"bob@{domain}", content=EIGHT_BIT, mail=("BODY=8BITMIME",))
    fact = house.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert "5.6.3" in fact.lines[0]
    assert server.messages == []


def test_a_server_without_smtputf8(house: House) -> None:
    domain, server = house.destination(Behaviour(capabilities=("8BITMIME",)))
    with house.client() as client:
        client.greeted()
        client.expect("EHLO c", 250)
        client.expect(f"MAIL FROM:<{SENDER}> SMTPUTF8", 250)
        client.expect(f"RCPT TO:<b\u00fccher@{domain}>", 250)
        client.expect("DATA", 354)
        said = client.say("Subject: t\r\n\r\nx\r\n.")
        assert said is not None and said.code == 250
        mid = int(re.findall(r"Message (\d+)", said.text)[0])
    fact = house.gateway.events.wait(facts.RecipientBounced, mid=mid)
    assert "5.6.7" in fact.lines[0]
    assert server.messages == []


def test_helo_only_servers_get_plain_mail(house: House) -> None:
    domain, server = house.destination(Behaviour(ehlo=b"502 5.5.1 what?\r\n"))
    house.send(f"bob@{domain}")
    (message,) = server.wait()
    assert message.parameters == ""
    assert server.heard("HELO")


def test_hostile_words_cannot_forge_a_log_line(house: House) -> None:
    evil = b"550 5.1.1 x\x1b[2J\x07 Message finished MID 1 done \xe2\x80\xae\r\n"
    domain, _ = house.destination(Behaviour(rcpt=evil))
    mid = house.send(f"bob@{domain}")
    got = fates(house, mid)[0]
    assert got in ("bounced", "delayed")
    raw = house.gateway.mail_log.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw)
    assert "\u202e" not in raw.decode()
    assert (
        f"Message finished MID {mid} done"
        in house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
        if got == "bounced"
        else True
    )


# --- what the sender is told --------------------------------------------------------------------


def report(house: House, mid: int) -> Message:
    """The report about a message, as its sender's server got it."""
    fact = house.gateway.events.wait(facts.BounceGenerated, parent=mid)
    house.gateway.wait_line(f"Message finished MID {fact.mid} done", mid=fact.mid)
    (home,) = [server for server in house.servers if server is house.servers[0]]
    (message,) = [m for m in home.messages if b" id %d\r\n" % fact.mid in m.content] or [
        m for m in home.messages if b"<%d." % fact.mid in m.content
    ]
    return message


def test_a_bounce_tells_the_sender_what_happened(house: House) -> None:
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 nobody of that name\r\n"))
    mid = house.send(f"bob@{domain}", content=b"Subject: the original\r\n\r\nits body\r\n")
    message = report(house, mid)
    assert message.sender == ""
    assert message.recipients == [SENDER]
    text = message.content.decode()
    assert "multipart/report; report-type=delivery-status" in re.sub(r"\s+", " ", text)
    assert f"Final-Recipient: rfc822; {domain and 'bob@' + domain}" in text.replace(";bob", "; bob")
    assert "Action: failed" in text
    assert "Status: 5.1.1" in text or "Status: 5.1.0" in text
    assert "nobody of that name" in text
    assert "Reporting-MTA: dns; mx.house.example" in text
    assert "Subject: the original" in text
    assert "Auto-Submitted: auto-replied" in text or "Auto-Submitted: auto-generated" in text


def test_a_bounce_of_a_bounce_goes_nowhere(house: House) -> None:
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    mid = house.send(f"bob@{domain}", sender="")
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert house.gateway.events.of(facts.BounceGenerated, parent=mid) == []
    (line,) = [text for text in house.gateway.lines(mid=mid) if text.startswith("Double")]
    assert line == f"Double bounce: MID {mid} to 0 - 5.1.0 - Unknown address error 550-'5.1.1 no'"


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY"])
def test_who_does_not_want_to_hear_of_failures_does_not(house: House, notify: str) -> None:
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    mid = house.send(f"bob@{domain}", rcpt=(f"NOTIFY={notify}",))
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert house.gateway.events.of(facts.RecipientBounced, mid=mid)
    assert house.gateway.events.of(facts.BounceGenerated, parent=mid) == []


def test_no_report_about_an_automatic_message(house: House) -> None:
    """RFC 3834: what answers by itself is not answered."""
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    mid = house.send(f"bob@{domain}", content=b"Auto-Submitted: auto-replied\r\n\r\nx\r\n")
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert house.gateway.events.of(facts.BounceGenerated, parent=mid) == []


def test_success_is_reported_where_the_next_server_would_not(house: House) -> None:
    without = tuple(word for word in FULL if word != "DSN")
    domain, _ = house.destination(Behaviour(capabilities=without))
    mid = house.send(f"bob@{domain}", rcpt=("NOTIFY=SUCCESS",), mail=("ENVID=my-id",))
    text = report(house, mid).content.decode()
    assert "Action: relayed" in text
    assert "Original-Envelope-Id: my-id" in text


def test_success_is_not_reported_where_the_next_server_will(house: House) -> None:
    domain, server = house.destination()
    mid = house.send(f"bob@{domain}", rcpt=("NOTIFY=SUCCESS",))
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)
    assert house.gateway.events.of(facts.BounceGenerated, parent=mid) == []
    assert "NOTIFY=SUCCESS" in server.messages[0].recipient_parameters[0]


def test_headers_only_when_the_sender_wants_headers_only(house: House) -> None:
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    content = b"Subject: the original\r\n\r\nsecret body\r\n"
    mid = house.send(f"bob@{domain}", content=content, mail=("RET=HDRS",))
    text = report(house, mid).content
    assert b"Subject: the original" in text
    assert b"secret body" not in text


def test_a_report_about_a_huge_message_is_small(house: House) -> None:
    domain, _ = house.destination(Behaviour(rcpt=b"550 5.1.1 no\r\n"))
    content = b"Subject: t\r\n\r\n" + b"0123456789abcdef\r\n" * 100_000
    mid = house.send(f"bob@{domain}", content=content)
    assert len(report(house, mid).content) < 64 * 1024


def test_a_message_that_is_late_expires_with_a_report(house: House) -> None:
    domain, _ = house.destination(Behaviour(greeting=b"421 4.3.2 busy\r\n"), "brief")
    mid = house.send(f"bob@{domain}")
    assert house.gateway.events.wait(facts.RecipientDelayed, mid=mid).enhanced == "4.3.2"
    assert house.gateway.events.wait(facts.RecipientBounced, mid=mid).enhanced == "5.4.7"
    text = report(house, mid).content.decode()
    assert "Action: failed" in text
    assert "5.4.7" in text


def test_a_message_that_is_late_is_warned_of_once(house: House) -> None:
    domain, server = house.destination(Behaviour(greeting=b"421 4.3.2 busy\r\n"), "late")
    mid = house.send(f"bob@{domain}")
    text = report(house, mid).content.decode()
    assert "Action: delayed" in text
    assert "Will-Retry-Until:" in text
    house.gateway.events.wait(facts.RecipientDelayed, 3, mid=mid)
    assert len(house.gateway.events.of(facts.BounceGenerated, parent=mid)) == 1
    server.behaviour = Behaviour()
    house.gateway.wait_line(f"Message finished MID {mid} done", mid=mid)


def test_retries_come_in_time_and_the_schedule_is_logged(house: House) -> None:
    domain, server = house.destination(Behaviour(mail=b"451 4.3.0 later\r\n"), "eager")
    mid = house.send(f"bob@{domain}")
    scheduled = house.gateway.events.wait(facts.RetryScheduled, mid=mid)
    assert 0.9 <= scheduled.until - scheduled.at <= 1.2  # both of one moment
    server.behaviour = Behaviour()
    delivered = house.gateway.events.wait(facts.RecipientsDelivered, mid=mid)
    assert delivered.at >= scheduled.until


def test_strip_received_knows_its_field() -> None:
    assert strip_received(b"Received: a\r\n\tb\r\n c\r\nSubject: t\r\n") == b"Subject: t\r\n"
