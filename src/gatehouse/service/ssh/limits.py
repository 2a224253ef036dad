# SPDX-License-Identifier: Apache-2.0
"""What a client of the SSH server can make us hold or do, and what is spoken with it.

Every number and every list of algorithms of the server stands here, with its source.
"""

LOGIN_SECONDS = 60.0
"""From the connection to the login, and from the login to the first session; OpenSSH's
LoginGraceTime is 120 s, but nobody types for two minutes."""

MAX_TRIES = 6  # failures of one connection; OpenSSH's MaxAuthTries
MAX_STRANGERS = 30  # connections that have not logged in; OpenSSH's MaxStartups begins at 10
MAX_STRANGERS_EACH = 10  # of them, from one address or IPv6 network: others still get in
STRANGER_OCTETS = 64 * 1024
"""What a connection may say before its login (ours). Two key exchanges and six tries with the
longest keys take 40 KiB; each packet costs 20 us, and many small ones hold up everybody's session.
"""

MAX_UNUSED = 20  # connections of one account without a session; ours: a script that comes often
ACCOUNT_SECONDS = 2.0  # how often it is looked at whose account has changed; ours

WINDOW = 64 * 1024
"""Octets that a client may send ahead (RFC 4254 §5.2); a paste of a long list, not a file."""

MAX_PACKET = 32_768  # RFC 4253 §6.1: what every implementation must be able to take
MAX_AHEAD = 256 * 1024  # octets of output that wait to be sent; ours
KEEPALIVE_SECONDS = 30.0  # a client that has vanished is noticed after three of them
KEEPALIVES = 3
SWEEP_SECONDS = 1.0  # how often it is looked at who does nothing

SERVER_VERSION = "Gatehouse"  # and no number: what is told to everybody helps attackers only

# With forward secrecy, no SHA-1, no CBC, encryption before authentication (RFC 9142 §4). No finite
# field groups (RFC 8268): there each try of a stranger costs the loop 20 to 110 ms, and whoever
# speaks SHA-2 signatures has curves too.
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",  # safe from quantum computers too
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
)
CIPHERS = (
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")

SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""By clients' keys (RFC 8332 for RSA: without SHA-1). No certificates: nobody issues any here."""
