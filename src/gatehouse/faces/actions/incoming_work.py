# SPDX-License-Identifier: Apache-2.0
"""The work: who is connected now, from what all receivers know."""

from collections import Counter

from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.incoming import ClientView, IncomingClients, IncomingInput
from gatehouse.faces.actions.moments import moment
from gatehouse.service.base.channel import CLIENTS


async def top_in(house: House, given: IncomingInput) -> IncomingClients:
    """Those with the most connections first; of equal ones by name."""
    assert house.gateway is not None, "the action says that it needs a running one"
    total, found = 0, Counter[str]()
    for role, _, told in await house.gateway.ask(CLIENTS):
        if role != "receiver":
            continue
        for client, count in told.items():
            if isinstance(count, int):
                total += count
                if client:
                    found[client] += count
    largest = sorted(found.items(), key=lambda one: (-one[1], one[0]))[: given.limit]
    return IncomingClients(
        at=moment(house.clock.wall()),
        connections=total,
        clients=tuple(ClientView(client=name, connections=count) for name, count in largest),
    )
