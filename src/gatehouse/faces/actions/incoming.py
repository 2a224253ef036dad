# SPDX-License-Identifier: Apache-2.0
"""Declaration: who is connected to the gateway now."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role


class IncomingInput(msgspec.Struct, frozen=True, kw_only=True):
    """How many to list."""

    limit: Annotated[
        int, Arg(help="at most so many", metavar="N", short="n", least=1, most=100)
    ] = 20


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """One client, by the name that DNS confirmed, else by its address."""

    client: str
    connections: int


class IncomingClients(msgspec.Struct, frozen=True, kw_only=True):
    """Those with the most connections first."""

    at: datetime
    connections: int  # of all clients together
    clients: tuple[ClientView, ...]


TOP_IN = Action(
    name="host incoming",
    summary="List the clients with the most open connections.",
    help="""List who is connected now: by the host name that DNS confirms, else by the address.

Only what is open at this moment is counted; what was before stands in the mail log.""",
    example="gatehouse host incoming -n 10",
    role=Role.HELP_DESK,
    input=IncomingInput,
    output=IncomingClients,
    changes=False,
    needs=Needs.RUNNING,
    work="gatehouse.faces.actions.incoming_work:top_in",
)
