# SPDX-License-Identifier: Apache-2.0
"""One conversation with an ACME server (RFC 8555), in small blocking steps for a thread.

The only module that needs the optional `acme` library; whoever uses it imports it late. The library
is given a network that goes nowhere but to the host of the directory, over verified TLS, without
redirects, proxies of the environment or `.netrc`, and that reads no endless answers: what an ACME
server says contains URLs, and they are data.
"""

import contextlib
import socket
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

from gatehouse.policy.fetch_targets import WebTarget, judge_address, parse_target
from gatehouse.service.trust.acme_challenges import HTTP_01, Answer
from gatehouse.service.trust.web_fetch import system_resolve
from gatehouse.tls.certificates import CertificateFault, bounded, read_key

MAX_ANSWER = 1024 * 1024  # a chain has some 10 KB
NETWORK_SECONDS = 20


class AcmeFailed(Exception):
    """The server refuses or cannot be reached; the text says why."""


class _Network(client.ClientNetwork):
    """The library's network, kept on a leash."""

    def __init__(self, home: WebTarget, key: JWK, ca_file: str | None) -> None:
        super().__init__(key, alg=ES256, user_agent="gatehouse", timeout=NETWORK_SECONDS)
        self._home = home
        self._ca_file = ca_file
        self.session.trust_env = False
        self.session.hooks["response"] = [_read_bounded]

    def _send_request(
        self, method: str, url: str, *args: object, **kwargs: object
    ) -> requests.Response:
        target = parse_target(url)
        if not isinstance(target, WebTarget) or not target.secure:
            raise AcmeFailed("the server names a URL that is not https")
        if (target.host, target.port) != (self._home.host, self._home.port):
            raise AcmeFailed("the server names a URL on another host")
        if self._ca_file is not None:
            self.verify_ssl = self._ca_file  # type: ignore[assignment]  # requests takes a path too
        kwargs["allow_redirects"] = False
        return super()._send_request(method, url, *args, **kwargs)


def _read_bounded(response: requests.Response, **_: object) -> None:
    parts, size = [], 0
    for part in response.iter_content(65536):
        size += len(part)
        if size > MAX_ANSWER:
            response.close()
            raise AcmeFailed("the server's answer is too large")
        parts.append(part)
    response._content = b"".join(parts)  # what `response.content` gives from now on


class Conversation:
    """One order after the other with one server. Every method blocks and raises AcmeFailed."""

    def __init__(self, network: _Network, directory_url: str) -> None:
        directory = client.ClientV2.get_directory(directory_url, network)
        self._client = client.ClientV2(directory, network)
        self._network = network
        self._order: messages.OrderResource | None = None
        self._chosen: list[tuple[messages.ChallengeBody, Any]] = []

    def sign_in(self, contact: str) -> None:
        """Use the account of our key, made if there is none. Agrees to the server's terms."""
        with _said():
            wanted = messages.NewRegistration.from_data(email=contact, terms_of_service_agreed=True)
            try:
                self._client.new_account(wanted)
            except errors.ConflictError as known:
                body = messages.Registration()
                account = messages.RegistrationResource(body=body, uri=str(known))
                self._client.query_registration(account)

    def order(self, csr_pem: bytes, kind: str) -> tuple[Answer, ...]:
        """Begin an order; what has to be found when it goes on."""
        with _said():
            self._order = self._client.new_order(csr_pem)
            assert self._network.key is not None
            self._chosen, answers = [], []
            for authorization in self._order.authorizations:
                if authorization.body.status == messages.STATUS_VALID:
                    continue
                domain = authorization.body.identifier.value
                found = _choose(authorization.body.challenges, kind, domain)
                response, value = found.chall.response_and_validation(self._network.key)
                self._chosen.append((found, response))
                if authorization.body.wildcard:
                    domain = f"*.{domain}"
                answers.append(Answer(domain, found.chall.encode("token"), value))
            return tuple(answers)

    def ready(self) -> None:
        """Tell the server that it may look."""
        with _said():
            for body, response in self._chosen:
                self._client.answer_challenge(body, response)

    def proven(self) -> bool:
        """Whether the server has found all answers; raises AcmeFailed when it has given up."""
        with _said():
            assert self._order is not None
            open_ones = False
            for authorization in self._order.authorizations:
                now, _ = self._client.poll(authorization)
                if now.body.status == messages.STATUS_PENDING:
                    open_ones = True
                elif now.body.status != messages.STATUS_VALID:
                    raise AcmeFailed(_refusal(now))
            return not open_ones

    def finalize(self) -> None:
        """Hand the request over."""
        with _said():
            assert self._order is not None
            try:
                self._client.begin_finalization(self._order)
            except messages.Error as error:
                if error.code != "orderNotReady":  # then `collect` does it again
                    raise

    def collect(self, ends: float) -> bytes | None:
        """The certificate with its chain, as PEM; None when it is not there at that unix time."""
        with _said():
            assert self._order is not None
            # The library compares with local time without a zone.
            late = datetime.fromtimestamp(ends)  # noqa: DTZ006
            try:
                return self._client.poll_finalization(self._order, late).fullchain_pem.encode()
            except errors.TimeoutError:
                return None

    def renewal(self, certificate_pem: bytes) -> tuple[float | None, float]:
        """When the server wants it renewed (ARI, RFC 9773), and when to ask again."""
        with _said():
            when, again = self._client.renewal_time(certificate_pem)
            moment = None if when is None else when.astimezone(UTC).timestamp()
            return moment, again.timestamp()


@contextlib.contextmanager
def conversation(directory: str, key_pem: bytes, ca_pem: bytes | None) -> Iterator[Conversation]:
    """Talk to the server of a directory with the account's key; raises AcmeFailed."""
    home = parse_target(directory)
    if not isinstance(home, WebTarget) or not home.secure:
        raise AcmeFailed("the directory's URL must be https")
    key = read_key(key_pem)
    if isinstance(key, CertificateFault) or not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AcmeFailed("the account's key cannot be read")
    with contextlib.ExitStack() as stack, _said():
        _judge(home, internal=ca_pem is not None)
        ca_file = None
        if ca_pem is not None:
            stream = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".pem"))
            stream.write(ca_pem)
            stream.flush()
            ca_file = stream.name
        network = _Network(home, JWKEC(key=key), ca_file)
        stack.callback(network.session.close)
        yield Conversation(network, directory)


def _judge(home: WebTarget, *, internal: bool) -> None:
    """A public name that leads inside is refused; who brings the CA's own root means it."""
    for address in system_resolve(home.host, home.port):
        reason = judge_address(address, named=home.names_an_address, internal=internal)
        if reason is not None:
            raise AcmeFailed(f"its host leads to {address}, which is refused: {reason}")


def _choose(
    offered: Sequence[messages.ChallengeBody], kind: str, domain: str
) -> messages.ChallengeBody:
    wanted = challenges.HTTP01 if kind == HTTP_01 else challenges.DNS01
    for body in offered:
        if isinstance(body.chall, wanted):
            return body
    raise AcmeFailed(f"the server offers no {kind} challenge for {domain}")


def _refusal(authorization: messages.AuthorizationResource) -> str:
    domain = authorization.body.identifier.value
    for body in authorization.body.challenges:
        if body.error is not None:
            return f"the server does not find the answer for {domain}: {_detail(body.error)}"
    return f"the server refuses {domain}"


def _detail(error: messages.Error) -> str:
    return bounded(error.detail or error.typ or "no reason given", 300)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Everything that can go wrong on the way, in words."""
    try:
        yield
    except messages.Error as error:
        raise AcmeFailed(f"the server refuses: {_detail(error)}") from None
    except requests.exceptions.SSLError:
        raise AcmeFailed("the server's certificate does not verify") from None
    except requests.exceptions.Timeout:
        raise AcmeFailed("the server does not answer in time") from None
    except requests.exceptions.RequestException as error:
        raise AcmeFailed(f"the server cannot be reached: {type(error).__name__}") from None
    except errors.TimeoutError:
        raise AcmeFailed("the server does not finish in time") from None
    except errors.IssuanceError as error:
        raise AcmeFailed(f"the server refuses: {_detail(error.error)}") from None
    except socket.gaierror as error:
        raise AcmeFailed(f"its host cannot be resolved: {error.strerror}") from None
    except (errors.Error, JoseError, ValueError, KeyError, TypeError) as error:
        raise AcmeFailed(
            f"the server's answer makes no sense: {bounded(str(error), 200)}"
        ) from None


def leaf_of(pem: bytes) -> x509.Certificate:
    """The first certificate; raises AcmeFailed."""
    with _said():
        return x509.load_pem_x509_certificates(pem)[0]
