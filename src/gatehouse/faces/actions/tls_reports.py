# SPDX-License-Identifier: Apache-2.0
"""Declarations: TLS reports, those that others send us and those that we send."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

MOST_OCTETS = 3 * 1024 * 1024  # a whole mail with a report of a megabyte, packed, in base64


class ListInput(msgspec.Struct, frozen=True, kw_only=True):
    """How much to list."""

    limit: Annotated[
        int, Arg(help="how many reports of others, the newest first", least=1, most=10_000)
    ] = 50


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A report that somebody sent; the texts are theirs."""

    number: int
    received_at: datetime
    source: str  # mail | import
    organization: str
    begins_at: datetime
    ends_at: datetime
    domains: tuple[str, ...]
    successes: int
    failures: int


class CountedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted for one domain on one day, and what became of our report about it."""

    day: str  # YYYY-MM-DD, UTC
    domain: str
    successes: int
    failures: int
    outcome: str  # not due | waiting | sent | not wanted | given up
    note: str


class TlsReportList(msgspec.Struct, frozen=True, kw_only=True):
    """Both kinds of reports."""

    sending: bool
    received: tuple[ReceivedLine, ...]
    counted: tuple[CountedLine, ...]


class ShowInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which report."""

    number: Annotated[int, Arg(help="number of the report", positional=True, least=1)]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that failed in the same way; the texts are the sender's."""

    result: str
    sessions: int
    sending_ip: str
    receiving_mx: str
    receiving_ip: str
    reason: str


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One policy of a report with its numbers."""

    domain: str
    kind: str
    policy: tuple[str, ...]
    mx: tuple[str, ...]
    successes: int
    failures: int
    details: tuple[Failure, ...]


class TlsReportView(msgspec.Struct, frozen=True, kw_only=True):
    """One report of somebody else in full."""

    about: ReceivedLine
    report_id: str
    contact: str
    policies: tuple[PolicyLine, ...]


class ImportInput(msgspec.Struct, frozen=True, kw_only=True):
    """A report as a file."""

    file: Annotated[
        bytes,
        Arg(
            help="the report: JSON, gzipped JSON, or a whole mail",
            positional=True,
            metavar="FILE",
            most=MOST_OCTETS,
        ),
    ]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    number: int | None  # None: it was there already
    organization: str
    report_id: str
    domains: tuple[str, ...]
    successes: int
    failures: int


class SendInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which reports to send now."""

    day: Annotated[str, Arg(help="the day that is reported, UTC", metavar="YYYY-MM-DD")]
    domain: Annotated[
        str | None, Arg(help="only to this domain, also if it was sent before", metavar="DOMAIN")
    ] = None


class SentLine(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one report."""

    domain: str
    outcome: str  # sent | not wanted | waiting | given up
    note: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """All that were due."""

    day: str
    reports: tuple[SentLine, ...]


LIST = Action(
    name="tls-report list",
    summary="List TLS reports: those of others, and what our own are made of.",
    help="""List the TLS reports (RFC 8460) that others sent about mail to our domains, the newest
first, and what the gateway counted for its own reports in the last days.

Others send reports where our domain asks for them in DNS (`_smtp._tls`), to the address in
[tls_reporting] receive_at, or they are imported. The gateway sends its own where [tls_reporting]
is enabled.""",
    example="gatehouse tls-report list",
    role=Role.READ_ONLY,
    input=ListInput,
    output=TlsReportList,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.tls_reports_work:list_reports",
)

SHOW = Action(
    name="tls-report show",
    summary="Show a TLS report of somebody else in full.",
    help="""Show one report: each policy that the sender held us to, how many sessions succeeded
under it, and how the others failed.""",
    example="gatehouse tls-report show 12",
    role=Role.READ_ONLY,
    input=ShowInput,
    output=TlsReportView,
    changes=False,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.tls_reports_work:show",
)

IMPORT = Action(
    name="tls-report import",
    summary="Import a TLS report of somebody else from a file.",
    help="""Read a report from a file and keep it: the JSON, the JSON packed with gzip, or the
whole mail that it came in. A report that is there already is not kept twice.

The file is bounded before it is unpacked: 1 MiB packed, 10 MiB unpacked.""",
    example="gatehouse tls-report import 'google.com!example.com!1700000000!1700086399.json.gz'",
    role=Role.OPERATOR,
    input=ImportInput,
    output=Imported,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.tls_reports_work:import_report",
)

SEND = Action(
    name="tls-report send",
    summary="Send the TLS reports about one day now.",
    help="""Send what was counted on one day to the domains that ask for it, without waiting for
the hour at which each would be due. What was sent already is sent again only where a domain is
named. The day of today is not over and cannot be reported.""",
    example="gatehouse tls-report send --day 2026-11-21",
    role=Role.OPERATOR,
    input=SendInput,
    output=Sent,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.tls_reports_work:send",
)
