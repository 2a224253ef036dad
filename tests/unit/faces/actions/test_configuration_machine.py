# SPDX-License-Identifier: Apache-2.0
"""What only the machine can say is said before the commit, and counts what waits with it."""

import asyncio
import json
import socket
from datetime import UTC, datetime

import pytest

from gatehouse.config import checks
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.findings import Finding, Severity
from gatehouse.faces.actions import configuration_machine
from gatehouse.faces.actions.configuration_commit import RollbackInput
from gatehouse.faces.actions.configuration_commit_work import rollback
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import anchors, keyring, pending
from gatehouse.tls.certificates import (
    CertifiedKey,
    KeyKind,
    SelfSigned,
    Subject,
    create_self_signed,
    read_certificates,
)
from tests.unit.faces.conftest import PretendGateway

NOW = datetime(2027, 1, 1, tzinfo=UTC)
VERIFIED = """
[destination_controls."bank.example"]
tls = "required-verify"
trust = ["custom"]
"""


def certified(name: str, kind: KeyKind = KeyKind.P256) -> CertifiedKey:
    wanted = SelfSigned(subject=Subject(common_name=name), alternative_names=(name,), key_kind=kind)
    made = create_self_signed(wanted, now=NOW, serial=1)
    assert isinstance(made, CertifiedKey)
    return made


def look(house: House, text: str) -> dict[str, Finding]:
    names = keyring.names_to_be(house.store, house.operator)
    loaded = checks.load(text.encode(), certificates=names)
    assert isinstance(loaded, checks.Loaded), loaded
    return {one.place: one for one in configuration_machine.look(house, loaded)}


@pytest.mark.parametrize("runs", [True, False])
def test_a_port_that_somebody_has_is_an_error_where_a_gateway_runs(
    house: House, running_house: House, gateway: PretendGateway, runs: bool
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = DEFAULT_TEXT.replace("port = 2525", f"port = {port}")
        before = checks.load(DEFAULT_TEXT.encode())
        assert isinstance(before, checks.Loaded)
        gateway.running = before.running
        found = look(running_house if runs else house, text)["listeners.InboundMail.port"]
        assert found.severity is (Severity.ERROR if runs else Severity.WARNING)
        loaded = checks.load(text.encode())
        assert isinstance(loaded, checks.Loaded)
        gateway.running = loaded.running  # it is ours
        assert "listeners.InboundMail.port" not in look(running_house, text)


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384])
@pytest.mark.parametrize("level", [2, 3, 4])
@pytest.mark.parametrize("name", ["mx", "Demo"])
def test_a_certificate_that_is_too_weak_for_a_profile_is_an_error_before_the_commit(
    house: House, kind: KeyKind, level: int, name: str
) -> None:
    text = DEFAULT_TEXT.replace('certificate = "Demo"', f'certificate = "{name}"').replace(
        "[listeners.InboundMail]", '[listeners.InboundMail]\ntls_profile = "strict"'
    )
    text += f"\n[tls_profiles.strict]\nsecurity_level = {level}\n"
    if name == "Demo":
        keyring.put(house.store, name, certified("mx.example.com", kind), NOW.timestamp())
    else:
        given = certified("mx.example.com", kind)
        keyring.stage(house.store, house.operator, name, given, NOW.timestamp())
    found = look(house, text).get("listeners.InboundMail.tls_profile")
    # OpenSSL's manual, SSL_CTX_set_security_level(3): bits of RSA, and of the curve.
    fits = {KeyKind.RSA_2048: 2, KeyKind.P256: 3, KeyKind.P384: 4}[kind]
    assert (found is None) == (level <= fits)
    if found is not None:
        assert found.severity is Severity.ERROR
        assert f"level {level}" in found.what and "key too small" in found.what


def test_a_certificate_for_another_name_is_told_also_when_it_still_waits(house: House) -> None:
    text = DEFAULT_TEXT.replace('certificate = "Demo"', 'certificate = "mx"')
    place = "listeners.InboundMail.certificate"
    running = checks.load(DEFAULT_TEXT.encode())
    assert isinstance(running, checks.Loaded)
    name = running.running.listeners[0].interface.hostname
    keyring.stage(house.store, house.operator, "mx", certified("other.example"), 1.0)
    assert "other.example" in look(house, text)[place].what
    keyring.stage(house.store, house.operator, "mx", certified(name), 1.0)
    assert place not in look(house, text)
    assert place not in look(house, DEFAULT_TEXT)


def test_verification_without_any_anchor_is_an_error(house: House) -> None:
    found = look(house, DEFAULT_TEXT + VERIFIED)
    one = found["destination_controls.'bank.example'.trust"]
    assert one.severity is Severity.ERROR
    assert "nothing to verify by" in one.what


def test_an_authority_that_is_not_in_the_list_is_an_error_until_it_waits(house: House) -> None:
    made = certified("ca.example").chain_pem[0]
    pinned = [made.decode(), "Partner"]
    text = f"{DEFAULT_TEXT}{VERIFIED}ca_certificates = {json.dumps(pinned)}\n"
    one = look(house, text)["destination_controls.'bank.example'.ca_certificates"]
    assert one.severity is Severity.ERROR
    assert "no such certificate" in one.what
    assert one.found == "'Partner'"
    pending.stage(house.store, house.operator, {"trust/Partner": made}, 1.0)
    assert not [place for place in look(house, text) if "ca_certificates" in place]


def refused(house: House, revision: int) -> str:
    with pytest.raises(OperatorError) as caught:
        asyncio.run(rollback(house, RollbackInput(revision=revision)))
    return "\n".join(one.what for one in caught.value.fault.findings)


def test_what_waits_does_not_count_for_a_rollback_which_leaves_it_waiting(house: House) -> None:
    store, name = house.store, "gatehouse.example.com"
    keyring.put(store, "mx", certified(name), 1.0)
    text = DEFAULT_TEXT.replace('certificate = "Demo"', 'certificate = "mx"')
    for one in (text, text + VERIFIED, DEFAULT_TEXT):
        store.revisions.append(text=one, operator="x", comment="", committed_at=1.0)
    keyring.stage_removal(store, house.operator, "mx", 1.0)
    done = asyncio.run(rollback(house, RollbackInput(revision=2)))
    assert done.revision == 5, "the certificate is there: its removal only waits"
    (anchor,) = read_certificates(certified("ca.example").chain_pem[0])  # type: ignore[misc]
    anchors.stage(store, house.operator, {"Partner": anchor}, 1.0)
    assert "nothing to verify by" in refused(house, 3)
