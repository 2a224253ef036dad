# SPDX-License-Identifier: Apache-2.0
"""The revocation lists that are held: fetched from their sources, kept, used, watched.

A list that cannot be fetched leaves the one before in its place until that is overdue. Over http
anybody on the way can answer, so a fetched list replaces a held one only when it is no step back:
not older, of the same issuer unless the held one is overdue, and signed by the issuer where we know
that issuer. Whether it may be believed about a certificate is judged again at each use, with the
issuer of the path at hand (`tls.crl`).

When no list may be believed, the operator decides: fail open accepts, fail closed refuses.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography import x509

from gatehouse.config.running import CrlSettings, CrlSource
from gatehouse.policy.alarms import Alarm, AlarmSeverity
from gatehouse.service.trust import crl_reading
from gatehouse.service.trust.web_fetch import FetchFailed
from gatehouse.store.interface import Store
from gatehouse.tls import crl
from gatehouse.tls.certificates import CertificateFault, bounded
from gatehouse.tls.failures import VerifyWord

ALARM_NAME = "crl-source"
# A source that failed is asked again sooner than its interval, so that a short outage stays short.
RETRY_SECONDS = 900
LONGEST_ERROR = 300
_STATE = "crl/state/"
_LIST = "crl/list/"

Fetch = Callable[[CrlSource], bytes]  # raises FetchFailed


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source. The facts of the list stand here, so that showing it is cheap."""

    url: str
    tried_at: float
    fetched_at: float | None = None  # when the held list came
    error: str = ""  # of the last try; "" when it went well
    issuer: str = ""
    this_update: float = 0.0
    next_update: float | None = None
    entries: int = 0
    digest: str = ""

    def word(self, now: float) -> str:
        """The state in a word or two, for the operator."""
        if self.fetched_at is None:
            return "missing"
        if self.next_update is None or now > self.next_update:
            return "overdue"
        return "good" if not self.error else "good, not renewed"


@dataclass(frozen=True, slots=True)
class Updated:
    """What came of one try, and the alarm that it calls for."""

    state: SourceState
    alarm: Alarm | None


def states(store: Store, settings: CrlSettings) -> tuple[SourceState | None, ...]:
    """What is known of each source, in the order of the configuration."""
    return tuple(_state(store, source) for source in settings.sources)


def due(store: Store, settings: CrlSettings, now: float) -> tuple[CrlSource, ...]:
    """The sources that are to be asked now."""
    known = zip(settings.sources, states(store, settings), strict=True)
    return tuple(source for source, state in known if now >= _next_try(source, state))


def update(
    store: Store,
    source: CrlSource,
    settings: CrlSettings,
    now: float,
    fetch: Fetch,
    issuers: Iterable[x509.Certificate] = (),
) -> Updated:
    """Ask a source and keep what comes; blocks, so call it in a thread. Raises StoreError."""
    before = _state(store, source)
    try:
        content = fetch(source)
        state = _accept(content, source, before, now, issuers)
        if state.digest != (before.digest if before else ""):
            store.secrets.put(_LIST + _key(source), content, now)
    except FetchFailed as error:
        kept = before or SourceState(url=source.url, tried_at=now)
        state = msgspec.structs.replace(
            kept, tried_at=now, error=bounded(str(error), LONGEST_ERROR)
        )
    store.secrets.put(_STATE + _key(source), msgspec.json.encode(state), now)
    return Updated(state, _alarm(state, settings, now))


def held(store: Store, settings: CrlSettings) -> tuple[x509.CertificateRevocationList, ...]:
    """All lists that are held; raises StoreError."""
    contents = (store.secrets.get(_LIST + _key(source)) for source in settings.sources)
    lists = (crl.read_crl(content) for content in contents if content is not None)
    return tuple(one for one in lists if not isinstance(one, CertificateFault))


def refusal(
    path: Sequence[x509.Certificate],
    lists: Iterable[x509.CertificateRevocationList],
    *,
    fail_open: bool,
    at: datetime,
) -> crl.Revocation | None:
    """Why a verified path must not be accepted; None when it may."""
    found = crl.check_path(path, lists, at=at)
    match found.word:
        case None:
            return None
        case VerifyWord.CRL_UNAVAILABLE if fail_open:
            return None
        case _:
            return found


def prune(store: Store, settings: CrlSettings) -> int:
    """Forget the lists of sources that are configured no more; how many entries went."""
    kept = {_key(source) for source in settings.sources}
    gone = [
        secret.name
        for secret in store.secrets.names()
        if secret.name.startswith((_STATE, _LIST)) and secret.name.rpartition("/")[2] not in kept
    ]
    for name in gone:
        store.secrets.delete(name)
    return len(gone)


def _accept(
    content: bytes,
    source: CrlSource,
    before: SourceState | None,
    now: float,
    issuers: Iterable[x509.Certificate],
) -> SourceState:
    """What a fetched list says about itself; raises FetchFailed when it may not take the place."""
    found = crl_reading.describe(content, issuers, now)
    state = SourceState(
        url=source.url,
        tried_at=now,
        fetched_at=now,
        issuer=found.issuer,
        this_update=found.this_update,
        next_update=found.next_update,
        entries=found.entries,
        digest=hashlib.sha256(content).hexdigest(),
    )
    reason = found.fault or _step_back(state, before, now)
    if not reason and found.disowned:
        reason = "the list is not signed by its issuer"
    if reason:
        raise FetchFailed(reason)
    return state


def _step_back(state: SourceState, before: SourceState | None, now: float) -> str:
    if before is None or before.fetched_at is None:
        return ""
    if before.issuer == state.issuer:
        if state.this_update < before.this_update:
            return "the server sends a list that is older than the one that is held"
        return ""
    overdue = before.next_update is not None and now > before.next_update
    return "" if overdue else "the server sends the list of another issuer than before"


def _next_try(source: CrlSource, state: SourceState | None) -> float:
    if state is None:
        return float("-inf")
    if state.error:
        return state.tried_at + min(source.interval, RETRY_SECONDS)
    regular = state.tried_at + source.interval
    # A list that ends sooner is renewed then; but a server that has no newer one is not hammered.
    soonest = state.tried_at + min(source.interval, RETRY_SECONDS)
    return regular if state.next_update is None else min(regular, max(state.next_update, soonest))


def _alarm(state: SourceState, settings: CrlSettings, now: float) -> Alarm | None:
    word = state.word(now)
    if word == "good":
        return None
    problem = state.error or "its list is overdue, and there is no newer one"
    if word == "good, not renewed":
        assert state.next_update is not None
        ends = datetime.fromtimestamp(state.next_update, UTC)
        effect = f"The list that is held serves until {ends:%Y-%m-%d %H:%M} UTC."
        severity = AlarmSeverity.WARNING
    elif settings.fail_open:
        effect = (
            "Certificates of its issuer are accepted without this check (on_unavailable: open)."
        )
        severity = AlarmSeverity.WARNING
    else:
        effect = "Certificates of its issuer are refused (on_unavailable: closed)."
        severity = AlarmSeverity.CRITICAL
    return Alarm(
        name=ALARM_NAME,
        severity=severity,
        text=f"Revocation list {state.url}: {problem}. {effect}",
        key=f"{ALARM_NAME}/{state.url}/{word}",
    )


def _state(store: Store, source: CrlSource) -> SourceState | None:
    content = store.secrets.get(_STATE + _key(source))
    return None if content is None else msgspec.json.decode(content, type=SourceState)


def _key(source: CrlSource) -> str:
    return hashlib.sha256(source.url.encode()).hexdigest()[:32]
