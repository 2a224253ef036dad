# SPDX-License-Identifier: Apache-2.0
"""Declarations: certificates from an ACME server."""

from datetime import datetime
from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

CHALLENGES = ("http-01", "dns-01")
KEY_TYPES = ("p-256", "p-384", "rsa-2048", "rsa-3072", "rsa-4096")
LARGEST_CA = 1024 * 1024


class OrderInput(msgspec.Struct, frozen=True, kw_only=True):
    """What to order, where, and how to prove that the names are ours."""

    name: Annotated[str, Arg(help="the certificate", positional=True, metavar="NAME")]
    domain: Annotated[
        tuple[str, ...], Arg(help="a host name that it shall cover; can be given again")
    ]
    directory: Annotated[str, Arg(help="the directory of the ACME server", metavar="URL")]
    contact: Annotated[str, Arg(help="where the CA can write to", metavar="MAIL")]
    challenge: Annotated[str, Arg(help="how the names are proven", choices=CHALLENGES)] = "http-01"
    hook: Annotated[
        str | None, Arg(help="the program that sets a DNS record, for dns-01", metavar="PROGRAM")
    ] = None
    keep_key: Annotated[bool, Arg(help="keep the key at renewals, for published TLSA records")] = (
        False
    )
    key_type: Annotated[str, Arg(help="the kind of key", choices=KEY_TYPES)] = "p-256"
    directory_ca: Annotated[
        bytes | None,
        Arg(help="the root behind the server's own certificate", metavar="FILE", most=LARGEST_CA),
    ] = None


class RenewInput(msgspec.Struct, frozen=True, kw_only=True):
    """Which certificate."""

    name: Annotated[str, Arg(help="the certificate", positional=True, metavar="NAME")]


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that came and is in force."""

    name: str
    domains: tuple[str, ...]
    issuer: str
    not_after: datetime
    fingerprint: str
    renewal_at: datetime
    served: bool  # a running gateway uses it already


ORDER = Action(
    name="certificate acme",
    summary="Order a certificate from an ACME server and renew it from then on.",
    help="""Order a certificate by ACME (RFC 8555) and put it in force at once. From then on the
running gateway renews it: when the server says so, else when a third of its lifetime is left.

With http-01 the CA connects to port 80 of each name; the gateway answers there while the order runs
(see [acme] in the configuration). With dns-01 the hook is called as `PROGRAM present DOMAIN RECORD
VALUE`, and with `cleanup` afterwards; it returns when the record can be seen.

Ordering agrees to the terms of the CA.""",
    example="gatehouse certificate acme mx --domain mx.example.com"
    " --directory https://acme-v02.api.letsencrypt.org/directory --contact mail@example.com",
    role=Role.ADMINISTRATOR,
    input=OrderInput,
    output=Ordered,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.acme_work:order",
)

RENEW = Action(
    name="certificate renew",
    summary="Renew a certificate that came by ACME now.",
    help="""Renew a certificate without waiting for its time, as it was ordered.

For a key that may be known to others, or before a long weekend. What is in force stays when the
renewal fails.""",
    example="gatehouse certificate renew mx",
    role=Role.ADMINISTRATOR,
    input=RenewInput,
    output=Ordered,
    changes=True,
    needs=Needs.STORE,
    work="gatehouse.faces.actions.acme_work:renew",
)
