# SPDX-License-Identifier: Apache-2.0
"""Contracts that every fact keeps."""

import inspect

import msgspec
import pytest

from gatehouse.journal import facts
from gatehouse.journal.mail_log import JSON_ONLY, RENDERED
from tests.unit.journal.samples import all_types


def test_every_fact_of_the_module_is_in_the_union() -> None:
    defined = {
        kind
        for _, kind in inspect.getmembers(facts, inspect.isclass)
        if issubclass(kind, facts.HappenedAt) and kind is not facts.HappenedAt
    }
    assert defined == set(all_types())


@pytest.mark.parametrize("kind", all_types())
def test_every_fact_says_what_happened_in_a_docstring_of_its_own(kind: type) -> None:
    assert kind.__doc__
    assert kind.__doc__ != facts.HappenedAt.__doc__


def test_every_fact_has_a_renderer_or_is_listed_as_json_only_but_never_both() -> None:
    assert RENDERED | JSON_ONLY == set(all_types())
    assert not RENDERED & JSON_ONLY


@pytest.mark.parametrize("kind", all_types())
def test_a_fact_is_frozen_has_only_named_fields_and_its_moment_first(
    kind: type[msgspec.Struct],
) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_fields__[0] == "at"
    with pytest.raises(TypeError):
        kind(1.0)


def test_the_tag_is_the_class_name_in_snake_case() -> None:
    assert facts.TlsRequiredUnavailable.__struct_config__.tag == "tls_required_unavailable"
    assert facts.DnsTemporaryFailure.__struct_config__.tag == "dns_temporary_failure"
