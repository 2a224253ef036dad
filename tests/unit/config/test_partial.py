# SPDX-License-Identifier: Apache-2.0
"""What a lower level says is held to the same types, bounds and names as the top."""

import pytest

from gatehouse.config import document, schema, text

HEAD = "format = 1\n[machines.gw1]\n"


def faults(lines: str) -> list[str]:
    parsed = text.parse((HEAD + lines).encode())
    assert isinstance(parsed, text.Parsed)
    found = document.read(parsed.values)
    assert not isinstance(found, schema.Document)
    return [str(one) for one in text.locate(found, parsed.text)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "[machines.gw1.settings.listeners.In]\nport = 70000\n",
            "error: line 4: machines.gw1.settings.listeners.In.port: is not allowed (found 70000);"
            " allowed: at most 65535",
        ),
        (
            '[machines.gw1.settings.delivery]\nidle_timeout = "20y"\n',
            "line 4: machines.gw1.settings.delivery.idle_timeout: is not allowed (found '20y')",
        ),
        (
            "[machines.gw1.settings.delivery]\nmax_conections = 1\n",
            "line 4: machines.gw1.settings.delivery.max_conections: is no field of this section"
            " (found 1); did you mean 'max_connections'?",
        ),
        (
            "[machines.gw1.settings.listners.In]\nport = 25\n",
            "machines.gw1.settings.listners: is no field of this section (found a table);"
            " did you mean 'listeners'?",
        ),
        ("[machines.gw1.settings.listeners.'a b']\nport = 25\n", "is no name"),
        ("[machines.gw1.settings.smtp_configuration]\nport = true\n", "must be a whole number"),
        ("[machines.gw1.settings]\nformat = 1\n", "settings.format: is no field of this section"),
        ("[machines.gw1.settings.machines.x]\n", "settings.machines: is no field of this section"),
        ("[machines.gw1]\nsettings = 3\n", "must be a section"),
        (
            "[[machines.gw1.settings.listeners.In.sender_groups]]\nname = 'A'\n",
            "sender_groups[1].policy: is missing; Name of the mail flow policy",
        ),
        ('without = ["listners.X"]\n', "machines.gw1.without[1]: is not allowed"),
        ('without = ["listeners[1]"]\n', "machines.gw1.without[1]: is not allowed"),
    ],
)
def test_a_fault_has_its_path_and_line_at_its_level(lines: str, said: str) -> None:
    source = lines.replace("[machines.gw1]\nsettings", "settings")
    assert any(said in one for one in faults(source)), faults(source)


def test_every_section_and_field_is_known_and_optional() -> None:
    overlay = schema.overlay()
    assert list(overlay.model_fields) == list(schema.Settings.model_fields)
    assert not any(field.is_required() for field in overlay.model_fields.values())
    for name in ("listeners", "interfaces", "smart_hosts"):
        overlay.model_validate({name: {"X": {}}})


def test_all_faults_of_all_levels_are_told_at_once() -> None:
    found = faults(
        "[machines.gw1.settings.delivery]\nsmtp_port = 0\n"
        "[groups.EU.settings.queue]\nmax_received_hops = 1\n"
        "[delivery]\nmax_connections = 0\n"
    )
    assert len(found) == 3
