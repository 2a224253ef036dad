# SPDX-License-Identifier: Apache-2.0
"""The process behind `opening`: reads one order, opens it, says what came of it, ends.

It bounds itself before it reads, so that a file cannot take the machine's memory, and it leaves no
core dump with a key in it.
"""

import resource
import sys

import msgspec

from gatehouse.service.trust.opening import CPU_SECONDS, Opened, Order
from gatehouse.tls import pem_input, pkcs12
from gatehouse.tls.certificates import CertificateFault, CertifiedKey

MEMORY = 1024 * 1024 * 1024  # address space; scrypt may have 256 MB of it (tls.pkcs12)


def main() -> None:
    """Standard input to standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer(order)))


def answer(order: Order) -> Opened:
    """Do what was ordered."""
    opened = _open(order)
    if isinstance(opened, CertificateFault):
        return Opened(fault=opened.text)
    return Opened(key=opened.key_pem, chain=opened.chain_pem)


def _open(order: Order) -> CertifiedKey | CertificateFault:
    if not order.pkcs12:
        secret = None if order.password is None else order.password.encode()
        return pem_input.paste(order.parts, password=secret)
    imported = pkcs12.import_file(order.parts[0], order.password or "")
    return imported if isinstance(imported, CertificateFault) else imported.certified


if __name__ == "__main__":
    main()
