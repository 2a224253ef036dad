# SPDX-License-Identifier: Apache-2.0
"""One text, two machines: the same data directory runs as one and then as the other.

One after the other, since a data directory has one gateway; each listens where its own level says,
and shows what its own level names from the certificates that all of them have.
"""

import smtplib
import ssl
from pathlib import Path

import msgspec
import pytest

from gatehouse.service.base import machine
from tests.live.gateway import Gateway, address
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

PORT = 2525
TEXT = """\
format = 1

[system]
hostname = "gw.example.com"

# where the world comes in
[interfaces.Net]
address = "{address}"

[listeners.InboundMail]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{{ recipient = "example.com", access = "accept" }}]

[mail_flow_policies.default]
tls = "preferred"

[processes]
receivers = 1
"""

MACHINES = """
[machines.gw1]

[machines.gw2.settings.interfaces.Net]
address = "{address}"

[machines.gw2.settings.listeners.InboundMail]
certificate = "Site"
"""


def listens(where: str) -> bool:
    try:
        with smtplib.SMTP(where, PORT, timeout=PATIENCE) as client:
            return client.ehlo()[0] == 250
    except ConnectionRefusedError:
        return False


def shown_certificate(where: str) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(where, PORT, timeout=PATIENCE) as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return client.sock.getpeercert(True) or b""


def test_each_machine_listens_where_its_level_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = address(), address()
    alone = TEXT.format(address=first)
    gateway = Gateway(tmp_path, alone)
    ask = gateway.command
    text = tmp_path / "two.toml"
    text.write_text(alone + MACHINES.format(address=second))
    ask("certificate", "create", "Site", "--common-name", "gw2.example.com")
    ask("config", "load", str(text), "--commit", "two machines")
    machine.keep(gateway.data, "gw1")

    with gateway:
        assert (listens(first), listens(second)) == (True, False)
        demo = shown_certificate(first)
        limit = ("delivery.max_connections", "9", "--level", "machine:gw2")
        done = msgspec.json.decode(ask("config", "set", *limit, "--commit", "for gw2", "--json"))
        assert done["commit"]["running"]
        assert listens(first)
        refused = gateway.run("cluster", "leave", "gw1", "--commit", "while it runs")
        assert refused.returncode == 1
        assert b"Stop its gateway first" in refused.stderr

    monkeypatch.setenv(machine.VARIABLE, "gw2")
    with gateway:
        assert (listens(first), listens(second)) == (False, True)
        assert shown_certificate(second) != demo
        (line,) = msgspec.json.decode(ask("listener", "list", "--json"))["listeners"]
        assert line["address"] == second

    monkeypatch.setenv(machine.VARIABLE, "gw9")
    stranger = gateway.run("run")
    assert stranger.returncode == 1
    assert b"this machine (gw9) is none of them; `gatehouse cluster join gw9`" in stranger.stderr
