# SPDX-License-Identifier: Apache-2.0
"""Two ends of a TLS connection in one process, and the key material that tests need."""

import datetime
import functools

from gatehouse.tls import certificates, engine, profiles

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
V12 = profiles.TlsVersion.TLS_1_2
V13 = profiles.TlsVersion.TLS_1_3


@functools.cache
def certified(
    common_name: str = "mx.example.com",
    kind: certificates.KeyKind = certificates.KeyKind.P256,
    *,
    sans: tuple[str, ...] = (),
    days: int = 3650,
    now: datetime.datetime = NOW,
) -> certificates.CertifiedKey:
    made = certificates.create_self_signed(
        certificates.SelfSigned(
            subject=certificates.Subject(common_name=common_name),
            alternative_names=sans,
            days=days,
            key_kind=kind,
        ),
        now=now,
        serial=4711,
    )
    assert isinstance(made, certificates.CertifiedKey), made
    return made


def server(*keys: certificates.CertifiedKey, **settings: object) -> engine.ServerContext:
    return engine.ServerContext(
        engine.ServerTlsSettings(certificates=keys or (certified(),), **settings)  # type: ignore[arg-type]
    )


def client(**settings: object) -> engine.ClientContext:
    return engine.ClientContext(engine.ClientTlsSettings(**settings))  # type: ignore[arg-type]


def shake(client_end: engine.TlsSession, server_end: engine.TlsSession) -> None:
    """Carry bytes until both are done; a failure of either end comes out."""
    for _ in range(10):
        client_done = client_end.handshake()
        server_end.receive(client_end.output())
        server_done = server_end.handshake()
        client_end.receive(server_end.output())
        if client_done and server_done:
            return
    raise AssertionError("no end of the handshake after ten flights")


def connected(
    server_context: engine.ServerContext | None = None,
    client_context: engine.ClientContext | None = None,
    name: str | None = "mx.example.com",
    resume: engine.SavedSession | None = None,
) -> tuple[engine.TlsSession, engine.TlsSession]:
    """(client end, server end), after the handshake."""
    server_end = (server_context or server()).session()
    client_end = (client_context or client()).session(name, resume)
    shake(client_end, server_end)
    return client_end, server_end


def talk(source: engine.TlsSession, target: engine.TlsSession, data: bytes) -> bytes:
    source.write(data)
    target.receive(source.output())
    return target.read()
