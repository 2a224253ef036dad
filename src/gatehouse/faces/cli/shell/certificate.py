# SPDX-License-Identifier: Apache-2.0
"""certconfig: certificates and their keys, from a new one to a signed one."""

from gatehouse.faces.actions import certificates, certificates_look
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.acme import acme_config
from gatehouse.faces.cli.shell.authorities import authorities
from gatehouse.faces.cli.shell.candidate_edit import choose_name, why_no_name
from gatehouse.faces.cli.shell.dialogue import (
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    do,
    menu,
    read_file,
    say,
    secret,
    show,
    something,
    words_of,
    write_file,
)
from gatehouse.faces.cli.shell.pasting import file_or_pasted
from gatehouse.faces.cli.shell.revocation import revocation_lists

_KEYS = ("p-256", "p-384", "rsa-2048", "rsa-3072", "rsa-4096")
_LARGEST = 1024 * 1024  # as faces.actions.certificates
_SEND_IT = "Commit it; then EDIT > CSR gives the request for your CA, and EDIT > UPLOAD takes the"


def certificate_config() -> Talk[None]:
    """The menu of certificates."""
    yield from menus.operate(_list, *_OPERATIONS)


def _list() -> Talk[None]:
    yield from say("")
    yield from show(certificates.LIST, Nothing())


def _new() -> Talk[None]:
    held = yield from _names()
    name = yield from ask("Name of it here", check=lambda answer: why_no_name(answer, held))
    common = yield from ask(
        "Common name",
        check=something,
        help="The host name in your MX record, and the host name of the interface.",
    )
    more = yield from ask("Further host names, with commas between them")
    organization = yield from ask("Organization")
    unit = yield from ask("Organizational unit")
    locality = yield from ask("City")
    state = yield from ask("State or province")
    country = yield from ask("Country (two letters)", check=_country)
    days = yield from ask_number("Days before it expires", 365, 1, 36_500)
    key = yield from choose("Kind of key", _KEYS)
    yield from show(
        certificates.CREATE,
        certificates.CreateInput(
            name=name,
            common_name=common,
            san=words_of(more),
            organization=organization,
            organizational_unit=unit,
            locality=locality,
            state=state,
            country=country.upper(),
            days=days,
            key_type=_KEYS[key],
        ),
    )
    yield from say(_SEND_IT, "answer.")


def _country(answer: str) -> str | None:
    fits = not answer or (len(answer) == 2 and answer.isascii() and answer.isalpha())
    return None if fits else "Two letters, as in DE, or an empty line are needed."


def _edit() -> Talk[None]:
    name = yield from _which()
    if name is None:
        return
    word = yield from menu(
        ("CSR", "Print the request that a CA signs."),
        ("UPLOAD", "Take the signed certificate."),
        ("SHOW", "Show it with its chain and what is wrong with it."),
    )
    match word:
        case "CSR":
            yield from show(certificates.CSR, certificates.NameInput(name=name))
        case "UPLOAD":
            yield from _upload(name)
        case "SHOW":
            yield from show(certificates_look.SHOW, certificates_look.ShowInput(name=name))


def _upload(name: str) -> Talk[None]:
    signed = yield from file_or_pasted("File with the signed certificate (PEM)", _LARGEST)
    more = yield from ask("File with intermediate certificates, if they are apart")
    intermediates = (yield from read_file(more, _LARGEST)) if more else None
    given = certificates.InstallInput(name=name, file=signed, intermediates=intermediates)
    yield from show(certificates.INSTALL, given)


def _import() -> Talk[None]:
    name = yield from ask("Name of it here", check=lambda answer: why_no_name(answer, ()))
    path = yield from ask("File: PKCS#12, or PEM with key and certificates", check=something)
    content = yield from read_file(path, _LARGEST)
    held = yield from _names()
    replace = name in held and (yield from confirm(f"Replace {name}?"))
    given = certificates_look.ImportInput(name=name, files=(content,), replace=replace)
    try:
        yield from show(certificates_look.IMPORT, given)
    except OperatorError as error:
        if error.fault.reference != PASSWORD_NEEDED:
            raise
        password = yield from secret("Password of the file")
        given = certificates_look.ImportInput(
            name=name, files=(content,), replace=replace, password=password
        )
        yield from show(certificates_look.IMPORT, given)


def _export() -> Talk[None]:
    name = yield from _which()
    if name is None:
        return
    path = yield from ask("File to write (it must not exist)", check=something)
    password = yield from secret("Password for the file", new=True)
    old = yield from confirm("For an appliance that cannot read the modern form?")
    exported = yield from do(
        certificates_look.EXPORT,
        certificates_look.ExportInput(name=name, file=path, password=password, compatible=old),
        certificates_look.Exported,
    )
    yield from write_file(path, exported.content)
    yield from say("It is written, for its owner alone.")


def _delete() -> Talk[None]:
    name = yield from _which()
    if name is not None and (yield from confirm(f"Remove {name} and its key?")):
        yield from show(certificates.DELETE, certificates.DeleteInput(name=name))


def _print() -> Talk[None]:
    found = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
    yield from say(
        *(f"{one.name}: {', '.join(one.used_by) or 'not used'}" for one in found.certificates)
    )


_OPERATIONS = (
    ("NEW", "Make a key and a self-signed certificate.", _new),
    ("EDIT", "Get it signed, or look at it.", _edit),
    ("IMPORT", "Take a key with its certificate from a file.", _import),
    ("EXPORT", "Write one with its key into a file.", _export),
    ("DELETE", "Remove one with its key.", _delete),
    ("PRINT", "Show who uses which.", _print),
    ("CERTAUTHORITY", "Set whose certificates are believed.", authorities),
    ("CRL", "Set revocation lists.", revocation_lists),
    ("ACME", "Order certificates that renew themselves.", acme_config),
)


def _names() -> Talk[list[str]]:
    found = yield from do(certificates.LIST, Nothing(), certificates.CertificateList)
    return [one.name for one in found.certificates]


def _which() -> Talk[str | None]:
    return (yield from choose_name("Which certificate?", (yield from _names()), "certificate"))
