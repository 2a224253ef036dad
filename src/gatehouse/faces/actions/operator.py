# SPDX-License-Identifier: Apache-2.0
"""For whom an action is done: name, role, and the door he came in by.

Whoever can open the data directory or its control socket is the owner or root, and so an
administrator under the name that the system has for him. He may choose to be less: with the name
of an account he acts as that account, and its role counts.
"""

from dataclasses import dataclass

from gatehouse.policy.people import Role, Way

LONGEST_NAME = 64  # of an operator, in the history and in the audit log


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who does something. `account`: whose account is his own; "" with an API token."""

    name: str
    role: Role
    way: Way
    address: str = ""  # where he is; for who acts as an account on this machine: his system name
    account: str = ""


# Who has not been told to be anybody may do next to nothing.
NOBODY = Operator(name="nobody", role=Role.GUEST, way=Way.CLI)


def of_this_machine(name: str, way: Way) -> Operator:
    """The owner of the data directory, or root."""
    return Operator(name=name[:LONGEST_NAME], role=Role.ADMINISTRATOR, way=way)
