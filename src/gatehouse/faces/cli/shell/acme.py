# SPDX-License-Identifier: Apache-2.0
"""certconfig > ACME: certificates that an ACME server issues, and where it asks back (RFC 8555)."""

from gatehouse.config import units
from gatehouse.faces.actions import acme
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, keep, open_draft, why_no_name
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    choose,
    confirm,
    read_file,
    say,
    show,
    something,
    words_of,
)
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.journal.escape import clean

_SETUP = (
    Question(field="http_address", text="Address at which http-01 challenges are answered"),
    Question(field="http_port", text="TCP port"),
    Question(field="hook_timeout", text="Longest run of a dns-01 hook"),
)
_DNS = acme.CHALLENGES.index("dns-01")


def acme_config() -> Talk[None]:
    """The menu of ACME."""
    draft = yield from open_draft()
    yield from menus.edit(
        draft,
        _now,
        ("ORDER", "Order a certificate, and renew it from then on.", _order),
        ("RENEW", "Renew one now.", _renew),
        ("SETUP", "Set where challenges are answered.", _setup),
    )


def _now(draft: Draft) -> Talk[None]:
    now = draft.document.acme
    yield from say(
        "",
        clean(f"http-01 challenges are answered at {now.http_address} port {now.http_port};"),
        f"a dns-01 hook may run for {units.format_duration(now.hook_timeout)}.",
    )


def _setup(draft: Draft) -> Talk[None]:
    yield from ask_section(draft, ("acme",), _SETUP)
    yield from keep(draft)


def _order(_: Draft) -> Talk[None]:
    name = yield from ask("Name of it here", check=lambda answer: why_no_name(answer, ()))
    domains = yield from ask(
        "Host names that it shall cover, with commas between them", check=something
    )
    directory = yield from ask("URL of the server's directory", check=something)
    contact = yield from ask("Mail address where the CA can write to", check=something)
    challenge = yield from choose("How the names are proven", acme.CHALLENGES)
    hook = None
    if challenge == _DNS:
        hook = yield from ask("Program that sets a DNS record", check=something)
    keep_key = yield from confirm("Keep the key at renewals, for published TLSA records?")
    key = yield from choose("Kind of key", acme.KEY_TYPES)
    path = yield from ask("File with the root behind the server's own certificate, if it needs one")
    root = (yield from read_file(path, acme.LARGEST_CA)) if path else None
    yield from say("Ordering agrees to the terms of the CA, and the certificate counts at once.")
    if not (yield from confirm("Order it?", default=True)):
        return
    given = acme.OrderInput(
        name=name,
        domain=words_of(domains),
        directory=directory,
        contact=contact,
        challenge=acme.CHALLENGES[challenge],
        hook=hook,
        keep_key=keep_key,
        key_type=acme.KEY_TYPES[key],
        directory_ca=root,
    )
    yield from show(acme.ORDER, given)


def _renew(_: Draft) -> Talk[None]:
    name = yield from ask("Which certificate?", check=something)
    yield from show(acme.RENEW, acme.RenewInput(name=name))
