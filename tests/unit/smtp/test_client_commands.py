# SPDX-License-Identifier: Apache-2.0
"""Which words go to which server, and which messages do not go at all."""

from dataclasses import replace

import pytest

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import Envelope, Notify, Recipient, Ret
from gatehouse.smtp.capabilities import Capabilities
from gatehouse.smtp.client_commands import (
    DATA,
    NOBODY,
    Content,
    ImpureCommand,
    Plan,
    join_lines,
    plan_commands,
)
from gatehouse.smtp.client_events import Refused
from gatehouse.smtp.client_states import Step
from tests.unit.smtp.client_wire import envelope, mailbox

PLAIN = Content(size=1000, eight_bit=False, utf8_headers=False)
EIGHT_BIT = replace(PLAIN, eight_bit=True)
UTF8_HEADERS = Content(size=1000, eight_bit=True, utf8_headers=True)
NOTHING = Capabilities()
MODERN = Capabilities(
    size_offered=True, pipelining=True, eightbitmime=True, smtputf8=True, dsn=True, requiretls=True
)


def lines(
    envelope: Envelope, content: Content, offers: Capabilities, *, tls_active: bool = False
) -> list[str]:
    plan = plan_commands(envelope, content, offers, tls_active=tls_active)
    assert isinstance(plan, Plan), plan
    return join_lines(plan.commands).decode().splitlines()


def refusal(
    envelope: Envelope, content: Content, offers: Capabilities, *, tls_active: bool = False
) -> tuple[int, str | None]:
    plan = plan_commands(envelope, content, offers, tls_active=tls_active)
    assert isinstance(plan, Refused), plan
    return plan.reply.code, plan.reply.enhanced


def to(recipient: Recipient, **given: object) -> Envelope:
    return replace(envelope(), recipients=(recipient,), **given)  # type: ignore[arg-type]


def test_a_server_without_extensions_hears_none() -> None:
    assert lines(envelope("a@b.example", "c@d.example"), PLAIN, NOTHING) == [
        "MAIL FROM:<from@example.com>",
        "RCPT TO:<a@b.example>",
        "RCPT TO:<c@d.example>",
        "DATA",
    ]


def test_each_command_knows_whom_it_is_about() -> None:
    plan = plan_commands(envelope("a@b.example", "c@d.example"), PLAIN, NOTHING, tls_active=False)
    assert isinstance(plan, Plan)
    assert [(step, index) for _, step, index in plan.commands] == [
        (Step.MAIL, NOBODY),
        (Step.RCPT, 0),
        (Step.RCPT, 1),
        (Step.DATA, NOBODY),
    ]
    assert plan.commands[-1] is DATA


def test_the_null_sender_is_empty_brackets() -> None:
    assert lines(replace(envelope(), sender=None), PLAIN, NOTHING)[0] == "MAIL FROM:<>"


def test_size_is_said_if_offered_and_eight_bit_only_if_needed() -> None:
    offers = Capabilities(size_offered=True, eightbitmime=True)
    assert lines(envelope(), PLAIN, offers)[0] == "MAIL FROM:<from@example.com> SIZE=1000"
    assert (
        lines(envelope(), EIGHT_BIT, offers)[0]
        == "MAIL FROM:<from@example.com> SIZE=1000 BODY=8BITMIME"
    )


def test_eight_bit_content_does_not_go_to_a_seven_bit_server() -> None:
    assert refusal(envelope(), EIGHT_BIT, NOTHING) == (554, "5.6.3")


@pytest.mark.parametrize(("limit", "goes"), [(999, False), (1000, True), (None, True)])
def test_the_size_limit_is_the_servers(limit: int | None, goes: bool) -> None:
    plan = plan_commands(
        envelope(), PLAIN, Capabilities(size_offered=True, size=limit), tls_active=False
    )
    assert isinstance(plan, Plan) is goes
    if isinstance(plan, Refused):
        assert (plan.reply.code, plan.reply.enhanced) == (552, "5.3.4")


# Internationalised mail, RFC 6531.

UTF8_LOCAL = Recipient(address=Address("jörg@b.example", "jörg", "b.example", True))
UTF8_DOMAIN = Recipient(address=Address("a@bücher.example", "a", "xn--bcher-kva.example", True))


def test_smtputf8_is_said_where_it_is_needed_and_offered() -> None:
    said = lines(to(UTF8_LOCAL, smtputf8=True), PLAIN, MODERN)
    assert said[0] == "MAIL FROM:<from@example.com> SIZE=1000 SMTPUTF8"
    assert said[1].startswith("RCPT TO:<jörg@b.example>")


def test_plain_mail_stays_plain_even_if_the_envelope_said_smtputf8() -> None:
    assert "SMTPUTF8" not in lines(replace(envelope(), smtputf8=True), PLAIN, MODERN)[0]


def test_utf8_headers_need_smtputf8_if_the_envelope_said_so() -> None:
    international = replace(envelope(), smtputf8=True)
    offers = Capabilities(eightbitmime=True)
    assert lines(international, UTF8_HEADERS, MODERN)[0].endswith("BODY=8BITMIME SMTPUTF8")
    assert refusal(international, UTF8_HEADERS, offers) == (553, "5.6.7")
    # Raw 8-bit headers from a client that never said SMTPUTF8 are its own affair.
    assert lines(envelope(), UTF8_HEADERS, offers)


def test_a_domain_has_an_ascii_form_and_a_local_part_has_none() -> None:
    assert lines(to(UTF8_DOMAIN, smtputf8=True), PLAIN, NOTHING)[1] == (
        "RCPT TO:<a@xn--bcher-kva.example>"
    )
    assert refusal(to(UTF8_LOCAL, smtputf8=True), PLAIN, NOTHING) == (553, "5.6.7")
    sender = replace(envelope(), sender=UTF8_LOCAL.address, smtputf8=True)
    assert refusal(sender, PLAIN, NOTHING) == (553, "5.6.7")
    sender = replace(envelope(), sender=UTF8_DOMAIN.address, smtputf8=True)
    assert lines(sender, PLAIN, NOTHING)[0] == "MAIL FROM:<a@xn--bcher-kva.example>"


def test_one_recipient_that_cannot_be_named_does_not_stop_the_others() -> None:
    plain = Recipient(address=mailbox("a@b.example"))
    mixed = replace(envelope(), recipients=(UTF8_LOCAL, plain), smtputf8=True)
    plan = plan_commands(mixed, PLAIN, NOTHING, tls_active=False)
    assert isinstance(plan, Plan)
    assert [(index, reply.enhanced) for index, reply in plan.unreachable] == [(0, "5.6.7")]
    assert [index for _, step, index in plan.commands if step is Step.RCPT] == [1]


# REQUIRETLS, RFC 8689.


def test_requiretls_goes_only_under_tls_to_a_server_that_promises_it() -> None:
    wanted = replace(envelope(), requiretls=True)
    assert "REQUIRETLS" in lines(wanted, PLAIN, MODERN, tls_active=True)[0]
    assert refusal(wanted, PLAIN, MODERN) == (550, "5.7.30")
    assert refusal(wanted, PLAIN, NOTHING, tls_active=True) == (550, "5.7.30")


# DSN, RFC 3461.


def test_dsn_wishes_are_passed_on_as_they_came() -> None:
    wishes = to(
        Recipient(
            address=mailbox("a@b.example"),
            notify=frozenset([Notify.DELAY, Notify.SUCCESS, Notify.FAILURE]),
            orcpt="rfc822;a+b=c@d.example",
        ),
        ret=Ret.HDRS,
        envid="QQ 314+1",
    )
    assert lines(wishes, PLAIN, Capabilities(dsn=True))[:2] == [
        "MAIL FROM:<from@example.com> RET=HDRS ENVID=QQ+20314+2B1",
        "RCPT TO:<a@b.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@d.example",
    ]
    assert lines(wishes, PLAIN, NOTHING)[:2] == [
        "MAIL FROM:<from@example.com>",
        "RCPT TO:<a@b.example>",
    ]


def test_the_original_recipient_is_added_where_none_was_given() -> None:
    assert lines(envelope("x+y@b.example"), PLAIN, Capabilities(dsn=True))[1] == (
        "RCPT TO:<x+y@b.example> ORCPT=rfc822;x+2By@b.example"
    )


def test_an_international_original_recipient_has_its_own_type() -> None:
    """RFC 6533 §3."""
    said = lines(to(UTF8_LOCAL, smtputf8=True), PLAIN, MODERN)[1]
    assert said == r"RCPT TO:<jörg@b.example> ORCPT=utf-8;j\x{F6}rg@b.example"


def test_an_original_recipient_that_is_too_long_is_left_out() -> None:
    long = Recipient(address=mailbox("a@b.example"), orcpt="rfc822;" + "x" * 600)
    assert lines(to(long), PLAIN, Capabilities(dsn=True))[1] == "RCPT TO:<a@b.example>"


@pytest.mark.parametrize("evil", ["x\r\nRCPT TO:<v@example>", "x\ny", "x\ry", "x\0y"])
def test_no_value_can_make_a_second_command(evil: str) -> None:
    forged = to(Recipient(address=Address(evil, evil, "b.example", False)))
    plan = plan_commands(forged, PLAIN, NOTHING, tls_active=False)
    assert isinstance(plan, Plan)
    with pytest.raises(ImpureCommand):
        join_lines(plan.commands)
    # xtext keeps what stands in ENVID and ORCPT on its line in any case.
    kept = to(Recipient(address=mailbox("a@b.example"), orcpt=f"rfc822;{evil}"), envid=evil)
    assert len(lines(kept, PLAIN, MODERN)) == 3


def test_an_envelope_for_nobody_is_a_question_about_the_sender() -> None:
    nobody = replace(envelope(), sender=None, recipients=())
    assert lines(nobody, PLAIN, MODERN) == ["MAIL FROM:<> SIZE=1000"]
    demanding = replace(nobody, requiretls=True)
    assert lines(demanding, PLAIN, MODERN, tls_active=True) == ["MAIL FROM:<> SIZE=1000 REQUIRETLS"]
