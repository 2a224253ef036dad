# SPDX-License-Identifier: Apache-2.0
"""From a declared action to a command: arguments, flags, help, completion.

`--data`, `--as` and `--json` are understood in front of the command and behind it; what stands
nearest to the end wins.
"""

import os
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from gatehouse.config.places import is_name
from gatehouse.config.text import MAX_BYTES
from gatehouse.faces.actions.action import Action, Arg, arguments
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.cli import files

DATA_VARIABLE = "GATEHOUSE_DATA"
DEFAULT_DATA = "gatehouse-data"
OPERATOR_VARIABLE = "GATEHOUSE_OPERATOR"
MACHINE_VARIABLE = "GATEHOUSE_MACHINE"
_DATA = "gatehouse.data"
_AS = "gatehouse.as"
_MACHINE = "gatehouse.machine"
_JSON = "gatehouse.json"
_STANDARD_INPUT = "-"
_LONGEST_SECRET = 4096  # our own; PKCS#12 passwords are bounded at 1024

# Takes the action with its input and the wish for JSON, and shows what comes of it.
Run = Callable[[Action, msgspec.Struct], None]


def command(action: Action, run: Run) -> click.Command:
    """The command of one action."""
    options = [_parameter(field, kind, asked) for field, kind, asked in arguments(action)]
    if action.confirm:
        options.append(click.Option(["--yes", "-y"], is_flag=True, help="do not ask"))

    def callback(yes: bool = False, **given: object) -> None:
        wanted = _input(action, given)
        if action.confirm and not yes and sys.stdin.isatty():
            click.confirm(action.confirm, abort=True, err=True)
        run(action, wanted)

    return click.Command(
        name=action.name.split()[-1],
        callback=callback,
        params=[*options, *common_options()],
        help=action.help,
        short_help=action.summary,
        epilog=example(action.example),
    )


def example(line: str) -> str:
    """The end of a command's help."""
    return f"\b\nExample:\n  {line}"


def common_options() -> list[click.Parameter]:
    """What every command and every group understands."""
    return [data_option(), as_option(), json_option()]


def data_option() -> click.Option:
    """Where the gateway keeps everything."""
    return click.Option(
        ["--data"],
        metavar="DIR",
        type=click.Path(file_okay=False, readable=False),  # who may not is told so by the action
        expose_value=False,
        callback=_remember(_DATA),
        help=f"the data directory (else {DATA_VARIABLE}, else ./{DEFAULT_DATA})",
    )


def machine_option() -> click.Option:
    """Which machine of a cluster this is."""
    return click.Option(
        ["--machine"],
        metavar="NAME",
        expose_value=False,
        callback=_remember(_MACHINE),
        help=f"which machine of a cluster this is (else {MACHINE_VARIABLE}, else what joined here)",
    )


def as_option() -> click.Option:
    """For who may do more, and wants to do less."""
    return click.Option(
        ["--as", "acting_as"],
        metavar="NAME",
        expose_value=False,
        callback=_remember(_AS),
        help=f"act as this account, with its role (else {OPERATOR_VARIABLE}, else as yourself)",
    )


def json_option() -> click.Option:
    """For programs that read the output."""
    return click.Option(
        ["--json"],
        is_flag=True,
        expose_value=False,
        callback=_remember(_JSON),
        help="print the answer as JSON",
    )


def data_directory(context: click.Context, environment: typing.Mapping[str, str]) -> Path:
    """The directory that was named, by option or by variable."""
    named = context.meta.get(_DATA) or environment.get(DATA_VARIABLE) or DEFAULT_DATA
    return Path(named)


def machine_name(context: click.Context, environment: typing.Mapping[str, str]) -> str | None:
    """The machine that was named, by option or by variable."""
    named = context.meta.get(_MACHINE) or environment.get(MACHINE_VARIABLE)
    if named and not is_name(str(named)):
        raise click.UsageError("--machine: letters, digits, '.', '_' and '-', at most 63.")
    return str(named) if named else None


def acting_as(context: click.Context, environment: typing.Mapping[str, str]) -> str:
    """The account that was named, by option or by variable; "" for none."""
    return str(context.meta.get(_AS) or environment.get(OPERATOR_VARIABLE) or "")


def wants_json(context: click.Context) -> bool:
    """Is JSON asked for?"""
    return bool(context.meta.get(_JSON))


def _remember(key: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def callback(context: click.Context, _: click.Parameter, value: object) -> None:
        if value:
            context.meta[key] = value

    return callback


def _parameter(field: msgspec.structs.FieldInfo, kind: object, asked: Arg) -> click.Parameter:
    kind, many = _plain(kind)
    settings: dict[str, Any] = {"type": _type(kind, asked)}
    if asked.metavar:
        settings["metavar"] = asked.metavar
    if asked.positional:
        name = asked.metavar or field.name.upper()
        if kind is bytes and not field.required and field.default is not None:
            settings["default"] = _STANDARD_INPUT
        settings["metavar"] = f"[{name}]..." if many else name if field.required else f"[{name}]"
        return click.Argument(
            [field.name], required=field.required, nargs=-1 if many else 1, **settings
        )
    if asked.secret:
        return click.Option(
            [f"--{field.name}-file", field.name],
            metavar="FILE",
            type=click.Path(dir_okay=True, allow_dash=True),
            help=f"{asked.help}, in the first line of a file; else it is asked for",
        )
    flag = "--" + field.name.rstrip("_").replace("_", "-")  # `from_`: a word of the language
    names = [flag, field.name, *([f"-{asked.short}"] if asked.short else [])]
    if kind is bool:
        return click.Option(names, is_flag=True, help=asked.help)
    if many:
        settings["multiple"] = True
    elif field.default not in (None, msgspec.NODEFAULT):  # a default of None counts as an answer
        settings |= {"default": field.default, "show_default": True}
    return click.Option(names, required=field.required, help=asked.help, **settings)


def _plain(kind: object) -> tuple[object, bool]:
    """A field's type without None, and whether it takes many values."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        (kind,) = (one for one in typing.get_args(kind) if one is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0], True
    return kind, False


def _type(kind: object, asked: Arg) -> click.ParamType[Any]:
    if asked.choices:
        return click.Choice(asked.choices)
    if kind is int:
        bounded = asked.least is not None or asked.most is not None
        return click.IntRange(asked.least, asked.most) if bounded else click.INT
    if kind is bytes or asked.writes:
        return click.Path(dir_okay=True, allow_dash=kind is bytes or asked.stream)
    return click.STRING


def _input(action: Action, given: dict[str, object]) -> msgspec.Struct:
    """What was said, as the action takes it; what was not said is left to its defaults."""
    values = {}
    _refuse_two_of_standard_input(action, given)
    for field, kind, asked in arguments(action):
        said = given[field.name]
        if said is not None:
            values[field.name] = _value(kind, asked, said)
            if asked.writes and not _replaces(action, given) and not _is_stream(asked, said):
                _refuse_present(action, str(said))
        elif asked.secret and field.required:
            values[field.name] = ask_secret(field.name, asked)
    return action.input(**values)


def _value(kind: object, asked: Arg, said: object) -> object:
    """A file that was named becomes what is in it."""
    if asked.secret:
        return _first_line(str(said))
    if _plain(kind)[0] is bytes:
        most = MAX_BYTES if asked.most is None else asked.most
        if isinstance(said, tuple):
            return tuple(_content(name, most) for name in said)
        return _content(str(said), most)
    return said


def secret_of(action: Action) -> tuple[str, Arg] | None:
    """The field of an action's input that is a password."""
    return next(
        ((field.name, asked) for field, _, asked in arguments(action) if asked.secret), None
    )


def ask_secret(name: str, asked: Arg) -> str:
    """Ask the person at the terminal; a new password twice. OperatorError where nobody is."""
    if not sys.stdin.isatty():
        raise OperatorError(
            PASSWORD_NEEDED,
            f"The {name} is needed.",
            hint=f"Name a file with --{name}-file.",
        )
    said: str = click.prompt(
        name.capitalize(), hide_input=True, confirmation_prompt=asked.new, err=True
    )
    return said


def write_content(action: Action, given: msgspec.Struct, output: msgspec.Struct) -> msgspec.Struct:
    """Write an output's `content` into the file that was named; the output without it."""
    named = next(((f.name, asked) for f, _, asked in arguments(action) if asked.writes), None)
    if named is None:
        return output
    path, content = getattr(given, named[0]), output.content  # type: ignore[attr-defined]
    if _is_stream(named[1], path):
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif _replaces(action, msgspec.structs.asdict(given)):
        files.replace(path, content)
    else:
        files.write_new(path, content)
    return msgspec.structs.replace(output, content=b"")


def writes_stream(action: Action, given: msgspec.Struct) -> bool:
    """Is standard output taken by what was written?"""
    return any(
        asked.writes and _is_stream(asked, getattr(given, field.name))
        for field, _, asked in arguments(action)
    )


def _is_stream(asked: Arg, value: object) -> bool:
    return asked.stream and value == _STANDARD_INPUT


def _replaces(action: Action, given: typing.Mapping[str, object]) -> bool:
    return any(asked.replaces and given[field.name] for field, _, asked in arguments(action))


def _refuse_present(action: Action, name: str) -> None:
    """Before any work: a file that is there is not replaced."""
    if os.path.lexists(name):
        flag = next((field.name for field, _, one in arguments(action) if one.replaces), None)
        hint = f"Name another, or say --{flag}." if flag else "Name another, or remove it."
        raise OperatorError("file-exists", "The file is there already.", name, hint)


def _refuse_two_of_standard_input(action: Action, given: dict[str, object]) -> None:
    """Whoever reads it first takes all of it, and leaves an empty password to the second."""
    named: list[object] = []
    for field, kind, asked in arguments(action):
        value = given[field.name]
        if asked.secret or _plain(kind)[0] is bytes:
            named += value if isinstance(value, tuple) else [value]
    if named.count(_STANDARD_INPUT) > 1:
        raise OperatorError(
            "one-standard-input",
            "Standard input can be read once only.",
            hint="Name a file for one of the two.",
        )


def _first_line(name: str) -> str:
    """A password from a file; its line end does not belong to it."""
    line = _content(name, _LONGEST_SECRET).partition(b"\n")[0].removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise OperatorError(
            "bad-password-file", "The password file is not UTF-8 text.", name
        ) from None


def _content(name: str, most: int) -> bytes:
    """What a file holds; no more than a little over the bound, so that it is refused in words."""
    if name == _STANDARD_INPUT:
        return sys.stdin.buffer.read(most + 1)
    return files.read(name, most)
