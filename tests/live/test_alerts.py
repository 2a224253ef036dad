# SPDX-License-Identifier: Apache-2.0
"""Alarms arrive: from a destination without the TLS it must have to a mail in somebody's server.

Two gateways: one whose alerts go by MX records, one whose alerts go by a smart host.
"""

import email
import email.policy
import json
import os
import signal
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from gatehouse.journal import facts
from tests.live.clients import RawClient
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address, until
from tests.live.house import House
from tests.live.servers import PORT, Behaviour, FakeServer, Message

TEXT = """\
format = 1
[system]
hostname = "gw.alert.example"
[interfaces.Net]
address = "{address}"
[listeners.Inside]
type = "private"
interface = "Net"
port = 2525
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[delivery]
dns_servers = ["{dns}"]
smtp_port = {port}
dns_timeout = 4
idle_timeout = 0
[trust]
system = false
[processes]
receivers = 1
[destination_controls.default]
tls = "none"
[destination_controls.".strict.example"]
tls = "required"
[alerts]
initial_interval = {pace}
{alerts}
"""
GUESSING = """\
[listeners.Outside]
type = "public"
interface = "Net"
port = 2526
recipient_access = [{ recipient = "ops.example", access = "accept" }]
sender_groups = [{ name = "ALL", members = ["ALL"], policy = "GUESSING" }]
[mail_flow_policies.GUESSING]
tls = "off"
dhap_limit = 1
"""

# What a server says may hold anything: escape sequences, a line of another field, 8 bit.
HOSTILE = b"454 4.7.0 no \x1b[31m\xfc\r\n"


def opened(folder: Path, alerts: str, more: str = "", pace: int = 0) -> House:
    own, dns = address(), DnsServer(address())
    text = TEXT.format(address=own, dns=dns.endpoint, port=PORT, alerts=alerts, pace=pace) + more
    return House(Gateway(folder, text), dns, own, "", "", "")


def closed(house: House) -> None:
    for server in house.servers:
        server.close()
    house.dns.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    alerts = (
        '[alerts.recipients."ops@ops.example"]\n'
        '[alerts.recipients."calm@calm.example"]\nseverities = ["critical"]\n'
        '[alerts.recipients."there@own.strict.example"]\n'
    )
    house = opened(tmp_path_factory.mktemp("alerts"), alerts)
    house.zone("own.strict.example", (10, house.serve()))  # in DNS before anybody asks
    try:
        with house.gateway:
            yield house
            house.gateway.assert_sound()
    finally:
        closed(house)


@pytest.fixture(scope="module")
def ops(site: House) -> FakeServer:
    server = site.serve()
    site.zone("ops.example", (10, server))
    return server


def read(message: Message) -> EmailMessage:
    return email.message_from_bytes(message.content, policy=email.policy.default)


def about(server: FakeServer, what: str, count: int = 1) -> list[EmailMessage]:
    """The alerts that came to a server and speak of something."""

    def there() -> list[EmailMessage] | None:
        mails = [one for one in map(read, list(server.messages)) if what in str(one["Subject"])]
        return mails if len(mails) >= count else None

    return until(there, f"{count} alerts about {what}")


def test_required_tls_that_fails_ends_as_a_mail(site: House, ops: FakeServer) -> None:
    calm = site.serve()
    site.zone("calm.example", (10, calm))
    site.zone("a.strict.example", (10, site.serve()))
    site.send("bob@a.strict.example", port=2525)
    (mail,) = about(ops, "a.strict.example")
    assert mail["Subject"] == (
        "Warning <System> gw.alert.example: TLS required for a.strict.example but not available:"
        " STARTTLS not offered (1 message waiting, oldest 0s)"
    )
    assert (mail["From"], mail["To"]) == (
        "Gatehouse <alert@gw.alert.example>",
        "ops@ops.example",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "mail for a.strict.example" in mail.get_content()
    assert not calm.messages, "it is no critical one"


def test_it_travels_with_the_null_sender_and_is_never_answered(
    site: House, ops: FakeServer
) -> None:
    site.zone("null.strict.example", (10, site.serve()))
    site.send("bob@null.strict.example", port=2525)
    about(ops, "null.strict.example")
    assert {message.sender for message in ops.messages} == {""}
    assert all("NEVER" in " ".join(one.recipient_parameters) for one in ops.messages)


def test_what_a_server_says_cannot_add_to_the_header(site: House, ops: FakeServer) -> None:
    site.zone("evil.strict.example", (10, site.serve(Behaviour(tls=True, starttls=HOSTILE))))
    site.send("bob@evil.strict.example", port=2525)
    (mail,) = about(ops, "evil.strict.example")
    assert "\x1b" not in mail.as_string()
    listed = site.gateway.command("alarm", "list")
    assert b"evil.strict.example" in listed
    assert all(octet >= 0x20 for octet in listed.replace(b"\n", b""))
    told = json.loads(site.gateway.command("--json", "alarm", "list"))["alarms"]
    assert any("evil.strict.example" in one["text"] for one in told)
    assert {name.lower() for name in mail} == {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "auto-submitted",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }


def test_an_alert_is_not_mailed_to_where_nothing_goes(site: House, ops: FakeServer) -> None:
    site.send("bob@own.strict.example", port=2525)
    about(ops, "own.strict.example")
    site.gateway.events.wait(
        facts.AlertWithheld,
        recipient="there@own.strict.example",
        reason="it would go to own.strict.example, which it is about",
    )


def test_a_test_alert_goes_the_same_way_and_says_what_became_of_it(
    site: House, ops: FakeServer
) -> None:
    said = site.gateway.command("alert", "test", "new@ops.example").decode()
    assert "delivered" in said
    (mail,) = [one for one in about(ops, "Test alert") if one["To"] == "new@ops.example"]
    assert mail["Message-ID"] in said


def test_a_test_alert_that_waits_says_why(site: House) -> None:
    site.zone("busy.example", (10, site.serve(Behaviour(rcpt=b"450 4.2.1 later please\r\n"))))
    said = site.gateway.command("alert", "test", "ops@busy.example").decode()
    assert "deferred" in said and "later please" in said


def test_alerts_go_while_all_deliveries_are_suspended(site: House, ops: FakeServer) -> None:
    site.zone("waits.example", (10, waiting := site.serve()))
    site.gateway.command("delivery", "suspend", "--all")
    site.send("bob@waits.example", port=2525)
    site.gateway.events.wait(facts.DeliveriesSuspended, domain="waits.example")
    said = site.gateway.command("alert", "test", "suspended@ops.example").decode()
    assert "delivered" in said
    site.gateway.command("delivery", "suspend", "ops.example")
    said = site.gateway.command("alert", "test", "named@ops.example", "--wait", "0").decode()
    assert "waiting" in said
    site.gateway.events.wait(facts.DeliveriesSuspended, domain="ops.example")
    assert not waiting.connections
    site.gateway.command("delivery", "resume", "--all")
    waiting.wait()
    assert any(read(one)["To"] == "named@ops.example" for one in until_there(ops, "named"))


def until_there(server: FakeServer, who: str) -> list[Message]:
    """The messages of a server, as soon as one to somebody is among them."""

    def there() -> list[Message] | None:
        messages = list(server.messages)
        return messages if any(who in one.recipients[0] for one in messages) else None

    return until(there, f"mail to {who}")


def test_alerts_about_alert_mail_are_kept_and_mailed_to_nobody(
    site: House, ops: FakeServer
) -> None:
    site.zone("lonely.strict.example", (10, site.serve()))
    said = site.gateway.command("alert", "test", "ops@lonely.strict.example").decode()
    assert "deferred" in said
    events = site.gateway.events

    def raised() -> list[facts.AlarmRaised]:
        told = events.of(facts.AlarmRaised, name="required-tls-failed")
        return [one for one in told if "lonely.strict.example" in one.text]

    (alarm,) = until(raised, "the alarm is kept")
    assert alarm.key.endswith("/alert mail")
    events.wait(facts.AlertWithheld, recipient="ops@ops.example", name="required-tls-failed")
    assert not any("lonely" in str(read(one)["Subject"]) for one in ops.messages)


def test_an_alert_about_the_deliverer_goes_when_there_is_one_again(
    site: House, ops: FakeServer
) -> None:
    (pid,) = site.gateway.processes("deliverer")
    os.kill(pid, signal.SIGKILL)
    (mail,) = about(ops, "process deliverer ended by itself")
    assert "(signal 9)" in " ".join(str(mail["Subject"]).split())
    assert "Nothing that was accepted is lost." in " ".join(mail.get_content().split())


# --- a smart host for alerts, and a pace ----------------------------------------------------------

RELAYED = (
    '[smtp_routes]\n"." = ["nowhere.example"]\n'
    f'[smart_hosts.relay]\nhost = "relay.example"\nport = {PORT}\ntls = "none"\n'
)


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, FakeServer]]:
    alerts = 'smart_host = "relay"\n[alerts.recipients."ops@ops.example"]\n'
    house = opened(tmp_path_factory.mktemp("paced"), alerts, RELAYED + GUESSING, pace=3600)
    relay, bad = house.serve(), house.serve()
    house.dns.host("relay.example", relay.address)
    house.dns.host("nowhere.example", bad.address)
    try:
        with house.gateway:
            yield house, relay
            house.gateway.assert_sound()
    finally:
        closed(house)


def test_the_smart_host_of_alerts_wins_over_every_route(paced: tuple[House, FakeServer]) -> None:
    house, relay = paced
    house.send("bob@a.strict.example", port=2525)
    about(relay, "a.strict.example")
    assert [one.recipients for one in relay.messages] == [["ops@ops.example"]]


def guess(house: House, times: int) -> None:
    """Ask for recipients that do not exist until that is too many for the gateway."""
    with RawClient(house.address, 2526) as client:
        client.greeted()
        client.expect("EHLO guess.example", 250)
        client.expect("MAIL FROM:<>", 250)
        for number in range(3):
            client.say(f"RCPT TO:<guess{number}@nobody.example>")
    house.gateway.events.wait(facts.HarvestStopped, times)


def test_equal_alarms_are_held_back_over_a_restart_and_the_next_mail_has_their_number(
    paced: tuple[House, FakeServer],
) -> None:
    house, relay = paced
    gateway, what = house.gateway, "recipients that do not exist"
    guess(house, 1)
    (first,) = about(relay, what)
    assert "Repeated:" not in first.get_content()
    gateway.stop()
    gateway.start()
    guess(house, 2)
    gateway.command("config", "set", "alerts.initial_interval", "0", "--commit", "all of them")
    guess(house, 3)
    _, second = about(relay, what, 2)
    assert "1 equal alarm came since the last mail" in " ".join(second.get_content().split())
    listed = json.loads(gateway.command("--json", "alarm", "list"))["alarms"]
    assert [one["suppressed"] for one in listed if what in one["text"]] == [1, 0]
