# SPDX-License-Identifier: Apache-2.0
"""What is read out of a DNS answer, as plain values.

Rule: a record is a stranger's data. A name that no host can have is left out, text is bounded, and
what a server says about its own failure (RFC 8914) is told in words of ours.
"""

import re

import dns.resolver

# Extended errors (RFC 8914 §4) that say: somebody answered, and the answer cannot be believed.
BOGUS = {
    5: "DNSSEC indeterminate",
    6: "DNSSEC bogus",
    7: "signature expired",
    8: "signature not yet valid",
    9: "DNSKEY missing",
    10: "RRSIGs missing",
    11: "no zone key bit set",
    12: "NSEC missing",
}
# Octets of one TXT record that are read; what we read of TXT has some hundred.
MAX_TXT = 4096
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?")


def canonical(reply: dns.resolver.Answer) -> str:
    """The name behind aliases; empty where there were none, or where it can be no host."""
    if reply.canonical_name == reply.qname:
        return ""
    name = reply.canonical_name.to_text(omit_final_dot=True).lower()
    return name if _is_host(name) else ""


def why_bogus(error: dns.resolver.NoNameservers) -> str:
    """What the servers told of a failed validation, in words of ours; empty: nothing."""
    for *_, response in error.kwargs["errors"]:
        for told in () if response is None else response.extended_errors():
            if told.code in BOGUS:
                return BOGUS[told.code]
    return ""


def read(item: object, rdtype: str) -> tuple[int, str] | None:
    """One record as a pair; None for one whose name no host can have (it is data, not a host)."""
    if rdtype == "MX":
        host = item.exchange.to_text(omit_final_dot=True).lower()  # type: ignore[attr-defined]
        host = "" if host in (".", "@") else host
        good = host == "" or _is_host(host)
        return (item.preference, host) if good else None  # type: ignore[attr-defined]
    if rdtype == "TXT":
        joined = b"".join(item.strings)  # type: ignore[attr-defined]
        return (0, joined[:MAX_TXT].decode("utf-8", "replace"))
    if rdtype == "TLSA":
        head = bytes((item.usage, item.selector, item.mtype))  # type: ignore[attr-defined]
        return (0, (head + item.cert).hex())  # type: ignore[attr-defined]
    if rdtype == "SOA":
        return (0, item.mname.to_text())  # type: ignore[attr-defined]
    if rdtype in ("PTR", "CNAME"):
        host = item.target.to_text(omit_final_dot=True).lower()  # type: ignore[attr-defined]
        return (0, host) if _is_host(host) else None
    return (4 if rdtype == "A" else 6, item.address)  # type: ignore[attr-defined]


def _is_host(name: str) -> bool:
    return _HOST_NAME.fullmatch(name) is not None and ".." not in name
