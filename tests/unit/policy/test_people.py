# SPDX-License-Identifier: Apache-2.0
"""What each role may do, and which passwords are good enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.policy.people import (
    GRANTS,
    SHORTEST_PASSWORD,
    PasswordFault,
    Role,
    may,
    new_password,
    operator_name,
    within,
)

A, O, H, R, G = Role  # noqa: E741 (in the order of their declaration)

# Written by hand beside the table: rows are who acts, columns what the action names.
LOOKS = {
    A: (A, O, H, R, G),
    O: (O, H, R, G),
    H: (H, G),
    R: (H, R, G),
    G: (G,),
}
CHANGES = {A: (A, O, H, R, G), O: (O, H), H: (H,), R: (), G: ()}


def test_the_roles_stand_in_this_order() -> None:
    assert [role.value for role in Role] == [
        "administrator", "operator", "help-desk", "read-only", "guest",
    ]  # fmt: skip
    assert set(GRANTS) == set(Role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_may_what_the_table_says(role: Role, needed: Role) -> None:
    assert may(role, needed, changes=False) == (needed in LOOKS[role])
    assert may(role, needed, changes=True) == (needed in CHANGES[role])


@pytest.mark.parametrize("role", Role)
def test_whoever_may_change_something_may_look_at_it(role: Role) -> None:
    assert GRANTS[role].changes <= GRANTS[role].looks


def test_some_roles_lie_within_others() -> None:
    assert all(within(role, A) and within(role, role) and within(G, role) for role in Role)
    assert within(R, O)
    assert within(H, O)
    assert not within(H, R)
    assert not within(R, H)
    assert not any(within(A, role) for role in (O, H, R, G))


@pytest.mark.parametrize("text", ["Ann", "ann.other@example.com", "ＡＮＮ", "größe", "a" * 64])
def test_a_name_is_folded_to_its_one_form(text: str) -> None:
    name = operator_name(text)
    assert name is not None
    assert operator_name(name) == name


@pytest.mark.parametrize(
    "text",
    ["", "a b", "a\x00b", "a\nb", "-ann", "system", "Nobody", "a" * 65, "ü" * 33, "\u202eann"],
)
def test_what_cannot_be_a_name_is_none(text: str) -> None:
    assert operator_name(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("elevenchars", PasswordFault.SHORT),
        ("", PasswordFault.UNUSABLE),
        ("tab\tinside the text", PasswordFault.UNUSABLE),
        ("x" * 1025, PasswordFault.UNUSABLE),
        ("Password-1234", PasswordFault.COMMON),
        ("correct horse battery staple", PasswordFault.COMMON),
        ("aaaaaaaaaaaaaaaa", PasswordFault.COMMON),
        ("abababababababab", PasswordFault.COMMON),
        ("annabell2026", PasswordFault.NAMED),
        ("ANNABELLannabell", PasswordFault.NAMED),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(text: str, fault: PasswordFault) -> None:
    assert new_password(text, "annabell") is fault


@pytest.mark.parametrize(
    "text", ["twelve chars", "annabell likes ducks", "größer als zwölf!", "q" * 3 + "wertz-1029"]
)
def test_a_good_password_is_taken(text: str) -> None:
    assert new_password(text, "annabell") == text


@given(st.text(max_size=40), st.text(max_size=12))
def test_whatever_is_taken_is_long_enough_and_stays_what_it_is(text: str, name: str) -> None:
    password = new_password(text, name)
    if isinstance(password, str):
        assert len(password) >= SHORTEST_PASSWORD
        assert new_password(password, name) == password
