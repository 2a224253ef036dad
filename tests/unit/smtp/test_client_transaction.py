# SPDX-License-Identifier: Apache-2.0
"""Groups of commands and the sum of a transaction."""

from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_limits
from gatehouse.smtp.client_commands import DATA, NOBODY, Command
from gatehouse.smtp.client_events import DataRefused, NoRecipients, SenderRefused
from gatehouse.smtp.client_states import Step
from gatehouse.smtp.client_transaction import Transaction

MAIL: Command = (b"MAIL FROM:<>\r\n", Step.MAIL, NOBODY)
NO = Reply(550, None, ("no",))


def rcpt(index: int, size: int = 20) -> Command:
    return b"x" * size, Step.RCPT, index


def transaction(*recipients: Command, lmtp: bool = False) -> Transaction:
    return Transaction([MAIL, *recipients, DATA], lmtp=lmtp)


def test_without_pipelining_commands_go_one_by_one() -> None:
    work = transaction(rcpt(0))
    groups = [work.next_group(pipelining=False) for _ in range(3)]
    assert groups == [[MAIL], [rcpt(0)], [DATA]]


def test_with_pipelining_they_go_together() -> None:
    assert transaction(rcpt(0)).next_group(pipelining=True) == [MAIL, rcpt(0), DATA]


def test_groups_are_bounded_and_lose_nothing() -> None:
    recipients = [rcpt(index, 900) for index in range(100)]
    work = transaction(*recipients)
    sent: list[Command] = []
    groups = 0
    while not sent or sent[-1] is not DATA:
        group = work.next_group(pipelining=True)
        assert sum(len(line) for line, _, _ in group) <= client_limits.MAX_GROUP_OCTETS
        sent += group
        groups += 1
    assert sent == [MAIL, *recipients, DATA]
    assert groups == 6


def test_a_single_command_above_the_bound_still_goes() -> None:
    huge = rcpt(0, client_limits.MAX_GROUP_OCTETS + 1)
    work = transaction(huge)
    assert [work.next_group(pipelining=True) for _ in range(3)] == [[MAIL], [huge], [DATA]]


def test_it_is_hopeless_once_the_sender_is_refused() -> None:
    work = transaction(rcpt(0))
    work.next_group(pipelining=False)
    assert not work.hopeless
    work.sender_refusal = NO
    assert work.hopeless is True


def test_it_is_hopeless_when_only_data_is_left_for_nobody() -> None:
    nobody, somebody = transaction(rcpt(0)), transaction(rcpt(0))
    somebody.accepted.append(0)
    for work in (nobody, somebody):
        work.next_group(pipelining=False)
        work.next_group(pipelining=False)
    assert nobody.hopeless
    assert not somebody.hopeless


def test_answers_due_are_one_in_smtp_and_one_per_recipient_in_lmtp() -> None:
    for lmtp, due in ((False, (NOBODY,)), (True, (0, 2))):
        work = transaction(lmtp=lmtp)
        work.accepted += [0, 2]
        assert work.answers_due() == due


def test_the_first_refusal_is_the_reason() -> None:
    work = transaction()
    assert work.failure(NO) == NoRecipients()
    work.accepted.append(1)
    assert work.failure(NO) == DataRefused(NO, (1,))
    work.sender_refusal = NO
    assert work.failure(Reply(503, None, ("x",))) == SenderRefused(NO)
