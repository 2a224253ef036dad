# SPDX-License-Identifier: Apache-2.0
"""Declarations: certificates, from a new key to one that a CA signed and a listener serves."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Nothing, Role
from gatehouse.faces.actions.configuration import CommitView

_WORK = "gatehouse.faces.actions.certificates_work"
_LARGEST = 1024 * 1024  # as tls.certificates.LARGEST_PEM

Name = Annotated[str, Arg(help="the certificate's name here", positional=True)]
NewName = Annotated[str, Arg(help="a name for it", positional=True)]
Commit = Annotated[
    str | None, Arg(help="make it run at once, with this comment", metavar="COMMENT")
]


class FindingOfChain(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is worth saying about a chain."""

    severity: str  # error | warning | note
    kind: str
    subject: str
    what: str
    why: str  # it matters to a partner
    do: str


class CertificateLine(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that is kept here; its key never shows."""

    name: str
    subject: str
    names: tuple[str, ...]  # the host names it is for
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str  # SHA-256 of the whole certificate
    chain: int  # certificates that are sent, the leaf among them
    used_by: tuple[str, ...]
    state: str  # demo | self-signed | signed | expired | not yet valid
    pending: str  # "" | new | changed | deleted: what the next commit does with it
    note: str


class CertificateList(msgspec.Struct, frozen=True, kw_only=True):
    """All certificates, by name."""

    at: datetime
    certificates: tuple[CertificateLine, ...]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate changes with the next commit, or has changed already."""

    what: str  # one sentence
    certificate: CertificateLine | None  # None: it is gone
    remarks: tuple[str, ...] = ()  # what was done to the chain
    findings: tuple[FindingOfChain, ...] = ()
    commit: CommitView | None = None


class CreateInput(msgspec.Struct, frozen=True, kw_only=True):
    """What a self-signed certificate shall say."""

    name: NewName
    common_name: Annotated[str, Arg(help="the host name it is for", metavar="CN")]
    san: Annotated[
        tuple[str, ...], Arg(help="a further host name or address; may be repeated", metavar="NAME")
    ] = ()
    key_type: Annotated[
        str,
        Arg(
            help="the kind of key",
            choices=("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384"),
        ),
    ] = "p-256"
    days: Annotated[int, Arg(help="how long it is good", metavar="N", least=1, most=36_500)] = 365
    organization: Annotated[str, Arg(help="organisation", metavar="TEXT")] = ""
    organizational_unit: Annotated[str, Arg(help="unit in it", metavar="TEXT")] = ""
    locality: Annotated[str, Arg(help="town", metavar="TEXT")] = ""
    state: Annotated[str, Arg(help="state or province", metavar="TEXT")] = ""
    country: Annotated[str, Arg(help="country, two letters", metavar="CC")] = ""
    commit: Commit = None


class NameInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which certificate."""

    name: Name


class SigningRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the CA."""

    name: str
    pem: str


class InstallInput(msgspec.Struct, frozen=True, kw_only=True):
    """The CA's answer."""

    name: Name
    file: Annotated[
        bytes | None,
        Arg(help="the signed certificate; - is standard input", positional=True, most=_LARGEST),
    ] = None
    intermediates: Annotated[
        bytes | None,
        Arg(help="the CA's intermediate certificates", metavar="FILE", most=_LARGEST),
    ] = None
    fetch_issuers: Annotated[
        bool,
        Arg(help="fetch what the chain lacks from the addresses in its certificates (AIA)"),
    ] = False
    internal: Annotated[
        bool, Arg(help="with --fetch-issuers: addresses of the inner network are allowed too")
    ] = False
    commit: Commit = None


class DeleteInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which certificate goes."""

    name: Name
    commit: Commit = None


class AssignInput(msgspec.Struct, frozen=True, kw_only=True):
    """Where a certificate is to be shown; exactly one place or several."""

    name: Name
    listener: Annotated[
        tuple[str, ...], Arg(help="a listener; may be repeated", metavar="LISTENER")
    ] = ()
    outbound: Annotated[bool, Arg(help="as client certificate for all deliveries")] = False
    https: Annotated[
        tuple[str, ...], Arg(help="HTTPS of an interface; may be repeated", metavar="INTERFACE")
    ] = ()
    ldap: Annotated[bool, Arg(help="as client certificate towards LDAP servers")] = False
    url_filtering: Annotated[bool, Arg(help="as client certificate of URL filtering")] = False
    also: Annotated[
        bool, Arg(help="beside the listener's own, for clients that ask for its name (SNI)")
    ] = False
    level: Annotated[
        str | None,
        Arg(help="for whom: cluster (else), group:NAME or machine:NAME", metavar="LEVEL"),
    ] = None
    commit: Commit = None


class Assigned(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate shows the certificate there."""

    name: str
    places: tuple[str, ...]
    note: str
    commit: CommitView | None = None


LIST = Action(
    name="certificate list",
    summary="List the certificates that are kept here.",
    help="""List certificates with their names, their end and who uses them.

Look here before a certificate runs out, and to see which listener still has the Demo certificate,
which encrypts but proves nothing.""",
    example="gatehouse certificate list",
    role=Role.READ_ONLY,
    input=Nothing,
    output=CertificateList,
    changes=False,
    needs=Needs.STORE,
    work=f"{_WORK}:list_certificates",
)

CREATE = Action(
    name="certificate create",
    summary="Make a key and a self-signed certificate.",
    help="""Make a new key with a self-signed certificate, the first step to a signed one.

The common name should be the host name in your MX record, and the host name of the interface.
Commit it; then `certificate csr` gives the request for your CA, and `certificate install` takes
the answer.""",
    example="gatehouse certificate create mx --common-name mx.example.com --organization Example",
    role=Role.ADMINISTRATOR,
    input=CreateInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_change:create",
)

CSR = Action(
    name="certificate csr",
    summary="Print the request (CSR) that a CA signs.",
    help="""Print a certificate signing request for the key of a certificate, as PEM.

Send it to your CA and ask for PEM with the intermediates. It is refused as long as the certificate
is not committed: if the pending key were thrown away, the CA's answer would fit nothing.""",
    example="gatehouse certificate csr mx > mx.csr",
    role=Role.ADMINISTRATOR,
    input=NameInput,
    output=SigningRequest,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_change:csr",
)

INSTALL = Action(
    name="certificate install",
    summary="Put the CA's signed certificate in place of the self-signed one.",
    help="""Take what the CA sent: the signed certificate, with its intermediates or without.

The certificate must hold the very key of the request, which is checked before anything is stored.
The chain is put in order and completed from the intermediates that lie here; what is wrong with
it is said. With --intermediates alone, intermediates are added to the chain in place. A renewal
goes the same way, with the same key.""",
    example="gatehouse certificate install mx mx.pem --intermediates ca-chain.pem",
    role=Role.ADMINISTRATOR,
    input=InstallInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_change:install",
)

ASSIGN = Action(
    name="certificate assign",
    summary="Say where a certificate is shown.",
    help="""Assign a certificate to listeners, deliveries or other services, in the candidate.

A listener has one certificate of its own; with --also, more are shown to clients that ask for one
of their names. Nothing changes for clients before the commit, and no connection drops then.""",
    example='gatehouse certificate assign mx --listener InboundMail --commit "signed certificate"',
    role=Role.ADMINISTRATOR,
    input=AssignInput,
    output=Assigned,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_assign:assign",
)

DELETE = Action(
    name="certificate delete",
    summary="Remove a certificate and its key.",
    help="""Remove a certificate with its key, at the next commit; the key cannot be had back then.

It is refused as long as the configuration that runs, or the candidate, uses it.""",
    example="gatehouse certificate delete old-mx",
    role=Role.ADMINISTRATOR,
    input=DeleteInput,
    output=Changed,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.certificates_change:delete",
    confirm="Remove this certificate and its key?",
)
