# SPDX-License-Identifier: Apache-2.0
"""Every demand on a client: when a policy makes it, when it is met, and in which order they stand.

Rule: one demand is one row. A row whose demand a policy does not make is never judged.
"""

from gatehouse.mail.address import Address
from gatehouse.policy import inbound_tell as tell
from gatehouse.policy import inbound_texts as texts
from gatehouse.policy.inbound_values import (
    AskDomain,
    CertificateState,
    ClientFacts,
    Counts,
    Demand,
    Deny,
    Entrance,
    InboundRules,
    Row,
    Rows,
    SenderDomain,
)
from gatehouse.policy.mail_flow import OFF, AuthDemand, Behavior, MailFlowPolicy, TlsDemand
from gatehouse.policy.recipients import Refuse

# --- connection -----------------------------------------------------------------------------------


def _tcp(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    return Deny(Demand.TCP, texts.rejection(rules, client))


def _listener_connections(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.listener_connections > rules.entrance.max_connections:
        return Deny(Demand.LISTENER_CONNECTIONS, texts.TOO_MANY_CONNECTIONS)
    return None


def _client_connections(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.client_connections > rules.policy.max_connections_per_client:
        return Deny(Demand.CLIENT_CONNECTIONS, texts.TOO_MANY_CONNECTIONS)
    return None


def _rejected(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    return Deny(Demand.BEHAVIOR, texts.rejection(rules, client))


# --- TLS, certificate, AUTH -----------------------------------------------------------------------


def _tls(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    return None if client.tls else Deny(Demand.TLS, texts.TLS_FIRST)


def _certificate(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    """Preferred: optional, but never a bad one. Required: a good one."""
    shown = client.certificate
    if shown.state is CertificateState.INVALID:
        return Deny(Demand.CERTIFICATE, texts.BAD_CERTIFICATE, shown.reason)
    if shown.state is CertificateState.NONE and rules.policy.tls is TlsDemand.REQUIRED:
        return Deny(Demand.CERTIFICATE, texts.BAD_CERTIFICATE, texts.NO_CERTIFICATE_SHOWN)
    return None


def _auth(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    return None if client.user is not None else Deny(Demand.AUTH, texts.AUTH_REQUIRED)


# --- MAIL -----------------------------------------------------------------------------------------


def _messages(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.messages >= rules.policy.max_messages_per_connection:
        return Deny(Demand.MESSAGES, texts.TOO_MANY_MESSAGES)
    return None


def _sender_address(
    rules: InboundRules, client: ClientFacts, counts: Counts, sender: Address | None
) -> Deny | None:
    if sender is None or sender.domain or texts.full_sender(rules.entrance, sender) is not None:
        return None
    return texts.bare_refusal(Demand.SENDER_ADDRESS, sender)


def _sender_tls(
    rules: InboundRules, client: ClientFacts, counts: Counts, sender: Address | None
) -> Deny | None:
    if client.tls:
        return None
    entry = _listed(rules, sender)
    return None if entry is None else Deny(Demand.SENDER_TLS, texts.TLS_FIRST, entry)


def _listed(rules: InboundRules, sender: Address | None) -> str | None:
    full = None if sender is None else texts.full_sender(rules.entrance, sender)
    return None if full is None else rules.tls_senders.match(full)


def _sender_domain(
    rules: InboundRules, client: ClientFacts, counts: Counts, sender: Address | None
) -> Deny | AskDomain | None:
    full = None if sender is None else texts.full_sender(rules.entrance, sender)
    if full is None or full.domain.startswith("["):
        return None  # nobody, or an address: there is nothing that DNS could say
    if counts.sender_domain is SenderDomain.NOT_ASKED:
        return AskDomain(full.domain)
    reply = texts.DOMAIN_REPLIES.get(counts.sender_domain)
    if reply is None:
        return None
    return Deny(Demand.SENDER_DOMAIN, reply, counts.sender_domain.value)


# --- RCPT -----------------------------------------------------------------------------------------


def _recipient_address(
    rules: InboundRules, client: ClientFacts, counts: Counts, recipient: Address | None
) -> Deny | None:
    assert recipient is not None
    if recipient.domain or texts.full_recipient(rules.entrance, recipient) is not None:
        return None
    return texts.bare_refusal(Demand.RECIPIENT_ADDRESS, recipient)


def _harvest(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    policy = rules.policy
    if client.relays or counts.refused_recipients < policy.dhap_limit:
        return None
    reply = texts.HARVEST_DROPPED if policy.dhap_drop_connection else texts.HARVEST
    return Deny(Demand.HARVEST, reply)


def _recipient(
    rules: InboundRules, client: ClientFacts, counts: Counts, recipient: Address | None
) -> Deny | None:
    table = rules.entrance.recipients
    assert recipient is not None
    if client.relays:
        return None
    if not recipient.domain:
        if texts.is_postmaster(recipient):
            return None
        recipient = texts.full_recipient(rules.entrance, recipient) or recipient
    if table is None:  # a private listener is a way out, for those who have the right to it
        return Deny(Demand.RECIPIENT, texts.NO_RELAYING)
    verdict = table.decide(recipient)
    if isinstance(verdict, Refuse):
        return Deny(Demand.RECIPIENT, verdict.reply)
    return None


def _client_rate(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.client_recipients < rules.policy.max_recipients_per_hour:
        return None
    return texts.rate_refusal(rules, client, Demand.CLIENT_RATE)


def _sender_rate(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.sender_recipients < rules.policy.max_sender_recipients_per_hour:
        return None
    return texts.rate_refusal(rules, client, Demand.SENDER_RATE)


def _recipients(
    rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None
) -> Deny | None:
    if counts.recipients < rules.policy.max_recipients_per_message:
        return None
    return Deny(Demand.RECIPIENTS, texts.TOO_MANY_RECIPIENTS)


# --- when a policy makes them ---------------------------------------------------------------------


def _always(_: Entrance, __: MailFlowPolicy) -> bool:
    return True


def _refuses_tcp(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.behavior is Behavior.TCPREFUSE


def _rejects(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.behavior is Behavior.REJECT


def _rejects_at_once(entrance: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.behavior is Behavior.REJECT and not entrance.delayed_reject


def _needs_tls(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.tls is TlsDemand.REQUIRED


def _verifies(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.verify_client_certificate and not policy.refuses


def _needs_auth(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.smtp_auth is AuthDemand.REQUIRED and not policy.refuses


def _lists_senders(_: Entrance, policy: MailFlowPolicy) -> bool:
    preferred = policy.tls is TlsDemand.PREFERRED
    return preferred and bool(policy.tls_mandatory_list) and not policy.refuses


def _checks_domain(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.check_sender_domain and not policy.refuses


def _limits_sender(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.max_sender_recipients_per_hour != OFF and not policy.refuses


def _limits_client(_: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.max_recipients_per_hour != OFF and not policy.refuses


def _limits_refused(entrance: Entrance, policy: MailFlowPolicy) -> bool:
    return policy.dhap_limit != OFF and _asks_about_recipients(entrance, policy)


def _asks_about_recipients(entrance: Entrance, policy: MailFlowPolicy) -> bool:
    return entrance.recipients is not None or policy.behavior is Behavior.ACCEPT


# --- the tables: their order is the order of the questions ----------------------------------------

CONNECTION: Rows = (
    Row(Demand.TCP, _refuses_tcp, _tcp, tell.behavior),
    Row(Demand.LISTENER_CONNECTIONS, _always, _listener_connections, tell.listener_connections),
    Row(Demand.CLIENT_CONNECTIONS, _always, _client_connections, tell.client_connections),
    Row(Demand.BEHAVIOR, _rejects_at_once, _rejected, tell.behavior),
)

HANDSHAKE: Rows = (Row(Demand.CERTIFICATE, _verifies, _certificate, tell.certificate),)

MAIL: Rows = (
    Row(Demand.TLS, _needs_tls, _tls, tell.tls),
    *HANDSHAKE,
    Row(Demand.AUTH, _needs_auth, _auth, tell.auth),
    Row(Demand.MESSAGES, _always, _messages, tell.messages),
    Row(Demand.SENDER_ADDRESS, _always, _sender_address, tell.sender_address),
    Row(Demand.SENDER_TLS, _lists_senders, _sender_tls, tell.sender_tls),
    Row(Demand.SENDER_DOMAIN, _checks_domain, _sender_domain, tell.sender_domain),
)

RECIPIENT: Rows = (
    Row(Demand.BEHAVIOR, _rejects, _rejected, tell.behavior),
    Row(Demand.RECIPIENT_ADDRESS, _always, _recipient_address, tell.recipient_address),
    Row(Demand.HARVEST, _limits_refused, _harvest, tell.harvest),
    Row(Demand.RECIPIENT, _asks_about_recipients, _recipient, tell.recipient),
    Row(Demand.CLIENT_RATE, _limits_client, _client_rate, tell.client_rate),
    Row(Demand.SENDER_RATE, _limits_sender, _sender_rate, tell.sender_rate),
    Row(Demand.RECIPIENTS, _always, _recipients, tell.recipients),
)
