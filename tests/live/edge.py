# SPDX-License-Identifier: Apache-2.0
"""What a client meets at the listener that the guide to TLS makes, whichever way it was made."""

import smtplib
import ssl

from cryptography import x509

from tests.patience import PATIENCE

PORT = 2526


def assert_tls_is_demanded(address: str, *, subject: str) -> None:
    """530 in clear; served over TLS, with a certificate of this subject."""
    with smtplib.SMTP(address, PORT, timeout=PATIENCE) as client:
        client.ehlo("client.example")
        code, said = client.mail("a@client.example")
        assert (code, b"STARTTLS" in said) == (530, True)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        assert client.starttls(context=trusting)[0] == 220
        assert isinstance(client.sock, ssl.SSLSocket)
        shown = x509.load_der_x509_certificate(client.sock.getpeercert(True) or b"")
        assert shown.subject.rfc4514_string() == subject
        assert client.sendmail("a@client.example", ["b@example.com"], b"Subject: x\r\n\r\nx") == {}
