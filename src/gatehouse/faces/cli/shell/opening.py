# SPDX-License-Identifier: Apache-2.0
"""A shell is opened: who is there, on which machine, and where the answers come from."""

import getpass

from gatehouse.faces.actions import status
from gatehouse.faces.cli.shell.player import Carry, Source
from gatehouse.faces.cli.shell.session import Session
from gatehouse.faces.cli.shell.sources import Person, Piped


def open_shell(carry: Carry, *, person: bool) -> int:
    """Until it is left; the exit status. Raises OperatorError where there is nothing to work on."""
    now = carry(status.STATUS, status.StatusInput(destinations=0))
    assert isinstance(now, status.Status)
    source: Source = Person() if person else Piped()
    if person:
        source.say("Gatehouse. `help` lists the commands; nothing changes before `commit`.")
    return Session(source, carry, who=getpass.getuser(), host=now.hostname or "gatehouse").run()
