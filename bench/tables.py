# SPDX-License-Identifier: Apache-2.0
"""Look-up times of the access tables: 10,000 host access members and 100,000 recipients.

Run: PYTHONPATH=src python bench/tables.py. Prints medians and p99 in microseconds, and fails
when a median is 50 microseconds or more.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

from gatehouse.mail.address import Address
from gatehouse.policy.access import HostAccessTable, SenderGroup
from gatehouse.policy.mail_flow import MailFlowPolicy
from gatehouse.policy.recipients import RecipientAccessTable, RecipientEntry

MEMBERS = 10_000
RECIPIENTS = 100_000
LOOKUPS = 5_000
LIMIT = 50.0  # microseconds, median
SEED = 5321


def host_access_table(dice: random.Random) -> HostAccessTable:
    """Members of all forms in 100 groups."""
    policy = MailFlowPolicy(name="ACCEPTED")
    members: list[str] = []
    for number in range(MEMBERS // 4):
        a, b, c = dice.randrange(1, 224), dice.randrange(256), dice.randrange(256)
        members += [
            f"{a}.{b}.{c}.{number % 256}",
            f"{a}.{b}.{c}.0/{dice.randrange(18, 30)}",
            f"mx{number}.partner{number % 97}.example",
            f".domain{number}.example",
        ]
    groups = [
        SenderGroup(name=f"G{start}", members=tuple(members[start::100]), policy=policy)
        for start in range(100)
    ]
    return HostAccessTable([*groups, SenderGroup(name=None, members=("ALL",), policy=policy)])


def recipient_access_table() -> RecipientAccessTable:
    """Mailboxes, users, domains and what is below domains."""
    forms = ("u{0}@d{1}.example", "d{0}.example", ".s{0}.example", "user{0}@")
    return RecipientAccessTable(
        RecipientEntry(recipient=forms[n % 4].format(n, n % 499), accept=n % 3 > 0)
        for n in range(RECIPIENTS)
    )


def measure(lookup: Callable[[int], object]) -> tuple[float, float]:
    """Median and p99 of single look-ups, in microseconds."""
    took = []
    for number in range(LOOKUPS):
        begin = time.perf_counter_ns()
        lookup(number)
        took.append((time.perf_counter_ns() - begin) / 1000)
    took.sort()
    return statistics.median(took), took[int(len(took) * 0.99)]


def main() -> int:
    """Build both tables and print a line for each kind of look-up."""
    dice = random.Random(SEED)
    hat, rat = host_access_table(dice), recipient_access_table()
    ips = [".".join(str(dice.randrange(1, 256)) for _ in range(4)) for _ in range(LOOKUPS)]
    boxes = [
        Address(f"u{n * 7}@d{n % 499}.example", f"u{n * 7}", f"d{n % 499}.example", False)
        for n in range(LOOKUPS)
    ]
    rows = {
        "HAT, address only": lambda n: hat.match(ips[n]),
        "HAT, address and host": lambda n: hat.match(ips[n], f"a.b.domain{n}.example"),
        "HAT, no match": lambda n: hat.match("2001:db8::1", "nobody.at.all.invalid"),
        "RAT": lambda n: rat.decide(boxes[n]),
    }
    slow = False
    for name, lookup in rows.items():
        median, high = measure(lookup)
        slow = slow or median >= LIMIT
        print(f"{name:24} median {median:6.2f} us   p99 {high:7.2f} us")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
