# SPDX-License-Identifier: Apache-2.0
"""clustermode, clusterset, clusterconfig, clustercheck: machines, groups, and what is for whom."""

from collections.abc import Sequence

from gatehouse.config import places
from gatehouse.config.places import CLUSTER, Kind, Level
from gatehouse.faces.actions import cluster, configuration_levels
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.candidate_edit import attempt, choose_name
from gatehouse.faces.cli.shell.dialogue import (
    Show,
    Talk,
    ask,
    choose,
    confirm,
    do,
    menu,
    mode,
    say,
    show,
    something,
    words_of,
)
from gatehouse.journal.escape import clean

_NO_CANDIDATE = "no-candidate"
_PATHS = "Section, name or field with dots between them: listeners.InboundMail"


def cluster_mode() -> Talk[None]:
    """Which level the following edits are for."""
    found = yield from _view()
    if not found.machines and not found.groups:
        yield from say("This machine is alone: there are no modes. See `clusterconfig`.")
        return
    now = yield from mode()
    yield from say(f"This is the mode of {clean(now.words())}.")
    level = yield from _choose_level(found, "Which mode?", now)
    if level is None:
        return
    yield from mode(level)
    yield from say(f"What you edit now is for {clean(_whom(level))}.")


def cluster_check() -> Talk[None]:
    """Where groups and machines differ from what stands above them."""
    found = yield from _view()
    given = cluster.ClusterInput(candidate=found.source == "candidate")
    yield from show(cluster.CHECK, given)


def cluster_set() -> Talk[None]:
    """Settings go from one level to another."""
    while True:
        found = yield from _view()
        word = yield from menu(
            ("LIST", "Show what groups and machines say for themselves."),
            ("COPY", "Let another level say the same."),
            ("MOVE", "Let another level say it instead."),
            ("DELETE", "Let a level say it no more."),
        )
        if word is None:
            return
        if word == "LIST":
            yield from cluster_check()
        else:
            yield from attempt(_carry(word, found))


def cluster_config() -> Talk[None]:
    """The menu of machines and groups."""
    while True:
        found = yield from _view()
        yield Show(output=found)
        word = yield from menu(
            ("JOIN", "Make a machine a member."),
            ("LEAVE", "Let a machine leave; its settings are kept."),
            ("REMOVEMACHINE", "Forget a machine with its settings."),
            ("ADDGROUP", "Make a group."),
            ("SETGROUP", "Put machines into a group."),
            ("RENAMEGROUP", "Give a group another name."),
            ("DELETEGROUP", "Remove a group that has no machines."),
            ("SETNAME", "Say what the cluster is called."),
            ("LIST", "Show machines and groups again."),
        )
        if word is None:
            return
        if word != "LIST":
            yield from attempt(_OPERATIONS[word](found))


# --- machines ----------------------------------------------------------------------------------


def _join(found: cluster.ClusterView) -> Talk[None]:
    left = [one.name for one in found.machines if not one.member]
    name = yield from ask("Machine", check=something, words=left)
    group: str | None = None
    groups = _groups(found)
    if len(groups) > 1 and name not in left:
        group = groups[(yield from choose("Which group?", groups))]
    yield from show(cluster.JOIN, cluster.JoinInput(name=name, group=group))


def _leave(found: cluster.ClusterView) -> Talk[None]:
    members = [one.name for one in found.machines if one.member]
    name = yield from choose_name("Which machine?", members, "machine")
    if name is not None:
        yield from show(cluster.LEAVE, cluster.MachineInput(name=name))


def _remove(found: cluster.ClusterView) -> Talk[None]:
    machines = [one.name for one in found.machines]
    name = yield from choose_name("Which machine?", machines, "machine")
    if name is not None and (yield from confirm(f"Forget {clean(name)} and all its settings?")):
        yield from show(cluster.REMOVE, cluster.MachineInput(name=name))


# --- groups ------------------------------------------------------------------------------------


def _add_group(found: cluster.ClusterView) -> Talk[None]:
    name = yield from ask("Name of the group", check=something)
    comment = yield from ask("What is it for? (may be empty)")
    yield from show(cluster.GROUP_ADD, cluster.GroupInput(name=name, comment=comment or None))


def _set_group(found: cluster.ClusterView) -> Talk[None]:
    group = yield from choose_name("Which group?", _groups(found), "group")
    if group is None:
        return
    names = yield from ask(
        "Machines",
        check=something,
        words=[one.name for one in found.machines],
        help="Names with commas or blanks between them.",
    )
    given = cluster.SetGroupInput(name=group, machine=words_of(names))
    yield from show(cluster.GROUP_SET, given)


def _rename_group(found: cluster.ClusterView) -> Talk[None]:
    group = yield from choose_name("Which group?", _groups(found), "group")
    if group is not None:
        name = yield from ask("New name", group, check=something)
        yield from show(cluster.GROUP_RENAME, cluster.RenameInput(name=group, to=name))


def _delete_group(found: cluster.ClusterView) -> Talk[None]:
    group = yield from choose_name("Which group?", [one.name for one in found.groups], "group")
    if group is not None:
        yield from show(cluster.GROUP_REMOVE, cluster.GroupNameInput(name=group))


def _set_name(found: cluster.ClusterView) -> Talk[None]:
    name = yield from ask("Name of the cluster", found.name or "", check=something)
    yield from show(cluster.NAME, cluster.NameInput(name=name))


_OPERATIONS = {
    "JOIN": _join,
    "LEAVE": _leave,
    "REMOVEMACHINE": _remove,
    "ADDGROUP": _add_group,
    "SETGROUP": _set_group,
    "RENAMEGROUP": _rename_group,
    "DELETEGROUP": _delete_group,
    "SETNAME": _set_name,
}


# --- levels ------------------------------------------------------------------------------------


def _carry(word: str, found: cluster.ClusterView) -> Talk[None]:
    path = yield from ask("Which settings?", check=something, help=_PATHS)
    now = yield from mode()
    source = yield from _choose_level(found, "Which level says it?", now)
    if source is None:
        return
    if word == "DELETE":
        given = configuration_levels.DropInput(path=path, from_=str(source))
        yield from show(configuration_levels.DELETE, given)
        return
    target = yield from _choose_level(found, "Which level shall say it?", CLUSTER)
    if target is None:
        return
    carried = configuration_levels.CarryInput(path=path, from_=str(source), to=str(target))
    action = configuration_levels.COPY if word == "COPY" else configuration_levels.MOVE
    yield from show(action, carried)


def _choose_level(found: cluster.ClusterView, text: str, now: Level) -> Talk[Level | None]:
    kinds = list(Kind)
    kind = kinds[
        (yield from choose(text, [one.value for one in kinds], default=kinds.index(now.kind)))
    ]
    if kind is Kind.CLUSTER:
        return CLUSTER
    group = kind is Kind.GROUP
    names = _groups(found) if group else [one.name for one in found.machines]
    name = yield from choose_name(f"Which {kind.value}?", names, kind.value)
    if name is None:
        return None
    return places.group(name) if group else places.machine(name)


def _groups(found: cluster.ClusterView) -> Sequence[str]:
    """With the one that is there without being made."""
    return list(dict.fromkeys((*(one.name for one in found.groups), places.MAIN_GROUP)))


def _whom(level: Level) -> str:
    match level.kind:
        case Kind.CLUSTER:
            return "all machines"
        case Kind.GROUP:
            return f"the machines of group {level.name}"
        case Kind.MACHINE:
            return f"machine {level.name} alone"


def _view() -> Talk[cluster.ClusterView]:
    """Machines and groups of the candidate, or of what is in force."""
    try:
        given = cluster.ClusterInput(candidate=True)
        return (yield from do(cluster.SHOW, given, cluster.ClusterView))
    except OperatorError as error:
        if error.fault.reference != _NO_CANDIDATE:
            raise
    return (yield from do(cluster.SHOW, cluster.ClusterInput(), cluster.ClusterView))
