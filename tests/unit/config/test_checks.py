# SPDX-License-Identifier: Apache-2.0
"""From text to a configuration that runs, or to everything that is wrong with it."""

import pytest

from gatehouse.config import checks, defaults
from gatehouse.config.findings import Severity

BASE = """\
format = 1
[interfaces.Net]
address = "127.0.0.1"
hostname = "mx.example.com"
[listeners.In]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{ recipient = "example.com", access = "accept" }]
[destination_controls.default]
tls = "preferred"
"""


def load(text: str) -> checks.Loaded | checks.Refused:
    return checks.load(text.encode())


def found(text: str) -> str:
    outcome = load(text)
    if isinstance(outcome, checks.Loaded):
        assert all(one.severity is Severity.WARNING for one in outcome.warnings)
        return "\n".join(map(str, outcome.warnings))
    return "\n".join(map(str, outcome.findings))


def test_a_plain_configuration_has_no_findings() -> None:
    assert found(BASE) == ""


def test_the_default_configuration_runs() -> None:
    outcome = load(defaults.DEFAULT_TEXT)
    assert isinstance(outcome, checks.Loaded)
    assert [one.place for one in outcome.warnings] == ["listeners.InboundMail.certificate"]
    (listener,) = outcome.running.listeners
    assert (listener.name, listener.interface.address, listener.port) == (
        "InboundMail",
        "127.0.0.1",
        2525,
    )


def test_all_faults_of_form_come_at_once_with_line_value_and_what_is_allowed() -> None:
    text = (
        BASE.replace('"public"', '"publik"').replace("2525", "99999") + "[sytem]\n[logs]\nkep=1\n"
    )
    assert found(text).splitlines() == [
        "error: line 6: listeners.In.type: is not allowed (found 'publik'); "
        "allowed: 'public' or 'private'",
        "error: line 8: listeners.In.port: is not allowed (found 99999); allowed: at most 65535",
        "error: line 12: sytem: is no section of the configuration (found a table); "
        "did you mean 'system'?",
        "error: line 14: logs.kep: is no field of this section (found 1); did you mean 'keep'?",
    ]


def test_a_password_is_never_shown() -> None:
    text = BASE + '[smtp_configuration]\nserver = "a.example"\npassword = "hunter2"\n'
    assert "hunter2" not in found(text)
    assert "never written here" in found(text)


GROUP = '[[listeners.In.sender_groups]]\nname = "{}"\nmembers = {}\npolicy = "{}"\n'


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (GROUP.format("X", "[]", "ACEPTED"), "error: line 15: * did you mean 'ACCEPTED'?"),
        (GROUP.format("X", '["SBRS[none]"]', "ACCEPTED"), "warning: line 14: * never matches"),
        (GROUP.format("X", '["10.0.0.1", "b!"]', "ACCEPTED"), "error: * members[2]: is no member"),
        (
            GROUP.format("ALL", '["ALL"]', "ACCEPTED") + GROUP.format("X", "[]", "ACCEPTED"),
            "error: * ALL may only be the last",
        ),
        (
            GROUP.format("A", '["10/8"]', "ACCEPTED") + GROUP.format("B", '["10.1"]', "BLOCKED"),
            "warning: line 16: * group B is never reached",
        ),
        (GROUP.format("ALL", "[]", "RELAYED"), "warning: * open relay"),
        ('[listeners.B]\ntype = "private"\ninterface = "Ned"\n', "error: * did you mean 'Net'?"),
        ('[listeners.B]\ntype = "private"\ninterface = "Net"\nport = 2525\n', "error: * already"),
        ('[listeners.B]\ntype = "private"\ninterface = "Net"\ncertificate = "demo"\n', "'Demo'"),
        ('[destination_controls."b.example"]\nbounce_profile = "p"\n', "error: * known: default"),
        ('[destination_controls."b_c!"]\n', "error: * is no domain"),
        ('[smtp_routes]\n"a.example" = ["h:0"]\n', "error: * is no host"),
        ('[smtp_routes]\n"a.example" = ["127.0.0.1:2525"]\n', "error: * mail would go round"),
        ('[smtp_routes]\n"a.example" = ["h"]\n"A.example." = ["h"]\n', "error: * same domain"),
        ('[bounce_profiles.default]\ninitial_wait = "2h"\n', "error: * longer than max_wait"),
        (
            '[smtp_configuration]\nserver = "a.example"\nfrom_email = "a@b.example"\n'
            'encryption = "none"\nusername = "u"\n',
            "error: * a user name needs encryption",
        ),
    ],
)
def test_each_check_speaks(extra: str, expected: str) -> None:
    """The words of `expected` stand in one finding in this order; "*" is anything."""
    said = found(BASE + extra)
    for line in said.splitlines():
        rest = line
        for part in expected.split(" * "):
            _, hit, rest = rest.partition(part)
            if not hit:
                break
        else:
            return
    pytest.fail(f"not said: {expected}\n{said}")


def test_an_open_relay_is_an_error_where_the_world_can_reach_it() -> None:
    world = BASE.replace("127.0.0.1", "0.0.0.0")
    assert "error" in found(world + GROUP.format("ALL", "[]", "RELAYED"))
    everybody = world.replace('"example.com", access', '"ALL", access')
    assert "error" in found(everybody)


def test_many_findings_are_bounded() -> None:
    members = ", ".join(f'"b{number}!"' for number in range(5000))
    outcome = load(BASE + GROUP.format("X", f"[{members}]", "ACCEPTED"))
    assert isinstance(outcome, checks.Refused)
    assert len(outcome.findings) == 101
