# SPDX-License-Identifier: Apache-2.0
"""A client that comes when the gateway cannot even give its connection a number."""

import asyncio
from typing import Any, cast

from gatehouse.journal import facts
from gatehouse.store.errors import StoreFull
from tests.unit.service.receive.test_auth_session import TEXT, Scene


class _NoNumbers:
    """The disk is full."""

    def next(self, kind: str) -> int:
        raise StoreFull("reserve a block of numbers")


def test_on_a_full_disk_a_client_is_told_to_come_again() -> None:
    async def played() -> Scene:
        scene = Scene(TEXT)
        scene.office.ids = cast(Any, _NoNumbers())
        scene.session.connection_made(cast(asyncio.BaseTransport, scene.transport))
        return scene

    scene = asyncio.run(played())
    assert scene.transport.sent == b"421 4.3.1 Insufficient system storage, try again later\r\n"
    assert scene.transport.closed
    assert scene.session not in scene.office.sessions
    assert [one.where for one in scene.told(facts.InternalFault)] == ["inbound session"]
    assert scene.faults == []
    assert scene.told(facts.ConnectionOpened) == scene.told(facts.ConnectionClosed) == []
