# SPDX-License-Identifier: Apache-2.0
"""The same sections with every field optional: what a lower level may say about a higher one's.

Derived from the declarations, so that types, bounds, validators and help are the same at every
level. Lists are not taken apart: a lower level says all of a list or nothing, and each element of
it is complete.
"""

import types
import typing
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model


class Deriver:
    """Makes models of one family; a model that occurs twice is made once."""

    def __init__(self, base: type[BaseModel]) -> None:
        self._base = base
        self._made: dict[type[BaseModel], type[BaseModel]] = {}

    def derive(self, model: type[BaseModel]) -> type[BaseModel]:
        """The model with every field optional, at every depth."""
        if model not in self._made:
            fields: dict[str, Any] = {}
            for name, field in model.model_fields.items():
                kind: Any = self._kind(field.annotation)
                if field.metadata:
                    kind = Annotated[(kind, *field.metadata)]
                fields[name] = (kind | None, Field(default=None, description=field.description))
            self._made[model] = create_model(
                f"Partial{model.__name__}", __base__=self._base, __doc__=model.__doc__, **fields
            )
        return self._made[model]

    def _kind(self, kind: Any) -> Any:  # noqa: ANN401
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is Annotated:
            return Annotated[(self._kind(arguments[0]), *arguments[1:])]
        if origin in (typing.Union, types.UnionType):
            return typing.Union[tuple(self._kind(one) for one in arguments)]  # noqa: UP007
        if origin is dict:
            return types.GenericAlias(dict, (arguments[0], self._kind(arguments[1])))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.derive(kind)
        return kind
