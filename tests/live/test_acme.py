# SPDX-License-Identifier: Apache-2.0
"""Certificates from a real ACME server, which really looks for the answers."""

import smtplib
import ssl
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.live.peers.packages import PeersMissing
from tests.live.peers.pebble import Pebble, pebble
from tests.live.test_commands import Site
from tests.patience import PATIENCE
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.peers]

HOOK = """\
#!{python}
import json, sys, urllib.request
verb, domain, record, value = sys.argv[1:]
call = {{"present": "set-txt", "cleanup": "clear-txt"}}[verb]
body = json.dumps({{"host": record + ".", "value": value}}).encode()
urllib.request.urlopen("{control}/" + call, body, timeout=100)
with open("{notes}", "a") as notes:
    print(verb, domain, record, file=notes)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    try:
        with pebble(tmp_path_factory.mktemp("pebble")) as made:
            yield made
    except PeersMissing as missing:
        pytest.skip(str(missing))


def a_site(folder: Path, server: Pebble, port: int | None = None) -> Site:
    site = Site(folder)
    with site.file.open("a") as stream:
        stream.write(
            f'\n[acme]\nhttp_address = "127.0.0.1"\nhttp_port = {port or server.http_port}\n'
        )
    assert site.do("config", "load", str(site.file), "--commit", "acme").returncode == 0
    return site


def order_words(server: Pebble, name: str = "mx") -> list[str]:
    words = f"certificate acme {name} --domain mx.example.com --directory {server.directory}"
    return [*words.split(), "--contact", "me@example.com", "--directory-ca", str(server.ca)]


def served_by(site: Site) -> x509.Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", site.port, timeout=PATIENCE) as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True) or b"")


def key_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_listener_serves_an_ordered_certificate_and_its_renewals(
    tmp_path: Path, server: Pebble
) -> None:
    site = a_site(tmp_path, server)
    first: Any = site.json(*order_words(server), "--keep-key")
    assert first["domains"] == ["mx.example.com"] and "Pebble" in first["issuer"]
    assert not first["served"]
    text = site.file.read_text().replace(
        "recipient_access", 'certificate = "mx"\nrecipient_access', 1
    )
    text += '\n[mail_flow_policies.default]\ntls = "preferred"\n'
    site.file.write_text(text)
    assert site.do("config", "load", str(site.file), "--commit", "serve it").returncode == 0
    with site.running():
        before = served_by(site)
        renewed = site.json("certificate", "renew", "mx")
        assert renewed["served"]
        after = served_by(site)
        assert after.serial_number != before.serial_number
        assert key_of(after) == key_of(before)
        assert site.json("status")["revision"] == 4


def test_dns_01_by_a_hook_covers_a_wildcard(tmp_path: Path, server: Pebble) -> None:
    site = a_site(tmp_path, server)
    hook, notes = tmp_path / "hook", tmp_path / "notes"
    hook.write_text(HOOK.format(python=sys.executable, control=server.dns_control, notes=notes))
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    words = [*order_words(server), "--domain", "*.example.com", "--challenge", "dns-01"]
    done = site.json(*words, "--hook", str(hook))
    assert done["domains"] == ["mx.example.com", "*.example.com"]
    said = notes.read_text().splitlines()
    names = ("*.example.com _acme-challenge.example.com",
             "mx.example.com _acme-challenge.mx.example.com")  # fmt: skip
    assert sorted(said[:2]) == [f"present {name}" for name in names]
    assert sorted(said[2:]) == [f"cleanup {name}" for name in names]


def test_what_cannot_be_proven_is_told_and_changes_nothing(tmp_path: Path, server: Pebble) -> None:
    site = a_site(tmp_path, server, port=free_port())  # not where the server looks
    done = site.do(*order_words(server))
    assert done.returncode == 1
    assert "does not find the answer for mx.example.com" in done.stderr
    names = [one["name"] for one in site.json("certificate", "list")["certificates"]]
    assert names == ["Demo"]
    untrusted = site.do(*order_words(server)[:-2])
    assert untrusted.returncode == 1
    assert "certificate does not verify" in untrusted.stderr
