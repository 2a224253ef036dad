# SPDX-License-Identifier: Apache-2.0
"""The work: certificates from an ACME server."""

import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.config.running import Running
from gatehouse.faces.actions.acme import Ordered, OrderInput, RenewInput
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now
from gatehouse.journal.escape import clean
from gatehouse.mail.address import AddressFault, parse_domain, parse_mailbox
from gatehouse.policy.fetch_targets import WebTarget, parse_target
from gatehouse.service.commit.trials import Renewals
from gatehouse.service.trust import acme, keyring
from gatehouse.service.trust.acme import AcmeTools, AcmeTrouble, StandingOrder
from gatehouse.service.trust.acme_challenges import DNS_01, Means
from gatehouse.tls import certificates as tls

MOST_DOMAINS = 100  # what the largest public CA takes in one certificate
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # as in the configuration


async def order(house: House, given: OrderInput) -> Ordered:
    """A first order; it becomes the standing one when it succeeds."""
    if _NAME.fullmatch(given.name) is None or given.name == keyring.DEMO:
        raise _bad("This cannot be the name of an ordered certificate.", given.name)
    return await _obtain(
        house,
        StandingOrder(
            name=given.name,
            domains=_domains(given),
            directory=_directory(given.directory),
            contact=_contact(given.contact),
            challenge=given.challenge,
            hook=_hook(given),
            keep_key=given.keep_key,
            key_type=given.key_type,
            ca=_ca(given.directory_ca),
        ),
    )


async def renew(house: House, given: RenewInput) -> Ordered:
    """The standing order, now."""
    known = acme.order_of(house.store, given.name)
    if known is None:
        raise OperatorError(
            "not-ordered",
            "This certificate did not come by ACME.",
            clean(given.name[:80]),
            "Order it with `gatehouse certificate acme`.",
        )
    return await _obtain(house, known)


async def _obtain(house: House, wanted: StandingOrder) -> Ordered:
    running = running_now(house)
    if running is None:
        raise OperatorError("no-configuration", "There is no configuration that could run.")
    try:
        certified = await acme.obtain(_tools(house, running), wanted)
    except AcmeTrouble as trouble:
        raise OperatorError(
            "acme-failed",
            f"No certificate was issued: {clean(str(trouble)).rstrip('.')}.",
            wanted.name,
            "What was in force stays in force.",
        ) from None
    (leaf,) = _certificates(certified.chain_pem[0])
    kept = acme.order_of(house.store, wanted.name)
    assert kept is not None
    return Ordered(
        name=wanted.name,
        domains=wanted.domains,
        issuer=tls.bounded(leaf.issuer.rfc4514_string()),
        not_after=leaf.not_valid_after_utc,
        fingerprint=tls.fingerprint(leaf.public_bytes(Encoding.DER)),
        renewal_at=moment(acme.due_at(kept, leaf)),
        served=house.gateway is not None and wanted.name in running.certificates,
    )


def _tools(house: House, running: Running) -> AcmeTools:
    return AcmeTools(
        store=house.store,
        clock=house.clock,
        means=Means(
            http_address=running.acme.http_address,
            http_port=running.acme.http_port,
            hook_timeout=running.acme.hook_timeout,
        ),
        in_use=running.certificates,
        installer=None
        if house.gateway is None
        else Renewals(house.store, house.clock, house.gateway.apply, house.operator),
        committing=house.committing,
    )


def _domains(given: OrderInput) -> tuple[str, ...]:
    found = []
    for text in given.domain:
        name = parse_domain(text.removeprefix("*."))
        if name is None or name.startswith("["):
            raise _bad("This is no host name.", text)
        wildcard = text.startswith("*.")
        if wildcard and given.challenge != DNS_01:
            raise _bad("A name with an asterisk can be proven by dns-01 only.", text)
        found.append(f"*.{name}" if wildcard else name)
    if not 1 <= len(found) <= MOST_DOMAINS:
        raise _bad(f"Name 1 to {MOST_DOMAINS} host names with --domain.", "")
    return tuple(dict.fromkeys(found))


def _directory(url: str) -> str:
    target = parse_target(url)
    if not isinstance(target, WebTarget) or not target.secure:
        raise _bad("The directory must be an https URL.", url)
    return url


def _contact(text: str) -> str:
    address = parse_mailbox(text.encode("utf-8", "surrogatepass"))
    if isinstance(address, AddressFault):
        raise _bad("The contact must be a mail address.", text)
    return text


def _hook(given: OrderInput) -> str:
    if given.challenge != DNS_01:
        if given.hook is not None:
            raise _bad("A hook is used with --challenge dns-01 only.", given.hook)
        return ""
    if given.hook is None or not Path(given.hook).is_absolute():
        raise _bad("dns-01 needs a --hook, with its whole path.", given.hook or "")
    return given.hook


def _ca(content: bytes | None) -> str:
    if content is None:
        return ""
    pems = (one.public_bytes(Encoding.PEM) for one in _certificates(content))
    return b"".join(pems).decode("ascii")


def _certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    found = tls.read_certificates(pem)
    if isinstance(found, tls.CertificateFault):
        raise _bad(f"{found.text.rstrip('.')}.", "")
    return found


def _bad(message: str, context: str) -> OperatorError:
    return OperatorError("bad-arguments", message, clean(context[:80]))
