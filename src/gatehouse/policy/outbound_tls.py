# SPDX-License-Identifier: Apache-2.0
"""Outbound TLS: what each level does in each situation, as one table; who may share a connection.

The rule that machine-translated manuals state the wrong way round: a preferred level goes on in
clear when TLS fails *before* the 220 to STARTTLS, and never *after* it. A required level never
falls back to clear text, and nothing about a broken TLS is remembered as a reason for clear text.
RFC 3207 §4 (STARTTLS), RFC 7435 (opportunistic security).
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType


class OutboundTlsLevel(enum.Enum):
    """What a destination's rule demands of a connection."""

    NONE = "none"  # STARTTLS is never asked for
    PREFERRED = "preferred"  # TLS if the other side can, the certificate is not looked at
    REQUIRED = "required"  # TLS or no delivery, the certificate is not looked at
    PREFERRED_VERIFY = "preferred-verify"  # as preferred; the verdict is recorded
    REQUIRED_VERIFY = "required-verify"  # TLS with a certificate that passes, or no delivery
    REQUIRED_VERIFY_HOSTED = "required-verify-hosted"  # the same, with the names of hosted domains


class LevelClass(enum.Enum):
    """Levels that stand in the same row of the outcome table."""

    CLEAR = enum.auto()  # none
    OPPORTUNISTIC = enum.auto()  # preferred
    MANDATORY = enum.auto()  # required
    OPPORTUNISTIC_VERIFY = enum.auto()  # preferred-verify
    MANDATORY_VERIFY = enum.auto()  # required-verify and required-verify-hosted


class Situation(enum.Enum):
    """What has just happened on a connection."""

    EHLO_REFUSED = enum.auto()  # a) the server does not know EHLO
    STARTTLS_NOT_OFFERED = enum.auto()  # b) EHLO succeeded without the STARTTLS line
    STARTTLS_OFFERED = enum.auto()  # EHLO succeeded with the STARTTLS line
    STARTTLS_REFUSED = enum.auto()  # c) STARTTLS was answered with something else than 220
    NO_ANSWER_TO_STARTTLS = enum.auto()  # c) closed or timed out before any reply to STARTTLS
    HANDSHAKE_FAILED = enum.auto()  # d) the failure came after 220
    NOT_VERIFIED = enum.auto()  # e) TLS is up, the certificate does not pass
    VERIFIED = enum.auto()  # f) TLS is up, the certificate passes


class TlsAction(enum.Enum):
    """What to do next on the connection."""

    CONTINUE_CLEAR = enum.auto()  # deliver in clear here (after a refused EHLO: say HELO)
    START_TLS = enum.auto()  # send STARTTLS
    DELIVER = enum.auto()  # deliver over the TLS that is up
    RECONNECT_CLEAR = enum.auto()  # once: connect to the same host again and deliver in clear
    GIVE_UP_HOST = enum.auto()  # send nothing, close, try the next host at the same level


_CLASS: Mapping[OutboundTlsLevel, LevelClass] = MappingProxyType(
    {
        OutboundTlsLevel.NONE: LevelClass.CLEAR,
        OutboundTlsLevel.PREFERRED: LevelClass.OPPORTUNISTIC,
        OutboundTlsLevel.REQUIRED: LevelClass.MANDATORY,
        OutboundTlsLevel.PREFERRED_VERIFY: LevelClass.OPPORTUNISTIC_VERIFY,
        OutboundTlsLevel.REQUIRED_VERIFY: LevelClass.MANDATORY_VERIFY,
        OutboundTlsLevel.REQUIRED_VERIFY_HOSTED: LevelClass.MANDATORY_VERIFY,
    }
)

# The outcome table. A pair that is missing cannot happen: level none never sends STARTTLS.
OUTCOMES: Mapping[tuple[LevelClass, Situation], TlsAction] = MappingProxyType(
    {
        (LevelClass.CLEAR, Situation.EHLO_REFUSED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.CLEAR, Situation.STARTTLS_NOT_OFFERED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.CLEAR, Situation.STARTTLS_OFFERED): TlsAction.CONTINUE_CLEAR,
        #
        (LevelClass.OPPORTUNISTIC, Situation.EHLO_REFUSED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.OPPORTUNISTIC, Situation.STARTTLS_NOT_OFFERED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.OPPORTUNISTIC, Situation.STARTTLS_OFFERED): TlsAction.START_TLS,
        (LevelClass.OPPORTUNISTIC, Situation.STARTTLS_REFUSED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.OPPORTUNISTIC, Situation.NO_ANSWER_TO_STARTTLS): TlsAction.RECONNECT_CLEAR,
        (LevelClass.OPPORTUNISTIC, Situation.HANDSHAKE_FAILED): TlsAction.GIVE_UP_HOST,
        (LevelClass.OPPORTUNISTIC, Situation.NOT_VERIFIED): TlsAction.DELIVER,
        (LevelClass.OPPORTUNISTIC, Situation.VERIFIED): TlsAction.DELIVER,
        #
        (LevelClass.MANDATORY, Situation.EHLO_REFUSED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY, Situation.STARTTLS_NOT_OFFERED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY, Situation.STARTTLS_OFFERED): TlsAction.START_TLS,
        (LevelClass.MANDATORY, Situation.STARTTLS_REFUSED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY, Situation.NO_ANSWER_TO_STARTTLS): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY, Situation.HANDSHAKE_FAILED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY, Situation.NOT_VERIFIED): TlsAction.DELIVER,
        (LevelClass.MANDATORY, Situation.VERIFIED): TlsAction.DELIVER,
        #
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.EHLO_REFUSED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.STARTTLS_NOT_OFFERED): TlsAction.CONTINUE_CLEAR,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.STARTTLS_OFFERED): TlsAction.START_TLS,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.STARTTLS_REFUSED): TlsAction.CONTINUE_CLEAR,
        (
            LevelClass.OPPORTUNISTIC_VERIFY,
            Situation.NO_ANSWER_TO_STARTTLS,
        ): TlsAction.RECONNECT_CLEAR,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.HANDSHAKE_FAILED): TlsAction.GIVE_UP_HOST,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.NOT_VERIFIED): TlsAction.DELIVER,
        (LevelClass.OPPORTUNISTIC_VERIFY, Situation.VERIFIED): TlsAction.DELIVER,
        #
        (LevelClass.MANDATORY_VERIFY, Situation.EHLO_REFUSED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.STARTTLS_NOT_OFFERED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.STARTTLS_OFFERED): TlsAction.START_TLS,
        (LevelClass.MANDATORY_VERIFY, Situation.STARTTLS_REFUSED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.NO_ANSWER_TO_STARTTLS): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.HANDSHAKE_FAILED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.NOT_VERIFIED): TlsAction.GIVE_UP_HOST,
        (LevelClass.MANDATORY_VERIFY, Situation.VERIFIED): TlsAction.DELIVER,
    }
)


class Achieved(enum.Enum):
    """What an open connection has reached."""

    CLEAR_NOT_ASKED = enum.auto()  # in clear, because its level never asked for TLS
    CLEAR_NOT_AVAILABLE = enum.auto()  # in clear, because the other side could not
    ENCRYPTED = enum.auto()  # TLS, certificate not passed or not looked at
    VERIFIED = enum.auto()  # TLS, passed by the algorithm of required-verify
    VERIFIED_HOSTED = enum.auto()  # TLS, passed by the algorithm of required-verify-hosted


_ANY_TLS = frozenset({Achieved.ENCRYPTED, Achieved.VERIFIED, Achieved.VERIFIED_HOSTED})

# Which connections a message may ride on. A connection that never asked for TLS serves only level
# none; the two verifying algorithms try different names, so neither stands in for the other.
CARRIES: Mapping[OutboundTlsLevel, frozenset[Achieved]] = MappingProxyType(
    {
        OutboundTlsLevel.NONE: frozenset(Achieved),
        OutboundTlsLevel.PREFERRED: _ANY_TLS | {Achieved.CLEAR_NOT_AVAILABLE},
        OutboundTlsLevel.REQUIRED: _ANY_TLS,
        OutboundTlsLevel.PREFERRED_VERIFY: _ANY_TLS | {Achieved.CLEAR_NOT_AVAILABLE},
        OutboundTlsLevel.REQUIRED_VERIFY: frozenset({Achieved.VERIFIED}),
        OutboundTlsLevel.REQUIRED_VERIFY_HOSTED: frozenset({Achieved.VERIFIED_HOSTED}),
    }
)


def level_class(level: OutboundTlsLevel) -> LevelClass:
    """The row of the outcome table that a level stands in."""
    return _CLASS[level]


def decide(level: OutboundTlsLevel, situation: Situation) -> TlsAction:
    """Look the next step up; a pair that cannot happen is a broken caller (ValueError)."""
    action = OUTCOMES.get((_CLASS[level], situation))
    if action is None:
        raise ValueError(f"{situation.name} cannot happen at level {level.value}")
    return action


def is_required(level: OutboundTlsLevel) -> bool:
    """Mail at this level is never sent in clear."""
    return _CLASS[level] in (LevelClass.MANDATORY, LevelClass.MANDATORY_VERIFY)


def verifies(level: OutboundTlsLevel) -> bool:
    """The level acts on, or records, the verdict about the certificate."""
    return _CLASS[level] in (LevelClass.OPPORTUNISTIC_VERIFY, LevelClass.MANDATORY_VERIFY)


def may_carry(achieved: Achieved, level: OutboundTlsLevel) -> bool:
    """May an open connection that reached `achieved` take a message that demands `level`?

    A verdict belongs to the recipient domain it was computed for: the caller never offers a
    verified connection of one domain to another domain.
    """
    return achieved in CARRIES[level]
