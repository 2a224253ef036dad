# SPDX-License-Identifier: Apache-2.0
"""Could the sender be answered? What DNS says about the domain of an envelope sender.

Mail goes to the MX hosts, and without any to the domain's own address (RFC 5321 §5.1); a null MX
says that the domain takes no mail (RFC 7505). No answer is no verdict.
"""

from gatehouse.policy.inbound_values import SenderDomain
from gatehouse.service.base.resolver import Answer, Found, NoData, Resolver, Temporary


async def sender_domain(resolver: Resolver, domain: str) -> SenderDomain:
    """Ask for MX, then for addresses."""
    answer: Answer = await resolver.mx(domain)
    if isinstance(answer, Found):
        null = all(host == "" for _, host in answer.records)
        return SenderDomain.NULL_MX if null else SenderDomain.EXISTS
    if isinstance(answer, NoData):
        answer = await resolver.addresses(domain)
    if isinstance(answer, Found):
        return SenderDomain.EXISTS
    return SenderDomain.UNKNOWN if isinstance(answer, Temporary) else SenderDomain.MISSING
