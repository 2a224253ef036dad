# SPDX-License-Identifier: Apache-2.0
"""SMTP AUTH on a running gateway: from the command that makes a user to the message in the queue.

The clients are the standard library's smtplib, swaks, and SCRAM written from its RFC; the channel
binding is computed by pyOpenSSL on the client's side. Users are made by command, and passwords are
looked for in everything that the gateway leaves behind.
"""

import asyncio
import base64
import json
import smtplib
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from gatehouse.app import open_house
from gatehouse.faces.actions import smtp_users_work
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.smtp_users import AddInput, UserInput
from gatehouse.journal import facts
from gatehouse.policy.auth_throttle import FREE_AT_BOTH
from gatehouse.service.base.login_waits import LoginWaits
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import open_store
from gatehouse.tls.certificates import create_demo
from tests.live.clients import RawClient, Said, encryption
from tests.live.dns import DnsServer, Trouble
from tests.live.gateway import Gateway, address
from tests.live.peers.tools import Swaks
from tests.live.scram_client import ScramClient
from tests.patience import PATIENCE

REQUIRED, OPEN, PRIVATE = 2525, 2526, 2465
T = TypeVar("T")
SECRET = "canary-S3cret-of-the-scanner"
WRONG = "canary-wr0ng-guess"
TEXT = """\
format = 1
[system]
hostname = "gw.auth.example"
[interfaces.Net]
address = "{own}"
hostname = "gw.auth.example"
[delivery]
suspended = true
dns_servers = ["{dns}"]
[listeners.Submission]
type = "private"
interface = "Net"
port = 2525
smtp_auth_profile = "devices"
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "DEVICES" }}]
[listeners.In]
type = "public"
interface = "Net"
port = 2526
recipient_access = [{{ recipient = "ours.example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "BOTH" }}]
[listeners.Implicit]
type = "private"
interface = "Net"
port = 2465
tls_mode = "implicit"
smtp_auth_profile = "devices"
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "INSIDE" }}]
[mail_flow_policies.DEVICES]
behavior = "accept"
tls = "preferred"
smtp_auth = "required"
max_connections_per_client = 100
[mail_flow_policies.INSIDE]
behavior = "accept"
smtp_auth = "required"
[mail_flow_policies.BOTH]
behavior = "accept"
tls = "preferred"
smtp_auth = "preferred"
auth_needs_tls = false
[smtp_auth_profiles.devices]
mechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN"]
[smtp_auth_profiles.devices.senders]
scanner1 = ["scanner1@ours.example", ".dept.example"]
"*" = ["*"]
"""


class Scene:
    """A gateway with users."""

    def __init__(self, folder: Path) -> None:
        self.own, self.dns = address(), DnsServer(address())
        self.dns.add("far.example", Trouble.SERVFAIL)
        self.folder = folder
        self.gateway = Gateway(folder, TEXT.format(own=self.own, dns=self.dns.endpoint))

    def do(self, work: Callable[[House, Any], Coroutine[Any, Any, T]], given: object) -> T:
        """An action on users without a process of its own, also while the gateway runs."""
        directory, store = open_house(self.gateway.data)
        house = House(directory=directory, version="", operator="test", opened=store)
        try:
            return asyncio.run(work(house, given))
        finally:
            store.close()

    def client(self, port: int = REQUIRED) -> smtplib.SMTP:
        """smtplib under TLS."""
        if port == PRIVATE:
            return smtplib.SMTP_SSL(self.own, port, context=encryption(), timeout=PATIENCE)
        client = smtplib.SMTP(self.own, port, timeout=PATIENCE)
        client.starttls(context=encryption())
        return client

    def talk(self, port: int = REQUIRED, source: str | None = None) -> RawClient:
        """A raw client under TLS, before its EHLO."""
        client = RawClient(self.own, port, source=source)
        client.greeted()
        client.expect("EHLO client.example", 250)
        client.starttls()
        return client


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One gateway for all tests of this module; what fails on purpose has users of its own."""
    made = Scene(tmp_path_factory.mktemp("auth"))
    for name in ("Scanner1", "fax", "guessed", "slow"):
        made.do(smtp_users_work.add, AddInput(name=name, password=SECRET))
    with made.gateway:
        yield made
        made.gateway.assert_sound()
    made.dns.close()


def say(client: RawClient, line: bytes) -> Said:
    """One command and its reply; a closed connection is no reply."""
    said = client.say(line)
    assert said is not None, "closed"
    return said


def b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def plain(user: str, password: str, authzid: str = "") -> bytes:
    return b"AUTH PLAIN " + b64(f"{authzid}\0{user}\0{password}".encode())


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
@pytest.mark.parametrize("port", [REQUIRED, PRIVATE])
def test_smtplib_logs_in_and_sends(scene: Scene, mechanism: str, port: int) -> None:
    with scene.client(port) as client:
        client.ehlo()
        client.user, client.password = "scanner1", SECRET
        code, _ = client.auth(mechanism[5:].upper(), getattr(client, mechanism))
        assert code == 235
        assert client.sendmail("scanner1@ours.example", ["x@far.example"], "Subject: s\n\nb") == {}
    done = scene.gateway.events.wait(facts.AuthResult, user="scanner1", ok=True)
    assert done.profile == "devices"
    ready = scene.gateway.events.wait(facts.MessageReady, icid=done.icid)
    assert ready.sender == "scanner1@ours.example"


def test_the_log_says_who_it_was(scene: Scene) -> None:
    with scene.talk() as client:
        say(client, b"EHLO c")
        assert say(client, plain("fax", WRONG)).code == 535
        assert say(client, plain("FAX", SECRET)).code == 235
        assert say(client, plain("fax", SECRET)).code == 503
        assert say(client, b"QUIT").code == 221
    done = scene.gateway.events.wait(facts.AuthResult, user="fax", ok=True)
    lines = scene.gateway.lines(icid=done.icid)
    tail = "for user: fax using AUTH mechanism: PLAIN with profile: devices"
    assert f"SMTP Auth (ICID {done.icid}) failed {tail}" in lines
    assert f"SMTP Auth: (ICID {done.icid}) succeeded {tail}" in lines


def test_without_a_login_there_is_no_mail_and_the_log_says_so(scene: Scene) -> None:
    with scene.talk() as client:
        say(client, b"EHLO c")
        said = say(client, b"MAIL FROM:<a@b.example>")
        assert (said.code, said.text) == (530, "5.7.0 Authentication required")
        say(client, b"QUIT")
    missing = scene.gateway.events.wait(facts.AuthMissing)
    scene.gateway.wait_line(
        f"SMTP Auth (ICID {missing.icid}) was required but remote host did not initiate it",
        icid=missing.icid,
    )


def test_in_clear_it_is_not_offered_and_refused_unread(scene: Scene) -> None:
    with RawClient(scene.own, REQUIRED) as client:
        client.greeted()
        assert "AUTH" not in say(client, b"EHLO c").text
        assert say(client, plain("fax", SECRET)).code == 538
        say(client, b"QUIT")


def test_a_login_in_clear_is_forgotten_when_tls_comes_up(scene: Scene) -> None:
    with RawClient(scene.own, OPEN) as client:
        client.greeted()
        assert "AUTH SCRAM-SHA-256 PLAIN LOGIN" in say(client, b"EHLO c").text
        assert say(client, plain("fax", SECRET)).code == 235
        client.starttls()
        assert "SCRAM-SHA-256-PLUS" in say(client, b"EHLO c").text
        client.expect("MAIL FROM:<any@b.example>", 250)
        client.expect("RCPT TO:<x@far.example>", 550)
        client.expect("RSET", 250)
        assert say(client, plain("fax", SECRET)).code == 235


def test_a_login_opens_the_way_to_everywhere_and_only_its_own_addresses(scene: Scene) -> None:
    with scene.client(OPEN) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@b.example", ["x@far.example"], "Subject: s\n\nb")
        client.login("fax", SECRET)
        assert client.sendmail("any@b.example", ["x@far.example"], "Subject: s\n\nb") == {}
    with scene.client() as client:
        client.login("scanner1", SECRET)
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("boss@ours.example", ["x@far.example"], "Subject: s\n\nb")
        assert refused.value.smtp_code == 553
        assert client.sendmail("a@b.dept.example", ["x@far.example"], "Subject: s\n\nb") == {}
    told = scene.gateway.events.wait(facts.AuthSenderRefused)
    assert (told.user, told.sender) == ("scanner1", "boss@ours.example")


def test_scram_with_a_client_that_is_not_ours(scene: Scene) -> None:
    with scene.talk() as client:
        assert "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" in say(client, b"EHLO c").text
        scram = ScramClient("scanner1", SECRET)
        challenge = say(client, b"AUTH SCRAM-SHA-256 " + b64(scram.first()))
        assert challenge.code == 334
        answer = say(client, b64(scram.final(base64.b64decode(challenge.text))))
        assert answer.code == 334
        assert scram.trusts(base64.b64decode(answer.text))
        assert say(client, b"").code == 235


def test_scram_refuses_a_wrong_password_a_stranger_and_a_downgrade(scene: Scene) -> None:
    tries = [
        ScramClient("guessed", WRONG),
        ScramClient("nobody-at-all", SECRET),
    ]
    for scram in tries:
        with scene.talk() as client:
            say(client, b"EHLO c")
            challenge = say(client, b"AUTH SCRAM-SHA-256 " + b64(scram.first()))
            assert say(client, b64(scram.final(base64.b64decode(challenge.text)))).code == 535
    with scene.talk() as client:
        say(client, b"EHLO c")
        downgraded = ScramClient("guessed", SECRET, flag="y")
        assert say(client, b"AUTH SCRAM-SHA-256 " + b64(downgraded.first())).code == 535


class BoundClient:
    """A client whose TLS is pyOpenSSL's: it can say what the connection is bound to."""

    def __init__(self, own: str, certificate: tuple[bytes, bytes] | None = None) -> None:
        raw = socket.create_connection((own, PRIVATE), PATIENCE)
        raw.setblocking(True)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if certificate is not None:
            key, leaf = certificate
            context.use_privatekey(load_pem_private_key(key, None))  # type: ignore[arg-type]
            context.use_certificate(x509.load_pem_x509_certificate(leaf))
        self.tls = SSL.Connection(context, raw)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self._buffer = b""
        assert self.reply().startswith("220")

    def exporter(self) -> bytes:
        return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32)

    def reply(self) -> str:
        while True:
            lines = self._buffer.split(b"\r\n")
            last = next((n for n, line in enumerate(lines[:-1]) if line[3:4] == b" "), None)
            if last is not None:
                self._buffer = b"\r\n".join(lines[last + 1 :])
                return b"\n".join(lines[: last + 1]).decode()
            self._buffer += self.tls.recv(4096)

    def command(self, line: bytes) -> str:
        self.tls.sendall(line + b"\r\n")
        return self.reply()

    def close(self) -> None:
        self.tls.close()


def test_scram_plus_is_bound_to_its_connection(scene: Scene) -> None:
    for spoilt in (False, True):
        client = BoundClient(scene.own)
        assert "SCRAM-SHA-256-PLUS" in client.command(b"EHLO c")
        data = client.exporter()
        if spoilt:  # somebody in the middle has another connection to us
            data = bytes(one ^ 1 for one in data)
        scram = ScramClient("guessed", SECRET, binding=("tls-exporter", data))
        said = client.command(b"AUTH SCRAM-SHA-256-PLUS " + b64(scram.first()))
        assert said.startswith("334 ")
        said = client.command(b64(scram.final(base64.b64decode(said[4:]))))
        if spoilt:
            assert said.startswith("535")
        else:
            assert scram.trusts(base64.b64decode(said[4:]))
            assert client.command(b"").startswith("235")
        client.close()


def test_external_by_a_certificate_that_a_user_is_tied_to(scene: Scene) -> None:
    own, other = (create_demo(now=datetime.now(UTC), serial=number) for number in (1, 2))
    given = AddInput(name="device", certificate=own.chain_pem[0])
    scene.do(smtp_users_work.add, given)
    stranger = BoundClient(scene.own, (other.key_pem, other.chain_pem[0]))
    assert "EXTERNAL" not in stranger.command(b"EHLO c")
    assert stranger.command(b"AUTH EXTERNAL =").startswith("504")
    stranger.close()
    client = BoundClient(scene.own, (own.key_pem, own.chain_pem[0]))
    assert "EXTERNAL" in client.command(b"EHLO c")
    assert client.command(b"AUTH EXTERNAL " + b64(b"fax")).startswith("535")
    assert client.command(b"AUTH EXTERNAL =").startswith("235")
    assert client.command(b"MAIL FROM:<a@b.example>").startswith("250")
    client.close()


def test_three_failures_end_the_connection(scene: Scene) -> None:
    with scene.talk() as client:
        say(client, b"EHLO c")
        codes = [say(client, plain("nobody", WRONG)).code for _ in range(3)]
        assert codes == [535, 535, 421]
        assert client.rest() == b""


def test_a_user_made_by_command_is_in_at_once_and_a_disabled_one_out(scene: Scene) -> None:
    file = scene.folder / "password"
    file.write_text(SECRET + "\n")
    scene.gateway.command("smtp-user", "add", "leaver", "--password-file", str(file))
    file.unlink()
    leaver = UserInput(name="leaver")
    with scene.talk() as client:
        say(client, b"EHLO c")
        scene.do(smtp_users_work.disable, leaver)
        assert say(client, plain("leaver", SECRET)).code == 535
        scene.do(smtp_users_work.enable, leaver)
        assert say(client, plain("leaver", SECRET)).code == 235
    shown = json.loads(scene.gateway.command("smtp-user", "list", "--json"))
    assert "leaver" in [one["name"] for one in shown["users"]]


@pytest.mark.peers
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in(scene: Scene, peer_daemons: None, mechanism: str) -> None:
    more = ("--server", scene.own, "--tls", "--auth", mechanism)
    done = Swaks(
        port=OPEN,
        recipients=("x@far.example",),
        options=(*more, "--auth-user", "fax", "--auth-password", SECRET),
    ).run()
    assert done.returncode == 0, done.stdout
    assert "235 2.7.0" in done.stdout


def test_waiting_survives_a_restart_and_passwords_are_nowhere(scene: Scene) -> None:
    """The last one: it stops the gateway, and searches what all the others have left behind."""
    gateway, office = scene.gateway, address()  # the failures of other tests are not counted there
    for _ in range(2):
        with scene.talk(source=office) as client:
            say(client, b"EHLO c")
            for _ in range(3):
                say(client, plain("slow", WRONG))
    with scene.talk(source=office) as client:
        say(client, b"EHLO c")
        assert say(client, plain("slow", SECRET)).code == 454
    gateway.stop()
    # Too few to make anybody wait; with those before, longer than a slow machine takes to start.
    store = open_store(DataDirectory(gateway.data))
    waits = LoginWaits(store.smtp_users, time.time)
    for _ in range(FREE_AT_BOTH - 1):
        waits.note("slow", office, right=False)
    waits.close()
    store.close()
    gateway.start()
    with scene.talk(source=office) as client:
        say(client, b"EHLO c")
        assert say(client, plain("slow", SECRET)).code == 454
        scene.do(smtp_users_work.unlock, UserInput(name="slow"))
        assert say(client, plain("slow", SECRET)).code == 235
        assert say(client, b"MAIL FROM:<a@b.example> AUTH=<>").code == 250
    gateway.events.wait(facts.AuthDelayed, 2, user="slow")
    first, *_, last = gateway.events.of(facts.AuthDelayed, user="slow")
    assert 0 < first.seconds <= 60 < last.seconds
    shown = scene.do(smtp_users_work.show, UserInput(name="slow"))
    assert [one.network for one in shown.usual] == [office]
    gateway.assert_sound()
    gateway.stop()
    for file in scene.folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for secret in (SECRET, WRONG):
                assert secret.encode() not in content, file
                assert b64(secret.encode()) not in content, file
                assert b64(f"\0slow\0{secret}".encode()) not in content, file
