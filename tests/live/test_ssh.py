# SPDX-License-Identifier: Apache-2.0
"""Operators who come in by SSH: with OpenSSH as people do, with asyncssh where it is quicker."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import pyotp
import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions.carry import carry
from gatehouse.faces.actions.registry import BY_NAME
from gatehouse.journal import facts
from tests.live.clients import deliver
from tests.live.gateway import Gateway, address, until
from tests.live.peers import packages
from tests.live.peers.openssh import OpenSsh, program
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

PASSWORD = "canary of the far mine"
PORT, OTHER_PORT = 2222, 2223
TEXT = """\
format = 1
[system]
hostname = "gw1.example.com"
[interfaces.Net]
address = "{address}"
[listeners.InboundMail]
type = "public"
interface = "Net"
port = 2525
recipient_access = [{{ recipient = "example.com", access = "accept" }}]
[mail_flow_policies.default]
tls = "off"
[delivery]
suspended = true
[destination_controls.default]
tls = "preferred"
[ssh]
enabled = true
interface = "Net"
max_sessions = 4
banner = "Property of Example."
[processes]
receivers = 1
"""
PROMPT = "gw1.example.com>"


class Site:
    """A gateway with people, and a key for one of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address, self.port = folder, address(), PORT
        self.gateway = Gateway(folder, TEXT.format(address=self.address))
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.key_file = folder / "id"
        self.key.write_private_key(str(self.key_file))
        self.key_file.chmod(0o600)

    def do(self, what: str, /, **fields: object) -> Any:
        """An action of the machine's owner."""
        action = BY_NAME[what]
        done = carry(action, action.input(**fields), self.gateway.data, "0", open_house)
        return msgspec.to_builtins(done)

    def account(self, name: str, role: str = "operator", *, key: bool = False) -> str:
        self.do("user add", name=name, role=role, password=PASSWORD)
        if key:
            self.do("user ssh-key add", name=name, key=self.key.export_public_key())
        return name

    def client(self, **more: Any) -> OpenSsh:
        return OpenSsh(self.folder, self.address, self.port, **more)

    @asynccontextmanager
    async def connected(
        self, name: str, port: int = 0, **more: Any
    ) -> AsyncIterator[asyncssh.SSHClientConnection]:
        options = {"client_keys": [self.key]} | more
        async with asyncssh.connect(
            self.address,
            port or self.port,
            username=name,
            known_hosts=None,
            config=[],
            login_timeout=PATIENCE,
            **options,
        ) as connection:
            yield connection

    async def refused(self, name: str, **more: Any) -> bool:
        try:
            async with self.connected(name, **more):
                return False
        except (asyncssh.PermissionDenied, asyncssh.ConnectionLost, OSError):
            return True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        program()
    except packages.PeersMissing as missing:
        pytest.skip(f"peers: {missing}")
    site = Site(tmp_path_factory.mktemp("ssh"))
    with site.gateway:
        yield site
    site.gateway.assert_sound()


class Talk:
    """A session, as far as it was printed."""

    def __init__(self, process: asyncssh.SSHClientProcess[str]) -> None:
        self._process, self.said = process, ""

    async def until(self, text: str) -> str:
        """What was printed up to this text, and not heard before."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.said:
                more = await self._process.stdout.read(4096)
                assert more, self.said
                self.said += more
        heard, _, self.said = self.said.partition(text)
        return heard

    async def answer(self, line: str, up_to: str = PROMPT) -> str:
        self._process.stdin.write(f"{line}\n")
        return await self.until(up_to)

    async def end(self) -> str:
        """What comes until it is over."""
        async with asyncio.timeout(PATIENCE):
            return self.said + await self._process.stdout.read()


async def talk(connection: asyncssh.SSHClientConnection, **more: Any) -> Talk:
    session = Talk(await connection.create_process(**more))
    await session.until(PROMPT)
    return session


# --- logging in -----------------------------------------------------------------------------------


def test_a_key_opens_the_shell_and_the_host_key_is_the_one_that_is_shown(site: Site) -> None:
    ann = site.account("ann", "administrator", key=True)
    done = site.client(key=site.key_file).run(ann, "version")
    assert (done.returncode, done.stdout.splitlines()[0].split()[0]) == (0, "Gatehouse:")
    assert "Property of Example." in done.stderr
    known = (site.folder / "known_hosts").read_text().split()
    assert " ".join(known[1:3]) == site.do("ssh host-key")["line"]
    login = site.gateway.events.wait(facts.OperatorLogin, name="ann")
    assert (login.way, login.outcome, login.proof) == ("ssh", "succeeded", "key")
    gone = site.gateway.events.wait(facts.OperatorLogout, name="ann")
    assert (gone.way, gone.address, gone.reason) == ("ssh", login.address, "left")
    assert site.do("user ssh-key list", name="ann")["keys"][0]["last_used_at"]


def test_a_password_opens_it_too_and_a_wrong_one_does_not(site: Site) -> None:
    site.account("bob")
    client = site.client(password=PASSWORD)
    assert client.run("bob", "who").stdout.startswith("bob (operator), from ")
    assert len(client.asked()) == 1
    wrong = site.client(password="canary of the near mine").run("bob", "who")
    assert (wrong.returncode, wrong.stdout) == (255, "")
    assert "Permission denied" in wrong.stderr
    site.gateway.events.wait(facts.OperatorLogin, name="bob", outcome="failed")


def test_who_guesses_waits_and_who_has_a_key_does_not(site: Site) -> None:
    site.account("carl", key=True)
    there = (address(), 0)

    async def guess() -> None:
        for _ in range(6):
            wrong = {"password": "wrong", "client_keys": None, "local_addr": there}
            assert await site.refused("carl", preferred_auth="password", **wrong)
        right = {"password": PASSWORD, "client_keys": None, "local_addr": there}
        assert await site.refused("carl", preferred_auth="password", **right)
        assert not await site.refused("carl", local_addr=there)

    asyncio.run(guess())
    site.gateway.events.wait(facts.OperatorLogin, name="carl", outcome="succeeded")
    outcomes = [one.outcome for one in site.gateway.events.of(facts.OperatorLogin, name="carl")]
    assert outcomes == ["failed"] * 5 + ["delayed"] * 2 + ["succeeded"]


def test_a_second_factor_is_asked_for_with_passwords_and_with_keys(site: Site) -> None:
    site.account("dora", key=True)
    totp = pyotp.parse_uri(site.do("user totp enable", name="dora")["uri"])
    assert isinstance(totp, pyotp.totp.TOTP)
    codes = site.do("user totp enable", name="dora", code=totp.now())["recovery_codes"]

    client = site.client(password=PASSWORD, code=codes[0])
    client.asked()
    assert client.run("dora", "version").returncode == 0
    assert [one.split(") ")[-1] for one in client.asked()] == ["Password: ", "One-time password: "]
    assert client.run("dora", "version").returncode == 255  # a recovery code counts once
    client.asked()

    client = site.client(key=site.key_file, code=codes[1])
    assert client.run("dora", "version").returncode == 0
    assert [one.split(") ")[-1] for one in client.asked()] == ["One-time password: "]
    client = site.client(key=site.key_file, password=PASSWORD, code="000000")
    assert client.run("dora", "version").returncode == 255
    site.gateway.events.wait(facts.OperatorLogin, name="dora", outcome="failed", proof="key")


def test_nobody_is_refused_like_somebody_and_a_locked_account_has_no_key(site: Site) -> None:
    site.account("emil", key=True)
    site.do("user disable", name="emil")
    for name in ("emil", "nobody-here", "x" * 900):
        assert site.client(key=site.key_file, password="x").run(name, "version").returncode == 255


# --- sessions -------------------------------------------------------------------------------------


def test_a_terminal_has_completion_and_reminds_of_what_is_not_committed(site: Site) -> None:
    site.account("fred", "administrator", key=True)
    done = site.client(key=site.key_file).run(
        "fred",
        "-tt",
        said="sethost\t\rgw2.example.com\r\x03showch\t\r\x04",
    )
    assert done.returncode == 0
    assert '~ hostname: "gw1.example.com" -> "gw2.example.com"' in done.stdout
    assert "Not committed: 1 change." in done.stdout
    assert site.do("config show")["text"].count("gw2.example.com") == 0


def test_a_recorded_session_changes_and_commits(site: Site) -> None:
    site.account("gina", "administrator", key=True)
    client = site.client(key=site.key_file)
    script = "interfaceconfig\nedit\nNet\n\nmx.example.com\n\n\ncommit\na greeting\n\nquit\n"
    done = client.run("gina", "-T", said=script)
    assert done.returncode == 0, done.stdout
    assert "Changes committed:" in done.stdout
    history = site.do("config history")["revisions"]
    assert (history[0]["operator"], history[0]["comment"]) == ("gina", "a greeting")
    (entry,) = site.do("audit list", operator="gina", action="config commit")["entries"]
    assert (entry["way"], entry["outcome"]) == ("ssh", "done")
    assert client.run("gina", "-T", said="commit again\n\nquit\n").returncode == 1
    assert client.run("gina", "nosuchcommand").returncode == 1


def test_sessions_do_not_hold_up_each_other_and_are_listed(site: Site) -> None:
    site.account("hans", key=True)

    async def both() -> None:
        async with site.connected("hans") as one, site.connected("hans") as other:
            first = await talk(one, term_type="xterm", term_size=(100, 30))
            await first.answer("destconfig\r", "[]>")
            listed = await (await talk(other)).answer("who")
            assert listed.count("hans") == 3  # himself, and two sessions
            async with asyncio.timeout(PATIENCE):
                ran = [await other.create_process() for _ in range(2)]
                with pytest.raises(asyncssh.ChannelOpenError):
                    await other.create_process("version")
            for process in ran:
                process.close()

    asyncio.run(both())
    until(lambda: not site.do("who")["sessions"], "all sessions have ended")


def test_whose_account_changes_is_out_at_the_next_action(site: Site) -> None:
    site.account("ida", "administrator", key=True)

    async def demoted() -> str:
        async with site.connected("ida") as connection, site.connected("ida") as other:
            session, idle = await talk(connection), await talk(other)
            assert "Messages in queue" in await session.answer("status")
            site.do("user role", name="ida", role="guest")
            said = await session.answer("showconfig", "The session ends here:")
            said += await session.end()
            assert "Your account was changed" in await idle.end()
            return said

    assert "the account was changed" in asyncio.run(demoted())
    done = site.client(key=site.key_file).run("ida", "showconfig")
    assert (done.returncode, "Your role does not allow this" in done.stdout) == (1, True)


def test_ones_own_new_password_leaves_ones_session_open(site: Site) -> None:
    site.account("jane", key=True)
    fresh = "another canary far below"
    done = site.client(key=site.key_file).run(
        "jane", "-T", said=f"passwd\njane\n{fresh}\nstatus\nquit\n"
    )
    assert (done.returncode, "Messages in queue" in done.stdout) == (0, True), done.stdout
    assert fresh not in done.stdout
    assert site.client(password=fresh).run("jane", "version").returncode == 0


def test_files_are_plain_names_in_one_folder(site: Site) -> None:
    site.account("karl", "administrator", key=True)
    client = site.client(key=site.key_file)
    for name in ("../queue.db", "/etc/passwd", ".hidden", "a/b", "master.key\\x00"):
        refused = client.run("karl", "loadconfig", said=f"{name}\n")
        assert (refused.returncode, "plain name" in refused.stdout) == (1, True), refused.stdout
    assert client.run("karl", "saveconfig", said="1\nmine.toml\n").returncode == 0
    kept = site.gateway.data / "configuration" / "mine.toml"
    assert kept.read_text().startswith("format = 1")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert client.run("karl", "loadconfig", said="mine.toml\n\n").returncode == 0


def test_there_is_nothing_but_the_shell(site: Site) -> None:
    site.account("lena", "administrator", key=True)

    async def ask_for_more() -> None:
        async with site.connected("lena") as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("127.0.0.1", 2525)
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_unix_connection(str(site.gateway.data / "control.sock"))
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 2525)
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.start_sftp_client()
            assert (await connection.run("scp -t /tmp")).exit_status == 1

    asyncio.run(ask_for_more())


@pytest.mark.parametrize(
    "old",
    [
        {"encryption_algs": ["aes256-cbc"]},
        {"mac_algs": ["hmac-sha1"], "encryption_algs": ["aes256-ctr"]},
        {"kex_algs": ["diffie-hellman-group14-sha1"]},
        {"kex_algs": ["diffie-hellman-group18-sha512"]},
        {"compression_algs": ["zlib"]},
    ],
    ids=lambda old: next(iter(old.values()))[0],
)
def test_algorithms_of_yesterday_are_not_spoken(site: Site, old: dict[str, Any]) -> None:
    async def try_it() -> None:
        # The second, if the server has closed before its reason was read.
        with pytest.raises((asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost)):
            async with site.connected("nobody", **old):
                pass

    asyncio.run(try_it())


def test_a_new_host_key_is_shown_at_once(site: Site) -> None:
    site.account("mona", key=True)
    assert site.do("ssh host-key", renew=True)["renewed"]
    changed = site.client(key=site.key_file).run("mona", "version")
    assert changed.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in changed.stderr
    (site.folder / "known_hosts").unlink()
    assert site.client(key=site.key_file).run("mona", "version").returncode == 0


# --- commits, and what happens to the process -----------------------------------------------------


def test_commits_switch_it_off_on_and_elsewhere_while_somebody_works(site: Site) -> None:
    site.account("nina", "administrator", key=True)
    here = site.gateway.processes("ssh")

    async def move() -> None:
        async with site.connected("nina") as connection:
            session = await talk(connection)
            await session.answer("set ssh.enabled false")
            assert "Changes committed" in await session.answer("commit off\n")
            assert await site.refused("nina")
            await session.answer("set ssh.enabled true")
            await session.answer(f"set ssh.port {OTHER_PORT}")
            assert "Changes committed" in await session.answer("commit on\n")
            assert await site.refused("nina")
            assert not await site.refused("nina", port=OTHER_PORT)
            assert "nina" in await session.answer("who")

    asyncio.run(move())
    site.port = OTHER_PORT
    until(lambda: not set(site.gateway.processes("ssh")) & set(here), "the first process has ended")


def test_a_port_that_cannot_be_had_is_a_commit_that_fails(site: Site) -> None:
    site.account("olaf", "administrator", key=True)
    client = site.client(key=site.key_file)
    said = "unset ssh.interface\nset ssh.address 192.0.2.1\ncommit elsewhere\n\nclear\ny\nquit\n"
    done = client.run("olaf", "-T", said=said)
    assert done.returncode == 1, done.stdout
    assert f"cannot listen on 192.0.2.1 port {site.port}" in done.stdout
    assert client.run("olaf", "version").returncode == 0


def test_a_process_that_is_killed_is_started_again_and_mail_goes_on(site: Site) -> None:
    site.account("paul", key=True)
    (pid,) = until(  # those that other commits have replaced may just be leaving
        lambda: found if len(found := site.gateway.processes("ssh")) == 1 else None, "one process"
    )

    async def killed() -> None:
        async with site.connected("paul") as connection:
            await talk(connection)
            os.kill(pid, signal.SIGKILL)
            await connection.wait_closed()

    asyncio.run(killed())
    assert deliver((site.address, 2525), "a@b.example", ["c@example.com"], b"Subject: x\r\n\r\nx")
    assert site.client(key=site.key_file).run("paul", "version").returncode == 0
    died = site.gateway.events.wait(facts.ProcessDied, role="ssh")
    assert (died.pid, died.status) == (pid, -signal.SIGKILL)
    gone = site.gateway.events.wait(facts.OperatorLogout, name="paul", reason="died")
    assert gone.way == "ssh" and gone.seconds >= 0.0
    assert not site.do("who")["sessions"]


def test_who_is_inside_when_all_of_the_gateway_dies_is_told_of_at_the_next_start(
    site: Site,
) -> None:
    site.account("quin", key=True)

    async def killed() -> None:
        async with site.connected("quin") as connection:
            await talk(connection)
            site.gateway.kill()
            await connection.wait_closed()

    asyncio.run(killed())
    assert not site.gateway.events.of(facts.OperatorLogout, name="quin")
    site.gateway.start()
    assert site.gateway.events.wait(facts.OperatorLogout, name="quin").reason == "died"
    site.gateway.stop()
    site.gateway.start()
    assert len(site.gateway.events.of(facts.OperatorLogout, name="quin")) == 1
