# SPDX-License-Identifier: Apache-2.0
"""What each inbound demand saw, in a phrase for a person. Asked only when a walk is written down.

Rule: a phrase says the two sides of the comparison, what is demanded and what there is; it decides
nothing.
"""

from gatehouse.mail.address import Address
from gatehouse.policy import inbound_texts as texts
from gatehouse.policy.inbound_values import CertificateState, ClientFacts, Counts, InboundRules
from gatehouse.policy.mail_flow import OFF
from gatehouse.policy.recipients import Accept

_NO_LIMIT = "no limit"


def behavior(rules: InboundRules, client: ClientFacts, _: Counts, __: Address | None) -> str:
    """The behaviour of the group."""
    found = client.access
    return f"{found.behavior.value} by {found.group or 'ALL'}, policy {rules.policy.name}"


def listener_connections(
    rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None
) -> str:
    """How many there are on the listener."""
    return _of(counts.listener_connections, rules.entrance.max_connections)


def client_connections(
    rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None
) -> str:
    """How many there are from the address."""
    return _of(counts.client_connections, rules.policy.max_connections_per_client)


def tls(rules: InboundRules, client: ClientFacts, _: Counts, __: Address | None) -> str:
    """Demanded or not, there or not."""
    there = "in TLS" if client.tls else "in clear"
    return f"TLS is {rules.policy.tls.value}; the client is {there}"


def certificate(rules: InboundRules, client: ClientFacts, _: Counts, __: Address | None) -> str:
    """What was shown and what it is worth."""
    shown = client.certificate
    wanted = "verified" if rules.policy.verify_client_certificate else "not verified"
    match shown.state:
        case CertificateState.NONE:
            found = "none was shown"
        case CertificateState.INVALID:
            found = f"{shown.subject or 'the one shown'} proves nothing: {shown.reason}"
        case CertificateState.VALID:
            found = f"{shown.subject} is valid"
    return f"certificates are {wanted}; {found}"


def auth(rules: InboundRules, client: ClientFacts, _: Counts, __: Address | None) -> str:
    """Demanded or not, and who it is."""
    who = "nobody has logged in" if client.user is None else f"logged in as {client.user}"
    return f"authentication is {rules.policy.smtp_auth.value}; {who}"


def messages(rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None) -> str:
    """How many there were."""
    return _of(counts.messages, rules.policy.max_messages_per_connection)


def sender_address(rules: InboundRules, _: ClientFacts, __: Counts, sender: Address | None) -> str:
    """Whole, or made whole."""
    if sender is None:
        return "the null sender"
    return _whole(sender, texts.full_sender(rules.entrance, sender))


def sender_tls(rules: InboundRules, client: ClientFacts, _: Counts, sender: Address | None) -> str:
    """Whether the sender is on the list."""
    if not rules.policy.tls_mandatory_list:
        return "no sender is listed"
    full = None if sender is None else texts.full_sender(rules.entrance, sender)
    entry = None if full is None else rules.tls_senders.match(full)
    there = "in TLS" if client.tls else "in clear"
    if entry is None:
        return f"not on the list; the client is {there}"
    return f"on the list by {entry}; the client is {there}"


def sender_domain(rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None) -> str:
    """What DNS said."""
    if not rules.policy.check_sender_domain:
        return "not looked up"
    return counts.sender_domain.value


def sender_rate(rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None) -> str:
    """How many recipients the sender had."""
    return _of(counts.sender_recipients, rules.policy.max_sender_recipients_per_hour)


def recipient_address(
    rules: InboundRules, _: ClientFacts, __: Counts, recipient: Address | None
) -> str:
    """Whole, or made whole."""
    assert recipient is not None
    return _whole(recipient, texts.full_recipient(rules.entrance, recipient))


def harvest(rules: InboundRules, client: ClientFacts, counts: Counts, _: Address | None) -> str:
    """How many were refused."""
    found = _of(counts.refused_recipients, rules.policy.dhap_limit)
    return f"{found}; the client may relay" if client.relays else found


def recipient(
    rules: InboundRules, client: ClientFacts, _: Counts, recipient: Address | None
) -> str:
    """Which entry took it, or why none is asked."""
    table = rules.entrance.recipients
    assert recipient is not None
    if client.relays:
        why = f"user {client.user}" if client.may_relay else "behaviour RELAY"
        return f"the client may relay: {why}"
    if texts.is_postmaster(recipient):
        return "Postmaster is always taken"
    if table is None:
        return "a private listener takes mail from those who may relay, and from nobody else"
    verdict = table.decide(texts.full_recipient(rules.entrance, recipient) or recipient)
    if isinstance(verdict, Accept):
        return f"accepted by {verdict.entry}"
    return f"refused by {verdict.entry}" if verdict.entry else verdict.reply.text


def client_rate(rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None) -> str:
    """How many recipients the address had."""
    return _of(counts.client_recipients, rules.policy.max_recipients_per_hour)


def recipients(rules: InboundRules, _: ClientFacts, counts: Counts, __: Address | None) -> str:
    """How many the message has."""
    return _of(counts.recipients, rules.policy.max_recipients_per_message)


def _of(count: int, limit: int) -> str:
    return f"{count} of {_NO_LIMIT if limit == OFF else limit}"


def _whole(written: Address, full: Address | None) -> str:
    if full is None:
        return "no domain, and the listener has no default domain"
    return "it has a domain" if full is written else f"made {full.text}"
