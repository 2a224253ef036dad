# SPDX-License-Identifier: Apache-2.0
"""Reports: other readers find the right parts, and nobody's text gets out of its place."""

import dataclasses
import email
import email.policy
from email.message import Message
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.mail.address import Address, parse_mailbox
from gatehouse.mail.dsn import (
    MAX_COPY,
    MAX_REPORT,
    RECIPIENTS_PER_REPORT,
    DsnReport,
    RecipientReport,
    build,
    envelope,
    needs_smtputf8,
    wanted,
)
from gatehouse.mail.dsn_text import Action
from gatehouse.mail.envelope import BodyType, Notify, Recipient, Ret
from gatehouse.mail.reply import Reply

ORIGINAL = b"From: ann@bank.example\r\nSubject: Rates\r\n\r\nsecret body\r\n"


def address(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    assert isinstance(parsed, Address)
    return parsed


def fate(to: str = "bob@shop.example", **changes: Any) -> RecipientReport:
    parts: dict[str, Any] = {
        "recipient": Recipient(address=address(to)),
        "action": Action.FAILED,
        "status": "5.1.1",
        "reply": Reply(550, "5.1.1", ("no such user",)),
        "remote_mta": "mx1.shop.example",
    }
    return RecipientReport(**(parts | changes))


def report(**changes: Any) -> DsnReport:
    parts: dict[str, Any] = {
        "hostname": "mx.gw.example",
        "sender": address("ann@bank.example"),
        "recipients": (fate(),),
        "message_id": "<1@mx.gw.example>",
        "boundary": "3f2b9c7e1d",
        "date": 1740981600.0,
        "original": ORIGINAL,
        "original_size": len(changes.get("original", ORIGINAL)),
    }
    return DsnReport(**(parts | changes))


def parts_of(content: bytes) -> tuple[Message, list[Message]]:
    message = email.message_from_bytes(content)
    assert not message.defects
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert b"\0" not in content
    payload = message.get_payload()
    return message, cast(list[Message], payload)


def status_groups(content: bytes) -> list[dict[str, str]]:
    """The groups as other readers see them; they do not know the UTF-8 form, so we split that."""
    part = parts_of(content)[1][1]
    groups = cast(list[Message], part.get_payload())
    if part.get_content_type() == "message/global-delivery-status":
        body = content.split(b"\r\n--3f2b9c7e1d")[2].partition(b"\r\n\r\n")[2]
        groups = [email.message_from_bytes(group) for group in body.split(b"\r\n\r\n")]
    return [dict(group.items()) for group in groups if group.keys()]


def text_of(content: bytes) -> str:
    body = parts_of(content)[1][0].get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


def test_a_failure_is_a_multipart_report_with_three_parts() -> None:
    message, parts = parts_of(build(report()))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in parts] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    assert message["To"] == "<ann@bank.example>"
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@mx.gw.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "Your message could not be delivered"
    assert message["Message-ID"] == "<1@mx.gw.example>"
    assert message["Date"] == "Mon, 03 Mar 2025 06:00:00 +0000"


def test_the_fields_of_a_failure() -> None:
    recipient = Recipient(address=address("bob@shop.example"), orcpt="rfc822;b@old.example")
    content = build(
        report(
            recipients=(fate(recipient=recipient, last_attempt=1740981500.0),),
            envid="QQ 1",
            arrival=1740981000.0,
        )
    )
    assert status_groups(content) == [
        {
            "Original-Envelope-Id": "QQ 1",
            "Reporting-MTA": "dns; mx.gw.example",
            "Arrival-Date": "Mon, 03 Mar 2025 05:50:00 +0000",
        },
        {
            "Original-Recipient": "rfc822;b@old.example",
            "Final-Recipient": "rfc822; bob@shop.example",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx1.shop.example",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
            "Last-Attempt-Date": "Mon, 03 Mar 2025 05:58:20 +0000",
        },
    ]


def test_a_delay_tells_until_when_and_gives_back_headers_only() -> None:
    delayed = fate(action=Action.DELAYED, status="4.4.1", retry_until=1740985200.0)
    content = build(report(recipients=(delayed,)))
    assert status_groups(content)[1]["Action"] == "delayed"
    assert status_groups(content)[1]["Will-Retry-Until"] == "Mon, 03 Mar 2025 07:00:00 +0000"
    assert "you need not send it again" in text_of(content)
    assert b"secret body" not in content


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_success_gives_back_headers_only(action: Action) -> None:
    content = build(report(recipients=(fate(action=action, status="2.0.0"),), ret=Ret.FULL))
    assert status_groups(content)[1]["Action"] == action.value
    assert b"secret body" not in content
    assert "What to do" not in text_of(content)


def test_tls_as_the_reason_is_said_in_plain_words() -> None:
    why = "TLS required for hospital.example but STARTTLS not offered"
    told = fate(reply=None, reason=why, status="5.7.10", tls=True)
    content = build(report(recipients=(told,)))
    text = text_of(content)
    assert f"Why: {why}" in text
    assert "TLS was the reason" in text
    assert "not sent unprotected" in text
    assert status_groups(content)[1]["Diagnostic-Code"] == f"x-gatehouse; {why}"


def test_the_plain_words_say_what_where_and_why() -> None:
    text = text_of(build(report()))
    assert "could not be delivered" in text
    assert "<bob@shop.example>" in text
    assert "Where: mail server mx1.shop.example" in text
    assert "Why: 550 5.1.1 no such user" in text
    assert "What to do: Check the spelling" in text


def test_one_report_may_tell_of_several_fates() -> None:
    delayed = fate("carl@shop.example", action=Action.DELAYED)
    content = build(report(recipients=(delayed, fate())))
    assert parts_of(content)[0]["Subject"] == "Your message could not be delivered"
    assert [group.get("Action") for group in status_groups(content)] == [None, "failed", "delayed"]


# --- what goes back -------------------------------------------------------------------------


def test_a_small_failed_message_goes_back_octet_for_octet() -> None:
    for ret in (None, Ret.FULL):
        assert b"Content-Type: message/rfc822\r\n\r\n" + ORIGINAL + b"\r\n--" in build(
            report(ret=ret)
        )


def test_how_large_an_original_may_be_to_go_back_is_the_callers() -> None:
    original = b"Subject: x\r\n\r\n" + b"secret line\r\n" * 3000
    given = {"original": original, "original_size": len(original)}
    assert b"secret line" in build(report(**given, max_copy=len(original)))
    assert b"secret line" not in build(report(**given, max_copy=len(original) - 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"ret": Ret.HDRS},
        {"requiretls": True},
        {"requiretls": True, "ret": Ret.FULL},
        {"original_size": MAX_COPY + 1},
        {"original_size": len(ORIGINAL) + 1},  # the caller handed a part only
    ],
)
def test_otherwise_only_headers_go_back(changes: dict[str, Any]) -> None:
    content = build(report(**changes))
    _, parts = parts_of(content)
    assert parts[2].get_content_type() == "text/rfc822-headers"
    assert b"Subject: Rates\r\n" in content
    assert b"secret" not in content


@pytest.mark.parametrize("requiretls", [False, True])
def test_a_report_wants_the_protection_that_its_message_wanted(requiretls: bool) -> None:
    """RFC 8689 §5."""
    one = report(requiretls=requiretls)
    assert envelope(one, build(one)).requiretls is requiretls


def test_huge_headers_are_cut_behind_a_whole_line() -> None:
    original = b"X-Line: 1234567890\r\n" * 2000 + b"\r\nsecret"
    content = build(report(original=original))
    copied = content.partition(b"text/rfc822-headers\r\n\r\n")[2].partition(b"\r\n--")[0]
    assert 0 < len(copied) <= MAX_COPY
    assert set(copied.split(b"\r\n")) == {b"X-Line: 1234567890", b""}


def test_one_endless_line_and_an_empty_header_do_no_harm() -> None:
    parts_of(build(report(original=b"x" * 100_000)))
    content = build(report(original=b"\r\nsecret\r\n", ret=Ret.HDRS))
    assert b"secret" not in content


def test_without_original_there_are_two_parts() -> None:
    assert len(parts_of(build(report(original=b"")))[1]) == 2


def test_an_original_that_knows_the_boundary_does_not_go_back() -> None:
    original = b"A: b\r\n\r\n--3f2b9c7e1d\r\nContent-Type: text/html\r\n\r\nevil\r\n"
    content = build(report(original=original))
    assert b"evil" not in content
    assert len(parts_of(content)[1]) == 2


def test_lone_line_ends_and_nul_do_not_go_back() -> None:
    parts_of(build(report(original=b"A: b\r\n\r\na\rb\nc\0d\r\r\n\n\r\n")))


def test_eight_bit_content_is_marked() -> None:
    content = build(report(original=b"A: b\r\n\r\n\xe9\r\n"))
    assert parts_of(content)[1][2]["Content-Transfer-Encoding"] == "8bit"
    assert envelope(report(), content).body is BodyType.EIGHT_BIT


# --- international --------------------------------------------------------------------------


def test_an_international_address_gets_the_utf8_forms() -> None:
    told = fate("用户@例え.テスト")
    asked = report(recipients=(told,), smtputf8=True)
    content = build(asked)
    message, parts = parts_of(content)
    assert message.get_param("report-type") == "global-delivery-status"
    assert [part.get_content_type() for part in parts][1:] == [
        "message/global-delivery-status",
        "message/global",
    ]
    assert "Final-Recipient: utf-8; 用户@例え.テスト\r\n".encode() in content
    assert envelope(asked, content).smtputf8


def test_a_sender_without_smtputf8_gets_ascii() -> None:
    recipient = Recipient(address=address("bob@shop.example"), orcpt="utf-8;用@x.example")
    asked = report(
        recipients=(fate(recipient=recipient, reply=Reply(550, None, ("nö",))),), smtputf8=False
    )
    content = build(asked)
    assert content.isascii()
    assert status_groups(content)[1]["Original-Recipient"] == "utf-8;\\x{7528}@x.example"
    assert status_groups(content)[1]["Diagnostic-Code"] == "smtp; 550 n\\x{F6}"
    assert not needs_smtputf8(asked)


def test_the_utf8_forms_are_used_only_when_something_needs_them() -> None:
    assert not needs_smtputf8(report(smtputf8=True))
    assert needs_smtputf8(report(smtputf8=True, original="Subject: ü\r\n\r\n".encode()))
    assert not needs_smtputf8(report(smtputf8=True, original="S: u\r\n\r\nü".encode()))
    assert needs_smtputf8(report(sender=address("ü@x.example")))


# --- hostile text ---------------------------------------------------------------------------


def test_a_reply_cannot_add_a_field() -> None:
    evil = Reply(550, "5.1.1", ("x\r\nAction: delivered\r\n\r\nStatus: 2.0.0\0\x1b[2J", "y"))
    groups = status_groups(build(report(recipients=(fate(reply=evil),))))
    assert len(groups) == 2
    assert groups[1]["Action"] == "failed"
    assert groups[1]["Status"] == "5.1.1"


foreign = st.text(max_size=700)


@given(foreign, foreign, foreign, foreign, st.booleans())
@settings(max_examples=60)
def test_no_foreign_text_leaves_its_place(
    text: str, mta: str, reason: str, envid: str, smtputf8: bool
) -> None:
    recipient = Recipient(address=address("bob@shop.example"), orcpt="rfc822;" + text)
    told = fate(recipient=recipient, reply=Reply(550, None, (text,)), remote_mta=mta, reason=reason)
    content = build(report(recipients=(told,), envid=envid, smtputf8=smtputf8))
    _, parts = parts_of(content)
    assert len(parts) == 3
    assert len(status_groups(content)) == 2
    assert max(len(line) for line in content.split(b"\r\n")) <= 998


def test_a_full_report_is_bounded_and_leaves_nobody_out() -> None:
    long = "\u20ac" * 3000
    orcpt = Recipient(address=address("b" * 64 + "@" + "c." * 94 + "d"), orcpt="utf-8;" + long)
    told = fate(
        recipient=orcpt, reply=Reply(550, None, (long,)), remote_mta=long, reason=long, status=long
    )
    for smtputf8 in (False, True):
        content = build(report(recipients=(told,) * RECIPIENTS_PER_REPORT, smtputf8=smtputf8))
        assert len(content) <= MAX_REPORT + MAX_COPY
        assert len(status_groups(content)) == 1 + RECIPIENTS_PER_REPORT


def test_more_recipients_than_fit_are_counted() -> None:
    content = build(report(recipients=(fate(),) * 5000))
    assert len(content) <= MAX_REPORT + MAX_COPY
    listed = len(status_groups(content)) - 1
    assert f"{5000 - listed} more are not listed here." in text_of(content)


def test_a_broken_boundary_or_an_empty_report_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="boundary"):
        build(report(boundary='a"b'))
    with pytest.raises(ValueError, match="about somebody"):
        build(report(recipients=()))


# --- to send or not to send -----------------------------------------------------------------

ANN = address("ann@bank.example")


@pytest.mark.parametrize("action", list(Action))
def test_nobody_reports_to_the_null_sender_or_to_machines(action: Action) -> None:
    everything = frozenset({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY})
    assert wanted(everything, action, ANN)
    assert not wanted(everything, action, None)
    assert not wanted(everything, action, ANN, auto_submitted=True)
    assert not wanted(frozenset({Notify.NEVER}), action, ANN)


@pytest.mark.parametrize(
    ("notify", "actions"),
    [
        (None, {Action.FAILED, Action.DELAYED}),
        (frozenset({Notify.FAILURE}), {Action.FAILED}),
        (frozenset({Notify.DELAY}), {Action.DELAYED}),
        (frozenset({Notify.SUCCESS}), {Action.DELIVERED, Action.RELAYED, Action.EXPANDED}),
    ],
)
def test_a_sender_hears_what_was_asked_for(
    notify: frozenset[Notify] | None, actions: set[Action]
) -> None:
    assert {action for action in Action if wanted(notify, action, ANN)} == actions


def test_a_report_travels_without_sender_and_asks_for_no_report() -> None:
    asked = report()
    sent = envelope(asked, build(asked))
    assert sent.sender is None
    assert [each.address for each in sent.recipients] == [ANN]
    assert sent.recipients[0].notify == frozenset({Notify.NEVER})
    assert (sent.body, sent.smtputf8) == (BodyType.SEVEN_BIT, False)


def test_a_report_is_not_changed_by_building_it() -> None:
    asked = report()
    assert build(asked) == build(dataclasses.replace(asked))
