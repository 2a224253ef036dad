# SPDX-License-Identifier: Apache-2.0
"""The facts: one typed value for every happening that anybody may ever ask about.

The rule: the mail log line, the tracking row, the report counter, the metric and the alarm are
made from a fact and from nothing else. A fact says what happened, never how it is shown: texts
from outside (names, addresses, replies) stand in it as they came, decoded to `str` and bounded by
the sender of the fact; the readers in this room escape them when they write.

Conventions. `at` is unix time in seconds. Ids are positive integers that are never used twice;
`icid` 0 is a refused TCP connection or a message the system made, `dcid` 0 is "no connection".
The null sender is `""`. IP addresses are in text form without brackets. Enhanced codes are
`"x.y.z"`. A field that may be None is unknown or does not apply.

This file is longer than others because it is one table.
"""

import re
from typing import Literal

import msgspec

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def _tag(name: str) -> str:
    """The JSON tag of a fact: its class name in snake_case."""
    return _WORD_START.sub("_", name).lower()


class HappenedAt(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="fact", tag=_tag):
    """What all facts share: the moment, in unix seconds, as the process that saw it read it."""

    at: float


# --- Inbound: connections ------------------------------------------------------------------


class ConnectionOpened(HappenedAt, frozen=True, kw_only=True):
    """A client connected to a listener.

    `host` is its reverse name, or None; `host_verified` tells that the name leads back to the IP.
    `proxy` is the address that spoke for it (PROXY protocol, XCLIENT); None: it came by itself.
    """

    icid: int
    listener: str
    interface: str
    interface_ip: str
    client_ip: str
    client_port: int
    host: str | None = None
    host_verified: bool = False
    proxy: str | None = None


class SenderGroupMatched(HappenedAt, frozen=True, kw_only=True):
    """The host access table decided about a connection.

    `behavior` is the log word of the policy; `group` None is the default entry ALL; `match` is
    the member that won; `score` is the reputation as it is shown (`None`, `rfc1918`, `-2.1`).
    """

    icid: int
    behavior: Literal["ACCEPT", "RELAY", "REJECT", "TCPREFUSE"]
    group: str | None
    match: str
    policy: str
    score: str = "None"
    country: str | None = None


class DelayedReject(HappenedAt, frozen=True, kw_only=True):
    """A rejected client is kept talking, so that senders and recipients can be recorded.

    One fact for the session and one for each sender and recipient; `address` is "" for the session.
    """

    icid: int
    client_ip: str
    stage: Literal["session", "sender", "recipient"]
    address: str = ""


class ConnectionTimedOut(HappenedAt, frozen=True, kw_only=True):
    """We ended a connection: it brought no message in time, or lasted longer than any may."""

    icid: int
    client_ip: str
    why: Literal["idle", "total"]


class ConnectionLostEarly(HappenedAt, frozen=True, kw_only=True):
    """A client went away before its first command.

    `seconds` is how long it was connected, `dns_seconds` how long we asked DNS about it.
    """

    icid: int
    client_ip: str
    interface: str
    interface_ip: str
    seconds: float
    dns_seconds: float


class ConnectionClosed(HappenedAt, frozen=True, kw_only=True):
    """An inbound connection ended. `lost`: the peer vanished instead of saying QUIT."""

    icid: int
    lost: bool = False


# --- Inbound: TLS and authentication -------------------------------------------------------


class TlsReceived(HappenedAt, frozen=True, kw_only=True):
    """TLS came up on an inbound connection.

    `protocol` and `cipher` are OpenSSL's names, `group` the key exchange group, `dh_bits` the size
    of a classic Diffie-Hellman group, `sni` the name the client asked for, `peer` the subject of a
    client certificate. `peer_verdict` is what that was found to be worth where the policy asks:
    `none` (not shown), `valid`, or the reason why it proves nothing; None: nobody asked.
    """

    icid: int
    protocol: str
    cipher: str
    group: str | None = None
    dh_bits: int | None = None
    resumed: bool = False
    sni: str | None = None
    peer: str | None = None
    peer_verdict: str | None = None


class TlsReceiveFailed(HappenedAt, frozen=True, kw_only=True):
    """An inbound handshake failed.

    `number` is the packed OpenSSL error when the TLS library refused, `errno` the system's error
    number when the socket broke; `text` belongs to the one that is given. `verify`: the handshake
    was good and we did not accept the client's certificate, `text` is why, `peer` its subject.
    """

    icid: int
    number: int | None = None
    errno: int | None = None
    text: str
    verify: bool = False
    peer: str | None = None


class TlsNeverStarted(HappenedAt, frozen=True, kw_only=True):
    """TLS was required of the client and the connection ended without STARTTLS."""

    icid: int


class AuthResult(HappenedAt, frozen=True, kw_only=True):
    """An SMTP AUTH exchange ended. `profile` names where the user was looked up."""

    icid: int
    ok: bool
    user: str
    mechanism: str
    profile: str


class AuthMissing(HappenedAt, frozen=True, kw_only=True):
    """AUTH was required of the client and the connection ended without a try."""

    icid: int


class AuthDelayed(HappenedAt, frozen=True, kw_only=True):
    """A login was not looked at: too many have failed, or too many wait (`seconds` 0)."""

    icid: int
    user: str
    client_ip: str
    seconds: float


class AuthSenderRefused(HappenedAt, frozen=True, kw_only=True):
    """A user wanted to send as somebody that his profile does not let him be."""

    icid: int
    user: str
    sender: str
    profile: str


# --- Inbound: messages ---------------------------------------------------------------------


class MessageStarted(HappenedAt, frozen=True, kw_only=True):
    """A sender was accepted and a message id given."""

    mid: int
    icid: int
    sender: str


class RecipientAccepted(HappenedAt, frozen=True, kw_only=True):
    """A recipient was accepted; `rid` counts from 0 in the order of RCPT."""

    mid: int
    icid: int
    rid: int
    address: str


class RecipientRefused(HappenedAt, frozen=True, kw_only=True):
    """A recipient was refused, by the recipient access table, a rate limit or a directory."""

    mid: int
    icid: int
    address: str
    by: Literal["RAT", "Injection Control", "LDAPACCEPT"]


class MessageReady(HappenedAt, frozen=True, kw_only=True):
    """The body of a message arrived whole.

    `message_id` is the header's text with its angle brackets, "" when it has none; `subject` is
    decoded; `size` is in octets; `policy` is the per-recipient policy that all recipients matched.
    """

    mid: int
    icid: int
    message_id: str
    subject: str
    size: int
    sender: str
    direction: Literal["inbound", "outbound"]
    policy: str = "DEFAULT"


class MessageQueued(HappenedAt, frozen=True, kw_only=True):
    """A message and its envelope are on stable storage; the client has its 250, or gets it now."""

    mid: int


class MessageAborted(HappenedAt, frozen=True, kw_only=True):
    """A message that had an id did not reach the queue. `reason`, for example Receiving aborted."""

    mid: int
    reason: str


# --- Inbound: what a client did wrong -------------------------------------------------------


class CommandRefused(HappenedAt, frozen=True, kw_only=True):
    """A command was unknown or malformed; `text` is what the client sent, bounded."""

    icid: int
    kind: Literal["unknown", "syntax"]
    text: str


class InvalidSender(HappenedAt, frozen=True, kw_only=True):
    """MAIL FROM did not hold a valid address."""

    icid: int
    reason: str


class SenderRefused(HappenedAt, frozen=True, kw_only=True):
    """A sender was refused for what DNS says, or does not say, about its domain."""

    icid: int
    address: str
    why: Literal["does not exist", "takes no mail", "could not be resolved"]


class SenderNeedsTls(HappenedAt, frozen=True, kw_only=True):
    """A sender was refused in clear, since the list of senders that must use TLS has `entry`."""

    icid: int
    address: str
    entry: str


class HarvestStopped(HappenedAt, frozen=True, kw_only=True):
    """A client had too many recipients refused in an hour; `dropped`: its connection was ended."""

    icid: int
    client_ip: str
    dropped: bool


class DnsListFailed(HappenedAt, frozen=True, kw_only=True):
    """A DNS list did not say whether it lists a client; the client counts as not listed."""

    client_ip: str
    zone: str
    error: str


class InvalidRecipient(HappenedAt, frozen=True, kw_only=True):
    """RCPT TO did not hold a valid address."""

    icid: int
    mid: int
    reason: str


class ReceivingFailed(HappenedAt, frozen=True, kw_only=True):
    """A message or connection was refused as a whole, for example Message size exceeds limit."""

    icid: int
    reason: str


class ProtocolViolated(HappenedAt, frozen=True, kw_only=True):
    """A client broke the protocol in a way that ended its connection."""

    icid: int
    what: str


# --- Outbound: connections -----------------------------------------------------------------


class DeliveryConnectionOpened(HappenedAt, frozen=True, kw_only=True):
    """A connection to a destination host stands; `domain` is the destination it serves."""

    dcid: int
    interface_ip: str
    ip: str
    port: int
    domain: str


class DeliveryConnectionFailed(HappenedAt, frozen=True, kw_only=True):
    """A connection to a destination host could not be made or was given up.

    `details` is a reply as `454-'text'`, a socket error as `[Errno 111] Connection refused`, or a
    word such as `EOF` or `timeout`.
    """

    dcid: int
    domain: str
    ip: str
    port: int
    details: str
    interface_ip: str
    reason: Literal["network error", "unexpected SMTP response"]


class DeliveryConnectionClosed(HappenedAt, frozen=True, kw_only=True):
    """A connection to a destination host ended."""

    dcid: int


class TlsDelivered(HappenedAt, frozen=True, kw_only=True):
    """TLS came up towards a destination host.

    `level` is what was demanded in the end and `rule` by whom (`policy/outbound_values.py`).
    `verdict` is `verified`, or the reason word why not; `result` the same in the words of RFC 8460
    §4.3, "" for verified. `basis` is the name, record or pin that proved the identity, `weak` says
    that it stands against passive listening only. `peer` and `issuer` are the subject and issuer of
    the server's certificate, `not_after` its end in unix seconds, `fingerprints` those of the chain
    as presented.
    """

    dcid: int
    domain: str
    level: str
    protocol: str
    cipher: str
    group: str | None = None
    dh_bits: int | None = None
    resumed: bool = False
    peer: str | None = None
    verdict: str = ""
    rule: str = ""
    result: str = ""
    basis: str = ""
    weak: bool = False
    reason: str = ""
    issuer: str | None = None
    not_after: float | None = None
    names: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()


class TlsDeliveryFailed(HappenedAt, frozen=True, kw_only=True):
    """TLS towards a destination host failed.

    `kind` tells who said no: the server to STARTTLS, the TLS library (`number` is the packed
    OpenSSL error), the socket (`errno`), or our verification (`text` is the reason word, `reason` a
    sentence, and the certificate's facts are as in `TlsDelivered`). `dh_bits` is the size of the DH
    group that the server offered, where one was seen; `result` is the word of RFC 8460 §4.3.
    """

    dcid: int
    kind: Literal["refused", "library", "socket", "verify"]
    number: int | None = None
    errno: int | None = None
    text: str = ""
    domain: str = ""
    level: str = ""
    rule: str = ""
    result: str = ""
    protocol: str = ""
    cipher: str = ""
    group: str | None = None
    dh_bits: int | None = None
    reason: str = ""
    peer: str | None = None
    issuer: str | None = None
    not_after: float | None = None
    names: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()


class TlsRequiredUnavailable(HappenedAt, frozen=True, kw_only=True):
    """The destination's rule requires TLS and this host did not give it; `why` in one phrase."""

    dcid: int
    ip: str
    domain: str
    why: str


class SmartHostLogin(HappenedAt, frozen=True, kw_only=True):
    """A login at the smart host `name` succeeded or failed, or was not tried, with the reason.

    `mechanism` is "" where it came to none. No secret is in here.
    """

    dcid: int
    name: str
    ok: bool
    mechanism: str = ""
    reason: str = ""


class DeliveryHostSkipped(HappenedAt, frozen=True, kw_only=True):
    """A mail host was not connected to, because the rules forbid it or cannot be known now.

    `rule` is who forbids it, `why` says it in a sentence, `unknown`: a look-up that must not be
    guessed at has failed. The next host is tried, else the mail waits.
    """

    domain: str
    host: str
    rule: str
    why: str
    unknown: bool = False


class TlsPolicyResult(HappenedAt, frozen=True, kw_only=True):
    """What one attempt to reach `domain` under a TLS policy brought: what TLS reports count.

    `result` is "" for success, else a result type of RFC 8460 §4.3. `domain` is the policy domain;
    `policy_strings` and `mx_patterns` are the policy as its domain published it. `dcid` None: there
    was no connection, as the policy forbade it or could not be had. `reason` in our own words.
    """

    dcid: int | None = None
    domain: str
    policy_type: Literal["tlsa", "sts", "no-policy-found"]
    policy_strings: tuple[str, ...] = ()
    mx_patterns: tuple[str, ...] = ()
    result: str = ""
    sending_ip: str = ""
    receiving_mx: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    reason: str = ""


# --- Outbound: messages --------------------------------------------------------------------


class DeliveryStarted(HappenedAt, frozen=True, kw_only=True):
    """A message is offered on a delivery connection, for the recipients `rids`."""

    dcid: int
    mid: int
    rids: tuple[int, ...]


class RecipientsDelivered(HappenedAt, frozen=True, kw_only=True):
    """The destination took the message for `rids`. `response` is its text after the code."""

    dcid: int
    mid: int
    rids: tuple[int, ...]
    response: str
    tls: bool


class MessageFinished(HappenedAt, frozen=True, kw_only=True):
    """No recipient of a message is left in the queue; aborted: an operator removed it."""

    mid: int
    outcome: Literal["done", "aborted"]


class RecipientBounced(HappenedAt, frozen=True, kw_only=True):
    """A recipient failed for good.

    `code` and `lines` are the reply of the remote host, or "000" and a text of our own when there
    was none; `enhanced` and `text` are our own summary.
    """

    dcid: int
    mid: int
    sender: str
    recipient: str
    rid: int
    enhanced: str
    text: str
    code: str
    lines: tuple[str, ...]


class RecipientDelayed(HappenedAt, frozen=True, kw_only=True):
    """A recipient failed for now; the fields are those of RecipientBounced."""

    dcid: int
    mid: int
    sender: str
    recipient: str
    rid: int
    enhanced: str
    text: str
    code: str
    lines: tuple[str, ...]


class RetryScheduled(HappenedAt, frozen=True, kw_only=True):
    """Recipients wait for their next try, at `until` in unix seconds."""

    mid: int
    rids: tuple[int, ...]
    until: float


class BounceGenerated(HappenedAt, frozen=True, kw_only=True):
    """The system made message `mid`, a report about message `parent`."""

    mid: int
    parent: int


class DoubleBounce(HappenedAt, frozen=True, kw_only=True):
    """A report could not be delivered either and ends here; `code` and `reply` as in a bounce."""

    mid: int
    rid: int
    enhanced: str
    text: str
    code: str
    reply: str


class DnsTemporaryFailure(HappenedAt, frozen=True, kw_only=True):
    """DNS gave no answer about `name`; `error` is its word, for example ServFail."""

    name: str
    rdtype: str
    error: str


class RouteDnsFailure(HappenedAt, frozen=True, kw_only=True):
    """The host of an SMTP route has no address."""

    name: str


class DeliveriesSuspended(HappenedAt, frozen=True, kw_only=True):
    """Mail for `domain` waits because an operator suspended deliveries."""

    domain: str


class ListenerSuspended(HappenedAt, frozen=True, kw_only=True):
    """An operator had a listener refuse connections; who was connected got `within` seconds."""

    listener: str
    operator: str
    within: int


class ListenerResumed(HappenedAt, frozen=True, kw_only=True):
    """An operator had a suspended listener take connections again."""

    listener: str
    operator: str


class TlsReportReceived(HappenedAt, frozen=True, kw_only=True):
    """Message `mid` was a TLS report of somebody else, and is kept; `again`: it was there already.

    The texts are the sender's.
    """

    mid: int
    organization: str
    report_id: str
    domains: tuple[str, ...]
    successes: int
    failures: int
    again: bool = False


class TlsReportRefused(HappenedAt, frozen=True, kw_only=True):
    """Message `mid` came to the address for TLS reports and holds none that can be read."""

    mid: int
    reason: str


class TlsReportSent(HappenedAt, frozen=True, kw_only=True):
    """The TLS report about one day (`YYYY-MM-DD`) of a domain was dealt with.

    `outcome` is sent, not wanted (the domain asks for none), waiting (tried again later) or given
    up; `note` says where it went or what stands in the way.
    """

    day: str
    domain: str
    outcome: Literal["sent", "not wanted", "waiting", "given up"]
    note: str


# --- System --------------------------------------------------------------------------------


class GatewayStarted(HappenedAt, frozen=True, kw_only=True):
    """The gateway started, with this version and serial number."""

    version: str
    serial: str


class GatewayStopped(HappenedAt, frozen=True, kw_only=True):
    """The gateway stopped in good order."""


class ProcessStarted(HappenedAt, frozen=True, kw_only=True):
    """A process of the gateway started in `role`."""

    role: str
    pid: int


class ProcessDied(HappenedAt, frozen=True, kw_only=True):
    """A process of the gateway ended unasked; `status` is negative when a signal ended it."""

    role: str
    pid: int
    status: int


class SmtpUserChanged(HappenedAt, frozen=True, kw_only=True):
    """An operator changed a user of SMTP AUTH; it counts at once and is no revision.

    `done` is "added", "password changed", "disabled", "enabled", "deleted" or "unlocked".
    """

    name: str
    done: str
    operator: str


class OperatorLogin(HappenedAt, frozen=True, kw_only=True):
    """Somebody wanted to log in to operate the gateway.

    `way` is "ssh", "api" or "web"; `outcome` is "succeeded", "failed" or "delayed" (not looked at,
    after failures before). `name` is what was typed, bounded; it need not be anybody's. `proof` is
    "password" or "key"; accounts with a second factor were asked for its code besides. A key that
    "failed" was none of the account's, or the code was wrong.
    """

    name: str
    way: str
    address: str
    outcome: str
    proof: str = "password"


class OperatorLogout(HappenedAt, frozen=True, kw_only=True):
    """Somebody who had logged in has gone, after so many seconds; `reason` says how it ended.

    "left", "lost" (the connection broke), "idle", "stopped" (the gateway stopped), "changed" (the
    account was), or "died": the process that served him, or all of the gateway, ended without a
    word; then the seconds go on to the moment at which that was seen.
    """

    name: str
    way: str
    address: str
    seconds: float
    reason: str


class OperatorAction(HappenedAt, frozen=True, kw_only=True):
    """An operator did something that the audit log keeps, or was refused; the log has the rest."""

    operator: str
    role: str
    way: str
    address: str
    action: str
    outcome: str


class ConfigurationCommitted(HappenedAt, frozen=True, kw_only=True):
    """An operator made revision `revision` of the configuration the running one."""

    revision: int
    operator: str
    comment: str


class StatusSnapshot(HappenedAt, frozen=True, kw_only=True):
    """The counters and gauges of one moment; keys as in `counters.STATUS_KEYS`, missing is 0."""

    values: dict[str, int | str]


class LogFileStarted(HappenedAt, frozen=True, kw_only=True):
    """A new pair of log files began; the first line of each event log.

    `grammar` is that of the text lines, and the switches say which of its variants are written
    from here on. `utc_offset`, in seconds, is that of the text log's stamps.
    """

    grammar: str
    version: str
    serial: str
    utc_offset: int
    tls_for_domain: bool
    hat_country: bool
    subject_quotes: str


class LogLinesLost(HappenedAt, frozen=True, kw_only=True):
    """`count` facts were dropped because their way to the log was full."""

    count: int


class InternalFault(HappenedAt, frozen=True, kw_only=True):
    """A fault of our own: `where` names the part, `what` the error with its place."""

    where: str
    what: str


class AlarmRaised(HappenedAt, frozen=True, kw_only=True):
    """Somebody must be told something.

    `severity` is Critical, Warning or Information; alarms of one `key` are the same trouble, and
    `suppressed` of them were held back since the last one that was told.
    """

    name: str
    alarm_class: str
    severity: str
    subject: str
    text: str
    key: str
    suppressed: int = 0


class AlertQueued(HappenedAt, frozen=True, kw_only=True):
    """An alarm was queued as mail for somebody who is subscribed to it; `smart_host`: by it."""

    mid: int
    name: str
    severity: str
    recipient: str
    smart_host: str = ""


class AlertWithheld(HappenedAt, frozen=True, kw_only=True):
    """An alarm was not mailed to somebody who is subscribed to it; "": to nobody at all."""

    name: str
    recipient: str
    reason: str


class ResourcesLow(HappenedAt, frozen=True, kw_only=True):
    """A resource (disk, memory, descriptors) ran low; `detail` says how low."""

    resource: str
    detail: str


class ResourcesRecovered(HappenedAt, frozen=True, kw_only=True):
    """A resource that had run low is there again."""

    resource: str


Fact = (
    ConnectionOpened
    | SenderGroupMatched
    | DelayedReject
    | ConnectionTimedOut
    | ConnectionLostEarly
    | ConnectionClosed
    | TlsReceived
    | TlsReceiveFailed
    | TlsNeverStarted
    | AuthResult
    | AuthMissing
    | AuthDelayed
    | AuthSenderRefused
    | MessageStarted
    | RecipientAccepted
    | RecipientRefused
    | MessageReady
    | MessageQueued
    | MessageAborted
    | CommandRefused
    | InvalidSender
    | SenderRefused
    | SenderNeedsTls
    | HarvestStopped
    | DnsListFailed
    | InvalidRecipient
    | ReceivingFailed
    | ProtocolViolated
    | DeliveryConnectionOpened
    | DeliveryConnectionFailed
    | DeliveryConnectionClosed
    | TlsDelivered
    | TlsDeliveryFailed
    | TlsRequiredUnavailable
    | SmartHostLogin
    | DeliveryHostSkipped
    | TlsPolicyResult
    | DeliveryStarted
    | RecipientsDelivered
    | MessageFinished
    | RecipientBounced
    | RecipientDelayed
    | RetryScheduled
    | BounceGenerated
    | DoubleBounce
    | DnsTemporaryFailure
    | RouteDnsFailure
    | DeliveriesSuspended
    | ListenerSuspended
    | ListenerResumed
    | TlsReportReceived
    | TlsReportRefused
    | TlsReportSent
    | GatewayStarted
    | GatewayStopped
    | ProcessStarted
    | ProcessDied
    | SmtpUserChanged
    | OperatorLogin
    | OperatorLogout
    | OperatorAction
    | ConfigurationCommitted
    | StatusSnapshot
    | LogFileStarted
    | LogLinesLost
    | InternalFault
    | AlarmRaised
    | AlertQueued
    | AlertWithheld
    | ResourcesLow
    | ResourcesRecovered
)
