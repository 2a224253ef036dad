# SPDX-License-Identifier: Apache-2.0
"""Every cell of the inbound TLS table, from outside: what the client hears and what the log says.

off, preferred, required × verified or not × STARTTLS used or not × certificate absent, invalid,
valid × sender on the list of those that must use TLS or not (off with what takes TLS cannot be
configured, and that is a test too). One gateway with a listener for each
policy; certificates come from a CA of the test's own, run by `openssl ca`.
"""

import itertools
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from gatehouse.app import open_house
from gatehouse.config.checks import Refused, load
from gatehouse.journal import facts
from tests.live.authority import Authority, openssl
from tests.live.clients import RawClient, Said, encryption
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address
from tests.live.peers.tools import Swaks

LISTED, FREE = "ann@bank.example", "bob@free.example"
PORTS = {
    (tls, verify): 2600 + number
    for number, (tls, verify) in enumerate(
        itertools.product(("off", "preferred", "required"), (False, True))
    )
    if tls != "off" or not verify  # off with verification is refused by the check
}
TEXT = """\
format = 1
[interfaces.Net]
address = "{address}"
hostname = "mx.shop.example"
[processes]
receivers = 1
[delivery]
suspended = true
dns_servers = ["{dns}"]
[mail_flow_policies.default]
behavior = "accept"
"""
LISTENER = """
[listeners.L{port}]
type = "public"
interface = "Net"
port = {port}
recipient_access = [{{ recipient = "shop.example", access = "accept" }}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "P{port}" }}]
[mail_flow_policies.P{port}]
tls = "{tls}"
"""
VERIFY = "verify_client_certificate = true\n"
LIST = 'tls_mandatory_list = ["bank.example"]\n'
IMPLICIT = """
[listeners.L2650]
type = "public"
interface = "Net"
port = 2650
tls_mode = "implicit"
recipient_access = [{ recipient = "shop.example", access = "accept" }]
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "P2605" }]
"""


class Scene(NamedTuple):
    """The gateway, its address, and files of certificates by what they are worth."""

    gateway: Gateway
    address: str
    certificates: dict[str, Path]


def client_certificates(folder: Path) -> tuple[dict[str, Path], bytes]:
    """A chain that the CA signed, and a certificate that signed itself; the CA's root."""
    authority = Authority(folder / "ca")
    valid, invalid = folder / "valid.pem", folder / "invalid.pem"
    key, request = folder / "client.key", folder / "client.csr"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        "req", *curve, "-keyout", str(key), "-subj", "/CN=mx.bank.example", "-out", str(request)
    )
    signed = authority.sign(request)
    valid.write_bytes(signed.read_bytes() + authority.intermediate.read_bytes() + key.read_bytes())
    openssl(
        "req", "-x509", *curve, "-keyout", str(key), "-subj", "/CN=self.example",
        "-days", "9", "-out", str(request),
    )  # fmt: skip
    invalid.write_bytes(request.read_bytes() + key.read_bytes())
    return {"valid": valid, "invalid": invalid}, authority.root.read_bytes()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("inbound-tls")
    own, dns = address(), DnsServer(address())
    text = TEXT.format(address=own, dns=dns.endpoint)
    for (tls, verify), port in PORTS.items():
        text += LISTENER.format(port=port, tls=tls) + VERIFY * verify + LIST * (tls != "off")
    text += IMPLICIT
    certificates, root = client_certificates(folder)
    gateway = Gateway(folder, text)
    _, store = open_house(gateway.data)
    store.secrets.put("trust/Test Root", root, 1.0)
    # swaks sends no intermediates, so it gets a certificate that a root signed itself.
    direct = trustme.CA()
    certificates["direct"] = folder / "direct.pem"
    direct.issue_cert("mx.bank.example").private_key_and_cert_chain_pem.write_to_path(
        certificates["direct"]
    )
    store.secrets.put("trust/Direct Root", direct.cert_pem.bytes(), 1.0)
    store.close()
    with gateway:
        yield Scene(gateway, own, certificates)
        gateway.assert_sound()
    dns.close()


def context_with(scene: Scene, certificate: str) -> ssl.SSLContext:
    context = encryption()
    if certificate != "none":
        context.load_cert_chain(scene.certificates[certificate])
    return context


class Cell(NamedTuple):
    """One situation."""

    tls: str
    verify: bool
    starttls: bool
    certificate: str
    listed: bool


CELLS = [
    Cell(*cell)
    for cell in itertools.product(
        ("off", "preferred", "required"),
        (False, True),
        (False, True),
        ("none", "invalid", "valid"),
        (False, True),
    )
    if cell[2] or cell[3] == "none"  # in clear there is no certificate
    if cell[0] != "off" or not (cell[1] or cell[4])  # these cannot be configured, see below
]


def name_of(cell: Cell) -> str:
    words = [cell.tls, "verify" if cell.verify else "", "starttls" if cell.starttls else "clear"]
    words += [cell.certificate if cell.starttls else "", "listed" if cell.listed else ""]
    return "-".join(word for word in words if word)


REASONS = {"none": "no certificate", "invalid": "self-signed"}
NEVER = "ICID {icid} TLS was required but remote host did not initiate it"


def mail_code(cell: Cell) -> int:
    """What MAIL FROM is answered, by the tables of the reference, for a client that got so far."""
    encrypted = cell.starttls and cell.tls != "off"
    if encrypted or cell.tls == "off":
        return 250
    return 530 if cell.tls == "required" or cell.listed else 250


def turned_away(cell: Cell) -> bool:
    """The connection is rejected after the handshake."""
    if not (cell.verify and cell.starttls) or cell.tls == "off":
        return False
    return cell.certificate == "invalid" or (cell.certificate == "none" and cell.tls == "required")


class Heard(NamedTuple):
    """What a client of a cell heard."""

    port: int
    since: float
    before_tls: tuple[str, ...]  # the EHLO lines
    starttls: int | None
    inside: Said | None  # the answer to EHLO in TLS
    mail: Said | None
    closed: bool


def play(scene: Scene, cell: Cell) -> Heard:
    """The dialogue of one cell; nothing is judged yet."""
    with RawClient(scene.address, PORTS[cell.tls, cell.verify]) as client:
        port, since = client.port, client.since
        client.greeted()
        before = client.expect("EHLO client.example", 250).lines
        answer, inside, mail = None, None, None
        if cell.starttls:
            answer = client.say("STARTTLS")
            assert answer is not None
            if answer.code == 220:
                client.handshake(context_with(scene, cell.certificate))
                inside = client.say("EHLO client.example")
        if inside is None or inside.code == 250:
            mail = client.say(f"MAIL FROM:<{LISTED if cell.listed else FREE}>")
            client.expect("QUIT", 221)
        code = None if answer is None else answer.code
        return Heard(port, since, before, code, inside, mail, client.closed())


@pytest.fixture(scope="module")
def heard(scene: Scene) -> dict[Cell, Heard]:
    """All dialogues are played before the first line of the log is waited for."""
    return {cell: play(scene, cell) for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_every_cell_of_the_table(scene: Scene, heard: dict[Cell, Heard], cell: Cell) -> None:
    one = heard[cell]
    assert ("STARTTLS" in one.before_tls) == (cell.tls != "off")
    assert one.starttls == ((502 if cell.tls == "off" else 220) if cell.starttls else None)
    assert one.closed
    if turned_away(cell):
        assert one.inside == Said(554, ("5.7.1 Client certificate not accepted",))
        assert one.mail is None
    else:
        if one.inside is not None:
            assert "STARTTLS" not in one.inside.lines
            assert "REQUIRETLS" in one.inside.lines
        assert one.mail is not None
        assert one.mail.code == mail_code(cell)
        if one.mail.code == 530:
            assert one.mail.text == "5.7.0 Must issue a STARTTLS command first"
    opened = scene.gateway.events.opened(one.port, one.since)
    scene.gateway.events.wait(facts.ConnectionClosed, icid=opened.icid)
    assert_logged(scene, cell, opened.icid)


def assert_logged(scene: Scene, cell: Cell, icid: int) -> None:
    scene.gateway.wait_line(f"ICID {icid} close", icid=icid)
    lines = scene.gateway.lines(icid=icid)
    up = cell.starttls and cell.tls != "off"
    success = [line for line in lines if line.startswith(f"ICID {icid} TLS success ")]
    failed = [line for line in lines if line.startswith(f"ICID {icid} TLS failed: ")]
    if turned_away(cell):
        reason = REASONS[cell.certificate]
        assert failed == [f"ICID {icid} TLS failed: verify error: {reason}"]
        assert success == []
        assert lines[-2:] == [f"ICID {icid} lost", f"ICID {icid} close"]
        return
    assert failed == []
    assert len(success) == up
    refused = mail_code(cell) == 530
    assert (NEVER.format(icid=icid) in lines) == refused
    assert any(line.startswith("Start MID") for line in lines) != refused
    if up:
        fact = scene.gateway.events.of(facts.TlsReceived, icid=icid)[0]
        assert fact.peer_verdict == (cell.certificate if cell.verify else None)
        asked = cell.verify and cell.certificate == "valid"
        assert fact.peer == ("CN=mx.bank.example" if asked else None)


@pytest.mark.parametrize("more", [VERIFY, LIST])
def test_a_policy_without_tls_cannot_demand_what_takes_tls(more: str) -> None:
    text = TEXT.format(address="127.0.0.1", dns="127.0.0.1:53")
    text += LISTENER.format(port=2525, tls="off") + more
    assert isinstance(load(text.encode(), certificates=frozenset({"Demo"})), Refused)


def test_a_listed_sender_may_go_on_with_tls_on_the_same_connection(scene: Scene) -> None:
    with RawClient(scene.address, PORTS["preferred", False]) as client:
        client.greeted()
        client.expect("EHLO client.example", 250)
        client.expect(f"MAIL FROM:<{LISTED}>", 530)
        client.expect(f"MAIL FROM:<{FREE}>", 250)
        client.expect("RSET", 250)
        client.starttls()
        client.expect("EHLO client.example", 250)
        client.expect(f"MAIL FROM:<{LISTED}>", 250)
        client.expect("QUIT", 221)


@pytest.mark.parametrize(("certificate", "code"), [("none", 554), ("invalid", 554), ("valid", 220)])
def test_with_implicit_tls_the_greeting_says_it(scene: Scene, certificate: str, code: int) -> None:
    context = context_with(scene, certificate)
    with RawClient(scene.address, 2650, context=context) as client:
        client.greeted(code)
        client.expect("EHLO client.example", 250 if code == 220 else 503)
        client.expect("QUIT", 221)


def test_who_is_asked_for_a_certificate_shows_it_on_every_connection(scene: Scene) -> None:
    context = context_with(scene, "valid")
    session: ssl.SSLSession | None = None
    for _ in range(2):
        with socket.create_connection((scene.address, PORTS["required", True]), 10) as plain:
            lines = plain.makefile("rb")
            lines.readline()
            plain.sendall(b"EHLO client.example\r\n")
            while lines.readline()[3:4] == b"-":
                pass
            plain.sendall(b"STARTTLS\r\n")
            assert lines.readline().startswith(b"220")
            with context.wrap_socket(plain, session=session) as inside:
                inside.sendall(b"EHLO client.example\r\n")
                assert inside.recv(4096).startswith(b"250")
                assert not inside.session_reused
                session = inside.session


@pytest.mark.parametrize(("certificate", "code"), [("valid", b"250 "), ("invalid", b"554 ")])
def test_openssl_s_client_sees_the_same(scene: Scene, certificate: str, code: bytes) -> None:
    port = PORTS["required", True]
    said = openssl(
        "s_client", "-quiet", "-starttls", "smtp", "-connect", f"{scene.address}:{port}",
        "-cert", str(scene.certificates[certificate]),
        "-key", str(scene.certificates[certificate]),
        "-cert_chain", str(scene.certificates[certificate]),
        given=b"EHLO client.example\r\nQUIT\r\n", status=None,
    )  # fmt: skip
    assert any(line.startswith(code) for line in said.splitlines()), said.decode()


# swaks(1), exit codes: 23 MAIL was refused, 29 TLS was asked for and not had
@pytest.mark.parametrize(
    ("policy", "certificate", "sender", "status", "said"),
    [
        (("off", False), None, FREE, 0, "250 2.0.0 ok"),
        (("off", False), "none", FREE, 29, "STARTTLS"),
        (("preferred", False), None, FREE, 0, "250 2.0.0 ok"),
        (("preferred", False), None, LISTED, 23, "530 5.7.0 Must issue a STARTTLS"),
        (("preferred", False), "none", LISTED, 0, "250 2.0.0 ok"),
        (("preferred", True), "invalid", FREE, None, "554 5.7.1 Client certificate not accepted"),
        (("preferred", True), "none", FREE, 0, "250 2.0.0 ok"),
        (("required", False), None, FREE, 23, "530 5.7.0 Must issue a STARTTLS"),
        (("required", True), "none", FREE, None, "554 5.7.1 Client certificate not accepted"),
        (("required", True), "invalid", FREE, None, "554 5.7.1 Client certificate not accepted"),
        (("required", True), "direct", LISTED, 0, "250 2.0.0 ok"),
    ],
)
def test_swaks_sees_the_same(
    scene: Scene,
    peer_tools: None,
    policy: tuple[str, bool],
    certificate: str | None,
    sender: str,
    status: int | None,
    said: str,
) -> None:
    options: tuple[str, ...] = () if certificate is None else ("--tls",)
    if certificate in ("direct", "invalid"):
        place = str(scene.certificates[certificate])
        options += ("--tls-cert", place, "--tls-key", place)
    done = Swaks(
        port=PORTS[policy],
        server=scene.address,
        sender=sender,
        recipients=("kim@shop.example",),
        options=options,
    ).run()
    assert said in done.stdout + done.stderr, done.stdout + done.stderr
    if status is None:
        assert done.returncode != 0
    else:
        assert done.returncode == status, done.stdout + done.stderr
