# SPDX-License-Identifier: Apache-2.0
"""No secret is ever shown: one of each kind is planted, and whatever can be read is searched."""

import asyncio
import base64
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import argon2
import msgspec
import pytest

from gatehouse.config import checks, findings, reference, schema
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.faces.actions import (
    audit_trail,
    configuration_edit,
    people_work,
    perform,
    smart_hosts_work,
    smtp_users_work,
)
from gatehouse.faces.actions import configuration_files_work as files
from gatehouse.faces.actions import configuration_work as work
from gatehouse.faces.actions.action import Action, arguments
from gatehouse.faces.actions.configuration import LoadInput
from gatehouse.faces.actions.configuration_files import MailInput, SaveInput
from gatehouse.faces.actions.errors import Fault, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.people import AddInput as NewAccount
from gatehouse.faces.actions.registry import ACTIONS
from gatehouse.faces.actions.smart_hosts import PasswordInput as HostPassword
from gatehouse.faces.actions.smtp_users import AddInput as NewUser
from gatehouse.faces.cli.shown import render
from gatehouse.faces.cli.terminal import Screen
from gatehouse.service.base import passwords
from gatehouse.service.trust import keyring, sealing
from gatehouse.store.people_values import AuditFilter
from gatehouse.tls.certificates import create_demo
from tests.unit.faces.conftest import NOW

MOMENT = datetime.fromtimestamp(NOW, UTC)
CANARY = "cAnArY{}-correct-horse"
TEXT = DEFAULT_TEXT + '\n[smart_hosts.ses]\nhost = "ses.example"\nusername = "us"\n'
# Names by which people write passwords into a file that has no place for them.
TRIED = ("password", "pass", "pwd", "passphrase", "secret", "api_key", "token", "auth", "login",
         "key", "private_key", "credentials", "pin", "Passwort", "smtp_pass")  # fmt: skip
NO_SECRETS = {"password_over", "password_login"}  # words, and a switch


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices are for guessers, not for tests."""
    monkeypatch.setattr(sealing, "MEMORY_KIB", 64)
    monkeypatch.setattr(sealing, "PASSES", 1)
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)


def run(work: Any) -> Any:
    return asyncio.run(work)


class Planted:
    """The canaries, and in which forms they could be seen."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.forms: dict[bytes, str] = {}

    def word(self, kind: str) -> str:
        """A password that is a canary."""
        made = CANARY.format(next(self._numbers))
        self.octets(kind, made.encode())
        return made

    def octets(self, kind: str, octets: bytes) -> None:
        """Something that must not be seen, as it is and in base64."""
        self.forms[octets] = kind
        self.forms[base64.b64encode(octets).rstrip(b"=")[:-1]] = f"{kind} in base64"

    def seen_in(self, text: bytes | str) -> list[str]:
        """Which of them stand in a text."""
        within = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        return [kind for form, kind in self.forms.items() if form in within]


@pytest.fixture
def planted(house: House) -> Planted:
    """A house with a secret of each kind, in force and waiting."""
    canaries, store = Planted(), house.store
    in_force, waiting = (create_demo(now=MOMENT, serial=serial) for serial in (7, 8))
    for name, certified in (("mx", in_force), ("new", waiting)):
        canaries.octets(f"private key of {name}", certified.key_pem.split(b"\n")[2])
    keyring.put(store, "mx", in_force, NOW)
    keyring.stage(store, house.operator, "new", waiting, NOW)
    given: dict[str, Any] = {"password": canaries.word("password of ann2")}
    run(people_work.add(house, NewAccount(name="ann2", role="operator", **given)))
    account = store.people.get("ann2")
    assert account is not None
    assert account.password_hash is not None
    canaries.octets("hash of ann2", account.password_hash.encode())
    given = {"password": canaries.word("password of printer")}
    run(smtp_users_work.add(house, NewUser(name="printer", **given)))
    user = store.smtp_users.get("printer")
    assert user is not None
    assert user.scram is not None
    assert user.password_hash is not None
    canaries.octets("hash of printer", user.password_hash.encode())
    canaries.octets("stored key of printer", user.scram.stored_key)
    canaries.octets("server key of printer", user.scram.server_key)
    passphrase = canaries.word("passphrase")
    run(work.load(house, LoadInput(file=TEXT.encode(), commit="a smart host")))
    given = {"password": canaries.word("password at ses")}
    run(smart_hosts_work.set_password(house, HostPassword(name="ses", **given)))
    all_of_it: dict[str, Any] = {
        "with_certificates": True,
        "with_people": True,
        "passphrase": passphrase,
    }
    sealed = run(files.save(house, SaveInput(file="x", **all_of_it))).content
    assert canaries.seen_in(sealed) == []
    run(smart_hosts_work.set_password(house, HostPassword(name="ses", password="another")))
    run(work.load(house, LoadInput(file=sealed, passphrase=passphrase)))  # now the first one waits
    return canaries


def askable() -> Iterator[tuple[Action, msgspec.Struct]]:
    """Every action that only looks, as it is without arguments."""
    for action in ACTIONS:
        fields = arguments(action)
        if not action.changes and not any(field.required for field, _, _ in fields):
            yield action, action.input()


def test_whatever_can_be_looked_at_shows_no_secret(house: House, planted: Planted) -> None:
    looked = 0
    for action, given in askable():
        try:
            output: msgspec.Struct = run(perform.do(action, house, given))
            looked += 1
        except OperatorError as refused:
            output = refused.fault
        assert planted.seen_in(msgspec.json.encode(output)) == [], action.name
        if not isinstance(output, Fault):
            assert planted.seen_in(render(output, Screen())) == [], action.name
        assert planted.seen_in(repr(output)) == [], action.name
    assert looked > 20, "hardly anything was looked at"


@pytest.mark.parametrize("candidate", [False, True])
def test_what_leaves_the_gateway_holds_no_secret_in_clear(
    house: House, planted: Planted, candidate: bool
) -> None:
    word = "the word of the file"
    everything: dict[str, Any] = {
        "with_certificates": True,
        "with_people": True,
        "passphrase": word,
    }
    wanted: tuple[dict[str, Any], ...] = ({}, {"section": ("smart_hosts",)}, everything)
    for given in wanted:
        content = run(files.save(house, SaveInput(file="x", candidate=candidate, **given))).content
        assert planted.seen_in(content) == []
        assert word.encode() not in content
    done = run(files.mail(house, MailInput(address=("a@b.example",), **everything)))
    message = house.store.queue.load(done.queued[0])
    assert message is not None
    body = house.store.spool.read_small(message.body)
    assert planted.seen_in(body) == []
    assert planted.seen_in(base64.b64decode(body.partition(b"base64\r\n\r\n")[2])) == []


def test_the_store_and_the_logs_hold_no_secret_in_clear(house: House, planted: Planted) -> None:
    held = [one for one in house.directory.path.rglob("*") if one.is_file()]
    assert len(held) > 2
    for path in held:
        assert planted.seen_in(path.read_bytes()) == [], path.name


def test_the_audit_log_names_secrets_and_keeps_none(house: House, planted: Planted) -> None:
    canary = planted.word("any")
    for action in ACTIONS:
        values: dict[str, Any] = {}
        for field, kind, asked in arguments(action):
            if asked.secret or asked.unlogged:
                values[field.name] = canary
            elif field.required:
                values[field.name] = b"" if kind is bytes else 1 if kind is int else "x"
        if canary in values.values():
            given = action.input(**values)
            kept = audit_trail.told_arguments(action, given)
            assert "(secret)" in kept, action.name
            assert planted.seen_in(kept) == [], action.name
            assert planted.seen_in(repr(action)) == []


@pytest.mark.parametrize("name", TRIED)
def test_a_password_that_is_set_like_a_field_is_refused_and_not_kept(
    house: House, name: str
) -> None:
    given = configuration_edit.SetInput(path=f"smart_hosts.ses.{name}", value=CANARY)
    with pytest.raises(OperatorError) as refused:
        run(perform.do(configuration_edit.SET, house, given))
    told = refused.value.fault.sentence() + str(refused.value.fault.findings)
    assert CANARY not in told
    kept = house.store.audit.list(AuditFilter(), 10)
    assert len(kept) == 1
    if findings.is_secret((name,)):
        assert CANARY not in kept[0].arguments


# --- fields ---------------------------------------------------------------------------------------


def test_no_field_of_the_configuration_is_for_a_secret() -> None:
    named = {name for _, name, _ in reference.fields() if findings.is_secret((name,))}
    assert named == NO_SECRETS


def sections() -> Iterator[tuple[str, type[schema.Section]]]:
    yield "", schema.Document
    for part in reference._parts(schema.Document, ""):
        yield part.place, part.model


def written(place: str, line: str) -> bytes:
    """A text with a line in a section; what else the section lacks is told beside it."""
    if not place:
        return f"{line}\nformat = 1\n".encode()
    names = place.replace('"DOMAIN"', "'d.example'").replace('"ADDRESS"', "'a@d.example'")
    lists = ("recipient_access", "sender_groups", "sender_tls_overrides", "crl.sources")
    header = f"[[{names}]]" if names.endswith(lists) else f"[{names}]"
    return f"format = 1\n{header}\n{line}\n".encode()


@pytest.mark.parametrize(("place", "model"), list(sections()), ids=lambda one: str(one)[:40])
def test_a_password_in_a_place_where_none_belongs_is_not_repeated(
    place: str, model: type[schema.Section]
) -> None:
    for name in TRIED:
        for value in (f'"{CANARY}"', f'["{CANARY}"]', f'{{ x = "{CANARY}" }}', CANARY):
            refused = checks.load(written(place, f"{name} = {value}"))
            assert isinstance(refused, checks.Refused)
            assert CANARY not in "".join(map(str, refused.findings)), (place, name)
    for name in model.model_fields:
        # A URL or a host with a password in it is no value of any field.
        refused = checks.load(written(place, f'{name} = "smtp://us:{CANARY}@h.example:25/"'))
        found = refused.findings if isinstance(refused, checks.Refused) else ()
        assert CANARY not in "".join(map(str, found)), (place, name)
