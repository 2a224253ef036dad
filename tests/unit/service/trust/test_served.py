# SPDX-License-Identifier: Apache-2.0
"""The look at what is served, with a listener that is only pretended."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from gatehouse.config.running import Listener, TlsMode
from gatehouse.policy.tls_profiles import TlsProfile
from gatehouse.service.trust import probe, served
from gatehouse.service.trust.served import Outcome
from gatehouse.tls.certificates import CertifiedKey, SelfSigned, Subject, create_self_signed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certified(number: int) -> CertifiedKey:
    wanted = SelfSigned(subject=Subject(common_name=f"c{number}.example.com"), days=30)
    made = create_self_signed(wanted, now=NOW, serial=number + 1)
    assert isinstance(made, CertifiedKey)
    return made


def listener(name: str, certificates: tuple[str, ...]) -> Listener:
    place = SimpleNamespace(address="127.0.0.1")
    made = SimpleNamespace(
        name=name,
        interface=place,
        port=25,
        tls_mode=TlsMode.STARTTLS,
        tls_profile=TlsProfile(),
        certificates=certificates,
    )
    return cast(Listener, made)


def test_few_look_at_the_same_time_and_each_certificate_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look is a client: many of them would take the places of others."""
    here, most, asked = 0, 0, []

    async def look(host: str, port: int, manner: probe.Manner) -> object:
        nonlocal here, most
        here += 1
        most = max(most, here)
        asked.append(manner.server_name)
        for _ in range(3):
            await asyncio.sleep(0)
        here -= 1
        raise probe.Unseen("nobody there")

    monkeypatch.setattr(probe, "look", look)
    names = tuple(f"c{number}" for number in range(20))
    held = {name: certified(number) for number, name in enumerate(names)}
    both = (listener("A", names[:12]), listener("B", names[12:]))
    seen = asyncio.run(served.look_at(both, held, hostname="gw"))
    assert most == served.AT_ONCE
    assert [(one.listener, one.certificate) for one in seen] == [
        *(("A", name) for name in names[:12]),
        *(("B", name) for name in names[12:]),
    ]
    assert {one.outcome for one in seen} == {Outcome.FAILED}
    assert asked.count(None) == 2  # the first of each is what is shown without a name
    assert sorted(filter(None, asked))[:2] == ["c1.example.com", "c10.example.com"]
