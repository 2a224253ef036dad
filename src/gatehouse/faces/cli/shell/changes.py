# SPDX-License-Identifier: Apache-2.0
"""Commands about the configuration as a whole: look at it, commit it, drop it, go back."""

from gatehouse.config import units
from gatehouse.faces.actions import configuration, configuration_commit, configuration_edit, status
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.dialogue import (
    NOTHING,
    Show,
    Talk,
    ask,
    choose,
    confirm,
    do,
    pause,
    say,
    show,
)
from gatehouse.faces.cli.terminal import moment
from gatehouse.journal.escape import clean

_CONFLICT = "conflict"  # as `config commit` refers to it
_NO_COMMENT = "no comment"  # what the history says where nothing was said
_LISTED = 10  # commits to choose from, as on the modelled appliance


def commit() -> Talk[None]:
    """Make the candidate run."""
    comment = yield from ask(
        "What was changed, and why? (may be empty)", help="It stands in the history."
    )
    within = yield from _ask_time()
    given = configuration.CommitInput(comment=comment or _NO_COMMENT, confirm_within=within)
    done = yield from _committed(given)
    if done is None:
        return
    yield Show(output=done)
    for one in (yield from _history(_LISTED)):  # somebody else may have committed since
        if one.revision == done.revision:
            yield from say(f"Changes committed: {moment(one.committed_at)}")
    if within is not None:
        yield from say("Keep them with `commitconfirm` when all is well.")


def _committed(given: configuration.CommitInput) -> Talk[configuration.Committed | None]:
    """None: others had committed something else, and it shall wait. Raises OperatorError."""
    try:
        return (yield from do(configuration.COMMIT, given, configuration.Committed))
    except OperatorError as error:
        # A recording has no answer to a question that whoever recorded it has never seen.
        if error.fault.reference != _CONFLICT or not (yield from pause(0)):
            raise
        found = error.fault
    yield from say(*(clean(one.text) for one in found.findings), clean(found.message))
    place = yield from choose(
        "Whose values shall hold?",
        ("Nothing is committed yet", "Mine", "Those that are in force"),
        help="What only one of you has changed holds in any case.",
    )
    if place == 0:
        return None
    given_way = configuration_edit.RebaseInput(take=("mine", "theirs")[place - 1])
    yield from show(configuration_edit.REBASE, given_way)
    if not (yield from confirm("Commit that?", default=True)):
        return None
    return (yield from do(configuration.COMMIT, given, configuration.Committed))


def commit_confirm() -> Talk[None]:
    """What was committed with a time to confirm is kept."""
    yield from show(configuration_commit.CONFIRM, Nothing())


def _ask_time() -> Talk[str | None]:
    """Nothing is asked where nothing runs: nobody could see whether it was good."""
    try:
        now = yield from do(status.STATUS, status.StatusInput(destinations=0), status.Status)
    except OperatorError:
        return None  # what is wrong is said to the commit
    if not now.running:
        return None
    time = yield from ask(
        "Enter the time after which it goes back by itself unless it is confirmed",
        NOTHING,
        check=_time,
        help="30s, 10m, 2h; for a change that could lock you out.",
    )
    return None if time.lower() == NOTHING else time


def _time(answer: str) -> str | None:
    try:
        good = answer.lower() == NOTHING or units.parse_duration(answer) > 0
    except ValueError:
        good = False
    return None if good else f"{units.DURATION_FORM}, or {NOTHING}, is needed."


def commit_detail() -> Talk[None]:
    """What the last commit was."""
    newest = (yield from _history(1))[0]
    yield from say(_line(newest))


def clear() -> Talk[None]:
    """Drop the candidate."""
    if (yield from confirm("Drop all changes that are not committed?")):
        yield from show(configuration.CLEAR, Nothing())


def show_changes() -> Talk[None]:
    """What a commit would change."""
    yield from show(configuration.DIFF, configuration.DiffInput())


def show_config() -> Talk[None]:
    """The configuration in force."""
    yield from show(configuration.SHOW, configuration.ShowInput())


def roll_back() -> Talk[None]:
    """An earlier configuration is committed again."""
    found = [one for one in (yield from _history(_LISTED + 1)) if not one.in_force]
    if not found:
        yield from say("There is no earlier configuration.")
        return
    place = yield from choose("Go back to which configuration?", [_line(one) for one in found])
    number = found[place].revision
    if (yield from confirm(f"Commit the text of revision {number} again and run by it?")):
        given = configuration_commit.RollbackInput(revision=number)
        yield from show(configuration_commit.ROLLBACK, given)


def _history(limit: int) -> Talk[tuple[configuration.RevisionLine, ...]]:
    found = yield from do(
        configuration.HISTORY, configuration.HistoryInput(limit=limit), configuration.History
    )
    return found.revisions


def _line(one: configuration.RevisionLine) -> str:
    return clean(
        f"revision {one.revision}, {moment(one.committed_at)}, {one.operator}: {one.comment}"
    )
