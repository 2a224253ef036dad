# SPDX-License-Identifier: Apache-2.0
"""The work: users who send through the gateway by SMTP AUTH."""

import asyncio
import secrets
from dataclasses import replace

from cryptography import x509

from gatehouse.faces.actions.action import Nothing
from gatehouse.faces.actions.errors import PASSWORD_NEEDED, OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.login_failures_work import failure_lines
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.smtp_users import (
    AddInput,
    PasswordInput,
    UserChanged,
    UserInput,
    UserLine,
    UserList,
    UserShown,
    UsualLine,
)
from gatehouse.journal import facts
from gatehouse.service.base import passwords
from gatehouse.smtp import saslprep, scram
from gatehouse.store.auth_values import ScramSecret, SmtpUser, SmtpUserEntry
from gatehouse.tls import identities

SHORTEST = 8
"""Characters of a password: NIST SP 800-63B §5.1.1.1."""


async def add(house: House, given: AddInput) -> UserChanged:
    """Make a user."""
    name = _new_name(given.name)
    certificate = _certificate(given)
    if given.password is None and certificate is None:
        raise OperatorError(
            PASSWORD_NEEDED,
            "The user needs a password or a certificate.",
            name,
            "Name a file with --password-file or --certificate.",
        )
    now = house.clock.wall()
    user = SmtpUser(name=name, certificate=certificate, created_at=now, changed_at=now)
    if given.password is not None:
        user = await asyncio.to_thread(_with_password, user, given.password)
    if not await asyncio.to_thread(house.store.smtp_users.add, user):
        raise await _taken(house, user)
    return _done(house, name, "added")


async def list_users(house: House, given: Nothing) -> UserList:
    """All users."""
    found = await asyncio.to_thread(house.store.smtp_users.list)
    return UserList(users=tuple(_line(one) for one in found))


async def show(house: House, given: UserInput) -> UserShown:
    """One user with failures and usual addresses."""
    user = await _known(house, given.name)
    users, now = house.store.smtp_users, house.clock.wall()
    failures = await asyncio.to_thread(users.failures_of, user.name)
    usual = await asyncio.to_thread(users.usual_of, user.name)
    return UserShown(
        user=_line(_entry(user)),
        failures=failure_lines(failures, usual, now),
        usual=tuple(UsualLine(network=one.network, last_at=moment(one.last_at)) for one in usual),
    )


async def set_password(house: House, given: PasswordInput) -> UserChanged:
    """A new password."""
    user = await _known(house, given.name)
    await _keep(house, await asyncio.to_thread(_with_password, user, given.password))
    return _done(house, user.name, "password changed")


async def disable(house: House, given: UserInput) -> UserChanged:
    """He may not log in."""
    user = await _known(house, given.name)
    await _keep(house, replace(user, enabled=False))
    return _done(house, user.name, "disabled")


async def enable(house: House, given: UserInput) -> UserChanged:
    """He may again."""
    user = await _known(house, given.name)
    await _keep(house, replace(user, enabled=True))
    return _done(house, user.name, "enabled")


async def delete(house: House, given: UserInput) -> UserChanged:
    """Forget him."""
    user = await _known(house, given.name)
    await asyncio.to_thread(house.store.smtp_users.delete, user.name)
    return _done(house, user.name, "deleted")


async def unlock(house: House, given: UserInput) -> UserChanged:
    """Forget his failures."""
    user = await _known(house, given.name)
    await asyncio.to_thread(house.store.smtp_users.unlock, user.name)
    return _done(house, user.name, "unlocked")


def _done(house: House, name: str, done: str) -> UserChanged:
    """Say what was done, in the journal too if there is one: no revision tells of it."""
    if house.record is not None:
        at = house.clock.wall()
        house.record(facts.SmtpUserChanged(at=at, name=name, done=done, operator=house.operator))
    return UserChanged(name=name, done=done)


def _new_name(text: str) -> str:
    name = saslprep.prepare_name(text, stored=True)
    if name is None:
        raise OperatorError(
            "bad-user-name",
            "This cannot be the name of a user.",
            text[:80],
            f"No spaces or control characters, at most {saslprep.MAX_NAME} octets.",
        )
    return name


def _with_password(user: SmtpUser, text: str) -> SmtpUser:
    """The user with what is kept of a password. Takes a tenth of a second, on purpose."""
    password = saslprep.prepare_password(text, stored=True)
    if password is None:
        raise OperatorError(
            "bad-password",
            "This cannot be a password.",
            user.name,
            f"No control characters, at most {saslprep.MAX_PASSWORD} octets.",
        )
    if len(password) < SHORTEST:
        raise OperatorError(
            "short-password",
            f"The password has fewer than {SHORTEST} characters.",
            user.name,
            "Devices remember long ones as well as short ones.",
        )
    keys = scram.derive_keys(password, secrets.token_bytes(scram.SALT_OCTETS))
    return replace(
        user,
        password_hash=passwords.hash_password(password),
        scram=ScramSecret(
            salt=keys.salt,
            iterations=keys.iterations,
            stored_key=keys.stored_key,
            server_key=keys.server_key,
        ),
    )


def _certificate(given: AddInput) -> str | None:
    if given.certificate is not None and given.certificate_name is not None:
        raise OperatorError(
            "bad-arguments", "A certificate and a name in a certificate exclude each other."
        )
    if given.certificate is not None:
        return identities.fingerprint(_read_certificate(given.certificate))
    if given.certificate_name is None:
        return None
    identity = identities.parse_identity(given.certificate_name)
    if identity is None:
        raise OperatorError(
            "bad-certificate-name",
            "This is no name in a certificate.",
            given.certificate_name[:80],
            "dns:host.example.com, email:user@example.com, subject:CN=…, or sha256:fingerprint.",
        )
    return identity


def _read_certificate(content: bytes) -> x509.Certificate:
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError:
        raise OperatorError(
            "bad-certificate", "The file holds no certificate.", hint="PEM or DER."
        ) from None


async def _known(house: House, text: str) -> SmtpUser:
    name = saslprep.prepare_name(text)
    user = None if name is None else await asyncio.to_thread(house.store.smtp_users.get, name)
    if user is None:
        raise OperatorError(
            "no-such-user",
            "There is no such user.",
            text[:80],
            "`gatehouse smtp-user list` shows all.",
        )
    return user


async def _keep(house: House, user: SmtpUser) -> None:
    changed = replace(user, changed_at=house.clock.wall())
    if not await asyncio.to_thread(house.store.smtp_users.replace, changed):
        raise OperatorError("no-such-user", "The user has just been deleted.", user.name)


async def _taken(house: House, user: SmtpUser) -> OperatorError:
    if await asyncio.to_thread(house.store.smtp_users.get, user.name) is not None:
        return OperatorError("user-exists", "There is a user of this name already.", user.name)
    return OperatorError(
        "certificate-taken", "The certificate belongs to another user already.", user.name
    )


def _entry(user: SmtpUser) -> SmtpUserEntry:
    return SmtpUserEntry(
        name=user.name,
        has_password=user.password_hash is not None,
        certificate=user.certificate,
        enabled=user.enabled,
        created_at=user.created_at,
        changed_at=user.changed_at,
    )


def _line(entry: SmtpUserEntry) -> UserLine:
    return UserLine(
        name=entry.name,
        enabled=entry.enabled,
        password=entry.has_password,
        certificate=entry.certificate,
        created_at=moment(entry.created_at),
        changed_at=moment(entry.changed_at),
    )
