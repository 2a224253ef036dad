# SPDX-License-Identifier: Apache-2.0
"""Fetching: bounded in size and time, from the judged address, and nowhere else."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.service.trust.crl_fetch import fetch
from gatehouse.service.trust.web_fetch import FetchFailed, FetchSettings
from tests.patience import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist"
SMALL = FetchSettings(max_bytes=1000, whole_seconds=PATIENCE, step_seconds=PATIENCE)
QUICK = FetchSettings(max_bytes=1000, whole_seconds=0.5, step_seconds=0.2)  # where it must wait


class Server:
    """Answers each connection with what the script says, and keeps the requests."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/ca.crl"
        self.requests: list[bytes] = []
        self.answers: list[bytes | Callable[[socket.socket], None]] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with connection:
                try:
                    self.requests.append(connection.recv(4096))
                    answer = self.answers.pop(0) if self.answers else OK
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(answer)
                except OSError:
                    pass

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(PATIENCE)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_a_list_is_fetched_without_compression_and_credentials(server: Server) -> None:
    assert fetch(server.url) == b"list"
    (request,) = server.requests
    assert request.startswith(b"GET /ca.crl HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity" in request
    assert b"Authorization" not in request


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "larger than"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "larger than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nlist", "too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nli", "no HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"", "no HTTP|connection fails"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "no HTTP"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(server: Server, answer: bytes, words: str) -> None:
    server.answers = [answer]
    with pytest.raises(FetchFailed, match=words):
        fetch(server.url, settings=SMALL)


def drip(connection: socket.socket) -> None:
    """Enough to keep every single read alive, for ever."""
    for octet in OK[:-4] * 100:
        connection.sendall(bytes([octet]))
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("answer", [drip, silent])
def test_a_server_that_takes_its_time_is_cut_off(
    server: Server, answer: Callable[[socket.socket], None]
) -> None:
    server.answers = [answer]
    with pytest.raises(FetchFailed, match="in time"):
        fetch(server.url, settings=QUICK)


def test_redirects_are_followed_within_the_host(server: Server) -> None:
    server.answers = [b"HTTP/1.1 302 Found\r\nLocation: /other.crl\r\n\r\n"]
    assert fetch(server.url) == b"list"
    assert server.requests[1].startswith(b"GET /other.crl ")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (b"http://localhost/x", "another host"),
        (b"file:///etc/passwd", "no URL"),
        (b"ftp://127.0.0.1/x", "no URL"),
        (b"//evil.example/x", "another host"),
        (b"/again", "more than 3 times"),
    ],
)
def test_other_redirects_are_refused(server: Server, location: bytes, words: str) -> None:
    server.answers = [b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % location] * 9
    with pytest.raises(FetchFailed, match=words):
        fetch(server.url)


def named(server: Server, *addresses: str, internal: bool = False) -> bytes:
    settings = FetchSettings(resolve=lambda host, port: list(addresses))
    return fetch(f"http://crl.example.com:{server.port}/", internal=internal, settings=settings)


def test_a_name_that_leads_inside_is_not_connected_to(server: Server) -> None:
    with pytest.raises(FetchFailed, match=r"leads to 127\.0\.0\.1, which is refused"):
        named(server, "127.0.0.1")
    with pytest.raises(FetchFailed, match="refused"):
        named(server, "198.51.100.7", "127.0.0.1")
    assert server.requests == []


def test_a_source_that_is_marked_as_internal_may_lead_inside(server: Server) -> None:
    assert named(server, "127.0.0.1", internal=True) == b"list"
    assert b"Host: crl.example.com" in server.requests[0]


def test_the_name_is_resolved_once_and_that_address_is_connected_to(server: Server) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    settings = FetchSettings(resolve=resolve)
    url = f"http://rebinding.example:{server.port}/"
    assert fetch(url, internal=True, settings=settings) == b"list"
    assert asked == ["rebinding.example"]


def test_a_host_without_an_address_and_one_that_listens_not(server: Server) -> None:
    with pytest.raises(FetchFailed, match="no address"):
        named(server)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed, match="refused"):
            fetch(f"http://127.0.0.1:{free.getsockname()[1]}/")


def test_https_demands_a_certificate_that_verifies(server: Server) -> None:
    with pytest.raises(FetchFailed, match=r"TLS fails|connection fails"):
        fetch(server.url.replace("http:", "https:"), settings=SMALL)


def test_a_file_is_read_within_the_bound(tmp_path: Path) -> None:
    file = tmp_path / "ca.crl"
    file.write_bytes(b"list")
    assert fetch(f"file://{file}") == b"list"
    file.write_bytes(b"x" * 1001)
    with pytest.raises(FetchFailed, match="larger"):
        fetch(f"file://{file}", settings=SMALL)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "plain file"), ("gone", "No such file")):
        with pytest.raises(FetchFailed, match=words):
            fetch(f"file://{tmp_path / name}")
    with pytest.raises(FetchFailed):
        fetch("file:///dev/zero")
