# SPDX-License-Identifier: Apache-2.0
"""The custom list in the store, the system's list in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from gatehouse.app import open_house
from gatehouse.config.running import TrustSettings
from gatehouse.service.trust import anchors, pending
from gatehouse.store.interface import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    _, opened = open_house(tmp_path / "data")
    yield opened
    opened.close()


def root(authority: trustme.CA) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.cert_pem.bytes())


def test_an_entry_waits_for_the_commit(store: Store) -> None:
    one = root(trustme.CA())
    anchors.stage(store, "ann", {"partner": one}, 1.0)
    assert anchors.custom(store) == {}
    assert anchors.custom_to_be(store, "ann") == {"partner": one}
    store.secrets.change(pending.promotion(store, "ann"), 2.0)
    assert anchors.custom(store) == {"partner": one}
    anchors.stage_removal(store, "ann", "partner", 3.0)
    assert anchors.custom_to_be(store, "ann") == {}
    assert anchors.custom(store) == {"partner": one}


def test_the_system_list_is_read_and_one_bad_entry_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    pem = trustme.CA().cert_pem.bytes()
    broken = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    file.write_bytes(pem + broken + trustme.CA().cert_pem.bytes())
    assert len(anchors.system(TrustSettings(system=True, system_file=str(file)))) == 2


def test_a_changed_system_list_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    settings = TrustSettings(system=True, system_file=str(file))
    file.write_bytes(trustme.CA().cert_pem.bytes())
    assert len(anchors.system(settings)) == 1
    file.write_bytes(trustme.CA().cert_pem.bytes() + trustme.CA().cert_pem.bytes())
    assert len(anchors.system(settings)) == 2


def test_a_system_list_that_is_not_there_is_said_and_one_switched_off_is_empty(
    tmp_path: Path,
) -> None:
    missing = str(tmp_path / "none.pem")
    with pytest.raises(anchors.SystemListUnusable, match="No such file"):
        anchors.system(TrustSettings(system=True, system_file=missing))
    assert anchors.system(TrustSettings(system=False, system_file=missing)) == ()


def test_only_cas_that_are_no_roots_help_to_complete_chains(store: Store) -> None:
    authority = trustme.CA()
    child = authority.create_child_ca()
    leaf = x509.load_pem_x509_certificate(child.issue_cert("a.example").cert_chain_pems[0].bytes())
    entries = {"root": root(authority), "child": root(child), "leaf": leaf}
    anchors.stage(store, "ann", entries, 1.0)
    assert anchors.intermediates(store, "ann") == (root(child),)
