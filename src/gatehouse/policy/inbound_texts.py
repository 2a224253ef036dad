# SPDX-License-Identifier: Apache-2.0
"""What is said to clients by inbound decisions, and addresses made whole.

Rule: every reply of a decision stands here once, with its enhanced code (RFC 3463, and the register
of enhanced codes for later ones). Texts of the operator expand their variables here.
"""

from dataclasses import replace

from gatehouse.mail.address import Address, shown
from gatehouse.mail.reply import Reply
from gatehouse.policy.access import NameState
from gatehouse.policy.inbound_values import (
    ClientFacts,
    Demand,
    Deny,
    Entrance,
    InboundRules,
    SenderDomain,
)
from gatehouse.policy.mail_flow import BannerFacts, expand_banner
from gatehouse.policy.recipients import POSTMASTER
from gatehouse.smtp import server_replies

TOO_MANY_CONNECTIONS = Reply(421, "4.3.2", ("Too many connections, try again later",))
TOO_MANY_MESSAGES = Reply(421, "4.7.0", ("Too many messages on this connection, please reconnect",))
BAD_CERTIFICATE = Reply(554, "5.7.1", ("Client certificate not accepted",))
AUTH_REQUIRED = Reply(530, "5.7.0", ("Authentication required",))  # RFC 4954 §6
SENDER_DOMAIN_MISSING = Reply(550, "5.1.8", ("Domain of sender address does not exist",))
SENDER_NULL_MX = Reply(550, "5.7.27", ("Sender address has null MX",))  # RFC 7505 §4.2
SENDER_DOMAIN_UNKNOWN = Reply(451, "4.1.8", ("Domain of sender address could not be resolved",))
HARVEST = Reply(550, "5.7.1", ("Too many invalid recipients",))
HARVEST_DROPPED = Reply(421, "4.7.1", ("Too many invalid recipients",))

NO_CERTIFICATE_SHOWN = "no certificate"

DOMAIN_REPLIES = {
    SenderDomain.MISSING: SENDER_DOMAIN_MISSING,
    SenderDomain.NULL_MX: SENDER_NULL_MX,
    SenderDomain.UNKNOWN: SENDER_DOMAIN_UNKNOWN,
}
TLS_FIRST = server_replies.TLS_FIRST
NO_RELAYING = Reply(550, "5.7.1", ("Relaying denied",))
TOO_MANY_RECIPIENTS = server_replies.TOO_MANY_RECIPIENTS


def greeting(rules: InboundRules, client: ClientFacts) -> Reply | None:
    """The greeting where it depends on the client; None: the policy's standard one will do."""
    policy = rules.policy
    if "$" not in policy.banner_text:
        return None
    host = rules.entrance.hostname if policy.banner_host is None else policy.banner_host
    text = f"{host} {expanded(policy.banner_text, client)}".strip()
    return Reply(policy.banner_code, None, (text,))


def rejection(rules: InboundRules, client: ClientFacts) -> Reply:
    """What a client of a rejecting policy hears, at the greeting or at each recipient."""
    policy = rules.policy
    enhanced = "4.7.1" if policy.reject_code < 500 else "5.7.1"
    return Reply(policy.reject_code, enhanced, (expanded(policy.reject_text, client),))


def rate_refusal(rules: InboundRules, client: ClientFacts, demand: Demand) -> Deny:
    """What is heard above a limit of recipients in an hour."""
    policy = rules.policy
    enhanced = "4.7.1" if policy.rate_code < 500 else "5.7.1"
    text = expanded(policy.rate_text, client)
    return Deny(demand, Reply(policy.rate_code, enhanced, (text,)))


def bare_refusal(demand: Demand, bare: Address) -> Deny:
    """What is heard about an address without a domain: the words of the protocol engine."""
    enhanced = "5.1.7" if demand is Demand.SENDER_ADDRESS else "5.1.3"
    reason = f"Missing domain in address: {shown(bare.text)}"
    return Deny(demand, Reply(501, enhanced, (reason,)))


def expanded(text: str, client: ClientFacts) -> str:
    """The variables of a text that the client hears."""
    if "$" not in text:
        return text
    return expand_banner(
        text,
        BannerFacts(
            remote_ip=client.ip,
            group=client.access.group,
            hat_entry=client.access.match,
            hostname=client.confirmed_host,
            lookup_failed=client.host_state is NameState.SERV_FAIL,
        ),
    )


def full_sender(entrance: Entrance, sender: Address) -> Address | None:
    """The sender with a domain; None: it has none, and the listener has no default domain."""
    if sender.domain:
        return sender
    return _with_domain(sender, entrance.default_domain)


def full_recipient(entrance: Entrance, recipient: Address) -> Address | None:
    """The recipient with a domain; None as with the sender.

    Bare Postmaster always has one: that of our first domain, else of this host. RFC 5321 §4.5.1 has
    us take it, and the queue needs somewhere to send it.
    """
    if recipient.domain:
        return recipient
    domain = entrance.default_domain
    if is_postmaster(recipient):
        table = entrance.recipients
        domain = (table.postmaster_domain if table else None) or domain or entrance.hostname
    return _with_domain(recipient, domain)


def is_postmaster(recipient: Address) -> bool:
    """Bare Postmaster, which is always taken (RFC 5321 §4.5.1)."""
    return not recipient.domain and recipient.local.lower() == POSTMASTER


def _with_domain(bare: Address, domain: str | None) -> Address | None:
    if domain is None:
        return None
    return replace(bare, text=f"{bare.local}@{domain}", domain=domain)
