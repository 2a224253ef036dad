# SPDX-License-Identifier: Apache-2.0
"""What cannot be ordered is refused before anybody is asked."""

import asyncio
from typing import Any

import pytest

from gatehouse.faces.actions.acme import OrderInput, RenewInput
from gatehouse.faces.actions.acme_work import order, renew
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import acme

GOOD: dict[str, Any] = {
    "name": "mx",
    "domain": ("mx.example.com",),
    "directory": "https://127.0.0.1:1/dir",
    "contact": "me@example.com",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "../x"}, "name of an ordered certificate"),
        ({"name": "Demo"}, "name of an ordered certificate"),
        ({"domain": ()}, "Name 1 to 100 host names"),
        ({"domain": ("a b",)}, "no host name"),
        ({"domain": ("192.0.2.1\r\n",)}, "no host name"),
        ({"domain": ("*.example.com",)}, "dns-01 only"),
        ({"directory": "http://ca.example/dir"}, "https"),
        ({"contact": "nobody"}, "mail address"),
        ({"challenge": "dns-01"}, "needs a --hook"),
        ({"challenge": "dns-01", "hook": "relative/hook"}, "whole path"),
        ({"hook": "/bin/true"}, "dns-01 only"),
        ({"directory_ca": b"nonsense"}, "certificate"),
    ],
)
def test_bad_arguments_are_told(house: House, change: dict[str, Any], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        asyncio.run(order(house, OrderInput(**GOOD | change)))
    assert acme.standing(house.store) == ()


def test_a_server_that_is_not_there_is_told_and_leaves_no_order(house: House) -> None:
    with pytest.raises(OperatorError, match="cannot be reached"):
        asyncio.run(order(house, OrderInput(**GOOD)))
    assert acme.standing(house.store) == ()


def test_what_was_not_ordered_is_not_renewed(house: House) -> None:
    with pytest.raises(OperatorError, match="did not come by ACME"):
        asyncio.run(renew(house, RenewInput(name="Demo")))
