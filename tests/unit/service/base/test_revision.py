# SPDX-License-Identifier: Apache-2.0
"""A stored revision runs whole or not at all."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.service.base.revision import (
    NotOfThisMachine,
    RevisionUnusable,
    load_running,
)
from gatehouse.store.interface import Store

DEMO = frozenset({"Demo"})


def store(**texts: str) -> Store:
    kept = {int(name[1:]): SimpleNamespace(text=text) for name, text in texts.items()}
    return cast(Store, SimpleNamespace(revisions=SimpleNamespace(get=cast(Any, kept.get))))


def test_a_good_revision_becomes_values() -> None:
    running = load_running(store(r1=DEFAULT_TEXT), 1, DEMO)
    assert [one.name for one in running.listeners] == ["InboundMail"]


def test_a_revision_that_is_not_there_is_named() -> None:
    with pytest.raises(RevisionUnusable, match="There is no revision 7"):
        load_running(store(r1=DEFAULT_TEXT), 7, DEMO)


def test_a_revision_that_does_not_fit_names_every_fault() -> None:
    text = DEFAULT_TEXT.replace('type = "public"', 'type = "pubic"')
    with pytest.raises(RevisionUnusable, match=r"Revision 2 does not fit .*pubic") as caught:
        load_running(store(r2=text + '\n[queue]\ndisk_reserve = "much"\n'), 2, DEMO)
    assert "disk_reserve" in str(caught.value)


def test_a_certificate_that_is_gone_refuses_the_revision() -> None:
    with pytest.raises(RevisionUnusable, match="Demo"):
        load_running(store(r1=DEFAULT_TEXT), 1, frozenset())


def test_a_revision_of_several_machines_runs_on_each_as_its_own() -> None:
    text = DEFAULT_TEXT + "".join(
        f"[machines.gw{one}.settings.listeners.InboundMail]\nport = {2600 + one}\n"
        for one in (1, 2)
    )
    kept = store(r1=text)
    ports = [load_running(kept, 1, DEMO, name).listeners[0].port for name in ("gw1", "gw2")]
    assert ports == [2601, 2602]
    for stranger in (None, "gw3"):
        with pytest.raises(NotOfThisMachine, match="`gatehouse cluster join"):
            load_running(kept, 1, DEMO, stranger)
