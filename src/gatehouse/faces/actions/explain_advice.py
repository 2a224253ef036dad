# SPDX-License-Identifier: Apache-2.0
"""What to change if what would happen is not what is wanted, in plain words.

One sentence for each demand that was not met, with the names of the operator's own things in it.
"""

from collections.abc import Callable

from gatehouse.config.running import Listener
from gatehouse.faces.actions.explain_values import Played
from gatehouse.policy.access_walk import GroupVerdict, Outcome
from gatehouse.policy.inbound_values import Demand, Deny
from gatehouse.policy.mail_flow import AuthDemand, TlsDemand

_Advise = Callable[["_Place", Deny], str]


class _Place:
    """The names that stand in the sentences."""

    def __init__(self, listener: Listener, played: Played) -> None:
        access = played.client.access
        self.listener = listener.name
        self.policy = access.policy.name
        self.group = access.group or "ALL"
        self.client = played.client

    def section(self, field: str) -> str:
        return f"{field} in [mail_flow_policies.{self.policy}]"


def advise(listener: Listener, played: Played, walk: tuple[GroupVerdict, ...]) -> tuple[str, ...]:
    """Sentences, the most useful first."""
    place = _Place(listener, played)
    found = [_ADVICE[deny.demand](place, deny) for deny in played.denied if deny.demand in _ADVICE]
    found += _tls_refused(place, played)
    found += _shadowed(walk)
    return tuple(dict.fromkeys(found))


def _tls_refused(place: _Place, played: Played) -> list[str]:
    if not played.tls_refused:
        return []
    return [
        f"The client asked for TLS and policy {place.policy} has it off: set "
        f'{place.section("tls")} to "preferred".'
    ]


def _shadowed(walk: tuple[GroupVerdict, ...]) -> list[str]:
    """The client stands in a group that is never reached, which is the usual surprise."""
    won = next((one for one in walk if one.won), None)
    if won is None:
        return []
    return [
        f"Group {one.group} names this client too ({one.member}), but {won.group} stands above it "
        f"and the first match wins: move {one.group} up."
        for one in walk
        if one.outcome is Outcome.BEHIND and one.group is not None and one.member is not None
    ] + [
        f"Group {one.group} names this client ({one.member}), but its policy {one.policy.name} "
        "has the behaviour CONTINUE, which passes the group over."
        for one in walk
        if one.outcome is Outcome.SKIPPED and one.member is not None
    ]


def _rejected(place: _Place, deny: Deny) -> str:
    return (
        f"Group {place.group} has the policy {place.policy}, which refuses its clients. To let "
        f"this one in, name {place.client.ip} in a sender group above it whose policy accepts."
    )


def _tls(place: _Place, deny: Deny) -> str:
    return (
        f"Policy {place.policy} requires TLS: the client must say STARTTLS first. If it cannot, "
        'put it into a group of its own whose policy has tls = "preferred".'
    )


def _sender_tls(place: _Place, deny: Deny) -> str:
    return (
        f"The sender is on the list of those that must use TLS (by {deny.detail}): the client must "
        f"say STARTTLS first, or the entry must go from {place.section('tls_mandatory_list')}."
    )


def _certificate(place: _Place, deny: Deny) -> str:
    if place.client.access.policy.tls is TlsDemand.REQUIRED and not place.client.certificate.reason:
        return (
            f"Policy {place.policy} requires a client certificate that is valid: the client must "
            f"show one, or {place.section('verify_client_certificate')} must be false."
        )
    return (
        f"The certificate proves nothing here ({deny.detail}). If its issuer is to be believed, "
        "add it with `gatehouse trust add`; else the client needs another certificate."
    )


def _auth(place: _Place, deny: Deny) -> str:
    if place.client.user is not None:
        return (
            f"User {place.client.user} may not send as this address: add it to the senders of that "
            f"user in the SMTP AUTH profile of listener {place.listener}."
        )
    if place.client.access.policy.smtp_auth is AuthDemand.REQUIRED:
        return (
            f"Policy {place.policy} requires authentication: the client must log in, or be in a "
            'group whose policy has smtp_auth = "preferred" or "off".'
        )
    return "The client must log in."


def _recipient(place: _Place, deny: Deny) -> str:
    return (
        f"The recipient is not one of ours. Add its domain to recipient_access of listener "
        f"{place.listener} if it is; if this client is one of ours and may send everywhere, put it "
        'into a group whose policy has behavior = "relay".'
    )


def _address(place: _Place, deny: Deny) -> str:
    return (
        "The address has no domain. Set default_domain of listener "
        f"{place.listener} if such addresses are to be made whole."
    )


def _sender_domain(place: _Place, deny: Deny) -> str:
    return (
        f"DNS says that the sender's domain {deny.detail}. The sender must repair that, or "
        f"{place.section('check_sender_domain')} must be false."
    )


def _limit(field: str) -> _Advise:
    def advice(place: _Place, deny: Deny) -> str:
        return f"The limit is {place.section(field)}: raise it, or let the client send less."

    return advice


_ADVICE: dict[Demand, _Advise] = {
    Demand.TCP: _rejected,
    Demand.BEHAVIOR: _rejected,
    Demand.TLS: _tls,
    Demand.SENDER_TLS: _sender_tls,
    Demand.CERTIFICATE: _certificate,
    Demand.AUTH: _auth,
    Demand.RECIPIENT: _recipient,
    Demand.SENDER_ADDRESS: _address,
    Demand.RECIPIENT_ADDRESS: _address,
    Demand.SENDER_DOMAIN: _sender_domain,
    Demand.HARVEST: _limit("dhap_limit"),
    Demand.MESSAGES: _limit("max_messages_per_connection"),
    Demand.RECIPIENTS: _limit("max_recipients_per_message"),
    Demand.CLIENT_RATE: _limit("max_recipients_per_hour"),
    Demand.SENDER_RATE: _limit("max_sender_recipients_per_hour"),
    Demand.CLIENT_CONNECTIONS: _limit("max_connections_per_client"),
}
