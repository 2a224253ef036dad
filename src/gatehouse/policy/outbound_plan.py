# SPDX-License-Identifier: Apache-2.0
"""The outbound TLS plan: what a connection to one host must prove before it carries a message.

Rules, in this order; each may only demand more than those before it:

1. The level of the destination's rule, or what a sender's override makes of it. A smart host's own
   level takes the place of the destination's.
2. `TLS-Required: No` in the message (RFC 8689 §3): the recipient domain's own wishes, MTA-STS and
   opportunistic DANE, are passed over. What the operator demands is never passed over.
3. DANE (RFC 7672 §2.2): usable TLSA records take the place of the chain and names of a rule and
   outrank MTA-STS. Records that are all unusable demand TLS. A look-up that failed takes the host
   away: it is unknown, and never "no DANE".
4. MTA-STS (RFC 8461 §5): `enforce` demands a listed host and a verified chain, `testing` is only
   watched. It is about MX hosts, so not about SMTP routes.
5. REQUIRETLS (RFC 8689 §4.2.1): verified TLS on no weak basis, and the server must offer it too.

The answer keeps every rule with what it said, whether it won or lost. Pure: look-ups are arguments.
"""

from dataclasses import replace

from gatehouse.policy.destinations import DaneUse, DestinationControl, WeakBasis
from gatehouse.policy.outbound_tls import LevelClass, OutboundTlsLevel, level_class
from gatehouse.policy.outbound_values import (
    DaneAnswer,
    Demand,
    HostPlan,
    HostRefused,
    HostUnknown,
    LookedUp,
    LookupFailed,
    NoSts,
    NotAsked,
    NoTlsaRecords,
    Planned,
    Reason,
    ReportedPolicy,
    Rule,
    StsAnswer,
    StsHolds,
    TlsaRecords,
)
from gatehouse.policy.routes import HopKind, NextHop
from gatehouse.policy.sender_overrides import SenderOverride, stronger
from gatehouse.policy.server_identity import DaneProof, PinProof, PkixProof, Proof, StsProof
from gatehouse.policy.smart_hosts import SmartHost
from gatehouse.tls.dane import TlsaRecord, usable
from gatehouse.tls.failures import ReportWord
from gatehouse.tls.mta_sts import StsMode, StsPolicy, mx_fits
from gatehouse.tls.names import Algorithm, References


def asks_dane(hop: NextHop, control: DestinationControl, demanded: Demand) -> bool:
    """Whether the plan depends on TLSA records (an address has none: RFC 7672 §2.1)."""
    use = control.demands.dane
    if use is DaneUse.NONE or hop.is_address:
        return False
    return use is DaneUse.MANDATORY or not demanded.tls_optional


def asks_sts(hop: NextHop, control: DestinationControl, demanded: Demand) -> bool:
    """Whether the plan depends on an MTA-STS policy."""
    by_mx = hop.kind in (HopKind.MX, HopKind.IMPLICIT_MX)
    return control.demands.mta_sts and by_mx and not demanded.tls_optional


def plan_host(
    hop: NextHop, control: DestinationControl, demanded: Demand, found: LookedUp
) -> Planned:
    """Combine all rules for one host."""
    draft = _Draft(hop, control, demanded)
    draft.start()
    stopped = draft.dane(found.dane) or draft.sts(found.sts)
    if stopped is not None:
        return stopped
    draft.requiretls()
    return draft.plan()


class _Draft:
    """A plan while the rules are applied, one after the other."""

    def __init__(self, hop: NextHop, control: DestinationControl, demanded: Demand) -> None:
        self.hop = hop
        self.demands = control.demands
        self.demanded = demanded
        self.level = demanded.level
        self.rule = Rule.DESTINATION
        self.reasons: list[Reason] = []
        self.proofs: tuple[Proof, ...] = ()
        self.sni = hop.host
        self.reported = ReportedPolicy()
        self.listed = False  # an MTA-STS policy lists the host
        self.by_dane = False
        self.watched: StsProof | None = None
        self.watched_misfit = False
        self.refuse_weak = self.demands.weak_basis is WeakBasis.REFUSE

    # --- 1 and 2: the operator, and the message that wants less -----------------------------------

    def start(self) -> None:
        override, smart = self.demanded.override, self.hop.smart
        if smart is not None:
            self._smart_host(smart)
        elif override is not None:
            self._override(override)
        else:
            self.reasons.append(Reason(Rule.DESTINATION, True, f"level {self.level.value}"))
        pins = self.demands.pinned_fingerprints
        self.proofs = (PinProof(pins),) if pins else (self._pkix(),)
        if self.demanded.tls_optional:
            text = "the message asks that the recipient's TLS policies be ignored"
            self.reasons.append(Reason(Rule.TLS_REQUIRED_NO, True, text))

    def _smart_host(self, smart: SmartHost) -> None:
        """The relay's own level counts; what a sender's override adds to it, too."""
        override = self.demanded.override
        raised = override is not None and stronger(override.tls, smart.level)
        self.rule = Rule.OVERRIDE if raised else Rule.SMART_HOST
        lost = f"level {self.level.value}, where a smart host has its own"
        if not raised:
            self.level = smart.level
        elif override is not None:
            self.level = override.tls
            text = f"level {override.tls.value} for sender {override.sender}"
            self.reasons.append(Reason(Rule.OVERRIDE, True, text))
        text = f"level {smart.level.value} of smart host {smart.name}"
        self.reasons.append(Reason(Rule.SMART_HOST, not raised, text))
        self.reasons.append(Reason(Rule.DESTINATION, False, lost))

    def _override(self, override: SenderOverride) -> None:
        wins = self.level is override.tls
        text = f"level {override.tls.value} for sender {override.sender}"
        if wins:
            self.rule = Rule.OVERRIDE
        else:
            text += ", which is less than the destination's"
        self.reasons.append(Reason(Rule.OVERRIDE, wins, text))
        if not wins:
            self.reasons.append(Reason(Rule.DESTINATION, True, f"level {self.level.value}"))

    def _pkix(self) -> PkixProof:
        by_domain = (OutboundTlsLevel.REQUIRED_VERIFY, OutboundTlsLevel.PREFERRED_VERIFY)
        # Where nothing is demanded, what the wider algorithm finds is the more telling record.
        algorithm = Algorithm.VERIFY if self.level in by_domain else Algorithm.HOSTED
        return PkixProof(algorithm, self.demands.verify_ptr, self.refuse_weak)

    # --- 3: DANE ----------------------------------------------------------------------------------

    def dane(self, answer: DaneAnswer) -> HostRefused | HostUnknown | None:
        mandatory = self.demands.dane is DaneUse.MANDATORY
        match answer:
            case NotAsked():
                if self.demanded.tls_optional and self.demands.dane is DaneUse.OPPORTUNISTIC:
                    self._lost(Rule.DANE, "ignored, since the message asks for it")
                return None
            case LookupFailed(reason, word):
                self.reported = ReportedPolicy(type="tlsa")
                return self._unknown(Rule.DANE, f"the TLSA look-up failed: {reason}", word)
            case NoTlsaRecords(why):
                if mandatory:
                    text = f"DANE is mandatory, and there are no TLSA records ({why})"
                    return self._refused(Rule.DANE, text, ReportWord.DANE_REQUIRED)
                self._lost(Rule.DANE, f"no TLSA records ({why})")
                return None
            case TlsaRecords(base, records):
                return self._tlsa(base, records, mandatory=mandatory)

    def _tlsa(
        self, base: str, records: tuple[TlsaRecord, ...], *, mandatory: bool
    ) -> HostRefused | None:
        self.sni = base
        self.reported = ReportedPolicy(type="tlsa", strings=tuple(one.text for one in records))
        counting = usable(records)
        if not counting and mandatory:
            text = "DANE is mandatory, and none of the TLSA records is usable"
            return self._refused(Rule.DANE, text, ReportWord.TLSA_INVALID)
        if not counting:
            self.reported = replace(self.reported, fault=ReportWord.TLSA_INVALID.value)
            text = "TLSA records exist and none is usable: TLS is required"
            self._raise(Rule.DANE, OutboundTlsLevel.REQUIRED, text)
            return None
        references = [base]
        if self.hop.secure:
            references.append(self.hop.domain)  # RFC 7672 §3.2.2
        proof = DaneProof(
            counting,
            tuple(dict.fromkeys(references)),
            weak=self.hop.kind is HopKind.MX and not self.hop.secure,
            refuse_weak=self.refuse_weak,
        )
        # A pin is the operator's own word about this server: DNS does not take it back.
        pins = tuple(one for one in self.proofs if isinstance(one, PinProof))
        if not pins and level_class(self.level) is LevelClass.MANDATORY_VERIFY:
            self._lost(self.rule, "its chain and names give way to the TLSA records")
        self.proofs = (proof, *pins)
        self.by_dane = True
        text = f"{len(counting)} usable TLSA records at {base} decide"
        self._raise(Rule.DANE, OutboundTlsLevel.REQUIRED_VERIFY, text)
        return None

    # --- 4: MTA-STS -------------------------------------------------------------------------------

    def sts(self, answer: StsAnswer) -> HostRefused | HostUnknown | None:
        match answer:
            case NotAsked():
                if self.demanded.tls_optional and self.demands.mta_sts:
                    self._lost(Rule.MTA_STS, "ignored, since the message asks for it")
                return None
            case LookupFailed(reason, word):
                if self.by_dane:
                    return None
                return self._unknown(Rule.MTA_STS, f"the policy is not known: {reason}", word)
            case NoSts(why, word):
                if word and self.reported.type == "no-policy-found":
                    self.reported = ReportedPolicy(type="sts", fault=word)
                self._lost(Rule.MTA_STS, why)
                return None
            case StsHolds(policy):
                return self._policy(policy)

    def _policy(self, policy: StsPolicy) -> HostRefused | None:
        host = self.hop.host
        fits = mx_fits(policy, host)
        if self.by_dane:
            self._lost(Rule.MTA_STS, "DANE outranks it (RFC 8461 §2)")
            return None
        if self.reported.type == "no-policy-found":
            self.reported = ReportedPolicy(type="sts", strings=policy.lines, mx=policy.mx)
        if policy.mode is StsMode.TESTING:
            self.watched, self.watched_misfit = StsProof(host), not fits
            self._lost(Rule.MTA_STS, "the policy is in testing: it is watched and reported only")
            return None
        if not fits:
            text = f"the MTA-STS policy of {self.hop.domain} does not list the host {host}"
            return self._refused(Rule.MTA_STS, text, ReportWord.VALIDATION_FAILURE)
        self.listed = True
        demanded = level_class(self.level) is LevelClass.MANDATORY_VERIFY
        self.proofs = (*self.proofs, StsProof(host)) if demanded else (StsProof(host),)
        text = "enforce: a listed host with a verified certificate"
        self._raise(Rule.MTA_STS, OutboundTlsLevel.REQUIRED_VERIFY, text)
        return None

    # --- 5: REQUIRETLS ----------------------------------------------------------------------------

    def requiretls(self) -> None:
        if not self.demanded.requiretls:
            return
        if level_class(self.level) is LevelClass.MANDATORY_VERIFY:
            self.proofs = tuple(_without_weak(one) for one in self.proofs)
        else:
            self.proofs = (PkixProof(Algorithm.HOSTED, refuse_weak=True),)
        text = "verified TLS on no weak basis, to a server that offers REQUIRETLS"
        self._raise(Rule.REQUIRETLS, OutboundTlsLevel.REQUIRED_VERIFY_HOSTED, text)

    # --- the end ----------------------------------------------------------------------------------

    def plan(self) -> HostPlan:
        hop = self.hop
        by_route = hop.kind is HopKind.ROUTE
        references = References(
            domain=hop.domain,
            mx=None if by_route or hop.is_address else hop.host,
            mx_secure=hop.secure or self.listed,
            route=hop.host if by_route else None,
        )
        return HostPlan(
            host=hop.host,
            level=self.level,
            proofs=self.proofs,
            references=references,
            sni=self.sni,
            rule=self.rule,
            reasons=tuple(self.reasons),
            reported=self.reported,
            needs_requiretls=self.demanded.requiretls,
            watched=self.watched,
            watched_misfit=self.watched_misfit,
        )

    def _raise(self, rule: Rule, level: OutboundTlsLevel, text: str) -> None:
        """Demand at least a level."""
        if stronger(level, self.level):
            self.level, self.rule = level, rule
        elif rule is Rule.DANE and self.by_dane:
            self.rule = rule  # same level, and it is the records that prove
        self.reasons.append(Reason(rule, True, text))

    def _lost(self, rule: Rule, text: str) -> None:
        self.reasons.append(Reason(rule, False, text))

    def _refused(self, rule: Rule, text: str, word: ReportWord) -> HostRefused:
        return HostRefused(
            host=self.hop.host, rule=rule, text=text, word=word.value, reported=self.reported
        )

    def _unknown(self, rule: Rule, text: str, word: str) -> HostUnknown:
        return HostUnknown(
            host=self.hop.host, rule=rule, text=text, word=word, reported=self.reported
        )


def _without_weak(proof: Proof) -> Proof:
    match proof:
        case PkixProof() | DaneProof():
            return replace(proof, refuse_weak=True)
        case StsProof() | PinProof():
            return proof
