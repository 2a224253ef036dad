# SPDX-License-Identifier: Apache-2.0
"""Recipients behind a wider entry, and tables that open a relay, are found by the check."""

import pytest

from gatehouse.config import recipient_checks, schema


def said(*entries: tuple[str, str], kind: str = "public", address: str = "127.0.0.1") -> list[str]:
    document = schema.Document.model_validate(
        {
            "format": 1,
            "interfaces": {"Net": {"address": address}},
            "listeners": {
                "In": {
                    "type": kind,
                    "interface": "Net",
                    "recipient_access": [
                        {"recipient": recipient, "access": access} for recipient, access in entries
                    ],
                }
            },
        }
    )
    found = recipient_checks.check(document, document.listeners["In"], ("listeners", "In"))
    return [f"{one.severity.value} {one.path[3:]} {one.what} {one.hint}" for one in found]


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("bank.example", "user@Bank.example"),
        (".bank.example", "mx.bank.example"),
        (".bank.example", "a@b.mx.bank.example"),
        (".bank.example", ".mx.bank.example"),
        ("user@", "USER@bank.example"),
        ("user@", '"user"@'),
        ("[192.0.2.1]", "a@[192.0.2.1]"),
    ],
)
def test_an_entry_behind_a_wider_one_never_decides(wide: str, narrow: str) -> None:
    (found,) = said((wide, "accept"), (narrow, "reject"))
    assert found.startswith("warning (1, 'recipient') never decides")
    assert wide in found
    assert said((narrow, "reject"), (wide, "accept")) == [] or "user" in narrow


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".bank.example", "bank.example"),
        ("bank.example", "mx.bank.example"),
        ("user@", "bank.example"),
        ("user@bank.example", "bank.example"),
        ("bank.example", "user@"),
    ],
)
def test_an_entry_that_can_decide_is_not_talked_about(first: str, second: str) -> None:
    assert said((first, "accept"), (second, "reject")) == []


def test_a_table_that_accepts_nobody_or_everybody() -> None:
    assert said(("a.example", "reject"))[0].startswith("warning () no recipient is accepted")
    assert said(("ALL", "accept"))[0].startswith("warning (0,) everybody may send")
    assert said(("ALL", "accept"), address="0.0.0.0")[0].startswith("error (0,) everybody may")
    assert said(("ALL", "reject"), ("a.example", "accept"))[0].startswith("error (0,) ALL may")


def test_a_private_listener_has_no_recipients() -> None:
    assert said(("a.example", "accept"), kind="private")[0].startswith("warning () has no effect")
    assert said(kind="private") == []


def test_what_is_no_recipient() -> None:
    assert said(("a b", "accept"))[0].startswith("error (0, 'recipient') is no recipient")
