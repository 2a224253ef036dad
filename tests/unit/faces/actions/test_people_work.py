# SPDX-License-Identifier: Apache-2.0
"""The commands about people: what they change, what they refuse, what they show once."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest

from gatehouse.faces.actions import perform
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.operator import Operator
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.policy.people import MOST_TOKENS, Role, Way
from gatehouse.service.base import api_tokens, passwords
from gatehouse.store.auth_values import FailedLogin
from gatehouse.store.people_values import AuditFilter
from tests.unit.faces.conftest import NOW

PASSWORD = "canary of the mine"

Do = Callable[..., Any]


@pytest.fixture
def do(house: House, monkeypatch: pytest.MonkeyPatch) -> Do:
    """Does an action by its name; hashing is made cheap."""
    monkeypatch.setattr(passwords, "hash_password", lambda text: f"hash of {len(text)}")

    def run(what: str, /, acting: Operator | None = None, **fields: Any) -> Any:
        action = BY_NAME[what]
        for_whom = house if acting is None else house.acting_for(acting)
        return asyncio.run(perform.do(action, for_whom, action.input(**fields)))

    return run


@pytest.fixture
def people(do: Do) -> None:
    """An administrator and an operator."""
    do("user add", name="Boss", role="administrator", password=PASSWORD, full_name="The Boss")
    do("user add", name="bob", role="operator", password=PASSWORD)


def refused(do: Do, what: str, /, **fields: Any) -> str:
    with pytest.raises(OperatorError) as raised:
        do(what, **fields)
    return raised.value.fault.reference


@pytest.mark.usefixtures("people")
def test_accounts_are_listed_and_shown(do: Do) -> None:
    lines = do("user list").accounts
    assert [(one.name, one.role, one.full_name, one.totp) for one in lines] == [
        ("bob", "operator", "", False),
        ("boss", "administrator", "The Boss", False),
    ]
    shown = do("user show", name="BOB")
    assert (shown.account.name, shown.tokens, shown.failures) == ("bob", 0, ())


@pytest.mark.usefixtures("people")
def test_what_cannot_be_added_is_refused_with_a_reason(do: Do) -> None:
    new = {"role": "guest", "password": PASSWORD}
    assert refused(do, "user add", name="BOB", **new) == "account-exists"
    assert refused(do, "user add", name="a b", **new) == "bad-account-name"
    assert refused(do, "user add", name="eve", role="king", password=PASSWORD) == "bad-role"
    assert refused(do, "user add", name="eve", role="guest") == PASSWORD_NEEDED
    assert refused(do, "user add", name="eve", role="guest", password="short") == "short-password"
    assert refused(do, "user add", name="eve", full_name="a\nb", **new) == "bad-full-name"
    weak = {"name": "eve", "role": "guest", "password": "password1234"}
    assert refused(do, "user add", **weak) == "weak-password"
    assert len(do("user list").accounts) == 2


@pytest.mark.usefixtures("people")
def test_the_last_administrator_stays_what_he_is(do: Do) -> None:
    for name, more in (("user disable", {}), ("user delete", {}), ("user role", {"role": "guest"})):
        assert refused(do, name, name="boss", **more) == "last-administrator"
    do("user role", name="bob", role="administrator")
    do("user disable", name="boss")
    assert refused(do, "user disable", name="bob") == "last-administrator"
    do("user enable", name="boss")
    assert do("user delete", name="bob").done == "deleted"


@pytest.mark.usefixtures("people")
def test_what_proves_something_else_ends_sessions(do: Do, house: House) -> None:
    def since() -> float:
        account = house.store.people.get("bob")
        assert account is not None
        return account.credentials_at

    made = since()
    do("user totp enable", name="bob")
    assert since() == made  # a secret that only waits takes nobody's session
    for name, more in (
        ("user password", {"password": "another canary"}),
        ("user role", {"role": "help-desk"}),
        ("user disable", {}),
        ("user enable", {}),
    ):
        before = since()
        do(name, name="bob", **more)
        assert since() > before, name


@pytest.mark.usefixtures("people")
def test_failed_logins_are_shown_forgotten_and_go_with_the_account(do: Do, house: House) -> None:
    for number in range(5):
        house.store.smtp_users.note_failures(
            [
                FailedLogin(
                    account="operator bob",
                    network="192.0.2.1",
                    at=NOW + number,
                    forget_before=0.0,
                    most=100,
                    usual=False,
                )
            ]
        )
    shown = do("user show", name="bob").failures
    assert [(one.network, one.failures) for one in shown] == [("", 5), ("192.0.2.1", 5)]
    assert shown[1].waits_until is not None
    do("user unlock", name="bob")
    assert do("user show", name="bob").failures == ()
    assert refused(do, "user unlock", name="eve") == "no-such-account"


@pytest.mark.usefixtures("people")
def test_a_second_factor_counts_after_a_code_from_it(do: Do, house: House) -> None:
    assert refused(do, "user totp enable", name="bob", code="123456") == "no-secret"
    assert refused(do, "user totp recovery", name="bob") == "no-second-factor"
    started = do("user totp enable", name="bob")
    assert not started.counts
    assert started.uri.startswith("otpauth://totp/Gatehouse%20gatehouse.example.com:bob?secret=")
    assert len({len(line) for line in started.qr.splitlines()}) == 1
    assert not do("user show", name="bob").account.totp
    totp = pyotp.parse_uri(started.uri)
    assert isinstance(totp, pyotp.totp.TOTP)
    right = totp.at(int(house.clock.wall()))
    wrong = "000000" if right != "000000" else "111111"
    assert refused(do, "user totp enable", name="bob", code=wrong) == "wrong-code"
    done = do("user totp enable", name="bob", code=right)
    assert done.counts and len(done.recovery_codes) == 10 and done.uri == ""
    shown = do("user show", name="bob")
    assert (shown.account.totp, shown.recovery_codes) == (True, 10)
    step = int(house.clock.wall()) // 30
    assert not house.store.people.use_totp_step("bob", step - 1)  # the code that was just shown
    fresh = do("user totp recovery", name="bob").recovery_codes
    assert not set(fresh) & set(done.recovery_codes)
    do("user totp disable", name="bob")
    shown = do("user show", name="bob")
    assert (shown.account.totp, shown.recovery_codes) == (False, 0)


@pytest.mark.usefixtures("people")
def test_a_token_never_does_more_than_its_owner_or_its_maker(do: Do) -> None:
    made = do("user token create", name="bob", role="guest", label="backup", days=3)
    assert api_tokens.token_digest(made.token) is not None
    assert (made.made.expires_at - made.made.created_at).days == 3
    assert do("user token create", name="bob").made.role == "operator"
    assert refused(do, "user token create", name="bob", role="administrator") == "role-too-high"
    assert refused(do, "user token create", name="bob", role="king") == "bad-role"
    assert refused(do, "user token create", name="bob", label="a\nb") == "bad-label"
    low = Operator(name="boss", role=Role.GUEST, way=Way.WEB, account="boss")
    assert (
        refused(do, "user token create", acting=low, name="boss", role="operator")
        == "role-too-high"
    )
    assert do("user token create", acting=low, name="boss", role="guest").made.role == "guest"


@pytest.mark.usefixtures("people")
def test_tokens_are_listed_revoked_and_not_without_number(do: Do) -> None:
    first = do("user token create", name="bob", role="guest").made
    (line,) = do("user token list", name="bob").tokens
    assert (line.id, line.expired, line.last_used_at) == (first.id, False, None)
    assert refused(do, "user token revoke", name="boss", token=first.id) == "no-such-token"
    assert do("user token revoke", name="bob", token=first.id).done == "token revoked"
    for _ in range(MOST_TOKENS):
        do("user token create", name="bob", role="guest")
    assert refused(do, "user token create", name="bob", role="guest") == "too-many-tokens"


@pytest.mark.usefixtures("people")
def test_no_secret_is_in_the_audit_log_or_in_the_data(do: Do, house: House, tmp_path: Path) -> None:
    started = do("user totp enable", name="bob")
    totp = pyotp.parse_uri(started.uri)
    assert isinstance(totp, pyotp.totp.TOTP)
    codes = do("user totp enable", name="bob", code=totp.at(int(house.clock.wall()))).recovery_codes
    made = do("user token create", name="bob")
    do("user password", name="bob", password="another canary")
    kept = house.store.audit.list(AuditFilter(), 100)
    assert json.loads(kept[0].arguments) == {"name": "bob", "password": "(secret)"}
    files = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    secrets = [PASSWORD, "another canary", totp.secret, made.token, made.token[4:], *codes]
    for secret in secrets:
        assert secret not in str(kept)
        assert secret.encode() not in files
        assert secret.replace("-", "").encode() not in files


@pytest.mark.usefixtures("people")
def test_acting_as_an_account_takes_its_role(house: House) -> None:
    who = perform.operator_as(house, "BOB", house.acting)
    assert (who.name, who.role, who.account, who.address) == ("bob", Role.OPERATOR, "bob", "ann")
    house.store.people.delete("bob", "")
    for name in ("bob", "", "a b", "x" * 10_000):
        with pytest.raises(OperatorError, match="no such account"):
            perform.operator_as(house, name, house.acting)
