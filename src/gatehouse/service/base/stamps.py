# SPDX-License-Identifier: Apache-2.0
"""The date of header fields, made once per second."""

from gatehouse.mail.dates import header_date


class HeaderDate:
    """Remembers the text of the latest second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def text(self, at: float) -> bytes:
        """The date of a unix time (RFC 5322 §3.3)."""
        second = int(at)
        if second != self._second:
            self._second = second
            self._text = header_date(at).encode("ascii")
        return self._text
