# SPDX-License-Identifier: Apache-2.0
"""Recorded sessions of the shell, replayed on a gateway that runs, and what clients meet then."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.edge import assert_tls_is_demanded
from tests.live.gateway import Gateway, address
from tests.live.shell import recording
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

SESSIONS = Path(__file__).parent / "shell"
TEXT = """\
format = 1

[system]
hostname = "gw1.example.com"

[interfaces.PublicNet]
address = "{address}"
hostname = "mx.example.com"

# The first listener stays as it is.
[listeners.InboundMail]
type = "public"
interface = "PublicNet"
port = 2525
recipient_access = [{{ recipient = "example.com", access = "accept" }}]

[mail_flow_policies.default]
tls = "off"

[delivery]
suspended = true

[destination_controls.default]
tls = "preferred"

[processes]
receivers = 1
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    here = address()
    with Gateway(tmp_path_factory.mktemp("shell"), TEXT.format(address=here)) as running:
        running.address = here  # type: ignore[attr-defined]
        yield running


def replay(gateway: Gateway, answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatehouse", "shell", "--data", str(gateway.data)],
        input=answers,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=gateway._environment(),
        check=False,
    )


def test_tls_is_required_on_a_new_listener_as_the_guide_of_the_appliance_does_it(
    gateway: Gateway,
) -> None:
    session = recording.read(SESSIONS / "required-tls.session")
    done = replay(gateway, session.answers)
    assert (done.returncode, done.stderr) == (0, "")
    assert recording.difference(session, done.stdout) == "", done.stdout

    assert_tls_is_demanded(gateway.address, subject="CN=mx.example.com")  # type: ignore[attr-defined]
    assert "# The first listener stays as it is." in gateway.command("config", "show").decode()
    gateway.assert_sound()


def test_a_refused_commit_is_the_exit_status_of_a_recorded_session(gateway: Gateway) -> None:
    done = replay(gateway, "commit nothing\n\n")
    assert done.returncode == 1
    assert "There is no candidate." in done.stdout


def test_a_commit_is_confirmed_and_listeners_are_suspended_from_the_shell(gateway: Gateway) -> None:
    done = replay(
        gateway,
        "set logs.keep 12\ncommit\nmore logs\n10m\nversion\ncommitconfirm\n"
        "suspendlistener\n1\n0\nstatus\nresumelistener\nALL\ntopin\ntail 1 3\nquit\n",
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    screen = done.stdout.splitlines()
    assert sum("goes back at" in line for line in screen) == 3  # told twice, and by the commit
    assert any(line.endswith("is kept.") for line in screen)
    assert any(line.startswith("Suspended listeners: ") for line in screen)
    assert "No listener is suspended." in screen
    assert "Nobody is connected." in screen
    assert screen[-1] == "gw1.example.com> quit"
    gateway.assert_sound()
