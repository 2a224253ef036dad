# SPDX-License-Identifier: Apache-2.0
"""Envelopes: what the client did not say stays unsaid."""

import dataclasses

import pytest

from gatehouse.mail.address import Address
from gatehouse.mail.envelope import BodyType, Envelope, Notify, Recipient, Ret

BOB = Address("bob@shop.example", "bob", "shop.example", False)


def test_what_was_not_given_is_none() -> None:
    recipient = Recipient(address=BOB)
    envelope = Envelope(sender=None, recipients=(recipient,))
    assert (recipient.notify, recipient.orcpt) == (None, None)
    assert (envelope.ret, envelope.envid) == (None, None)
    assert (envelope.body, envelope.smtputf8, envelope.requiretls) == (
        BodyType.SEVEN_BIT,
        False,
        False,
    )


def test_values_are_the_words_of_the_protocol() -> None:
    assert [body.value for body in BodyType] == ["7BIT", "8BITMIME"]
    assert [ret.value for ret in Ret] == ["FULL", "HDRS"]
    assert [notify.value for notify in Notify] == ["NEVER", "SUCCESS", "FAILURE", "DELAY"]


def test_an_envelope_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipient(address=BOB).orcpt = "rfc822;x"  # type: ignore[misc]
