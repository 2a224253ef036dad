# SPDX-License-Identifier: Apache-2.0
"""How an operator action is declared.

One declaration feeds all faces: the command with its help, its arguments and its completion, and
whatever is made from the types of input and output. It says nothing about how it is shown.
"""

import enum
from dataclasses import dataclass
from typing import Any

import msgspec

# Declarations take the roles from here; what each may do stands beside them there.
from gatehouse.policy.people import Role as Role


class Needs(enum.Enum):
    """What must be there for it."""

    RUNNING = "running"  # the gateway itself
    STORE = "store"  # the data directory; the running gateway is asked if there is one
    STORE_IF_ANY = "store-if-any"  # the same, but it does without where there is none yet
    NOTHING = "nothing"  # done on the spot, by files alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg:
    """How a field of an action's input is asked for.

    A field of type `bytes` is a file whose content is sent, so that the gateway never opens a path
    that somebody names; `most` bounds how much of it is read.
    """

    help: str
    positional: bool = False  # the name of a thing; everything else is a flag
    metavar: str = ""
    short: str = ""  # one letter for a flag that is typed often
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False  # a password: from a prompt or a file, never from an argument
    new: bool = False  # a password that is being chosen: asked for twice
    unlogged: bool = False  # proves something for a moment: kept out of the audit log
    named_by: str = ""  # the input that names what this is: by a name it may be a password
    writes: bool = False  # a path that the face writes the output's `content` to; never read
    stream: bool = False  # such a path may be "-", standard output
    replaces: bool = False  # a flag: a file that is there is replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that an operator can do. `name` is what is typed: "queue list"."""

    name: str
    summary: str  # one line, in lists of commands
    help: str  # what it does and why one would want it; paragraphs apart by empty lines
    example: str  # a whole command line that makes sense
    role: Role  # what somebody needs; policy.people.GRANTS says who has it
    input: type[msgspec.Struct]
    output: type[msgspec.Struct]
    changes: bool
    needs: Needs
    work: str  # "module:function", loaded when it is done; see perform.work_of
    confirm: str = ""  # a question to ask a person first
    own: bool = False  # whoever is logged in may do it to the account of his own that `name` names


class Nothing(msgspec.Struct, frozen=True):
    """The input of an action that takes no arguments."""


def arguments(action: Action) -> tuple[tuple[msgspec.structs.FieldInfo, Any, Arg], ...]:
    """The fields of an action's input: field, its plain type, how it is asked for."""
    found = []
    for field in msgspec.structs.fields(action.input):
        kind, notes = field.type, getattr(field.type, "__metadata__", ())
        asked = next((note for note in notes if isinstance(note, Arg)), None)
        if asked is None:
            raise TypeError(f"{action.name}: the field {field.name} does not say how it is asked")
        found.append((field, kind.__origin__, asked))
    return tuple(found)
