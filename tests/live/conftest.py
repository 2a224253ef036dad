# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests with real peers. Where one cannot be had, the test says why and is skipped."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.live.house import House, open_house_in
from tests.live.peers import packages
from tests.live.peers.chamber import why_not
from tests.live.peers.opensmtpd import OpenSmtpd
from tests.live.peers.postfix import Postfix
from tests.live.signed_zone import SignedZones, signed_zones
from tests.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """A certificate for the peers, its key, and the CA that vouches for it, as PEM files."""

    certificate: Path
    key: Path
    authority: Path


@pytest.fixture(scope="session")
def peer_tools() -> None:
    """The unpacked programs: smtp-source, smtp-sink, swaks, posttls-finger."""
    try:
        packages.tree()
    except packages.PeersMissing as missing:
        pytest.skip(f"peers: {missing}")


@pytest.fixture(scope="session")
def peer_daemons(peer_tools: None) -> None:
    """The same, and the right to start the MTAs themselves."""
    if reason := why_not():
        pytest.skip(f"peers: {reason}")


@pytest.fixture(scope="session")
def peer_identity(tmp_path_factory: pytest.TempPathFactory) -> PeerIdentity:
    """mx.peer.example's certificate from a CA of the test's own."""
    folder = tmp_path_factory.mktemp("peer-identity")
    authority = trustme.CA()
    issued = authority.issue_cert("mx.peer.example", "localhost")
    identity = PeerIdentity(folder / "mx.pem", folder / "mx.key", folder / "ca.pem")
    issued.private_key_pem.write_to_path(identity.key)
    issued.cert_chain_pems[0].write_to_path(identity.certificate)
    authority.cert_pem.write_to_path(identity.authority)
    identity.key.chmod(0o600)
    return identity


@pytest.fixture
def peer_folder() -> Iterator[Path]:
    """A folder that daemons which gave up root can reach.

    It does not lie below pytest's own: every session that starts closes that one for all others.
    """
    with tempfile.TemporaryDirectory(prefix="gatehouse-peer-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def postfix(peer_daemons: None, peer_folder: Path) -> Iterator[Callable[..., Postfix]]:
    """Makes and starts Postfix instances; they are stopped at the end."""
    started: list[Postfix] = []

    def make(**options: object) -> Postfix:
        instance = Postfix(peer_folder / f"postfix{len(started)}", **options)  # type: ignore[arg-type]
        started.append(instance)
        return instance.start()

    yield make
    for instance in started:
        instance.stop()


@pytest.fixture
def opensmtpd(peer_daemons: None, peer_folder: Path) -> Iterator[Callable[..., OpenSmtpd]]:
    """Makes and starts OpenSMTPD instances; they are stopped at the end."""
    started: list[OpenSmtpd] = []

    def make(**options: object) -> OpenSmtpd:
        instance = OpenSmtpd(peer_folder / f"opensmtpd{len(started)}", **options)  # type: ignore[arg-type]
        started.append(instance)
        return instance.start()

    yield make
    for instance in started:
        instance.stop()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that another program does in its own time; fails when it does not."""

    def wait(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
        until = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < until, f"still not so after {seconds} s"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The gateway that most tests share; at the end it must have no fault of its own."""
    with open_house_in(tmp_path_factory.mktemp("house")) as opened:
        yield opened
        opened.gateway.assert_sound()


@pytest.fixture(scope="session")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedZones]:
    """Signed zones and a resolver that validates them; each test writes names of its own."""
    try:
        with signed_zones(tmp_path_factory.mktemp("zones")) as made:
            yield made
    except packages.PeersMissing as missing:
        pytest.skip(f"peers: {missing}")
