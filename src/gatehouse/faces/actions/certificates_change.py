# SPDX-License-Identifier: Apache-2.0
"""The work: make a certificate, get it signed, remove it. Nothing is in force before a commit."""

import asyncio

from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.faces.actions.certificates import (
    Changed,
    CreateInput,
    DeleteInput,
    InstallInput,
    NameInput,
    SigningRequest,
)
from gatehouse.faces.actions.certificates_shelf import (
    Chained,
    candidate_running,
    chain_of,
    checked_name,
    fault,
    finish,
    keep,
    named_by_machines,
    to_be,
)
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.moments import moment
from gatehouse.faces.actions.status_work import running_now, uses
from gatehouse.service.trust import aia, anchors, keyring
from gatehouse.tls import certificates as tls
from gatehouse.tls import diagnosis, pem_input, signing_request


async def create(house: House, given: CreateInput) -> Changed:
    """A new key with a self-signed certificate."""
    name = checked_name(given.name)
    if name in keyring.names_to_be(house.store, house.operator) or name in keyring.names(
        house.store
    ):
        raise OperatorError(
            "name-taken",
            "There is a certificate of this name already.",
            name,
            "To renew it, use `certificate csr` and `certificate install`: the key stays.",
        )
    wanted = tls.SelfSigned(
        subject=tls.Subject(
            common_name=given.common_name,
            organization=given.organization,
            organizational_unit=given.organizational_unit,
            locality=given.locality,
            state=given.state,
            country=given.country,
        ),
        alternative_names=given.san,
        days=given.days,
        key_kind=tls.KeyKind(given.key_type),
    )
    now = moment(house.clock.wall())
    # In a thread: an RSA key of 4096 bits takes seconds; the library lets go of the interpreter.
    made = await asyncio.to_thread(
        tls.create_self_signed, wanted, now=now, serial=keyring.new_serial()
    )
    if isinstance(made, tls.CertificateFault):
        raise fault(made, name)
    what = f"The key and a self-signed certificate for {given.common_name} are made."
    return await keep(house, name, made, what, comment=given.commit)


async def csr(house: House, given: NameInput) -> SigningRequest:
    """The request, for a key that is in force."""
    name = given.name
    to_be(house, name)
    if name not in keyring.names(house.store):
        raise OperatorError(
            "not-committed",
            "The certificate is only pending, and a request for it is not given out.",
            name,
            "If its key were thrown away, the CA's answer would fit nothing. "
            "First: gatehouse config commit.",
        )
    if name == keyring.DEMO:
        raise _not_the_demo("It is no name of yours that a CA would sign.")
    made = await asyncio.to_thread(signing_request.signing_request, keyring.get(house.store, name))
    if isinstance(made, tls.CertificateFault):
        raise fault(made, name)
    return SigningRequest(name=name, pem=made.decode("ascii"))


async def install(house: House, given: InstallInput) -> Changed:
    """The CA's answer, or intermediates for what is there."""
    name, held = given.name, to_be(house, given.name)
    if name == keyring.DEMO:
        raise _not_the_demo("Make a certificate of your own with `certificate create`.")
    if given.file is None and given.intermediates is None and not given.fetch_issuers:
        raise OperatorError(
            "no-file",
            "There is no file to install.",
            hint="Name the signed certificate, --intermediates, or --fetch-issuers.",
        )
    given_answer = await asyncio.to_thread(_answer, house, held, given)
    if isinstance(given_answer, tls.CertificateFault):
        raise fault(given_answer, name)
    answer: signing_request.SignedAnswer = given_answer
    looked: tuple[str, ...] = ()
    if given.fetch_issuers:
        answer, looked = await asyncio.to_thread(_with_issuers, house, answer, given.internal)
    leaf = answer.completed.chain[0]
    return await keep(
        house,
        name,
        answer.certified,
        f"The certificate {tls.describe(leaf)} fits the key.",
        done=Chained(answer.completed, looked),
        comment=given.commit,
    )


def _answer(
    house: House, held: tls.CertifiedKey, given: InstallInput
) -> signing_request.SignedAnswer | tls.CertificateFault:
    stored = anchors.intermediates(house.store, house.operator)
    parts = [part for part in (given.file, given.intermediates) if part is not None]
    if given.file is not None:
        return signing_request.accept_answer(held.key_pem, parts, stored=stored)
    more = pem_input.read_certificates_only(parts)
    if isinstance(more, tls.CertificateFault):
        return more
    completed = diagnosis.complete((*chain_of(held), *more), stored)
    pem = tuple(each.public_bytes(Encoding.PEM) for each in completed.chain)
    return signing_request.SignedAnswer(tls.CertifiedKey(held.key_pem, pem), completed)


def _with_issuers(
    house: House, answer: signing_request.SignedAnswer, internal: bool
) -> tuple[signing_request.SignedAnswer, tuple[str, ...]]:
    """The same answer with the intermediates that its chain lacked, where they could be had."""
    stored = anchors.intermediates(house.store, house.operator)
    fetched = aia.complete(answer.completed, stored, internal=internal)
    pem = tuple(each.public_bytes(Encoding.PEM) for each in fetched.completed.chain)
    certified = tls.CertifiedKey(answer.certified.key_pem, pem)
    return signing_request.SignedAnswer(certified, fetched.completed), fetched.remarks


async def delete(house: House, given: DeleteInput) -> Changed:
    """Gone with the next commit."""
    name = given.name
    to_be(house, name)
    if name == keyring.DEMO:
        raise _not_the_demo("It would be made again at the next start.")
    users = dict.fromkeys(
        (
            *uses(running_now(house)).get(name, ()),
            *uses(candidate_running(house)).get(name, ()),
            *named_by_machines(house, name),
        )
    )
    if users:
        raise OperatorError(
            "certificate-in-use",
            "The certificate is in use and cannot be removed.",
            f"{name}: {', '.join(users)}",
            "Assign another one there and commit, then remove it.",
        )
    async with house.committing:
        keyring.stage_removal(house.store, house.operator, name, house.clock.wall())
    done = await finish(house, given.commit)
    what = f"The certificate {name} is removed"
    waits = name in keyring.names(house.store)
    return Changed(
        what=f"{what} with the next commit." if waits else f"{what}.", certificate=None, commit=done
    )


def _not_the_demo(hint: str) -> OperatorError:
    return OperatorError(
        "demo-certificate", "This cannot be done with the Demo certificate.", hint=hint
    )
