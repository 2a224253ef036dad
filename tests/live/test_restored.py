# SPDX-License-Identifier: Apache-2.0
"""A gateway is restored elsewhere from one file: it shows the same certificate, logs in at the same
smart host with the same password, and its users and operators are the same.
"""

import asyncio
import json
import smtplib
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatehouse.app import open_house
from gatehouse.faces.actions import people_work, smtp_users_work
from gatehouse.faces.actions.house import House as Opened
from gatehouse.faces.actions.people import AddInput as NewAccount
from gatehouse.faces.actions.smtp_users import AddInput as NewUser
from gatehouse.journal import facts
from gatehouse.service.trust import keyring
from gatehouse.tls.certificates import CertifiedKey, SelfSigned, Subject, create_self_signed
from tests.live import outbound_servers as peers
from tests.live.dns import DnsServer
from tests.live.gateway import Gateway, address
from tests.live.servers import FULL, Behaviour, FakeServer

pytestmark = pytest.mark.slow

USER, PASSWORD, PASSPHRASE = "us", "open sesame 9", "correct horse battery"
RELAY = "ses.relay.example"
FIRST = 'format = 1\n[system]\nhostname = "new.example"\n[processes]\nreceivers = 1\n'
TEXT = """\
format = 1
# restored from a file
[system]
hostname = "gw.old.example"
[interfaces.Net]
address = "{address}"
[listeners.Smtps]
type = "private"
interface = "Net"
port = 2465
tls_mode = "implicit"
certificate = "mx"
smtp_auth_profile = "users"
sender_groups = [{{ name = "RELAYLIST", members = ["ALL"], policy = "RELAYED" }}]
[mail_flow_policies.RELAYED]
tls = "required"
smtp_auth = "required"
[smtp_auth_profiles.users]
mechanisms = ["PLAIN"]
[smtp_auth_profiles.users.senders]
"*" = ["*"]
[delivery]
dns_servers = ["{dns}"]
[trust]
system = false
[processes]
receivers = 1
[smtp_routes]
"." = ["smarthost:ses"]
[smart_hosts.ses]
host = "ses.relay.example"
username = "us"
port = {port}
"""


def old_gateway(folder: Path, text: str) -> tuple[Gateway, CertifiedKey]:
    """A gateway that is gone but for its data: certificate, trust, password, people."""
    gateway = Gateway(folder, FIRST)
    directory, store = open_house(gateway.data)
    now = time.time()
    made = create_self_signed(
        SelfSigned(subject=Subject(common_name="mx.old.example"), days=9),
        now=datetime.fromtimestamp(now, UTC),
        serial=4711,
    )
    assert isinstance(made, CertifiedKey)
    keyring.put(store, "mx", made, now)
    store.secrets.put("trust/Relays", peers.ROOT.pem, now)
    store.secrets.put("smart-host/ses", PASSWORD.encode(), now)
    store.revisions.append(text=text, operator="t", comment="all of it", committed_at=now)
    opened = Opened(directory=directory, version="", operator="test", opened=store)
    asyncio.run(smtp_users_work.add(opened, NewUser(name="printer", password=PASSPHRASE)))
    boss = NewAccount(name="boss", role="administrator", password=PASSPHRASE)
    asyncio.run(people_work.add(opened, boss))
    store.close()
    return gateway, made


def test_a_gateway_is_restored_elsewhere_from_one_file(tmp_path: Path) -> None:
    own, dns = address(), DnsServer(address())
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    plain = Behaviour(capabilities=(*FULL, "AUTH PLAIN"))
    context = peers.tls_server(tmp_path, *peers.chain_of("verified", RELAY, RELAY))
    relay = FakeServer(
        address(), replace(plain, context=context, account=(USER, PASSWORD), tls=True)
    )
    dns.host(RELAY, relay.address)
    text = TEXT.format(address=own, dns=dns.endpoint, port=relay.port)
    old, certificate = old_gateway(tmp_path / "old", text)
    word = tmp_path / "word"
    word.write_text(f"{PASSPHRASE}\n")
    file = tmp_path / "saved.toml"
    sealed = ["--passphrase-file", str(word)]
    old.command("config", "save", str(file), *sealed, "--with-certificates", "--with-people")
    assert PASSWORD.encode() not in file.read_bytes()
    new = Gateway(tmp_path / "new", FIRST)
    try:
        with new:
            said = new.command(
                "config", "load", str(file), *sealed, "--commit", "restored", "--json"
            )
            done = json.loads(said)
            assert done["missing"] == []
            assert [one["outcome"] for one in done["served"]] == ["as expected"]
            assert new.command("config", "show") == old.command("config", "show")
            shown = ssl.get_server_certificate((own, 2465))
            assert shown.strip().encode() == certificate.chain_pem[0].strip()
            unverified = ssl.create_default_context()
            unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
            with smtplib.SMTP_SSL(own, 2465, context=unverified) as client:
                client.login("printer", PASSPHRASE)
                client.sendmail("ann@old.example", ["bob@far.example"], b"Subject: x\r\n\r\nx\r\n")
            (message,) = relay.wait()
            assert message.tls
            new.events.wait(facts.SmartHostLogin, name="ses", ok=True, mechanism="PLAIN")
            boss = json.loads(new.command("user", "show", "boss", "--json"))
            assert boss["account"]["role"] == "administrator"
            new.assert_sound()
    finally:
        relay.close()
        dns.close()
