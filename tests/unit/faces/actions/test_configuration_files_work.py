# SPDX-License-Identifier: Apache-2.0
"""What is saved comes back, here and elsewhere: the text byte for byte, secrets with the commit."""

import asyncio
import email
import hashlib
import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import argon2
import pytest

from gatehouse.app import open_house
from gatehouse.config import saved, upgrade
from gatehouse.config.defaults import DEFAULT_TEXT
from gatehouse.config.saved import File
from gatehouse.faces.actions import configuration_commit_work as commits
from gatehouse.faces.actions import configuration_edit_work as edits
from gatehouse.faces.actions import configuration_files_work as files
from gatehouse.faces.actions import configuration_work as work
from gatehouse.faces.actions import people_work, smtp_users_work
from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.candidate import Candidate
from gatehouse.faces.actions.configuration import (
    CheckInput,
    CommitInput,
    DiffInput,
    Loaded,
    LoadInput,
)
from gatehouse.faces.actions.configuration_edit import RebaseInput
from gatehouse.faces.actions.configuration_files import MailInput, SavedFile, SaveInput
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.people import AddInput as NewAccount
from gatehouse.faces.actions.people import PasswordInput as NewPassword
from gatehouse.faces.actions.smtp_users import AddInput as NewUser
from gatehouse.faces.actions.smtp_users import PasswordInput as UserPassword
from gatehouse.service.base import passwords
from gatehouse.service.base.clock import Clock
from gatehouse.service.base.revision import load_running
from gatehouse.service.trust import anchors, keyring, pending, sealing
from gatehouse.store.values import QueueFilter
from gatehouse.tls.certificates import CertifiedKey, create_demo
from tests.unit.faces.conftest import NOW

PASSPHRASE = "correct horse battery"
RELAY = """
# our relay
[smart_hosts.ses]
host = "ses.relay.example"  # in the cloud
username = "us"

[smart_hosts.open]
host = "open.relay.example"
"""
TEXT = DEFAULT_TEXT.replace('certificate = "Demo"', 'certificate = "mx"') + RELAY
SECRET = b"open sesame 9"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices are for guessers, not for tests."""
    monkeypatch.setattr(sealing, "MEMORY_KIB", 64)
    monkeypatch.setattr(sealing, "PASSES", 1)
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)


@pytest.fixture
def full(house: House) -> House:
    """A house with a configuration, a certificate, a trust list, a password and people."""
    store = house.store
    now = house.clock.wall()
    keyring.put(store, "mx", MX, now)
    store.secrets.change({"smart-host/ses": SECRET, "trust/Partner": MX.chain_pem[0]}, now)
    load(house, TEXT.encode(), commit="all of it")
    run(people_work.add(house, NewAccount(name="bob", role="operator", password=PASSPHRASE)))
    run(smtp_users_work.add(house, NewUser(name="printer", password=PASSPHRASE)))
    return house


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[House]:
    """Another gateway, new."""
    directory, store = open_house(tmp_path / "elsewhere")
    ticks = itertools.count(1000)
    clock = Clock(wall=lambda: NOW + next(ticks), monotonic=lambda: 0.0)
    yield House(directory=directory, version="1.2.3", operator="eve", opened=store, clock=clock)
    store.close()


def run(work: Any) -> Any:
    return asyncio.run(work)


def made() -> CertifiedKey:
    return create_demo(now=datetime.fromtimestamp(NOW, UTC), serial=7)


MX = made()


def save(house: House, **given: Any) -> bytes:
    done: SavedFile = run(files.save(house, SaveInput(file="x", **given)))
    return done.content


def load(house: House, content: bytes, **given: Any) -> Loaded:
    done: Loaded = run(work.load(house, LoadInput(file=content, **given)))
    return done


def fault(call: Any) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        run(call)
    return caught.value


def refusal(house: House, content: bytes, **given: Any) -> str:
    return fault(work.load(house, LoadInput(file=content, **given))).fault.reference


def candidate(house: House) -> str:
    text = Candidate(house).read()
    assert text is not None
    return text.decode()


def in_force(house: House) -> str:
    current = house.store.revisions.current()
    assert current is not None
    return current.text


def apart(content: bytes) -> File:
    file = saved.read(content)
    assert isinstance(file, File)
    return file


# --- masked ---------------------------------------------------------------------------------------


def test_a_masked_file_holds_the_text_byte_for_byte_and_no_secret(full: House) -> None:
    content = save(full)
    file = apart(content)
    assert file.text == TEXT.encode()
    assert file.saved is not None
    assert file.saved.masked == ("smart-host/ses",)
    assert (file.saved.source, file.saved.program) == ("revision 2", "Gatehouse 1.2.3")
    assert SECRET not in content
    assert b"PRIVATE" not in content


def test_a_masked_file_keeps_the_secrets_that_are_there(full: House) -> None:
    done = load(full, save(full))
    assert (done.secrets, done.missing, done.changed) == ((), (), False)
    assert candidate(full) == TEXT
    assert full.store.secrets.get("smart-host/ses") == SECRET


def test_a_masked_file_says_elsewhere_which_passwords_are_missing(
    full: House, elsewhere: House
) -> None:
    keyring.put(elsewhere.store, "mx", MX, 0)
    done = load(elsewhere, save(full))
    assert done.missing == ("smart-host/ses",), "the other one has no user and needs none"


def test_the_candidate_and_older_revisions_can_be_saved(full: House) -> None:
    assert apart(save(full, revision=1)).text == DEFAULT_TEXT.encode()
    assert fault(files.save(full, SaveInput(file="x", candidate=True))).fault.reference == (
        "no-candidate"
    )
    load(full, TEXT.replace("2525", "2625").encode())
    file = apart(save(full, candidate=True))
    assert b"2625" in file.text
    assert file.saved is not None
    assert file.saved.source == "candidate"


# --- sealed ---------------------------------------------------------------------------------------


def test_save_load_save_is_exact_elsewhere_text_and_secrets(full: House, elsewhere: House) -> None:
    all_of_it = {"passphrase": PASSPHRASE, "with_certificates": True, "with_people": True}
    first = save(full, **all_of_it)
    done = load(elsewhere, first, passphrase=PASSPHRASE)
    assert set(done.secrets) == {
        "smart-host/ses",
        "certificate/mx",
        "trust/Partner",
        "people/operator/admin",
        "people/operator/bob",
        "people/smtp-user/printer",
    } - ({"people/operator/admin"} if full.store.people.get("admin") is None else set())
    assert done.missing == ()
    assert elsewhere.store.secrets.get("smart-host/ses") is None, "it waits for the commit"
    assert elsewhere.store.people.get("bob") is None
    run(commits.commit(elsewhere, CommitInput(comment="restored")))
    assert in_force(elsewhere) == TEXT
    assert keyring.get(elsewhere.store, "mx") == MX
    assert elsewhere.store.secrets.get("smart-host/ses") == SECRET
    assert set(anchors.custom(elsewhere.store)) == {"Partner"}
    ours, theirs = full.store.people.get("bob"), elsewhere.store.people.get("bob")
    assert ours is not None
    assert theirs is not None
    assert (theirs.role, theirs.password_hash) == (ours.role, ours.password_hash)
    printer = elsewhere.store.smtp_users.get("printer")
    before = full.store.smtp_users.get("printer")
    assert printer is not None
    assert before is not None
    assert replace(printer, changed_at=0) == replace(before, changed_at=0)
    assert pending.names(elsewhere.store, "eve") == ()
    kept = {one.name.partition("/")[0] for one in elsewhere.store.secrets.names()}
    assert "people" not in kept, "they have tables of their own"
    second = save(elsewhere, **all_of_it)
    assert apart(second).text == apart(first).text
    again = [sealing.unseal(apart(one), PASSPHRASE) for one in (first, second)]
    assert again[0] == again[1]


def test_clear_drops_what_came_with_a_file(full: House, elsewhere: House) -> None:
    load(elsewhere, save(full, passphrase=PASSPHRASE, with_certificates=True, with_people=True),
         passphrase=PASSPHRASE)  # fmt: skip
    gone = run(work.clear(elsewhere, Nothing()))
    assert "smart-host/ses" in gone.secrets
    assert "people/operator/bob" in gone.secrets
    assert pending.names(elsewhere.store, "eve") == ()
    assert elsewhere.store.people.get("bob") is None
    assert Candidate(elsewhere).read() is None


def test_the_difference_names_what_will_come(full: House, elsewhere: House) -> None:
    load(elsewhere, save(full, passphrase=PASSPHRASE, with_certificates=True),
         passphrase=PASSPHRASE)  # fmt: skip
    shown = run(work.diff(elsewhere, DiffInput()))
    assert {"smart-host/ses", "certificate/mx"} <= set(shown.secrets)


def test_without_being_asked_for_certificates_and_people_stay(
    full: House, elsewhere: House
) -> None:
    content = save(full, encrypted=True, passphrase=PASSPHRASE)
    file = apart(content)
    assert file.saved is not None
    assert file.saved.holds == ("passwords",)
    assert refusal(elsewhere, content, passphrase=PASSPHRASE) == "configuration-refused", "no mx"
    keyring.put(elsewhere.store, "mx", MX, 0)
    assert load(elsewhere, content, passphrase=PASSPHRASE).secrets == ("smart-host/ses",)


def test_the_demo_certificate_does_not_travel(full: House, elsewhere: House) -> None:
    keyring.ensure_demo(elsewhere.store, 0)
    before = keyring.get(elsewhere.store, "Demo")
    keyring.ensure_demo(full.store, 0)
    content = save(full, passphrase=PASSPHRASE, with_certificates=True)
    load(elsewhere, content, passphrase=PASSPHRASE, commit="restored")
    assert keyring.get(elsewhere.store, "Demo") == before


def test_what_waits_travels_with_the_candidate(full: House) -> None:
    load(full, TEXT.encode())
    other = made()
    keyring.stage(full.store, "ann", "mx", other, 0)
    held = {}
    for which in ({"candidate": True}, {}):
        content = save(full, passphrase=PASSPHRASE, with_certificates=True, **which)
        opened = sealing.unseal(apart(content), PASSPHRASE)
        assert isinstance(opened, bytes)
        held[bool(which)] = other.chain_pem[0].split(b"\n")[5] in opened
    assert held == {True: True, False: False}


def test_it_says_why_a_seal_does_not_open(full: House, elsewhere: House) -> None:
    content = save(full, passphrase=PASSPHRASE, with_certificates=True)
    assert refusal(elsewhere, content) == PASSWORD_NEEDED
    assert refusal(elsewhere, content, passphrase="another one, long") == "wrong-passphrase"
    changed = content.replace(b"ses.relay.example", b"ses.attack.example")
    assert refusal(elsewhere, changed, passphrase=PASSPHRASE) == "text-changed"
    assert refusal(elsewhere, changed) == "text-changed", "before the passphrase is asked for"
    digests = [hashlib.sha256(apart(one).text).hexdigest().encode() for one in (content, changed)]
    mended = changed.replace(digests[0], digests[1])
    assert refusal(elsewhere, mended, passphrase=PASSPHRASE) == "seal-broken"
    at = content.index(b"sealed = '''\n") + 20
    damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    assert refusal(elsewhere, damaged, passphrase=PASSPHRASE) == "saved-file-refused"
    assert Candidate(elsewhere).read() is None
    assert pending.names(elsewhere.store, "eve") == ()


def test_the_text_of_a_sealed_file_can_be_loaded_alone(full: House) -> None:
    content = save(full, passphrase=PASSPHRASE)
    changed = content.replace(b"ses.relay.example", b"new.relay.example")
    done = load(full, changed, without_secrets=True)
    assert done.secrets == ()
    assert any("was changed" in one for one in done.notes)
    assert "new.relay.example" in candidate(full)


def test_wishes_that_exclude_each_other_are_refused(full: House) -> None:
    def said(**given: Any) -> str:
        return fault(files.save(full, SaveInput(file="x", **given))).fault.reference

    assert said(masked=True, with_certificates=True) == "bad-arguments"
    assert said(masked=True, passphrase=PASSPHRASE) == "bad-arguments"
    assert said(with_people=True, section=("listeners",)) == "bad-arguments"
    assert said(candidate=True, revision=1) == "two-sources"
    assert said(with_certificates=True) == PASSWORD_NEEDED
    assert said(encrypted=True) == PASSWORD_NEEDED
    assert said(passphrase="short") == "bad-passphrase"
    assert said(revision=99) == "no-such-revision"
    stream = SaveInput(file="-", passphrase=PASSPHRASE)
    assert fault(files.save(full, stream)).fault.reference == "needs-a-file"


# --- sections -------------------------------------------------------------------------------------


def test_one_section_comes_out_of_a_file_and_the_rest_stays(full: House) -> None:
    theirs = TEXT.replace("ses.relay.example", "new.relay.example").replace("2525", "2626")
    done = load(full, theirs.encode(), section=("smart_hosts",))
    assert done.changed
    assert candidate(full) == TEXT.replace("ses.relay.example", "new.relay.example")


def test_a_file_of_sections_goes_into_the_candidate(full: House, elsewhere: House) -> None:
    content = save(full, section=("smart_hosts.ses",), passphrase=PASSPHRASE)
    assert tomllib.loads(apart(content).text.decode()) == {
        "format": 1,
        "smart_hosts": {"ses": {"host": "ses.relay.example", "username": "us"}},
    }
    done = load(elsewhere, content, passphrase=PASSPHRASE)
    assert done.secrets == ("smart-host/ses",)
    wanted = '# our relay\n[smart_hosts.ses]\nhost = "ses.relay.example"  # in the cloud\n'
    assert wanted in candidate(elsewhere)
    assert candidate(elsewhere).startswith(DEFAULT_TEXT)


def test_sections_bring_only_their_own_secrets(full: House, elsewhere: House) -> None:
    content = save(full, passphrase=PASSPHRASE, with_certificates=True, with_people=True)
    given = {"passphrase": PASSPHRASE}
    assert load(elsewhere, content, section=("smtp_routes",), **given).secrets == ()
    listener = load(elsewhere, content, section=("listeners.InboundMail",), **given)
    assert listener.secrets == ("certificate/mx",)
    alone = load(elsewhere, content, section=("smart_hosts",))
    assert alone.secrets == ()
    assert alone.missing == ("smart-host/ses",)
    assert any("no passphrase" in one for one in alone.notes)


@pytest.mark.parametrize("section", ["lisseners", "listeners.X", "listeners.InboundMail.port", ""])
def test_a_section_that_is_not_there_is_refused(full: House, section: str) -> None:
    assert refusal(full, TEXT.encode(), section=(section,)) == "no-such-section"
    assert fault(files.save(full, SaveInput(file="x", section=(section,)))).fault.reference == (
        "no-such-section"
    )


# --- others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["people/operator/bob", "people/smtp-user/printer"])
def test_a_person_whom_others_changed_meanwhile_is_a_conflict(full: House, name: str) -> None:
    content = save(full, passphrase=PASSPHRASE, with_people=True)
    new = "another passphrase"
    change: Any
    again: Any
    if "operator" in name:
        change = people_work.set_password(full, NewPassword(name="bob", password=new))
        again = people_work.set_password(full, NewPassword(name="bob", password=new + "!"))
    else:
        change = smtp_users_work.set_password(full, UserPassword(name="printer", password=new))
        again = smtp_users_work.set_password(full, UserPassword(name="printer", password=new + "!"))
    run(change)
    assert load(full, content, passphrase=PASSPHRASE).secrets == (name,)
    run(again)
    error = fault(commits.commit(full, CommitInput(comment="back")))
    assert error.fault.reference == "conflict"
    assert [one.place for one in error.fault.findings] == [name.replace("/", ".")]
    run(edits.rebase(full, RebaseInput(take="mine")))
    run(commits.commit(full, CommitInput(comment="back")))
    saved_again = sealing.unseal(
        apart(save(full, passphrase=PASSPHRASE, with_people=True)), PASSPHRASE
    )
    assert saved_again == sealing.unseal(apart(content), PASSPHRASE)


# --- check ----------------------------------------------------------------------------------------


def test_check_looks_at_saved_files_without_the_passphrase(full: House, elsewhere: House) -> None:
    content = save(full, passphrase=PASSPHRASE, with_certificates=True)
    checked = run(work.check(elsewhere, CheckInput(file=content)))
    assert any("Sealed in it: passwords, certificates, trust list" in n for n in checked.notes)
    masked = run(work.check(full, CheckInput(file=save(full))))
    assert any("smart-host/ses" in one for one in masked.notes)
    part = save(full, section=("smart_hosts",))
    assert any("Only these sections" in n
               for n in run(work.check(elsewhere, CheckInput(file=part))).notes)  # fmt: skip


def test_every_fault_of_section_and_text_is_told_at_once(full: House) -> None:
    content = save(full, passphrase=PASSPHRASE)
    content = content.replace(b"passes = 1", b"passes = 9999").replace(b"port = 2525", b"prot = 25")
    error = fault(work.check(full, CheckInput(file=content)))
    said = {one.place: one for one in error.fault.findings}
    assert {"saved.encryption.passes", "listeners.InboundMail.prot"} <= set(said)
    lines = content.split(b"\n")
    for place, one in said.items():
        if place.endswith(("passes", "prot")):
            assert one.line
            assert lines[one.line - 1].startswith(place.rpartition(".")[2].encode())


# --- mail, reset ----------------------------------------------------------------------------------


def test_it_is_mailed_through_our_own_queue(full: House) -> None:
    done = run(files.mail(full, MailInput(address=("post@example.com", "root@example.net"))))
    assert len(done.queued) == 2
    entries = full.store.queue.list(QueueFilter(), 10)
    assert {one.mid for one in entries} == set(done.queued)
    message = full.store.queue.load(done.queued[0])
    assert message is not None
    parsed = email.message_from_bytes(full.store.spool.read_small(message.body))
    words, attached = (one for one in parsed.walk() if not one.is_multipart())
    assert "masked" in str(words.get_payload())
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert apart(content).text == TEXT.encode()
    assert parsed["To"] == "<post@example.com>"
    for bad in ((), ("no address",), ("a@b.example",) * 21):
        assert fault(files.mail(full, MailInput(address=bad))).fault.reference == "bad-address"


def test_reset_puts_the_first_configuration_into_the_candidate(full: House) -> None:
    assert run(files.reset(full, Nothing())).changed
    assert candidate(full) == DEFAULT_TEXT
    assert in_force(full) == TEXT


# --- older formats --------------------------------------------------------------------------------


def test_an_older_text_is_loaded_as_the_newest_and_an_older_revision_runs(
    full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = upgrade.Step(
        name="hosts are called names",
        values=lambda values: {**values, "system": {"hostname": values["system"]["host"]}},
        text=lambda written: written.replace('\nhost = "gate', '\nhostname = "gate'),
    )
    steps = {**(upgrade.parse.__kwdefaults__ or {}), "steps": {0: step}}
    monkeypatch.setattr(upgrade.parse, "__kwdefaults__", steps)
    old = TEXT.replace("format = 1", "format = 0").replace('\nhostname = "gate', '\nhost = "gate')
    done = load(full, old.encode())
    assert any("from format 0 to 1: hosts are called names" in one.text for one in done.warnings)
    assert candidate(full) == TEXT
    assert not done.changed
    full.store.revisions.append(text=old, operator="t", comment="old", committed_at=0)
    assert (
        load_running(full.store, 3, keyring.names(full.store)).hostname == "gatehouse.example.com"
    )
    assert apart(save(full)).text == old.encode(), "a revision stays as it was committed"
    part = save(full, section=("system",))
    assert b"format = 1" in part
    assert b"hostname = " in part
