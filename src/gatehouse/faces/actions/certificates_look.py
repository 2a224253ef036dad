# SPDX-License-Identifier: Apache-2.0
"""Declarations: one certificate seen closely, and certificates that come and go as files."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role
from gatehouse.faces.actions.certificates import (
    CertificateLine,
    Changed,
    Commit,
    FindingOfChain,
    Name,
    NewName,
)

_LARGEST = 1024 * 1024  # as tls.pkcs12.LARGEST_FILE


class ShowInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which certificate, and how partners find us."""

    name: Name
    mx: Annotated[
        tuple[str, ...], Arg(help="an MX host name of yours; may be repeated", metavar="HOST")
    ] = ()
    lookup: Annotated[
        bool, Arg(help="ask DNS for the MX records of the domains that listeners take")
    ] = False


class ChainLink(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of a chain."""

    role: str  # leaf | intermediate | root ...
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key: str


class NamesCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The three names at one listener that uses the certificate."""

    listener: str
    interface: str
    certificate: tuple[str, ...]
    mx: tuple[str, ...]  # empty: not known, and so not compared
    agree: bool
    disagreements: tuple[str, ...]


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one certificate but its key."""

    at: datetime
    certificate: CertificateLine
    chain: tuple[ChainLink, ...]
    findings: tuple[FindingOfChain, ...]
    three_names: tuple[NamesCheck, ...]
    remarks: tuple[str, ...]


class ImportInput(msgspec.Struct, frozen=True, kw_only=True):
    """Key and certificates in files."""

    name: NewName
    files: Annotated[
        tuple[bytes, ...],
        Arg(help="a PKCS#12 file, or PEM files in any order", positional=True, most=_LARGEST),
    ]
    password: Annotated[str | None, Arg(help="its password", secret=True)] = None
    replace: Annotated[bool, Arg(help="in place of a certificate of that name")] = False
    commit: Commit = None


class ExportInput(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, and in which form."""

    name: Name
    file: Annotated[
        str, Arg(help="the file to write; it must not exist", positional=True, writes=True)
    ]
    password: Annotated[str | None, Arg(help="the file's password", secret=True, new=True)] = None
    compatible: Annotated[
        bool, Arg(help="3DES and SHA-1, for appliances that cannot read the modern form")
    ] = False
    pem: Annotated[bool, Arg(help="the chain as PEM, without the key and a password")] = False


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """The file; faces that write it leave the content out of what they show."""

    name: str
    content: bytes
    form: str  # pkcs12 | pkcs12-compatible | pem
    holds_key: bool


SHOW = Action(
    name="certificate show",
    summary="Show a certificate, its chain, and what is wrong with it.",
    help="""Show a certificate with its chain, every finding about it, and the three names.

Mail TLS can be verified only if the MX host name, the certificate's name and the interface's host
name agree. Give your MX host names with --mx, or let DNS be asked with --lookup. The system's host
name plays no part.""",
    example="gatehouse certificate show mx --mx mx.example.com",
    role=Role.READ_ONLY,
    input=ShowInput,
    output=CertificateView,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_show:show",
)

IMPORT = Action(
    name="certificate import",
    summary="Take a key with its certificate from PKCS#12 or PEM files.",
    help="""Take a private key, its certificate and the chain: one PKCS#12 file, or PEM files.

PEM may come in any order, in one file or several, with text around it. The password is asked for,
or read from the first line of --password-file; it is never an argument. Key and certificate must
fit, and the chain is put in order; otherwise nothing is stored.""",
    example="gatehouse certificate import mx mx.p12 --password-file mx.password",
    role=Role.ADMINISTRATOR,
    input=ImportInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_files:import_files",
)

EXPORT = Action(
    name="certificate export",
    summary="Write a certificate into a file, with its key under a password.",
    help="""Write key, certificate and chain into a PKCS#12 file, or the chain alone as PEM.

The file is made for its owner alone (0600) and never replaces another. Keep one of each
certificate beside the saved configuration: together they are what a new machine needs.""",
    example="gatehouse certificate export mx mx.p12 --password-file mx.password",
    role=Role.ADMINISTRATOR,
    input=ExportInput,
    output=Exported,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_files:export",
)
