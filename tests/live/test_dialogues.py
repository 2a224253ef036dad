# SPDX-License-Identifier: Apache-2.0
"""Plays tests/dialogues/*.smtp against a running gateway, each line whole and octet by octet.

A dialogue that sets what a configuration can set is played here; one that sets what only the engine
knows (small counts of errors, AUTH before there are users) is played on the engine alone.
"""

from collections.abc import Iterator

import pytest

from gatehouse.journal import facts
from tests.dialogues import script as dialogues
from tests.live.clients import RawClient
from tests.live.dns import DnsServer, Trouble
from tests.live.gateway import Gateway, address

# What the dialogues set → the listener that is like that.
PORTS = {
    frozenset(): 2525,
    frozenset({("require_tls", "yes")}): 2526,
    frozenset({("offer_starttls", "no")}): 2527,
    frozenset({("max_message_size", "12345")}): 2528,
    frozenset({("max_recipients", "2")}): 2529,
}
ENGINE_ONLY = frozenset(
    {
        "accept_bare_addresses",
        "auth_mechanisms",
        "max_errors",
        "max_junk_commands",
        "max_message_size",
        "offer_smtputf8",
    }
)
SCRIPTS = [
    script
    for script in dialogues.load_all()
    if frozenset(script.settings.items()) in PORTS and not script.only_engine
]

TEXT = """\
format = 1
[system]
hostname = "mx.example.com"
[interfaces.Net]
address = "{address}"
hostname = "mx.example.com"
[processes]
receivers = 1
[delivery]
suspended = true
dns_servers = ["{dns}"]
[mail_flow_policies.default]
behavior = "accept"
tls = "preferred"
max_message_size = 10000
max_recipients_per_message = 1000
[mail_flow_policies.P2525]
[mail_flow_policies.P2526]
tls = "required"
[mail_flow_policies.P2527]
tls = "off"
[mail_flow_policies.P2528]
max_message_size = 12345
[mail_flow_policies.P2529]
max_recipients_per_message = 2
"""
LISTENER = """
[listeners.L{port}]
type = "public"
interface = "Net"
port = {port}
recipient_access = [{entries}]
sender_groups = [{{ name = "ALL", members = ["ALL"], policy = "P{port}" }}]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    """A gateway that keeps what it gets, with a listener for each setting."""
    refused = {one for script in SCRIPTS for one in script.refused}
    entries = [
        f'{{ recipient = "{one}", access = "reject", text = "5.1.1 no" }}'
        for one in sorted(refused)
    ]
    entries.append('{ recipient = "ALL", access = "accept" }')
    own, dns = address(), DnsServer(address())
    dns.add("example.com", Trouble.SERVFAIL)
    text = TEXT.format(address=own, dns=dns.endpoint) + "".join(
        LISTENER.format(port=port, entries=", ".join(entries)) for port in PORTS.values()
    )
    with Gateway(tmp_path_factory.mktemp("dialogues"), text) as running:
        yield running, own
        running.assert_sound()
    dns.close()


def play(gateway: Gateway, own: str, script: dialogues.Script, *, octet_by_octet: bool) -> None:
    port = PORTS[frozenset(script.settings.items())]
    last: tuple[str, ...] = ()
    with RawClient(own, port) as client:
        source, since = client.port, client.since
        if isinstance(script.steps[0], dialogues.Send):
            client.greeted()
        for step in script.steps:
            where = f"{script.name}:{getattr(step, 'line', 0)}"
            match step:
                case dialogues.Send(data):
                    if octet_by_octet and len(data) < 2_000:
                        for octet in data:
                            client.send(bytes((octet,)))
                    else:
                        client.send(data)
                case dialogues.Expect():
                    said = client.reply()
                    assert said is not None, f"{where}: closed"
                    last = tuple(f"{said.code} {line}" for line in said.lines)
                    assert step.matches(list(last)), f"{where}: {last}"
                case dialogues.Without(text):
                    assert not any(text in line for line in last), f"{where}: {last}"
                case dialogues.Silence():
                    assert client.pending() == b"", where
                case dialogues.Closed():
                    assert client.rest() == b"", where
                case dialogues.StartTls():
                    client.handshake()
        assert client.pending(0.01) == b"", "a reply that the script does not expect"
    opened = gateway.events.opened(source, since)
    gateway.events.wait(facts.ConnectionClosed, icid=opened.icid)
    queued = gateway.events.of(facts.MessageReady, icid=opened.icid)
    assert len(queued) == script.messages


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_dialogue_goes_as_written(
    gateway: tuple[Gateway, str], script: dialogues.Script
) -> None:
    play(*gateway, script, octet_by_octet=False)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_dialogue_goes_as_written_octet_by_octet(
    gateway: tuple[Gateway, str], script: dialogues.Script
) -> None:
    play(*gateway, script, octet_by_octet=True)


def test_what_is_not_played_here_is_known() -> None:
    """A new dialogue is played, or sets something that no configuration can."""
    played = {script.name for script in SCRIPTS}
    for script in dialogues.load_all():
        if script.name not in played:
            assert script.only_engine or set(script.settings) & ENGINE_ONLY, script.name
    assert len(played) >= 25
