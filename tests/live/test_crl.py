# SPDX-License-Identifier: Apache-2.0
"""Revocation lists in a running gateway: fetched by the clock and on demand, and missed aloud."""

import datetime
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.live.test_commands import Site
from tests.unit.tls.authority import Made, issue

pytestmark = pytest.mark.slow

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def crl_of(issuer: Made, *, start: datetime.datetime, entries: int = 1) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(NOW + 7 * DAY)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for serial in range(1, entries + 1):
        entry = x509.RevokedCertificateBuilder(serial, start).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


class Source:
    """A web server with one list; no list is a 503."""

    def __init__(self) -> None:
        source = self
        self.content: bytes | None = None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = source.content
                self.send_response(503 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ca.crl"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def source() -> Iterator[Source]:
    made = Source()
    yield made
    made.close()


def until(found: Callable[[], Any], seconds: float = 15.0) -> Any:
    """What it finds as soon as it finds something."""
    ends = time.monotonic() + seconds
    while not (result := found()) and time.monotonic() < ends:
        time.sleep(0.2)
    assert result
    return result


def test_a_list_from_the_start_to_an_outage(tmp_path: Path, source: Source) -> None:
    site = Site(tmp_path)
    with site.file.open("a") as stream:
        stream.write(
            f'\n[crl]\non_unavailable = "closed"\n\n[[crl.sources]]\nurl = "{source.url}"\n'
        )
    done = site.do("config", "load", str(site.file), "--commit", "lists")
    assert done.returncode == 0, done.stderr
    ca = issue("Live CRL Root", ca=True)
    source.content = crl_of(ca, start=NOW - 2 * DAY)

    def only() -> Any:
        return site.json("crl", "list")["sources"][0]

    with site.running():
        # Fetched by the clock, without anybody asking.
        first = until(lambda: (one := only())["state"] == "good" and one)
        assert (first["entries"], first["issuer"]) == (1, "CN=Live CRL Root")

        source.content = crl_of(ca, start=NOW - DAY, entries=3)
        assert site.json("crl", "update")["sources"][0]["entries"] == 3

        source.content = crl_of(ca, start=NOW - 2 * DAY)
        (rolled,) = site.json("crl", "update", source.url)["sources"]
        assert "older than the one that is held" in rolled["error"]
        assert (rolled["entries"], rolled["state"]) == (3, "good, not renewed")
        refused = site.do("crl", "update", "http://other.example/")
        assert refused.returncode == 1 and "not configured" in refused.stderr
    shown = site.do("crl", "list")
    assert "good, not renewed" in shown.stdout and "refused" in shown.stdout


def test_a_source_that_does_not_answer_is_an_alarm(tmp_path: Path, source: Source) -> None:
    site = Site(tmp_path)
    with site.file.open("a") as stream:
        stream.write(
            f'\n[crl]\non_unavailable = "closed"\n\n[[crl.sources]]\nurl = "{source.url}"\n'
        )
    assert site.do("config", "load", str(site.file), "--commit", "lists").returncode == 0
    with site.running():
        (alarm,) = until(lambda: site.json("alarm", "list")["alarms"])
        assert (alarm["name"], alarm["severity"]) == ("crl-source", "Critical")
        assert "status 503" in alarm["text"] and "refused" in alarm["text"]
        assert alarm["subject"].startswith("Critical <System> gw1.example.com: Revocation list")
    events = (site.data / "logs").rglob("*")
    texts = [one.read_bytes() for one in events if one.is_file()]
    assert any(b'"fact":"alarm_raised"' in text for text in texts)
