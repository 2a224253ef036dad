# SPDX-License-Identifier: Apache-2.0
"""The policies that are kept, as an operator meets them."""

import asyncio

import pytest

from gatehouse.faces.actions import mta_sts as declared
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.mta_sts_work import forget, list_policies
from gatehouse.store.tls_values import CachedSts

POLICY = b"version: STSv1\nmode: enforce\nmx: *.shop.example\nmax_age: 86400\n"


def keep(house: House, domain: str, content: bytes = POLICY, life: float = 3600.0) -> None:
    now = house.clock.wall()
    house.store.sts.put(
        CachedSts(
            domain=domain,
            record_id="a1",
            content=content,
            fetched_at=now,
            expires_at=now + life,
            used_at=now,
        )
    )


def listed(house: House) -> tuple[declared.PolicyLine, ...]:
    return asyncio.run(list_policies(house, Nothing())).policies


def test_what_is_kept_is_listed(house: House) -> None:
    keep(house, "shop.example")
    keep(house, "old.example", life=0.5)
    keep(house, "odd.example", b"version: STSv9\n")
    by_domain = {one.domain: one for one in listed(house)}
    shop = by_domain["shop.example"]
    assert (shop.mode, shop.mx, shop.expired) == ("enforce", ("*.shop.example",), False)
    assert by_domain["old.example"].expired
    assert by_domain["odd.example"].mode == "not readable"


def test_a_policy_is_forgotten(house: House) -> None:
    keep(house, "shop.example")
    done = asyncio.run(forget(house, declared.ForgetInput(domain="Shop.example")))
    assert done == declared.Forgotten(domain="shop.example", there_was_one=True)
    assert listed(house) == ()
    again = asyncio.run(forget(house, declared.ForgetInput(domain="shop.example")))
    assert not again.there_was_one


def test_what_is_no_domain_is_refused(house: House) -> None:
    with pytest.raises(OperatorError) as raised:
        asyncio.run(forget(house, declared.ForgetInput(domain="not a domain")))
    assert raised.value.fault.reference == "no-domain"
