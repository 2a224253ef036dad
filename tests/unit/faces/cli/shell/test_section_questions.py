# SPDX-License-Identifier: Apache-2.0
"""Questions as the schema declares them: answers in, what is written out."""

from collections.abc import Iterable
from typing import Any

import pytest

from gatehouse.config import schema
from gatehouse.faces.cli.shell.candidate_edit import Draft
from gatehouse.faces.cli.shell.player import Player
from gatehouse.faces.cli.shell.section_questions import (
    Question,
    ask_section,
    ask_values,
)
from gatehouse.policy.retry import BounceProfile
from tests.unit.faces.cli.shell.playing import Script, nothing_to_do

EMPTY: dict[str, Any] = {}
DRAFT = Draft(schema.Document(format=1), {"format": 1}, candidate=False)


def asked(
    model: type[schema.Section], field: str, before: dict[str, Any], answers: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """What is written then, and what was on the screen."""
    values, source = dict(before), Script(answers)
    talk = ask_values(DRAFT, model, values, (Question(field=field, text="What"),))
    Player(source, nothing_to_do).play(talk)
    return values, source.transcript


ROWS = (
    # What is written is left alone, taken away, or replaced by what means something else.
    (schema.Ssh, "enabled", EMPTY, "", EMPTY),
    (schema.Ssh, "enabled", EMPTY, "y", {"enabled": True}),
    (schema.Ssh, "enabled", {"enabled": True}, "n", {"enabled": False}),
    (schema.Ssh, "port", EMPTY, "2222", EMPTY),
    (schema.Ssh, "port", {"port": 22}, "", {"port": 22}),
    (schema.Ssh, "port", {"port": 22}, "2222", {"port": 2222}),
    (schema.Ssh, "idle_timeout", EMPTY, "1800", EMPTY),
    (schema.Ssh, "idle_timeout", EMPTY, "1h", {"idle_timeout": "1h"}),
    (schema.Ssh, "banner", {"banner": "a"}, "", {"banner": "a"}),
    (schema.Ssh, "banner", {"banner": "a"}, "None", EMPTY),
    (schema.Ssh, "banner", EMPTY, "none", EMPTY),
    (schema.Queue, "disk_reserve", EMPTY, "262144K", EMPTY),
    (schema.Delivery, "dns_trusted", EMPTY, "3", {"dns_trusted": "no"}),
    (schema.SmartHost, "tls", {"tls": "Required"}, "", {"tls": "Required"}),
    (schema.DestinationControl, "mta_sts", EMPTY, "3", {"mta_sts": False}),
    (schema.DestinationControl, "mta_sts", {"mta_sts": "on"}, "", {"mta_sts": "on"}),
    (schema.DestinationControl, "mta_sts", {"mta_sts": "on"}, "1", EMPTY),
    (schema.DestinationControl, "max_connections", {"max_connections": 5}, "none", EMPTY),
    (schema.DestinationControl, "trust", {"trust": ["system"]}, "none", EMPTY),
    (schema.DestinationControl, "trust", EMPTY, "system custom", {"trust": ["system", "custom"]}),
)


@pytest.mark.parametrize(("model", "field", "before", "answer", "after"), ROWS)
def test_what_an_answer_writes(
    model: type[schema.Section],
    field: str,
    before: dict[str, Any],
    answer: str,
    after: dict[str, Any],
) -> None:
    assert asked(model, field, before, [answer])[0] == after


@pytest.mark.parametrize(
    ("model", "field", "wrong", "said"),
    [
        (schema.Ssh, "port", "65536", "A whole number from 1 to 65535 is needed."),
        (schema.SmartHost, "host", "", "An answer is needed."),
        (schema.SmartHost, "host", "a b", "What is needed: a host name."),
        (schema.DestinationControl, "trust", "system, all", "system, custom, and not all."),
        (schema.Acme, "hook_timeout", "1d", "at least 1s, at most 10m."),
        (schema.Queue, "disk_reserve", "-1", '"1G", at least 0, at most 1048576G.'),
    ],
)
def test_a_wrong_answer_is_said_at_once_and_asked_for_again(
    model: type[schema.Section], field: str, wrong: str, said: str
) -> None:
    right = {"port": "25", "host": "a.example", "trust": "", "hook_timeout": "", "disk_reserve": ""}
    _, screen = asked(model, field, EMPTY, [wrong, right[field]])
    assert any(line.endswith(said) for line in screen), screen


def test_what_can_be_taken_away_is_what_is_written_here() -> None:
    _, screen = asked(schema.BounceProfile, "max_time", {"max_time": "1h"}, [""])
    assert screen[:2] == ["What (none: not set)", "[1h]> "]
    values, source = dict(EMPTY), Script(["none"])
    questions = (Question(field="max_time", text="What"),)
    talk = ask_values(DRAFT, schema.BounceProfile, values, questions, BounceProfile())
    Player(source, nothing_to_do).play(talk)
    assert source.transcript[:2] == ["What", "[3d]> none"]
    assert values == EMPTY


def test_the_help_of_a_question_is_that_of_the_field() -> None:
    _, screen = asked(schema.Ssh, "max_sessions", EMPTY, ["?", ""])
    told = schema.Ssh.model_fields["max_sessions"].description or "nothing"
    assert any(told in line for line in screen)


def test_a_section_that_is_not_there_is_not_made_by_looking_at_it() -> None:
    draft = Draft(schema.Document(format=1), {"format": 1}, candidate=False)
    questions = (Question(field="keep", text="Files"),)
    Player(Script([""]), nothing_to_do).play(ask_section(draft, ("logs",), questions))
    assert draft.values == {"format": 1}
    Player(Script(["7"]), nothing_to_do).play(ask_section(draft, ("logs",), questions))
    assert draft.values == {"format": 1, "logs": {"keep": 7}}
