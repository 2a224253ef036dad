# SPDX-License-Identifier: Apache-2.0
"""The loop of a menu: say how things are, take an operation, carry it out, and begin again.

Rule: what an operation did not finish is not there when the next one begins; what is refused is
said, and the menu goes on.
"""

from collections.abc import Callable

from gatehouse.faces.cli.shell.candidate_edit import Draft, attempt
from gatehouse.faces.cli.shell.dialogue import Talk, menu

Step = Callable[[], Talk[None]]
Edit = Callable[[Draft], Talk[None]]


def operate(heading: Step, *rows: tuple[str, str, Step]) -> Talk[None]:
    """A menu until it is left. A row: the word, what it does, and the dialogue behind it."""
    while True:
        yield from heading()
        chosen = yield from menu(*((word, what) for word, what, _ in rows))
        if chosen is None:
            return
        yield from attempt(next(talk for word, _, talk in rows if word == chosen)())


def edit(draft: Draft, heading: Edit, *rows: tuple[str, str, Edit]) -> Talk[None]:
    """A menu whose operations change a draft."""
    steps = [(word, what, _clean(draft, talk)) for word, what, talk in rows]
    yield from operate(lambda: heading(draft), *steps)


def _clean(draft: Draft, talk: Edit) -> Step:
    def step() -> Talk[None]:
        try:
            yield from talk(draft)
        finally:
            draft.revert()

    return step
