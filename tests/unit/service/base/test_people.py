# SPDX-License-Identifier: Apache-2.0
"""Who is this operator: passwords, codes, tokens, waits; and refusals that say nothing."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyotp
import pytest
from pyotp.totp import TOTP

from gatehouse.journal import facts
from gatehouse.policy import auth_throttle
from gatehouse.policy.people import Role, Way
from gatehouse.service.base import api_tokens, passwords, second_factor
from gatehouse.service.base import people as module
from gatehouse.service.base.first_start import ensure_administrator
from gatehouse.service.base.login_waits import LoginWaits
from gatehouse.service.base.people import KeyLogin, Login, NeedsCode, People, Person, Refused
from gatehouse.store.directory import DataDirectory
from gatehouse.store.people_values import Account, AccountChange, ApiToken, SshKey
from gatehouse.store.sqlite.store import SqliteStore, open_store

PASSWORD, NOW = "canary of the mine", 1_800_000_000.0
HASH = passwords.hash_password(PASSWORD)
KEEP = Role.ADMINISTRATOR.value


@dataclass
class Scene:
    """A door with somebody who may pass it, and a clock that stands."""

    store: SqliteStore
    now: float = NOW

    def __post_init__(self) -> None:
        self.facts: list[facts.Fact] = []
        self.door = People(self.store, lambda: self.now, self.facts.append)
        self.account = Account(
            name="ann",
            role=KEEP,
            password_hash=HASH,
            created_at=1.0,
            changed_at=1.0,
            credentials_at=1.0,
        )
        assert self.store.people.add(self.account)

    def change(self, recovery: tuple[bytes, ...] | None = None, **fields: object) -> None:
        self.account = replace(self.account, **fields)  # type: ignore[arg-type]
        assert self.store.people.replace(self.account, KEEP, recovery) is AccountChange.DONE
        self.account = replace(self.account, version=self.account.version + 1)

    def login(
        self,
        name: str = "ann",
        password: str = PASSWORD,
        code: str = "",
        address: str = "192.0.2.1",
    ) -> Person | Refused:
        login = Login(name=name, password=password, code=code, way=Way.WEB, address=address)
        return asyncio.run(self.door.authenticate(login))

    def token(self, role: Role, days: float = 1.0) -> str:
        made = api_tokens.new_token()
        kept = ApiToken(
            id=made.id,
            account="ann",
            role=role.value,
            label="",
            created_at=self.now,
            expires_at=self.now + days * 86_400,
        )
        self.store.people.add_token(kept, made.digest, 0.0)
        return made.text

    def show(self, text: str) -> Person | Refused:
        return asyncio.run(self.door.token(text))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = open_store(DataDirectory(tmp_path / "data"))
    scene = Scene(store)
    yield scene
    scene.door.close()
    store.close()


def test_the_right_password_opens_and_is_noted(scene: Scene) -> None:
    who = scene.login("ANN")
    assert isinstance(who, Person)
    assert (who.name, who.role, who.credentials_at, who.token) == (
        "ann",
        Role.ADMINISTRATOR,
        1.0,
        "",
    )
    kept = scene.store.people.get("ann")
    assert kept is not None and kept.last_login_at == NOW
    (fact,) = scene.facts
    assert isinstance(fact, facts.OperatorLogin)
    assert (fact.name, fact.way, fact.address, fact.outcome) == (
        "ANN",
        "web",
        "192.0.2.1",
        "succeeded",
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "another password"),
        ("bob", PASSWORD),
        ("", ""),
        ("a\x00", PASSWORD),
        ("ann", "\x00"),
        ("x" * 100_000, "x" * 100_000),
        ("unknown name", PASSWORD),
    ],
)
def test_every_refusal_is_the_same_and_costs_a_hash(
    scene: Scene, name: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str | None] = []

    def count(encoded: str | None, given: str) -> bool:
        hashed.append(encoded)
        return encoded == HASH and given == PASSWORD

    monkeypatch.setattr(passwords, "verify_password", count)
    assert scene.login(name, password) == Refused()
    assert len(hashed) == 1
    assert all(len(getattr(fact, "name", "")) <= 64 for fact in scene.facts)


def test_a_disabled_account_is_refused_like_a_wrong_password(scene: Scene) -> None:
    scene.store.people.add(replace(scene.account, name="bob"))
    scene.change(enabled=False)
    assert scene.login() == Refused()


def test_whoever_guesses_waits_and_the_usual_address_does_not(scene: Scene) -> None:
    assert isinstance(scene.login(address="192.0.2.7"), Person)
    for _ in range(auth_throttle.FREE_AT_BOTH):
        assert scene.login(password="guess of a guesser") == Refused()
    late = scene.login()
    assert isinstance(late, Refused) and late.seconds > 0
    assert isinstance(scene.login(address="192.0.2.7"), Person)
    scene.now += auth_throttle.FIRST_WAIT + 1
    assert isinstance(scene.login(), Person)
    assert [fact.outcome for fact in scene.facts if isinstance(fact, facts.OperatorLogin)][-3:] == [
        "delayed",
        "succeeded",
        "succeeded",
    ]


def test_a_user_of_smtp_auth_of_the_same_name_is_somebody_else(scene: Scene) -> None:
    for _ in range(auth_throttle.FREE_AT_BOTH):
        scene.login(password="guess of a guesser")
    assert scene.store.smtp_users.history("ann", "192.0.2.1").both.count == 0
    assert scene.store.smtp_users.history("operator ann", "192.0.2.1").both.count == 5


def test_a_password_alone_is_not_enough_where_a_code_is_wanted(scene: Scene) -> None:
    secret = second_factor.new_secret()
    scene.change(totp_secret=secret)
    code = pyotp.totp.TOTP(secret).at(int(NOW))
    assert scene.login() == Refused()
    assert scene.login(code="000000" if code != "000000" else "111111") == Refused()
    assert isinstance(scene.login(code=code), Person)


def test_a_code_does_not_count_twice_nor_an_older_one_after_it(scene: Scene) -> None:
    secret = second_factor.new_secret()
    scene.change(totp_secret=secret)
    totp = pyotp.totp.TOTP(secret)
    assert isinstance(scene.login(code=totp.at(int(NOW))), Person)
    assert scene.login(code=totp.at(int(NOW))) == Refused()
    assert scene.login(code=totp.at(int(NOW) - 30)) == Refused()
    assert isinstance(scene.login(code=totp.at(int(NOW) + 30)), Person)


def test_a_code_is_not_used_up_by_a_wrong_password(scene: Scene) -> None:
    secret = second_factor.new_secret()
    codes = second_factor.new_recovery_codes()
    digest = second_factor.recovery_digest(codes[0])
    assert digest is not None
    scene.change((digest,), totp_secret=secret)
    code = pyotp.totp.TOTP(secret).at(int(NOW))
    assert scene.login(password="guess of a guesser", code=code) == Refused()
    assert scene.login(password="guess of a guesser", code=codes[0]) == Refused()
    assert isinstance(scene.login(code=code), Person)
    assert isinstance(scene.login(code=codes[0]), Person)
    assert scene.login(code=codes[0]) == Refused()


def test_one_code_at_two_doors_at_once_opens_one(scene: Scene) -> None:
    secret = second_factor.new_secret()
    scene.change(totp_secret=secret)
    code = pyotp.totp.TOTP(secret).at(int(NOW))
    login = Login(name="ann", password=PASSWORD, code=code, way=Way.API, address="192.0.2.1")

    async def both() -> list[Person | Refused]:
        return await asyncio.gather(*(scene.door.authenticate(login) for _ in range(4)))

    assert [isinstance(one, Person) for one in asyncio.run(both())].count(True) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Something happens while a password is hashed."""
    verify = passwords.verify_password

    def slow(encoded: str | None, given: str) -> bool:
        happens()
        return verify(encoded, given)

    monkeypatch.setattr(passwords, "verify_password", slow)


def test_a_password_that_was_replaced_meanwhile_no_longer_opens(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: scene.change(password_hash="another"))
    assert scene.login() == Refused()


def test_guesses_at_the_same_time_do_not_slip_past_the_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = LoginWaits(scene.store.smtp_users, lambda: NOW)

    def others() -> None:
        for _ in range(auth_throttle.FREE_AT_BOTH):
            waits.note("operator ann", "192.0.2.1", right=False)

    meanwhile(monkeypatch, others)
    late = scene.login()
    assert isinstance(late, Refused) and late.seconds > 0


class Slow(LoginWaits):
    """Others are looked at between each answer and the count that follows from it."""

    def seconds(self, account: str, network: str) -> float:
        found = super().seconds(account, network)
        # Whoever else is judged at the same time comes as far as this, too; a bound, not a wait.
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(0.05)
        return found

    barrier = threading.Barrier(3)


@pytest.fixture
def slow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(module, "LoginWaits", Slow)
    monkeypatch.setattr(passwords, "verify_password", lambda encoded, given: given == PASSWORD)
    scene.door = People(scene.store, lambda: scene.now, scene.facts.append)
    return scene


def outcomes(scene: Scene) -> list[str]:
    return sorted(fact.outcome for fact in scene.facts if isinstance(fact, facts.OperatorLogin))


def test_many_guesses_in_one_instant_are_no_more_than_are_free(slow: Scene) -> None:
    wrong = Login(name="ann", password="guess", way=Way.SSH, address="192.0.2.1")

    async def many() -> None:
        await asyncio.gather(*(slow.door.authenticate(wrong) for _ in range(10)))

    asyncio.run(many())
    assert outcomes(slow) == ["delayed"] * 5 + ["failed"] * auth_throttle.FREE_AT_BOTH


def test_many_codes_behind_a_key_in_one_instant_are_no_more_than_are_free(
    slow: Scene, keyed: Scene
) -> None:
    slow.change(totp_secret=second_factor.new_secret())
    wrong = KeyLogin(name="ann", fingerprint=KEY, code="nonsense", way=Way.SSH, address="192.0.2.1")

    async def many() -> None:
        await asyncio.gather(*(slow.door.enter_by_key(wrong) for _ in range(10)))

    asyncio.run(many())
    assert outcomes(slow) == ["delayed"] * 5 + ["failed"] * auth_throttle.FREE_AT_BOTH


def test_a_recovery_code_at_two_doors_at_once_opens_one(scene: Scene) -> None:
    codes = second_factor.new_recovery_codes()
    digest = second_factor.recovery_digest(codes[0])
    assert digest is not None
    scene.change((digest,), totp_secret=second_factor.new_secret())
    other = People(scene.store, lambda: scene.now, scene.facts.append)  # as of another process
    login = Login(name="ann", password=PASSWORD, code=codes[0], way=Way.SSH, address="192.0.2.1")

    async def both() -> list[Person | Refused]:
        doors = (scene.door, other, scene.door, other)
        return await asyncio.gather(*(door.authenticate(login) for door in doors))

    assert [isinstance(one, Person) for one in asyncio.run(both())].count(True) == 1
    other.close()


def test_too_many_at_once_are_told_to_come_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    login = Login(name="ann", password=PASSWORD, way=Way.API, address="192.0.2.1")

    async def five() -> list[Person | Refused]:
        return await asyncio.gather(*(scene.door.authenticate(login) for _ in range(5)))

    outcomes = asyncio.run(five())
    assert sum(isinstance(one, Person) for one in outcomes) == 2
    assert outcomes.count(Refused(1.0)) == 3


def test_nothing_that_proves_somebody_shows_in_a_text() -> None:
    login = Login(name="ann", password="canary-1", code="canary-2", way=Way.WEB, address="")
    assert "canary" not in repr(login)


def test_a_token_acts_for_its_owner_with_its_own_role(scene: Scene) -> None:
    who = scene.show(scene.token(Role.GUEST))
    assert isinstance(who, Person)
    assert (who.name, who.role) == ("ann", Role.GUEST)
    assert who.token
    assert scene.store.people.tokens("ann")[0].last_used_at == NOW


def test_a_token_ends_with_its_time_its_owner_and_its_owners_rights(scene: Scene) -> None:
    scene.store.people.add(replace(scene.account, name="bob"))
    guest, operator = scene.token(Role.GUEST), scene.token(Role.OPERATOR, days=0.0)
    administrator = scene.token(Role.ADMINISTRATOR)
    assert scene.show(operator) == Refused()
    assert isinstance(scene.show(administrator), Person)
    scene.change(role=Role.OPERATOR.value)
    assert scene.show(administrator) == Refused()
    assert isinstance(scene.show(guest), Person)
    scene.change(enabled=False)
    assert scene.show(guest) == Refused()
    assert scene.show("ghk_" + "a" * 43) == Refused()
    assert scene.show("nonsense") == Refused()


def test_the_first_administrator_is_made_once(scene: Scene) -> None:
    assert ensure_administrator(scene.store, NOW) is None
    scene.store.people.add(replace(scene.account, name="eve", role="guest"))
    scene.store.people.delete("ann", "")
    password = ensure_administrator(scene.store, NOW)
    assert password is not None and len(password) == 23
    assert ensure_administrator(scene.store, NOW) is None
    assert isinstance(scene.login("admin", password), Person)


# --- keys -----------------------------------------------------------------------------------------

KEY = "SHA256:canary"


@pytest.fixture
def keyed(scene: Scene) -> Scene:
    """Somebody who has a key."""
    key = SshKey(
        account="ann",
        fingerprint=KEY,
        algorithm="ssh-ed25519",
        key=b"k",
        comment="",
        added_at=1.0,
    )
    assert scene.store.people.add_ssh_key(key)
    return scene


def by_key(
    scene: Scene, name: str = "ann", fingerprint: str = KEY, code: str | None = None
) -> Person | Refused | NeedsCode:
    login = KeyLogin(
        name=name, fingerprint=fingerprint, code=code, way=Way.SSH, address="192.0.2.1"
    )
    return asyncio.run(scene.door.enter_by_key(login))


def has_key(scene: Scene, name: str = "ann", fingerprint: str = KEY) -> bool:
    return asyncio.run(scene.door.has_key(name, fingerprint))


def asks(scene: Scene, name: str, chance: bytes = b"chance") -> bool:
    return asyncio.run(scene.door.asks_for_code(name, chance))


def test_a_key_that_was_proven_opens_and_its_use_is_noted(keyed: Scene) -> None:
    assert has_key(keyed, "ANN")
    found = by_key(keyed, "ANN")
    assert isinstance(found, Person) and found.name == "ann"
    assert keyed.store.people.ssh_keys("ann")[0].last_used_at == NOW
    (told,) = keyed.facts
    assert isinstance(told, facts.OperatorLogin)
    assert (told.way, told.outcome, told.proof) == ("ssh", "succeeded", "key")


def test_a_wrong_key_costs_the_same_whoever_is_named(
    keyed: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To unseal an account takes time that can be seen from outside."""
    looked: list[str] = []
    monkeypatch.setattr(keyed.store.people, "get", looked.append)
    assert not has_key(keyed, "ann", "SHA256:other")
    assert not has_key(keyed, "nobody", "SHA256:other")
    assert looked == []


def test_a_key_of_nobody_of_another_or_of_a_locked_account_opens_nothing(keyed: Scene) -> None:
    for name, key in (("ann", "SHA256:other"), ("bob", KEY), ("", KEY), ("\x00", KEY)):
        assert not has_key(keyed, name, key)
        assert by_key(keyed, name, key) == Refused()
    assert keyed.store.people.add(replace(keyed.account, name="boss", version=1))
    keyed.change(enabled=False)
    assert not has_key(keyed)
    assert by_key(keyed) == Refused()


def test_behind_a_key_a_second_factor_is_asked_for_and_counts_once(keyed: Scene) -> None:
    secret = second_factor.new_secret()
    keyed.change(totp_secret=secret)
    assert by_key(keyed) == NeedsCode()
    assert keyed.facts == []  # nothing is decided yet
    code = TOTP(secret).at(int(NOW))
    assert isinstance(by_key(keyed, code=code), Person)
    assert by_key(keyed, code=code) == Refused()
    for _ in range(auth_throttle.FREE_AT_BOTH):
        by_key(keyed, code="000000")
    waits = by_key(keyed, code="000000")
    assert isinstance(waits, Refused) and waits.seconds > 0


def test_failures_of_others_do_not_keep_a_key_out(keyed: Scene) -> None:
    for _ in range(auth_throttle.FREE_AT_BOTH + 1):
        keyed.login(password="wrong")
    waits = keyed.login()
    assert isinstance(waits, Refused) and waits.seconds > 0
    assert isinstance(by_key(keyed), Person)


def test_the_question_for_a_code_does_not_tell_who_is_somebody(scene: Scene) -> None:
    assert not asks(scene, "ann")
    scene.change(totp_secret=second_factor.new_secret())
    assert asks(scene, "Ann")
    assert scene.store.people.add(replace(scene.account, name="boss", version=1))
    scene.change(enabled=False)
    assert asks(scene, "ann")
    names = [f"nobody{number}" for number in range(40)]
    said = [asks(scene, name) for name in names]
    assert {True, False} == set(said)
    assert said == [asks(scene, name.upper()) for name in names]
    assert said != [asks(scene, name, b"another gateway") for name in names]
