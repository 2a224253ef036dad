# SPDX-License-Identifier: Apache-2.0
"""Look-up times of the access tables: matching a client and a recipient, in tables of four sizes.

Run: python -m bench.access. Prints median and p99 of single look-ups in microseconds, with the
clock's own time in them, and fails when a median of the sizes that count is 50 microseconds or
more: 10,000 entries of the host access table, 100,000 recipients.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

from gatehouse.mail.address import Address
from gatehouse.policy.access import HostAccessTable, NameState, SenderGroup
from gatehouse.policy.mail_flow import MailFlowPolicy
from gatehouse.policy.recipients import RecipientAccessTable, RecipientEntry

SIZES = (100, 1_000, 10_000, 100_000)
HAT_SIZE, RAT_SIZE = 10_000, 100_000  # the sizes for which the limit counts
LOOKUPS = 20_000
LIMIT = 50.0  # microseconds, median
SEED = 5321
GROUPS = 100
POLICY = MailFlowPolicy(name="ACCEPTED")


def host_access_table(size: int, dice: random.Random) -> HostAccessTable:
    """Members of all forms that can match: single addresses, CIDR, ranges, IPv6, hosts, lists."""
    members: list[str] = []
    while len(members) < size:
        n = len(members)
        a, b, c = dice.randrange(1, 224), dice.randrange(256), dice.randrange(256)
        members += [
            f"{a}.{b}.{c}.{n % 256}",
            f"{a}.{b}.{c}.0/{dice.randrange(18, 30)}",
            f"{a}.{b}.{c}.10-{dice.randrange(11, 200)}",
            f"2001:db8:{b:x}:{c:x}::/64",
            f"mx{n}.partner{n % 97}.example",
            f".domain{n}.example",
        ]
    members = [*members[: size - 3], "nx.domain", "serv.fail", "dnslist[bl.example.net]"]
    groups = [
        SenderGroup(name=f"G{start}", members=tuple(members[start::GROUPS]), policy=POLICY)
        for start in range(GROUPS)
    ]
    return HostAccessTable([*groups, SenderGroup(name=None, members=("ALL",), policy=POLICY)])


def recipient_access_table(size: int) -> RecipientAccessTable:
    """Mailboxes, domains, what is below domains, users anywhere."""
    forms = ("u{0}@d{1}.example", "d{0}.example", ".s{0}.example", "user{0}@")
    return RecipientAccessTable(
        RecipientEntry(recipient=forms[n % 4].format(n, n % 499), accept=n % 3 > 0)
        for n in range(size)
    )


def recipients(size: int, dice: random.Random) -> list[Address]:
    """Half of them stand in the table, half nowhere."""
    found = []
    for n in range(LOOKUPS):
        number = dice.randrange(size) // 4 * 4
        domain = f"d{number % 499}.example" if n % 2 else f"a.b.nowhere{number}.example"
        found.append(Address(f"u{number}@{domain}", f"u{number}", domain, False))
    return found


def measure(lookup: Callable[[int], object]) -> tuple[float, float]:
    """Median and p99 of single look-ups, in microseconds."""
    clock = time.perf_counter_ns
    took = []
    for number in range(LOOKUPS):
        begin = clock()
        lookup(number)
        took.append(clock() - begin)
    took.sort()
    return statistics.median(took) / 1000, took[int(len(took) * 0.99)] / 1000


def hat_rows(size: int, dice: random.Random) -> dict[str, tuple[float, float]]:
    """What a receiver asks of the host access table, in the order in which it asks."""
    hat = host_access_table(size, dice)
    ips = [".".join(str(dice.randrange(1, 256)) for _ in range(4)) for _ in range(LOOKUPS)]
    v6 = [f"2001:db8:{dice.randrange(256):x}:{dice.randrange(256):x}::1" for _ in range(LOOKUPS)]
    hosts = [f"a.b.domain{dice.randrange(size)}.example" for _ in range(LOOKUPS)]
    listed = frozenset({"bl.example.net"})
    return {
        "address": measure(lambda n: hat.match(ips[n])),
        "IPv6 address": measure(lambda n: hat.match(v6[n])),
        "address and confirmed name": measure(
            lambda n: hat.match(ips[n], hosts[n], state=NameState.VERIFIED)
        ),
        "address, name and DNS list": measure(
            lambda n: hat.match(ips[n], hosts[n], state=NameState.VERIFIED, listed=listed)
        ),
        "which DNS lists to ask": measure(lambda n: hat.needs_lists(ips[n])),
    }


def rat_rows(size: int, dice: random.Random) -> dict[str, tuple[float, float]]:
    """What a receiver asks for each RCPT."""
    rat, boxes = recipient_access_table(size), recipients(size, dice)
    return {"recipient": measure(lambda n: rat.decide(boxes[n]))}


def show(
    title: str, rows: Callable[[int, random.Random], dict[str, tuple[float, float]]], counts: int
) -> bool:
    """A table with a row for each question and a column for each size; is it quick enough?"""
    found = [rows(size, random.Random(SEED)) for size in SIZES]
    print(f"| {title} | {' | '.join(f'{size:,}' for size in SIZES)} |")
    print("|---" * (len(SIZES) + 1) + "|")
    for name in found[0]:
        cells = [f"{one[name][0]:.1f} / {one[name][1]:.1f}" for one in found]
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    return all(median < LIMIT for median, _ in found[SIZES.index(counts)].values())


def main() -> int:
    """Print both tables: median / p99 in microseconds."""
    quick = [
        show("client, entries of the table:", hat_rows, HAT_SIZE),
        show("recipient, entries of the table:", rat_rows, RAT_SIZE),
    ]
    return 0 if all(quick) else 1


if __name__ == "__main__":
    sys.exit(main())
