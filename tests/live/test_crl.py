# SPDX-License-Identifier: Apache-2.0
"""Revocation lists in a running gateway: fetched by the clock and on demand, and missed aloud."""

import datetime
import http.server
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.live.gateway import until
from tests.live.test_commands import Site
from tests.unit.tls.authority import Made, issue

pytestmark = pytest.mark.slow

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
CA = issue("Live CRL Root", ca=True)


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


class Scene(NamedTuple):
    """A gateway with two sources: one whose list changes, one that never answers."""

    site: Site
    source: Source
    silent: Source

    def seen(self, source: Source, *command: str) -> Any:
        """What a command shows of one source."""
        sources = self.site.json("crl", *command)["sources"]
        return next(one for one in sources if one["url"] == source.url)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    site, source, silent = Site(tmp_path_factory.mktemp("crl")), Source(), Source()
    source.content = crl_of(CA, start=NOW - 2 * DAY)
    with site.file.open("a") as stream:
        stream.write('\n[crl]\non_unavailable = "closed"\n')
        for one in (source, silent):
            stream.write(f'[[crl.sources]]\nurl = "{one.url}"\n')
    done = site.do("config", "load", str(site.file), "--commit", "lists")
    assert done.returncode == 0, done.stderr
    with site.running():
        yield Scene(site, source, silent)
    source.close()
    silent.close()


def test_a_list_from_the_start_to_an_outage(scene: Scene) -> None:
    site, source = scene.site, scene.source
    # Fetched by the clock, without anybody asking.
    first = until(lambda: (one := scene.seen(source, "list"))["state"] == "good" and one, "a list")
    assert (first["entries"], first["issuer"]) == (1, "CN=Live CRL Root")

    source.content = crl_of(CA, start=NOW - DAY, entries=3)
    assert scene.seen(source, "update")["entries"] == 3

    source.content = crl_of(CA, start=NOW - 2 * DAY)
    rolled = scene.seen(source, "update", source.url)
    assert "older than the one that is held" in rolled["error"]
    assert (rolled["entries"], rolled["state"]) == (3, "good, not renewed")
    refused = site.do("crl", "update", "http://other.example/")
    assert refused.returncode == 1 and "not configured" in refused.stderr
    site.stop()
    shown = site.do("crl", "list")
    assert "good, not renewed" in shown.stdout and "refused" in shown.stdout
    site.start()


def test_a_source_that_does_not_answer_is_an_alarm(scene: Scene) -> None:
    def raised() -> Any:
        alarms = scene.site.json("alarm", "list")["alarms"]
        return next((one for one in alarms if scene.silent.url in one["text"]), None)

    alarm = until(raised, "an alarm")
    assert (alarm["name"], alarm["severity"]) == ("crl-source", "Critical")
    assert "status 503" in alarm["text"] and "refused" in alarm["text"]
    assert alarm["subject"].startswith("Critical <System> gw1.example.com: Revocation list")
    events = (scene.site.data / "logs").rglob("*")
    texts = [one.read_bytes() for one in events if one.is_file()]
    assert any(b'"fact":"alarm_raised"' in text for text in texts)
