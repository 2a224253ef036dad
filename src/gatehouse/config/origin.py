# SPDX-License-Identifier: Apache-2.0
"""Where the value of a mail flow policy's field comes from: the one place that knows precedence.

A field's own value comes first, then the built-in value of the policy's name, then the section
"default", then the factory value. What builds the running policy and what shows it to people both
ask here, so that nobody is shown an inheritance that does not happen.
"""

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatehouse.config import builtin, schema
from gatehouse.policy import mail_flow


class Origin(enum.Enum):
    """Who decided about a field."""

    OWN = "own"  # the policy's own section
    BUILT_IN = "built-in"  # what a policy of this name has without being written
    DEFAULT = "default"  # inherited from [mail_flow_policies.default]
    FACTORY = "factory"  # nobody has set it

    @property
    def inherited(self) -> bool:
        """Does the value come from outside of the policy?"""
        return self in (Origin.DEFAULT, Origin.FACTORY)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The final value of one field, and who decided."""

    value: Any
    origin: Origin


def policy_fields(document: schema.Document, name: str) -> dict[str, Resolved]:
    """Every field of a mail flow policy but its name; KeyError for a name nobody knows."""
    written = document.mail_flow_policies.get(name)
    if written is None and name not in builtin.POLICIES and name != schema.DEFAULT_POLICY:
        raise KeyError(name)
    layers: list[tuple[Origin, Mapping[str, Any]]] = [
        (Origin.FACTORY, _FACTORY),
        (Origin.DEFAULT, set_fields(document.mail_flow_policies.get(schema.DEFAULT_POLICY))),
        (Origin.BUILT_IN, builtin.POLICIES.get(name, {})),
        (Origin.OWN, set_fields(written)),
    ]
    fields: dict[str, Resolved] = {}
    for origin, values in layers:
        fields |= {field: Resolved(value, origin) for field, value in values.items()}
    return fields


def set_fields(section: schema.Section | None) -> dict[str, Any]:
    """The fields of a section that have a value; the others inherit."""
    if section is None:
        return {}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(section).items()
        if value is not None
    }


_FACTORY: Mapping[str, Any] = {
    field.name: field.default
    for field in dataclasses.fields(mail_flow.MailFlowPolicy)
    if field.name != "name"
}
