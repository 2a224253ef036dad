# SPDX-License-Identifier: Apache-2.0
"""The work: who works on this gateway now. The processes that hold sessions are asked."""

import asyncio

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.who import WhoLine, WhoList
from gatehouse.service.base import open_sessions


async def who(house: House, given: Nothing) -> WhoList:
    """All sessions, the oldest first."""
    assert house.gateway is not None, "the action says that it needs one"
    answers = await house.gateway.ask(open_sessions.QUESTION)
    found = [one for _, _, answer in answers for one in open_sessions.heard(dict(answer))]
    accounts = await asyncio.to_thread(house.store.people.list) if found else ()
    roles = {one.name: one.role for one in accounts}
    return WhoList(
        sessions=tuple(
            WhoLine(
                name=one.name,
                role=roles.get(one.name, ""),
                way=one.way,
                address=one.address,
                since=moment(one.since),
                idle=int(one.idle),
            )
            for one in sorted(found, key=lambda one: one.since)
        )
    )
