# SPDX-License-Identifier: Apache-2.0
"""A text that stands in a file, or that is pasted: people at a far terminal have no files here.

For certificates, which everybody may see. A private key is never pasted: it would stand on the
screen, and in the history of lines.
"""

from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.cli.shell.dialogue import Talk, ask, read_file, say

_END = "."  # alone on a line, as on the modelled appliance


def file_or_pasted(question: str, most: int) -> Talk[bytes]:
    """The content of the file that is named; of an empty line, what is pasted then."""
    path = yield from ask(f"{question}, or an empty line to paste it")
    if path:
        return (yield from read_file(path, most))
    yield from say(f"Paste it; a line with nothing but {_END!r} ends it.")
    lines: list[str] = []
    left = most
    while (line := (yield from ask("", help="A line of it."))) != _END:
        left -= len(line) + 1
        if left < 0:
            raise OperatorError("too-large", f"What is pasted has more than {most} characters.")
        lines.append(line)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
