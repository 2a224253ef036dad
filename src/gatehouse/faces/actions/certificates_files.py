# SPDX-License-Identifier: Apache-2.0
"""The work: keys and certificates that come and go as files."""

import asyncio

from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.faces.actions.certificates import Changed
from gatehouse.faces.actions.certificates_look import Exported, ExportInput, ImportInput
from gatehouse.faces.actions.certificates_shelf import (
    Chained,
    chain_of,
    checked_name,
    fault,
    keep,
    to_be,
)
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.service.trust import anchors, keyring, opening
from gatehouse.tls import certificates as tls
from gatehouse.tls import diagnosis, pkcs12

_DER = b"\x30"  # a SEQUENCE: PKCS#12 is DER, PEM is text
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


async def import_files(house: House, given: ImportInput) -> Changed:
    """Opened in a process of its own, checked, put in order, staged."""
    name = checked_name(given.name)
    if name == keyring.DEMO:
        raise OperatorError("demo-certificate", "The Demo certificate keeps its name for itself.")
    if name in keyring.names_to_be(house.store, house.operator) and not given.replace:
        raise OperatorError(
            "name-taken",
            "There is a certificate of this name already.",
            name,
            "To put this one in its place, add --replace.",
        )
    if not given.files:
        raise OperatorError("no-file", "There is no file to import.")
    first = given.files[0]
    surveyed = await asyncio.to_thread(pkcs12.survey, first)
    sealed = len(given.files) == 1 and isinstance(surveyed, pkcs12.Contents)
    if len(first) > pkcs12.LARGEST_FILE and first[:1] == _DER:
        raise fault(tls.CertificateFault("The file is larger than 1 MiB"), name)
    if given.password is None and (sealed or _encrypted(given.files)):
        raise OperatorError(
            PASSWORD_NEEDED, "The file needs a password.", name, "Give --password-file."
        )
    opened = await opening.open_material(given.files, given.password, pkcs12=sealed)
    if isinstance(opened, tls.CertificateFault):
        raise fault(opened, name)
    certified, done = await asyncio.to_thread(_in_order, house, opened)
    leaf = chain_of(certified)[0]
    what = f"The certificate {tls.describe(leaf)} and its key are imported."
    return await keep(house, name, certified, what, done=Chained(done), comment=given.commit)


def _encrypted(parts: tuple[bytes, ...]) -> bool:
    return any(mark in part for part in parts for mark in _ENCRYPTED)


def _in_order(
    house: House, opened: tls.CertifiedKey
) -> tuple[tls.CertifiedKey, diagnosis.Completed]:
    """The chain as it should be sent, and what was done to it."""
    done = diagnosis.complete(chain_of(opened), anchors.intermediates(house.store, house.operator))
    pem = tuple(one.public_bytes(Encoding.PEM) for one in done.chain)
    return tls.CertifiedKey(opened.key_pem, pem), done


async def export(house: House, given: ExportInput) -> Exported:
    """What the face writes into the file."""
    certified = to_be(house, given.name)
    if given.pem:
        content = b"".join(certified.chain_pem)
        return Exported(name=given.name, content=content, form="pem", holds_key=False)
    if given.password is None:
        raise OperatorError(
            PASSWORD_NEEDED,
            "The file needs a password: it holds the private key.",
            given.name,
            "Give --password-file.",
        )
    style = pkcs12.Style.COMPATIBLE if given.compatible else pkcs12.Style.MODERN
    made = await asyncio.to_thread(
        pkcs12.export_file, certified, given.password, name=given.name, style=style
    )
    if isinstance(made, tls.CertificateFault):
        raise OperatorError("not-exported", f"{made.text.rstrip('.')}.", given.name)
    form = "pkcs12-compatible" if given.compatible else "pkcs12"
    return Exported(name=given.name, content=made, form=form, holds_key=True)
