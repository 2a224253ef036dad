# SPDX-License-Identifier: Apache-2.0
"""certconfig > CERTAUTHORITY: whose certificates are believed, the own list and the system's."""

from gatehouse.faces.actions import trust
from gatehouse.faces.cli.shell.candidate_edit import attempt, choose_name, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    confirm,
    do,
    menu,
    read_file,
    say,
    show,
    something,
    write_file,
)
from gatehouse.journal.escape import clean

_LARGEST = 4 * 1024 * 1024  # as faces.actions.trust


def authorities() -> Talk[None]:
    """The menu of both lists."""
    while True:
        found = yield from do(trust.LIST, trust.ListInput(), trust.TrustList)
        system = "believed" if found.system else "not believed"
        yield from say(
            "",
            f"Custom list: {len(found.entries)} entries",
            f"System list: {found.system_count} entries, {system}",
            *map(clean, found.remarks),
        )
        word = yield from menu(
            ("CUSTOM", "Manage your own list."),
            ("SYSTEM", "Manage the system's list."),
        )
        if word is None:
            return
        yield from (_custom if word == "CUSTOM" else _system)()


def _custom() -> Talk[None]:
    while True:
        yield from say("")
        yield from show(trust.LIST, trust.ListInput())
        word = yield from menu(
            ("IMPORT", "Add the certificates of a file."),
            ("EXPORT", "Write them into a file."),
            ("DELETE", "Remove one."),
            ("PRINT", "Show all."),
        )
        if word is None:
            return
        yield from attempt(_CUSTOM[word]())


def _import() -> Talk[None]:
    path = yield from ask("File with CA certificates (PEM, DER or p7b)", check=something)
    content = yield from read_file(path, _LARGEST)
    name = yield from ask("Name of it here; numbered if there are many", check=something)
    yield from show(trust.ADD, trust.AddInput(file=content, name=name))
    yield from say("Compare the fingerprint with one that you got on another way, then commit.")


def _export_custom() -> Talk[None]:
    yield from _export(system=False)


def _delete() -> Talk[None]:
    found = yield from do(trust.LIST, trust.ListInput(), trust.TrustList)
    names = [one.name for one in found.entries if one.pending != "deleted"]
    name = yield from choose_name("Which entry?", names, "entry of your own")
    if name is not None and (yield from confirm(f"Remove {name}?")):
        yield from show(trust.REMOVE, trust.RemoveInput(name=name))


def _print_custom() -> Talk[None]:
    yield from show(trust.LIST, trust.ListInput())


_CUSTOM = {
    "IMPORT": _import,
    "EXPORT": _export_custom,
    "DELETE": _delete,
    "PRINT": _print_custom,
}


def _system() -> Talk[None]:
    while True:
        found = yield from do(trust.LIST, trust.ListInput(), trust.TrustList)
        switch = (
            ("DISABLE", "Believe it no more.") if found.system else ("ENABLE", "Believe it again.")
        )
        yield from say("", f"System list: {'enabled' if found.system else 'disabled'}")
        word = yield from menu(
            switch, ("EXPORT", "Write it into a file."), ("PRINT", "Show all entries.")
        )
        match word:
            case None:
                return
            case "PRINT":
                yield from show(trust.LIST, trust.ListInput(system=True))
            case "EXPORT":
                yield from attempt(_export(system=True))
            case _:
                yield from attempt(_switch(believed=word == "ENABLE"))


def _switch(*, believed: bool) -> Talk[None]:
    draft = yield from open_draft()
    draft.put(("trust", "system"), believed)
    yield from keep(draft)


def _export(*, system: bool) -> Talk[None]:
    path = yield from ask("File to write (it must not exist)", check=something)
    found = yield from do(trust.EXPORT, trust.ExportInput(system=system), trust.TrustText)
    if not found.entries:
        yield from say("There is nothing to write.")
        return
    yield from write_file(path, found.text.encode())
    yield from say(clean(f"{found.entries} certificates are in {path}."))
