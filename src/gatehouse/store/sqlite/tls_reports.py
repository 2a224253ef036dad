# SPDX-License-Identifier: Apache-2.0
"""Counts for TLS reports, how far each report has come, and the reports that others sent."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gatehouse.store.sql import load_queries
from gatehouse.store.sqlite.connection import Database
from gatehouse.store.sqlite.place import SQL
from gatehouse.store.tls_values import ReceivedTlsReport, TlsCount, TlsReportState

_QUERIES = load_queries(SQL / "tls_policies.sql")


class SqliteTlsReports:
    """The tables `tls_count`, `tls_report_state` and `tls_report_received`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Sequence[TlsCount]) -> None:
        """Add sessions to what is counted, in one transaction."""
        rows = [msgspec.structs.astuple(one) for one in counts]
        with self._database.transaction() as connection:
            connection.executemany(_QUERIES["count"], rows)

    def counts(self, day: int, domain: str) -> tuple[TlsCount, ...]:
        """What one day brought for one domain."""
        return tuple(TlsCount(*row) for row in self._read("counts", (day, domain)))

    def days(self) -> tuple[int, ...]:
        """Which days are counted, the oldest first."""
        return tuple(row[0] for row in self._read("days", ()))

    def domains(self, day: int) -> tuple[str, ...]:
        """Which domains one day knows."""
        return tuple(row[0] for row in self._read("domains", (day,)))

    def forget_before(self, day: int) -> None:
        """Drop counts and states of earlier days."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["forget_counts"], (day,))
            connection.execute(_QUERIES["forget_states"], (day,))

    def put_state(self, state: TlsReportState) -> None:
        """Note how far a report has come."""
        with self._database.transaction() as connection:
            connection.execute(_QUERIES["put_state"], msgspec.structs.astuple(state))

    def states(self, day: int) -> tuple[TlsReportState, ...]:
        """How far the reports about one day have come, by domain."""
        return tuple(TlsReportState(*row) for row in self._read("states", (day,)))

    def keep(self, report: ReceivedTlsReport, most: int) -> int | None:
        """Keep a report of others, and the newest `most` in all; None when it is there already."""
        row = (
            report.received_at,
            report.source,
            report.organization,
            report.report_id,
            report.contact,
            report.begins_at,
            report.ends_at,
            msgspec.json.encode(report.domains).decode(),
            report.successes,
            report.failures,
            report.content,
        )
        with self._database.transaction() as connection:
            given = next(iter(connection.execute(_QUERIES["keep_received"], row)), None)
            connection.execute(_QUERIES["received_room"], (most,))
        return None if given is None else int(given[0])

    def received(self, limit: int) -> tuple[ReceivedTlsReport, ...]:
        """Reports of others, the newest first."""
        return tuple(map(_report, self._read("received", (limit,))))

    def received_one(self, number: int) -> ReceivedTlsReport | None:
        """One report of others."""
        return next(map(_report, self._read("received_one", (number,))), None)

    def _read(self, query: str, values: tuple[int | str, ...]) -> list[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return list(connection.execute(_QUERIES[query], values))


def _report(row: tuple[Any, ...]) -> ReceivedTlsReport:
    return ReceivedTlsReport(
        id=row[0],
        received_at=row[1],
        source=row[2],
        organization=row[3],
        report_id=row[4],
        contact=row[5],
        begins_at=row[6],
        ends_at=row[7],
        domains=tuple(msgspec.json.decode(row[8], type=list[str])),
        successes=row[9],
        failures=row[10],
        content=row[11],
    )
