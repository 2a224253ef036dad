# SPDX-License-Identifier: Apache-2.0
"""Upper bounds on what a client can make the server engine hold or do.

Rule: every number a peer can push on is bounded here, and each bound names its source. "Octets"
of a command line always include its CRLF, as RFC 5321 §4.5.3.1 counts them.
"""

COMMAND_LINE = 512
"""RFC 5321 §4.5.3.1.4: a command line, CRLF included."""

_SIZE_PARAMETER = 26  # RFC 1870 §3 (4): MAIL grows by " SIZE=" and 20 digits
_BODY_PARAMETER = 17  # RFC 6152 §2 (6): " BODY=8BITMIME" and some room
_SMTPUTF8_PARAMETER = 10  # RFC 6531 §3.1: " SMTPUTF8" and one more
_RET_PARAMETER = len(" RET=HDRS")  # RFC 3461 §4.3
ENVID = 100
"""RFC 3461 §4.4: an envelope identifier as written, in xtext."""
_ENVID_PARAMETER = len(" ENVID=") + ENVID
_AUTH_PARAMETER = 500  # RFC 4954 §3 (5): MAIL grows by the AUTH= parameter
_NOTIFY_PARAMETER = len(" NOTIFY=SUCCESS,FAILURE,DELAY")  # RFC 3461 §4.1
ORCPT = 500
"""RFC 3461 §4.2: an original recipient as written, type and xtext together."""
_ORCPT_PARAMETER = len(" ORCPT=") + ORCPT

MAIL_LINE = (
    COMMAND_LINE
    + _SIZE_PARAMETER
    + _BODY_PARAMETER
    + _SMTPUTF8_PARAMETER
    + _RET_PARAMETER
    + _ENVID_PARAMETER
    + _AUTH_PARAMETER
)
"""MAIL with every parameter that we announce, each at its longest."""

RCPT_LINE = COMMAND_LINE + _NOTIFY_PARAMETER + _ORCPT_PARAMETER
"""RCPT with every parameter that we announce, each at its longest."""

AUTH_LINE = 12288
"""RFC 4954 §4.3: an AUTH command or response line."""

UNTERMINATED_LINE = max(MAIL_LINE, RCPT_LINE)
"""Octets without CRLF that we keep while waiting for one; beyond, the line is only skipped."""

SKIPPED_LINE = 16 * 1024 * 1024
"""Octets of one overlong line that we skip before we hang up. Ours: the overlong lines that are
accidents (a body sent as a command) are smaller; what is larger is no accident."""

HELLO_NAME = 255
"""RFC 5321 §4.5.3.1.2: a domain name."""

MESSAGE_SIZE_DIGITS = 20
"""RFC 1870 §5: SIZE=1*20DIGIT; the same for chunk sizes."""

CHUNK_SIZE = 2**63 - 1
"""Largest chunk that we would count through (ours; RFC 3030 §2 names no bound)."""

MAX_RECIPIENTS = 1000
"""Default per message. RFC 5321 §4.5.3.1.8 asks for at least 100; 1000 is Postfix's default."""

MAX_ERRORS = 20
"""Default number of faulty commands before we hang up: Postfix's smtpd_hard_error_limit."""

MAX_JUNK_COMMANDS = 100
"""Default number of commands without use between messages: Postfix's smtpd_junk_command_limit."""

FOLLOW_ON_REFUSALS = 1000
"""Refused commands that are no errors of the client, since it had sent them before it could know
that an earlier one was refused (RFC 2920 §3.1). As many as there may be recipients in a message."""

LOGGED_TEXT = 200
"""Characters of a refused command that go into an event (ours: enough to recognise it)."""
