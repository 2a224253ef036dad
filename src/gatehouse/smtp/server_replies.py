# SPDX-License-Identifier: Apache-2.0
"""Every reply of which the server engine itself is the author.

Rule: what the peer hears from the engine stands here once, with its enhanced code (RFC 3463); the
words in `TLS_*` are fixed by RFC 3207 §4 and the appliance that we follow. Nothing a peer said is
echoed. Replies of success are kept as wire bytes, since every message needs them.
"""

from gatehouse.mail.reply import Reply
from gatehouse.smtp.server_states import Need

SENDER_OK = b"250 2.1.0 sender ok\r\n"
RECIPIENT_OK = b"250 2.1.5 recipient ok\r\n"
GO_AHEAD = b"354 go ahead\r\n"
MESSAGE_OK = b"250 2.0.0 message accepted\r\n"
RESET_OK = b"250 2.0.0 reset\r\n"
NOOP_OK = b"250 2.0.0 ok\r\n"
HELP_TEXT = b"214 2.0.0 See RFC 5321\r\n"
CANNOT_VERIFY = b"252 2.0.0 Cannot verify, but will take mail and try to deliver it\r\n"
BYE = b"221 2.0.0 closing connection\r\n"
TLS_READY = b"220 2.0.0 Ready to start TLS\r\n"
AUTH_OK = b"235 2.7.0 Authentication successful\r\n"

UNKNOWN_COMMAND = Reply(500, "5.5.2", ("Command unrecognized",))
NOT_IMPLEMENTED = Reply(502, "5.5.1", ("Command not implemented",))
LINE_TOO_LONG = Reply(500, "5.5.2", ("Line too long",))
BAD_LINE = Reply(500, "5.5.2", ("Bare CR, bare LF or NUL in command",))
BAD_SYNTAX = Reply(501, "5.5.2", ("Syntax error",))
NO_PARAMETERS_ALLOWED = Reply(501, "5.5.4", ("Syntax error (no parameters allowed)",))
BAD_HELLO = Reply(501, "5.5.4", ("Syntax error, a host name is needed",))
BAD_VERIFY = Reply(501, "5.5.4", ("Syntax error, an address is needed",))
TOO_LARGE = Reply(552, "5.3.4", ("Message too large",))
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", ("Too many recipients",))

BAD_CONTENT = Reply(550, "5.5.2", ("Bare CR, bare LF or NUL in message",))
BAD_CHUNK = Reply(501, "5.5.4", ("Syntax error in chunk size",))

TLS_FIRST = Reply(530, "5.7.0", ("Must issue a STARTTLS command first",))
TLS_ACTIVE = Reply(503, "5.5.1", ("TLS already active",))

AUTH_NEEDS_TLS = Reply(538, "5.7.11", ("Encryption required for authentication",))
AUTH_TWICE = Reply(503, "5.5.1", ("Already authenticated",))
AUTH_UNKNOWN = Reply(504, "5.5.4", ("Unrecognized authentication mechanism",))
AUTH_CANCELLED = Reply(501, "5.7.0", ("Authentication cancelled",))
AUTH_BAD_BASE64 = Reply(501, "5.5.2", ("Cannot decode authentication data",))
AUTH_SYNTAX = Reply(501, "5.5.4", ("Syntax error, a mechanism is needed",))

BAD_XCLIENT = Reply(501, "5.5.4", ("Syntax error in XCLIENT attributes",))

EARLY_TALKER = Reply(554, "5.5.1", ("Client spoke before the greeting",))
DATA_BEHIND_STARTTLS = Reply(554, "5.5.1", ("Data behind STARTTLS",))
NO_MAIL_CLIENT = Reply(521, "5.5.1", ("This is an SMTP server",))
TOO_MANY_ERRORS = Reply(421, "4.7.0", ("Too many errors",))
TOO_MUCH_JUNK = Reply(421, "4.7.0", ("Too many commands without a message",))

OUT_OF_PLACE = {
    Need.SERVICE: Reply(503, "5.5.1", ("No service here, please QUIT",)),
    Need.HELLO: Reply(503, "5.5.1", ("Send EHLO or HELO first",)),
    Need.SENDER: Reply(503, "5.5.1", ("Need MAIL command first",)),
    Need.RECIPIENT: Reply(554, "5.5.1", ("No valid recipients",)),
    Need.NO_TRANSACTION: Reply(503, "5.5.1", ("Not within a mail transaction",)),
    Need.NO_CHUNKS: Reply(503, "5.5.1", ("Not after BDAT",)),
    Need.NEW_CHUNKS: Reply(503, "5.5.1", ("A chunk was refused, send RSET",)),
}


def bdat_ok(octets: int) -> bytes:
    """A chunk that is not the last one has come (RFC 3030 §2)."""
    return b"250 2.0.0 %d octets received\r\n" % octets
