# SPDX-License-Identifier: Apache-2.0
"""The search for ways: what leads on, and that nobody can make it long."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatehouse.tls import facets, paths
from gatehouse.tls.paths import Origin
from tests.unit.tls.authority import CROSS, LEAF, MIDDLE, OTHER_ROOT, ROOT, Made, issue


def look(*presented: Made, **store: list[Made]) -> paths.Search:
    held = paths.trust_store(**{n: [m.certificate for m in made] for n, made in store.items()})
    return paths.search(tuple(m.certificate for m in presented), held, max_intermediates=10)


def test_both_ways_of_a_cross_signed_root_are_found_the_shorter_first() -> None:
    found = look(LEAF, MIDDLE, CROSS, custom=[OTHER_ROOT], system=[ROOT])
    assert [path.anchor.origin for path in found.paths] == [Origin.SYSTEM, Origin.CUSTOM]
    assert [len(path.certificates) for path in found.paths] == [3, 4]


def test_a_dead_end_is_the_longest_way() -> None:
    found = look(LEAF, MIDDLE)
    assert found.paths == ()
    assert found.dead_end == (LEAF.certificate, MIDDLE.certificate)
    assert not found.wrong_key


def test_a_root_of_another_key_is_noticed() -> None:
    impostor = issue("Test Root", ca=True, own_key=ec.generate_private_key(ec.SECP256R1()))
    assert look(LEAF, MIDDLE, custom=[impostor]).wrong_key


def test_a_circle_of_two_cas_ends() -> None:
    one = issue("One", OTHER_ROOT, ca=True)
    two = issue("Two", one, ca=True)
    back = issue("One", two, ca=True)
    found = look(issue("leaf.example", two), two, back, one)
    assert found.paths == ()


def test_a_crowd_of_cas_with_one_name_and_key_costs_no_more_than_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = 0
    real = facets.signed_by

    def counting(*pair: object) -> bool:
        nonlocal checked
        checked += 1
        return real(*pair)  # type: ignore[arg-type]

    monkeypatch.setattr(facets, "signed_by", counting)
    top = issue("Crowd", OTHER_ROOT, ca=True)
    crowd = [issue("Crowd", top, ca=True, serial=n + 1) for n in range(48)]
    found = look(issue("leaf.example", top), top, *crowd, custom=[ROOT])
    assert found.paths == ()
    assert found.exhausted
    assert checked <= paths.SIGNATURE_BUDGET
