# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a file to a configuration that can run, or to everything that is wrong.

The only entrance for services and actions: `load` reads, checks and builds. Nothing is raised for
a bad file, nothing is half done, and the running configuration is not touched here.
"""

from dataclasses import dataclass

from gatehouse.config import (
    alert_checks,
    auth_checks,
    build,
    delivery_checks,
    document,
    findings,
    inbound_tls_checks,
    listener_checks,
    running,
    schema,
    text,
    upgrade,
)
from gatehouse.config.findings import Finding

DEMO_ONLY = frozenset({schema.DEFAULT_CERTIFICATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that can run, with the warnings about it."""

    document: schema.Document
    running: running.Running
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why it cannot run; at least one finding is an error."""

    findings: tuple[Finding, ...]


def load(data: bytes, *, certificates: frozenset[str] = DEMO_ONLY) -> Loaded | Refused:
    """Read, check and build a configuration file."""
    parsed = upgrade.parse(data)
    if isinstance(parsed, text.Unreadable):
        return Refused(parsed.findings)
    read = document.read(parsed.values)
    if not isinstance(read, schema.Document):
        return Refused(text.locate((*upgrade.notices(parsed), *read), parsed.text))
    found = (*upgrade.notices(parsed), *check(read, certificates=certificates))
    found = text.locate(found, parsed.text)
    if findings.has_errors(found):
        return Refused(found)
    return Loaded(document=read, running=build.build(read), warnings=found)


def check(
    wanted: schema.Document, *, certificates: frozenset[str] = DEMO_ONLY
) -> tuple[Finding, ...]:
    """What is wrong or odd with a document of good form; bounded, errors first."""
    found = [
        *listener_checks.check(wanted, certificates),
        *auth_checks.check(wanted),
        *delivery_checks.check(wanted, certificates),
        *inbound_tls_checks.check(wanted),
        *alert_checks.check(wanted),
    ]
    found.sort(key=lambda one: one.severity is not findings.Severity.ERROR)
    if len(found) > findings.MAX_FINDINGS:
        rest = len(found) - findings.MAX_FINDINGS
        found = found[: findings.MAX_FINDINGS]
        found.append(findings.warning((), f"{rest} more findings are not shown"))
    return tuple(found)
