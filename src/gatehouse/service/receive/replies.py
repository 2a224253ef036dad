# SPDX-License-Identifier: Apache-2.0
"""What a receiver says to a client when it is not the protocol engine that speaks.

Generic on purpose: what is wrong inside is the operator's business and stands in the journal.
RFC 5321 §4.2.3 (codes), RFC 3463 (enhanced codes).
"""

from gatehouse.mail.reply import Reply

TOO_MANY = Reply(421, "4.3.2", ("Too many connections, try again later",))
BUSY = Reply(452, "4.3.1", ("Insufficient system storage, try again later",))
NO_ROOM = Reply(421, "4.3.1", ("Insufficient system storage, try again later",))
NOT_NOW = Reply(451, "4.3.0", ("Temporary system problem, try again later",))
LOOP = Reply(554, "5.4.6", ("Too many hops, this message is looping",))
NO_TLS = Reply(454, "4.7.0", ("TLS not available due to temporary reason",))
STOPPING = Reply(421, "4.3.2", ("Service shutting down, try again later",))
IDLE = Reply(421, "4.4.2", ("Timeout waiting for a command",))
ENOUGH = Reply(421, "4.7.0", ("Too many messages on this connection, please reconnect",))
# RFC 4954 §6.
AUTH_REQUIRED = Reply(530, "5.7.0", ("Authentication required",))
AUTH_FAILED = Reply(535, "5.7.8", ("Authentication credentials invalid",))
AUTH_LATER = Reply(454, "4.7.0", ("Temporary authentication failure, try again later",))
AUTH_MALFORMED = Reply(501, "5.5.2", ("Authentication data is not as the mechanism says",))
AUTH_ENOUGH = Reply(421, "4.7.0", ("Too many failed logins",))
NOT_YOUR_ADDRESS = Reply(553, "5.7.1", ("Sender address is not allowed for this user",))
