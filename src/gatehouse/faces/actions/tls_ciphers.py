# SPDX-License-Identifier: Apache-2.0
"""Declarations: what a cipher string means."""

from typing import Annotated

import msgspec

from gatehouse.faces.actions.action import Action, Arg, Needs, Role

_VERSIONS = ("1.0", "1.1", "1.2", "1.3")


class CiphersInput(msgspec.Struct, frozen=True, kw_only=True):
    """The string, and under which conditions."""

    string: Annotated[
        str, Arg(help="OpenSSL's cipher string", positional=True, metavar="STRING")
    ] = ""
    min_version: Annotated[str, Arg(help="lowest TLS version", choices=_VERSIONS)] = "1.2"
    max_version: Annotated[str, Arg(help="highest TLS version", choices=_VERSIONS)] = "1.3"
    security_level: Annotated[
        int, Arg(help="OpenSSL's security level", metavar="LEVEL", least=0, most=5)
    ] = 2


class SuiteView(msgspec.Struct, frozen=True, kw_only=True):
    """One cipher suite."""

    name: str
    protocol: str
    bits: int
    forward_secrecy: bool
    aead: bool


class Ciphers(msgspec.Struct, frozen=True, kw_only=True):
    """The suites that OpenSSL would use, the first choice first."""

    string: str
    suites: tuple[SuiteView, ...]


CIPHERS = Action(
    name="tls ciphers",
    summary="Show what a cipher string means.",
    help="""List the cipher suites that OpenSSL would really use with a string, in their order.

What the security level or the versions rule out is not listed, nor what has no certificate or no
encryption: those are never used here. The suites of TLS 1.3 are not governed by the string. Without
a string: the one that deliveries use by default.""",
    example="gatehouse tls ciphers 'HIGH:!kRSA:!SHA1'",
    role=Role.READ_ONLY,
    input=CiphersInput,
    output=Ciphers,
    changes=False,
    needs=Needs.NOTHING,
    work="gatehouse.faces.actions.tls_ciphers_work:show",
)
