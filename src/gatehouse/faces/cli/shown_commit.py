# SPDX-License-Identifier: Apache-2.0
"""How a commit looks to a person: warnings, the revision, and what the listeners really show."""

from gatehouse.faces.actions.configuration import CommitView, ServedView
from gatehouse.faces.actions.errors import FindingView
from gatehouse.faces.cli.terminal import Screen, moment
from gatehouse.journal.escape import clean


def findings(found: tuple[FindingView, ...], to: Screen) -> list[str]:
    """Warnings, one to a line."""
    return [to.warn(one.text) for one in found]


def committed(one: CommitView, to: Screen) -> str:
    """All that a commit has to say."""
    lines = findings(one.warnings, to)
    if one.running:
        lines.append(f"Revision {one.revision} runs now.")
    else:
        lines.append(f"Revision {one.revision} is committed; the next `gatehouse run` uses it.")
    if one.merged:
        lines.append("What others had committed meanwhile is kept; your changes were made to it.")
    if one.confirm_by is not None:
        lines.append(
            to.warn(
                f"It goes back at {moment(one.confirm_by)} by itself. To keep it: "
                "gatehouse config confirm"
            )
        )
    return "\n".join([*lines, *(_served(each, to) for each in one.served)])


def _served(one: ServedView, to: Screen) -> str:
    """One look at a listener."""
    where = f"{one.listener} ({one.certificate})"
    if one.server_name is not None:
        where += f" asked for {one.server_name}"
    if one.outcome == "not offered":
        return clean(f"{where}: not looked at: {one.text}.")
    if one.outcome == "failed":
        return to.warn(f"{where}: no certificate was seen: {one.text}.")
    assert one.not_after is not None
    seen = (
        f"{one.subject}, good until {one.not_after.date()}, {one.sent} sent, "
        f"SHA-256 {one.fingerprint}"
    )
    if one.outcome == "as expected":
        return clean(f"{where}: serves {seen}.")
    return to.warn(f"{where}: serves ANOTHER certificate: {seen}.")
