# SPDX-License-Identifier: Apache-2.0
"""What a cipher string stands for, as an operator asks for it."""

import asyncio

import pytest

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.tls_ciphers import CiphersInput
from gatehouse.faces.actions.tls_ciphers_work import show
from gatehouse.tls.profiles import CLIENT_CIPHERS


def test_without_a_string_it_is_the_built_in_one(house: House) -> None:
    shown = asyncio.run(show(house, CiphersInput()))
    assert shown.string == CLIENT_CIPHERS
    assert all(one.forward_secrecy for one in shown.suites)


def test_versions_and_level_count(house: House) -> None:
    given = CiphersInput(string="HIGH", min_version="1.0", max_version="1.1", security_level=0)
    names = [one.name for one in asyncio.run(show(house, given)).suites]
    assert names and not any(name.startswith("TLS_") or "GCM" in name for name in names)


@pytest.mark.parametrize(
    ("string", "reference"),
    [("NOTHING", "no-cipher"), ("eNULL", "no-cipher"), ("HIGH; rm", "bad-ciphers")],
)
def test_what_stands_for_nothing_is_refused(house: House, string: str, reference: str) -> None:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(show(house, CiphersInput(string=string, max_version="1.2")))
    assert caught.value.fault.reference == reference
