# SPDX-License-Identifier: Apache-2.0
"""The network that the ACME library is given goes nowhere but to its server."""

import pytest
import requests
from josepy.jwk import JWKEC

from gatehouse.policy.fetch_targets import WebTarget
from gatehouse.service.trust import acme_client
from gatehouse.service.trust.acme_client import AcmeFailed, conversation
from gatehouse.tls.certificates import KeyKind, create_key, pem_of_key

KEY = pem_of_key(create_key(KeyKind.P256))
HOME = WebTarget(True, "ca.example", 443, "/dir")


def network() -> acme_client._Network:
    return acme_client._Network(HOME, JWKEC(key=create_key(KeyKind.P256)), None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ca.example/order", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https://169.254.169.254/latest", "another host"),
        ("https://ca.example:8443/order", "another host"),
        ("https://ca.example.evil/order", "another host"),
        ("https://user@ca.example/order", "not https"),
    ],
)
def test_a_url_that_the_server_names_elsewhere_is_refused(url: str, words: str) -> None:
    with pytest.raises(AcmeFailed, match=words):
        network().get(url)


def test_proxies_and_netrc_of_the_environment_play_no_part() -> None:
    assert network().session.trust_env is False


def test_an_endless_answer_is_cut_off() -> None:
    class Endless(requests.Response):
        def iter_content(self, *_: object, **__: object):
            while True:
                yield b"x" * 65536

        def close(self) -> None:
            pass

    with pytest.raises(AcmeFailed, match="too large"):
        acme_client._read_bounded(Endless())


def test_a_public_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acme_client, "system_resolve", lambda host, port: ["10.0.0.1"])
    with (
        pytest.raises(AcmeFailed, match=r"leads to 10\.0\.0\.1, which is refused"),
        conversation("https://ca.example/dir", KEY, None),
    ):
        pass


def test_a_key_that_is_none_is_told() -> None:
    with (
        pytest.raises(AcmeFailed, match="key cannot be read"),
        conversation("https://ca.example/dir", b"nonsense", None),
    ):
        pass
