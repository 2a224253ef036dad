# SPDX-License-Identifier: Apache-2.0
"""One field by itself: what it takes, and why a value is refused."""

import pytest

from gatehouse.config import annotations, field_values, schema
from gatehouse.config.field_values import Kind

KINDS = (
    (schema.Ssh, "enabled", Kind.SWITCH),
    (schema.DestinationControl, "mta_sts", Kind.SWITCH),
    (schema.SmartHost, "tls", Kind.WORD),
    (schema.Delivery, "dns_trusted", Kind.WORD),
    (schema.Ssh, "port", Kind.NUMBER),
    (schema.Acme, "hook_timeout", Kind.DURATION),
    (schema.Queue, "disk_reserve", Kind.SIZE),
    (schema.DestinationControl, "trust", Kind.LIST),
    (schema.Ssh, "banner", Kind.TEXT),
)


@pytest.mark.parametrize(("model", "name", "kind"), KINDS)
def test_what_a_field_takes(model: type[schema.Section], name: str, kind: Kind) -> None:
    assert field_values.declared(model, name).kind is kind


def test_bounds_words_and_defaults_are_those_of_the_schema() -> None:
    port = field_values.declared(schema.Ssh, "port")
    assert (port.least, port.most, port.default, port.optional) == (1, 65_535, 2222, False)
    banner = field_values.declared(schema.Ssh, "banner")
    assert (banner.default, banner.optional) == (None, True)
    assert field_values.declared(schema.SmartHost, "host").default is None
    assert field_values.declared(schema.SmartHost, "tls_mode").words == ("starttls", "implicit")


def test_a_word_that_the_field_refuses_is_none_of_its_words() -> None:
    assert field_values.declared(schema.DestinationControl, "min_tls").words == ("1.2", "1.3")


REFUSED = (
    (schema.Ssh, "address", "nowhere", "an IPv4 or IPv6 address"),
    (schema.Ssh, "max_sessions", 51, "at most 50"),
    (schema.Ssh, "idle_timeout", "10s", "at least 60"),
    (schema.Trust, "system_file", "", "not empty"),
    (schema.DestinationControl, "trust", ["custom", "all"], "system, custom"),
)


@pytest.mark.parametrize(("model", "name", "value", "why"), REFUSED)
def test_why_a_value_is_refused(
    model: type[schema.Section], name: str, value: object, why: str
) -> None:
    assert field_values.why_not(model, name, value) == why


VALUES = (
    (schema.Ssh, "idle_timeout", "10m", 600, "10m"),
    (schema.Queue, "disk_reserve", "512M", 2**29, "512M"),
    (schema.DestinationControl, "trust", ["System"], None, ["system"]),
    (schema.Ssh, "port", 22, 22, 22),
    (schema.Ssh, "enabled", True, True, True),
)


@pytest.mark.parametrize(("model", "name", "value", "meant", "written"), VALUES)
def test_what_is_read_is_written_back_in_one_form(
    model: type[schema.Section], name: str, value: object, meant: object, written: object
) -> None:
    assert field_values.why_not(model, name, value) is None
    read = field_values.read(model, name, value)
    assert meant is None or read == meant
    assert field_values.written(model, name, read) == written


@pytest.mark.parametrize("model", schema.Section.__subclasses__(), ids=lambda one: one.__name__)
def test_the_default_of_every_field_is_a_value_that_it_takes(model: type[schema.Section]) -> None:
    for name in model.model_fields:
        default = field_values.declared(model, name).default
        if (
            default is not None
            and annotations.section_of(model.model_fields[name].annotation) is None
        ):
            written = field_values.written(model, name, default)
            assert field_values.read(model, name, written) == default, name
