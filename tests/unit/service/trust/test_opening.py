# SPDX-License-Identifier: Apache-2.0
"""What people bring is opened in a process of its own, and the loop goes on meanwhile."""

import asyncio
import io
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from gatehouse.service.trust import opening, opening_process
from gatehouse.service.trust.opening import Order
from gatehouse.service.trust.opening_process import answer
from gatehouse.tls import pkcs12
from gatehouse.tls.certificates import (
    CertificateFault,
    CertifiedKey,
    SelfSigned,
    Subject,
    create_self_signed,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def made() -> CertifiedKey:
    found = create_self_signed(
        SelfSigned(subject=Subject(common_name="mx.example.com")), now=NOW, serial=7
    )
    assert isinstance(found, CertifiedKey)
    return found


def sealed(certified: CertifiedKey) -> bytes:
    found = pkcs12.export_file(certified, "secret", name="mx")
    assert isinstance(found, bytes)
    return found


def source_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(opening.__file__).parents[3]))


def test_a_pkcs12_file_comes_back_as_the_pair_that_went_in(monkeypatch: pytest.MonkeyPatch) -> None:
    source_path(monkeypatch)
    certified = made()
    opened = asyncio.run(opening.open_material([sealed(certified)], "secret", pkcs12=True))
    assert opened == certified


def test_what_is_bounded_is_the_work_and_not_the_time_that_a_busy_machine_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds: dict[int, tuple[int, int]] = {}
    order = msgspec.msgpack.encode(Order(pkcs12=True, parts=(b"",), password=None))
    monkeypatch.setattr(resource, "setrlimit", bounds.__setitem__)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(order)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=io.BytesIO()))
    opening_process.main()
    assert bounds[resource.RLIMIT_CPU] == (5, 5)
    assert bounds[resource.RLIMIT_AS][1] == opening_process.MEMORY
    assert opening.WALL_SECONDS >= 10 * opening.CPU_SECONDS


def test_a_process_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    source_path(monkeypatch)
    opened = asyncio.run(
        opening.open_material([sealed(made())], "secret", pkcs12=True, seconds=0.001)
    )
    assert isinstance(opened, CertificateFault)
    assert "given up" in opened.text


def test_a_process_that_dies_is_a_fault_and_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    opened = asyncio.run(opening.open_material([b""], None, pkcs12=False))
    assert isinstance(opened, CertificateFault)


def test_a_wrong_password_is_called_that() -> None:
    said = answer(Order(pkcs12=True, parts=(sealed(made()),), password="wrong"))
    assert "password is wrong" in said.fault
    assert said.key == b""


def test_pem_in_several_parts_and_any_order_is_put_together() -> None:
    certified = made()
    parts = (certified.chain_pem[0], certified.key_pem)
    said = answer(Order(pkcs12=False, parts=parts, password=None))
    assert said.fault == ""
    assert said.chain == certified.chain_pem


def test_a_key_that_fits_no_certificate_is_refused() -> None:
    said = answer(Order(pkcs12=False, parts=(made().chain_pem[0], made().key_pem), password=None))
    assert "belongs to none" in said.fault
