# SPDX-License-Identifier: Apache-2.0
"""Declarations: certificates."""

from datetime import datetime

import msgspec

from gatehouse.faces.actions.action import Action, Needs, Nothing, Role


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
    note: str


class CertificateList(msgspec.Struct, frozen=True, kw_only=True):
    """All certificates, by name."""

    at: datetime
    certificates: tuple[CertificateLine, ...]


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
    work="gatehouse.faces.actions.certificates_work:list_certificates",
)
