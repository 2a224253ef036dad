# SPDX-License-Identifier: Apache-2.0
"""Who it is: the same way for names that exist and names that do not, and nobody floods us."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.policy import auth_throttle as throttle
from gatehouse.service.base import passwords
from gatehouse.service.receive import authentication
from gatehouse.service.receive.authentication import Authenticator, Denied, Granted, Later, Verdict
from gatehouse.smtp import scram
from gatehouse.store.auth_values import ScramSecret, SmtpUser
from gatehouse.store.directory import DataDirectory
from gatehouse.store.interface import Store
from gatehouse.store.sqlite.store import open_store
from tests.patience import PATIENCE

HOME, ELSEWHERE = "192.0.2.1", "198.51.100."
PASSWORD = "right-password"
SALT = b"s" * 16


def cheap_hash(password: str) -> str:
    return f"hash of {password}"


class Scene:
    """A store with one user, and a clock that stands still."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 1_000_000_000.0
        self.checked: list[str | None] = []
        self.authenticator = Authenticator(store.smtp_users, lambda: self.now)

    def verify(self, encoded: str | None, password: str) -> bool:
        self.checked.append(encoded)
        return encoded == cheap_hash(password)

    def user(self, name: str = "ann", **changed: object) -> None:
        keys = scram.derive_keys(PASSWORD, SALT, 4096)
        values: dict[str, object] = {
            "name": name,
            "password_hash": cheap_hash(PASSWORD),
            "scram": ScramSecret(
                salt=keys.salt,
                iterations=keys.iterations,
                stored_key=keys.stored_key,
                server_key=keys.server_key,
            ),
            "created_at": self.now,
            "changed_at": self.now,
        }
        assert self.store.smtp_users.add(SmtpUser(**(values | changed)))  # type: ignore[arg-type]

    def log_in(self, password: str = PASSWORD, *, user: str = "ann", ip: str = HOME) -> Verdict:
        return asyncio.run(self.authenticator.password(user, password, ip))

    def prove(self, *, right: bool, user: str = "ann", ip: str = HOME) -> Verdict:
        return asyncio.run(self.authenticator.proof(user, ip, right=right))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    store = open_store(DataDirectory(tmp_path / "data"))
    made = Scene(store)
    monkeypatch.setattr(passwords, "verify_password", made.verify)
    made.user()
    yield made
    made.authenticator.close()
    store.close()


def test_the_right_password_and_the_wrong_one(scene: Scene) -> None:
    assert scene.log_in() == Granted("ann")
    assert scene.log_in("wrong") == Denied("ann")


def test_names_that_cannot_log_in_cost_the_same_and_are_refused_alike(scene: Scene) -> None:
    scene.user("off", enabled=False)
    scene.user("device", password_hash=None, scram=None, certificate="sha256:1")
    for name in ("nobody", "off", "device"):
        assert scene.log_in(user=name) == Denied(name)
    assert scene.checked == [None, None, None]
    for name in ("nobody", "off", "device"):
        assert scene.store.smtp_users.failures_of(name) != ()


def test_after_some_failures_everybody_waits_and_the_right_password_is_not_looked_at(
    scene: Scene,
) -> None:
    for _ in range(throttle.FREE_AT_BOTH):
        assert scene.log_in("wrong") == Denied("ann")
    looked = len(scene.checked)
    assert scene.log_in() == Later("ann", 30.0)
    assert len(scene.checked) == looked
    scene.now += 30.0
    assert scene.log_in() == Granted("ann")


def test_logins_at_the_same_time_do_not_slip_past_the_throttle(scene: Scene) -> None:
    async def at_once() -> list[Verdict]:
        ask = scene.authenticator.password
        return list(await asyncio.gather(*(ask("ann", f"guess {n}", HOME) for n in range(14))))

    verdicts = asyncio.run(at_once())
    assert sum(isinstance(one, Denied) for one in verdicts) == throttle.FREE_AT_BOTH
    assert sum(isinstance(one, Later) for one in verdicts) == 14 - throttle.FREE_AT_BOTH
    assert scene.log_in() == Later("ann", 30.0)


def test_one_address_over_many_names(scene: Scene) -> None:
    verdicts = [scene.log_in("wrong", user=f"name{number}") for number in range(12)]
    assert [type(one) for one in verdicts] == [Denied] * 10 + [Later] * 2
    assert scene.log_in("wrong", user="ann", ip=ELSEWHERE + "1") == Denied("ann")


def test_one_name_from_many_addresses_does_not_shut_out_the_user_at_home(scene: Scene) -> None:
    assert scene.log_in() == Granted("ann")
    verdicts = [scene.log_in("wrong", ip=f"{ELSEWHERE}{number}") for number in range(12)]
    assert [type(one) for one in verdicts] == [Denied] * 10 + [Later] * 2
    assert scene.log_in(ip=ELSEWHERE + "200") == Later("ann", 30.0)
    assert scene.log_in() == Granted("ann")


def test_an_unknown_name_waits_like_a_known_one(scene: Scene) -> None:
    known = [scene.log_in("wrong") for _ in range(7)]
    unknown = [scene.log_in("wrong", user="ghost", ip=ELSEWHERE + "9") for _ in range(7)]
    assert [type(one) for one in known] == [type(one) for one in unknown]


def test_another_process_counts_the_same_failures(scene: Scene, tmp_path: Path) -> None:
    for _ in range(throttle.FREE_AT_BOTH):
        scene.log_in("wrong")
    other = open_store(DataDirectory(tmp_path / "data"))
    elsewhere = Authenticator(other.smtp_users, lambda: scene.now)
    assert asyncio.run(elsewhere.password("ann", PASSWORD, HOME)) == Later("ann", 30.0)
    elsewhere.close()
    other.close()


def test_a_login_again_and_again_is_not_a_write_each_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[float] = []
    users = scene.store.smtp_users
    keep = users.note_success

    def counted(account: str, network: str, at: float, most: int) -> None:
        noted.append(at)
        keep(account, network, at, most)

    monkeypatch.setattr(users, "note_success", counted)
    for _ in range(5):
        assert scene.log_in() == Granted("ann")
    assert len(noted) == 1


# --- SCRAM --------------------------------------------------------------------------------------


def keys(scene: Scene, user: str, ip: str = HOME) -> scram.ScramKeys | Later:
    return asyncio.run(scene.authenticator.scram_keys(user, ip))


def test_scram_keys_of_a_user_and_made_up_ones(scene: Scene) -> None:
    assert keys(scene, "ann") == scram.derive_keys(PASSWORD, SALT, 4096)
    ghost = keys(scene, "ghost")
    assert isinstance(ghost, scram.ScramKeys)
    assert ghost == keys(scene, "ghost") != keys(scene, "ghost2")
    scene.user("off", enabled=False)
    disabled = keys(scene, "off")
    assert isinstance(disabled, scram.ScramKeys)
    assert disabled.salt != SALT


def test_a_proof_counts_like_a_password(scene: Scene) -> None:
    assert scene.prove(right=True) == Granted("ann")
    for _ in range(throttle.FREE_AT_BOTH):
        assert scene.prove(right=False) == Denied("ann")
    assert keys(scene, "ann") == Later("ann", 30.0)
    # Many exchanges that began before do not get past the throttle at their end.
    assert scene.prove(right=True) == Later("ann", 30.0)


def test_who_was_disabled_meanwhile_has_proved_nothing(scene: Scene) -> None:
    scene.user("off", enabled=False)
    assert scene.prove(right=True, user="off") == Denied("off")


# --- EXTERNAL -----------------------------------------------------------------------------------


def test_whose_certificate_it_is(scene: Scene) -> None:
    scene.user("device", password_hash=None, scram=None, certificate="sha256:1")
    scene.user("other", certificate="dns:x.example")

    def certificate(*identities: str, user: str | None = None) -> Verdict:
        return asyncio.run(scene.authenticator.certificate(identities, user, HOME))

    assert scene.authenticator.is_registered(("sha256:1",))
    assert not scene.authenticator.is_registered(("sha256:2",))
    assert certificate("sha256:1") == Granted("device")
    assert certificate("sha256:1", user="device") == Granted("device")
    assert certificate("sha256:1", user="ann") == Denied("ann")
    assert certificate("sha256:2") == Denied("unknown")
    assert certificate("sha256:1", "dns:x.example") == Denied("unknown"), "two users"
    assert certificate("sha256:1", "dns:x.example", user="other") == Granted("other")


# --- floods -------------------------------------------------------------------------------------


def flood(scene: Scene, logins: int, ip: Callable[[int], str]) -> tuple[list[Verdict], int]:
    """So many logins at once; their verdicts, and the most that were in a thread at a time."""
    gate, lock, busy, most = threading.Event(), threading.Lock(), 0, 0

    def slow(encoded: str | None, password: str) -> bool:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        gate.wait(PATIENCE)
        with lock:
            busy -= 1
        return False

    async def all_at_once() -> list[Verdict]:
        asked = [
            asyncio.ensure_future(scene.authenticator.password(f"u{n}", "x", ip(n)))
            for n in range(logins)
        ]
        for _ in range(10):  # those that are refused need no thread
            await asyncio.sleep(0)
        gate.set()
        return list(await asyncio.gather(*asked))

    passwords.verify_password = slow
    return asyncio.run(all_at_once()), most


def test_a_flood_is_told_to_come_back_and_works_in_few_threads(scene: Scene) -> None:
    verdicts, most = flood(scene, 200, lambda n: f"198.51.{n // 200}.{n % 200}")
    assert sum(one.__class__ is Later for one in verdicts) == 200 - authentication.MAX_WAITING
    assert all(one.seconds == 0.0 for one in verdicts if isinstance(one, Later))
    assert most <= authentication.THREADS


def test_one_address_cannot_take_the_whole_queue(scene: Scene) -> None:
    verdicts, _ = flood(scene, 60, lambda n: HOME if n < 40 else f"{ELSEWHERE}{n}")
    assert all(isinstance(one, Later) for one in verdicts[16:40])
    assert all(isinstance(one, Denied) for one in verdicts[40:])
