# SPDX-License-Identifier: Apache-2.0
"""What a dialogue asks, and what a line means as an answer."""

import pytest

from gatehouse.faces.cli.shell import dialogue
from gatehouse.faces.cli.shell.dialogue import Ask, Bad, Choose, Confirm, Good, Menu, Secret

TLS = Choose(text="TLS?", choices=("No", "Preferred", "Required"))
OPERATIONS = Menu(operations=(("NEW", "make one"), ("EDIT", "change one"), ("EXPORT", "write")))


def test_questions_look_as_on_the_appliance() -> None:
    assert dialogue.shown(TLS) == ("TLS?\n1. No\n2. Preferred\n3. Required", "[1]> ")
    assert dialogue.shown(Confirm(text="Sure?", default=True)) == ("", "Sure? [Y]> ")
    assert dialogue.shown(Ask(text="Name")) == ("Name", "[]> ")
    above, beginning = dialogue.shown(OPERATIONS)
    assert beginning == "[]> "
    assert "- NEW - make one" in above


@pytest.mark.parametrize(
    ("question", "line", "value"),
    [
        (TLS, "", 0),
        (TLS, " 3 ", 2),
        (TLS, "required", 2),
        (Confirm(text="?", default=True), "", True),
        (Confirm(text="?"), "YES", True),
        (Confirm(text="?", default=True), "n", False),
        (Ask(text="?", default="25"), "", "25"),
        (Ask(text="?", default="25"), " 26 ", "26"),
        (OPERATIONS, "", None),
        (OPERATIONS, "edit", "EDIT"),
        (OPERATIONS, "n", "NEW"),
        (Secret(text="?"), " with blanks ", " with blanks "),
    ],
)
def test_a_line_is_understood(question: dialogue.Question, line: str, value: object) -> None:
    assert dialogue.answered(question, line) == Good(value)


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (TLS, "0"),
        (TLS, "4"),
        (TLS, "maybe"),
        (TLS, "9" * 5000),
        (Choose(text="?", choices=("a", "b"), default=None), ""),
        (Confirm(text="?"), "perhaps"),
        (OPERATIONS, "E"),  # EDIT or EXPORT
        (OPERATIONS, "REMOVE"),
        (Ask(text="?", check=dialogue.something), ""),
        (Ask(text="?", check=dialogue.whole_number(1, 65535)), "65536"),
        (Ask(text="?", check=dialogue.whole_number(1, 65535)), "٣"),
        (Ask(text="?"), "b\udcff"),  # octets that are no UTF-8
        (Secret(text="?"), "b\udcff"),
    ],
)
def test_a_line_that_is_no_answer_says_why(question: dialogue.Question, line: str) -> None:
    found = dialogue.answered(question, line)
    assert isinstance(found, Bad)
    assert found.why


def test_of_very_many_choices_some_are_printed_and_all_can_be_chosen() -> None:
    many = Choose(text="Which?", choices=tuple(f"d{n}.example" for n in range(1, 1001)))
    lines = dialogue.shown(many)[0].split("\n")
    assert lines[-2:] == ["200. d200.example", "… and 800 more: type the number or the name."]
    assert dialogue.answered(many, "1000") == Good(999)
    assert dialogue.answered(many, "D777.example") == Good(776)


def test_a_choice_is_known_by_its_name_alone_where_that_is_one_choice() -> None:
    choices = Choose(text="Which?", choices=("In (192.0.2.1)", "in (192.0.2.2)", "Out (x)"))
    assert dialogue.answered(choices, "out") == Good(2)
    assert dialogue.answered(choices, "in (192.0.2.2)") == Good(1)
    assert isinstance(dialogue.answered(choices, "in"), Bad)


def test_everything_can_be_asked_for_help_and_completed() -> None:
    for question in (TLS, OPERATIONS, Ask(text="?"), Confirm(text="?"), Secret(text="?")):
        assert dialogue.helped(question)
    assert dialogue.words(OPERATIONS) == ("NEW", "EDIT", "EXPORT")
    assert dialogue.words(Secret(text="?")) == ()


def test_help_says_whether_a_line_may_be_empty() -> None:
    for question, said in (
        (Ask(text="?"), "The line may be empty."),
        (Ask(text="?", check=dialogue.something), "An answer is needed."),
        (Ask(text="?", default="25", check=dialogue.something), "An empty line means '25'."),
    ):
        assert dialogue.helped(question) == said


def test_a_list_is_typed_with_commas_or_blanks() -> None:
    assert dialogue.words_of("a, b  c,d") == ("a", "b", "c", "d")
