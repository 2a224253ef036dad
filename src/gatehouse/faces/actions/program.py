# SPDX-License-Identifier: Apache-2.0
"""Declaration: which program this is."""

import msgspec

from gatehouse.faces.actions.action import Action, Needs, Nothing, Role


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What runs here, down to the libraries that decide what TLS can do."""

    gatehouse: str
    python: str
    openssl: str
    sqlite: str


VERSION = Action(
    name="version",
    summary="Show the versions of Gatehouse and of what it stands on.",
    help="""Show the versions of Gatehouse, Python, OpenSSL and SQLite.

Put this into a report of a fault: OpenSSL decides which protocols and groups there are.""",
    example="gatehouse version",
    role=Role.GUEST,
    input=Nothing,
    output=Version,
    changes=False,
    needs=Needs.NOTHING,
    work="gatehouse.faces.actions.program_work:version",
)
