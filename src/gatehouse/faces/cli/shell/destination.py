# SPDX-License-Identifier: Apache-2.0
"""destconfig: what delivery must and may do towards a domain."""

from gatehouse.config import build, schema
from gatehouse.faces.actions import certificates, destinations
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    choose_name,
    keep,
    open_draft,
    reload,
)
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    do,
    menu,
    read_file,
    say,
    show,
    something,
    write_file,
)
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean
from gatehouse.policy.destinations import DaneUse, LimitType
from gatehouse.policy.outbound_tls import OutboundTlsLevel

_SECTION = "destination_controls"
_DEFAULT = schema.DEFAULT_DESTINATION
_CONNECTIONS = 500  # what the modelled appliance proposes
_MINUTES = 60
# In the order of the modelled appliance's numbers.
_LEVELS = (
    (OutboundTlsLevel.NONE, "No"),
    (OutboundTlsLevel.PREFERRED, "Preferred"),
    (OutboundTlsLevel.REQUIRED, "Required"),
    (OutboundTlsLevel.PREFERRED_VERIFY, "Preferred (Verify)"),
    (OutboundTlsLevel.REQUIRED_VERIFY, "Required (Verify)"),
    (OutboundTlsLevel.REQUIRED_VERIFY_HOSTED, "Required (Verify hosted domains)"),
)
_VALUES = tuple(level.value for level, _ in _LEVELS)
LEVEL_NAMES = tuple(words for _, words in _LEVELS)
"""Their names, which the schema's own order has to follow."""
_LIMITS = (LimitType.HOST.value, LimitType.MX_IP.value)
_DANE = tuple(one.value for one in DaneUse)


def destination_config() -> Talk[None]:
    """The menu of destinations."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _count, *_OPERATIONS)


def _count(draft: Draft) -> Talk[None]:
    yield from say("", f"{len(_domains(draft))} entries.")


def _new(draft: Draft) -> Talk[None]:
    taken = draft.names(_SECTION)

    def check(answer: str) -> str | None:
        domain = build.canonical_domain(answer)
        if domain is None or domain in (".", _DEFAULT):
            return "A domain, or .domain for all below it, is needed."
        same = domain in map(build.canonical_domain, taken)
        return "There is an entry for it already." if same else None

    domain = yield from ask("Domain", check=check, help="domain, or .domain for all below it.")
    draft.table(_SECTION, domain)
    yield from _ask(draft, domain)


def _edit(draft: Draft) -> Talk[None]:
    domain = yield from choose_name("Which domain?", _domains(draft), "entry")
    if domain is not None:
        yield from _ask(draft, domain, further=True)


def _delete(draft: Draft) -> Talk[None]:
    domain = yield from choose_name("Which domain?", _domains(draft), "entry")
    if domain is not None and (yield from confirm(f"Remove {domain}?")):
        draft.put((_SECTION, domain), None)
        yield from keep(draft)


def _change_default(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _DEFAULT, further=True)


def _print(draft: Draft) -> Talk[None]:
    word = yield from menu(("LIST", "All entries."), ("DETAIL", "One with everything."))
    if word is not None:
        yield from (_list if word == "LIST" else _detail)(draft)


def _list(draft: Draft) -> Talk[None]:
    rows = [
        (domain, _summary(draft.get(_SECTION, domain)) or "as the default")
        for domain in draft.names(_SECTION)
    ]
    yield from say(pairs(rows) if rows else "There is no entry.")


def _summary(written: dict[str, object]) -> str:
    """What an entry sets of what the modelled appliance lists, in its order."""
    minutes = written.get("recipient_minutes", _MINUTES)
    shown = (
        ("ip_preference", "{}"),
        ("max_connections", "{} connections"),
        ("recipient_limit", f"{{}} recipients in {minutes} minutes"),
        ("tls", "TLS {}"),
        ("dane", "DANE {}"),
        ("bounce_profile", "bounce profile {}"),
    )
    return ", ".join(form.format(written[name]) for name, form in shown if name in written)


def _detail(draft: Draft) -> Talk[None]:
    domain = yield from choose_name("Which domain?", draft.names(_SECTION), "entry")
    if domain is not None:
        written = draft.get(_SECTION, domain)
        rows = [(field, str(value)) for field, value in written.items()]
        yield from say(pairs(rows) if rows else clean(f"{domain}: all as the default."))


def _setup(draft: Draft) -> Talk[None]:
    held = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
    names = [one.name for one in held.certificates]
    old = draft.document.delivery
    place = yield from choose(
        "Certificate for outgoing TLS",
        names,
        names.index(old.certificate) if old.certificate in names else None,
    )
    if names[place] != old.certificate:
        draft.put(("delivery", "certificate"), names[place])
    alert = yield from confirm(
        "Alert when a required TLS connection fails?", old.alert_on_required_tls_failure
    )
    if alert != old.alert_on_required_tls_failure:
        draft.put(("delivery", "alert_on_required_tls_failure"), alert)
    yield from keep(draft)


def _import(draft: Draft) -> Talk[None]:
    path = yield from ask("File to import (it replaces all entries)", check=something)
    content = yield from read_file(path, destinations.LARGEST_TEXT)
    yield from show(destinations.IMPORT, destinations.ImportInput(file=content))
    yield from reload(draft)


def _export(draft: Draft) -> Talk[None]:
    path = yield from ask("File to write (it must not exist)", check=something)
    given = destinations.ExportInput(candidate=draft.candidate)
    found = yield from do(destinations.EXPORT, given, destinations.ExportedControls)
    yield from write_file(path, found.text.encode())
    yield from say(clean(f"{found.source} is in {path}."))


def _clear(draft: Draft) -> Talk[None]:
    if (yield from confirm("Remove all entries but the default?")):
        for domain in _domains(draft):
            draft.put((_SECTION, domain), None)
        yield from keep(draft)


_OPERATIONS = (
    ("NEW", "Make an entry for a domain.", _new),
    ("EDIT", "Change an entry.", _edit),
    ("DELETE", "Remove an entry.", _delete),
    ("DEFAULT", "Change what holds for all others.", _change_default),
    ("PRINT", "Show all entries, or one with everything.", _print),
    ("SETUP", "Set certificate and alert for all deliveries.", _setup),
    ("IMPORT", "Replace all entries from a file.", _import),
    ("EXPORT", "Write all entries into a file.", _export),
    ("CLEAR", "Remove all entries.", _clear),
)


def _domains(draft: Draft) -> list[str]:
    return [one for one in draft.names(_SECTION) if one != _DEFAULT]


def _ask(draft: Draft, domain: str, *, further: bool = False) -> Talk[None]:
    """All questions about a domain, in the order of the modelled appliance.

    `further`: then those that it does not ask. A new entry is made without them, so that the
    answers of a recording from there fit.
    """
    new = not draft.get(_SECTION, domain)
    yield from _connections(draft, domain, new)
    limited = yield from _recipients(draft, domain)
    if limited or draft.get(_SECTION, domain, "max_connections") is not None:
        old = draft.get(_SECTION, domain, "limit_type")
        place = yield from choose(
            "These limits count for",
            ("The domain", "Each address of a mail exchanger"),
            _LIMITS.index(old) if old in _LIMITS else 0,
        )
        draft.put((_SECTION, domain, "limit_type"), _LIMITS[place])
    yield from _tls(draft, domain)
    yield from _profile(draft, domain)
    if further:
        yield from _further(draft, domain)
    yield from keep(draft)


def _connections(draft: Draft, domain: str, new: bool) -> Talk[None]:
    path = (_SECTION, domain, "max_connections")
    old = draft.get(*path)
    limit = yield from confirm("Set a limit of connections?", new or old is not None)
    number = (
        (yield from ask_number("Connections at the same time", old or _CONNECTIONS, 1, 10_000))
        if limit
        else None
    )
    draft.put(path, number)


def _recipients(draft: Draft, domain: str) -> Talk[bool]:
    minutes, limit = ((_SECTION, domain, one) for one in ("recipient_minutes", "recipient_limit"))
    old = draft.get(*limit)
    limited = yield from confirm("Set a limit of recipients?", old is not None)
    if limited:
        before = draft.get(*minutes) or _MINUTES
        draft.put(minutes, (yield from ask_number("In how many minutes?", before, 1, 60)))
        number = yield from ask_number("Recipients in that time", old or 1, 1, 1_000_000)
        draft.put(limit, number)
    else:
        draft.put(minutes, None)
        draft.put(limit, None)
    return limited


def _tls(draft: Draft, domain: str) -> Talk[None]:
    path = (_SECTION, domain, "tls")
    old = draft.get(*path)
    if not (yield from confirm("Set TLS for this domain?", old is not None)):
        draft.put(path, None)
        return
    place = yield from choose(
        "TLS",
        [words for _, words in _LEVELS],
        _VALUES.index(old) if old in _VALUES else 0,
        help="The levels with Verify look at the certificate; Required never goes in clear.",
    )
    draft.put(path, _VALUES[place])
    dane = (_SECTION, domain, "dane")
    now = draft.get(*dane)
    choices = ("As the default", *(one.capitalize() for one in _DANE))
    chosen = yield from choose("DANE", choices, 1 + _DANE.index(now) if now in _DANE else 0)
    draft.put(dane, _DANE[chosen - 1] if chosen else None)


def _profile(draft: Draft, domain: str) -> Talk[None]:
    names = [one for one in draft.names("bounce_profiles") if one != schema.DEFAULT_PROFILE]
    if not names:
        return
    path = (_SECTION, domain, "bounce_profile")
    old = draft.get(*path)
    place = yield from choose(
        "Bounce profile",
        ("The default", *names),
        1 + names.index(old) if old in names else 0,
    )
    draft.put(path, names[place - 1] if place else None)


# --- what the modelled appliance does not ask -----------------------------------------------------

_INHERITED = "As the default"


def _asked(field: str, text: str, names: str = "", choices: tuple[str, ...] = ()) -> Question:
    return Question(field=field, text=text, names=names, choices=choices, unset=_INHERITED)


_CONNECTION_QUESTIONS = (
    _asked("max_messages_per_connection", "Messages in one connection"),
    _asked("max_recipients_per_message", "Recipients of one message"),
    _asked(
        "ip_preference",
        "Addresses of a mail exchanger",
        choices=("IPv6 preferred", "IPv4 preferred", "IPv6 required", "IPv4 required"),
    ),
)
_TLS_QUESTIONS = (
    _asked("mta_sts", "Keep to the MTA-STS policy of the domain?"),
    _asked("verify_ptr", "Does a common name count that is the reverse name of the address?"),
    _asked("weak_basis", "Names that only an unsigned MX answer or a reverse name gave"),
    _asked("trust", "Lists that chains may end in: system, custom"),
    _asked("ca_certificates", "The only CAs, by their names in the custom list"),
    _asked("pinned_fingerprints", "Fingerprints of the certificate or of its public key"),
)
_OWN_TLS_QUESTIONS = (
    _asked("tls_profile", "TLS profile", names="tls_profiles"),
    _asked("min_tls", "Lowest TLS version"),
    _asked("retry_without_dh", "Try again without DH where a server's group is too small?"),
    _asked("alert_on_required_tls_failure", "Alert when required TLS fails?"),
)


def _further(draft: Draft, domain: str) -> Talk[None]:
    path = (_SECTION, domain)
    if (yield from confirm("Change further settings of connections?")):
        yield from ask_section(draft, path, _CONNECTION_QUESTIONS)
    if (yield from confirm("Change further settings of TLS?")):
        held = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
        own = Question(
            field="client_certificate",
            text="Certificate that is shown",
            known=tuple(one.name for one in held.certificates),
            unset=_INHERITED,
        )
        yield from ask_section(draft, path, (*_TLS_QUESTIONS, own, *_OWN_TLS_QUESTIONS))
