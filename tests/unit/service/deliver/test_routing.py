# SPDX-License-Identifier: Apache-2.0
"""Mail that the queue holds for a smart host goes there, whatever the routes say."""

import asyncio
from types import SimpleNamespace
from typing import Any

from gatehouse.policy import route_table, routes
from gatehouse.policy.smart_hosts import SmartHost
from gatehouse.service.deliver.routing import DeliveryRules, Router

SES = SmartHost(name="ses.eu", host="email.ses.example", port=587)


def router(**hosts: SmartHost) -> Router:
    everything = {".": [route_table.RouteHost("elsewhere.example", 25)]}
    rules = DeliveryRules(
        hostname="gw.us.example",
        smtp_port=25,
        route_table=route_table.RouteTable(everything),
        smart_hosts={one.name: one for one in hosts.values()},
        ourselves=routes.Ourselves(names=frozenset(), endpoints=frozenset(), addresses=frozenset()),
        connect_timeout=1.0,
        starttls_timeout=1.0,
    )
    tools: Any = SimpleNamespace(dice=lambda: 0.5)
    return Router(rules, tools)


def test_it_is_the_only_host_and_all_names_are_its_own() -> None:
    plan = asyncio.run(router(ses=SES).plan("smarthost:ses.eu"))
    assert isinstance(plan, routes.Hosts)
    (hop,) = plan.hops
    assert (hop.host, hop.port, hop.domain, hop.smart) == (SES.host, 587, SES.host, SES)
    assert hop.kind is routes.HopKind.ROUTE


def test_one_that_is_gone_defers_and_says_so() -> None:
    made = router()
    plan = asyncio.run(made.plan("smarthost:ses.eu"))
    assert isinstance(plan, routes.Temporary)
    failure = made.no_plan("smarthost:ses.eu", plan)
    assert not failure.classification.permanent
    assert failure.detail == "there is no smart host ses.eu in the configuration"


def test_every_other_mail_goes_by_its_route() -> None:
    plan = asyncio.run(router(ses=SES).plan("us.example"))
    assert isinstance(plan, routes.Hosts)
    assert [hop.host for hop in plan.hops] == ["elsewhere.example"]
