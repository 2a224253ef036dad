# SPDX-License-Identifier: Apache-2.0
"""Each operator has a candidate; the one that all shared in earlier versions is taken over once."""

from dataclasses import replace

import pytest

from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import pending
from gatehouse.store.errors import StoreError


def other(house: House, name: str = "bob") -> House:
    return replace(house, operator=name)


def test_nobody_sees_or_forgets_the_candidate_of_another(house: House) -> None:
    assert Candidate(house).read() is None
    Candidate(house).write(b"one")
    Candidate(other(house)).write(b"two")
    assert (Candidate(house).read(), Candidate(other(house)).read()) == (b"one", b"two")
    assert Candidate(house).clear()
    assert not Candidate(house).clear()
    assert Candidate(other(house)).read() == b"two"


def test_it_remembers_the_revision_that_it_was_made_from(house: House) -> None:
    Candidate(house).write(b"one")
    house.store.revisions.append(text=DEFAULT_TEXT, operator="bob", comment="", committed_at=1.0)
    Candidate(house).write(b"two")
    kept = Candidate(house).kept()
    assert kept is not None
    assert (kept.base, kept.text) == (1, "two")
    Candidate(house).write(b"three", 2)
    again = Candidate(house).kept()
    assert again is not None
    assert again.base == 2


def test_the_file_of_earlier_versions_is_taken_over_once(house: House) -> None:
    path = house.directory.path / "candidate.toml"
    path.write_bytes(b"shared")
    house.store.secrets.put("pending/certificate/mx", b'{"content":"eA=="}', 1.0)
    assert Candidate(other(house)).read() == b"shared"
    assert not path.exists()
    assert Candidate(house).read() is None
    assert pending.names(house.store, "bob") == ("certificate/mx",)
    assert pending.staged(house.store, "bob") == {"certificate/mx": b"x"}
    assert pending.names(house.store, "ann") == ()


def test_whoever_has_a_candidate_leaves_the_file_to_others(house: House) -> None:
    Candidate(house).write(b"mine")
    (house.directory.path / "candidate.toml").write_bytes(b"shared")
    assert Candidate(house).read() == b"mine"
    assert Candidate(other(house)).read() == b"shared"


def test_a_file_that_cannot_be_read_is_a_store_error(house: House) -> None:
    (house.directory.path / "candidate.toml").mkdir()
    with pytest.raises(StoreError, match="read the candidate"):
        Candidate(house).read()


def test_without_a_store_there_is_none(house: House) -> None:
    assert Candidate(replace(house, opened=None)).read() is None
