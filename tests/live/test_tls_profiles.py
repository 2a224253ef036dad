# SPDX-License-Identifier: Apache-2.0
"""TLS profiles of listeners, as `openssl s_client` sees them: who is let in, and by what."""

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.live.gateway import Gateway, address
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl(1)")

PORTS = {"Plain": 2525, "Modern": 2526, "Narrow": 2527, "Curve": 2528, "Old": 2529, "Smtps": 2465}
LISTENER = """\
[listeners.{name}]
type = "private"
interface = "Net"
port = {port}
tls_mode = "{mode}"
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "RELAYED" }}]
{profile}
"""
TEXT = """\
format = 1
[system]
hostname = "gw.profiles.example"
[interfaces.Net]
address = "{address}"
[mail_flow_policies.RELAYED]
tls = "preferred"
[processes]
receivers = 1
[destination_controls.default]
tls = "preferred"
[ssl]
inbound_profile = "shared"
[tls_profiles.shared]
ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
[tls_profiles.modern]
min_version = "1.3"
[tls_profiles.narrow]
max_version = "1.2"
ciphers = "ECDHE+AES256:!SHA1:!SHA256:!SHA384"
[tls_profiles.curve]
groups = ["secp384r1"]
[tls_profiles.old]
min_version = "1.0"
max_version = "1.1"
security_level = 0
"""


@pytest.fixture(scope="module")
def own() -> str:
    return address()


@pytest.fixture(scope="module")
def gateway(own: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    text = TEXT.format(address=own) + "".join(
        LISTENER.format(
            name=name,
            port=port,
            mode="implicit" if name == "Smtps" else "starttls",
            profile=""
            if name == "Plain"
            else f'tls_profile = "{"modern" if name == "Smtps" else name.lower()}"',
        )
        for name, port in PORTS.items()
    )
    with Gateway(tmp_path_factory.mktemp("profiles"), text) as made:
        yield made
        made.assert_sound()


def client(own: str, name: str, *options: str) -> str:
    """What `openssl s_client` says; "" when it got no TLS."""
    start = () if name == "Smtps" else ("-starttls", "smtp")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{own}:{PORTS[name]}", *start, *options],
        input=b"QUIT\r\n",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    return "" if "Cipher is (NONE)" in said or "New, " not in said else said


@pytest.mark.parametrize("name", ["Modern", "Smtps"])
def test_a_client_of_tls_1_2_is_refused_where_1_3_is_the_lowest(
    gateway: Gateway, own: str, name: str
) -> None:
    assert not client(own, name, "-tls1_2")
    assert "TLSv1.3" in client(own, name, "-tls1_3")


def test_only_the_ciphers_of_the_string_are_taken(gateway: Gateway, own: str) -> None:
    assert not client(own, "Narrow", "-tls1_3")
    assert not client(own, "Narrow", "-tls1_2", "-cipher", "ECDHE+AES128")
    assert "AES256-GCM-SHA384" in client(own, "Narrow", "-tls1_2")


def test_only_the_groups_of_the_profile_are_taken(gateway: Gateway, own: str) -> None:
    assert not client(own, "Curve", "-tls1_2", "-curves", "prime256v1")
    assert "secp384r1" in client(own, "Curve", "-tls1_2")


def test_an_outdated_version_is_spoken_where_the_profile_says_so_alone(
    gateway: Gateway, own: str
) -> None:
    weak = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "TLSv1.1" in client(own, "Old", *weak)
    assert not client(own, "Plain", *weak)


def test_a_listener_without_a_profile_has_that_of_all(gateway: Gateway, own: str) -> None:
    assert not client(own, "Plain", "-tls1_2", "-cipher", "ECDHE+AES:!AESGCM")
    assert "GCM" in client(own, "Plain", "-tls1_2", "-cipher", "ECDHE+AESGCM")


def test_what_has_no_certificate_is_refused_at_every_level(gateway: Gateway, own: str) -> None:
    assert not client(own, "Old", "-tls1_1", "-cipher", "aNULL:eNULL:@SECLEVEL=0")


def test_a_commit_looks_at_every_listener_by_its_own_profile(gateway: Gateway, own: str) -> None:
    path = ("config", "set", "listeners.Plain.tls_profile", "modern", "--commit", "newer")
    served = json.loads(gateway.command("--json", *path))["commit"]["served"]
    protocols = {one["listener"]: one["protocol"] for one in served}
    assert (protocols["Old"], protocols["Narrow"]) == ("TLSv1.1", "TLSv1.2")
    assert {protocols[name] for name in ("Plain", "Modern", "Curve", "Smtps")} == {"TLSv1.3"}
    assert not client(own, "Plain", "-tls1_2")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("groups", "nowhere", "Unknown key exchange group in nowhere"),
        ("ciphers", "NOTHING", "No usable cipher in the cipher list 'NOTHING'"),
        ("ciphers", "DHE-RSA-AES128-GCM-SHA256", "holds nothing but finite-field DH"),
    ],
)
def test_a_profile_without_a_usable_suite_is_refused_and_nothing_changes(
    gateway: Gateway, own: str, field: str, value: str, said: str
) -> None:
    path = ("config", "set", f"tls_profiles.modern.{field}", value, "--commit", "x")
    done = gateway.run(*path)
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert "TLSv1.3" in client(own, "Modern", "-tls1_3")
