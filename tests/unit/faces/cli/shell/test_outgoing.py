# SPDX-License-Identifier: Apache-2.0
"""How mail goes out, and the names of this machine: answers in, changes of the candidate out."""

from pathlib import Path

from tests.unit.faces.cli.shell.conftest import Desk


def test_routes(desk: Desk) -> None:
    new = ["NEW", "a.example", "192.0.2.1:2525, mx.a.example:25", "NEW", ".", "192.0.2.2:25"]
    assert desk.play("smtproutes", *new, "PRINT", "").smtp_routes == {
        "a.example": ["192.0.2.1:2525", "mx.a.example:25"],
        ".": ["192.0.2.2:25"],
    }
    assert "a.example: 192.0.2.1:2525, mx.a.example:25" in desk.said
    made = desk.play("smtproutes", "EDIT", "1", "192.0.2.9:25", "DELETE", "2", "")
    assert made.smtp_routes == {"a.example": ["192.0.2.9:25"]}
    assert desk.play("smtproutes", "CLEAR", "Y", "").smtp_routes == {}


RELAY = ["NEW", "2", "ses", "smtp.example.net", "1", "", "", "ann", "", ""]


def test_a_route_gets_the_login_of_an_outgoing_profile(desk: Desk) -> None:
    new = ["NEW", ".", "smtp.example.net:587", "ses", ""]
    made = desk.play("smtpauthconfig", *RELAY, "", "smtproutes", *new)
    assert made.smtp_routes == {".": ["smarthost:ses"]}
    assert not any(line.startswith("It goes to") for line in desk.said)
    made = desk.play("smtproutes", "EDIT", "1", "mx.a.example", "ses", "")
    assert made.smtp_routes == {".": ["smarthost:ses"]}
    assert "It goes to smtp.example.net port 587, as the profile says." in desk.said
    made = desk.play("smtproutes", "EDIT", "1", "192.0.2.7:25", "None", "")
    assert made.smtp_routes == {".": ["192.0.2.7:25"]}


def test_no_login_is_asked_for_where_dns_or_a_profile_decides(desk: Desk) -> None:
    new = ["NEW", "a.example", "USEDNS", "NEW", "b.example", "smarthost:ses", "EDIT", "2", "", ""]
    made = desk.play("smtpauthconfig", *RELAY, "", "smtproutes", *new)
    assert made.smtp_routes == {"a.example": ["USEDNS"], "b.example": ["smarthost:ses"]}


def test_bad_domains_and_hosts_of_a_route_are_asked_for_again_at_once(desk: Desk) -> None:
    new = ["NEW", "a b", "default", "all", "mx.a.example:99999", "mx.a.example", ""]
    assert desk.play("smtproutes", *new).smtp_routes == {".": ["mx.a.example"]}
    assert "mx.a.example:99999: a port is a number from 1 to 65535." in desk.said
    desk.play("smtproutes", "NEW", ".", "B.example", "mx.b.example", "")
    assert "There is a route for it already." in desk.said


def test_routes_go_into_a_file_and_come_back(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "routes.txt"
    before = desk.play(
        "smtproutes", "NEW", ".", "mx.a.example", "EXPORT", str(path), ""
    ).smtp_routes
    assert path.read_text() == "ALL  mx.a.example\n"
    path.write_text(f"# ours\n{path.read_text()}b.example [2001:db8::1]:25 mx.b.example\n")
    made = desk.play("smtproutes", "CLEAR", "Y", "IMPORT", str(path), "")
    assert made.smtp_routes == {**before, "b.example": ["[2001:db8::1]:25", "mx.b.example"]}
    path.write_text("c.example\n")
    assert desk.play("smtproutes", "IMPORT", str(path), "").smtp_routes == made.smtp_routes
    assert any("line 1: names no host" in line for line in desk.said)


def test_bounce_profiles_inherit_what_is_not_said(desk: Desk) -> None:
    made = desk.play(
        "bounceconfig", "NEW", "quick", "5", "1h", "", "", "30m", "Y", "2h", "3", "N", "64K", ""
    )
    quick = made.bounce_profiles["quick"]
    assert quick.model_fields_set == {
        *("max_retries", "max_time", "max_time_tls", "delay_warnings", "delay_warning_interval"),
        *("max_delay_warnings", "send_bounces", "max_bounce_copy"),
    }
    assert (quick.max_delay_warnings, quick.delay_warning_interval) == (3, 7200)
    assert (quick.send_bounces, quick.max_bounce_copy) == (False, 65_536)
    assert (quick.max_retries, quick.max_time, quick.max_time_tls) == (5, 3600, 1800)
    made = desk.play("bounceconfig", "EDIT", "2", "none", "soon", "2h", "", "", "", *[""] * 6)
    assert made.bounce_profiles["quick"].max_retries is None
    assert made.bounce_profiles["quick"].max_time == 7200
    assert "quick" not in desk.play("bounceconfig", "DELETE", "1", "Y", "").bounce_profiles


def test_what_holds_stands_in_brackets_wherever_it_comes_from(desk: Desk) -> None:
    default = ["EDIT", "default", "7", *[""] * 4, "Y", "", "3", "", ""]
    made = desk.play("bounceconfig", *default, "NEW", "slow", *[""] * 8, "N", "", "")
    assert made.bounce_profiles["slow"].model_fields_set == {"send_bounces"}
    shown = "\n".join(desk.said)
    assert shown.count("Tries after the first\n[7]> ") == 1
    assert "Longest time in the queue\n[3d]> " in shown
    assert shown.count("Tell the sender when a message is late? [Y]> ") == 1
    made = desk.play("bounceconfig", "EDIT", "slow", *[""] * 5, "N", "", "", "")
    assert made.bounce_profiles["slow"].delay_warnings is False


def test_times_of_a_profile_have_their_bounds_where_they_are_typed(desk: Desk) -> None:
    made = desk.play("bounceconfig", "NEW", "slow", "", "60d", "4d", *[""] * 6, "")
    assert made.bounce_profiles["slow"].max_time == 345_600
    assert any("at most 30d" in line for line in desk.said)


def test_the_name_of_the_machine(desk: Desk) -> None:
    assert desk.play("sethostname gw2.example.com").system.hostname == "gw2.example.com"


def test_interfaces(desk: Desk) -> None:
    made = desk.play(
        "interfaceconfig", "NEW", "Inside", "10.0.0.300", "10.0.0.1", "in.example", "2", ""
    )
    assert made.interfaces["Inside"].address == "10.0.0.1"
    assert made.interfaces["Inside"].https_certificate == "Demo"
    assert "An IPv4 or IPv6 address is needed." in desk.said
    made = desk.play("interfaceconfig", "EDIT", "Inside", "", "none", "1", "")
    assert made.interfaces["Inside"].model_fields_set == {"address"}
    assert set(desk.play("interfaceconfig", "DELETE", "2", "Y", "").interfaces) == {"PublicNet"}


def test_an_interface_in_use_stays(desk: Desk) -> None:
    assert "PublicNet" in desk.play("interfaceconfig", "DELETE", "1", "Y", "").interfaces
    assert "Nothing was changed." in desk.said
