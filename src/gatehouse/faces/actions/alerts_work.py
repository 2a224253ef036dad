# SPDX-License-Identifier: Apache-2.0
"""The work: who gets alarms by mail, and a test alert with what becomes of it."""

import asyncio
import secrets

from gatehouse.config import alert_build, changes, edit_changes
from gatehouse.config.changes import Change, Mark, Path
from gatehouse.faces.actions.alerts import (
    AddInput,
    AlertRecipients,
    AlertSent,
    RecipientChanged,
    RecipientsInput,
    RecipientView,
    RemoveInput,
    TrialInput,
)
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates_shelf import finish
from gatehouse.faces.actions.configuration_asked import asked
from gatehouse.faces.actions.configuration_examine import examine, in_force, read, view
from gatehouse.faces.actions.errors import FindingView, OperatorError
from gatehouse.faces.actions.house import Gateway, House
from gatehouse.journal.escape import clean
from gatehouse.mail.address import Address, AddressFault, parse_mailbox
from gatehouse.policy.alarms import ALL_CLASSES
from gatehouse.service.watch.alert_mail import AlertPost, AlertTools, trial_alarm

_SECTION: Path = ("alerts", "recipients")
_PAUSE = 0.1  # seconds between two looks at what became of a test


async def list_recipients(house: House, given: RecipientsInput) -> AlertRecipients:
    """The subscriptions as they are configured."""
    found = await asked(house, candidate=given.candidate)
    document = found.loaded.document
    section = document.alerts
    return AlertRecipients(
        source=found.source,
        from_address=alert_build.sender_text(document),
        initial_interval=section.initial_interval,
        maximum_interval=section.maximum_interval,
        smart_host=section.smart_host,
        recipients=tuple(
            RecipientView(
                address=address,
                severities=tuple(severity.value for severity in one.severities),
                classes=(ALL_CLASSES,) if ALL_CLASSES in one.classes else tuple(one.classes),
            )
            for address, one in section.recipients.items()
        ),
    )


async def add_recipient(house: House, given: AddInput) -> RecipientChanged:
    """Subscribe an address, or change its subscription."""
    _mailbox(given.address)
    here = (*_SECTION, given.address)
    values: list[tuple[Path, object]] = [
        (("alerts",), Mark.PRESENT),
        (_SECTION, Mark.PRESENT),
        (here, Mark.PRESENT),
        ((*here, "severities"), list(dict.fromkeys(given.severity)) or Mark.ABSENT),
        ((*here, "classes"), list(dict.fromkeys(given.alarm_class)) or Mark.ABSENT),
    ]
    change, warnings, count = await _change(house, here, values)
    return RecipientChanged(
        address=given.address,
        change=change,
        recipients=count,
        warnings=warnings,
        commit=await finish(house, given.commit),
    )


async def remove_recipient(house: House, given: RemoveInput) -> RecipientChanged:
    """Take an address out."""
    here = (*_SECTION, given.address)
    gone: list[tuple[Path, object]] = [
        (here, Mark.ABSENT),
        ((*here, "severities"), Mark.ABSENT),
        ((*here, "classes"), Mark.ABSENT),
    ]
    _, warnings, count = await _change(house, here, gone, there=True)
    return RecipientChanged(
        address=given.address,
        change="removed",
        recipients=count,
        warnings=warnings,
        commit=await finish(house, given.commit),
    )


async def _change(
    house: House, here: Path, wanted: list[tuple[Path, object]], *, there: bool = False
) -> tuple[str, tuple[FindingView, ...], int]:
    """Change the candidate; how, what is odd then, and how many are subscribed."""
    async with house.committing:
        content = Candidate(house).read() or in_force(house).text.encode()
        pieces = changes.parts(read(content, "candidate"))
        known = here in pieces.at
        if there and not known:
            raise OperatorError(
                "no-such-recipient",
                "Nobody of this address gets alarms.",
                clean(here[-1][:100]),
                "`gatehouse alert recipients list --candidate` shows who does.",
            )
        made = [
            Change(path, pieces.at.get(path, Mark.ABSENT), value)
            for path, value in wanted
            if pieces.at.get(path, Mark.ABSENT) != value
        ]
        edited = edit_changes.apply(content, made)
        if not isinstance(edited, bytes):
            raise OperatorError(
                "bad-subscription",
                "The subscription cannot be like this.",
                findings=tuple(map(view, edited)),
            )
        warnings = await examine(house, edited, "candidate")
        Candidate(house).write(edited)
        count = len(read(edited, "candidate").alerts.recipients)
        return ("changed" if known else "added"), warnings, count


def _mailbox(text: str) -> Address:
    parsed = parse_mailbox(text.encode("utf-8", "surrogatepass"))
    if isinstance(parsed, AddressFault):
        raise OperatorError("bad-address", "This is no mail address.", parsed.reason)
    return parsed


# --- a test -----------------------------------------------------------------------------------


async def send_test(house: House, given: TrialInput) -> AlertSent:
    """Queue one, and look for a while what becomes of it."""
    address = alert_build.plain(_mailbox(given.address))
    gateway, record = house.gateway, house.record
    running = None if gateway is None else gateway.running
    if gateway is None or running is None or record is None:
        raise OperatorError("not-running", "The gateway does not run.")
    post = AlertPost(
        AlertTools(
            store=house.store,
            clock=house.clock,
            running=lambda: running,
            record=record,
            wake=gateway.queue_changed,
            serial=house.serial,
        )
    )
    alarm = trial_alarm(
        house.clock.wall(), running.hostname, secrets.token_hex(8), house.operator or "nobody"
    )
    mail = await post.send(alarm, address)
    assert mail is not None, "a configuration runs"
    outcome, reply = await _fate(gateway, mail.mid, given.wait, house)
    return AlertSent(
        address=given.address,
        mid=mail.mid,
        message_id=mail.message_id,
        from_address=running.alerts.from_address.text,
        smart_host=running.alerts.smart_host,
        outcome=outcome,
        reply=reply,
    )


async def _fate(gateway: Gateway, mid: int, seconds: int, house: House) -> tuple[str, str]:
    """What the deliverer knows of a message, as soon as it knows something."""
    ends = house.clock.monotonic() + seconds
    while True:
        for role, _, value in await gateway.ask(f"alert {mid}"):
            if role == "deliverer" and isinstance(fate := value.get("fate"), str):
                return fate, str(value.get("reply") or "")
        if house.clock.monotonic() >= ends:
            return "waiting", "no server has answered yet"
        await asyncio.sleep(_PAUSE)
