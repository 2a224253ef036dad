# SPDX-License-Identifier: Apache-2.0
"""`gatehouse` and `python -m gatehouse`.

Processes of a running gateway come in here too; they are told apart first, so that they do not load
what only people need.
"""

import sys

from gatehouse import app


def main() -> int:
    """Run the command line; the exit status."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] == app.ROLE_COMMAND:
        return app.run_role(arguments[1:])
    if arguments[:1] == ["run"]:
        from pathlib import Path
        return app.run_gateway(Path(arguments[2] if len(arguments) > 2 else "gatehouse-data"))
    return 2


if __name__ == "__main__":
    sys.exit(main())
