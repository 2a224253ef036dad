# SPDX-License-Identifier: Apache-2.0
"""The work: take the chain that a mail server sends, say what it is worth, add it if wanted.

This is trust on first use, and says so. What is judged is what was presented, by the same functions
that judge a delivery.
"""

import asyncio

from cryptography import x509

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.status_work import running_now
from gatehouse.faces.actions.trust import Added, Collected, CollectInput, EntryView
from gatehouse.faces.actions.trust_work import (
    add_certificates,
    entry,
    now,
    settings_of,
    system_list,
)
from gatehouse.journal.escape import clean
from gatehouse.mail import address
from gatehouse.service.trust import anchors, probe
from gatehouse.tls import chain as chains
from gatehouse.tls import diagnosis, facets, names, paths

_SMTPS = 465  # RFC 8314 §3.3
_LARGEST_PORT = 65_535


async def collect(house: House, given: CollectInput) -> Collected:
    """Connect, look, judge; then add."""
    host, port = _endpoint(given.server)
    if given.implicit and given.starttls:
        raise OperatorError("two-modes", "Say --implicit or --starttls.", hint="Not both.")
    running = running_now(house)
    try:
        report = await probe.look(
            host,
            port,
            probe.Manner(
                server_name=host,
                implicit=given.implicit or (port == _SMTPS and not given.starttls),
                hostname="localhost.localdomain" if running is None else running.hostname,
            ),
        )
    except probe.Unseen as reason:
        raise OperatorError(
            "not-collected", f"No chain was collected: {clean(str(reason))}.", clean(given.server)
        ) from None
    presented = chains.load_presented(report.peer_chain)
    if not isinstance(presented, tuple):
        raise OperatorError("not-collected", f"The chain cannot be read: {presented.text}.")
    seen = await asyncio.to_thread(_judge, house, presented, host)
    wanted = _wanted(presented, given)
    added: Added | None = None
    if wanted:
        added = await add_certificates(house, wanted, None, given.commit)
    return Collected(
        server=f"{host}:{port}",
        protocol=report.protocol,
        cipher=report.cipher,
        chain=seen[0],
        verified=not seen[1],
        why_not=seen[1],
        names=tuple(names.shown(one) for one in names.presented_names(presented[0]).dns),
        name_covered=names.covers(names.presented_names(presented[0]), host),
        findings=seen[2],
        added=added,
    )


def _endpoint(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or not port.isdecimal() or not 1 <= int(port[:6]) <= _LARGEST_PORT:
        raise OperatorError(
            "bad-server", "This is no server.", clean(server[:80]), "Write HOST:PORT."
        )
    if bare.isascii():
        return bare, int(port)
    return address.parse_domain(bare) or bare, int(port)


def _judge(
    house: House, presented: tuple[x509.Certificate, ...], host: str
) -> tuple[tuple[EntryView, ...], str, tuple[str, ...]]:
    """Each certificate as an entry, why the chain does not verify, what is wrong with it."""
    roots, _ = system_list(settings_of(house))
    custom = list(anchors.custom_to_be(house.store, house.operator).values())
    held = anchors.intermediates(house.store, house.operator)
    store = paths.trust_store(custom=custom, system=roots, intermediates=held)
    verdict = chains.verify(presented, store, at=now(house))
    entries = tuple(
        entry(house, one, custom=custom, system=roots, together=presented) for one in presented
    )
    found = diagnosis.diagnose(
        presented,
        now=now(house),
        host_names=(host,),
        stored=held,
        anchors=(*custom, *roots),
    )
    why = verdict.problems[0].text if verdict.problems else ""
    return entries, why, tuple(f"{one.severity.value}: {one.what}. {one.do}." for one in found)


def _wanted(
    presented: tuple[x509.Certificate, ...], given: CollectInput
) -> tuple[x509.Certificate, ...]:
    """What shall be added: the picked ones, else the CAs, else the server's own."""
    if not given.add:
        return ()
    if given.only:
        wrong = [number for number in given.only if not 1 <= number <= len(presented)]
        if wrong:
            raise OperatorError(
                "no-such-certificate",
                f"The chain has {len(presented)} certificates, there is no number {wrong[0]}.",
            )
        return tuple(presented[number - 1] for number in given.only)
    return tuple(one for one in presented if facets.is_ca(one)) or presented[:1]
