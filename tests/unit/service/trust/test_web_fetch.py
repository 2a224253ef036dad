# SPDX-License-Identifier: Apache-2.0
"""One exchange with a web server; what all bounds have in common is in test_crl_fetch."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.policy.fetch_targets import WebTarget
from gatehouse.service.trust.web_fetch import (
    FetchFailed,
    FetchSettings,
    NotVerified,
    Question,
    exchange,
)
from tests.live.policy_host import PolicyHost, leaf, plain, redirect, root
from tests.patience import PATIENCE

NAME = "tls.partner.example"
CREATED = range(200, 300)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PolicyHost]:
    made = PolicyHost(tmp_path, "127.0.0.1")
    yield made
    made.close()


def settings(pem: bytes, redirects: int = 3) -> FetchSettings:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    return FetchSettings(
        whole_seconds=PATIENCE,
        redirects=redirects,
        resolve=lambda _host, _port: ["127.0.0.1"],
        context=context,
    )


def test_content_is_posted_and_the_answer_judged_by_its_status(host: PolicyHost) -> None:
    ca = root()
    served = host.add(NAME, leaf(NAME, ca), plain(b"", "201 Created"))
    question = Question(
        content=b"\x1f\x8breport", headers={"Content-Type": "application/x"}, good=CREATED
    )
    target = WebTarget(True, NAME, host.port, "/v1/report")
    exchange(target, internal=True, settings=settings(ca.pem), question=question)
    (request,) = served.requests
    assert request.startswith(b"POST /v1/report HTTP/1.1\r\n")
    assert b"Content-Type: application/x\r\n" in request
    assert request.endswith(b"\r\n\r\n\x1f\x8breport")


def test_the_media_type_stands_without_parameters_in_small_letters(host: PolicyHost) -> None:
    ca = root()
    host.add(NAME, leaf(NAME, ca), plain(b"yes", kind="Text/HTML; charset=utf-8"))
    target = WebTarget(True, NAME, host.port, "/")
    answer = exchange(target, internal=True, settings=settings(ca.pem))
    assert (answer.content, answer.content_type) == (b"yes", "text/html")


def test_no_redirect_is_followed_where_none_may_be(host: PolicyHost) -> None:
    ca = root()
    served = host.add(NAME, leaf(NAME, ca), redirect("/elsewhere"))
    target = WebTarget(True, NAME, host.port, "/")
    with pytest.raises(FetchFailed, match="must not be followed"):
        exchange(target, internal=True, settings=settings(ca.pem, redirects=0))
    assert len(served.requests) == 1


def test_a_certificate_of_somebody_else_is_a_failure_of_its_own(host: PolicyHost) -> None:
    host.add(NAME, leaf(NAME, root("One")), plain(b""))
    target = WebTarget(True, NAME, host.port, "/")
    with pytest.raises(NotVerified, match="does not verify"):
        exchange(target, internal=True, settings=settings(root("Another").pem))
