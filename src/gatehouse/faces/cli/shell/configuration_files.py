# SPDX-License-Identifier: Apache-2.0
"""saveconfig, mailconfig, loadconfig, resetconfig: the configuration as a file, and from the start.

The order of questions is that of the modelled appliance: first what becomes of the passwords, then
where the file goes.
"""

from typing import TypedDict

from gatehouse.config.saved_fields import MAX_FILE
from gatehouse.faces.actions import configuration, configuration_files
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.cli.shell.dialogue import (
    Show,
    Talk,
    ask,
    choose,
    confirm,
    do,
    read_file,
    say,
    secret,
    show,
    something,
    words_of,
    write_file,
)
from gatehouse.journal.escape import clean


class _Secrets(TypedDict):
    """What becomes of the secrets, as the actions are told."""

    passphrase: str | None
    with_certificates: bool
    with_people: bool


def save_config() -> Talk[None]:
    """The configuration in force, into a file."""
    wanted = yield from _secrets()
    path = yield from ask("File to write (it must not exist)", check=something)
    given = configuration_files.SaveInput(file=path, **wanted)
    saved = yield from do(configuration_files.SAVE, given, configuration_files.SavedFile)
    yield from write_file(path, saved.content)
    yield Show(output=saved)
    yield from say(clean(f"It is in {path}."))


def mail_config() -> Talk[None]:
    """The configuration in force, to somebody's mailbox."""
    to = yield from ask(
        "Mail address to send the file to (several with commas)",
        check=something,
        help="It goes out by this gateway's own queue.",
    )
    wanted = yield from _secrets()
    given = configuration_files.MailInput(address=words_of(to), **wanted)
    yield from show(configuration_files.MAIL, given)


def load_config() -> Talk[None]:
    """A file, or a section of it, becomes the candidate."""
    path = yield from ask("File to load", check=something)
    content = yield from read_file(path, MAX_FILE)
    section = yield from ask(
        "Load only one section? (empty: all of the file)",
        help="listeners, listeners.InboundMail, mail_flow_policies, ...",
    )
    given = configuration.LoadInput(file=content, section=(section,) if section else ())
    try:
        yield from show(configuration.LOAD, given)
    except OperatorError as error:
        if error.fault.reference != PASSWORD_NEEDED:
            raise
        yield from say("The file is sealed under a passphrase.")
        passphrase = yield from secret("Passphrase (empty: load the text alone)")
        again = configuration.LoadInput(
            file=content,
            section=given.section,
            passphrase=passphrase or None,
            without_secrets=not passphrase,
        )
        yield from show(configuration.LOAD, again)


def reset_config() -> Talk[None]:
    """The configuration of a new gateway becomes the candidate."""
    if (yield from confirm("Are you sure that you want to reset all configuration values?")):
        yield from show(configuration_files.RESET, Nothing())


def _secrets() -> Talk[_Secrets]:
    how = yield from choose(
        "What shall become of passphrases in the file?",
        (
            "Mask passphrases (they are not in the file)",
            "Encrypt passphrases (the file can be restored elsewhere)",
        ),
    )
    if how == 0:
        return _Secrets(passphrase=None, with_certificates=False, with_people=False)
    passphrase = yield from secret("Passphrase for the file", new=True)
    certificates = yield from confirm(
        "Include certificates with their keys, and the custom trust list?"
    )
    people = yield from confirm("Include operators and SMTP users?")
    return _Secrets(passphrase=passphrase, with_certificates=certificates, with_people=people)
