# SPDX-License-Identifier: Apache-2.0
"""sslconfig: TLS versions and ciphers for mail that comes in and mail that goes out.

What is asked for stands in a TLS profile: that of all listeners, and that of the default
destination. Where there is none yet, one is made.
"""

from dataclasses import dataclass

from gatehouse.config import schema
from gatehouse.faces.actions import tls_ciphers
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import (
    Draft,
    choose_name,
    keep,
    new_name,
    open_draft,
)
from gatehouse.faces.cli.shell.dialogue import Talk, ask, choose, confirm, do, say, show
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean
from gatehouse.policy.tls_profiles import DEFAULT_SECURITY_LEVEL, TlsVersionName

_PROFILES = "tls_profiles"
_VERSIONS = tuple(one.value for one in TlsVersionName)
_WORDS = tuple(f"TLS v{one}" for one in _VERSIONS)
_OWN = "our own"


@dataclass(frozen=True, slots=True)
class _Side:
    """Mail that comes in, or mail that goes out."""

    word: str
    path: tuple[str, ...]  # of the field that names the profile
    new: str  # name of a profile that is made here


_INBOUND = _Side("Inbound", ("ssl", "inbound_profile"), "inbound")
_OUTBOUND = _Side(
    "Outbound", ("destination_controls", schema.DEFAULT_DESTINATION, "tls_profile"), "outbound"
)


def ssl_config() -> Talk[None]:
    """The menu of TLS, behind what holds now."""
    draft = yield from open_draft()
    yield from menus.edit(draft, _settings, *_OPERATIONS)


def _settings(draft: Draft) -> Talk[None]:
    yield from say("", "sslconfig settings:", pairs(_now(draft)))


def _now(draft: Draft) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for side in (_INBOUND, _OUTBOUND):
        named = draft.get(*side.path)
        profile = _profile(draft, named)
        lowest, highest = profile.min_version.value, profile.max_version.value
        by = "" if named is None else f" (profile {named})"
        rows.append((f"{side.word} SMTP method", f"TLS v{lowest} to v{highest}{by}"))
        rows.append((f"{side.word} SMTP ciphers", profile.ciphers or _OWN))
    rows += [
        (f"Listener {name}", f"its own profile, {one.tls_profile}")
        for name, one in draft.document.listeners.items()
        if one.tls_profile is not None
    ]
    return [(clean(name), clean(value)) for name, value in rows]


def _profile(draft: Draft, name: str | None) -> schema.TlsProfile:
    found = None if name is None else draft.document.tls_profiles.get(name)
    return found or schema.TlsProfile()


def _inbound(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _INBOUND)


def _outbound(draft: Draft) -> Talk[None]:
    yield from _ask(draft, _OUTBOUND)


def _ask(draft: Draft, side: _Side) -> Talk[None]:
    """Versions, then ciphers, in the order of the modelled appliance."""
    name = draft.get(*side.path) or _free(draft, side.new)
    if (yield from _ask_profile(draft, name, f" for {side.word.lower()} mail")):
        draft.put(side.path, name)
        if (yield from keep(draft)):
            yield from say(clean(f"It stands in the TLS profile {name}."))


def _ask_profile(draft: Draft, name: str, whose: str = "") -> Talk[bool]:
    """Versions and ciphers of a profile, made if it is not there; False: nothing was changed."""
    now = _profile(draft, name)
    lowest = yield from choose(
        f"The lowest TLS version{whose}",
        _WORDS,
        _VERSIONS.index(now.min_version.value),
        help="Below v1.2 nothing is safe (RFC 8996).",
    )
    highest = yield from choose(
        "The highest TLS version", _WORDS, _VERSIONS.index(now.max_version.value)
    )
    level = yield from _ask_level(now, lowest)
    if level is None:
        yield from say("Nothing was changed.")
        return False
    ciphers = yield from ask(
        f"The cipher string for TLS v1.2 and older ({_OWN}: the built-in one)",
        now.ciphers or _OWN,
        check=_no_ciphers,
        help="OpenSSL's words, as in ciphers(1). VERIFY shows what a string stands for.",
    )
    text = "" if ciphers == _OWN else ciphers
    given = tls_ciphers.CiphersInput(
        string=text,
        min_version=_VERSIONS[lowest],
        max_version=_VERSIONS[highest],
        security_level=level,
    )
    yield from do(
        tls_ciphers.CIPHERS, given, tls_ciphers.Ciphers
    )  # refuses what stands for nothing
    wanted = schema.TlsProfile()
    draft.table(_PROFILES, name)
    for field, value, default in (
        ("min_version", _VERSIONS[lowest], wanted.min_version.value),
        ("max_version", _VERSIONS[highest], wanted.max_version.value),
        ("ciphers", text, wanted.ciphers),
        ("security_level", level, wanted.security_level),
    ):
        draft.put((_PROFILES, name, field), None if value == default else value)
    return True


def _ask_level(now: schema.TlsProfile, lowest: int) -> Talk[int | None]:
    """The security level that the lowest version needs; None: it is not to be lowered."""
    outdated = TlsVersionName(_VERSIONS[lowest]).outdated
    if outdated and now.security_level:
        yield from say(f"{_WORDS[lowest]} is spoken at security level 0 only: with weak keys, too.")
        if not (yield from confirm("Lower the security level to 0?")):
            return None
        return 0
    if not outdated and not now.security_level:
        return DEFAULT_SECURITY_LEVEL  # nothing needs the low one any more
    return now.security_level


def _no_ciphers(answer: str) -> str | None:
    why = None if answer == _OWN else schema.why_no_ciphers(answer)
    return None if why is None else f"What is needed: {why}."


def _free(draft: Draft, name: str) -> str:
    """A name that no profile has yet."""
    taken, number = draft.names(_PROFILES), 2
    found = name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


# --- profiles by name -----------------------------------------------------------------------------

_FURTHER = (
    Question(field="groups", text="Key exchange groups"),
    Question(field="security_level", text="Security level of OpenSSL"),
)


def _profiles(draft: Draft) -> Talk[None]:
    yield from menus.edit(
        draft,
        _list,
        ("NEW", "Make a profile.", _new_profile),
        ("EDIT", "Change a profile.", _edit_profile),
        ("DELETE", "Remove a profile.", _delete_profile),
    )


def _list(draft: Draft) -> Talk[None]:
    found = draft.document.tls_profiles
    rows = [(clean(name), clean(_in_words(one))) for name, one in found.items()]
    yield from say("", pairs(rows) if rows else "There is no TLS profile.")


def _in_words(one: schema.TlsProfile) -> str:
    parts = [f"TLS v{one.min_version.value} to v{one.max_version.value}", one.ciphers or _OWN]
    parts += [f"groups {', '.join(one.groups)}"] if one.groups else []
    return "; ".join([*parts, f"security level {one.security_level}"])


def _new_profile(draft: Draft) -> Talk[None]:
    yield from _ask_all(draft, (yield from new_name(draft, (_PROFILES,), "Name")))


def _edit_profile(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which profile?", draft.names(_PROFILES), "TLS profile")
    if name is not None:
        yield from _ask_all(draft, name)


def _ask_all(draft: Draft, name: str) -> Talk[None]:
    if (yield from _ask_profile(draft, name)):
        yield from ask_section(draft, (_PROFILES, name), _FURTHER)
        yield from keep(draft)


def _delete_profile(draft: Draft) -> Talk[None]:
    name = yield from choose_name("Which profile?", draft.names(_PROFILES), "TLS profile")
    if name is not None and (yield from confirm(f"Remove {name}?")):
        draft.put((_PROFILES, name), None)
        yield from keep(draft)


def _verify(draft: Draft) -> Talk[None]:
    string = yield from ask("The cipher string", help="OpenSSL's words, as in ciphers(1).")
    yield from show(tls_ciphers.CIPHERS, tls_ciphers.CiphersInput(string=string))


_OPERATIONS = (
    ("INBOUND", "Set TLS for mail that comes in.", _inbound),
    ("OUTBOUND", "Set TLS for mail that goes out.", _outbound),
    ("VERIFY", "Show the suites that a cipher string stands for.", _verify),
    ("PROFILES", "Manage TLS profiles, for single listeners and destinations.", _profiles),
)
