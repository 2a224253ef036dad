# SPDX-License-Identifier: Apache-2.0
"""Declaration: what would happen to mail that goes out.

Field names of the output are an interface: scripts read them.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role


class OutboundInput(msgspec.Struct, frozen=True, kw_only=True):
    """A message that does not exist."""

    to: Annotated[
        str, Arg(help="where it goes: an address or a domain", positional=True, metavar="ADDRESS")
    ]
    sender: Annotated[
        str | None, Arg(help="its envelope sender; <> for none", metavar="ADDRESS")
    ] = None
    requiretls: Annotated[bool, Arg(help="it demands REQUIRETLS")] = False
    tls_optional: Annotated[bool, Arg(help="it says TLS-Required: No")] = False
    candidate: Annotated[bool, Arg(help="ask the candidate, not what is in force")] = False
    live: Annotated[
        bool, Arg(help="connect to the first host that lets us in, without sending mail")
    ] = False
    all_hosts: Annotated[bool, Arg(help="with --live: connect to every host")] = False


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """How the hosts were found."""

    kind: str  # route | mx | implicit-mx | literal | none
    route: str | None  # the SMTP route that decides, as it is written
    lost: tuple[str, ...]  # routes that fit as well
    secure: bool  # DNSSEC proves the hosts
    why: str  # why there are none


class ControlView(msgspec.Struct, frozen=True, kw_only=True):
    """One destination control that fits."""

    domain: str
    wins: bool
    tls: str
    dane: str  # none | opportunistic | mandatory
    mta_sts: bool


class OverrideView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of sender_tls_overrides."""

    place: int  # counted from 1
    sender: str
    destination: str
    tls: str
    outcome: str  # won | passed | behind
    why: str


class StsView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the domain's MTA-STS policy."""

    source: str  # none | cached | fetched | expired | unknown
    mode: str | None
    record_id: str
    mx: tuple[str, ...]
    fetched_at: datetime | None
    age_seconds: int | None
    expires_at: datetime | None
    note: str  # what could not be had, and why


class DaneView(msgspec.Struct, frozen=True, kw_only=True):
    """What DNSSEC proves about a host's TLSA records."""

    state: str  # not-asked | records | none | failed
    base: str
    records: tuple[str, ...]
    note: str


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule said, and whether it shaped the plan."""

    rule: str
    wins: bool
    text: str


class HostPlanView(msgspec.Struct, frozen=True, kw_only=True):
    """One host in the order in which they are tried."""

    place: int  # counted from 1
    host: str
    port: int
    preference: int
    smart_host: str | None
    outcome: str  # planned | refused | unknown
    level: str | None
    rule: str  # who decided the level, or forbids the host
    sni: str | None
    proofs: tuple[str, ...]  # all must hold where the level acts on them
    acts: bool  # an identity that is not proven stops delivery
    reasons: tuple[ReasonView, ...]
    dane: DaneView
    addresses: tuple[str, ...]
    note: str  # why it is not tried, or has no address


class TriedView(msgspec.Struct, frozen=True, kw_only=True):
    """A name that was compared and does not fit."""

    basis: str
    reference: str
    source: str  # SAN | CN
    presented: str
    why: str


class ShownView(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that the server showed, the server's own first."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_after: datetime | None
    fingerprint: str  # SHA-256 of the certificate
    key_fingerprint: str  # sha256:… of its public key, as `pinned_fingerprints` takes it


class TlsView(msgspec.Struct, frozen=True, kw_only=True):
    """What TLS came to."""

    protocol: str
    cipher: str
    group: str | None
    dh_bits: int | None


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server has proven who it is."""

    address: str
    verified: bool
    said: str  # verified, or the reason word
    reason: str
    result: str  # the word of RFC 8460 section 4.3; empty: success
    basis: str
    weak: bool
    tried: tuple[TriedView, ...]
    chain: tuple[ShownView, ...]


class VisitView(msgspec.Struct, frozen=True, kw_only=True):
    """One host that was connected to."""

    host: str
    address: str | None  # where the connection stood in the end
    outcome: str  # verified | encrypted | clear | deferred | bounced | unknown
    why: str
    tls: TlsView | None
    verdicts: tuple[VerdictView, ...]
    mail: str  # the answer to MAIL; empty: not asked
    log: tuple[str, ...]  # lines of the mail log, without time and level; all numbers are 0


class OutboundView(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a message, and why it goes so."""

    source: str  # revision 3 | candidate
    domain: str
    sender: str | None
    requiretls: bool
    tls_optional: bool
    level: str  # of the message, before DANE, MTA-STS and REQUIRETLS
    bounce_profile: str
    suspended: bool
    route: RouteView
    controls: tuple[ControlView, ...]
    overrides: tuple[OverrideView, ...]
    sts: StsView | None  # None: nothing depends on it
    hosts: tuple[HostPlanView, ...]
    live: tuple[VisitView, ...]
    verdict: str
    notes: tuple[str, ...]


OUTBOUND = Action(
    name="explain outbound",
    summary="Say where mail goes, by which TLS, and why.",
    help="""Walk the way of a message to this address or domain: the SMTP route or the MX records,
the destination control that wins and those that lose, sender overrides, DANE and MTA-STS with their
source, and for each host the TLS plan with every reason, in the order in which they are tried.

With --live it connects as a delivery would, up to MAIL FROM:<> and RSET, and shows the certificates
with the verdict on them and what would become of mail. No recipient is named and nothing is sent.
At a smart host with a user it logs in.""",
    example="gatehouse explain outbound partner.example --live",
    role=Role.OPERATOR,
    input=OutboundInput,
    output=OutboundView,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.explain_outbound_work:explain",
)
