# SPDX-License-Identifier: Apache-2.0
"""tlsrptconfig: TLS reports for others, and where those of others come in (RFC 8460)."""

from gatehouse.config import units
from gatehouse.faces.actions import tls_reports
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import Talk, ask, say, show, something
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_SECTION = ("tls_reporting",)
_QUESTIONS = (
    Question(field="enabled", text="Send a report each day to the domains that ask for it?"),
    Question(field="from_address", text="Sender of the reports"),
    Question(field="organization", text="Who reports"),
    Question(field="contact", text="Whom to ask about a report"),
    Question(field="spread", text="Time within which a day's reports leave"),
    Question(field="internal", text="May reports be posted to addresses inside?"),
    Question(field="receive_at", text="Address at which reports of others come in"),
)


def tls_report_config() -> Talk[None]:
    """The menu of TLS reports."""
    draft = yield from open_draft()
    yield from menus.edit(
        draft,
        _now,
        ("SETUP", "Set who sends reports, and where those of others come in.", _setup),
        ("SEND", "Send the reports of a day now.", _send),
        ("PRINT", "Show what was counted, and what others reported.", _print),
    )


def _now(draft: Draft) -> Talk[None]:
    now = draft.document.tls_reporting
    rows = [
        ("Reports are sent", "yes" if now.enabled else "no"),
        ("Sender", now.from_address or "not set"),
        ("Organization", now.organization or draft.document.system.hostname),
        ("Contact", now.contact or now.from_address or "not set"),
        ("They leave within", str(units.format_duration(now.spread))),
        ("Reports of others come to", now.receive_at or "not set"),
    ]
    yield from say("", pairs([(name, clean(value)) for name, value in rows]))


def _setup(draft: Draft) -> Talk[None]:
    yield from ask_section(draft, _SECTION, _QUESTIONS)
    yield from keep(draft)


def _send(_: Draft) -> Talk[None]:
    day = yield from ask("Which day, UTC?", check=something, help="YYYY-MM-DD")
    yield from show(tls_reports.SEND, tls_reports.SendInput(day=day))


def _print(_: Draft) -> Talk[None]:
    yield from show(tls_reports.LIST, tls_reports.ListInput())
