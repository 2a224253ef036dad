# SPDX-License-Identifier: Apache-2.0
"""What the replies of one SMTP transaction mean for each recipient.

Every recipient gets exactly one fate: what the server answered for it, or, when the connection
ended before it answered, "unknown", which is a failure that keeps the mail (RFC 5321 §4.5.4.1).
"""

from gatehouse.mail.reply import Reply
from gatehouse.policy import bounce
from gatehouse.service.deliver.settle import Failed, Fate, Taken
from gatehouse.smtp import client_events as events
from gatehouse.store.values import QueuedRecipient


class Transaction:
    """What the replies of one transaction mean for each recipient."""

    def __init__(self, waiting: list[QueuedRecipient], host: str, *, relayed: bool) -> None:
        self._waiting = waiting
        self._host = host
        self._relayed = relayed
        self.heard = False  # the server answered something, so the connection was alive
        self.fates: dict[int, Fate] = {}

    def take(self, event: events.Event) -> bool:
        """Use one event; True when the transaction is over."""
        match event:
            case events.RecipientResult(index, reply):
                if not reply.positive:
                    self._set(index, refused(reply, bounce.Stage.RECIPIENT, self._host))
                return False
            case events.MessageResult(reply, accepted, final):
                for index in accepted:
                    self._set(index, self._result(reply))
                return final
            case events.SenderRefused(reply):
                self._rest(refused(reply, bounce.Stage.SENDER, self._host))
            case events.DataRefused(reply, accepted):
                for index in accepted:
                    self._set(index, refused(reply, bounce.Stage.MESSAGE, self._host))
            case _:
                self._over(event)
        return True

    def _over(self, event: events.Event) -> None:
        """The connection ended the transaction: whoever has no answer yet is still ours."""
        match event:
            case events.NoRecipients():
                pass
            case events.ServerClosing(reply):
                self._rest(refused(reply, bounce.Stage.CONNECT, self._host))
            case events.Broken(what, in_doubt):
                self._rest(lost(what, broken=True, in_doubt=in_doubt))
            case events.Lost(in_doubt):
                self._rest(lost("EOF", in_doubt=in_doubt))
            case _:
                self._rest(lost(f"unexpected {type(event).__name__}", broken=True))

    def _result(self, reply: Reply) -> Fate:
        if reply.positive:
            return Taken(reply=reply.text, host=self._host, relayed=self._relayed)
        return refused(reply, bounce.Stage.MESSAGE, self._host)

    def _set(self, index: int, fate: Fate) -> None:
        self.fates.setdefault(self._waiting[index].rid, fate)

    def _rest(self, fate: Fate) -> None:
        for recipient in self._waiting:
            self.fates.setdefault(recipient.rid, fate)

    def lose(self, what: str, *, in_doubt: bool = False) -> None:
        """The connection broke: whoever has no answer is unknown, and unknown is still ours."""
        self._rest(lost(what, in_doubt=in_doubt))


def shared(waiting: list[QueuedRecipient], fate: Fate) -> dict[int, Fate]:
    """One fate for all."""
    return {r.rid: fate for r in waiting}


def reply_lines(reply: Reply) -> tuple[str, ...]:
    """The lines of a reply as the log writes them, with the enhanced code."""
    if reply.enhanced is None:
        return reply.lines
    return tuple(f"{reply.enhanced} {line}" for line in reply.lines)


def refused(reply: Reply, stage: bounce.Stage, host: str) -> Failed:
    """A server said no to a step."""
    named = bounce.classify_reply(reply.code, stage)
    return Failed(
        enhanced=named.enhanced,
        text=named.text,
        code=str(reply.code),
        lines=reply_lines(reply),
        host=host,
        status=_own_status(reply, named.enhanced),
    )


def lost(what: str, *, broken: bool = False, in_doubt: bool = False) -> Failed:
    """No answer: unknown, and unknown is still ours."""
    trouble = bounce.Trouble.BROKEN_DIALOGUE if broken else bounce.Trouble.NETWORK
    named = bounce.classify_trouble(trouble)
    return Failed(
        enhanced=named.enhanced, text=named.text, code="000", lines=(what,), in_doubt=in_doubt
    )


def _own_status(reply: Reply, ours: str) -> str:
    """The enhanced code of a reply, if it says the same class as its first digit."""
    enhanced = reply.enhanced or ""
    return enhanced if enhanced[:1] == ours[:1] else ""
