# SPDX-License-Identifier: Apache-2.0
"""Facts as lines of the text mail log, grammar `mail-log/1`.

The rule: these strings are an interface. Monitoring tools, scripts and people match them, so a
line keeps its bytes for good; anything new goes into the JSON log instead. The default forms are
those that the widest range of existing tools understands; `Switches` selects the others.

All of a message's life passes through here, so every type has one small function in a table, and
what came from outside is escaped after the line is built, in one check (see `escape.clean`).
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatehouse.journal import facts
from gatehouse.journal.counters import STATUS_KEYS
from gatehouse.journal.escape import clean, quoted, reply_tuple, rid_list
from gatehouse.journal.facts import Fact

GRAMMAR = "mail-log/1"


class Level(enum.StrEnum):
    """How much a line wants to be read; Info is the default level of a log."""

    CRITICAL = "Critical"  # somebody must act
    WARNING = "Warning"  # somebody should look
    INFO = "Info"  # one line for each step
    DEBUG = "Debug"  # single reads and writes
    TRACE = "Trace"  # everything


class SubjectQuotes(enum.Enum):
    """How a Subject line quotes."""

    SINGLE = "single"  # the form that most tools know
    DOUBLE = "double"  # the model's versions from 14
    NONE = "none"  # the subject as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The variants of the grammar's section 12 that a site may choose."""

    tls_for_domain: bool = False
    hat_country: bool = False
    subject_quotes: SubjectQuotes = SubjectQuotes.SINGLE


DEFAULT_SWITCHES = Switches()

# Gives the stamp of a unix time in local time; which that is only the caller knows.
StampOf = Callable[[float], str]

Line = tuple[Level, str]


def render(fact: Fact, switches: Switches, stamp_of: StampOf) -> tuple[Line, ...]:
    """The lines of a fact, without stamp and level; none for a fact that only the JSON log has."""
    kind = type(fact)
    renderer = _PLAIN.get(kind)
    if renderer is not None:
        text = renderer(fact)
        return ((Level.INFO, text if text.isprintable() else clean(text)),)
    if kind in JSON_ONLY:
        return ()
    return tuple(
        [
            (Level.INFO, text if text.isprintable() else clean(text))
            for text in _SPECIAL[kind](fact, switches, stamp_of)
        ]
    )


# --- Inbound -------------------------------------------------------------------------------


def _connection_opened(fact: facts.ConnectionOpened) -> str:
    return (
        f"New SMTP ICID {fact.icid} interface {fact.interface} ({fact.interface_ip}) "
        f"address {fact.client_ip} reverse dns host {fact.host or 'unknown'} "
        f"verified {'yes' if fact.host_verified else 'no'}"
    )


def _sender_group_matched(
    fact: facts.SenderGroupMatched, switches: Switches, _: StampOf
) -> tuple[str, ...]:
    line = f"ICID {fact.icid} {fact.behavior} SG {fact.group} match {fact.match} SBRS {fact.score}"
    if switches.hat_country:
        line += f" country {fact.country or 'not enabled'}"
    return (line,)


def _delayed_reject(fact: facts.DelayedReject) -> str:
    head = f"ICID {fact.icid} Delayed HAT REJECT"
    if fact.stage == "session":
        return f"{head} continuing session for recipient logging ({fact.client_ip})"
    if fact.stage == "sender":
        return f"{head} Message from: {fact.address} ({fact.client_ip})"
    return f"{head} Message recipient: <{fact.address}> ({fact.client_ip})"


def _connection_timed_out(fact: facts.ConnectionTimedOut) -> str:
    why = (
        "no messages injected within timeout period"
        if fact.why == "idle"
        else "exceeded allowable connection time"
    )
    return f"ICID {fact.icid} disconnected address {fact.client_ip}, {why}"


def _connection_lost_early(fact: facts.ConnectionLostEarly) -> str:
    return (
        f"ICID {fact.icid} Connection from {fact.client_ip} on interface {fact.interface} "
        f"({fact.interface_ip}) lost after {fact.seconds:.0f} seconds (DNS query took "
        f"{fact.dns_seconds:.0f} seconds), before any commands were received"
    )


def _connection_closed(fact: facts.ConnectionClosed, _: Switches, __: StampOf) -> tuple[str, ...]:
    close = f"ICID {fact.icid} close"
    return (f"ICID {fact.icid} lost", close) if fact.lost else (close,)


def _tls_received(fact: facts.TlsReceived) -> str:
    return f"ICID {fact.icid} TLS success protocol {fact.protocol} cipher {fact.cipher}"


def _tls_receive_failed(fact: facts.TlsReceiveFailed) -> str:
    if fact.verify:
        return f"ICID {fact.icid} TLS failed: verify error: {fact.text}"
    return f"ICID {fact.icid} TLS failed: {_tls_error(fact.number, fact.errno, fact.text)}"


def _tls_never_started(fact: facts.TlsNeverStarted) -> str:
    return f"ICID {fact.icid} TLS was required but remote host did not initiate it"


def _auth_result(fact: facts.AuthResult) -> str:
    # The colon and the brackets differ between the two forms in the model, and so they do here.
    head = (
        f"SMTP Auth: (ICID {fact.icid}) succeeded"
        if fact.ok
        else f"SMTP Auth (ICID {fact.icid}) failed"
    )
    return (
        f"{head} for user: {fact.user} using AUTH mechanism: {fact.mechanism} "
        f"with profile: {fact.profile}"
    )


def _auth_missing(fact: facts.AuthMissing) -> str:
    return f"SMTP Auth (ICID {fact.icid}) was required but remote host did not initiate it"


def _message_started(fact: facts.MessageStarted, _: Switches, __: StampOf) -> tuple[str, ...]:
    return (
        f"Start MID {fact.mid} ICID {fact.icid}",
        f"MID {fact.mid} ICID {fact.icid} From: <{fact.sender}>",
    )


def _recipient_accepted(fact: facts.RecipientAccepted) -> str:
    return f"MID {fact.mid} ICID {fact.icid} RID {fact.rid} To: <{fact.address}>"


def _sender_refused(fact: facts.SenderRefused) -> str:
    known = "could not be resolved" if fact.why == "could not be resolved" else "does not exist"
    return (
        f"ICID {fact.icid} Address: <{fact.address}> sender rejected, "
        f"envelope sender domain {known}"
    )


def _recipient_refused(fact: facts.RecipientRefused) -> str:
    return f"MID {fact.mid} ICID {fact.icid} To: <{fact.address}> Rejected by {fact.by}"


def _message_ready(fact: facts.MessageReady, switches: Switches, _: StampOf) -> tuple[str, ...]:
    mid = fact.mid
    quotes = switches.subject_quotes
    if quotes is SubjectQuotes.NONE:
        subject = fact.subject
    else:
        subject = quoted(fact.subject, "'" if quotes is SubjectQuotes.SINGLE else '"')
    rest = (
        f"MID {mid} Subject {subject}",
        f"MID {mid} ready {fact.size} bytes from <{fact.sender}>",
        f"MID {mid} matched all recipients for per-recipient policy {fact.policy} "
        f"in the {fact.direction} table",
    )
    if not fact.message_id:
        return rest
    return (f"MID {mid} Message-ID {quoted(fact.message_id)}", *rest)


def _message_queued(fact: facts.MessageQueued) -> str:
    return f"MID {fact.mid} queued for delivery"


def _message_aborted(fact: facts.MessageAborted) -> str:
    return f"Message aborted MID {fact.mid} {fact.reason}"


def _command_refused(fact: facts.CommandRefused) -> str:
    what = "Unknown command" if fact.kind == "unknown" else "Bad syntax for command"
    return f"ICID {fact.icid} {what}: {fact.text}"


def _invalid_sender(fact: facts.InvalidSender) -> str:
    return f"ICID {fact.icid} Invalid sender address: {fact.reason}"


def _invalid_recipient(fact: facts.InvalidRecipient) -> str:
    return f"ICID {fact.icid} MID {fact.mid} Invalid recipient address: {fact.reason}"


def _receiving_failed(fact: facts.ReceivingFailed) -> str:
    return f"ICID {fact.icid} Receiving Failed: {fact.reason}"


# --- Outbound ------------------------------------------------------------------------------


def _delivery_opened(fact: facts.DeliveryConnectionOpened) -> str:
    return (
        f"New SMTP DCID {fact.dcid} interface {fact.interface_ip} address {fact.ip} "
        f"port {fact.port}"
    )


def _delivery_failed(fact: facts.DeliveryConnectionFailed) -> str:
    return (
        f"Connection Error: DCID {fact.dcid} domain: {fact.domain} IP: {fact.ip} "
        f"port: {fact.port} details: {fact.details} interface: {fact.interface_ip} "
        f"reason: {fact.reason}"
    )


def _delivery_closed(fact: facts.DeliveryConnectionClosed) -> str:
    return f"DCID {fact.dcid} close"


def _tls_delivered(fact: facts.TlsDelivered, switches: Switches, _: StampOf) -> tuple[str, ...]:
    line = f"DCID {fact.dcid} TLS success protocol {fact.protocol} cipher {fact.cipher}"
    return (f"{line} for {fact.domain}" if switches.tls_for_domain else line,)


def _tls_delivery_failed(fact: facts.TlsDeliveryFailed) -> str:
    if fact.kind == "refused":
        what = "STARTTLS unexpected response"
    elif fact.kind == "verify":
        what = f"verify error: {fact.text}"
    else:
        what = _tls_error(fact.number, fact.errno, fact.text)
    return f"DCID {fact.dcid} TLS failed: {what}"


def _tls_required_unavailable(fact: facts.TlsRequiredUnavailable) -> str:
    return (
        f"DCID {fact.dcid} IP {fact.ip} TLS was required but could not be successfully negotiated"
    )


def _delivery_started(fact: facts.DeliveryStarted) -> str:
    return f"Delivery start DCID {fact.dcid} MID {fact.mid} to RID {rid_list(fact.rids)}"


def _recipients_delivered(
    fact: facts.RecipientsDelivered, _: Switches, __: StampOf
) -> tuple[str, ...]:
    rids = rid_list(fact.rids)
    return (
        f"Message done DCID {fact.dcid} MID {fact.mid} to RID {rids}",
        f"MID {fact.mid} RID {rids} Response {quoted(fact.response)}",
    )


def _message_finished(fact: facts.MessageFinished) -> str:
    return f"Message finished MID {fact.mid} {fact.outcome}"


def _recipient_bounced(fact: facts.RecipientBounced) -> str:
    return f"Bounced: {_undelivered(fact)}"


def _recipient_delayed(fact: facts.RecipientDelayed) -> str:
    return f"Delayed: {_undelivered(fact)}"


def _retry_scheduled(fact: facts.RetryScheduled, _: Switches, stamp_of: StampOf) -> tuple[str, ...]:
    return (f"MID {fact.mid} to RID {rid_list(fact.rids)} pending till {stamp_of(fact.until)}",)


def _bounce_generated(fact: facts.BounceGenerated) -> str:
    return f"MID {fact.mid} was generated for bounce of MID {fact.parent}"


def _double_bounce(fact: facts.DoubleBounce) -> str:
    return (
        f"Double bounce: MID {fact.mid} to {fact.rid} - {fact.enhanced} - {fact.text} "
        f"{fact.code}-{quoted(fact.reply)}"
    )


def _dns_temporary_failure(fact: facts.DnsTemporaryFailure) -> str:
    return f"DNS Temporary Failure {fact.name} {fact.rdtype} - {fact.error}"


def _route_dns_failure(fact: facts.RouteDnsFailure) -> str:
    return f"DNS failure for SMTP route destination {fact.name}"


def _deliveries_suspended(fact: facts.DeliveriesSuspended) -> str:
    return f"Deliveries are currently suspended [{fact.domain}]"


def _status(fact: facts.StatusSnapshot) -> str:
    values = fact.values
    return "Status: " + " ".join([f"{key} {values.get(key, 0)}" for key in STATUS_KEYS])


# --- Parts ---------------------------------------------------------------------------------


def _tls_error(number: int | None, errno: int | None, text: str) -> str:
    """The two forms of a TLS failure; without any number 0 is OpenSSL's "no error of mine"."""
    return repr((number or 0, text)) if errno is None else f"[Errno {errno}] {text}"


def _undelivered(fact: facts.RecipientBounced | facts.RecipientDelayed) -> str:
    return (
        f"DCID {fact.dcid} MID {fact.mid} From: <{fact.sender}> To: <{fact.recipient}> "
        f"RID {fact.rid} - {fact.enhanced} - {fact.text} {reply_tuple(fact.code, fact.lines)}"
    )


# One line each, whatever the switches.
_PLAIN: dict[type, Callable[[Any], str]] = {
    facts.ConnectionOpened: _connection_opened,
    facts.DelayedReject: _delayed_reject,
    facts.ConnectionTimedOut: _connection_timed_out,
    facts.ConnectionLostEarly: _connection_lost_early,
    facts.TlsReceived: _tls_received,
    facts.TlsReceiveFailed: _tls_receive_failed,
    facts.TlsNeverStarted: _tls_never_started,
    facts.AuthResult: _auth_result,
    facts.AuthMissing: _auth_missing,
    facts.RecipientAccepted: _recipient_accepted,
    facts.RecipientRefused: _recipient_refused,
    facts.SenderRefused: _sender_refused,
    facts.MessageQueued: _message_queued,
    facts.MessageAborted: _message_aborted,
    facts.CommandRefused: _command_refused,
    facts.InvalidSender: _invalid_sender,
    facts.InvalidRecipient: _invalid_recipient,
    facts.ReceivingFailed: _receiving_failed,
    facts.DeliveryConnectionOpened: _delivery_opened,
    facts.DeliveryConnectionFailed: _delivery_failed,
    facts.DeliveryConnectionClosed: _delivery_closed,
    facts.TlsDeliveryFailed: _tls_delivery_failed,
    facts.TlsRequiredUnavailable: _tls_required_unavailable,
    facts.DeliveryStarted: _delivery_started,
    facts.MessageFinished: _message_finished,
    facts.RecipientBounced: _recipient_bounced,
    facts.RecipientDelayed: _recipient_delayed,
    facts.BounceGenerated: _bounce_generated,
    facts.DoubleBounce: _double_bounce,
    facts.DnsTemporaryFailure: _dns_temporary_failure,
    facts.RouteDnsFailure: _route_dns_failure,
    facts.DeliveriesSuspended: _deliveries_suspended,
    facts.StatusSnapshot: _status,
}

# Several lines, or lines that depend on a switch or on local time.
_SPECIAL: dict[type, Callable[[Any, Switches, StampOf], tuple[str, ...]]] = {
    facts.SenderGroupMatched: _sender_group_matched,
    facts.ConnectionClosed: _connection_closed,
    facts.MessageStarted: _message_started,
    facts.MessageReady: _message_ready,
    facts.TlsDelivered: _tls_delivered,
    facts.RecipientsDelivered: _recipients_delivered,
    facts.RetryScheduled: _retry_scheduled,
}

# The grammar has no line for these, and new lines are not invented.
JSON_ONLY: frozenset[type] = frozenset(
    {
        facts.AlarmRaised,
        facts.AlertQueued,
        facts.AlertWithheld,
        facts.DnsListFailed,
        facts.HarvestStopped,
        facts.SenderNeedsTls,
        facts.AuthDelayed,
        facts.AuthSenderRefused,
        facts.SmtpUserChanged,
        facts.OperatorLogin,
        facts.OperatorLogout,
        facts.OperatorAction,
        facts.SmartHostLogin,
        facts.DeliveryHostSkipped,
        facts.TlsPolicyResult,
        facts.TlsReportReceived,
        facts.TlsReportRefused,
        facts.TlsReportSent,
        facts.ListenerSuspended,
        facts.ListenerResumed,
        facts.InternalFault,
        facts.ProtocolViolated,
        facts.GatewayStarted,
        facts.GatewayStopped,
        facts.ProcessStarted,
        facts.ProcessDied,
        facts.ConfigurationCommitted,
        facts.LogFileStarted,
        facts.LogLinesLost,
        facts.ResourcesLow,
        facts.ResourcesRecovered,
    }
)

# What has lines in the mail log; with JSON_ONLY, every fact there is.
RENDERED: frozenset[type] = frozenset(_PLAIN) | frozenset(_SPECIAL)
