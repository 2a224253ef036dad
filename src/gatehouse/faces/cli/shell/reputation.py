# SPDX-License-Identifier: Apache-2.0
"""hostaccess > REPUTATION: what this gateway knows about addresses by itself.

Members of sender groups ask for it: SBRS[-10.0:-3.0], country[KR], SBO:123456. The smallest block
that holds an address speaks.
"""

from collections.abc import Callable

from gatehouse.config import field_values, schema
from gatehouse.faces.cli.shell import menus
from gatehouse.faces.cli.shell.candidate_edit import Draft, keep
from gatehouse.faces.cli.shell.dialogue import NOTHING, Check, Talk, ask, confirm, say
from gatehouse.faces.cli.terminal import pairs
from gatehouse.journal.escape import clean

_SECTION = "reputation"
_OFFERED = 500  # blocks that the tab key completes; ours: nobody goes through more
_PRINTED = 1000  # blocks that are printed; ours, as before

# Field, question, and how a text becomes its value.
_FIELDS: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    ("scores", "Reputation score, -10.0 to 10.0", float),
    ("countries", "Country, two letters", str.upper),
    ("owners", "Number of the network owner", int),
)


def reputation(draft: Draft, listener: str) -> Talk[None]:
    """The menu of blocks; they are the same for all listeners."""
    yield from menus.edit(
        draft,
        _now,
        ("NEW", "Say something about a block of addresses, or change it.", _new),
        ("DELETE", "Forget what is said about a block.", _delete),
        ("PRINT", "Show all.", _print),
        ("CLEAR", "Forget everything.", _clear),
    )


def _now(draft: Draft) -> Talk[None]:
    count = len(_blocks(draft))
    yield from say("", f"{count} blocks of addresses have a score, country or owner.")


def _new(draft: Draft) -> Talk[None]:
    block = yield from ask(
        "Address, range or CIDR block",
        check=_is_block,
        words=_blocks(draft)[:_OFFERED],
        help="192.0.2.7, 192.0.2.0/24, 2001:db8::/32.",
    )
    for field, question, reads in _FIELDS:
        old = draft.get(_SECTION, field, block)
        text = "" if old is None else str(old)
        hint = f" ({NOTHING}: not set)" if text else ""
        check = _checked(field, block, reads)
        answer = yield from ask(f"{question}{hint}", text, check=check)
        if answer.lower() == NOTHING:
            draft.put((_SECTION, field, block), None)
        elif answer != text:
            draft.put((_SECTION, field, block), reads(answer))
    yield from keep(draft)


def _delete(draft: Draft) -> Talk[None]:
    known = _blocks(draft)

    def check(answer: str) -> str | None:
        return None if answer in known else "Nothing is said about this block."

    block = yield from ask("Which block?", check=check, words=known[:_OFFERED])
    if (yield from confirm(f"Forget {clean(block)}?")):
        for field, _, _ in _FIELDS:
            draft.put((_SECTION, field, block), None)
        yield from keep(draft)


def _print(draft: Draft) -> Talk[None]:
    known = _blocks(draft)
    rows = []
    for block in known[:_PRINTED]:
        said = [draft.get(_SECTION, field, block) for field, _, _ in _FIELDS]
        rows.append((block, ", ".join(str(one) for one in said if one is not None)))
    yield from say(pairs([(clean(block), clean(said)) for block, said in rows]) or "Nothing.")
    if len(known) > len(rows):
        yield from say(f"{len(known) - len(rows)} more are not shown; `showconfig` has all.")


def _clear(draft: Draft) -> Talk[None]:
    if (yield from confirm("Forget all scores, countries and owners?")):
        draft.put((_SECTION,), None)
        yield from keep(draft)


def _blocks(draft: Draft) -> tuple[str, ...]:
    """Every block that anything is said about, in the order of the tables."""
    found = (draft.names(_SECTION, field) for field, _, _ in _FIELDS)
    return tuple(dict.fromkeys(block for table in found for block in table))


def _is_block(answer: str) -> str | None:
    why = field_values.why_not(schema.Reputation, "scores", {answer: 0.0})
    return None if why is None else f"What is needed: {why}."


def _checked(field: str, block: str, reads: Callable[[str], object]) -> Check:
    def check(answer: str) -> str | None:
        if not answer or answer.lower() == NOTHING:
            return None
        try:
            why = field_values.why_not(schema.Reputation, field, {block: reads(answer)})
        except ValueError:
            why = "a number"
        return None if why is None else f"What is needed: {why}."

    return check
