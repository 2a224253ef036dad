# SPDX-License-Identifier: Apache-2.0
"""The `gatehouse` command.

Its tree is made from the registry; only what is no operator action is written out here: `run`,
`demo`, `shell` and `completion`. What is heavy is loaded when a command is carried out, so that
help and completion are there at once.

Exit status: 0 it was done, 1 it was not (one sentence on standard error says why), 2 the command
line was not understood.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import get_completion_class

from gatehouse.faces.actions import logs, people_access
from gatehouse.faces.actions.action import Action
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, Fault, OperatorError
from gatehouse.faces.actions.registry import ACTIONS, GROUPS
from gatehouse.faces.cli import commands
from gatehouse.faces.cli.demo_command import demo_command
from gatehouse.faces.cli.progress import at_work
from gatehouse.faces.cli.shell.command import CarryThere, shell_command
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import screen
from gatehouse.journal.escape import clean

_NAME = "gatehouse"
_COMPLETION_VARIABLE = "_GATEHOUSE_COMPLETE"

# The data directory and its store; actions.carry has it with their types, and is loaded later.
OpenHouse = Callable[[Path], tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the command line is given by the roof; each loads what it needs when it is called."""

    version: Callable[[], str]
    run_gateway: Callable[[Path, str | None], int]  # and which machine of a cluster this is
    open_house: OpenHouse


class _Failure(msgspec.Struct, frozen=True):
    fault: Fault


def main(arguments: list[str], doors: Doors) -> int:
    """Run a command line; the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a subject may have what a locale cannot say
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        tree(doors).main(arguments, prog_name=_NAME, complete_var=_COMPLETION_VARIABLE)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def tree(doors: Doors) -> click.Group:
    """All commands."""
    root = click.Group(
        name=_NAME,
        help="""Gatehouse, a mail gateway that proves its TLS.

A change of the configuration is made in your candidate; `config commit` makes it run. Where a
gateway runs on the data directory it is asked; else commands that can work on the store do so.

Exit status: 0 it was done, 1 it was not (one sentence on standard error says why), 2 the command
line was not understood.""",
        epilog=commands.example("gatehouse run --data /var/lib/gatehouse"),
        params=commands.common_options(),
    )
    click.version_option(message=f"{_NAME} %(version)s", package_name="mailgatehouse")(root)
    shell = _failing(shell_command(_carry_in_dialogue(doors)))
    for command in (_run_command(doors), demo_command(), shell, _completion_command(root)):
        root.add_command(command)
    groups = {name: _group(name, text) for name, text in GROUPS.items()}
    for name, group in (*groups.items(), *((one.name, _command(one, doors)) for one in ACTIONS)):
        above, _, _ = name.rpartition(" ")
        (groups[above] if above else root).add_command(group)
    return root


def _group(name: str, text: str) -> click.Group:
    return click.Group(name=name.split()[-1], help=text, params=commands.common_options())


def _command(action: Action, doors: Doors) -> click.Command:
    def run(action: Action, given: msgspec.Struct) -> None:
        _carry_out(action, given, doors)

    command = commands.command(action, run)
    return _with_follow(command) if action is logs.TAIL else _failing(command)


def _carry_out(action: Action, given: msgspec.Struct, doors: Doors) -> None:
    # Here and not above: this loads the services and the store.
    from gatehouse.faces.actions.carry import carry

    context = click.get_current_context()
    data = commands.data_directory(context, os.environ)
    acting_as = commands.acting_as(context, os.environ)

    def work(wanted: msgspec.Struct) -> msgspec.Struct:
        with at_work():
            return carry(action, wanted, data, doors.version(), _told(doors.open_house), acting_as)

    try:
        output = work(given)
    except OperatorError as error:
        if error.fault.reference != PASSWORD_NEEDED or not sys.stdin.isatty():
            raise
        output = work(_with_password(action, given))
    with _output_written():
        output = commands.write_content(action, given, output)
        aside = commands.writes_stream(action, given)
        if commands.wants_json(context):
            click.echo(msgspec.json.format(msgspec.json.encode(output), indent=2), err=aside)
            return
        click.echo(render(output, screen()), err=aside)
    if isinstance(output, people_access.TotpStarted) and not output.counts and sys.stdin.isatty():
        code = click.prompt("Code from the authenticator", err=True)
        click.echo(render(work(msgspec.structs.replace(given, code=code)), screen()))


def _told(open_house: OpenHouse) -> OpenHouse:
    """Whoever forgot --data hears that what he changed is not the gateway he meant."""

    def opened(data: Path) -> tuple[Any, Any]:
        new = not data.exists()
        house = open_house(data)
        if new:
            click.echo(f"A new data directory is made: {clean(str(data.absolute()))}", err=True)
        return house

    return opened


@contextmanager
def _output_written() -> Iterator[None]:
    """A disk that is full under a redirected output is told; who went away (EPIPE) is not."""
    try:
        yield
    except BrokenPipeError:
        raise  # the library ends with status 1 and says nothing
    except OSError as error:
        # Otherwise the interpreter tries again at its end, and complains in its own way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OperatorError(
            "output-lost",
            f"It was done, but the output cannot be written: {error.strerror}.",
        ) from None


def _carry_in_dialogue(doors: Doors) -> CarryThere:
    def work(action: Action, given: msgspec.Struct, data: Path) -> msgspec.Struct:
        # Here and not above: see _carry_out.
        from gatehouse.faces.actions.carry import carry

        acting_as = commands.acting_as(click.get_current_context(), os.environ)
        with at_work():
            return carry(action, given, data, doors.version(), _told(doors.open_house), acting_as)

    return work


def _with_password(action: Action, given: msgspec.Struct) -> msgspec.Struct:
    """The same input with what the person at the terminal says."""
    asked = commands.secret_of(action)
    assert asked is not None, "only an action with a secret asks for one"
    name, how = asked
    return msgspec.structs.replace(given, **{name: commands.ask_secret(name, how)})


def _failing(command: click.Command) -> click.Command:
    """The same command, with an operator's error as one sentence and exit status 1."""
    inner = command.callback
    assert inner is not None

    def callback(**given: object) -> None:
        try:
            inner(**given)
        except OperatorError as error:
            _tell(error.fault)
            raise click.exceptions.Exit(1) from None

    command.callback = callback
    return command


def _tell(fault: Fault) -> None:
    if commands.wants_json(click.get_current_context()):
        click.echo(msgspec.json.format(msgspec.json.encode(_Failure(fault)), indent=2))
    for one in fault.findings:
        click.echo(clean(one.text), err=True)
    click.echo(f"{_NAME}: {clean(fault.sentence())}", err=True)


# --- what is no action ------------------------------------------------------------------------


def _run_command(doors: Doors) -> click.Command:
    def callback() -> None:
        data = commands.data_directory(click.get_current_context(), os.environ)
        machine = commands.machine_name(click.get_current_context(), os.environ)
        raise click.exceptions.Exit(doors.run_gateway(data, machine))

    return click.Command(
        name="run",
        callback=callback,
        params=[commands.data_option(), commands.machine_option()],
        short_help="Run the gateway until it is told to stop.",
        help="""Run the gateway in the foreground until SIGTERM or Ctrl-C.

On an empty data directory it makes a configuration that works on loopback, the Demo certificate,
and the account `admin`, whose password it prints once. It prints where it listens once it does.""",
        epilog=commands.example("gatehouse run --data /var/lib/gatehouse"),
    )


def _completion_command(root: click.Group) -> click.Command:
    def callback(shell: str) -> None:
        found = get_completion_class(shell)
        assert found is not None
        click.echo(found(root, {}, _NAME, _COMPLETION_VARIABLE).source())

    return click.Command(
        name="completion",
        callback=callback,
        params=[click.Argument(["shell"], type=click.Choice(["bash", "zsh", "fish"]))],
        short_help="Print the completion script of a shell.",
        help="Print what makes your shell complete commands and flags with the tab key.",
        epilog=commands.example('eval "$(gatehouse completion bash)"'),
    )


def _with_follow(command: click.Command) -> click.Command:
    """`log tail` can go on, which no other face can show."""
    inner = command.callback
    assert inner is not None

    def callback(follow: bool, **given: object) -> None:
        if follow:
            if commands.acting_as(click.get_current_context(), os.environ):
                raise click.UsageError("--follow is for the owner of the data directory.")
            _follow(msgspec.convert(given, logs.TailInput))
        else:
            inner(**given)

    command.callback = callback
    option = click.Option(
        ["--follow", "-f"], is_flag=True, help="go on with what is written from now on"
    )
    command.params.insert(0, option)
    return _failing(command)


def _follow(given: logs.TailInput) -> None:
    # Here and not above: see _carry_out.
    from gatehouse.faces.actions.logs_work import POLL_SECONDS, follow

    data = commands.data_directory(click.get_current_context(), os.environ)
    try:
        for line in follow(data, given, lambda: time.sleep(POLL_SECONDS)):
            click.echo(line if given.events and not sys.stdout.isatty() else clean(line))
    except KeyboardInterrupt:
        pass
