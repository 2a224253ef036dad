# SPDX-License-Identifier: Apache-2.0
"""certconfig > CERTAUTHORITY: whose certificates are believed, the own list and the system's."""

from gatehouse.faces.actions import trust
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import attempt, choose_name, keep, open_draft
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    confirm,
    do,
    menu,
    say,
    show,
    something,
    write_file,
)
from gatehouse.faces.cli.shell.pasting import file_or_pasted
from gatehouse.faces.cli.shell.section_questions import Question, ask_section
from gatehouse.journal.escape import clean

_FILE = Question(field="system_file", text="File with the certificates, in PEM")
_LARGEST = 4 * 1024 * 1024  # as faces.actions.trust


def authorities() -> Talk[None]:
    """The menu of both lists."""
    yield from menus.operate(
        _both,
        ("CUSTOM", "Manage your own list.", _custom),
        ("SYSTEM", "Manage the system's list.", _system),
    )


def _both() -> Talk[None]:
    found = yield from do(trust.LIST, trust.ListInput(), trust.TrustList)
    system = "believed" if found.system else "not believed"
    yield from say(
        "",
        f"Custom list: {len(found.entries)} entries",
        f"System list: {found.system_count} entries, {system}",
        *map(clean, found.remarks),
    )


def _custom() -> Talk[None]:
    yield from menus.operate(_list_custom, *_CUSTOM)


def _list_custom() -> Talk[None]:
    yield from say("")
    yield from _print_custom()


def _import() -> Talk[None]:
    content = yield from file_or_pasted("File with CA certificates (PEM, DER or p7b)", _LARGEST)
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


_CUSTOM = (
    ("IMPORT", "Add the certificates of a file.", _import),
    ("EXPORT", "Write them into a file.", _export_custom),
    ("DELETE", "Remove one.", _delete),
    ("PRINT", "Show all.", _print_custom),
)


def _system() -> Talk[None]:
    while True:
        found = yield from do(trust.LIST, trust.ListInput(), trust.TrustList)
        switch = (
            ("DISABLE", "Believe it no more.") if found.system else ("ENABLE", "Believe it again.")
        )
        yield from say("", f"System list: {'enabled' if found.system else 'disabled'}")
        word = yield from menu(
            switch,
            ("EXPORT", "Write it into a file."),
            ("PRINT", "Show all entries."),
            ("FILE", "Say where it stands."),
        )
        match word:
            case None:
                return
            case "PRINT":
                yield from show(trust.LIST, trust.ListInput(system=True))
            case "EXPORT":
                yield from attempt(_export(system=True))
            case "FILE":
                yield from attempt(_file())
            case _:
                yield from attempt(_switch(believed=word == "ENABLE"))


def _switch(*, believed: bool) -> Talk[None]:
    draft = yield from open_draft()
    draft.put(("trust", "system"), believed)
    yield from keep(draft)


def _file() -> Talk[None]:
    draft = yield from open_draft()
    yield from ask_section(draft, ("trust",), (_FILE,))
    yield from keep(draft)


def _export(*, system: bool) -> Talk[None]:
    path = yield from ask("File to write (it must not exist)", check=something)
    found = yield from do(trust.EXPORT, trust.ExportInput(system=system), trust.TrustText)
    if not found.entries:
        yield from say("There is nothing to write.")
        return
    yield from write_file(path, found.text.encode())
    yield from say(clean(f"{found.entries} certificates are in {path}."))
