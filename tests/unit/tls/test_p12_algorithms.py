# SPDX-License-Identifier: Apache-2.0
"""The algorithm table of PKCS#12: names for people, and what can be opened."""

from gatehouse.tls import p12_algorithms as table


def test_an_algorithm_has_a_name_or_keeps_its_number() -> None:
    assert table.named("1.2.840.113549.1.5.1") == "PBE with MD2 and DES"
    assert table.named("1.2.3.4") == "1.2.3.4"


def test_what_nobody_should_meet_is_not_supported() -> None:
    assert "1.2.840.113549.1.5.1" not in table.SUPPORTED
    assert {table.PBES2, table.PBKDF2, "1.2.840.113549.1.12.1.6"} <= table.SUPPORTED
