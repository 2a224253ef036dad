# SPDX-License-Identifier: Apache-2.0
"""Two operators at one gateway: their candidates, a conflict, a rollback, and nobody confirms.

All of it by the commands that they would type, each under an account of his own. And the guide to
TLS on a listener once more, as a file that is loaded (`test_shell.py` has it as a dialogue).
"""

import smtplib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from gatehouse.journal import facts
from gatehouse.store.directory import DataDirectory
from gatehouse.store.sqlite.store import open_store
from tests.live.edge import assert_tls_is_demanded
from tests.live.gateway import Gateway, address, until
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

PORT, OTHER_PORT = 2525, 2526
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

[processes]
receivers = 1
"""
GREETING = "interfaces.Net.hostname"


class Site:
    """A gateway, and people who type commands beside it."""

    def __init__(self, gateway: Gateway, where: str) -> None:
        self.gateway, self.address = gateway, where

    def hire(self, *names: str) -> None:
        """Administrators get accounts."""
        password = self.gateway.data.with_name("password")
        password.write_text("a long enough password\n")
        for name in names:
            role = ("--role", "administrator", "--password-file", str(password))
            self.gateway.command("user", "add", name, *role)

    def ask(self, operator: str, *words: str) -> Any:
        """What an operator's command answers: the output, or the fault."""
        done = self.gateway.run(*words, "--as", operator, "--json")
        answer = msgspec.json.decode(done.stdout)
        assert (done.returncode == 0) == ("fault" not in answer), done
        return answer.get("fault", answer)

    def set(self, operator: str, path: str, value: str) -> None:
        assert self.ask(operator, "config", "set", path, value)["changes"]

    def greets(self, port: int = PORT) -> str:
        """The name in the banner."""
        client = smtplib.SMTP(timeout=PATIENCE)
        _, banner = client.connect(self.address, port)
        client.close()
        return banner.decode().split()[0]

    def time_is_over(self, revision: int) -> None:
        """The deadline of a confirmation is moved to the past."""
        store = open_store(DataDirectory(self.gateway.data))
        store.settle_trial(revision, confirm_by=1.0, secrets={}, at=1.0)
        store.close()

    def text(self) -> str:
        found: str = self.ask("ann", "config", "show")["text"]
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    where = address()
    gateway = Gateway(tmp_path_factory.mktemp("configuration"), TEXT.format(address=where))
    with gateway:
        made = Site(gateway, where)
        made.hire("ann", "bob", "cid")
        yield made
        gateway.assert_sound()


def test_two_operators_a_conflict_and_a_rollback(site: Site) -> None:
    site.set("ann", GREETING, "ann.example.com")
    site.set("bob", GREETING, "bob.example.com")
    site.set("bob", "delivery.max_connections", "7")
    listed = site.ask("ann", "config", "candidates")["candidates"]
    assert {one["operator"] for one in listed} == {"ann", "bob"}
    assert site.ask("ann", "config", "commit", "ann's name")["running"]
    assert site.greets() == "ann.example.com"

    refused = site.ask("bob", "config", "commit", "bob's name")
    assert refused["reference"] == "conflict"
    assert [one["place"] for one in refused["findings"]] == [GREETING]
    assert '"ann.example.com"' in refused["findings"][0]["what"]
    assert site.greets() == "ann.example.com"

    site.ask("bob", "config", "rebase", "--take", "theirs")
    done = site.ask("bob", "config", "commit", "only the limit")
    assert done["running"]
    assert site.greets() == "ann.example.com"
    assert "max_connections = 7" in site.text()
    assert "# what partners see" in site.text()

    back = site.ask("ann", "config", "rollback", "2")
    assert back["running"]
    assert site.greets() == "mx.example.com"
    kinds = [one["kind"] for one in site.ask("bob", "config", "history")["revisions"]]
    assert kinds[0] == "rollback"


class Knocking:
    """A client that comes again and again, is greeted and leaves."""

    def __init__(self, where: str) -> None:
        self.greeted, self.failed = 0, list[str]()
        self._where, self._over = where, threading.Event()
        self._thread = threading.Thread(target=self._knock)

    def __enter__(self) -> "Knocking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _knock(self) -> None:
        while not self._over.is_set():
            try:
                with socket.create_connection((self._where, PORT), PATIENCE) as sock:
                    banner = sock.recv(512)
                    sock.sendall(b"QUIT\r\n")
                    farewell = sock.recv(512)
            except OSError as error:
                self.failed.append(str(error))
                continue
            if banner[:4] == b"220 " and farewell[:4] == b"221 ":
                self.greeted += 1
            else:
                self.failed.append(f"{banner!r} {farewell!r}")


def test_a_large_commit_turns_no_client_away(site: Site) -> None:
    # The size of `python -m bench.commit` divided by ten.
    members = ", ".join(f'"10.{n // 250}.{n % 250}.1"' for n in range(1000))
    group = f'[[listeners.InboundMail.sender_groups]]\nname = "MANY"\nmembers = [{members}]\n'
    others = [f'[destination_controls."d{n}.example"]\ntls = "required"\n' for n in range(100)]
    file = site.gateway.data.with_name("large.toml")
    before = site.ask("cid", "status")["revision"]
    file.write_text(site.text() + group + 'policy = "ACCEPTED"\n' + "".join(others))
    site.ask("cid", "config", "load", str(file))
    receivers = set(site.gateway.processes("receiver"))
    with Knocking(site.address) as client:
        done = site.ask("cid", "config", "commit", "a large one")
        until(lambda: not receivers & set(site.gateway.processes("receiver")), "the old ones left")
    assert done["running"]
    assert client.greeted > 0
    assert client.failed == []
    site.ask("cid", "config", "rollback", str(before))


def test_a_port_that_somebody_has_is_found_before_the_commit(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind((site.address, OTHER_PORT))
        taken.listen()
        site.set("cid", "listeners.InboundMail.port", str(OTHER_PORT))
        refused = site.ask("cid", "config", "commit", "another port")
        assert refused["reference"] == "configuration-refused"
        assert "cannot listen" in refused["findings"][0]["text"]
    site.ask("cid", "config", "clear")
    assert site.greets()


def test_what_nobody_confirms_goes_back_by_itself(site: Site) -> None:
    before = site.greets()
    site.set("ann", GREETING, "tried.example.com")
    done = site.ask("ann", "config", "commit", "a try", "--confirm-within", "1h")
    assert done["confirm_by"]
    revision = done["revision"]
    waits = site.ask("bob", "status")["unconfirmed"]
    assert waits["revision"] == revision
    site.set("bob", "delivery.max_connections", "9")
    refused = site.ask("bob", "config", "commit", "another")
    assert refused["reference"] == "unconfirmed"
    site.time_is_over(revision)
    site.gateway.events.wait(facts.ConfigurationCommitted, revision=revision + 1)
    site.gateway.events.wait(facts.AlarmRaised, name="configuration-restored")
    assert site.greets() == before
    newest = site.ask("ann", "config", "history", "--limit", "1")["revisions"][0]
    assert newest["kind"] == "confirm expired"
    assert site.ask("ann", "status")["unconfirmed"] is None
    assert "tried.example.com" in site.ask("ann", "config", "show", "--candidate")["text"]
    for who in ("ann", "bob"):
        site.ask(who, "config", "clear")


def test_a_restart_does_not_forget_what_has_to_be_confirmed(site: Site) -> None:
    before = site.greets()
    site.set("ann", GREETING, "tried.example.com")
    assert site.ask("ann", "config", "commit", "a try", "--confirm-within", "1h")["confirm_by"]
    site.gateway.kill()
    site.gateway.start()
    assert site.greets() == "tried.example.com"
    assert site.ask("ann", "status")["unconfirmed"]
    assert site.ask("ann", "config", "confirm")["revision"]
    assert site.ask("ann", "status")["unconfirmed"] is None
    assert site.ask("ann", "config", "confirm")["reference"] == "nothing-to-confirm"
    assert before != site.greets()


EDGE = """
[listeners.EdgeIn]
type = "public"
interface = "Net"
port = 2526
certificate = "edge"
recipient_access = [{ recipient = "example.com", access = "accept" }]

[mail_flow_policies.default]
tls = "required"

[delivery]
suspended = true
"""


def test_a_file_that_is_loaded_does_what_the_guide_to_tls_on_a_listener_does(site: Site) -> None:
    before = site.ask("ann", "status")["revision"]
    site.ask("ann", "certificate", "create", "edge", "--common-name", "mx.example.com")
    file = site.gateway.data.with_name("edge.toml")
    file.write_text(site.text() + EDGE)
    loaded = site.ask("ann", "config", "load", str(file), "--commit", "TLS at the edge")
    assert (loaded["revision"], loaded["running"]) == (before + 1, True)
    served = {one["listener"]: one["subject"] for one in loaded["served"]}
    assert served["EdgeIn"] == "CN=mx.example.com"
    assert_tls_is_demanded(site.address, subject="CN=mx.example.com")
    newest = site.ask("bob", "config", "history", "--limit", "1")["revisions"][0]
    assert (newest["operator"], newest["comment"]) == ("ann", "TLS at the edge")
    (line,) = [
        one for one in site.ask("bob", "listener", "list")["listeners"] if one["name"] == "EdgeIn"
    ]
    assert line["tls"] == "Required"
