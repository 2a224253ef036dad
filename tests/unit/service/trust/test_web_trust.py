# SPDX-License-Identifier: Apache-2.0
"""Whom we believe on the Web: the lists of the gateway, and nobody else."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from gatehouse.config.running import TrustSettings
from gatehouse.service.trust import anchors, pending
from gatehouse.service.trust.web_trust import web_context
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import open_store
from tests.unit.tls.authority import NOW, OTHER_ROOT, ROOT


def subjects(context: ssl.SSLContext) -> set[str]:
    found: list[Any] = context.get_ca_certs()
    return {value for one in found for ((_, value),) in one["subject"]}


def test_the_system_list_and_the_custom_list_are_both_believed(tmp_path: Path) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes(OTHER_ROOT.pem)
    store = open_store(DataDirectory(tmp_path / "data"))
    try:
        settings = TrustSettings(system=True, system_file=str(system))
        assert subjects(web_context(store, settings)) == {"Other Root"}
        anchors.stage(store, "ann", {"ours": ROOT.certificate}, NOW.timestamp())
        store.secrets.change(pending.promotion(store, "ann"), NOW.timestamp())
        context = web_context(store, settings)
        assert subjects(context) == {"Other Root", "Test Root"}
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN, "an entry may have an issuer"
        without = web_context(store, TrustSettings(system=False, system_file=str(system)))
        assert subjects(without) == {"Test Root"}
    finally:
        store.close()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_system_list_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    system = tmp_path / "system.pem"
    if content is not None:
        system.write_bytes(content)
    store = open_store(DataDirectory(tmp_path / "data"))
    try:
        with pytest.raises(anchors.SystemListUnusable, match=r"system\.pem"):
            web_context(store, TrustSettings(system=True, system_file=str(system)))
    finally:
        store.close()
