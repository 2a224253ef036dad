# SPDX-License-Identifier: Apache-2.0
"""The command line: from words to actions, exit status, help and completion."""

import errno
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import gatehouse.__main__
from gatehouse import app
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions.action import Action, arguments
from gatehouse.faces.actions.registry import ACTIONS, GROUPS
from gatehouse.faces.cli.main import Doors, main, tree

DOORS = Doors(
    version=lambda: "1.2.3", run_gateway=lambda data, machine: 7, open_house=app.open_house
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command line on a data directory; exit status, output, errors."""
    monkeypatch.setenv("GATEHOUSE_DATA", str(tmp_path / "data"))

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words), DOORS)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(DEFAULT_TEXT.replace("gatehouse.example.com", "gw7.example.com"))
    return path


def walk(group: click.Group, *names: str) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name, one in group.commands.items():
        found.append(((*names, name), one))
        if isinstance(one, click.Group):
            found += walk(one, *names, name)
    return found


ROOT = tree(DOORS)  # once: a command line needs it anew, and it takes a while
ALL = [names for names, _ in walk(ROOT)]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ROOT.main([*words, "--help"], prog_name="gatehouse")
    out = capsys.readouterr().out
    assert ended.value.code == 0
    # completion and the demo work on no data directory: the demo has one of its own
    assert ("--data" in out) != (words in {("completion",), ("demo",)})
    assert "Example:" in out or words[0] in GROUPS


@pytest.mark.parametrize("words", [(), *((*name.split(),) for name in GROUPS)], ids=" ".join)
def test_no_line_of_a_list_of_commands_is_cut_on_80_columns(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ROOT.main([*words, "--help"], prog_name="gatehouse", terminal_width=80)
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert listed
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_example_is_a_command_line_that_is_understood(action: Action) -> None:
    words = shlex.split(action.example.split(" > ")[0])[1:]
    context = ROOT.make_context("gatehouse", list(words), resilient_parsing=False)
    name, found, rest = ROOT.resolve_command(context, words)
    while isinstance(found, click.Group):
        name, found, rest = found.resolve_command(context, rest)
    assert found is not None
    found.make_context(name, rest)


def test_loading_looking_and_committing(command: Command, file: Path) -> None:
    assert command("config", "load", str(file))[0] == 0
    status, out, _ = command("config", "diff")
    assert status == 0
    assert '~ hostname: "gatehouse.example.com" -> "gw7.example.com"' in out
    assert '+hostname = "gw7.example.com"' in command("config", "diff", "--text")[1]
    status, out, err = command("config", "commit", "a new name")
    assert (status, err) == (0, "")
    assert out.endswith("Revision 2 is committed; the next `gatehouse run` uses it.\n")
    assert "warning: line 24: listeners.InboundMail.certificate: the Demo certificate" in out
    status, out, _ = command("config", "history", "--json")
    assert [one["comment"] for one in json.loads(out)["revisions"]] == [
        "a new name",
        "factory settings",
    ]
    assert command("config", "show")[1] == file.read_text()


def test_a_bad_file_is_one_line_for_each_fault_and_status_1(command: Command, file: Path) -> None:
    file.write_text(DEFAULT_TEXT.replace("port = 2525", "port = 70000\nprot = 1"))
    command("config", "clear")  # makes the data directory, and says so
    status, out, err = command("config", "load", str(file))
    assert (status, out) == (1, "")
    faults = err.splitlines()
    assert len(faults) == 3
    assert "listeners.InboundMail.port" in faults[0]
    assert "65535" in faults[0]
    assert "did you mean 'port'?" in faults[1]
    assert faults[2].startswith("gatehouse: The configuration has 2 errors")


def test_a_failure_is_json_too(command: Command) -> None:
    status, out, err = command("queue", "show", "5", "--json")
    assert status == 1
    assert json.loads(out)["fault"]["reference"] == "no-data-directory"
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("queue", "show"),
        ("queue", "show", "x"),
        ("queue", "list", "--limit", "0"),
        ("queue", "list", "--nonsense"),
        ("completion", "tcsh"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_status_2(command: Command, words: tuple[str, ...]) -> None:
    assert command(*words)[0] == 2


def required(action: Action, *, but: str = "") -> list[str]:
    """The shortest command line of an action, one of its fields left out."""
    words = action.name.split()
    for field, kind, asked in arguments(action):
        if not field.required or asked.secret or field.name == but:
            continue
        value = asked.choices[0] if asked.choices else os.devnull if kind is bytes else "1"
        flag = "--" + field.name.rstrip("_").replace("_", "-")
        words += [value] if asked.positional else [flag, value]
    return words


FIELDS = [
    (action, field.name)
    for action in ACTIONS
    for field, _, asked in arguments(action)
    if field.required and not asked.secret
]


def at_once(words: list[str]) -> int:
    """The exit status of a command line, without making the tree anew."""
    with pytest.raises(SystemExit) as ended:
        ROOT.main(words, prog_name="gatehouse")
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("action", "field"), FIELDS, ids=[f"{action.name}: {field}" for action, field in FIELDS]
)
def test_what_is_required_is_missed_in_words(
    action: Action, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_once(required(action, but=field)) == 2
    assert "Missing " in capsys.readouterr().err


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a configuration and nothing else, for all that follows."""
    path = tmp_path_factory.mktemp("prepared") / "data"
    app.open_house(path)[1].close()
    return path


@pytest.mark.parametrize(
    "action",
    [one for one in ACTIONS if one.name != "explain outbound"],  # that one asks DNS
    ids=lambda action: action.name,
)
def test_no_action_needs_more_than_it_requires(
    action: Action,
    prepared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some write a file
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    status = at_once([*required(action), "--data", str(prepared)])
    said = capsys.readouterr().err.splitlines()
    assert status in {0, 1}
    assert status == 0 or said[-1].startswith("gatehouse: ")


@pytest.mark.parametrize("words", ["smart-host password ses", "smtp-user password scanner1"])
def test_a_password_is_asked_for_at_a_terminal_and_nowhere_else(
    command: Command, prepared: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    line = (*words.split(), "--data", str(prepared))
    assert command(*line)[2] == (
        "gatehouse: The password is needed. Name a file with --password-file.\n"
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[bool] = []

    def answer(text: str, **more: object) -> str:
        asked.append(text == "Password" and more["hide_input"] is True)
        return "a password of some length"

    monkeypatch.setattr(click, "prompt", answer)
    command(*line)
    assert asked == [True]


def test_data_is_understood_before_and_behind(command: Command, tmp_path: Path) -> None:
    where = str(tmp_path / "elsewhere")
    for words in (("--data", where, "queue", "list"), ("queue", "list", "--data", where)):
        assert where in command(*words)[2]
    both = command("--data", "/nowhere", "queue", "--data", "/nobody", "list", "--data", where)
    assert where in both[2]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "The gateway's data is for its owner alone ({}). Give the command as that user, or as "
            "root.",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long"), "File name too long ({})."),
    ],
    ids=["another user's", "no name of a file"],
)
def test_a_directory_that_cannot_be_looked_into_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, said: str
) -> None:
    def refuse(path: Path) -> bool:
        raise fault

    monkeypatch.setattr(Path, "exists", refuse)
    where = str(tmp_path / "data")
    for words in (("status",), ("queue", "hold", "--all"), ("log", "tail", "--data", where)):
        status, out, err = command(*words)
        assert (status, out, err) == (1, "", f"gatehouse: {said.format(where)}\n")


def test_reading_makes_no_data_directory(command: Command, tmp_path: Path) -> None:
    for words in (("status",), ("queue", "list"), ("config", "show"), ("log", "tail")):
        assert command(*words)[0] == 1
    assert not (tmp_path / "data").exists()


def test_a_change_tells_where_it_makes_a_data_directory(command: Command, tmp_path: Path) -> None:
    told = f"A new data directory is made: {tmp_path / 'data'}\n"
    assert command("delivery", "suspend", "--all")[2] == told
    assert command("delivery", "suspend", "--all")[2] == ""


def test_a_file_is_checked_without_a_data_directory(command: Command, file: Path) -> None:
    assert command("config", "check", str(file))[0] == 0
    assert not (file.parent / "data").exists()


def test_a_file_that_is_not_there_is_a_failure(command: Command) -> None:
    status, _, err = command("config", "check", "/nowhere/x.toml")
    assert status == 1
    assert err == (
        "gatehouse: The file cannot be read: No such file or directory (/nowhere/x.toml).\n"
    )


def test_deleting_asks_at_a_terminal_only(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("config", "load", os.devnull)  # makes the data directory; the empty file is refused
    assert command("queue", "delete", "--all")[0] == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def refuse(text: str, **more: object) -> None:
        asked.append(text)
        raise click.Abort

    monkeypatch.setattr(click, "confirm", refuse)
    assert command("queue", "delete", "--all")[0] == 1
    assert asked == ["Remove these messages for good?"]
    assert command("queue", "delete", "--all", "--yes")[0] == 0


def test_what_the_locale_cannot_say_is_escaped(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("config", "load", str(file), "--commit", "Grüße 東京")[0] == 0
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets, encoding="latin-1"))
    assert main(["config", "history"], DOORS) == 0
    sys.stdout.flush()
    assert "Grüße \\u6771\\u4eac" in octets.getvalue().decode("latin-1")


def test_run_ends_with_the_gateways_status(command: Command) -> None:
    assert command("run")[0] == 7


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_the_command(command: Command, shell: str) -> None:
    status, out, _ = command("completion", shell)
    assert status == 0
    assert "_GATEHOUSE_COMPLETE" in out


def test_completion_knows_the_commands(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_GATEHOUSE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "gatehouse queue re")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert command()[1].split() == ["plain,release", "plain,retry"]


def test_both_sides_know_how_a_process_of_ours_is_started() -> None:
    assert gatehouse.__main__.ROLE_COMMAND == app.ROLE_COMMAND


def test_output_that_finds_no_room_is_told() -> None:
    command = [sys.executable, "-m", "gatehouse", "version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "gatehouse: It was done, but the output cannot be written: No space left on device.\n",
    )


def test_ctrl_c_ends_without_a_word_however_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: list[str], doors: Doors) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gatehouse.faces.cli.main.main", interrupted)
    monkeypatch.setattr("sys.argv", ["gatehouse", "status"])
    assert gatehouse.__main__.main() == 130


def test_help_does_not_load_the_gateway() -> None:
    script = (
        "import sys\n"
        "from gatehouse.__main__ import main\n"
        "sys.argv = ['gatehouse', '--help']\n"
        "main()\n"
        "heavy = {'apsw', 'uvloop', 'pydantic', 'cryptography', 'dns', 'asyncio'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
