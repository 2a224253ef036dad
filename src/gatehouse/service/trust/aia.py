# SPDX-License-Identifier: Apache-2.0
"""Fetching the intermediates that a chain lacks, from where its certificates say they lie.

Only when an operator asks: the address stands in a certificate that somebody else wrote (authority
information access, RFC 5280 §4.2.2.1), so whoever wrote it learns that we looked, and chooses where
we look. Therefore the address is judged like any from outside: only http and https, no address of
an inner network unless the operator allows it, and a bound on everything. What comes back is no
more trusted than what a stranger sends: it only completes a path, and never becomes an anchor.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography import x509

from gatehouse.policy.fetch_targets import TargetFault, WebTarget, parse_target
from gatehouse.service.trust.crl_fetch import fetch
from gatehouse.service.trust.web_fetch import FetchFailed, FetchSettings
from gatehouse.tls import diagnosis, pem_input
from gatehouse.tls.certificates import CertificateFault

# Public chains have one or two intermediates; a certificate that points on for ever is stopped.
MAX_ROUNDS = 4
MAX_ADDRESSES = 2  # of one certificate; the second is for when the first does not answer
_SETTINGS = replace(FetchSettings(), max_bytes=256 * 1024)  # a certificate, or a small p7b

Get = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A chain after looking, and what was said on the way."""

    completed: diagnosis.Completed
    remarks: tuple[str, ...]


def complete(
    completed: diagnosis.Completed,
    stored: tuple[x509.Certificate, ...],
    *,
    internal: bool = False,
    get: Get | None = None,
) -> Fetched:
    """Look for the missing issuers of a chain; blocks, so call it in a thread."""
    look = get or (lambda url: _get(url, internal))
    pool: list[x509.Certificate] = []
    said: list[str] = []
    for _ in range(MAX_ROUNDS):
        if completed.complete or not completed.urls:
            break
        found = _issuers(completed.urls[:MAX_ADDRESSES], look, said)
        new = [one for one in found if one not in pool]
        if not new:
            break
        pool += new
        completed = diagnosis.complete(completed.chain, (*stored, *pool))
    return Fetched(completed, tuple(said))


def _issuers(urls: tuple[str, ...], look: Get, said: list[str]) -> list[x509.Certificate]:
    for url in urls:
        try:
            content = look(url)
        except FetchFailed as failed:
            said.append(f"{url}: {failed}.")
            continue
        read = pem_input.read_certificates_only([content])
        if isinstance(read, CertificateFault):
            said.append(f"{url}: {read.text}")
            continue
        said.append(f"Fetched from {url}.")
        return list(read)
    return []


def _get(url: str, internal: bool) -> bytes:
    target = parse_target(url)
    if isinstance(target, TargetFault):
        raise FetchFailed(target.reason)
    if not isinstance(target, WebTarget):
        raise FetchFailed("an issuer is fetched by http or https only")
    if not internal and target.names_an_address:
        # A literal is as good as permission where an operator wrote the URL; here a stranger did.
        raise FetchFailed("a certificate must not send us to an address or to this machine")
    return fetch(url, internal=internal, settings=_SETTINGS)
