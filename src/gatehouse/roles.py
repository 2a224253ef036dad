# SPDX-License-Identifier: Apache-2.0
"""The wiring of the processes that the supervisor starts.

Each loads only its own role, because every process pays for what it loads, in time at the start and
in memory for good: that is why these imports stand in functions.
"""

import os
import signal
import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from gatehouse.service.base.handover import Given, wait
from gatehouse.service.base.head_count import HeadCount
from gatehouse.service.base.tally import Tally
from gatehouse.service.base.worker import Role, Worker, run_worker

RECEIVER = "receiver"
DELIVERER = "deliverer"
SSH = "ssh"


def _shell(worker: Worker) -> Callable[..., int]:
    """What people meet who come in by SSH: the shell, with the actions of their accounts."""
    from gatehouse.faces.actions.house import House
    from gatehouse.faces.actions.visitor import Visitor
    from gatehouse.faces.cli.shell.remote import Caller, serve
    from gatehouse.policy.people import Way
    from gatehouse.service.base import control
    from gatehouse.service.ssh.session import Visit

    # The line editor would go by the terminal at which the gateway was started; nobody here has it.
    os.environ.pop("TERM", None)
    house = House(
        directory=worker.directory,
        opened=worker.store,
        version=metadata.version("mailgatehouse"),
        operator="",
    )

    def program(visit: Visit) -> int:
        person = visit.person
        login = control.Visit(
            way=Way.SSH.value, address=visit.address, credentials_at=person.credentials_at
        )
        visitor = Visitor(house, person.name, login)
        visit.watch(visitor.counts)
        caller = Caller(
            line=visit.line,
            name=person.name,
            role=person.role.value,
            address=visit.address,
            terminal=visit.terminal,
            command=visit.command,
            files=worker.directory.configuration,
        )
        return serve(caller, visitor.carry)

    return program


# What makes a role: the worker, what it runs by, the descriptors of the head count and the tally.
_Make = Callable[[Worker, Given, int, int], Role]


def _loaded(role: str) -> _Make:
    """What makes a role, with all its modules loaded."""
    if role == RECEIVER:
        from gatehouse.service.receive.receiver import Receiver

        return lambda worker, given, counts, tally: Receiver(
            worker, given.running, given.sockets, HeadCount(counts, given.seat), Tally(tally)
        )
    if role == DELIVERER:
        from gatehouse.service.deliver.deliverer import Deliverer

        return lambda worker, given, counts, tally: Deliverer(worker, given.running)
    if role == SSH:
        from gatehouse.service.ssh.server import SshServer

        return lambda worker, given, counts, tally: SshServer(
            worker, given.running, given.sockets, _shell(worker)
        )
    raise ValueError(f"no such role: {role}")


def run_role(arguments: list[str]) -> int:
    """Main function of a process: role, data directory, line, head count, tally.

    It loads what its role needs, and then waits to be told what to run by: nothing is opened or
    served before, and who is not needed after all is killed or finds the end of the line.
    """
    role, data, fd, counts, tally = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides, also at a terminal
    make = _loaded(role)
    line = socket.socket(fileno=int(fd))
    given = wait(line)
    if given is None:
        return 0
    shared = int(counts), int(tally)
    return run_worker(Path(data), role, line, lambda worker: make(worker, given, *shared))
