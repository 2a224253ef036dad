# SPDX-License-Identifier: Apache-2.0
"""What each alarm is about, and what its reader can do: one table, by the alarm's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Advice:
    """In the words of an alert mail."""

    what: str
    to_do: str


_UNKNOWN = Advice("", "See the event log at this time: `gatehouse log tail --events`.")

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "required-tls-failed": Advice(
            "Mail waits, since its destination must be reached over TLS and was not.",
            "`gatehouse explain outbound DOMAIN --live` shows each host and why. The mail goes by"
            " itself when the destination is repaired; nothing of it was sent in clear.",
        ),
        "smart-host-login-failed": Advice(
            "Mail waits, since the relay does not let us in.",
            "Set the password anew with `gatehouse smart-host password NAME`, or look at"
            " user name and `password_over` of the relay.",
        ),
        "certificate-expiry": Advice(
            "A certificate ends.",
            "Have it renewed: `gatehouse certificate csr NAME`, or `gatehouse certificate acme`."
            " `gatehouse certificate show NAME` says who uses it.",
        ),
        "certificate-renewal": Advice(
            "A certificate was not renewed; the one in force stays.",
            "`gatehouse certificate renew NAME` tries at once and says what the authority answers.",
        ),
        "crl-source": Advice(
            "A revocation list cannot be used.",
            "`gatehouse crl list` shows all sources, `gatehouse crl update` fetches them now.",
        ),
        "dane-not-effective": Advice(
            "DANE is configured and proves nothing.",
            "Name a validating resolver on this machine in `delivery.dns_servers`.",
        ),
        "configuration-restored": Advice(
            "A committed configuration does not run any more.",
            "`gatehouse config history` and `gatehouse config diff` show what was taken back.",
        ),
        "directory-harvest": Advice(
            "A client asks for many recipients that do not exist.",
            "It is held back by `dhap_limit` of its mail flow policy. To refuse it altogether:"
            " `gatehouse group add-member LISTENER BLACKLIST ADDRESS`.",
        ),
        "resources-low": Advice(
            "Something that the gateway needs runs out; new mail is put off until there is more.",
            "Make room on the file system of the data directory, or look who fills it.",
        ),
        "process-died": Advice(
            "A process of the gateway ended although nobody had asked for it.",
            "Nothing that was accepted is lost. If it goes on: `gatehouse log tail --events` has"
            " what was before it, and the journal of the machine what that says (memory, signals).",
        ),
        "dns-failed": Advice(
            "The gateway gets no answer from DNS.",
            "Look at the resolver, or name another one in `delivery.dns_servers`. The mail goes by"
            " itself when DNS answers.",
        ),
        "alert-mail-lost": Advice(
            "An alert could not be delivered.",
            "`gatehouse alert test ADDRESS` shows what the way of alert mail says.",
        ),
        "test": Advice("Somebody tries whether alerts arrive.", "Nothing: it arrived."),
    }
)


def advice(name: str) -> Advice:
    """What to say about an alarm."""
    return ADVICE.get(name, _UNKNOWN)
