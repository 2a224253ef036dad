# SPDX-License-Identifier: Apache-2.0
"""SMTP AUTH by profile: which mechanisms are offered, and who may send as whom (RFC 4954).

Rule: a mechanism is offered only where it can be done securely: channel binding and certificates
under TLS only. A profile that names nobody lets every user send as anybody, since the administrator
made the user and the log names him; as soon as it names one user, who is not named may send only
as the address that is his own name. The user "*" stands for everybody who is not named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatehouse.mail.address import Address
from gatehouse.policy.address_list import AddressList
from gatehouse.policy.mail_flow import AuthDemand, MailFlowPolicy
from gatehouse.smtp import sasl, saslprep

BUILT_IN = "local"
"""The profile of a listener that names none; the modelled appliance's log calls it so."""

DEFAULT_MECHANISMS = tuple(one for one in sasl.MECHANISMS if one != sasl.EXTERNAL)
"""EXTERNAL has to be named: a server that asks for a certificate makes some mail programs ask the
person in front of them."""

DEFAULT_MAX_FAILURES = 3
"""Failures on one connection before 421. Ours: a person mistypes once or twice."""

EVERYBODY = "*"  # in the place of a user: who is not named; in the place of a sender: any address
EVERY_ADDRESS = "ALL"  # the same in the words of an address list

_NEEDS_TLS = frozenset({sasl.SCRAM_SHA_256_PLUS, sasl.EXTERNAL})


def sender_list(texts: Iterable[str]) -> AddressList:
    """What one user may send as: user@domain, domain, .domain, user@ or "*"; else ValueError."""
    return AddressList(EVERY_ADDRESS if text == EVERYBODY else text for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProfile:
    """What a listener's users may use and do."""

    name: str = BUILT_IN
    mechanisms: tuple[str, ...] = DEFAULT_MECHANISMS
    senders: Mapping[str, AddressList] = field(default_factory=dict)  # by prepared name, or "*"
    relay: bool = True  # users may send to everywhere
    max_failures: int = DEFAULT_MAX_FAILURES

    @property
    def asks_for_certificate(self) -> bool:
        """The listener asks its clients for a certificate."""
        return sasl.EXTERNAL in self.mechanisms


def may_send_as(profile: AuthProfile, user: str, sender: Address | None) -> bool:
    """Whether a user may give this envelope sender; the null sender claims to be nobody."""
    if sender is None or not profile.senders:
        return True
    table = profile.senders.get(user) or profile.senders.get(EVERYBODY)
    if table is not None:
        return table.match(sender) is not None
    return saslprep.prepare_name(sender.canonical) == user


def offered(
    policy: MailFlowPolicy, profile: AuthProfile, *, tls: bool, certificate: bool
) -> tuple[str, ...]:
    """The mechanisms for a connection; `certificate`: the client showed one that proves something.

    What is returned for a connection in clear is announced only if the policy allows that.
    """
    if policy.smtp_auth is AuthDemand.OFF or policy.refuses:
        return ()
    return tuple(
        one
        for one in profile.mechanisms
        if (tls or one not in _NEEDS_TLS) and (certificate or one != sasl.EXTERNAL)
    )
