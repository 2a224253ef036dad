# SPDX-License-Identifier: Apache-2.0
"""The work: ask everybody for their version."""

import platform

import apsw
from cryptography.hazmat.backends.openssl import backend

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.program import Version


async def version(house: House, given: Nothing) -> Version:
    """The versions of this process's program and libraries."""
    return Version(
        gatehouse=house.version,
        python=platform.python_version(),
        openssl=backend.openssl_version_text(),
        sqlite=apsw.sqlite_lib_version(),
    )
