# SPDX-License-Identifier: Apache-2.0
"""The outbound TLS plan in words: what a level does, and what a server has to prove.

Texts for people only; nothing is decided here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.policy.outbound_values import HostPlan
from gatehouse.policy.server_identity import DaneProof, PinProof, PkixProof, Proof, StsProof
from gatehouse.tls.names import Algorithm, References, shown

LEVELS: Mapping[OutboundTlsLevel, str] = MappingProxyType(
    {
        OutboundTlsLevel.NONE: "in clear: TLS is never asked for",
        OutboundTlsLevel.PREFERRED: "over TLS if the host offers it, else in clear; its certificate"
        " is not looked at",
        OutboundTlsLevel.REQUIRED: "over TLS or not at all; the certificate is not looked at",
        OutboundTlsLevel.PREFERRED_VERIFY: "over TLS if the host offers it, else in clear; whether"
        " its certificate passes is recorded",
        OutboundTlsLevel.REQUIRED_VERIFY: "over TLS to a host that proves who it is, or not at all",
        OutboundTlsLevel.REQUIRED_VERIFY_HOSTED: "over TLS to a host that proves who it is, or not"
        " at all",
    }
)


def proofs(plan: HostPlan) -> tuple[str, ...]:
    """What the server has to prove, one phrase for each; all of them must hold."""
    if plan.level is OutboundTlsLevel.NONE:
        return ()
    return tuple(_proof(one, plan.references) for one in plan.proofs)


def _proof(proof: Proof, references: References) -> str:
    match proof:
        case PkixProof():
            return _pkix(proof, references)
        case StsProof(host):
            return f"a chain to a trusted root, and an alternative name for {shown(host)}"
        case DaneProof():
            records = f"one of {len(proof.records)} TLSA records fits"
            named = ", ".join(map(shown, proof.references))
            return f"{records} (usage 2: with a name of {named}){_weak(proof.refuse_weak)}"
        case PinProof(fingerprints):
            return f"one of {len(fingerprints)} pinned fingerprints"
        case other:
            assert_never(other)


def _pkix(proof: PkixProof, references: References) -> str:
    names = [references.domain]
    if proof.algorithm is Algorithm.HOSTED:
        other = references.route or references.mx
        names += [other] if other is not None else []
    elif proof.verify_ptr:
        names.append("the confirmed reverse name, as common name")
    wanted = " or ".join(dict.fromkeys(map(shown, names)))
    said = f"a chain to a trusted root, and the name {wanted} ({proof.algorithm.value})"
    return said + _weak(proof.refuse_weak)


def _weak(refused: bool) -> str:
    return "; a weak basis does not count" if refused else ""
