# SPDX-License-Identifier: Apache-2.0
"""Every machine's configuration is checked, and a finding stands where its value is said."""

from collections.abc import Iterable

import pytest

from gatehouse.config import checks, member_checks, schema
from gatehouse.config.findings import Finding
from tests.unit.config.levelled import TEXT

OWN = "".join(
    f'\n[machines.{name}.settings.interfaces.Inside]\naddress = "127.0.0.{number}"\n'
    for number, name in enumerate(("gw1", "gw2", "gw3"), 11)
)


def loaded(source: str, machine: str | None = "gw1", *, elsewhere: bool = False) -> checks.Loaded:
    found = checks.load(source.encode(), machine=machine, elsewhere=elsewhere)
    assert isinstance(found, checks.Loaded), [str(one) for one in found.findings]
    return found


def refused(source: str, machine: str | None = "gw1") -> list[str]:
    found = checks.load(source.encode(), machine=machine)
    assert isinstance(found, checks.Refused)
    return [str(one) for one in found.findings if one.severity.value == "error"]


def warnings(source: str) -> list[str]:
    return [str(one) for one in loaded(source).warnings]


def test_each_machine_runs_by_what_holds_for_it() -> None:
    ports = {
        name: [(one.name, one.port) for one in loaded(TEXT, name).running.listeners]
        for name in ("gw1", "gw2", "gw3")
    }
    assert ports == {
        "gw1": [("InboundMail", 2525)],
        "gw2": [("InboundMail", 2525)],
        "gw3": [("InboundMail", 2527), ("Legacy", 2526)],
    }
    limits = [loaded(TEXT, name).running.delivery.max_connections for name in ports]
    assert limits == [7, 50, 500]
    assert loaded(TEXT).running.hostname == "gw1.example.org"
    assert loaded(TEXT, "gw2").running.hostname == "mx.example.org"


def test_what_holds_may_be_made_of_parts_of_several_levels() -> None:
    source = TEXT.replace('interface = "PublicNet"', 'interface = "Inside"') + OWN
    address = [one.interface.address for one in loaded(source, "gw2").running.listeners]
    assert address == ["127.0.0.12"]


def test_a_fault_of_one_machine_names_it_and_stands_where_the_value_is_said() -> None:
    source = TEXT + '\n[machines.gw2.settings.delivery]\ninterface = "None"\n'
    (fault,) = refused(source)
    line = source.split("\n").index('interface = "None"') + 1
    assert f"line {line}: machines.gw2.settings.delivery.interface" in fault
    assert "(machine gw2)" in fault
    assert refused(source, "gw3") == [fault], "another machine's fault stops a commit too"


def test_a_fault_of_a_group_names_its_machines() -> None:
    source = TEXT.replace("max_connections = 50\n", 'max_connections = 50\ninterface = "None"\n')
    (fault,) = refused(source)
    assert "groups.EU.settings.delivery.interface" in fault
    assert "(machines gw1, gw2)" in fault


def test_a_fault_at_the_top_is_told_once_for_all() -> None:
    source = TEXT.replace('idle_timeout = "10s"', 'interface = "None"')
    (fault,) = refused(source)
    assert ": delivery.interface: " in fault
    assert "(every machine)" in fault


def test_a_name_that_only_some_machines_have_is_missing_for_the_others() -> None:
    source = TEXT.replace(
        'interface = "PublicNet"\nport = 2525', 'interface = "Inside"\nport = 2525'
    )
    (fault,) = refused(source + OWN.split("\n\n")[0] + "\n")
    assert "listeners.InboundMail.interface" in fault
    assert "(machines gw2, gw3)" in fault


def test_what_is_missing_in_a_new_section_is_missing_where_it_is_begun() -> None:
    source = TEXT + '\n[machines.gw3.settings.listeners.New]\ntype = "public"\n'
    (fault,) = refused(source)
    assert "machines.gw3.settings.listeners.New.interface: is missing" in fault
    assert "(machine gw3)" in fault


def test_a_machine_that_has_left_only_warns() -> None:
    left = TEXT.replace("[machines.gw3]", "[machines.gw3]\nmember = false")
    bad = left + '\n[machines.gw3.settings.delivery]\ninterface = "None"\n'
    (told,) = [one for one in warnings(bad) if "gw3" in one]
    assert "machines.gw3.settings.delivery.interface" in told
    assert "(machine gw3, which has left)" in told


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (None, "nobody said which of them this machine is; `gatehouse cluster join NAME`"),
        ("gw9", "this machine (gw9) is none of them; `gatehouse cluster join gw9`"),
        ("gw3", "gw3 has left the cluster; `gatehouse cluster join gw3`"),
    ],
)
def test_a_stranger_is_refused_with_the_cure(machine: str | None, said: str) -> None:
    left = TEXT.replace("[machines.gw3]", "[machines.gw3]\nmember = false")
    assert any(said in one for one in refused(left, machine))
    found = checks.load(left.encode(), machine=machine)
    assert isinstance(found, checks.Refused)
    assert found.stranger


def test_a_stranger_may_look_at_it() -> None:
    assert loaded(TEXT, None, elsewhere=True).running.hostname == "gw1.example.org"


def test_without_members_any_machine_is_alone_and_runs_by_the_top() -> None:
    alone = TEXT
    for name in ("gw1", "gw2", "gw3"):
        alone = alone.replace(f"[machines.{name}]", f"[machines.{name}]\nmember = false")
    for machine in (None, "gw1", "gw9"):
        assert loaded(alone, machine).running.delivery.max_connections == 500


def test_a_machine_comes_back_with_what_it_says() -> None:
    left = TEXT.replace("[machines.gw3]", "[machines.gw3]\nmember = false")
    assert refused(left, "gw3")
    back = loaded(left.replace("member = false", "member = true"), "gw3")
    assert [one.port for one in back.running.listeners] == [2527, 2526]


def test_a_group_that_is_not_there_is_an_error_with_the_nearest() -> None:
    (fault,) = refused(TEXT.replace('[machines.gw2]\ngroup = "EU"', '[machines.gw2]\ngroup = "Eu"'))
    assert "machines.gw2.group: there is no such group (found 'Eu'); did you mean 'EU'?" in fault


def test_what_takes_nothing_away_is_told() -> None:
    source = TEXT.replace('["listeners.Legacy"]', '["listeners.Legacy", "listeners.Gone"]')
    (told,) = [one for one in warnings(source) if "takes nothing away" in one]
    assert "groups.EU.without[2]" in told


def test_certificates_are_those_of_all_machines_whatever_level_names_them() -> None:
    more = TEXT + '\n[machines.gw1.settings.listeners.InboundMail]\ncertificate = "Site"\n'
    (fault,) = refused(more)
    assert "machines.gw1.settings.listeners.InboundMail.certificate" in fault
    known = frozenset({"Demo", "Site"})
    found = checks.load(more.encode(), certificates=known, machine="gw1")
    assert isinstance(found, checks.Loaded)
    assert found.running.listeners[0].certificate == "Site"
    other = checks.load(more.encode(), certificates=known, machine="gw2")
    assert isinstance(other, checks.Loaded)
    assert other.running.listeners[0].certificate == "Demo"


def test_machines_that_say_nothing_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    real = checks._all

    def counted(wanted: schema.Document, certificates: frozenset[str]) -> Iterable[Finding]:
        looked.append(wanted.system.hostname)
        return real(wanted, certificates)

    monkeypatch.setattr(checks, "_all", counted)
    many = TEXT + "".join(f'[machines.m{number}]\ngroup = "EU"\n' for number in range(50))
    loaded(many)
    assert len(looked) == 3, "gw1, the group EU, gw3"


def test_more_machines_than_can_be_checked_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_checks, "MAX_WORK", 2 * len(TEXT))
    loaded(TEXT)
    (fault,) = refused(TEXT + '[machines.gw4]\nwithout = ["listeners.Legacy"]\n')
    assert "machines: 3 machines say something themselves" in fault
    assert "at most 1 of them may" in fault


def test_of_very_many_findings_of_a_machine_some_are_shown() -> None:
    many = "".join(f'[destination_controls."a b{one}"]\ntls = "none"\n' for one in range(300))
    found = refused(TEXT + many)
    assert len(found) <= 101


def test_what_is_missing_because_it_was_taken_away_stands_where_that_is_said() -> None:
    gone = '["listeners.Legacy", "listeners.InboundMail.type"]'
    source = TEXT.replace('["listeners.Legacy"]', gone)
    (fault,) = refused(source)
    assert "groups.EU.without[2]: is missing" in fault
    assert "(machines gw1, gw2)" in fault
