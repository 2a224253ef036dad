# SPDX-License-Identifier: Apache-2.0
"""The client side of TLS for one configuration: the context, and sessions that may be resumed.

A saved session is found again only for the same host, address, port and level: what one policy
proved is never used under another (RFC 8446 §8, hostile-input principle 17). A new configuration
makes a new one of these, and so empties it.
"""

from collections import OrderedDict

from gatehouse.policy.outbound_tls import OutboundTlsLevel
from gatehouse.service.deliver.link import Link
from gatehouse.tls.contexts import ClientTlsSettings
from gatehouse.tls.engine import ClientContext, SavedSession

# A session is a few kilobytes with its ticket; the least recently used go.
MAX_SESSIONS = 2_000

Key = tuple[str, str, int, OutboundTlsLevel]


class ClientTls:
    """Opens TLS towards destinations."""

    def __init__(self, settings: ClientTlsSettings) -> None:
        self.context = ClientContext(settings)
        self._sessions: OrderedDict[Key, SavedSession] = OrderedDict()

    def resume(self, name: str, ip: str, port: int, level: OutboundTlsLevel) -> SavedSession | None:
        """A session to resume; TLS 1.3 tickets are for one use (RFC 8446 §C.4)."""
        return self._sessions.pop((name, ip, port, level), None)

    def keep(self, key: Key, link: Link) -> None:
        """Remember the session of a connection that ends."""
        saved = link.saved_session()
        if saved is not None:
            self._sessions[key] = saved
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
