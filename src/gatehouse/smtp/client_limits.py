# SPDX-License-Identifier: Apache-2.0
"""How long the client waits and how much it reads: every number of the client side, with its
source.

A server is as much a stranger as a client is (it may be hostile, or sit behind somebody who is), so
whatever it can send is counted and capped before it is kept.
"""

# Waiting, in seconds. RFC 5321 §4.5.3.2 gives minimum values "per command"; we take them as they
# are, since a longer wait only holds a slot of the destination and a shorter one makes duplicates.
GREETING_TIMEOUT = 300.0  # §4.5.3.2.1, initial 220 message: 5 minutes
HELLO_TIMEOUT = 300.0  # EHLO is not named by the RFC; it gets what a MAIL gets, 5 minutes
STARTTLS_TIMEOUT = 300.0  # RFC 3207 names none; the same 5 minutes
# Nobody names one; a handshake is two round trips, and the driver may be stricter.
HANDSHAKE_TIMEOUT = 60.0
AUTH_TIMEOUT = 300.0  # RFC 4954 names none; the same 5 minutes
MAIL_TIMEOUT = 300.0  # §4.5.3.2.2, 5 minutes
RCPT_TIMEOUT = 300.0  # §4.5.3.2.3, 5 minutes
DATA_TIMEOUT = 120.0  # §4.5.3.2.4, DATA initiation: 2 minutes
DATA_BLOCK_TIMEOUT = 180.0  # §4.5.3.2.5, each block while the body flows: 3 minutes
# §4.5.3.2.6, DATA termination: 10 minutes, for the server may deliver before it answers.
END_OF_DATA_TIMEOUT = 600.0
RESET_TIMEOUT = 20.0  # not in the RFC; RSET has nothing to wait for, as Postfix's smtp_rset_timeout
QUIT_TIMEOUT = 10.0  # not in the RFC; nothing is lost when the 221 never comes
# §4.5.3.2.7: a server waits at least 5 minutes for the next command, so longer is pointless
IDLE_TIMEOUT = 300.0

# Reading replies.
# RFC 5321 §4.5.3.1.5 says 512; large providers exceed it with links; Postfix reads 2048.
MAX_REPLY_LINE = 2048
# EHLO lists of real servers stay below 30; a reply that explains itself below 10.
MAX_REPLY_LINES = 128
MAX_REPLY_OCTETS = 65_536  # a whole reply; far above any that was meant for a reader

# Reading the EHLO list.
MAX_SIZE_DIGITS = 20  # RFC 1870 §4, size-value = 1*20DIGIT
MAX_LIMIT_DIGITS = 6  # RFC 9422 §4, the values of RCPTMAX and MAILMAX have 1 to 6 digits
MAX_AUTH_MECHANISMS = 32  # the SASL registry has fewer in use; a list of sixty odd names is a probe
MAX_MECHANISM_NAME = 20  # RFC 4422 §3.1, sasl-mech = 1*20mech-char

# Writing.
# One pipelined group; fits the smallest usual send buffer (RFC 2920 §3.1: no deadlock).
MAX_GROUP_OCTETS = 16_384
MAX_ORCPT = 500  # RFC 3461 §4.2, the parameter including its name is at most 500 characters
