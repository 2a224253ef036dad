# SPDX-License-Identifier: Apache-2.0
"""Finding ways from a certificate to an anchor, within a budget.

Rule (RFC 4158 for the order): anchors first, then what the peer sent, then what we hold. A link is
a name that fits and a signature that verifies. Whether a way may be used is not decided here.

The work is chosen by whoever sends the certificates, so it is bounded: a hundred certificates with
one subject and distinct keys would otherwise cost all permutations.
"""

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cryptography import x509

from gatehouse.tls import facets
from gatehouse.tls.facets import NameKey

MOST_PRESENTED = 50  # certificates looked at of one peer; honest chains have at most five
SIGNATURE_BUDGET = 120  # checked links in one search: about 30 ms with RSA-4096
MOST_PATHS = 8  # ways that are judged


class Origin(enum.Enum):
    """Who put an anchor into the store."""

    CUSTOM = "custom"  # the operator, on purpose: every entry is an anchor
    SYSTEM = "system"  # the shipped set: only self-signed CAs are anchors


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate at which a way may end."""

    certificate: x509.Certificate
    origin: Origin


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Anchors and helpful intermediates, indexed once by subject; built by `trust_store`."""

    anchors: Mapping[NameKey, tuple[Anchor, ...]] = field(repr=False)
    intermediates: Mapping[NameKey, tuple[x509.Certificate, ...]] = field(repr=False)
    exact: Mapping[bytes, Anchor] = field(repr=False)  # the operator's entries by digest
    not_anchors: frozenset[bytes] = field(repr=False)  # held in the system list, no anchor


@dataclass(frozen=True, slots=True)
class Path:
    """From the leaf to the anchor; the anchor is the last one and may be the leaf itself."""

    certificates: tuple[x509.Certificate, ...]
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Search:
    """All ways found, the longest way that led nowhere, and what was met at its end."""

    paths: tuple[Path, ...]
    dead_end: tuple[x509.Certificate, ...]
    wrong_key: bool  # an issuer of the right name was there, but did not make the signature
    exhausted: bool  # the budget ended before the possibilities did


def trust_store(
    *,
    custom: Iterable[x509.Certificate] = (),
    system: Iterable[x509.Certificate] = (),
    intermediates: Iterable[x509.Certificate] = (),
) -> TrustStore:
    """The store by its stated rule.

    What the operator put into the custom list is an anchor, be it a root, a cross-signed or plain
    intermediate, or a leaf (then for exactly this certificate). Of the system list only self-signed
    CAs are anchors; other certificates in it, like stored intermediates, only help to find a way.
    """
    anchors: defaultdict[NameKey, list[Anchor]] = defaultdict(list)
    helpers: defaultdict[NameKey, list[x509.Certificate]] = defaultdict(list)
    exact: dict[bytes, Anchor] = {}
    not_anchors: set[bytes] = set()
    for certificate in custom:
        anchor = Anchor(certificate, Origin.CUSTOM)
        exact[facets.digest(certificate)] = anchor
        subject = facets.subject_key(certificate)
        if subject is not None:
            anchors[subject].append(anchor)
    for certificate in system:
        subject = facets.subject_key(certificate)
        if subject is None:
            continue
        if facets.self_issued(certificate):
            anchors[subject].append(Anchor(certificate, Origin.SYSTEM))
        else:
            helpers[subject].append(certificate)
            not_anchors.add(facets.digest(certificate))
    for certificate in intermediates:
        subject = facets.subject_key(certificate)
        if subject is not None:
            helpers[subject].append(certificate)
    return TrustStore(
        anchors={name: tuple(held) for name, held in anchors.items()},
        intermediates={name: tuple(held) for name, held in helpers.items()},
        exact=exact,
        not_anchors=frozenset(not_anchors),
    )


def search(
    presented: tuple[x509.Certificate, ...], store: TrustStore, *, max_intermediates: int
) -> Search:
    """Ways from the first certificate to anchors of the store, best first."""
    leaf = presented[0]
    hunt = _Hunt(store, presented[1:MOST_PRESENTED], max_intermediates)
    exact = store.exact.get(facets.digest(leaf))
    if exact is not None:
        hunt.paths.append(Path((leaf,), exact))
    hunt.walk((leaf,), frozenset({facets.digest(leaf)}))
    return Search(tuple(hunt.paths), hunt.dead_end, hunt.wrong_key, hunt.exhausted)


class _Hunt:
    """The state of one search: depth first, each certificate once on a way."""

    def __init__(
        self, store: TrustStore, sent: tuple[x509.Certificate, ...], max_intermediates: int
    ) -> None:
        self.store = store
        self.max_intermediates = max_intermediates
        self.sent: defaultdict[NameKey, list[x509.Certificate]] = defaultdict(list)
        for certificate in sent:
            subject = facets.subject_key(certificate)
            if subject is not None:
                self.sent[subject].append(certificate)
        self.budget = SIGNATURE_BUDGET
        self.links: dict[tuple[bytes, bytes], bool] = {}
        self.paths: list[Path] = []
        self.dead_end: tuple[x509.Certificate, ...] = ()
        self.wrong_key = False
        self.exhausted = False

    def walk(self, way: tuple[x509.Certificate, ...], seen: frozenset[bytes]) -> None:
        top = way[-1]
        issuer = facets.issuer_key(top)
        led_on = False
        wrong_key = False
        if issuer is not None:
            for anchor in self.store.anchors.get(issuer, ()):
                if facets.digest(anchor.certificate) in seen and len(way) > 1:
                    continue
                if self._linked(top, anchor.certificate):
                    self._keep(way, anchor)
                    led_on = True
                else:
                    wrong_key = True
            for candidate, digest in self._helpers(issuer, seen, way):
                if self._stopped():
                    return
                if self._linked(top, candidate):
                    led_on = True
                    self.walk((*way, candidate), seen | {digest})
                else:
                    wrong_key = True
        if not led_on and len(way) > len(self.dead_end):
            self.dead_end = way
            self.wrong_key = wrong_key

    def _helpers(
        self, issuer: NameKey, seen: frozenset[bytes], way: tuple[x509.Certificate, ...]
    ) -> Iterator[tuple[x509.Certificate, bytes]]:
        if len(way) > self.max_intermediates:
            return
        given: set[bytes] = set(seen)
        for candidate in (*self.sent.get(issuer, ()), *self.store.intermediates.get(issuer, ())):
            digest = facets.digest(candidate)
            if digest not in given:
                given.add(digest)
                yield candidate, digest

    def _keep(self, way: tuple[x509.Certificate, ...], anchor: Anchor) -> None:
        if len(self.paths) >= MOST_PATHS:
            self.exhausted = True
            return
        same = facets.digest(way[-1]) == facets.digest(anchor.certificate)
        certificates = way if same else (*way, anchor.certificate)
        path = Path(certificates, anchor)
        if path not in self.paths:
            self.paths.append(path)

    def _stopped(self) -> bool:
        if self.budget <= 0 or len(self.paths) >= MOST_PATHS:
            self.exhausted = True
        return self.exhausted

    def _linked(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """One checked signature, remembered: the same link stands on many ways."""
        link = (facets.digest(certificate), facets.digest(issuer))
        known = self.links.get(link)
        if known is not None:
            return known
        if self.budget <= 0:
            self.exhausted = True
            return False
        self.budget -= 1
        found = not facets.key_identifiers_differ(certificate, issuer) and facets.signed_by(
            certificate, issuer
        )
        self.links[link] = found
        return found
