# SPDX-License-Identifier: Apache-2.0
"""destconfig: answers in, changes of the candidate out."""

from pathlib import Path

import pytest

from gatehouse.config import field_values, schema
from gatehouse.faces.cli.shell import destination
from gatehouse.policy.outbound_tls import OutboundTlsLevel
from tests.unit.faces.cli.shell.conftest import Desk


def test_an_entry_with_the_answers_of_the_appliance(desk: Desk) -> None:
    new = ["NEW", "bank.example", "Y", "20", "Y", "30", "180", "2", "Y", "6", "3"]
    made = desk.play("destconfig", *new, "").destination_controls["bank.example"]
    assert made.model_dump(mode="json", exclude_unset=True) == {
        "max_connections": 20,
        "recipient_minutes": 30,
        "recipient_limit": 180,
        "limit_type": "mx-ip",
        "tls": "required-verify-hosted",
        "dane": "opportunistic",
    }


@pytest.mark.parametrize(("number", "level"), list(enumerate(["none", "preferred", "required"], 1)))
def test_the_numbers_of_levels_are_those_of_the_appliance(
    desk: Desk, number: int, level: str
) -> None:
    made = desk.play("destconfig", "NEW", "a.example", "N", "N", "Y", str(number), "1", "")
    assert made.destination_controls["a.example"].tls is OutboundTlsLevel(level)


def test_the_names_of_levels_stand_in_the_order_of_the_schema() -> None:
    for model in (schema.SenderTlsOverride, schema.SmartHost, schema.DestinationControl):
        assert field_values.declared(model, "tls").words == destination._VALUES
    assert len(destination.LEVEL_NAMES) == len(destination._VALUES)


def test_an_entry_is_changed_shown_and_removed(desk: Desk) -> None:
    desk.play("destconfig", "NEW", "a.example", "N", "N", "Y", "3", "1", "")
    made = desk.play(
        *["destconfig", "EDIT", "1", "N", "N", "N", "N", "N"],
        *["PRINT", "LIST", "PRINT", "DETAIL", "1", ""],
    )
    assert made.destination_controls["a.example"].model_fields_set == set()
    assert "a.example: as the default" in desk.said
    assert "a.example" not in desk.play("destconfig", "DELETE", "1", "Y", "").destination_controls


def test_the_list_says_what_each_entry_sets(desk: Desk) -> None:
    new = ["NEW", "bank.example", "Y", "20", "Y", "30", "180", "2", "Y", "6", "3"]
    desk.play("destconfig", *new, "PRINT", "LIST", "")
    assert (
        "bank.example: 20 connections, 180 recipients in 30 minutes, TLS required-verify-hosted,"
        " DANE opportunistic"
    ) in [" ".join(line.split()) for line in desk.said]


def test_the_default_and_the_settings_of_all(desk: Desk) -> None:
    default = ["DEFAULT", "N", "N", "Y", "5", "1", "N", "N"]
    made = desk.play("destconfig", *default, "SETUP", "1", "N", "")
    assert made.destination_controls["default"].tls is OutboundTlsLevel.REQUIRED_VERIFY
    assert made.delivery.alert_on_required_tls_failure is False


def test_what_inherits_goes_on_inheriting_when_all_further_questions_get_their_default(
    desk: Desk,
) -> None:
    desk.play("destconfig", "NEW", "a.example", "N", "N", "Y", "3", "1", "")
    before = desk.text()
    further = ["Y", *[""] * 3, "Y", *[""] * 11]
    desk.play("destconfig", "EDIT", "1", "N", "N", "Y", "3", "1", *further, "")
    assert desk.text() == before


def test_what_was_said_for_a_domain_is_taken_away_again(desk: Desk) -> None:
    desk.play(
        "destconfig NEW a.example N N N",
        "",
        "set destination_controls.'a.example'.mta_sts true",
        f"set destination_controls.'a.example'.pinned_fingerprints sha256:{'a' * 64}",
        "set destination_controls.'a.example'.max_messages_per_connection 7",
    )
    further = ["Y", "none", "", "", "Y", "1", *[""] * 4, "none", *[""] * 5]
    made = desk.play("destconfig", "EDIT", "1", "N", "N", "N", *further, "")
    assert made.destination_controls["a.example"].model_fields_set == set()


def test_an_entry_is_found_again_however_its_domain_is_written(desk: Desk) -> None:
    desk.play("destconfig", "NEW", "a.example", "N", "N", "N", "")
    desk.play("destconfig", "NEW", "A.Example", "default", "[192.0.2.1]", "N", "N", "N", "")
    assert "There is an entry for it already." in desk.said
    assert "[192.0.2.1]" in desk.candidate().destination_controls


def test_all_entries_are_removed_but_the_default(desk: Desk) -> None:
    desk.play("destconfig", "NEW", "a.example", "N", "N", "Y", "3", "1", "")
    assert set(desk.play("destconfig", "CLEAR", "Y", "").destination_controls) == {"default"}


def test_what_is_no_domain_is_refused_where_it_is_typed(desk: Desk) -> None:
    desk.play("destconfig", "NEW", "no domain", ".a.example", "N", "N", "N", "")
    assert "A domain, or .domain for all below it, is needed." in desk.said
    assert ".a.example" in desk.candidate().destination_controls


def test_all_entries_go_into_a_file_and_come_back_from_it(desk: Desk, tmp_path: Path) -> None:
    path = str(tmp_path / "destinations.txt")
    before = desk.play("destconfig", "NEW", "a.example", "Y", "9", "N", "1", "Y", "3", "1", "")
    desk.play("destconfig", "EXPORT", path, "")
    assert "max_host_concurrency = 9" in Path(path).read_text()
    desk.play("destconfig", "CLEAR", "Y", "")
    made = desk.play("destconfig", "IMPORT", path, "PRINT", "LIST", "")
    assert made.destination_controls == before.destination_controls
    Path(path).write_text(Path(path).read_text().replace("= required", "= sometimes"))
    assert desk.play("destconfig", "IMPORT", path, "") == made
    assert any("table_tls cannot be this" in line for line in desk.said)
