# SPDX-License-Identifier: Apache-2.0
"""What annotations say under their wrappings."""

from typing import Annotated

from gatehouse.config.annotations import Many, section_of, unwrapped
from gatehouse.config.schema import Interface


def test_a_type_comes_out_of_all_its_wrappings_with_what_was_said_beside_it() -> None:
    wrapped = Annotated[Annotated[int, "inner"] | None, "outer"]
    assert unwrapped(wrapped) == (int, ("outer", "inner"))
    assert unwrapped(list[int] | None) == (list[int], ())


def test_the_section_behind_a_field_alone_in_a_list_and_by_name() -> None:
    assert section_of(Interface | None) == (Interface, Many.NO)
    assert section_of(list[Interface]) == (Interface, Many.IN_ORDER)
    assert section_of(dict[str, Annotated[Interface, "more"]]) == (Interface, Many.BY_NAME)


def test_no_section_stands_behind_a_value() -> None:
    for one in (int, str | None, list[str], dict[str, list[str]]):
        assert section_of(one) is None
