# SPDX-License-Identifier: Apache-2.0
"""`gatehouse shell`: declared here, loaded when it is used."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from gatehouse.faces.actions.action import Action
from gatehouse.faces.cli import commands

# Has an action done on a data directory.
CarryThere = Callable[[Action, msgspec.Struct, Path], msgspec.Struct]


def shell_command(carry: CarryThere) -> click.Command:
    """The command; exit status 1 where a recorded session met a refused commit."""

    def callback() -> None:
        # Here and not above: help and completion do not load a line editor.
        from gatehouse.faces.cli.shell.opening import open_shell

        context = click.get_current_context()
        data = commands.data_directory(context, os.environ)

        def carry_here(action: Action, given: msgspec.Struct) -> msgspec.Struct:
            with context.scope(cleanup=False):  # the line editor completes in another thread
                return carry(action, given, data)

        status = open_shell(
            carry_here,
            person=bool(sys.stdin and sys.stdin.isatty()),
            acting_as=commands.acting_as(context, os.environ),
        )
        raise click.exceptions.Exit(status)

    return click.Command(
        name="shell",
        callback=callback,
        params=[commands.data_option(), commands.as_option()],
        short_help="Work in dialogues, as on an appliance.",
        help="""Open the interactive shell: listenerconfig, certconfig, commit and the others.

Every question shows its default in brackets, an empty line takes it, and `?` says what is allowed.
Changes go to the candidate and run with `commit`. Standard input may be a recorded session, one
answer on each line; the exit status is 1 if its commit is refused.""",
        epilog=commands.example("gatehouse shell < listener.answers"),
    )
