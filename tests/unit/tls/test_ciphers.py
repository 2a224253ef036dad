# SPDX-License-Identifier: Apache-2.0
"""A cipher string becomes the suites that a handshake would really have."""

import pytest

from gatehouse.tls.ciphers import expand
from gatehouse.tls.contexts import ClientTlsSettings, TlsSetupError
from gatehouse.tls.profiles import CLIENT_CIPHERS, TlsVersion


def names(ciphers: str, **more: object) -> list[str]:
    found = expand(ClientTlsSettings(ciphers=ciphers, **more))  # type: ignore[arg-type]
    return [one.name for one in found]


def test_the_built_in_string_is_what_it_says() -> None:
    found = names(CLIENT_CIPHERS)
    assert [one for one in found if not one.startswith("TLS_")] == CLIENT_CIPHERS.split(":")
    assert found[0].startswith("TLS_"), "the suites of TLS 1.3 are not governed by it"


def test_a_suite_is_described() -> None:
    (one,) = expand(
        ClientTlsSettings(ciphers="ECDHE-RSA-AES128-SHA", max_version=TlsVersion.TLS_1_2)
    )
    assert (one.name, one.bits, one.forward_secrecy, one.aead) == (
        "ECDHE-RSA-AES128-SHA",
        128,
        True,
        False,
    )
    (old,) = expand(ClientTlsSettings(ciphers="AES256-SHA", max_version=TlsVersion.TLS_1_2))
    assert not old.forward_secrecy


def test_the_versions_rule_suites_out() -> None:
    assert all(one.startswith("TLS_") for one in names("HIGH", min_version=TlsVersion.TLS_1_3))
    assert not any(
        "GCM" in one
        for one in names(
            "HIGH", max_version=TlsVersion.TLS_1_1, min_version=TlsVersion.TLS_1_0, security_level=0
        )
    )


def test_what_has_no_certificate_or_no_encryption_is_never_used() -> None:
    for string in ("ALL", "ALL:eNULL:aNULL", "ALL:@SECLEVEL=0", "COMPLEMENTOFALL:ALL"):
        found = names(string, security_level=0)
        assert found and not any(word in one for one in found for word in ("NULL", "ADH", "AECDH"))


@pytest.mark.parametrize("string", ["NOTHING", "eNULL", "aNULL", "", "AES128-SHA:@SECLEVEL=9"])
def test_a_string_without_a_usable_suite_is_refused(string: str) -> None:
    with pytest.raises(TlsSetupError):
        names(string, max_version=TlsVersion.TLS_1_2)


def test_a_level_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(TlsSetupError):
        names("RC4-MD5", max_version=TlsVersion.TLS_1_2, security_level=2)
