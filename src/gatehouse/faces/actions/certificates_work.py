# SPDX-License-Identifier: Apache-2.0
"""The work: certificates that are kept here, as a list."""

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.certificates import CertificateList
from gatehouse.faces.actions.certificates_shelf import line
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.service.trust import keyring


async def list_certificates(house: House, given: Nothing) -> CertificateList:
    """All of them, also those that wait for the commit."""
    changes = keyring.staged(house.store, house.operator)
    found = []
    for name in sorted(keyring.names(house.store) | changes.keys()):
        certified = changes.get(name) or keyring.get(house.store, name)
        found.append(line(house, name, certified))
    return CertificateList(at=moment(house.clock.wall()), certificates=tuple(found))
