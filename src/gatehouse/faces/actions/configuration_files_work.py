# SPDX-License-Identifier: Apache-2.0
"""The work: save the configuration as a file, mail it, go back to the first one."""

import asyncio
import secrets
from datetime import UTC, datetime

from gatehouse.config import findings, saved, sections
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.saved import File, Saved
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration_commit_work import no_candidate
from gatehouse.faces.actions.configuration_examine import in_force, revision
from gatehouse.faces.actions.configuration_files import (
    MailedFile,
    MailInput,
    ResetDone,
    SavedFile,
    SaveInput,
    Selection,
)
from gatehouse.faces.actions.configuration_open import limited_to, sections_in
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status_work import running_now
from gatehouse.journal.escape import clean
from gatehouse.mail import file_mail
from gatehouse.mail.address import Address, AddressFault, parse_mailbox
from gatehouse.service.trust import saved_secrets, sealing
from gatehouse.service.trust.saved_secrets import Secrets, Wanted
from gatehouse.service.watch.own_mail import OwnMail, announce, queue_mails

_MOST_ADDRESSES = 20  # our own
_LIFETIME = 86_400.0  # a saved configuration that arrives tomorrow is yesterday's
_STREAM = "-"


async def save(house: House, given: SaveInput) -> SavedFile:
    """What the face writes into the file."""
    if _is_sealed(given) and given.file == _STREAM:
        raise OperatorError(
            "needs-a-file",
            "What is sealed goes into a file, which is its owner's alone, and to no other output.",
            hint="Name a file instead of -.",
        )
    about, content = await _made(house, given)
    return SavedFile(
        source=about.source,
        saved_at=about.saved_at,
        octets=len(content),
        sections=about.sections,
        masked=about.masked,
        holds=about.holds,
        content=content,
    )


async def mail(house: House, given: MailInput) -> MailedFile:
    """One mail for each address, in the queue."""
    recipients = [_address(one) for one in given.address[: _MOST_ADDRESSES + 1]]
    if not 1 <= len(recipients) <= _MOST_ADDRESSES:
        raise OperatorError("bad-address", f"Give 1 to {_MOST_ADDRESSES} mail addresses.")
    running = running_now(house)
    if running is None:
        raise OperatorError(
            "configuration-unreadable",
            "What is in force cannot be read, so nobody knows how mail goes out.",
            hint="`gatehouse config save` writes a file.",
        )
    about, content = await _made(house, given)
    now = house.clock.wall()
    mails = [
        _mail(house, one, running.alerts.from_address, about, content, running.hostname)
        for one in recipients
    ]
    await asyncio.to_thread(queue_mails, house.store, mails, now)
    if house.record is not None:
        for one in mails:
            announce(one, now, house.record)
    if house.gateway is not None:
        house.gateway.queue_changed()
    return MailedFile(
        source=about.source,
        octets=len(content),
        masked=about.masked,
        holds=about.holds,
        queued=tuple(one.mid for one in mails),
    )


async def reset(house: House, given: Nothing) -> ResetDone:
    """The first configuration becomes the candidate."""
    async with house.committing:
        Candidate(house).write(DEFAULT_TEXT.encode())
    return ResetDone(changed=in_force(house).text != DEFAULT_TEXT)


# --- what goes into the file ----------------------------------------------------------------------


async def _made(house: House, given: Selection) -> tuple[Saved, bytes]:
    """The file, and what its section says."""
    sealed = _is_sealed(given)
    source, content = _text(house, given)
    parts = await asyncio.to_thread(sections_in, File(text=content), given.section)
    body = sections.together(parts) if parts else content
    wanted = limited_to(
        Wanted(certificates=given.with_certificates, people=given.with_people), parts
    )
    if sealed and given.passphrase is None:
        raise OperatorError(
            PASSWORD_NEEDED,
            "The file needs a passphrase.",
            source,
            "Name a file with --passphrase-file.",
        )
    operator = house.operator if given.candidate else None
    found = await asyncio.to_thread(saved_secrets.collect, house.store, wanted, operator)
    about = Saved(
        program=f"Gatehouse {house.version}",
        saved_at=datetime.fromtimestamp(int(house.clock.wall()), UTC),
        source=source,
        sections=tuple(findings.place_text(one.path) for one in parts),
        masked=() if sealed else tuple(found.stored),
    )
    if given.passphrase is not None:
        async with house.committing:  # one derivation at a time: each takes 64 MiB
            about = await asyncio.to_thread(_sealed, found, given.passphrase, body, about)
    return about, saved.assemble(body, about)


def _is_sealed(given: Selection) -> bool:
    """Whether secrets go into the file; raises OperatorError for wishes that exclude each other."""
    sealed = given.passphrase is not None or given.encrypted
    sealed = sealed or given.with_certificates or given.with_people
    if given.masked and sealed:
        raise OperatorError(
            "bad-arguments",
            "Masked or sealed: certificates and people travel only sealed.",
            hint="Leave --masked out.",
        )
    if given.with_people and given.section:
        raise OperatorError(
            "bad-arguments", "People belong to no section.", hint="Leave --section out."
        )
    return sealed


def _text(house: House, given: Selection) -> tuple[str, bytes]:
    if given.candidate and given.revision is not None:
        raise OperatorError("two-sources", "Name a revision or the candidate.", hint="Not both.")
    if given.candidate:
        content = Candidate(house).read()
        if content is None:
            raise no_candidate()
        return "candidate", content
    found = in_force(house) if given.revision is None else revision(house, given.revision)
    return f"revision {found.number}", found.text.encode()


def _sealed(found: Secrets, passphrase: str, body: bytes, about: Saved) -> Saved:
    content = saved_secrets.encode(found)
    if len(content) > saved.MOST_OCTETS:
        raise OperatorError(
            "too-many-secrets",
            "There is more to seal than a file may hold.",
            f"{len(content)} octets of {saved.MOST_OCTETS}",
            "Leave people or certificates out, or save single sections.",
        )
    try:
        done = sealing.seal(content, passphrase, body, _holding(about, found))
    except sealing.BadPassphrase as bad:
        raise OperatorError("bad-passphrase", f"{bad}.") from None
    return done


def _holding(about: Saved, found: Secrets) -> Saved:
    return Saved(
        program=about.program,
        saved_at=about.saved_at,
        source=about.source,
        sections=about.sections,
        holds=saved_secrets.kinds(found),
    )


# --- mail -----------------------------------------------------------------------------------------


def _address(one: str) -> Address:
    address = parse_mailbox(one.strip().encode("utf-8", "surrogatepass"))
    if isinstance(address, AddressFault):
        raise OperatorError("bad-address", "This is no mail address.", clean(one[:120]))
    return address


def _mail(
    house: House, to: Address, sender: Address, about: Saved, content: bytes, hostname: str
) -> OwnMail:
    mid = house.store.ids.next("mid")
    message_id = f"<{mid}.{secrets.token_hex(8)}@{hostname}>"
    subject = f"Configuration of {hostname}, {about.source}"
    return OwnMail(
        mid=mid,
        sender=None,
        recipient=to,
        content=file_mail.compose(
            file_mail.FileMail(
                sender=sender,
                recipient=to,
                subject=subject,
                message_id=message_id,
                boundary=secrets.token_hex(16),
                date=house.clock.wall(),
                lines=_lines(hostname, about),
                name=f"gatehouse-{about.saved_at:%Y%m%d-%H%M%S}.toml",
                content=content,
            )
        ),
        message_id=message_id,
        subject=subject,
        lifetime=_LIFETIME,
    )


def _lines(hostname: str, about: Saved) -> tuple[str, ...]:
    lines = [f"The configuration of {hostname}, {about.source}, is attached."]
    if about.masked:
        lines.append("Passwords are masked: they are not in the file.")
    if about.holds:
        lines.append(f"Sealed in it under the passphrase: {', '.join(about.holds)}.")
    return (*lines, "", "`gatehouse config load FILE` loads it.")
