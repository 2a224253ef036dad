# SPDX-License-Identifier: Apache-2.0
"""What all certificate actions share: how one is shown, checked before it is kept, and staged."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config import format, levels, places
from gatehouse.config.checks import Loaded, load
from gatehouse.config.running import Running
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.certificates import CertificateLine, Changed, FindingOfChain
from gatehouse.faces.actions.configuration import CommitInput, CommitView
from gatehouse.faces.actions.configuration_commit_work import commit
from gatehouse.faces.actions.configuration_examine import in_force, read
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import DEMO_NOTE, running_now, uses
from gatehouse.journal.escape import clean
from gatehouse.service.trust import anchors, keyring
from gatehouse.store.errors import StoreCorrupt
from gatehouse.tls import certificates as tls
from gatehouse.tls import diagnosis, facets
from gatehouse.tls.contexts import ServerTlsSettings
from gatehouse.tls.engine import ServerContext, TlsSetupError

# As a section of the configuration (config.schema.Name), for it may be written there.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")

# The fields of the configuration that name certificates.
_NAMING = frozenset({"certificate", "certificates", "client_certificate", "https_certificate"})

Chain = tuple[x509.Certificate, ...]


def checked_name(name: str) -> str:
    """The name, if it is one."""
    if _NAME.fullmatch(name) is None:
        raise OperatorError(
            "bad-name",
            "This cannot be a name.",
            clean(name[:80]),
            "Use letters, digits, '.', '_' and '-', at most 63, beginning with a letter or digit.",
        )
    return name


def fault(what: tls.CertificateFault, name: str = "") -> OperatorError:
    """Why key material was refused; nothing was stored."""
    return OperatorError(
        "certificate-refused", f"{what.text.rstrip('.')}.", name, "Nothing was stored."
    )


def to_be(house: House, name: str) -> tls.CertifiedKey:
    """A certificate as it will be after the next commit."""
    try:
        return keyring.to_be(house.store, house.operator, name)
    except keyring.NoSuchCertificate:
        known = ", ".join(sorted(keyring.names_to_be(house.store, house.operator)))
        raise OperatorError(
            "no-such-certificate",
            "There is no such certificate.",
            clean(name[:80]),
            f"There are: {known}.",
        ) from None


def chain_of(certified: tls.CertifiedKey) -> Chain:
    """The certificates, the leaf first."""
    chain = tls.read_certificates(b"\n".join(certified.chain_pem))
    if isinstance(chain, tls.CertificateFault):
        raise StoreCorrupt(f"A certificate that is kept here cannot be read: {chain.text}")
    return chain


def candidate_running(house: House) -> Running | None:
    """The candidate as it would run; None when there is none, or it cannot run."""
    text = Candidate(house).read()
    if text is None:
        return None
    known = keyring.names_to_be(house.store, house.operator)
    loaded = load(text, certificates=known, machine=house.machine)
    return loaded.running if isinstance(loaded, Loaded) else None


def named_by_machines(house: House, name: str) -> tuple[str, ...]:
    """Where a configuration of several machines names it: one store serves all of them."""
    texts = [Candidate(house).read(), in_force(house).text.encode()]
    found: dict[str, None] = {}
    for text in texts:
        whole = None if text is None else read(text, "configuration")
        if whole is None or not whole.machines:
            continue
        for path, value in levels.leaves(format.plain(whole)):
            if path[-1] in _NAMING and name in (value if isinstance(value, list) else [value]):
                found[places.text(path)] = None
    return tuple(found)


def line(house: House, name: str, certified: tls.CertifiedKey) -> CertificateLine:
    """One row of the list."""
    chain = chain_of(certified)
    leaf = chain[0]
    now = moment(house.clock.wall())
    return CertificateLine(
        name=name,
        subject=tls.describe(leaf),
        names=tuple(sorted(tls.names_of(leaf))),
        issuer=facets.issuer_text(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        fingerprint=tls.fingerprint(leaf.public_bytes(Encoding.DER)),
        chain=len(chain),
        used_by=uses(running_now(house)).get(name, ()),
        state=_state(name, leaf, now),
        pending=_pending(house, name),
        note=DEMO_NOTE if name == keyring.DEMO else "",
    )


def _state(name: str, leaf: x509.Certificate, now: datetime) -> str:
    if now > leaf.not_valid_after_utc:
        return "expired"
    if now < leaf.not_valid_before_utc:
        return "not yet valid"
    if name == keyring.DEMO:
        return "demo"
    return "self-signed" if facets.self_signed(leaf) else "signed"


def _pending(house: House, name: str) -> str:
    changes = keyring.staged(house.store, house.operator)
    if name not in changes:
        return ""
    if changes[name] is None:
        return "deleted"
    return "changed" if name in keyring.names(house.store) else "new"


def judged(
    house: House, certified: tls.CertifiedKey, roots: tuple[x509.Certificate, ...] = ()
) -> tuple[FindingOfChain, ...]:
    """The diagnosis of a certificate with its chain; `roots` came with it and need not be known."""
    running = running_now(house)
    try:
        system = () if running is None else anchors.system(running.trust)
    except anchors.SystemListUnusable:
        system = ()
    opened = tls.open_key(certified)
    found = diagnosis.diagnose(
        chain_of(certified),
        now=moment(house.clock.wall()),
        key=None if isinstance(opened, tls.CertificateFault) else opened[0],
        stored=anchors.intermediates(house.store, house.operator),
        anchors=(*anchors.custom_to_be(house.store, house.operator).values(), *system, *roots),
    )
    return tuple(
        FindingOfChain(
            severity=one.severity.value,
            kind=one.kind.value,
            subject=one.subject,
            what=one.what,
            why=one.why,
            do=one.do,
        )
        for one in found
    )


@dataclass(frozen=True, slots=True)
class Chained:
    """What was done to a chain, and what was said while its issuers were fetched."""

    completed: diagnosis.Completed
    looked: tuple[str, ...] = ()


def _remarks(chained: Chained | None) -> tuple[str, ...]:
    """What was done to the chain, in words."""
    if chained is None:
        return ()
    done = chained.completed
    said = [f"Added from what lies here: {tls.describe(one)}." for one in done.added]
    said += [f"Left out of the chain: {tls.describe(one)}." for one in done.dropped]
    if done.reordered:
        said.append("The chain was put in order.")
    if not done.complete and done.missing_issuer:
        said.append(
            f"The chain ends below {done.missing_issuer}, which does not lie here. If that is the "
            "CA's root, the chain is whole: roots are not sent, and `gatehouse trust add` makes it "
            "known here. If not, add it with --intermediates."
        )
    return (*chained.looked, *said)


def _roots_in(chained: Chained | None) -> tuple[x509.Certificate, ...]:
    """Roots that came with a chain: not sent, but proof that nothing is missing below them."""
    if chained is None:
        return ()
    return tuple(one for one in chained.completed.dropped if facets.self_signed(one))


async def keep(
    house: House,
    name: str,
    certified: tls.CertifiedKey,
    what: str,
    *,
    done: Chained | None = None,
    comment: str | None = None,
) -> Changed:
    """Stage a certificate that was checked, and commit it if that was asked for."""
    usable(certified, name)
    findings = await asyncio.to_thread(judged, house, certified, _roots_in(done))
    async with house.committing:
        keyring.stage(house.store, house.operator, name, certified, house.clock.wall())
    committed = await finish(house, comment)
    return Changed(
        what=what,
        certificate=line(house, name, certified),
        remarks=_remarks(done),
        findings=findings,
        commit=committed,
    )


def usable(certified: tls.CertifiedKey, name: str) -> None:
    """Refuse what TLS could not be set up with, before it is stored."""
    try:
        ServerContext(ServerTlsSettings(certificates=(certified,)))
    except TlsSetupError as error:
        raise fault(
            tls.CertificateFault(f"TLS cannot use this certificate: {error}"), name
        ) from None


async def finish(house: House, comment: str | None) -> CommitView | None:
    """Commit, if there is a comment to do it with."""
    return None if comment is None else await commit(house, CommitInput(comment=comment))
