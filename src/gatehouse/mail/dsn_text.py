# SPDX-License-Identifier: Apache-2.0
"""The words of a report: what happened, where, why, and what its reader can do about it.

The rule: written for a sender who knows nothing of mail servers. Each recipient gets the same four
lines; when TLS was the reason that is said plainly, and that nothing went out in clear. Status code
meanings are those of RFC 3463.
"""

import enum


class Action(enum.Enum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"  # given up
    DELAYED = "delayed"  # still being tried
    DELIVERED = "delivered"  # in the recipient's mailbox, or at a server that answers for it
    RELAYED = "relayed"  # passed on to a server that sends no reports
    EXPANDED = "expanded"  # delivered to a list or an alias


SUBJECTS = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed; delivery is still being tried",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was passed on",
    Action.EXPANDED: "Your message was delivered to a list",
}

OPENINGS = {
    Action.FAILED: (
        "Your message could not be delivered to the recipients below. It will not be tried again."
    ),
    Action.DELAYED: (
        "Your message has not been delivered to the recipients below yet. It is still being tried;"
        "\r\nyou need not send it again."
    ),
    Action.DELIVERED: "Your message was delivered to the recipients below.",
    Action.RELAYED: (
        "Your message was passed on for the recipients below to a mail server that sends no"
        "\r\nreports. You will hear no more of it from here."
    ),
    Action.EXPANDED: (
        "Your message was delivered to the mailing lists or aliases below, which send it on."
    ),
}

TLS_ADVICE = (
    "The message was not sent unprotected. Tell the recipient's postmaster what stands under Why;"
    " their server's TLS has to be put right, or the two sides have to agree on another way."
)

# RFC 3463 §3: subject and detail, or the subject alone with "*".
_ADVICE = {
    "1.1": "Check the spelling of the address in front of the @.",
    "1.2": "Check the spelling of the domain behind the @.",
    "1.3": "Check the form of the address.",
    "1.8": "Your own address was not accepted. Ask your postmaster.",
    "1.10": "The domain says that it takes no mail. Use another address.",
    "2.1": "The mailbox is disabled. Reach the recipient in another way.",
    "2.2": "The mailbox is full. Try again later, or reach the recipient in another way.",
    "2.3": "The message is too large for this recipient. Send a smaller one.",
    "3.4": "The message is too large for the recipient's server. Send a smaller one.",
    "4.4": "The way to the domain is not known. Check its spelling, or tell its postmaster.",
    "4.6": "The message went round in a loop. Tell your postmaster.",
    "4.7": "Their server could not be used for too long. Try again later.",
    "6.3": "The recipient's server cannot take this kind of content. Send plain attachments.",
    "6.7": "The recipient's server cannot take international addresses. Use an address in ASCII.",
    "7.1": "The recipient's server does not let you send there. Ask its postmaster.",
    "7.10": TLS_ADVICE,
    "7.30": TLS_ADVICE,
    "1.*": "Check the address.",
    "2.*": "Something is wrong with the recipient's mailbox. Reach them in another way.",
    "3.*": "The recipient's mail system has a fault. Try again later, or tell its postmaster.",
    "4.*": "The recipient's mail server could not be reached. Try again later.",
    "5.*": "The recipient's server did not understand ours. Tell your postmaster.",
    "6.*": "The recipient's server did not take the content. Send it in another form.",
    "7.*": "A security rule stood against it. Ask your postmaster or the recipient's.",
}


def advice(action: Action, status: str, *, tls: bool) -> str:
    """What the reader can do; "" when nothing is to be done."""
    if action is Action.DELAYED:
        return TLS_ADVICE if tls else "Nothing now; you will be told if it fails for good."
    if action is not Action.FAILED:
        return ""
    if tls:
        return TLS_ADVICE
    _, _, detail = status.partition(".")
    subject = detail.partition(".")[0]
    fallback = "Ask your postmaster, and quote this report."
    return _ADVICE.get(detail) or _ADVICE.get(f"{subject}.*") or fallback
