# SPDX-License-Identifier: Apache-2.0
"""Declarations: the configuration.

A change goes the same way each time: make a candidate, look at what is different, commit it. Each
operator has a candidate of his own.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.config.saved_fields import MAX_FILE
from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.errors import FindingView

_WORK = "gatehouse.faces.actions.configuration_work"


class LoadInput(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and what to write into the history if it shall run at once."""

    file: Annotated[
        bytes, Arg(help="the TOML file; - is standard input", positional=True, most=MAX_FILE)
    ]
    section: Annotated[
        tuple[str, ...],
        Arg(help='only this section: "listeners", "listeners.InboundMail"', metavar="PATH"),
    ] = ()
    passphrase: Annotated[
        str | None, Arg(help="the passphrase of what is sealed in the file", secret=True)
    ] = None
    without_secrets: Annotated[
        bool, Arg(help="the text alone; what is sealed in the file stays closed")
    ] = False
    commit: Annotated[
        str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
    ] = None


class ShowInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which text to show; nothing said means the one in force."""

    revision: Annotated[int | None, Arg(help="show this revision", metavar="N", least=1)] = None
    candidate: Annotated[bool, Arg(help="show the candidate")] = False
    machine: Annotated[
        str | None, Arg(help="what holds for this machine of the cluster", metavar="NAME")
    ] = None
    level: Annotated[
        str | None, Arg(help="what holds at this level: group:NAME", metavar="LEVEL")
    ] = None
    origins: Annotated[bool, Arg(help="with the level that each value comes from")] = False


class CheckInput(msgspec.Struct, frozen=True, kw_only=True):
    """What to check; nothing said means the candidate, or else what is in force."""

    file: Annotated[
        bytes | None, Arg(help="a TOML file; - is standard input", positional=True, most=MAX_FILE)
    ] = None


class CommitInput(msgspec.Struct, frozen=True, kw_only=True):
    """What the history shall say."""

    comment: Annotated[str, Arg(help="why it was changed", positional=True)]
    confirm_within: Annotated[
        str | None,
        Arg(help='go back unless `config confirm` comes within this time: "10m"', metavar="TIME"),
    ] = None


class HistoryInput(msgspec.Struct, frozen=True, kw_only=True):
    """How far back to go."""

    limit: Annotated[
        int, Arg(help="at most so many", metavar="N", short="n", least=1, most=10_000)
    ] = 20


class LevelledValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value with the level that says it."""

    place: str
    value: str  # as it is written
    level: str  # cluster | group:NAME | machine:NAME


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration and where it comes from."""

    source: str  # "revision 3" | "candidate"
    revision: int | None
    text: str
    values: tuple[LevelledValue, ...] = ()  # where origins were asked for


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration can run; what somebody should look at all the same."""

    source: str  # "file" | "candidate" | "revision 3"
    warnings: tuple[FindingView, ...]
    notes: tuple[str, ...] = ()  # about a saved file: what it holds and what it lacks


class ServedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener really shows, seen by a handshake after the commit."""

    listener: str
    certificate: str  # the name of the one that it should show
    server_name: str | None  # asked for by SNI; None: nothing was asked for
    outcome: str  # as expected | another certificate | not offered | failed
    subject: str
    fingerprint: str
    not_after: datetime | None
    protocol: str
    sent: int  # certificates in the chain
    text: str  # why nothing was seen


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The file is the candidate now, or runs already."""

    changed: bool  # it differs from what is in force
    warnings: tuple[FindingView, ...]
    revision: int | None  # the new one, if it was committed
    running: bool  # a gateway runs by it now
    served: tuple[ServedView, ...] = ()
    secrets: tuple[str, ...] = ()  # that came with the file, and change with the commit
    missing: tuple[str, ...] = ()  # passwords that the text needs and that are nowhere
    notes: tuple[str, ...] = ()


class DiffInput(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare; nothing said means what is in force with the candidate."""

    old: Annotated[
        int | None, Arg(help="this revision with", positional=True, metavar="A", least=1)
    ] = None
    new: Annotated[int | None, Arg(help="that one", positional=True, metavar="B", least=1)] = None
    text: Annotated[bool, Arg(help="line by line too")] = False


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field with what it was and what it is to be, as they are written; "": not set."""

    place: str  # section and field
    kind: str  # added | removed | changed | moved
    old: str
    new: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From one configuration to another."""

    revision: int  # the one on the left
    candidate: bool  # there is one, or two revisions were named
    changes: tuple[FieldChange, ...]
    diff: str  # unified; "" where it was not asked for, or the texts are equal
    behind: bool  # others have committed since the candidate was made
    secrets: tuple[str, ...] = ()  # certificates and trust entries that will change


class CommitView(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that was just committed."""

    revision: int
    running: bool  # a gateway runs by it now; else the next start will
    warnings: tuple[FindingView, ...]
    served: tuple[ServedView, ...] = ()
    merged: bool = False  # with what others had committed since the candidate was made
    confirm_by: datetime | None = None  # it goes back then, unless it is confirmed


class Committed(CommitView, frozen=True, kw_only=True):
    """The candidate is a revision now."""

    secrets: tuple[str, ...] = ()  # certificates and trust entries that changed with it


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was a candidate to forget."""

    cleared: bool
    secrets: tuple[str, ...] = ()  # pending certificates and trust entries that are forgotten


class RevisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One commit."""

    revision: int
    committed_at: datetime
    operator: str
    comment: str
    kind: str  # commit | rollback | confirm expired | restored
    in_force: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Commits, the newest first."""

    revisions: tuple[RevisionLine, ...]


LOAD = Action(
    name="config load",
    summary="Check a file and make it the candidate.",
    help="""Read a configuration file, check all of it, and keep it as the candidate.

A file with errors is refused with every fault named, and nothing changes: what runs goes on.
Nothing runs differently before `gatehouse config commit`, so that you can look at the difference
first; --commit does both at once. With --section only that section of your candidate is replaced.

A file of `gatehouse config save` brings the secrets that are sealed in it; they wait for the commit
too. Secrets that a file does not hold stay as they are here. What is sealed does not open under a
text that was changed after it was saved: load the file as it is and change the candidate.""",
    example='gatehouse config load gatehouse.toml --commit "TLS required for partners"',
    role=Role.ADMINISTRATOR,
    input=LoadInput,
    output=Loaded,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:load",
)

SHOW = Action(
    name="config show",
    summary="Print the configuration in force, an old one or the candidate.",
    help="""Print a configuration as TOML, with its comments, exactly as it was loaded.

Redirect it into a file to edit it, and load that file again. With --machine it is what holds for
one machine, put together from all levels; --origins says where each value comes from.""",
    example="gatehouse config show > gatehouse.toml",
    role=Role.READ_ONLY,
    input=ShowInput,
    output=Text,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:show",
)

CHECK = Action(
    name="config check",
    summary="Say what is wrong, or odd, with a configuration.",
    help="""Check a file without loading it; without FILE, the candidate or what is in force.

Files of `gatehouse config save` too: of what is sealed in them the form is checked, without the
passphrase.

Every finding names line, section and field, what was found and what is allowed. Warnings are
things that run but deserve a look. The exit status is 1 if there is an error.""",
    example="gatehouse config check gatehouse.toml",
    role=Role.READ_ONLY,
    input=CheckInput,
    output=Checked,
    changes=False,
    needs=Needs.STORE_IF_ANY,
    work=f"{_WORK}:check",
)

DIFF = Action(
    name="config diff",
    summary="Show what a commit would change.",
    help="""Compare your candidate with what is in force, field by field; --text adds every line.

Look at this before `gatehouse config commit`: it is the last moment at which a slip costs
nothing. Where others have committed meanwhile, what is shown is what the commit would do to their
configuration. With two numbers, two revisions are compared.""",
    example="gatehouse config diff 3 5",
    role=Role.READ_ONLY,
    input=DiffInput,
    output=Difference,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:diff",
)

COMMIT = Action(
    name="config commit",
    summary="Make the candidate run.",
    help="""Check the candidate once more, keep it as a new revision and run by it.

No connection is refused meanwhile: new receivers start with the new rules, the old ones finish
with their clients. If the new revision does not come up, the old one goes on and the history
says so. Without a running gateway the next start uses it.

What others have committed since your candidate was made is kept: your changes are made to it. Where
both changed the same field, the commit is refused with both values, and `gatehouse config rebase`
settles it. With --confirm-within the configuration before comes back by itself, unless
`gatehouse config confirm` is said in time: for changes that could lock you out.""",
    example='gatehouse config commit "TLS required for partners" --confirm-within 10m',
    role=Role.ADMINISTRATOR,
    input=CommitInput,
    output=Committed,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.configuration_commit_work:commit",
)

CLEAR = Action(
    name="config clear",
    summary="Forget your candidate.",
    help="""Throw your candidate away. What is in force, and what others prepare, is not touched.

For when you have changed your mind, and want the next commit to start from what runs.""",
    example="gatehouse config clear",
    role=Role.ADMINISTRATOR,
    input=Nothing,
    output=Cleared,
    changes=True,
    needs=Needs.STORE,
    work=f"{_WORK}:clear",
)

HISTORY = Action(
    name="config history",
    summary="List the commits.",
    help="""Who committed what and when, the newest first.

`gatehouse config show --revision N` prints the text of one.""",
    example="gatehouse config history --limit 5",
    role=Role.READ_ONLY,
    input=HistoryInput,
    output=History,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:history",
)
