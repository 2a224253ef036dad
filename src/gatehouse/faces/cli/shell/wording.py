# SPDX-License-Identifier: Apache-2.0
"""Advice that names commands of the command line, in the words of the shell.

Whoever works in the shell from afar has no command line: "`gatehouse config commit`" is no help.
What has no command here stays as it is.
"""

import re

# A command of ours in quotes, with what stands for its arguments: `gatehouse config load FILE`.
_QUOTED = re.compile(r"`gatehouse ([a-z]+(?: [a-z-]+)*)((?: [A-Z]+)*)`")
# The same without quotes, at the end of a line, which may be coloured.
_LAST = re.compile(
    r"(?<=: )gatehouse (config (?:commit|confirm))(?: COMMENT)?(?=(?:\x1b\[0m)?$)", re.MULTILINE
)

_HERE = {
    "alert recipients add": "alertconfig",
    "alert recipients list": "alertconfig",
    "cluster check": "clustercheck",
    "cluster group set": "clusterconfig",
    "cluster join": "clusterconfig",
    "cluster show": "clusterconfig",
    "config clear": "clear",
    "config commit": "commit",
    "config confirm": "commitconfirm",
    "config diff": "showchanges",
    "config history": "rollbackconfig",
    "config load": "loadconfig",
    "config save": "saveconfig",
    "config set": "set",
    "config show": "showconfig",
    "config unset": "unset",
    "user list": "userconfig",
}
_SAME_ARGUMENTS = ("set", "unset")  # the others ask


def here(text: str) -> str:
    """The same advice for somebody at a prompt of the shell."""
    return _LAST.sub(lambda found: f"`{_HERE[found[1]]}`", _QUOTED.sub(_translated, text))


def _translated(found: re.Match[str]) -> str:
    name = _HERE.get(found[1])
    if name is None:
        return found[0]
    return f"`{name}{found[2]}`" if name in _SAME_ARGUMENTS else f"`{name}`"
