# SPDX-License-Identifier: Apache-2.0
"""The custom trust list: every entry is said to be what it is, and what is of no use stays out."""

import asyncio
from datetime import UTC, datetime

import pytest
import trustme

from gatehouse.faces.actions import configuration_commit_work as configuration
from gatehouse.faces.actions import trust_work
from gatehouse.faces.actions.configuration import CommitInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.trust import Added, AddInput, ExportInput, ListInput, RemoveInput
from gatehouse.service.trust import anchors, pending
from tests.unit.faces.conftest import NOW


def add(house: House, *pems: bytes, name: str = "partner") -> Added:
    given = AddInput(file=b"".join(pems), name=name)
    return asyncio.run(trust_work.add(house, given))


def test_a_root_is_added_with_the_commit_and_removed_with_one(house: House) -> None:
    done = add(house, trustme.CA().cert_pem.bytes())
    assert [(one.role, one.usable) for one in done.added] == [("root", True)]
    assert anchors.custom(house.store) == {}
    asyncio.run(configuration.commit(house, CommitInput(comment="trust")))
    assert list(anchors.custom(house.store)) == ["partner"]
    asyncio.run(trust_work.remove(house, RemoveInput(name="partner")))
    (entry,) = asyncio.run(trust_work.list_entries(house, ListInput())).entries
    assert entry.pending == "deleted"
    asyncio.run(configuration.commit(house, CommitInput(comment="gone")))
    assert anchors.custom(house.store) == {}


def test_an_intermediate_alone_can_be_used_and_is_warned_about(house: House) -> None:
    child = trustme.CA().create_child_ca()
    (one,) = add(house, child.cert_pem.bytes()).added
    assert one.usable
    assert one.role == "intermediate"
    assert any("rotates" in advice for advice in one.advice)


def test_many_in_one_file_are_numbered_and_duplicates_left_out(house: House) -> None:
    first, second = trustme.CA().cert_pem.bytes(), trustme.CA().cert_pem.bytes()
    done = add(house, first, second, first)
    assert [one.name for one in done.added] == ["partner", "partner-2"]
    assert [one.reason for one in done.refused] == ["it is already in the list"]


def test_a_file_of_which_nothing_can_be_used_is_refused_with_the_reason(house: House) -> None:
    expired = trustme.CA().issue_cert(
        "old.example.com", not_after=datetime.fromtimestamp(NOW - 86_400, UTC)
    )
    with pytest.raises(OperatorError, match="expired"):
        add(house, expired.cert_chain_pems[0].bytes())
    with pytest.raises(OperatorError, match="neither"):
        add(house, b"nonsense")
    assert pending.names(house.store, house.operator) == ()


def test_a_private_key_has_no_business_here(house: House) -> None:
    issued = trustme.CA().issue_cert("a.example.com")
    with pytest.raises(OperatorError) as caught:
        add(house, issued.private_key_and_cert_chain_pem.bytes())
    assert "PRIVATE" not in caught.value.fault.sentence()
    assert pending.names(house.store, house.operator) == ()


def test_a_name_that_is_not_there_is_said(house: House) -> None:
    with pytest.raises(OperatorError, match="no such entry"):
        asyncio.run(trust_work.remove(house, RemoveInput(name="nobody\x1b")))


def test_what_is_exported_can_be_added_elsewhere(house: House) -> None:
    one, two = trustme.CA().cert_pem.bytes(), trustme.CA().cert_pem.bytes()
    add(house, one, two)
    text = asyncio.run(trust_work.export(house, ExportInput())).text
    assert "# partner\n" in text and "# partner-2\n" in text
    for name in ("partner", "partner-2"):
        asyncio.run(trust_work.remove(house, RemoveInput(name=name)))
    assert asyncio.run(trust_work.export(house, ExportInput())).entries == 0
    assert len(add(house, text.encode(), name="again").added) == 2
