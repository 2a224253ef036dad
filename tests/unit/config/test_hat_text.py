# SPDX-License-Identifier: Apache-2.0
"""The text form of a host access table is read whole, and every fault has its line."""

import fnmatch

import pytest

from gatehouse.config import hat_text
from gatehouse.policy.mail_flow import Behavior, TlsDemand

EXAMPLE = b"""\
# exported by hand
$PARTNERTLS
    ACCEPT {
        tls = "required"
        max_msgs_per_session = 40
        max_message_size = 52428800
    }
$OPEN
ACCEPT

PARTNERS:
    .bank.example
    203.0.113.0/28
        $PARTNERTLS (contract 14: encrypted (and verified) mail only)
EMPTY:
        $OPEN
ABUSERS:
    dnslist[bl.example.net]
    SBRS[-10.0:-3.0]
        REJECT {
            smtp_reject_text = "say \\"why\\" \\\\ not"
        } (listed hosts)
noisy.example
    TCPREFUSE (single host, no group)
2001:db8::
    $OPEN
ALL
    $OPEN
"""


def read(text: bytes) -> hat_text.HatText:
    parsed = hat_text.parse(text)
    assert isinstance(parsed, hat_text.HatText), [str(one) for one in parsed]
    return parsed


def test_policies_groups_single_members_and_all() -> None:
    parsed = read(EXAMPLE)
    assert dict(parsed.policies["PARTNERTLS"]) == {
        "behavior": Behavior.ACCEPT,
        "tls": TlsDemand.REQUIRED,
        "verify_client_certificate": False,
        "max_messages_per_connection": 40,
        "max_message_size": 52428800,
    }
    shown = [(one.name, len(one.members), one.comment) for one in parsed.entries]
    assert shown == [
        ("PARTNERS", 2, "contract 14: encrypted (and verified) mail only"),
        ("EMPTY", 0, None),
        ("ABUSERS", 2, "listed hosts"),
        (None, 1, "single host, no group"),
        (None, 1, None),
        ("ALL", 1, None),
    ]
    assert parsed.entries[2].target == hat_text.Inline(
        {"behavior": Behavior.REJECT, "reject_text": 'say "why" \\ not'}
    )
    assert parsed.entries[3].target == hat_text.Inline({"behavior": Behavior.TCPREFUSE})


def test_the_older_names_of_groups_are_read_as_the_newer_ones() -> None:
    parsed = read(b"WHITELIST:\n$T\nBLACKLIST:\n$B\nALL\n$A\n")
    assert [one.name for one in parsed.entries] == ["ALLOWED_LIST", "BLOCKED_LIST", "ALL"]
    assert len(parsed.remarks) == 2


def test_what_has_no_effect_here_is_left_out_and_said() -> None:
    parsed = read(b"$P\nACCEPT {\nuse_sb = 1\nspam_check = 1\ndhap_limit = 3\n}\nALL\n$P\n")
    assert parsed.policies["P"]["dhap_limit"] == 3
    assert [one.line for one in parsed.remarks] == [3, 4]


def test_a_brace_may_stand_on_a_line_of_its_own() -> None:
    assert read(b"$P\nACCEPT\n{\ndhap_limit = 3\n}\nALL\n$P\n").policies["P"]["dhap_limit"] == 3


def test_carriage_returns_and_a_doubled_member_do_no_harm() -> None:
    parsed = read(b"G:\r\n10.0.0.1\r\nMX.bank.example\r\nmx.bank.example\r\n$P\r\nall\r\n$P\r\n")
    assert parsed.entries[0].members == ("10.0.0.1", "MX.bank.example")
    assert [one.line for one in parsed.remarks] == [4]


LAST = "ALL\n$P\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "*line 1: the last entry must be ALL*"),
        ("10.0.0.1\n$P\n", "*line 2: the last entry must be ALL*"),
        (LAST + "10.0.0.1\n$P\n" + LAST, "*line 1: ALL may only be the last*"),
        ("G:\n10.0.0.1\nH:\n$P\n" + LAST, "*line 1: 'G': a behaviour*must follow*"),
        ("G:\n10.0.0.1\n" + LAST, "*the last entry must be ALL*"),
        ("$P\n" + LAST, "*line 1: policy 'P': a behaviour*"),
        ("$P Q\nACCEPT\n" + LAST, "*line 1: is no name of a policy*"),
        ("$P\n$Q\n" + LAST, "*line 1: a policy is a behaviour*"),
        ("$P\nACCEPT\n$P\nACCEPT\n" + LAST, "*line 3: the policy is defined twice*"),
        ("-x:\n$P\n" + LAST, "*line 1: is no name of a group*"),
        ("G:\n10.0.0.999\n$P\n" + LAST, "*line 2: is no member*255*"),
        ("G:\nwhat is this\n$P\n" + LAST, "*line 2: is no member*"),
        ("nonsense!\n$P\n" + LAST, "*line 1: is no member*"),
        ("10.0.0.1\n10.0.0.2\n$P\n" + LAST, "*line 1: '10.0.0.1': a behaviour*"),
        ("REJECT\n" + LAST, "*line 1: stands behind no member*"),
        ("10.0.0.1\n$P {\n" + LAST, "*line 2: parameters belong to*"),
        ("$P\nACCEPT {\ntls = maybe\n}\n" + LAST, "*line 3: is no parameter*"),
        ('$P\nACCEPT {\ntls = "maybe"\n}\n' + LAST, "*line 3: tls: is not allowed*required*"),
        ("$P\nACCEPT {\ntls = 1\n}\n" + LAST, "*line 3: tls is not allowed*text*"),
        ("$P\nACCEPT {\ntlss = 1\n}\n" + LAST, "*line 3: is no parameter of a policy*"),
        ("$P\nACCEPT {\ndhap_limit = 1\ndhap_limit = 2\n}\n" + LAST, "*line 4: *twice*"),
        ("$P\nACCEPT {\nmax_concurrency = 0\n}\n" + LAST, "*line 3: *at least 1*"),
        ("$P\nACCEPT {\nmax_rcpts_per_hour = 0\n}\n" + LAST, "*line 3: *-1 for no limit*"),
        ("$P\nACCEPT {\ndhap_limit = " + "9" * 5000 + "\n}\n" + LAST, "*line 3: *cannot be read*"),
        ('$P\nACCEPT {\nsmtp_banner_text = "a\\nb"\n}\n' + LAST, "*line 3: *cannot be read*"),
        ("$P\nACCEPT {\n" + LAST, "*line 2: the brace is never closed*"),
        ("10.0.0.1\n$P (" + "x" * 600 + ")\n" + LAST, "*line 1: *comment*500*"),
        ("\xff", "*line 1: *"),
    ],
)
def test_every_fault_has_its_line(text: str, fault: str) -> None:
    found = hat_text.parse(text.encode("latin-1"))
    assert isinstance(found, tuple)
    shown = [str(one) for one in found]
    assert any(fnmatch.fnmatchcase(one, fault) for one in shown), shown


def test_a_hostile_text_is_bounded() -> None:
    assert isinstance(hat_text.parse(b"x" * (hat_text.MAX_BYTES + 1)), tuple)
    many = hat_text.parse(b"!\n" * 50_000)
    assert isinstance(many, tuple)
    assert len(many) <= 100
