# SPDX-License-Identifier: Apache-2.0
"""The texts of findings: every kind says what, why and what to do, in clean words."""

import pytest

from gatehouse.tls import findings
from gatehouse.tls.findings import Kind
from tests.unit.tls import authority
from tests.unit.tls.authority import LEAF, ROOT, issue


@pytest.mark.parametrize("kind", list(findings.TEXTS))
def test_each_kind_says_what_why_and_what_to_do(kind: Kind) -> None:
    found = findings.finding(kind, [LEAF.certificate], 0, detail="this detail")
    assert found.kind is kind
    for text in (found.what, found.why, found.do):
        assert len(text.split()) > 1
        assert "{" not in text
    assert found.subject == "CN=mx.example.com"


def test_a_name_with_control_characters_is_shown_clean() -> None:
    hostile = issue("a\x1b[2J\r\nb", ROOT, own_key=authority.key("hostile"))
    found = findings.finding(Kind.EXPIRED, [hostile.certificate], 0)
    assert found.subject.isprintable()
    assert "2027-09-18" in found.what
