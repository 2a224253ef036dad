# SPDX-License-Identifier: Apache-2.0
"""`gatehouse` and `python -m gatehouse`.

Processes of a running gateway come in here too; they are told apart first, so that they do not load
what only people need. A person's command in turn does not load the gateway before it is needed:
that is why the imports stand in the functions.
"""

import gc
import sys
from pathlib import Path
from typing import Any

ROLE_COMMAND = "_role"  # how a process of ours is started; not for people
INTERRUPTED = 130  # 128 and SIGINT, as shells count


def main() -> int:
    """Run the command line; the exit status."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] == ROLE_COMMAND:
        gc.disable()  # until it has loaded everything: `service/base/loaded.py`
        from gatehouse import roles

        return roles.run_role(arguments[1:])
    try:
        from gatehouse.faces.cli.main import Doors
        from gatehouse.faces.cli.main import main as command_line

        doors = Doors(version=_version, run_gateway=_run_gateway, open_house=_open_house)
        return command_line(arguments, doors)
    except KeyboardInterrupt:  # before the command line could take care of it
        return INTERRUPTED


def _version() -> str:
    from importlib import metadata

    return metadata.version("mailgatehouse")


def _run_gateway(data: Path, machine: str | None) -> int:
    gc.disable()  # until it serves: `service/base/loaded.py`
    from gatehouse import app

    return app.run_gateway(data, machine)


def _open_house(data: Path) -> tuple[Any, Any]:
    from gatehouse import app

    return app.open_house(data)


if __name__ == "__main__":
    sys.exit(main())
