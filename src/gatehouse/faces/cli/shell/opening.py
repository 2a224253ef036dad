# SPDX-License-Identifier: Apache-2.0
"""A shell is opened: who is there, on which machine, and where the answers come from."""

import io
import os
import sys
from typing import TextIO

from gatehouse.faces.actions import status
from gatehouse.faces.actions.carry import operator_name
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.player import Carry, Source
from gatehouse.faces.cli.shell.session import Session
from gatehouse.faces.cli.shell.sources import OutputLost, Person, Piped


def open_shell(carry: Carry, *, person: bool, acting_as: str = "") -> int:
    """Until it is left; the exit status. Raises OperatorError where there is nothing to work on.

    `acting_as`: the account that somebody of this machine has named, "" for none.
    """
    try:
        return _opened(carry, person=person, acting_as=acting_as)
    except OutputLost as lost:
        # Otherwise the interpreter tries again at its end, and complains in its own way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OperatorError(
            "output-lost", f"The session ends here: its output cannot be written: {lost}."
        ) from None


def _opened(carry: Carry, *, person: bool, acting_as: str) -> int:
    now = carry(status.STATUS, status.StatusInput(destinations=0))
    assert isinstance(now, status.Status)
    source: Source = Person() if person else Piped(_recording())
    if person:
        source.say("Gatehouse. `help` lists the commands; nothing changes before `commit`.")
    session = Session(
        source, carry, who=acting_as or operator_name(), host=now.hostname or "gatehouse"
    )
    left = session.run()
    if person:
        session.farewell()
    return left


def _recording() -> TextIO:
    """Standard input; an octet that is no text is refused as an answer and not by the reading."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin or io.StringIO()  # closed by whoever started us
