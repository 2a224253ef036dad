# SPDX-License-Identifier: Apache-2.0
"""The way of a certificate with a real gateway, a CA run by `openssl ca`, and openssl as client."""

import json
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.authority import Authority, openssl
from tests.live.gateway import Gateway, address
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

TEXT = """\
format = 1

[system]
hostname = "gw1.example.com"

# what partners see
[interfaces.Net]
address = "{address}"
hostname = "mx.example.com"

[listeners.InboundMail]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{{ recipient = "example.com", access = "accept" }}]

[listeners.Smtps]
type = "public"
interface = "Net"
port = 2465
tls_mode = "implicit"

[mail_flow_policies.default]
tls = "preferred"

[destination_controls.default]
tls = "preferred"

[processes]
receivers = 1
"""
PASSWORD = "correct horse"


class Site:
    """A gateway, its command line, a CA and a folder for files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "ca")
        self.address = address()
        home = folder / "gateway"
        home.mkdir()
        self.gateway = Gateway(home, TEXT.format(address=self.address))
        self.password = folder / "password"
        self.password.write_text(f"{PASSWORD}\n")

    def do(self, *arguments: str | Path) -> str:
        """A command that works; its standard output."""
        return self.gateway.command(*map(str, arguments)).decode()

    def ask(self, *arguments: str | Path) -> Any:
        """A command's answer as JSON."""
        return json.loads(self.do("--json", *arguments))

    def refused(self, *arguments: str | Path) -> str:
        """A command that fails; what it says on standard error."""
        done = self.gateway.run(*map(str, arguments))
        assert done.returncode == 1, (arguments, done.stdout, done.stderr)
        return done.stderr.decode()

    def request(self, name: str) -> Path:
        """The CSR of a certificate in a file."""
        file = self.folder / f"{name}.csr"
        file.write_text(self.do("certificate", "csr", name))
        return file

    def verifies(self, host: str, port: int = 2525) -> bool:
        """Whether openssl, knowing only the root, accepts what the listener serves for a name."""
        mode = ("-starttls", "smtp") if port == 2525 else ()
        said = openssl(
            *("s_client", "-connect", f"{self.address}:{port}", *mode),
            *("-CAfile", str(self.authority.root), "-servername", host),
            *("-verify_return_error", "-verify_hostname", host),
            given=b"QUIT\r\n",
            status=None,
        ).decode("latin-1")
        assert "BEGIN CERTIFICATE" in said or "verify error" in said, said
        return f"Verified peername: {host}" in said and "Verify return code: 0 (ok)" in said

    def served(self) -> bytes:
        """The certificate that the listener serves, as DER."""
        with smtplib.SMTP(self.address, 2525, timeout=PATIENCE) as client:
            client.starttls()
            return _peer(client)

    def signed(self, name: str, host: str, *more: str) -> None:
        """A certificate all the way to the one that the CA signed, committed."""
        self.do("certificate", "create", name, "--common-name", host, *more, "--commit", "key")
        answer = self.authority.sign(self.request(name))
        chain = ("--intermediates", self.authority.intermediate)
        self.do("certificate", "install", name, answer, *chain, "--commit", "signed")


def _peer(client: smtplib.SMTP) -> bytes:
    sock: Any = client.sock
    found: bytes = sock.getpeercert(binary_form=True)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("certificates"))
    with made.gateway:
        yield made
    made.gateway.assert_sound()


def test_from_nothing_to_a_listener_that_openssl_verifies(site: Site) -> None:
    assert not site.verifies("mx.example.com")
    site.do(
        *("certificate", "create", "mx", "--common-name", "mx.example.com"),
        *("--san", "mail.example.com", "--organization", "Example"),
    )
    assert "only pending" in site.refused("certificate", "csr", "mx")
    site.do("config", "commit", "a key for mx")
    answer = site.authority.sign(site.request("mx"))
    installed = site.ask(
        *("certificate", "install", "mx", answer),
        *("--intermediates", site.authority.intermediate),
    )
    assert installed["certificate"]["chain"] == 2
    site.do("certificate", "assign", "mx", "--listener", "InboundMail", "--listener", "Smtps")
    assert "# what partners see" in site.do("config", "show", "--candidate")
    done = site.ask("config", "commit", "signed certificate")
    assert [(one["listener"], one["outcome"], one["sent"]) for one in done["served"]] == [
        ("InboundMail", "as expected", 2),
        ("Smtps", "as expected", 2),
    ]
    assert site.verifies("mx.example.com")
    assert site.verifies("mail.example.com", 2465)
    assert not site.verifies("other.example.com")


def test_a_renewal_keeps_the_key_and_open_connections(site: Site) -> None:
    before = site.served()
    answer = site.authority.sign(site.request("mx"), days=200)
    with smtplib.SMTP(site.address, 2525, timeout=PATIENCE) as open_one:
        open_one.starttls()
        open_one.ehlo("client.example.net")
        # The intermediate is found among what lies here already.
        done = site.ask("certificate", "install", "mx", answer, "--commit", "renewed")
        assert done["certificate"]["chain"] == 2
        assert {one["outcome"] for one in done["commit"]["served"]} == {"as expected"}
        after = site.served()
        assert after != before
        assert open_one.noop()[0] == 250
        assert _peer(open_one) == before
        sent = open_one.sendmail("a@example.net", ["b@example.com"], b"Subject: x\r\n\r\nx\r\n")
        assert sent == {}
    assert site.verifies("mx.example.com")
    assert openssl("x509", "-inform", "DER", "-pubkey", "-noout", given=before) == openssl(
        "x509", "-inform", "DER", "-pubkey", "-noout", given=after
    )


def test_a_certificate_for_another_key_is_refused_and_nothing_changes(site: Site) -> None:
    before = site.served()
    site.do("certificate", "create", "other", "--common-name", "mx.example.com", "--commit", "x")
    answer = site.authority.sign(site.request("other"))
    said = site.refused("certificate", "install", "mx", str(answer))
    assert "another key" in said
    assert "Nothing was stored" in said
    assert site.ask("config", "diff")["candidate"] is False
    assert site.served() == before


def test_pkcs12_goes_out_to_openssl_and_comes_back(site: Site) -> None:
    for style in ((), ("--compatible",)):
        out = site.folder / f"out{len(style)}.p12"
        with_password = ("--password-file", site.password)
        site.do("certificate", "export", "mx", out, *with_password, *style)
        assert out.stat().st_mode & 0o777 == 0o600
        legacy = ("-legacy",) if style else ()
        secret = ("-passin", f"pass:{PASSWORD}")
        pem = openssl("pkcs12", "-in", str(out), *secret, "-nodes", *legacy)
        assert pem.count(b"BEGIN CERTIFICATE") == 2
        assert pem.count(b"BEGIN PRIVATE KEY") == 1
        back = site.folder / f"back{len(style)}.p12"
        (site.folder / "all.pem").write_bytes(pem)
        openssl(
            *("pkcs12", "-export", "-in", str(site.folder / "all.pem"), "-out", str(back)),
            *("-passout", f"pass:{PASSWORD}", *legacy),
        )
        name = f"back{len(style)}"
        imported = site.ask("certificate", "import", name, back, *with_password)
        held = {one["name"]: one for one in site.ask("certificate", "list")["certificates"]}
        assert imported["certificate"]["fingerprint"] == held["mx"]["fingerprint"]
        assert held[name]["pending"] == "new"
        site.do("certificate", "import", f"pem{len(style)}", site.folder / "all.pem")
    assert "wrong" in _wrong_password(site)
    forgotten = site.ask("config", "clear")["secrets"]
    assert sorted(forgotten) == [f"certificate/{n}" for n in ("back0", "back1", "pem0", "pem1")]


def _wrong_password(site: Site) -> str:
    wrong = site.folder / "wrong"
    wrong.write_text("wrong\n")
    file = site.folder / "out0.p12"
    return site.refused("certificate", "import", "bad", str(file), "--password-file", str(wrong))


def test_several_certificates_are_chosen_by_the_name_that_is_asked_for(site: Site) -> None:
    site.signed("second", "mx.example.org", "--key-type", "rsa-2048")
    done = site.ask(
        *("certificate", "assign", "second", "--listener", "InboundMail", "--also"),
        *("--commit", "two names"),
    )
    seen = [(one["certificate"], one["outcome"]) for one in done["commit"]["served"]]
    assert ("second", "as expected") in seen
    assert site.verifies("mx.example.org")
    assert site.verifies("mx.example.com")
    said = site.refused("certificate", "delete", "second")
    assert "InboundMail" in said


def test_a_collected_chain_is_judged_and_trusted_by_what_was_added(site: Site) -> None:
    server = f"{site.address}:2465"
    seen = site.ask("trust", "collect", server, "--implicit")
    assert [one["role"] for one in seen["chain"]] == ["leaf", "intermediate"]
    assert not seen["verified"]
    site.do("trust", "add", site.authority.root, "--name", "test-root", "--commit", "trusted")
    assert site.ask("trust", "collect", server, "--implicit")["verified"]
    held = site.ask("trust", "list")["entries"]
    assert [(one["name"], one["role"], one["usable"]) for one in held] == [
        ("test-root", "root", True)
    ]
    assert "already in the list" in site.refused(
        "trust", "add", str(site.authority.root), "--name", "again"
    )
    site.do("trust", "remove", "test-root", "--commit", "gone")
    assert site.ask("trust", "list")["entries"] == []
    assert not site.ask("trust", "collect", server, "--implicit")["verified"]


def test_the_three_names_of_a_listener_are_compared(site: Site) -> None:
    seen = site.ask(
        *("certificate", "show", "mx", "--mx", "mx.example.com", "--mx", "mx9.example.com")
    )
    (inbound, _) = seen["three_names"]
    assert inbound["interface"] == "mx.example.com"
    assert not inbound["agree"]
    assert any("MX host name (mx9.example.com)" in one for one in inbound["disagreements"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x30\x82\x10\x00cut off", "cut off"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n" + b"A" * 10_000_000, "larger than 1 MiB"),
        (b"nothing of the kind", "neither a certificate nor a private key"),
    ],
)
def test_bad_files_are_refused_in_words_and_nothing_is_stored(
    site: Site, content: bytes, said: str
) -> None:
    file = site.folder / "bad"
    file.write_bytes(content)
    assert said in site.refused("certificate", "import", "bad", str(file))
    assert site.ask("config", "diff")["candidate"] is False


def test_a_name_with_control_characters_is_refused_and_shown_harmless(site: Site) -> None:
    said = site.refused("certificate", "create", "a\x1b[31mb", "--common-name", "a.example.com")
    assert "cannot be a name" in said
    assert "\x1b" not in said
