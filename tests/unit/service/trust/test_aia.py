# SPDX-License-Identifier: Apache-2.0
"""Missing issuers are fetched when asked for, and only from where a stranger may send us."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gatehouse.service.trust import aia
from gatehouse.service.trust.web_fetch import FetchFailed
from gatehouse.tls import diagnosis
from tests.unit.tls.authority import LEAF, MIDDLE, ROOT, issue


def lacking() -> diagnosis.Completed:
    return diagnosis.complete((LEAF.certificate,))


def test_a_missing_intermediate_is_fetched_and_put_in_its_place() -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        return MIDDLE.der

    fetched = aia.complete(lacking(), (ROOT.certificate,), get=get)
    assert fetched.completed.chain == (LEAF.certificate, MIDDLE.certificate)
    assert fetched.completed.complete
    assert asked == ["http://ca.example/middle.der"]
    assert fetched.remarks == ("Fetched from http://ca.example/middle.der.",)


def test_what_cannot_be_had_is_said_and_changes_nothing() -> None:
    def get(url: str) -> bytes:
        raise FetchFailed("the server does not answer in time")

    fetched = aia.complete(lacking(), (), get=get)
    assert fetched.completed.chain == (LEAF.certificate,)
    assert fetched.remarks == ("http://ca.example/middle.der: the server does not answer in time.",)


def test_what_is_no_certificate_is_said_and_changes_nothing() -> None:
    fetched = aia.complete(lacking(), (), get=lambda url: b"<html>not here</html>")
    assert fetched.completed.chain == (LEAF.certificate,)
    assert len(fetched.remarks) == 1


def test_certificates_that_point_on_for_ever_are_stopped() -> None:
    asked: list[str] = []
    ring = [issue(f"Ring {n}", ca=True) for n in range(20)]
    links = [
        issue(f"Ring {n}", ring[n + 1], ca=True, aia=f"http://ca.example/{n + 1}")
        for n in range(19)
    ]
    leaf = issue("mx.example.com", links[0], aia="http://ca.example/0")

    def get(url: str) -> bytes:
        asked.append(url)
        return links[int(url.rpartition("/")[2])].der

    aia.complete(diagnosis.complete((leaf.certificate,)), (), get=get)
    assert len(asked) == aia.MAX_ROUNDS


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x",
        "http://[::1]/x",
        "http://localhost/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/x",
        "file:///etc/hostname",
        "ldap://ca.example/x",
        "gopher://ca.example/x",
    ],
)
def test_a_certificate_does_not_send_us_where_a_stranger_may_not(url: str) -> None:
    leaf = issue("mx.example.com", MIDDLE, aia=url)
    fetched = aia.complete(diagnosis.complete((leaf.certificate,)), ())
    assert fetched.completed.chain == (leaf.certificate,)
    assert not any(remark.startswith("Fetched") for remark in fetched.remarks)


class _Ca(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(MIDDLE.der)))
        self.end_headers()
        self.wfile.write(MIDDLE.der)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def ca() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Ca)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/middle.der"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_operator_may_allow_the_inner_network(ca: str) -> None:
    leaf = issue("mx.example.com", MIDDLE, aia=ca)
    start = diagnosis.complete((leaf.certificate,))
    assert not aia.complete(start, (ROOT.certificate,)).completed.complete
    fetched = aia.complete(start, (ROOT.certificate,), internal=True)
    assert fetched.completed.chain == (leaf.certificate, MIDDLE.certificate)
