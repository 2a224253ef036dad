# SPDX-License-Identifier: Apache-2.0
"""Parameters of MAIL and RCPT: what is taken, and with which code the rest is refused."""

import pytest

from gatehouse.mail.envelope import BodyType, Notify, Ret
from gatehouse.mail.reply import Reply
from gatehouse.smtp import extensions
from gatehouse.smtp.server_events import MailParams


def mail(text: bytes, *, smtputf8: bool = True, auth: bool = False) -> MailParams | Reply:
    return extensions.mail_params(text, smtputf8=smtputf8, auth=auth)


def rcpt(text: bytes, *, smtputf8: bool = False) -> extensions.RecipientParams | Reply:
    return extensions.recipient_params(text, smtputf8=smtputf8)


def test_all_parameters_of_mail() -> None:
    text = b"SIZE=5 BODY=7bit SMTPUTF8 RET=full ENVID=e AUTH=<>"
    assert mail(text, auth=True) == MailParams(
        size=5, body=BodyType.SEVEN_BIT, smtputf8=True, ret=Ret.FULL, envid="e", auth="<>"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"FOO", 555),
        (b"BY=1;R", 555),
        (b"REQUIRETLS", 555),
        (b"AUTH=<>", 555),  # not announced
        (b"SIZE=x", 501),
        (b"SIZE=\xd9\xa1", 501),  # a digit for Python, not for RFC 1870
        (b"SIZE=1 size=1", 501),
        (b"BODY=BINARYMIME", 501),
        (b"SMTPUTF8=", 501),
        (b"RET", 501),
        (b"ENVID=" + b"x" * 101, 501),
        (b"ENVID=+0A", 501),
    ],
)
def test_refused_parameters_of_mail(text: bytes, code: int) -> None:
    reply = mail(text)
    assert isinstance(reply, Reply)
    assert reply.code == code


def test_smtputf8_is_unknown_where_it_is_not_announced() -> None:
    assert mail(b"SMTPUTF8", smtputf8=False) == extensions.UNKNOWN


def test_parameters_of_rcpt() -> None:
    assert rcpt(b"NOTIFY=NEVER") == extensions.RecipientParams(frozenset({Notify.NEVER}))
    assert rcpt(b"ORCPT=RFC822;a+2Bb@c") == extensions.RecipientParams(None, "RFC822;a+b@c")


def test_a_utf8_original_recipient_needs_smtputf8() -> None:
    text = "ORCPT=utf-8;é@example.com".encode()
    assert rcpt(text) == extensions.BAD_ORCPT
    assert rcpt(text, smtputf8=True) == extensions.RecipientParams(None, "utf-8;é@example.com")
    assert rcpt(b"ORCPT=utf-8;\xff", smtputf8=True) == extensions.BAD_ORCPT
    assert rcpt("ORCPT=utf-8;a\u202eb".encode(), smtputf8=True) == extensions.BAD_ORCPT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"SIZE=1", 555),
        (b"NOTIFY", 501),
        (b"NOTIFY=,", 501),
        (b"NOTIFY=NEVER,NEVER", 501),
        (b"NOTIFY=FAILURE,FAILURE", 501),
        (b"NOTIFY=NEVER,DELAY", 501),
        (b"ORCPT=x", 501),
        (b"ORCPT=a b;c", 501),
        (b"ORCPT=rfc822;a+0D", 501),
        (b"ORCPT=rfc822;" + b"x" * 494, 501),
    ],
)
def test_refused_parameters_of_rcpt(text: bytes, code: int) -> None:
    reply = rcpt(text)
    assert isinstance(reply, Reply)
    assert reply.code == code


def test_what_is_announced() -> None:
    lines = extensions.ehlo_keywords(size=9, smtputf8=False, starttls=False, auth=())
    assert lines == ("PIPELINING", "SIZE 9", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN")
    more = extensions.ehlo_keywords(size=9, smtputf8=True, starttls=True, auth=("PLAIN", "LOGIN"))
    assert more[6:] == ("SMTPUTF8", "STARTTLS", "AUTH PLAIN LOGIN")


def test_requiretls_is_known_where_it_is_announced_and_takes_no_value() -> None:
    given = {"smtputf8": True, "auth": False, "requiretls": True}
    assert extensions.mail_params(b"REQUIRETLS", **given) == MailParams(requiretls=True)
    assert extensions.mail_params(b"REQUIRETLS=1", **given) == extensions.BAD_REQUIRETLS
