# SPDX-License-Identifier: Apache-2.0
"""Where we go past pyOpenSSL to the C library: what it does not say, and the path of a message.

It does not say packed error numbers, the list of groups and whether a session was resumed. And its
four calls for data cost twice what the C calls do, mostly for exceptions that mean "nothing yet".
Everything else goes through its documented interface. The C library is reached through
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

# Plaintext of one record is at most 2^14 (RFC 8446 §5.1), and SSL_read gives one record at a time.
PLAIN_PIECE = 16 * 1024
# One record at its largest, RFC 8446 §5.2 (2^14 + 256) and header 5. OpenSSL's memory buffers grow
# with what they are fed and never shrink, so they are fed and emptied in such pieces.
RECORD_PIECE = PLAIN_PIECE + 261

# Not the zeroing allocator, and never one shared buffer: C calls let other threads run.
_allocate = _ffi.new_allocator(should_clear_after_alloc=False)


class Records:
    """The data path of one connection over its two memory buffers."""

    __slots__ = ("_connection", "_from_ssl", "_into_ssl", "_ssl")

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection  # owns what the three handles point to
        self._ssl = connection._ssl
        self._into_ssl = connection._into_ssl
        self._from_ssl = connection._from_ssl

    def put(self, data: bytes | memoryview) -> None:
        """Give OpenSSL bytes from the wire, at most RECORD_PIECE of them."""
        if _lib.BIO_write(self._into_ssl, _ffi.from_buffer(data), len(data)) != len(data):
            raise MemoryError("OpenSSL's memory buffer did not take the data")

    def take(self, into: list[bytes]) -> None:
        """Collect all bytes for the wire."""
        buffer = _allocate("char[]", RECORD_PIECE)
        while True:
            size = _lib.BIO_read(self._from_ssl, buffer, RECORD_PIECE)
            if size > 0:
                into.append(_ffi.buffer(buffer, size)[:])
            if size < RECORD_PIECE:
                return

    def encrypt(self, data: bytes | memoryview) -> None:
        """Make records of the plaintext, at most PLAIN_PIECE of it; raises SSL.Error."""
        size = _lib.SSL_write(self._ssl, _ffi.from_buffer(data), len(data))
        if size != len(data):
            self._connection._raise_ssl_error(self._ssl, size)
            raise SSL.Error([])  # a memory buffer takes all or nothing

    def decrypt(self, into: list[bytes]) -> bool:
        """Collect plaintext; False when close_notify came; raises SSL.Error."""
        buffer = _allocate("char[]", PLAIN_PIECE)
        while True:
            size = _lib.SSL_read(self._ssl, buffer, PLAIN_PIECE)
            if size > 0:
                into.append(_ffi.buffer(buffer, size)[:])
                continue
            error = _lib.SSL_get_error(self._ssl, size)
            if error == _WANT_READ:
                return True
            if error == _ZERO_RETURN:
                return False
            self._connection._raise_ssl_error(self._ssl, size)
            raise SSL.Error([])


_WANT_READ = _lib.SSL_ERROR_WANT_READ
_ZERO_RETURN = _lib.SSL_ERROR_ZERO_RETURN


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


def cipher_suite(connection: SSL.Connection, code: bytes) -> tuple[str, str, int] | None:
    """Name, protocol and bits of a suite by its octets on the wire; None: it encrypts nothing."""
    found = _lib.SSL_CIPHER_find(connection._ssl, code)
    if found == _ffi.NULL:
        return None
    bits = int(_lib.SSL_CIPHER_get_bits(found, _ffi.NULL))
    if not bits:
        return (
            None  # a signal among the suites (TLS_EMPTY_RENEGOTIATION_INFO_SCSV), or no encryption
        )
    name, version = _lib.SSL_CIPHER_get_name(found), _lib.SSL_CIPHER_get_version(found)
    return _text(name), _text(version), bits


def _text(pointer: object) -> str:
    return _ffi.string(pointer).decode("ascii", "replace") if pointer else ""
