# SPDX-License-Identifier: Apache-2.0
"""Files that come: taken apart, their seal opened, single sections put into the candidate.

Rule: what opens a seal is asked for only where it is needed, and why a seal does not open is told
apart as far as that can be known: another passphrase, a damaged file, a text that was changed.
"""

import asyncio
from dataclasses import dataclass, replace

from gatehouse.config import checks, findings, saved, sections, text, upgrade
from gatehouse.config.saved import File
from gatehouse.config.sections import Part
from gatehouse.faces.actions.configuration_examine import view
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.journal.escape import clean
from gatehouse.service.trust import saved_secrets, sealing
from gatehouse.service.trust.saved_secrets import Secrets, Wanted
from gatehouse.service.trust.sealing import Locked

_CHANGED = "The text was changed after it was saved."

_LOCKED = {
    Locked.PASSPHRASE: (
        "wrong-passphrase",
        "The passphrase does not open the file.",
        "It is the one that was given when the file was saved.",
    ),
    Locked.CHANGED: (
        "text-changed",
        "The text was changed after it was saved, so its secrets do not open.",
        "A changed text could send passwords elsewhere. Load the file as it was saved and change "
        "the candidate, or load the text alone with --without-secrets.",
    ),
    Locked.TAMPERED: (
        "seal-broken",
        "The passphrase is right, but text or section are not what was sealed.",
        "Somebody changed the file. Fetch it from where it was saved.",
    ),
}


_NONE = Secrets()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it will be used."""

    file: File
    parts: tuple[Part, ...] = ()  # only these sections; none: the whole text
    secrets: Secrets = _NONE
    notes: tuple[str, ...] = ()


def taken_apart(content: bytes) -> File:
    """The file; raises OperatorError with every fault of its section and of its text."""
    file = saved.read(content)
    if isinstance(file, File):
        return file
    faults = list(file)
    known = checks.load(saved.text_of(content), elsewhere=True)
    if isinstance(known, checks.Refused):
        faults += known.findings
    faults.sort(key=lambda one: one.line or 0)
    raise OperatorError(
        "saved-file-refused",
        f"The saved file has {len(faults)} error{'' if len(faults) == 1 else 's'}.",
        hint="Nothing was loaded.",
        findings=tuple(map(view, faults)),
    )


def sections_in(file: File, named: tuple[str, ...]) -> tuple[Part, ...]:
    """The sections that are meant: named, or all of a file that holds only some."""
    wanted = named or (file.saved.sections if file.saved is not None else ())
    if not wanted:
        return ()
    places = sections.paths(wanted)
    if isinstance(places, findings.Finding):
        raise no_section((places,))
    parsed = upgrade.parse(file.text)
    if isinstance(parsed, text.Unreadable):
        raise OperatorError(
            "configuration-refused",
            "The text cannot be read, so no section can be taken out of it.",
            hint="Nothing was loaded.",
            findings=tuple(map(view, parsed.findings)),
        )
    found = sections.take_all(parsed, places)
    missing = tuple(one for one in found if isinstance(one, findings.Finding))
    if missing:
        raise no_section(missing)
    return tuple(one for one in found if isinstance(one, Part))


def no_section(found: tuple[findings.Finding, ...]) -> OperatorError:
    """Sections that cannot be taken."""
    return OperatorError(
        "no-such-section",
        "The text has no such section." if len(found) == 1 else "The text has no such sections.",
        hint="`gatehouse config show` prints what is in force.",
        findings=tuple(map(view, found)),
    )


def wanted_by(parts: tuple[Part, ...]) -> Wanted:
    """Which secrets belong to a whole text, or to single sections of it."""
    if not parts:
        return Wanted(certificates=True, people=True)
    hosts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    for one in parts:
        nested = one.value
        for name in reversed(one.path):
            nested = {name: nested}
        more_hosts, more_names = sections.secrets_of(nested)
        hosts, names = hosts | more_hosts, names | more_names
    trust = any("trust" in one.path[:1] for one in parts)
    return Wanted(certificates=True, hosts=hosts, names=names, trust=trust)


async def opened(
    content: bytes, named: tuple[str, ...], passphrase: str | None, *, closed: bool
) -> Opened:
    """A file with its secrets. `closed`: they are not wanted."""
    file = await asyncio.to_thread(taken_apart, content)
    about = file.saved
    sealed = about is not None and about.lock is not None
    shut = closed or (bool(named) and passphrase is None)
    # Before its sections: which they are is a part of what the seal vouches for.
    secrets = await _secrets_of(file, passphrase) if sealed and not shut else _NONE
    parts = await asyncio.to_thread(sections_in, file, named)
    notes = (_CHANGED,) if file.changed else ()
    if sealed and shut:
        note = "What is sealed in the file was not opened" + ("." if closed else ": no passphrase.")
        notes = (*notes, note)
    return Opened(file, parts, saved_secrets.limited(secrets, wanted_by(parts)), notes)


async def _secrets_of(file: File, passphrase: str | None) -> Secrets:
    assert file.saved is not None, "a plain text has none"
    if file.changed:
        raise locked(Locked.CHANGED)
    if passphrase is None:
        raise OperatorError(
            PASSWORD_NEEDED,
            "The file is sealed under a passphrase.",
            ", ".join(map(clean, file.saved.holds)),
            "Name a file with --passphrase-file, or load the text alone with --without-secrets.",
        )
    return await asyncio.to_thread(_unsealed, file, passphrase)


def _unsealed(file: File, passphrase: str) -> Secrets:
    content = sealing.unseal(file, passphrase)
    if isinstance(content, Locked):
        raise locked(content)
    secrets = saved_secrets.decode(content)
    if isinstance(secrets, Secrets):
        return secrets
    found = [findings.error(("saved",), clean(one)) for one in secrets[: findings.MAX_FINDINGS]]
    raise OperatorError(
        "secrets-refused",
        "What is sealed in the file cannot be kept here.",
        hint="Nothing was loaded.",
        findings=tuple(map(view, found)),
    )


def locked(why: Locked) -> OperatorError:
    """Why the secrets stay closed."""
    reference, message, hint = _LOCKED[why]
    return OperatorError(reference, message, hint=hint)


def in_place(content: bytes, parts: tuple[Part, ...]) -> bytes:
    """A text with single sections put into it; raises OperatorError with what is wrong."""
    done = sections.put(content, parts)
    if isinstance(done, bytes):
        return done
    raise OperatorError(
        "configuration-refused",
        "The sections do not make a configuration together with your candidate.",
        hint="Nothing was loaded.",
        findings=tuple(map(view, done)),
    )


def newest(content: bytes) -> bytes:
    """The text in the newest format; as it is where it has that already."""
    parsed = upgrade.parse(content)
    if isinstance(parsed, upgrade.Upgraded) and parsed.steps:
        return parsed.text.encode()
    return content


def told(file: File) -> tuple[str, ...]:
    """What a saved file says about itself."""
    about = file.saved
    if about is None:
        return ()
    notes = [f"Saved from {clean(about.source)} on {about.saved_at:%F %T} UTC by {about.program}."]
    notes[0] = clean(notes[0])
    if about.sections:
        notes.append(f"Only these sections: {', '.join(map(clean, about.sections))}.")
    if about.masked:
        notes.append(f"Masked, so not in the file: {', '.join(map(clean, about.masked))}.")
    if about.lock is not None:
        kinds = ", ".join(map(clean, about.holds)) or "nothing"
        notes.append(f"Sealed in it: {kinds}. Whether it opens only the passphrase tells.")
    if file.changed:
        notes.append(_CHANGED)
    return tuple(notes)


def certificates_within(file: File) -> frozenset[str]:
    """The certificates that may lie in what is sealed: before it opens nobody knows their names."""
    about = file.saved
    if about is None or about.lock is None or "certificates" not in about.holds:
        return frozenset()
    parsed = upgrade.parse(file.text)
    return (
        frozenset()
        if isinstance(parsed, text.Unreadable)
        else sections.secrets_of(parsed.values)[1]
    )


def limited_to(wanted: Wanted, parts: tuple[Part, ...]) -> Wanted:
    """What was asked for, as far as single sections need it."""
    if not parts:
        return wanted
    needed = wanted_by(parts)
    return replace(wanted, hosts=needed.hosts, names=needed.names, trust=needed.trust)
