# SPDX-License-Identifier: Apache-2.0
"""What pyOpenSSL does not say in public: packed error numbers, the list of groups, resumption.

Everything else goes through pyOpenSSL's documented interface. The C library is reached through
`cryptography`'s binding, as pyOpenSSL itself does; `tests/unit/tls/test_binding.py` goes red when a
new release moves something.
"""

import functools

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

_ffi = Binding.ffi
_lib = Binding.lib

LIBRARY_SSL = 20  # ERR_LIB_SSL, include/openssl/err.h
# Libraries whose errors reach a TLS session: rsa 4, evp 6, pem 9, x509 11, asn1 13, ec 16, ssl 20,
# internal crypto 15, provider 57 (include/openssl/err.h).
_LIBRARIES = (LIBRARY_SSL, 4, 6, 9, 11, 13, 15, 16, 57)
_HIGHEST_REASON = 1200  # SSL_R_* ends at 1120 with the alerts (1000 + alert number)


@functools.cache
def error_numbers() -> dict[tuple[str, str], int]:
    """Packed number of (library text, reason text), asked from the library that we run on.

    pyOpenSSL reports an error as texts only; the mail log needs the number (OpenSSL 3: library in
    the bits from 23 up, reason below).
    """
    SSL.Context(SSL.TLS_METHOD)  # the SSL library loads its texts with its first context
    numbers: dict[tuple[str, str], int] = {}
    for library in _LIBRARIES:
        name = _text(_lib.ERR_lib_error_string(library << 23))
        for reason in range(1, _HIGHEST_REASON):
            number = library << 23 | reason
            text = _text(_lib.ERR_reason_error_string(number))
            if text:
                numbers.setdefault((name, text), number)
    return numbers


def forget_errors() -> None:
    """Empty the thread's error queue: a leftover would be taken for the next session's failure."""
    _lib.ERR_clear_error()


def session_reused(connection: SSL.Connection) -> bool:
    """Whether this handshake continued an earlier session instead of doing a full one."""
    return bool(_lib.SSL_session_reused(connection._ssl))


def set_groups(context: SSL.Context, groups: str) -> bool:
    """Offer exactly these key exchange groups (OpenSSL's list syntax); False if one is unknown."""
    handle = context._context
    accepted: int = _lib.SSL_CTX_set1_curves_list(handle, groups.encode("ascii"))
    _lib.ERR_clear_error()
    return accepted == 1


def _text(pointer: object) -> str:
    return _ffi.string(pointer).decode("ascii", "replace") if pointer else ""
