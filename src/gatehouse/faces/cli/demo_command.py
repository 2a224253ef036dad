# SPDX-License-Identifier: Apache-2.0
"""`gatehouse demo` for a person: progress while it plays, the table, one message's log."""

from dataclasses import asdict

import click
import msgspec

from gatehouse.faces.cli import commands
from gatehouse.faces.cli.terminal import Column, Screen, screen, table
from gatehouse.journal.escape import clean

_COLUMNS = (
    Column("Message", flexible=True),
    Column("Recipient"),
    Column("TLS in", flexible=True),
    Column("TLS out", flexible=True),
    Column("Outcome"),
    Column("Why", flexible=True),
    Column("Right"),
)


def demo_command() -> click.Command:
    """The command; exit status 0 only if every outcome was the right one."""

    def callback() -> None:
        # Here and not above: help and completion do not load engines.
        from gatehouse.faces.cli.demo import DemoFailed, run_demo

        as_json = commands.wants_json(click.get_current_context())
        try:
            result = run_demo(lambda line: click.echo(clean(line), err=as_json))
        except DemoFailed as error:
            click.echo(f"gatehouse: the demo could not be played: {clean(str(error))}", err=True)
            raise click.exceptions.Exit(1) from None
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(asdict(result)), indent=2))
        else:
            to = screen()
            rows = [
                (r.letter, r.recipient, r.tls_in, r.tls_out, r.outcome, r.why, _mark(r.right))
                for r in result.rows
            ]
            click.echo(f"\n{table(_COLUMNS, rows, to)}\n")
            click.echo(to.heading(f"Mail log of the first message ({result.log_of}):"))
            click.echo("\n".join(clean(line) for line in result.log))
            click.echo(f"\n{_verdict(result.right, result.seconds, to)}")
        raise click.exceptions.Exit(0 if result.right else 1)

    return click.Command(
        name="demo",
        callback=callback,
        params=[commands.json_option()],
        short_help="Show the main job on real mail, on loopback only.",
        help="""Start a real gateway and real receiving servers on free loopback ports, send mail
through it over STARTTLS and in clear, and show what became of every message and why.

Nothing outside this machine is contacted and nothing is left behind. The exit status is 0 only if
every outcome was the right one.""",
        epilog=commands.example("gatehouse demo"),
    )


def _mark(right: bool) -> str:
    return "yes" if right else "NO"


def _verdict(right: bool, seconds: float, to: Screen) -> str:
    if right:
        return f"Every outcome is the right one ({seconds:.1f} s)."
    return to.warn("Not every outcome is the right one; see the last column.")
