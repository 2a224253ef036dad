# SPDX-License-Identifier: Apache-2.0
"""From a configuration to the tools that deliver by it: for the deliverer, and for rehearsals.

Both get them here, so that what a rehearsal says is what a delivery does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gatehouse.config.running import Running
from gatehouse.journal import facts
from gatehouse.policy.smart_hosts import SmartHost
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.resolver import Resolver
from gatehouse.service.base.supervisor import TaskSupervisor
from gatehouse.service.deliver.mta_sts import StsPolicies, StsTools
from gatehouse.service.deliver.planning import Planner
from gatehouse.service.deliver.routing import ConnectTools, DeliveryRules
from gatehouse.service.deliver.sts_fetch import PolicyFetcher
from gatehouse.service.deliver.tls_sessions import ClientTls
from gatehouse.service.deliver.trust_book import TrustBook
from gatehouse.service.deliver.verify import Verifier
from gatehouse.service.trust.web_trust import web_context
from gatehouse.store.interface import Ids, Store, StsCache
from gatehouse.tls.certificates import CertifiedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a process stands on when it delivers."""

    store: Store
    sts: StsCache
    clock: Clock
    dice: Callable[[], float]
    tasks: TaskSupervisor
    ids: Ids
    record: Callable[[facts.Fact], None]
    certificate_of: Callable[[str], CertifiedKey]
    verifier_of: Callable[[TrustBook, Resolver, Clock], Verifier] = Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What one configuration becomes."""

    rules: DeliveryRules
    tools: ConnectTools
    book: TrustBook
    policies: StsPolicies | None  # None: no destination asks for MTA-STS


def assemble(running: Running, ground: Ground) -> Assembly:
    """The tools for delivering under one configuration."""
    delivery, store, clock = running.delivery, ground.store, ground.clock
    resolver = Resolver(
        delivery.dns_servers,
        clock.monotonic,
        delivery.dns_timeout,
        trusted=delivery.dns_trusted,
    )
    book = TrustBook(store, running.trust, running.crl, clock.monotonic)
    policies = _policies(running, resolver, ground)
    tools = ConnectTools(
        clock=clock,
        dice=ground.dice,
        record=ground.record,
        resolver=resolver,
        ids=ground.ids,
        tls=ClientTls(ground.certificate_of, delivery.certificate),
        verifier=ground.verifier_of(book, resolver, clock),
        planner=Planner(resolver, policies),
        password_of=partial(_password_of, store),
    )
    rules = DeliveryRules(
        hostname=delivery.hostname,
        smtp_port=delivery.smtp_port,
        route_table=running.routes,
        smart_hosts=running.smart_hosts,
        ourselves=running.ourselves,
        connect_timeout=delivery.connect_timeout,
        starttls_timeout=delivery.starttls_timeout,
    )
    return Assembly(rules=rules, tools=tools, book=book, policies=policies)


def _password_of(store: Store, smart: SmartHost) -> str | None:
    """The password of a smart host, read anew each time: it may have been set just now."""
    content = store.secrets.get(smart.secret_name)
    return None if content is None else content.decode()


def _policies(running: Running, resolver: Resolver, ground: Ground) -> StsPolicies | None:
    """The MTA-STS policies of destinations, where any rule asks for them."""
    if not any(control.demands.mta_sts for control in running.destinations):
        return None
    delivery = running.delivery
    fetch = PolicyFetcher(
        partial(web_context, ground.store, running.trust),
        port=delivery.mta_sts_port,
        internal=delivery.mta_sts_internal,
    )
    return StsPolicies(
        StsTools(
            dns=resolver, fetch=fetch, cache=ground.sts, clock=ground.clock, tasks=ground.tasks
        )
    )
