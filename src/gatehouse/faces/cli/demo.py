# SPDX-License-Identifier: Apache-2.0
"""`gatehouse demo`: the main job on real input, on loopback only, in a minute or less.

A real gateway is started on free ports, with four receiving servers behind it. The standard
library's `smtplib`, which knows nothing of us, sends real messages over STARTTLS and in clear. What
happened is then read from three independent places (the client's replies, the gateway's journal,
what the servers got) and compared with what must have happened. Nothing is left behind.
"""

import asyncio
import contextlib
import secrets
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatehouse.faces.cli.demo_servers import Behaviour, Destination
from gatehouse.faces.cli.demo_story import Journal, Story
from gatehouse.tls.certificates import CertificateFault, SelfSigned, Subject, create_self_signed

# The whole demo takes a few seconds; a machine that needs longer than this has another problem.
PATIENCE_SECONDS = 30.0
SENDER = "ann@sender.example"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of one recipient."""

    recipient: str
    tls_out: bool | None  # None: nothing may be sent at all
    outcome: str  # delivered | deferred | bounced


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the demo."""

    title: str
    starttls: bool
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    letter: str
    recipient: str
    tls_in: str
    tls_out: str
    outcome: str
    why: str
    right: bool


LETTERS = (
    Letter(
        "STARTTLS in, destination with TLS",
        True,
        (Expected("bob@good.example", True, "delivered"),),
    ),
    Letter(
        "clear in, destination with TLS",
        False,
        (Expected("bob@good.example", True, "delivered"),),
    ),
    Letter(
        "preferred, destination without STARTTLS",
        True,
        (Expected("bob@plain.example", False, "delivered"),),
    ),
    Letter(
        "required, destination without STARTTLS",
        True,
        (Expected("bob@strict.example", None, "deferred"),),
    ),
    Letter(
        "one of two recipients refused",
        True,
        (
            Expected("bob@picky.example", True, "delivered"),
            Expected("nobody@picky.example", None, "bounced"),
        ),
    ),
)

_CONFIGURATION = """\
format = 1
[system]
hostname = "gateway.demo.example"
[interfaces.Loopback]
address = "127.0.0.1"
hostname = "mx.demo.example"
[listeners.DemoMail]
type = "private"
interface = "Loopback"
port = {port}
[[listeners.DemoMail.sender_groups]]
name = "RELAYLIST"
members = ["127.0.0.1"]
policy = "RELAYED"
[[listeners.DemoMail.sender_groups]]
name = "ALL"
members = ["ALL"]
policy = "BLOCKED"
[mail_flow_policies.RELAYED]
behavior = "relay"
tls = "preferred"
[mail_flow_policies.BLOCKED]
behavior = "reject"
[smtp_routes]
{routes}
[destination_controls.default]
tls = "preferred"
[destination_controls."strict.example"]
tls = "required"
"""


@dataclass(frozen=True, slots=True)
class Result:
    """The demo as a value: the table, the log of one message, and whether all was right."""

    rows: tuple[Row, ...]
    log_of: str
    log: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Every outcome is the one it must be."""
        return all(row.right for row in self.rows)


def run_demo(say: Say) -> Result:
    """Run it all; `say` hears one line for each step."""
    return asyncio.run(_Demo(say).run())


class DemoFailed(Exception):
    """The demo could not be played; the text says what was waited for."""


class _Demo:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._destinations = [
            Behaviour("good.example", starttls=True),
            Behaviour("plain.example", starttls=False),
            Behaviour("strict.example", starttls=False),
            Behaviour("picky.example", True, frozenset({"nobody@picky.example"})),
            Behaviour("sender.example", starttls=True),
        ]

    async def run(self) -> Result:
        """Servers, gateway, letters, table."""
        started = time.monotonic()
        certificate = create_self_signed(
            SelfSigned(subject=Subject(common_name="mx.good.example"), days=1),
            now=datetime.fromtimestamp(time.time(), UTC),
            serial=secrets.randbits(159) | 1,
        )
        if isinstance(certificate, CertificateFault):
            raise DemoFailed(certificate.text)
        servers = [Destination(behaviour, certificate) for behaviour in self._destinations]
        for server in servers:
            await server.start()
        self._say(
            "Receiving servers: "
            + ", ".join(
                f"{b.domain} ({'STARTTLS' if b.starttls else 'no STARTTLS'})"
                for b in self._destinations
            )
        )
        try:
            with tempfile.TemporaryDirectory(prefix="gatehouse-demo-") as place:
                data = Path(place) / "data"
                port = _free_port()
                self._prepare(data, port)
                with _gateway(data):
                    self._say(f"Gateway: listener DemoMail on 127.0.0.1 port {port}")
                    return await self._play(data, port, started)
        except DemoFailed:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # Ctrl-C reaches what we have started too, and looks like a failure of theirs.
                raise asyncio.CancelledError from None
            raise
        finally:
            for server in servers:
                server.close()

    def _prepare(self, data: Path, port: int) -> None:
        routes = "\n".join(f'"{b.domain}" = ["127.0.0.1:{b.port}"]' for b in self._destinations)
        text = data.with_name("demo.toml")
        text.write_text(_CONFIGURATION.format(port=port, routes=routes), "utf-8")
        done = subprocess.run(
            _command("--data", str(data), "config", "load", str(text), "--commit", "demo"),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"the configuration was refused: {done.stderr.decode().strip()}")

    async def _play(self, data: Path, port: int, started: float) -> Result:
        loop = asyncio.get_running_loop()
        for number, letter in enumerate(LETTERS, 1):
            await loop.run_in_executor(None, _send, port, number, letter)
            self._say(f"Sent {number} of {len(LETTERS)}: {letter.title}")
        events = data / "logs" / "event_logs" / "events.current.jsonl"
        wanted = sum(len(letter.expected) for letter in LETTERS)
        ends = time.monotonic() + PATIENCE_SECONDS
        seen = -1
        numbers = range(1, len(LETTERS) + 1)
        while True:
            journal = Journal(events)
            settled = sum(len(journal.story(_name(n)).outcomes) for n in numbers)
            if settled != seen:
                seen = settled
                self._say(f"Settled: {settled} of {wanted} recipients")
            if settled >= wanted and self._report_arrived():
                break
            if time.monotonic() > ends:
                break
            await asyncio.sleep(0.05)
        rows = [
            row
            for n, letter in enumerate(LETTERS, 1)
            for row in self._rows(n, letter, journal.story(_name(n)))
        ]
        rows.append(self._report_row())
        shown = LETTERS[0]
        log = _log_of(data, journal.story(_name(1)))
        return Result(tuple(rows), shown.title, log, time.monotonic() - started)

    # --- the verdict ------------------------------------------------------------------------

    def _rows(self, number: int, letter: Letter, story: Story) -> Iterator[Row]:
        came = story.tls_in
        tls_in = "clear" if came is None else _handshake(came.protocol, came.cipher, came.group)
        for wanted in letter.expected:
            outcome, dcid, why = story.outcomes.get(wanted.recipient, ("unknown", 0, "no outcome"))
            sent = story.tls_out.get(dcid)
            tls_out = _handshake(sent.protocol, sent.cipher, sent.group) if sent else "clear"
            if outcome != "delivered":
                tls_out = "nothing sent"
            right = (
                outcome == wanted.outcome
                and (came is not None) == letter.starttls
                and self._served(number, wanted, outcome == "delivered")
            )
            if wanted.tls_out is not None:
                right = right and (sent is not None) == wanted.tls_out
            yield Row(
                f"{number} {letter.title}", wanted.recipient, tls_in, tls_out, outcome, why, right
            )

    def _served(self, number: int, wanted: Expected, delivered: bool) -> bool:
        """Whether the destination's server tells the same story, down to the bytes."""
        domain = wanted.recipient.partition("@")[2]
        server = next(b for b in self._destinations if b.domain == domain)
        mark = _mark(number)
        got = [a for a in server.arrived if wanted.recipient in a.recipients and mark in a.content]
        if not delivered:
            return not got
        return len(got) == 1 and (got[0].cipher is not None) == wanted.tls_out

    def _report_arrived(self) -> bool:
        return bool(self._destinations[-1].arrived)

    def _report_row(self) -> Row:
        """The bounce of the refused recipient must have come back to the sender."""
        arrived = self._destinations[-1].arrived
        report = next((a for a in arrived if b"nobody@picky.example" in a.content), None)
        right = report is not None and report.sender == "" and SENDER in report.recipients
        return Row(
            "  the report about it",
            SENDER,
            "made by the gateway",
            report.cipher or "clear" if report is not None else "nothing sent",
            "delivered" if report is not None else "unknown",
            "delivery status notification (RFC 3464)",
            right,
        )


# --- the pieces -----------------------------------------------------------------------------------


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gatehouse", *arguments]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def _gateway(data: Path) -> Iterator[None]:
    """A gateway in a process of its own, up when the block begins and gone when it ends."""
    process = subprocess.Popen(
        _command("--data", str(data), "run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        said = b""
        while b"Mail log" not in said:
            line = process.stdout.readline()
            if not line:
                raise DemoFailed(f"the gateway did not start: {said.decode().strip()}")
            said += line
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _mark(number: int) -> bytes:
    return f"This is demo message {number}.".encode("ascii")


def _send(port: int, number: int, letter: Letter) -> None:
    """Hand one message to the gateway with the standard library's client."""
    recipients = [wanted.recipient for wanted in letter.expected]
    content = (
        f"From: {SENDER}\r\nTo: {', '.join(recipients)}\r\nSubject: {letter.title}\r\n"
        f"Message-ID: <demo-{number}@sender.example>\r\n\r\n{_mark(number).decode()}\r\n"
        ".a line that begins with a dot\r\n"
    )
    with smtplib.SMTP("127.0.0.1", port, "client.sender.example", timeout=10) as client:
        if letter.starttls:
            # The Demo certificate encrypts and cannot be verified; this client knows that.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            client.starttls(context=context)
        client.sendmail(SENDER, recipients, content)


def _name(number: int) -> str:
    return f"<demo-{number}@sender.example>"


def _handshake(protocol: str, cipher: str, group: str | None) -> str:
    return f"{protocol} {cipher} {group or ''}".strip()


def _log_of(data: Path, story: Story) -> tuple[str, ...]:
    """The mail log lines of one message and its connections."""
    text = (data / "logs" / "mail_logs" / "mail.current").read_text("utf-8", "replace")
    dcids = {dcid for _, dcid, _ in story.outcomes.values()}
    words = {f"ICID {story.icid} ", f"MID {story.mid} "} | {f"DCID {dcid} " for dcid in dcids}
    lines = (f"{line} " for line in text.split("\n"))
    ours = (line for line in lines if any(word in line for word in words))
    # A connection that was used again also has lines about other messages.
    return tuple(
        line.rstrip() for line in ours if " MID " not in line or f" MID {story.mid} " in line
    )
