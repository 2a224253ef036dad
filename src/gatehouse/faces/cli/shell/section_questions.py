# SPDX-License-Identifier: Apache-2.0
"""Questions about the fields of one section, asked as the schema declares the fields.

What is asked, and in which words, is a table of the dialogue; what an answer may be, its bounds and
its help are in the schema already. The default in brackets is the value that holds. An answer that
means the same is not written, and so what has its default, or inherits, goes on doing so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatehouse.config import annotations, field_values, schema, units
from gatehouse.config.field_values import Declared, Kind
from gatehouse.faces.cli.shell.candidate_edit import Draft, Values
from gatehouse.faces.cli.shell.dialogue import (
    NOTHING,
    Check,
    Talk,
    ask,
    ask_number,
    choose,
    confirm,
    whole_number,
    words_of,
)

Section = type[schema.Section]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `choices`: what the words of the field are called, in the schema's order."""

    field: str
    text: str
    choices: tuple[str, ...] = ()
    names: str = ""  # the section whose names the field takes
    known: tuple[str, ...] | None = None  # the names themselves, where they stand elsewhere
    unset: str = "Not set"  # the choice that takes the value away


def ask_section(
    draft: Draft, path: tuple[str, ...], questions: Sequence[Question], holds: object = None
) -> Talk[None]:
    """Ask about a section of the draft, which is not kept yet.

    `holds`: a value whose attributes hold where a field is not set and inherits.
    """
    before = draft.get(*path) or {}
    values = dict(before)
    yield from ask_values(draft, _model(path), values, questions, holds)
    if values != before:  # else a section that is not there would be there, with nothing in it
        draft.put(path, values)


def ask_values(
    draft: Draft,
    model: Section,
    values: Values,
    questions: Sequence[Question],
    holds: object = None,
) -> Talk[None]:
    """Ask about a section that has these values, and change them."""
    for one in questions:
        inherited = getattr(holds, one.field, None)
        yield from _Asked(draft, model, values, one, inherited).ask()


def ask_bounded(model: Section, field: str, text: str, now: int) -> Talk[int]:
    """A whole number within the bounds of a field; of a time, its seconds."""
    declared = field_values.declared(model, field)
    assert declared.least is not None
    assert declared.most is not None
    return (yield from ask_number(text, now, declared.least, declared.most))


def fits(model: Section, field: str) -> Check:
    """A check: the field could have this text."""

    def check(answer: str) -> str | None:
        return _needed(field_values.why_not(model, field, answer))

    return check


def _needed(why: str | None) -> str | None:
    return None if why is None else f"What is needed: {why}."


def _model(path: tuple[str, ...]) -> Section:
    model: Section = schema.Document
    names = iter(path)
    for name in names:
        found = annotations.section_of(model.model_fields[name].annotation)
        assert found is not None, path
        model, many = found
        if many is annotations.Many.BY_NAME:
            next(names)  # the operator's own
    return model


class _Asked:
    """One question about one field of one section."""

    def __init__(
        self, draft: Draft, model: Section, values: Values, one: Question, inherited: object
    ) -> None:
        self._model, self._values, self._one = model, values, one
        self._declared: Declared = field_values.declared(model, one.field)
        self._written = one.field in values
        if self._written:
            self._now = field_values.read(model, one.field, values[one.field])
        elif isinstance(inherited, float):
            self._now = int(inherited)  # seconds, which a policy may divide
        else:
            self._now = self._declared.default if inherited is None else inherited
        self._known = draft.names(one.names) if one.names else one.known

    def ask(self) -> Talk[None]:
        if self._known is not None:
            yield from self._choose(self._known, self._known)
            return
        match self._declared.kind:
            case Kind.SWITCH if not self._declared.optional:
                help = self._declared.description
                self._put((yield from confirm(self._one.text, bool(self._now), help)))
            case Kind.SWITCH:
                yield from self._choose((True, False), ("Yes", "No"))
            case Kind.WORD:
                words = self._declared.words
                yield from self._choose(words, self._one.choices or _capitals(words))
            case Kind.LIST:
                yield from self._list()
            case _:
                yield from self._line()

    def _put(self, value: object) -> None:
        """Write what differs from what holds."""
        if value is None:
            self._values.pop(self._one.field, None)
        elif field_values.read(self._model, self._one.field, value) != self._now:
            self._values[self._one.field] = value

    def _choose(self, values: Sequence[object], shown: Sequence[str]) -> Talk[None]:
        now = field_values.written(self._model, self._one.field, self._now)
        choices: list[tuple[object, str]] = list(zip(values, shown, strict=True))
        if self._declared.optional:
            choices.insert(0, (None, self._one.unset))
        places = [place for place, (value, _) in enumerate(choices) if value == now]
        place = yield from choose(
            self._one.text,
            [words for _, words in choices],
            places[0] if places else None,
            self._declared.description,
        )
        self._put(choices[place][0])

    def _list(self) -> Talk[None]:
        now = field_values.written(self._model, self._one.field, self._now) or []
        default = ", ".join(now)

        def check(answer: str) -> str | None:
            if answer == default or answer.lower() == NOTHING:
                return None
            for one in words_of(answer):
                why = field_values.why_not(self._model, self._one.field, [one])
                if why is not None:
                    return _needed(f"{why}, and not {one}")
            return _needed(
                field_values.why_not(self._model, self._one.field, list(words_of(answer)))
            )

        answer = yield from ask(
            f"{self._one.text}, with commas between them{self._hint()}",
            default,
            check=check,
            help=self._declared.description,
        )
        if answer.lower() == NOTHING:
            self._put(None)
        elif answer != default:
            self._put(list(words_of(answer)))

    def _line(self) -> Talk[None]:
        now = self._now
        default = (
            "" if now is None else str(field_values.written(self._model, self._one.field, now))
        )
        answer = yield from ask(
            f"{self._one.text}{self._hint() if self._declared.optional else ''}",
            default,
            check=self._check,
            help=self._declared.description,
        )
        if self._declared.optional and answer.lower() == NOTHING:
            self._put(None)
        elif answer and answer != default:
            self._put(int(answer) if self._declared.kind is Kind.NUMBER else answer)

    def _hint(self) -> str:
        return f" ({NOTHING}: not set)" if self._written else ""

    def _check(self, answer: str) -> str | None:
        declared = self._declared
        if declared.optional and (not answer or answer.lower() == NOTHING):
            return None
        if not answer:
            return "An answer is needed."
        least, most = declared.least, declared.most
        if declared.kind is Kind.NUMBER and least is not None and most is not None:
            return whole_number(least, most)(answer)
        why = field_values.why_not(self._model, self._one.field, answer)
        if why is not None and declared.kind in _FORMS:
            bounds = [
                f"{word} {field_values.written(self._model, self._one.field, bound)}"
                for word, bound in (("at least", least), ("at most", most))
                if bound is not None
            ]
            why = ", ".join((_FORMS[declared.kind], *bounds))
        return _needed(why)


_FORMS = {Kind.DURATION: units.DURATION_FORM, Kind.SIZE: units.SIZE_FORM}


def _capitals(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{one[:1].upper()}{one[1:]}" for one in words)
