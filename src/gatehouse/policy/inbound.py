# SPDX-License-Identifier: Apache-2.0
"""What a client hears and why: the decisions about connections, senders and recipients.

Rule: every demand that a listener and a mail flow policy make is one row of a table in
`inbound_demands`, in the order in which it is looked at; the first that is not met decides. The
session of a real client and `explain inbound` ask the same functions. A walk that nobody watches
looks only at the demands that are made, for most policies a few; one that is written down goes
through all of them and comes to the same end. Counts, DNS answers and verdicts about certificates
are arguments.

- connection: TCPREFUSE, connections of the listener, connections of the client, REJECT
- handshake: certificate
- MAIL: TLS, certificate, AUTH, messages on this connection, a complete address, sender list that
  needs TLS, sender's domain
- RCPT: REJECT (delayed), a complete address, refused recipients in an hour, recipient table unless
  the client may relay, recipients in an hour of this client and of this sender, recipients of the
  message

A certificate comes before AUTH because it is judged when the handshake ends, the address before
the lists because those ask for its domain, and the limit on refused recipients before the table
because somebody who guesses addresses should learn nothing more from the answers.
"""

from gatehouse.mail.address import Address
from gatehouse.policy import inbound_texts as texts
from gatehouse.policy.address_list import AddressList
from gatehouse.policy.inbound_demands import CONNECTION, HANDSHAKE, MAIL, RECIPIENT
from gatehouse.policy.inbound_values import (
    ADMIT,
    ADMIT_DELAYED,
    ALLOW,
    OVERHEAR,
    REFUSE_TCP,
    Admit,
    Allow,
    AskDomain,
    ClientFacts,
    Connection,
    Counts,
    Demand,
    Deny,
    Entrance,
    InboundRules,
    Judge,
    Mail,
    Recipient,
    Rows,
    Step,
    Trace,
)
from gatehouse.policy.mail_flow import Behavior, MailFlowPolicy


def rules_for(entrance: Entrance, policy: MailFlowPolicy) -> InboundRules:
    """Compile a listener and a policy."""

    def made(rows: Rows) -> tuple[Judge, ...]:
        return tuple(row.judge for row in rows if row.made(entrance, policy))

    return InboundRules(
        entrance=entrance,
        policy=policy,
        tls_senders=AddressList(policy.tls_mandatory_list),
        connection=made(CONNECTION),
        handshake=made(HANDSHAKE),
        mail=made(MAIL),
        recipient=made(RECIPIENT),
    )


def decide_connection(
    rules: InboundRules, client: ClientFacts, counts: Counts, trace: Trace = None
) -> Connection:
    """May this client talk to us, and how is it greeted?"""
    if trace is None:
        found = _first(rules.connection, rules, client, counts, None)
    else:
        found = _walk(CONNECTION, trace, rules, client, counts, None)
    if isinstance(found, Deny):
        return REFUSE_TCP if found.demand is Demand.TCP else found
    if client.access.behavior is Behavior.REJECT:
        return ADMIT_DELAYED
    special = texts.greeting(rules, client)
    return ADMIT if special is None else Admit(special)


def decide_handshake(
    rules: InboundRules, client: ClientFacts, counts: Counts, trace: Trace = None
) -> Allow | Deny:
    """TLS is up: may the client go on with the certificate that it showed, or without one?"""
    if trace is None:
        found = _first(rules.handshake, rules, client, counts, None)
    else:
        found = _walk(HANDSHAKE, trace, rules, client, counts, None)
    return found if isinstance(found, Deny) else ALLOW


def decide_mail(
    rules: InboundRules,
    client: ClientFacts,
    counts: Counts,
    sender: Address | None,
    trace: Trace = None,
) -> Mail:
    """May a message begin? `sender` as the client wrote it; None: the null sender.

    With AskDomain the caller looks the domain up, puts the answer into the counts and asks again.
    """
    if trace is None:
        found = _first(rules.mail, rules, client, counts, sender)
    else:
        found = _walk(MAIL, trace, rules, client, counts, sender)
    if found is not None:
        return found
    return OVERHEAR if client.access.behavior is Behavior.REJECT else ALLOW


def decide_recipient(
    rules: InboundRules,
    client: ClientFacts,
    counts: Counts,
    recipient: Address,
    trace: Trace = None,
) -> Recipient:
    """May this recipient be added? `recipient` as the client wrote it."""
    if trace is None:
        for judge in rules.recipient:
            found = judge(rules, client, counts, recipient)
            if found is not None:
                break
        else:
            return ALLOW
    else:
        found = _walk(RECIPIENT, trace, rules, client, counts, recipient)
    return found if isinstance(found, Deny) else ALLOW


def _first(
    judges: tuple[Judge, ...],
    rules: InboundRules,
    client: ClientFacts,
    counts: Counts,
    address: Address | None,
) -> Deny | AskDomain | None:
    """The first demand that is not met."""
    for judge in judges:
        found = judge(rules, client, counts, address)
        if found is not None:
            return found
    return None


def _walk(
    rows: Rows,
    trace: list[Step],
    rules: InboundRules,
    client: ClientFacts,
    counts: Counts,
    address: Address | None,
) -> Deny | AskDomain | None:
    """The same, written down, with the demands that are not made."""
    for row in rows:
        asked = row.made(rules.entrance, rules.policy)
        found = row.judge(rules, client, counts, address) if asked else None
        if isinstance(found, AskDomain):
            return found
        told = row.tell(rules, client, counts, address)
        trace.append(Step(row.demand, asked, found is None, told))
        if found is not None:
            return found
    return None
