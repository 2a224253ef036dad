# SPDX-License-Identifier: Apache-2.0
"""What the gateway's journal says about each message of the demo."""

from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.journal import facts
from gatehouse.journal.json_lines import decode


@dataclass(slots=True)
class Story:
    """One message, from its connection to what became of each recipient."""

    mid: int = 0
    icid: int = 0
    tls_in: facts.TlsReceived | None = None
    tls_out: dict[int, facts.TlsDelivered] = field(default_factory=dict)  # by DCID
    recipients: dict[int, str] = field(default_factory=dict)
    outcomes: dict[str, tuple[str, int, str]] = field(default_factory=dict)  # what, DCID, why


class Journal:
    """Stories by Message-ID, read from an event log that may still grow."""

    def __init__(self, path: Path) -> None:
        self._tls_in: dict[int, facts.TlsReceived] = {}
        self._tls_out: dict[int, facts.TlsDelivered] = {}
        self._by_mid: dict[int, Story] = {}
        self._by_name: dict[str, Story] = {}
        try:
            lines = path.read_bytes().split(b"\n")[:-1]  # the last line may be half written
        except OSError:
            return
        for line in lines:
            self._take(decode(line))

    def story(self, message_id: str) -> Story:
        """What is known of a message; an empty story if nothing is."""
        return self._by_name.get(message_id) or Story()

    def _take(self, fact: facts.Fact) -> None:
        match fact:
            case facts.TlsReceived():
                self._tls_in[fact.icid] = fact
            case facts.TlsDelivered():
                self._tls_out[fact.dcid] = fact
            case facts.MessageStarted():
                tls_in = self._tls_in.get(fact.icid)
                self._by_mid[fact.mid] = Story(fact.mid, fact.icid, tls_in, self._tls_out)
            case facts.RecipientAccepted():
                self._by_mid[fact.mid].recipients[fact.rid] = fact.address
            case facts.MessageReady():
                self._by_name[fact.message_id] = self._by_mid[fact.mid]
            case _:
                self._outcome(fact)

    def _outcome(self, fact: facts.Fact) -> None:
        match fact:
            case facts.RecipientsDelivered():
                story = self._by_mid[fact.mid]
                for rid in fact.rids:
                    outcome = ("delivered", fact.dcid, fact.response)
                    story.outcomes[story.recipients[rid]] = outcome
            case facts.RecipientBounced():
                why = f"{fact.code} {' '.join(fact.lines)}"
                self._by_mid[fact.mid].outcomes[fact.recipient] = ("bounced", fact.dcid, why)
            case facts.RecipientDelayed():
                why = " ".join(fact.lines)
                self._by_mid[fact.mid].outcomes[fact.recipient] = ("deferred", fact.dcid, why)
            case _:
                pass
