# SPDX-License-Identifier: Apache-2.0
"""The parameters of a mail flow policy in the text form of the host access table.

One table: the key as the text writes it, the field it stands for, and how its value is written.
Keys are those of the modelled appliance; where it has none, or none is known, ours is marked.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, assert_never

from gatehouse.policy import mail_flow

UNLIMITED = -1  # how the appliance writes "off" for recipients in an hour


class Form(enum.Enum):
    """How a value stands in the text."""

    NUMBER = "number"
    RATE = "rate"  # a number; -1 is off
    TEXT = "text"
    WORD = "word"  # the value of an enumeration
    SWITCH = "switch"  # "on" or "off"; 1 and 0 are read too
    LIST = "list"  # one text, its parts apart by commas
    TLS = "tls"  # two fields in one word: the demand, and whether client certificates are verified


@dataclass(frozen=True, slots=True)
class Key:
    """One parameter."""

    key: str
    field: str  # of config.schema.MailFlowPolicy
    form: Form
    ours: bool = False  # not a key of the appliance


KEYS = (
    Key("max_msgs_per_session", "max_messages_per_connection", Form.NUMBER),
    Key("max_rcpts_per_msg", "max_recipients_per_message", Form.NUMBER),
    Key("max_message_size", "max_message_size", Form.NUMBER),
    Key("max_concurrency", "max_connections_per_client", Form.NUMBER),
    Key("smtp_banner_code", "banner_code", Form.NUMBER, ours=True),
    Key("smtp_banner_text", "banner_text", Form.TEXT),
    Key("smtp_banner_host", "banner_host", Form.TEXT, ours=True),
    Key("smtp_reject_code", "reject_code", Form.NUMBER, ours=True),
    Key("smtp_reject_text", "reject_text", Form.TEXT, ours=True),
    Key("max_rcpts_per_hour", "max_recipients_per_hour", Form.RATE),
    Key("max_rcpts_per_hour_code", "rate_code", Form.NUMBER, ours=True),
    Key("max_rcpts_per_hour_text", "rate_text", Form.TEXT),
    Key("env_sender_rate", "max_sender_recipients_per_hour", Form.RATE, ours=True),
    Key("dhap_limit", "dhap_limit", Form.NUMBER),
    Key("dhap_drop_connection", "dhap_drop_connection", Form.SWITCH, ours=True),
    Key("check_sender_domain", "check_sender_domain", Form.SWITCH, ours=True),
    Key("tls", "tls", Form.TLS),
    Key("tls_mandatory_list", "tls_mandatory_list", Form.LIST, ours=True),
    Key("smtp_auth", "smtp_auth", Form.WORD, ours=True),
    Key("auth_needs_tls", "auth_needs_tls", Form.SWITCH, ours=True),
)
BY_KEY: Mapping[str, Key] = MappingProxyType({one.key: one for one in KEYS})

# What the appliance does with messages behind the policy; here nothing acts on them.
UNUSED = frozenset({"use_sb", "spam_check", "virus_check"})

VERIFY = "verify_client_certificate"  # written as a part of the word behind tls
_VERIFY_SUFFIX = "_verify"
_SWITCHES: Mapping[str | int, bool] = MappingProxyType(
    {"on": True, "off": False, 1: True, 0: False}
)
# A quoted local part may hold a comma. It is bounded, so that quotes which are never closed are not
# looked for from each of them to the end; RFC 5321 §4.5.3.1.1 allows 64 octets.
_PART = re.compile(r'(?:"(?:[^"\\]|\\.){0,320}+"|[^,])++')


@dataclass(frozen=True, slots=True)
class KeyFault:
    """Why a value is none."""

    reason: str


def read(key: Key, value: int | str) -> dict[str, Any] | KeyFault:
    """The fields that a parameter sets; bounds are the schema's to check."""
    match key.form:
        case Form.NUMBER:
            if not isinstance(value, int):
                return KeyFault("a number without quotes")
            return {key.field: value}
        case Form.RATE:
            if not isinstance(value, int) or value == 0 or value < UNLIMITED:
                return KeyFault(f"a number above 0, or {UNLIMITED} for no limit")
            return {key.field: mail_flow.OFF if value == UNLIMITED else value}
        case Form.SWITCH:
            word = value.lower() if isinstance(value, str) else value
            if word not in _SWITCHES:
                return KeyFault('"on" or "off"')
            return {key.field: _SWITCHES[word]}
        case Form.TEXT | Form.WORD | Form.LIST | Form.TLS:
            if not isinstance(value, str):
                return KeyFault("a text in quotes")
            return _read_text(key, value)
        case other:
            assert_never(other)


def write(fields: Mapping[str, Any]) -> tuple[tuple[str, int | str], ...]:
    """The parameters for fields with values, in the order of the table."""
    return tuple((key.key, _written(key, fields)) for key in KEYS if key.field in fields)


def _read_text(key: Key, value: str) -> dict[str, Any]:
    if key.form is Form.LIST:
        return {key.field: [part.strip() for part in _PART.findall(value) if part.strip()]}
    if key.form is Form.TLS:
        word = value.lower()
        return {key.field: word.removesuffix(_VERIFY_SUFFIX), VERIFY: word.endswith(_VERIFY_SUFFIX)}
    return {key.field: value.lower() if key.form is Form.WORD else value}


def _written(key: Key, fields: Mapping[str, Any]) -> int | str:
    value = fields[key.field]
    match key.form:
        case Form.RATE:
            return UNLIMITED if value == mail_flow.OFF else int(value)
        case Form.SWITCH:
            return "on" if value else "off"
        case Form.WORD:
            return str(value.value)
        case Form.LIST:
            return ", ".join(value)
        case Form.TLS:
            verified = fields.get(VERIFY) and value is not mail_flow.TlsDemand.OFF
            return f"{value.value}{_VERIFY_SUFFIX if verified else ''}"
        case Form.NUMBER:
            return int(value)
        case Form.TEXT:
            return str(value)
        case other:
            assert_never(other)
