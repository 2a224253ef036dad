# SPDX-License-Identifier: Apache-2.0
"""One message on its way through MAIL, RCPT and DATA: what is still to be said and who was
accepted.

The engine counts replies and moves states; this keeps the sum. RFC 2920 §3.1: MAIL, RCPT and DATA
may form one group, DATA only as its last command. A group is bounded, and the next one waits for
the answers to the last, so that the replies we have not read can never fill the way back while we
block on the way out.
"""

from gatehouse.mail.reply import Reply
from gatehouse.smtp import client_limits
from gatehouse.smtp.client_commands import DATA, NOBODY, Command
from gatehouse.smtp.client_events import DataRefused, NoRecipients, SenderRefused
from gatehouse.smtp.stuffing import Stuffer


class Transaction:
    """The state of one transaction; owned by the engine."""

    __slots__ = ("_commands", "_lmtp", "_next", "accepted", "sender_refusal", "stuffer")

    def __init__(self, commands: list[Command], *, lmtp: bool) -> None:
        self.accepted: list[int] = []
        self.sender_refusal: Reply | None = None
        self.stuffer = Stuffer()
        self._commands = commands
        self._next = 0
        self._lmtp = lmtp

    @property
    def wanted(self) -> bool:
        """Whether somebody is to get the message."""
        return bool(self.accepted) and self.sender_refusal is None

    @property
    def hopeless(self) -> bool:
        """Whether the rest need not be said: the sender was refused, or only DATA is left, for
        nobody, or nothing is left at all since nobody was named.
        """
        if self.sender_refusal is not None or self._next == len(self._commands):
            return True
        return not self.accepted and self._commands[self._next] is DATA

    def next_group(self, *, pipelining: bool) -> list[Command]:
        """The commands to send together: one, or as many as the bound of a group allows."""
        first = self._next
        if not pipelining:
            self._next = first + 1
            return self._commands[first : first + 1]
        octets = 0
        for line, _, _ in self._commands[first:]:
            octets += len(line)
            if octets > client_limits.MAX_GROUP_OCTETS and self._next > first:
                break
            self._next += 1
        return self._commands[first : self._next]

    def answers_due(self) -> tuple[int, ...]:
        """Whom the replies to the end of data will be about: LMTP has one for each accepted
        recipient.
        """
        return tuple(self.accepted) if self._lmtp else (NOBODY,)

    def failure(self, data_reply: Reply | None) -> SenderRefused | NoRecipients | DataRefused:
        """Why the message was not sent; the first refusal counts, since the later ones follow
        from it.
        """
        if self.sender_refusal is not None:
            return SenderRefused(self.sender_refusal)
        if not self.accepted or data_reply is None:
            return NoRecipients()
        return DataRefused(data_reply, tuple(self.accepted))
